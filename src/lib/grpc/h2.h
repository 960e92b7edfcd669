/* SPDX-License-Identifier: MIT */
#ifndef GRPC_H2_H
#define GRPC_H2_H
/*
 * HTTP/2 server transport: with prior knowledge, over TCP and a UNIX socket, on
 * the main loop, nonblocking. It moves header fields and body bytes between
 * sockets and one owner (the gRPC layer) and knows nothing of what they mean. Of
 * each connection it knows who is at the other end. Main thread only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/privilege.h"
#include "base/str.h"
#include "grpc/access.h"

#define H2_CONNECTIONS_MAX  1024 /* beyond it a connection is closed at once and counted */
#define H2_CONNECTIONS_MORE 16	/* of administrators on the UNIX socket, beyond that: nobody locks them out */
#define H2_STREAMS_MAX	    100 /* concurrent requests of one connection, announced in SETTINGS */
#define H2_STREAMS_ALL_MAX \
	4096 /* concurrent requests of all connections; beyond it REFUSED_STREAM, for administrators H2_STREAMS_MAX later */
#define H2_HEADERS_MAX	    16384 /* bytes of a request's header list, counted as RFC 9113 6.5.2 does */
#define H2_SILENCE_S	    60	  /* a connection silent this long is asked with a PING ... */
#define H2_PING_TIMEOUT_S   20	  /* ... and closed when nothing comes back for this long */
#define H2_PREFACE_S	    20	  /* a connection that has not sent its SETTINGS by then is closed */
#define H2_RESPONSE_HEADERS 16	  /* most fields of a response's header or trailer list */

/* Of one peer (a user on a UNIX socket, an address over TCP), whose connections share it. */
#define H2_CONNECTIONS_PEER_MAX 768
#define H2_CONNECTS_PER_S	50   /* connections, this many a second after the first ... */
#define H2_CONNECTS_BURST	1000 /* ... these; more are refused */
#define H2_COSTLY_PER_S		20   /* calls that h2_stream_costly() is asked about */
#define H2_COSTLY_BURST		100
#define H2_CPU_PERCENT		5		  /* of a processor for what it sends, after ... */
#define H2_CPU_BURST_NS		(500 * NS_PER_MS) /* ... this much; it is not read until that is made good */
/* Of one connection; beyond them it is closed with ENHANCE_YOUR_CALM. */
#define H2_CONTROL_PER_S	200 /* PING, SETTINGS, RST_STREAM and others that carry nothing, after ... */
#define H2_CONTROL_BURST	500
/* A PING is not counted where this much was sent since the last: clients measure the path by them. */
#define H2_PING_BYTES		512
#define H2_HEADERS_GOAWAY	(4 * H2_HEADERS_MAX) /* bytes of a header list */

struct h2_server;
struct h2_stream;

struct h2_header {
	struct str name, value; /* names in lower case */
};

/* The owner's side of a stream; `call` is what open() returned. A stream's events come in this order. */
struct h2_owner {
	/* A request begins. NULL refuses the stream. */
	void *(*open)(void *data, struct h2_stream *stream);
	void (*header)(void *call, struct str name, struct str value);
	/* All header fields were delivered; oversized: some were left out, beyond H2_HEADERS_MAX. */
	void (*request)(void *call, bool oversized);
	void (*body)(void *call, const uint8_t *data, size_t len);
	/* The peer sends no more. */
	void (*end)(void *call);
	/*
	 * Fills buf with body bytes: how many, or 0 when there are none now (the
	 * stream then sleeps until h2_stream_wake()). *eof with the last bytes
	 * ends the response; h2_stream_trailers() may be called before.
	 */
	size_t (*produce)(void *call, uint8_t *buf, size_t size, bool *eof);
	/* The stream is gone, for whatever reason; neither side may use the other any more. */
	void (*closed)(void *call);
};

/* All borrowed; access says who a peer is. No socket yet. NULL with errno. */
struct h2_server *h2_server_new(struct loop *loop, const struct h2_owner *owner, void *data,
				const struct access_policy *access);
/* address: numeric, "127.0.0.1", "::1", "[::1]", "" for all.
 * port 0 takes any. 0, or -errno with a sentence in error. */
int h2_server_listen(struct h2_server *s, const char *address, uint16_t port, char *error, size_t size);
/* The same over a TCP or UNIX socket that listens; owns it from here on, even when it fails. */
int h2_server_listen_on(struct h2_server *s, int fd, char *error, size_t size);
struct tls_context;
/* From now on, TCP connections must begin with TLS. Borrowed. */
void h2_server_use_tls(struct h2_server *s, struct tls_context *tls);
/* The TCP port, 0 without. */
uint16_t h2_server_port(const struct h2_server *s);
/* As unix_socket_listen(), which also takes the name away in the end. */
int h2_server_listen_unix(struct h2_server *s, const char *path, mode_t mode,
			  const struct privilege_user *owner, char *error, size_t size);
/* Serves a connected stream socket, TCP or UNIX; owns fd from here on, even when it fails. 0 or -errno. */
int h2_server_adopt(struct h2_server *s, int fd);
/*
 * Stops listening, sends GOAWAY, lets what is queued drain for at most
 * drain_ms (it blocks that long), closes everything. NULL is fine.
 */
void h2_server_free(struct h2_server *s, int drain_ms);

/* Sends the header list; with body, produce() is asked for bytes,
 * else the response ends with it. 0 or -errno. */
int h2_stream_respond(struct h2_stream *stream, const struct h2_header *headers, size_t count, bool body);
/* The trailer list; only from inside produce(), together with *eof. */
int h2_stream_trailers(struct h2_stream *stream, const struct h2_header *headers, size_t count);
/* Takes one of the peer's tokens for calls that cost much; false when there is none. */
bool h2_stream_costly(struct h2_stream *stream);
/* There are bytes to produce (again). */
void h2_stream_wake(struct h2_stream *stream);
/* Ends the stream at once with ENHANCE_YOUR_CALM, whatever was still to be sent; closed() follows. */
void h2_stream_reset(struct h2_stream *stream);
/* "127.0.0.1:4711" or "uid 1000 pid 4711", for logs. */
const char *h2_stream_peer(const struct h2_stream *stream);
/* Who that is. */
const struct access_peer *h2_stream_access(const struct h2_stream *stream);

#endif
