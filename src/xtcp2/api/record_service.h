/* SPDX-License-Identifier: MIT */
#ifndef API_RECORD_SERVICE_H
#define API_RECORD_SERVICE_H
/*
 * xtcp_flat_record.v1.XTCPFlatRecordService: live records.
 *
 * Theory of operation
 *
 * A worker passes a batch of encoded records to the tap. On its own thread it
 * frames them once as gRPC messages in a reference-counted chunk for all streams
 * (both methods answer with the same message: field 1 is the record), and pushes
 * the chunk onto a bounded list: one lock and one copy per batch. At the end of
 * the cycle each stream gets references to the chunks: the cost of sockets and
 * clients comes after the poll, not during it, when it would take the processor
 * from the workers. A long cycle or a list that fills up wakes the main loop
 * through an eventfd before that. If the list, a stream or the total budget is
 * full, whole chunks are dropped, counted and reported in the trailer
 * xtcp2-missed-records; a worker never waits.
 *
 * Without streams there is no tap, and polls cost nothing more.
 *
 * A PollFlatRecords stream gets the records of the cycle that its request
 * started, and of no other. Cycles do not overlap, and the list is in order, so
 * all records between two ends of cycles belong to one cycle.
 */
#include "api/backend.h"
#include "base/loop.h"
#include "grpc/grpc.h"

/* Most pending polls of one PollFlatRecords stream. */
#define RECORD_REQUESTS_MAX  1000
/* Most concurrent streams of records; beyond it RESOURCE_EXHAUSTED. */
#define RECORD_LISTENERS_MAX 256

struct record_service;

extern const struct grpc_method record_methods[];

/* Create the service. queue_bytes bounds the hand-over list. Pointers are borrowed. Return NULL with errno on
 * failure. */
struct record_service *record_service_new(struct loop *loop, const struct grpc_backend *backend,
					  size_t queue_bytes);
/* Free the service; no worker may call the tap any more. NULL is fine. */
void record_service_free(struct record_service *s);

/* Call this when a cycle has ended: the tap has received all its batches, and none of the next cycle. */
void record_service_poll_done(struct record_service *s);

#endif
