/* SPDX-License-Identifier: MIT */
#ifndef GRPC_H2_H
#define GRPC_H2_H
/*
 * HTTP/2 server transport: with prior knowledge, over TCP and a UNIX socket, on
 * the main loop, nonblocking. It moves header fields and body bytes between
 * sockets and one owner (the gRPC layer) without interpreting them, and
 * identifies the peer of each connection. Main thread only.
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
#define H2_FILES_PART	    8	 /* connections take no more than this part of RLIMIT_NOFILE: an eighth */
#define H2_CONNECTIONS_MORE 16	 /* more for administrators on the UNIX socket: nobody locks them out */
#define H2_STREAMS_MAX	    100	 /* concurrent requests per connection, announced in SETTINGS */
#define H2_STREAMS_ALL_MAX \
	4096 /* concurrent requests in total (administrators: H2_STREAMS_MAX more), then REFUSED_STREAM */
#define H2_HEADERS_MAX	    16384 /* bytes of a request's header list, counted as RFC 9113 6.5.2 does */
#define H2_SILENCE_S	    60	  /* a connection silent this long gets a PING ... */
#define H2_PING_TIMEOUT_S   20	  /* ... and is closed when it stays silent this much longer */
#define H2_PREFACE_S	    20	  /* a connection without SETTINGS after this long is closed */
#define H2_RESPONSE_HEADERS 16	  /* most fields of a response's header or trailer list */

/* Limits per peer (a user on a UNIX socket, an address over TCP), shared by all its connections. */
#define H2_CONNECTIONS_PEER_PCT 75   /* per cent of H2_CONNECTIONS_MAX, or of the part of descriptors: 768 */
#define H2_CONNECTS_PER_S	50   /* new connections per second, after ... */
#define H2_CONNECTS_BURST	1000 /* ... a burst of this many; more are refused */
#define H2_COSTLY_PER_S		20   /* calls per second that need h2_stream_costly() */
#define H2_COSTLY_BURST		100
#define H2_CPU_PERCENT		5		  /* share of a processor to serve its input, after ... */
#define H2_CPU_BURST_NS		(500 * NS_PER_MS) /* ... a burst of this much; beyond it reading pauses */
/* Limits per connection; beyond them it is closed with ENHANCE_YOUR_CALM. */
#define H2_CONTROL_PER_S	200 /* PING, SETTINGS, RST_STREAM and other empty frames, after a burst */
#define H2_CONTROL_BURST	500
/* A PING is not counted if this much was sent since the last: clients estimate bandwidth with PINGs. */
#define H2_PING_BYTES		512
#define H2_HEADERS_GOAWAY	(4 * H2_HEADERS_MAX) /* bytes of a header list */

struct h2_server;
struct h2_stream;

struct h2_header {
	struct str name, value; /* names in lower case */
};

/* Callbacks for the events of a stream, in this order; `call` is the value that open() returned. */
struct h2_owner {
	/* A request begins. NULL refuses the stream. */
	void *(*open)(void *data, struct h2_stream *stream);
	void (*header)(void *call, struct str name, struct str value);
	/* All header fields were delivered; oversized: those beyond H2_HEADERS_MAX were omitted. */
	void (*request)(void *call, bool oversized);
	void (*body)(void *call, const uint8_t *data, size_t len);
	/* The peer sends no more. */
	void (*end)(void *call);
	/*
	 * Fill buf with body bytes. Return the number, or 0 if there are none now
	 * (the stream then sleeps until h2_stream_wake()). Set *eof with the last
	 * bytes to end the response; call h2_stream_trailers() before that.
	 */
	size_t (*produce)(void *call, uint8_t *buf, size_t size, bool *eof);
	/* The stream has ended, for any reason; neither side may use the other any more. */
	void (*closed)(void *call);
};

/* Create a server without sockets. All arguments are borrowed. Return NULL with errno on failure. */
struct h2_server *h2_server_new(struct loop *loop, const struct h2_owner *owner, void *data,
				const struct access_policy *access);
/* Listen on a numeric address: "127.0.0.1", "::1", "[::1]", "" for all; port 0 picks a free one. Return 0, or
 * -errno with a sentence in error. */
int h2_server_listen(struct h2_server *s, const char *address, uint16_t port, char *error, size_t size);
/* Accept on fd, a listening TCP or UNIX socket; take ownership of it, even on failure. Return 0, or -errno
 * with a sentence in error. */
int h2_server_listen_on(struct h2_server *s, int fd, char *error, size_t size);
struct tls_context;
/* Require TLS on TCP connections from now on. tls is borrowed. */
void h2_server_use_tls(struct h2_server *s, struct tls_context *tls);
/* Return the TCP port, 0 if there is none. */
uint16_t h2_server_port(const struct h2_server *s);
/* Listen as unix_socket_listen() does; h2_server_free() removes the name. */
int h2_server_listen_unix(struct h2_server *s, const char *path, mode_t mode,
			  const struct privilege_user *owner, char *error, size_t size);
/* Serve a connected TCP or UNIX stream socket. Take ownership of fd, even on failure. Return 0 or -errno. */
int h2_server_adopt(struct h2_server *s, int fd);
/*
 * Stop listening, send GOAWAY, send queued data for at most drain_ms (blocking),
 * close everything. NULL is fine.
 */
void h2_server_free(struct h2_server *s, int drain_ms);

/* Send the header list; with body, produce() supplies the body, else it ends there. Return 0 or -errno. */
int h2_stream_respond(struct h2_stream *stream, const struct h2_header *headers, size_t count, bool body);
/* Set the trailer list; only inside produce(), together with *eof. */
int h2_stream_trailers(struct h2_stream *stream, const struct h2_header *headers, size_t count);
/* Take one of the peer's tokens for costly calls; return false if none is left. */
bool h2_stream_costly(struct h2_stream *stream);
/* Resume calling produce(): there are bytes again. */
void h2_stream_wake(struct h2_stream *stream);
/* Reset the stream at once with ENHANCE_YOUR_CALM, dropping unsent data; closed() follows. */
void h2_stream_reset(struct h2_stream *stream);
/* Return the peer's name for logs: "127.0.0.1:4711" or "uid 1000 pid 4711". */
const char *h2_stream_peer(const struct h2_stream *stream);
/* Return the peer and its access. */
const struct access_peer *h2_stream_access(const struct h2_stream *stream);

#endif
