/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_CLIENT_H
#define GRPC_GRPC_CLIENT_H
/*
 * A small gRPC client on an event loop: one connection, any number of calls.
 * Single thread.
 */
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "grpc/connection.h"
#include "grpc/grpc_proto.h"

struct grpc_client;

/* One call. The caller owns the struct, sets the first part, and keeps it until done(). */
struct grpc_client_call {
	const char *path;    /* "/package.Service/Method" */
	int64_t timeout_ns;  /* 0 for none; sent to the server, which ends the call */
	const char *trailer; /* name of a trailer field to keep, or NULL */
	void *data;
	/* One response message, borrowed until it returns. */
	void (*message)(struct grpc_client_call *call, struct str message);
	/* The call has ended: code and text are set. Called exactly once if grpc_call_start() returned 0. */
	void (*done)(struct grpc_client_call *call);

	enum grpc_code code;
	char text[512];
	char trailer_value[64]; /* "" if the server sent none */

	/* Private to the client: */
	struct grpc_client *client;
	struct grpc_client_call *next;
	int32_t id;
	bool status_seen, closing;
	struct buf in, out;
};

/* Most bytes of one response message: a bound against a faulty server. */
#define GRPC_RESPONSE_MAX (16 << 20)

/* Take over a connected peer, which is disconnected at the end. NULL with errno; it is then disconnected, too. */
struct grpc_client *grpc_client_new(struct loop *loop, struct grpc_connection *connection);
/* Return the name of the peer for messages: "localhost port 8889", "/run/xtcp2/grpc.sock". */
const char *grpc_client_peer(const struct grpc_client *c);
/* Return whether the connection has ended; no further call can begin. */
bool grpc_client_lost(const struct grpc_client *c);
/* Return its socket, borrowed. */
int grpc_client_fd(const struct grpc_client *c);
/* Free the client; running calls end with CANCELLED. NULL is fine. */
void grpc_client_free(struct grpc_client *c);
/* Set a function to call after each batch of messages, so that output can be flushed; may be NULL. */
void grpc_client_on_idle(struct grpc_client *c, void (*idle)(void *data), void *data);

/* Begin a call: send the header fields. 0 or -errno. */
int grpc_client_start(struct grpc_client *c, struct grpc_client_call *call);
/* Queue a request; `last` ends the requests of the call (message may be NULL then). 0 or -errno. */
int grpc_client_send(struct grpc_client_call *call, const ProtobufCMessage *message, bool last);
/* End a running call from this side, with code and text. The connection stays. */
void grpc_client_cancel(struct grpc_client_call *call, enum grpc_code code, const char *text);

#endif
