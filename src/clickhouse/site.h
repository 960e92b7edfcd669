/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_SITE_H
#define CLICKHOUSE_SITE_H
/*
 * Whether a request may come from where it says. A web page that somebody looks at can make their browser send
 * requests to addresses that only the browser reaches. Two headers tell, which scripts cannot set:
 *
 *   Host    a page whose own name was pointed at this address (DNS rebinding) still calls it by that name. So a
 *           name must be one that is known; an IP address cannot be pointed anywhere and is fine.
 *   Origin, Sec-Fetch-Site   a page of another site is named by its own origin.
 *
 * Programs that are no browsers send neither of the last two. Pure.
 */
#include <stdbool.h>

struct site_headers {
	const char *host, *origin, *fetch_site; /* NULL when the request has none */
};

/* NULL when the request is fine, else what is wrong with it. allowed: further names, comma-separated. */
const char *site_refusal(const struct site_headers *headers, const char *allowed);

#endif
