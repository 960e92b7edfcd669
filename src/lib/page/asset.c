/* SPDX-License-Identifier: MIT */
#include "page/asset.h"

#include <string.h>

#include "page/page_css.h"
#include "page/page_icon.h"
#include "page/page_js.h"
#include "page/page_uplot_css.h"
#include "page/page_uplot_js.h"
#include "page/page_uplot_licence.h"

#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

const struct page_asset page_shared_assets[] = {
    {"/page/page.css", CSS, page_css, &page_css_len},
    {"/page/page.js", JS, page_js, &page_js_len},
    {"/page/icon.svg", "image/svg+xml", page_icon, &page_icon_len},
    {"/page/uplot.css", CSS, page_uplot_css, &page_uplot_css_len},
    {"/page/uplot.js", JS, page_uplot_js, &page_uplot_js_len},
    {"/page/uplot.LICENSE", TEXT, page_uplot_licence, &page_uplot_licence_len},
    {0},
};

const struct page_header page_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
    {0},
};

const struct page_asset *page_asset_find(const struct page_asset *table, const char *path)
{
	for (const struct page_asset *a = table; a->path; a++) {
		if (strcmp(a->path, path) == 0)
			return a;
	}
	return NULL;
}
