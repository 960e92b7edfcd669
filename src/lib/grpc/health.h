/* SPDX-License-Identifier: MIT */
#ifndef GRPC_HEALTH_H
#define GRPC_HEALTH_H
/*
 * grpc.health.v1.Health, tied to one readiness: every service of this server,
 * and the server as a whole (""), serve exactly while the program is ready.
 */
#include "base/buf.h"
#include "base/loop.h"
#include "grpc/grpc.h"

struct health;

extern const struct grpc_method health_methods[];

/* Returns whether the program is ready and appends what is missing to why; does not block. */
typedef bool health_ready_fn(void *data, struct buf *why);

/* ready is called with data on the main thread. services: the table whose names are known; borrowed. NULL with errno. */
struct health *health_new(struct loop *loop, health_ready_fn *ready, void *data,
			  const struct grpc_service *services);
/* After the calls are gone. NULL is fine. */
void health_free(struct health *h);

#endif
