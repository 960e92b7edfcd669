/* SPDX-License-Identifier: MIT */
#ifndef API_HTTP_H
#define API_HTTP_H
/*
 * /metrics, /healthz, /readyz and the live page over HTTP, on libmicrohttpd in external-epoll
 * mode: its epoll descriptor is one watch of the main loop, no thread is added.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"

struct http_server;
struct page;
struct tally;

/*
 * Answer /healthz or /readyz, on the main thread: append one line per fact to why
 * and return whether all is well. data is http_options.data.
 */
typedef bool (*http_health_fn)(void *data, struct buf *why);

struct http_options {
	const char *listen;	   /* "127.0.0.1:9088", ":9088" (all addresses), "[::1]:9088" */
	int listen_fd;		   /* already listens there; the server takes it; 0 or less to open one */
	const char *prom_path;	   /* "/metrics" */
	const struct tally *tally; /* sums for the metrics; borrowed; NULL for none */
	http_health_fn healthy, ready;
	void *data;
	struct page *page; /* NULL for none; borrowed */
};

/* Start the server. Return NULL with one sentence in error (size bytes) that names the address on failure. */
struct http_server *http_start(struct loop *loop, const struct http_options *options, char *error,
			       size_t size);
void http_stop(struct http_server *server);
/* Return the port that the server listens on. */
uint16_t http_port(const struct http_server *server);

/* Get /readyz of a running daemon; blocks up to 5 s. Return 0 if ready, else 1 with a message on stderr. */
int http_healthcheck(const char *listen);

#endif
