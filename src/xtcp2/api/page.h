/* SPDX-License-Identifier: MIT */
#ifndef API_PAGE_H
#define API_PAGE_H
/*
 * The live page of the HTTP server: /, its files below /page/, and /page/data, which the page asks for every two
 * seconds. Main thread only.
 *
 * /page/data tells everybody who reaches the server what /metrics and /readyz tell as well: the daemon's own state, and
 * the sums by namespace. Sockets are told to those on this host who may read records over the TCP port of gRPC. Requests of foreign web pages are refused (page/site.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "poll/poll.h"

struct MHD_Connection;
struct page;
struct tally;

struct page_state {
	const char *hostname, *source, *destination;
	bool ready;
	struct buf why; /* owned by who asked */
	uint64_t polls, lost;
	int64_t frequency_ns;
};

struct page_backend {
	void *data;
	const char *allow_host;	   /* names of this server, comma-separated; borrowed */
	const struct tally *tally; /* borrowed; NULL without sums */
	void (*state)(void *data, struct page_state *state);
	/*
	 * Return whether the peer may read records; else one sentence in why, and whether a token would help. authorization is
	 * the header, "" for none.
	 */
	bool (*may_read)(void *data, bool loopback, const char *authorization, char *why, size_t size,
			 bool *token);
	bool (*set_tap)(void *data, struct poll_tap *tap); /* as of recent_new() */
};

/* The backend is copied. NULL without memory. */
struct page *page_new(const struct page_backend *backend);
/* Detach from the poll; page_free() may then follow once no worker runs. NULL is fine. */
void page_end(struct page *p);
void page_free(struct page *p);

/* Call this after each poll cycle. NULL is fine. */
void page_poll_done(struct page *p, uint64_t polls);

/* Queue the answer to a GET or HEAD of one of the page's paths and return true; *result is for libmicrohttpd. */
bool page_answer(struct page *p, struct MHD_Connection *c, const char *url, int *result);

#endif
