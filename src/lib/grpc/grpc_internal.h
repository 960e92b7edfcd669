/* SPDX-License-Identifier: MIT */
#ifndef GRPC_GRPC_INTERNAL_H
#define GRPC_GRPC_INTERNAL_H
/* What grpc.c (requests, the life of a call), grpc_response.c (what goes back) and grpc_queue.c (where it
 * waits) share. */
#include <sys/queue.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "grpc/grpc.h"

#define PATH_MAX_LEN	  256 /* longest ":path" kept; ours are shorter */
#define AUTHORIZATION_MAX 600 /* longest "authorization" kept; a longer one is no token of ours */

struct call {
	struct grpc_call pub;
	LIST_ENTRY(call) link;
	struct grpc *grpc;
	struct h2_stream *stream;
	const struct grpc_method *method;
	/* the request */
	char path[PATH_MAX_LEN];
	char authorization[AUTHORIZATION_MAX]; /* empty when there was none */
	bool post, content_type_ok, timeout_bad, encoded;
	int64_t deadline_ns; /* on the monotonic clock; 0 for none */
	struct buf in;	     /* the message being received, its prefix first */
	uint32_t requests;   /* whole messages seen */
	bool half_closed;
	/* the response */
	struct grpc_chunk **queue; /* queue[head..count) wait; head_sent bytes of the first are gone */
	size_t head, count, cap, head_sent, queued;
	bool plain; /* a plain HTTP answer: no trailers */
	bool started, finished;
	enum grpc_code code;
	struct buf text; /* percent-encoded */
};

/* What waits in the queues of all calls, each chunk once; grpc_queue.c says how. */
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
	int64_t deadline_ns; /* what the timer is set to, or 0 */
	LIST_HEAD(, call) calls;
	struct log_limit denied_log;
	struct grpc_budget records, answers;
};

#define call_of(pub_) ((struct call *)(void *)(pub_)) /* pub is the first member */

/* Answers what is not gRPC: an HTTP status and a line for people. */
void grpc_respond_plain(struct call *c, const char *status, const char *line);
/* h2_owner.produce of a call. */
size_t grpc_produce(void *call, uint8_t *buf, size_t size, bool *eof);
/* Messages that the client will not get: told in the trailers, and counted. */
void grpc_missed(struct call *c, uint64_t messages);

/* Takes the caller's reference, also when it fails. 0, or -ENOBUFS when there is no room to be had. */
int grpc_queue_push(struct call *c, struct grpc_chunk *chunk);
/* Moves up to size bytes of the queue to buf; how many. */
size_t grpc_queue_pull(struct call *c, uint8_t *buf, size_t size);
/* Drops what is queued. */
void grpc_queue_free(struct call *c);

#endif
