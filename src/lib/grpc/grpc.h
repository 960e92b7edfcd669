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
#define GRPC_REQUEST_MORE    (1 << 20)	 /* beyond that, for those of administrators */
#define GRPC_ANSWERS_MAX \
	(1 << 20) /* bytes of answers that wait for one call (records have bounds of their own) */
#define GRPC_ANSWERS_ALL_MAX \
	(16 << 20) /* bytes of the answers of all calls; beyond it the oldest call is reset */

struct grpc;

/* What a method sees of one call. */
struct grpc_call {
	void *service;	    /* grpc_service.data */
	enum access access; /* what the peer may do: at least what the method needs */
	void *user;	    /* the method's own */
	/* Messages of grpc_send_chunk() that had to go, or that the method could not offer: told in the
	 * trailers. */
	uint64_t missed;
};

enum grpc_kind { GRPC_UNARY, GRPC_SERVER_STREAM, GRPC_BIDI };

struct grpc_method {
	const char *name;
	enum grpc_kind kind;
	enum access needs; /* ACCESS_NONE, a row that does not say, is taken as ACCESS_ADMIN */
	const ProtobufCMessageDescriptor *request;
	/* A request. Unary and server-streaming methods get exactly one. Borrowed until it returns. */
	void (*message)(struct grpc_call *call, const ProtobufCMessage *request);
	/* The client sends no more requests (bidi only). NULL ends the call with OK. */
	void (*half_close)(struct grpc_call *call);
	/* The call is gone, whatever the reason: last use of `call`. May be NULL. */
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
 * All borrowed; services ends with name NULL. access says who may call,
 * stream_bytes bounds the chunks that wait for one call, total_bytes those of all
 * calls. NULL with errno.
 */
struct grpc *grpc_new(struct loop *loop, const struct grpc_service *services,
		      const struct access_policy *access, size_t stream_bytes, size_t total_bytes);
/* The transport below, to listen on or to adopt sockets with. */
struct h2_server *grpc_transport(struct grpc *g);
const struct grpc_service *grpc_services(const struct grpc *g);
/* Ends all calls with UNAVAILABLE, drains for at most drain_ms (blocking), closes. NULL is fine. */
void grpc_free(struct grpc *g, int drain_ms);

/* Sends the initial header fields now rather than with the first message. */
void grpc_start(struct grpc_call *call);
/*
 * Queues one message. -ENOBUFS, with the call ended, when more than
 * GRPC_ANSWERS_MAX would wait; -EPIPE after grpc_finish(); -ENOMEM.
 */
int grpc_send(struct grpc_call *call, const ProtobufCMessage *message);
/*
 * Queues a reference to chunk. -ENOBUFS beyond stream_bytes, counted as missed,
 * and -EPIPE. Where total_bytes are short, the oldest chunks of all calls go.
 */
int grpc_send_chunk(struct grpc_call *call, struct grpc_chunk *chunk);
/* Ends the call once what is queued is sent; text may be NULL with OK. Later calls for it are ignored. */
void grpc_finish(struct grpc_call *call, enum grpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Whether the peer may ask for something costly again now; else the call ends with
 * RESOURCE_EXHAUSTED, counted. what: "polls", for the text.
 */
bool grpc_costly(struct grpc_call *call, const char *what);
/* grpc_send() and grpc_finish(OK). */
void grpc_reply(struct grpc_call *call, const ProtobufCMessage *message);

#endif
