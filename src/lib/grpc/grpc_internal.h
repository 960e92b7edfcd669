/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_INTERNAL_H
#define GRPC_GRPC_INTERNAL_H
/* Shared by grpc.c (requests and calls), grpc_response.c (responses) and grpc_queue.c (queues). */
#include <sys/queue.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "grpc/grpc.h"

#define PATH_MAX_LEN	  256 /* longest ":path" kept; all paths served are shorter */
#define AUTHORIZATION_MAX 600 /* longest "authorization" kept; all valid tokens are shorter */

struct call {
	struct grpc_call pub;
	LIST_ENTRY(call) link;
	struct grpc *grpc;
	struct h2_stream *stream;
	const struct grpc_method *method;
	/* the request */
	char path[PATH_MAX_LEN];
	char authorization[AUTHORIZATION_MAX]; /* empty if absent */
	bool post, content_type_ok, timeout_bad;
	bool gzip, unknown_encoding; /* of the requests, as grpc-encoding says */
	bool takes_gzip;	     /* the client reads answers in gzip */
	int64_t deadline_ns;	     /* on the monotonic clock; 0 for none */
	struct buf in;		     /* the message being received, with its prefix */
	uint32_t requests;	     /* whole messages received */
	bool half_closed;
	/* the response */
	struct grpc_chunk **queue; /* queue[head..count) are pending; head_sent bytes of the first are sent */
	size_t head, count, cap, head_sent, queued;
	bool plain; /* a plain HTTP answer: no trailers */
	bool started, finished;
	enum grpc_code code;
	struct buf text; /* percent-encoded */
};

/* The chunks in the queues of all calls, each once (theory of operation in grpc_queue.c). */
struct grpc_budget {
	TAILQ_HEAD(, grpc_chunk) chunks; /* the oldest first */
	size_t bytes, bytes_max, peak;
};

struct grpc {
	struct h2_server *h2;
	struct loop *loop;
	const struct grpc_service *services;
	const struct access_policy *access;
	size_t stream_bytes, in_bytes, call_count;
	struct loop_watch deadline;
	int64_t deadline_ns; /* expiry of the timer, or 0 */
	LIST_HEAD(, call) calls;
	struct log_limit denied_log;
	struct grpc_budget records, answers;
};

#define call_of(pub_) ((struct call *)(void *)(pub_)) /* pub is the first member */

/* Answer a request that is not gRPC: an HTTP status and a line of text. */
void grpc_respond_plain(struct call *c, const char *status, const char *line);
/* Implement h2_owner.produce for a call. */
size_t grpc_produce(void *call, uint8_t *buf, size_t size, bool *eof);
/* Count messages that the client will not get and report them in the trailers. */
void grpc_missed(struct call *c, uint64_t messages);

/* Queue chunk; take the caller's reference even on failure. Return 0, or -ENOBUFS if there is no room. */
int grpc_queue_push(struct call *c, struct grpc_chunk *chunk);
/* Move up to size bytes from the queue to buf; return the number moved. */
size_t grpc_queue_pull(struct call *c, uint8_t *buf, size_t size);
/* Drop all queued chunks. */
void grpc_queue_free(struct call *c);

#endif
