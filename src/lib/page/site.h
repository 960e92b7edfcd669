/* SPDX-License-Identifier: MIT */
#ifndef PAGE_SITE_H
#define PAGE_SITE_H
/*
 * Refuses requests of foreign web pages. A page can make the browser of its reader send requests to addresses
 * that only this browser can reach. Headers that scripts cannot set reveal them:
 *
 *   Host    a page whose own name was made to resolve to this address (DNS rebinding) still uses that name. So
 *           only known names and IP addresses are accepted.
 *   Origin, Sec-Fetch-Site   name the origin of a page of another site.
 *
 * Programs other than browsers send neither of the last two. Pure.
 */
#include <stdbool.h>

struct site_headers {
	const char *host, *origin, *fetch_site; /* NULL when the request has none */
};

/* Return NULL for an accepted request, else the reason. allowed: further names, comma-separated. */
const char *site_refusal(const struct site_headers *headers, const char *allowed);

#endif
