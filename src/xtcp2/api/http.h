/* SPDX-License-Identifier: MIT */
#ifndef API_HTTP_H
#define API_HTTP_H
/*
 * /metrics, /healthz and /readyz over HTTP, on libmicrohttpd in external-epoll
 * mode: its epoll descriptor is one watch of the main loop, no thread is added.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"

struct http_server;

/*
 * Asked on the main thread for each /healthz and /readyz: appends one line a
 * fact to why and returns whether all is well. data is http_options.data.
 */
typedef bool (*http_health_fn)(void *data, struct buf *why);

struct http_options {
	const char *listen;    /* "127.0.0.1:9088", ":9088" (all addresses), "[::1]:9088" */
	int listen_fd;	       /* listens there already, owned from here on; 0 or less to open one */
	const char *prom_path; /* "/metrics" */
	http_health_fn healthy, ready;
	void *data;
};

/* NULL with one sentence in error (size bytes) that names the address. */
struct http_server *http_start(struct loop *loop, const struct http_options *options, char *error,
			       size_t size);
void http_stop(struct http_server *server);
/* The port it listens on, for port 0. */
uint16_t http_port(const struct http_server *server);

/* GET /readyz of a running daemon: 0 ready, 1 not ready or not there (said on stderr). Blocks up to 5 s. */
int http_healthcheck(const char *listen);

#endif
