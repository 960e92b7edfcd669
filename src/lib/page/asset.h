/* SPDX-License-Identifier: MIT */
#ifndef PAGE_ASSET_H
#define PAGE_ASSET_H
/*
 * Files of web pages that a program carries, and the headers that each of them is sent with. A page has its scripts and styles
 * in files of the same server, and nothing else: the Content-Security-Policy forbids inline scripts, inline
 * styles and every other host.
 */
#include <stddef.h>
#include <stdint.h>

struct page_asset {
	const char *path, *type; /* a table ends with path NULL */
	const uint8_t *bytes;
	const size_t *len;
};

struct page_header {
	const char *name, *value;
};

/* Below /page/: the style sheet and the scripts that all pages share, uPlot among them. */
extern const struct page_asset page_shared_assets[];
/* For each answer that a page asks for; ends with name NULL. */
extern const struct page_header page_headers[];

/* NULL for an unknown path. */
const struct page_asset *page_asset_find(const struct page_asset *table, const char *path);

#endif
