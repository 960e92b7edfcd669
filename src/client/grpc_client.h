/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_GRPC_CLIENT_H
#define CLIENT_GRPC_CLIENT_H
/*
 * A small gRPC client on an event loop, for xtcp2client and xtcp2ctl: one
 * connection, any number of calls. Single thread.
 */
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "grpc/grpc_proto.h"
#include "grpc_target.h"

struct grpc_client;

/* One call. The caller owns the struct, sets the first part, and keeps it until done(). */
struct grpc_client_call {
	const char *path;    /* "/package.Service/Method" */
	int64_t timeout_ns;  /* 0 for none; the server is told and ends the call */
	const char *trailer; /* name of a trailer field to keep, or NULL */
	void *data;
	/* One response message, borrowed until it returns. */
	void (*message)(struct grpc_client_call *call, struct str message);
	/* The call has ended: code and text are set. Called exactly once after a start that gave 0. */
	void (*done)(struct grpc_client_call *call);

	enum grpc_code code;
	char text[512];
	char trailer_value[64]; /* "" when it did not come */

	/* The client's own */
	struct grpc_client *client;
	struct grpc_client_call *next;
	int32_t id;
	bool status_seen, closing;
	struct buf in, out;
};

/* Most bytes of one response message: a bound against a server gone mad. */
#define GRPC_RESPONSE_MAX (16 << 20)

/* Connects (blocking, at most five seconds). NULL with one helpful sentence in error. */
struct grpc_client *grpc_client_new(struct loop *loop, const struct grpc_target *target, char *error,
				    size_t size);
/* What to call the other end in messages: "localhost port 8889", "/run/xtcp2/grpc.sock". */
const char *grpc_client_peer(const struct grpc_client *c);
/* Ends calls that still run with CANCELLED. NULL is fine. */
void grpc_client_free(struct grpc_client *c);
/* Called after each round of messages, so that output can be flushed; may be NULL. */
void grpc_client_on_idle(struct grpc_client *c, void (*idle)(void *data), void *data);

/* Sends the header fields. 0 or -errno. */
int grpc_client_start(struct grpc_client *c, struct grpc_client_call *call);
/* Queues a request; last: no more will come (message may be NULL then). 0 or -errno. */
int grpc_client_send(struct grpc_client_call *call, const ProtobufCMessage *message, bool last);

#endif
