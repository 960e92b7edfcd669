/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_H
#define GRPC_GRPC_H
/*
 * gRPC on top of h2.h: framing, deadlines, status and trailers, and the
 * dispatch of calls over tables of methods. Main thread only.
 */
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "grpc/access.h"
#include "grpc/grpc_chunk.h"
#include "grpc/grpc_proto.h"
#include "grpc/h2.h"

#define GRPC_REQUEST_MAX     (256 << 10) /* bytes of one request message; beyond it RESOURCE_EXHAUSTED */
#define GRPC_REQUEST_ALL_MAX (16 << 20)	 /* bytes of all requests being received */
#define GRPC_REQUEST_MORE    (1 << 20)	 /* more bytes for requests of administrators */
#define GRPC_ANSWERS_MAX     (1 << 20) /* bytes of answers queued per call (records have their own bounds) */
#define GRPC_ANSWERS_ALL_MAX \
	(16 << 20) /* bytes of answers queued for all calls; beyond it the oldest call is reset */

struct grpc;

/* The part of a call that its method sees. */
struct grpc_call {
	void *service;	    /* grpc_service.data */
	enum access access; /* the peer's access, at least what the method needs */
	void *user;	    /* owned by the method */
	/* Messages that grpc_send_chunk() dropped or that the method could not offer; reported in the
	 * trailers. */
	uint64_t missed;
};

enum grpc_kind { GRPC_UNARY, GRPC_SERVER_STREAM, GRPC_BIDI };

struct grpc_method {
	const char *name;
	enum grpc_kind kind;
	enum access needs; /* ACCESS_NONE, the default, is treated as ACCESS_ADMIN */
	const ProtobufCMessageDescriptor *request;
	/* Handle a request. Unary and server-streaming methods get exactly one. Borrowed until it returns. */
	void (*message)(struct grpc_call *call, const ProtobufCMessage *request);
	/* The client sends no more requests (bidi only). NULL ends the call with OK. */
	void (*half_close)(struct grpc_call *call);
	/* The call has ended, for any reason: last use of `call`. May be NULL. */
	void (*closed)(struct grpc_call *call);
	/* Name of a trailer field that carries `missed`; NULL for methods without chunks. */
	const char *missed_trailer;
};

struct grpc_service {
	const char *name;		   /* "xtcp_config.v1.ConfigService" */
	const struct grpc_method *methods; /* ends with name NULL */
	void *data;
};

/*
 * Create the server. All arguments are borrowed; services ends with name NULL.
 * stream_bytes bounds the chunks queued per call, total_bytes those of all calls.
 * Return NULL with errno on failure.
 */
struct grpc *grpc_new(struct loop *loop, const struct grpc_service *services,
		      const struct access_policy *access, size_t stream_bytes, size_t total_bytes);
/* Return the transport, which listens and adopts sockets. */
struct h2_server *grpc_transport(struct grpc *g);
/* End all calls with UNAVAILABLE, drain for at most drain_ms (blocking), close. NULL is fine. */
void grpc_free(struct grpc *g, int drain_ms);

/* Send the initial header fields now rather than with the first message. */
void grpc_start(struct grpc_call *call);
/*
 * Queue one message. Return 0; -ENOBUFS, with the call ended, if more than
 * GRPC_ANSWERS_MAX would be queued; -EPIPE after grpc_finish(); -ENOMEM.
 */
int grpc_send(struct grpc_call *call, const ProtobufCMessage *message);
/*
 * Queue a reference to chunk. Return -ENOBUFS beyond stream_bytes, counted as
 * missed, or -EPIPE. Beyond total_bytes, the oldest chunks of all calls are dropped.
 */
int grpc_send_chunk(struct grpc_call *call, struct grpc_chunk *chunk);
/* End the call once its queue is sent; text may be NULL with OK. Later functions on the call do nothing. */
void grpc_finish(struct grpc_call *call, enum grpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Return whether the peer may request a costly operation now; if not, end the call
 * with RESOURCE_EXHAUSTED, counted. what: "polls", for the text.
 */
bool grpc_costly(struct grpc_call *call, const char *what);
/* Call grpc_send() and grpc_finish(OK). */
void grpc_reply(struct grpc_call *call, const ProtobufCMessage *message);

#endif
