/* SPDX-License-Identifier: MIT */
#ifndef RUN_WEB_H
#define RUN_WEB_H
/* The daemon's HTTP server with its page. */
#include <limits.h>

#include "base/listen.h"

/* The host name, and the one in -promListen. */
#define WEB_HOSTS_MAX (HOST_NAME_MAX + LISTEN_HOST_MAX + 2)

struct daemon;

struct web {
	struct http_server *http; /* NULL without -promListen, as page */
	struct page *page;
	char hostname[HOST_NAME_MAX + 1];
	char hosts[WEB_HOSTS_MAX]; /* names of this server */
};

/* Start the server, unless -promListen is empty. Return 0 or -errno, logged. */
int web_start(struct daemon *d);
/* The page takes no more records. Call this before the poll and gRPC end. */
void web_end(struct daemon *d);
void web_stop(struct daemon *d);
/* Call this after each poll cycle. */
void web_poll_done(struct daemon *d);

#endif
