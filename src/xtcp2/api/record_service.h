/* SPDX-License-Identifier: MIT */
#ifndef API_RECORD_SERVICE_H
#define API_RECORD_SERVICE_H
/*
 * xtcp_flat_record.v1.XTCPFlatRecordService: live records.
 *
 * Theory of operation
 *
 * A worker hands over a batch of encoded records. On its own thread it frames
 * them once as gRPC messages, into a counted chunk of a pool that serves every
 * stream (both methods answer with the same message: field 1 is the record), and
 * pushes the chunk onto a bounded list: one lock and one copy a batch. The list
 * waits for the end of the cycle, and the streams are then given references:
 * what sockets and clients cost comes after the poll, not beside it, where it
 * would take the processor from the workers. A cycle that lasts, or a list that
 * fills up, does not wait: an eventfd wakes the main loop. A full list, a full
 * stream or too much that waits for all streams loses whole chunks, counted and
 * told in the trailer xtcp2-missed-records; a worker never waits.
 *
 * Without streams there is no tap: polls then pay nothing.
 *
 * A PollFlatRecords stream gets the records of the cycle that its request
 * started, and of no other. Cycles do not overlap, and the list is in order, so
 * "what came between two ends of cycles" is one cycle.
 */
#include "api/backend.h"
#include "base/loop.h"
#include "grpc/grpc.h"

/* Polls that one PollFlatRecords stream may have asked for and not seen the end of. */
#define RECORD_REQUESTS_MAX  1000
/* Streams of records at once; beyond it RESOURCE_EXHAUSTED. */
#define RECORD_LISTENERS_MAX 256

struct record_service;

extern const struct grpc_method record_methods[];

/* queue_bytes bounds the hand-over list. All borrowed. NULL with errno. */
struct record_service *record_service_new(struct loop *loop, const struct grpc_backend *backend,
					  size_t queue_bytes);
/* When no worker can call the tap any more. NULL is fine. */
void record_service_free(struct record_service *s);

/* A cycle ended: all its batches have been handed over, none of the next one. */
void record_service_poll_done(struct record_service *s);

#endif
