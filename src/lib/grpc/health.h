/* SPDX-License-Identifier: MIT */
#ifndef GRPC_HEALTH_H
#define GRPC_HEALTH_H
/*
 * grpc.health.v1.Health: every service of this server, and the server as a whole
 * (""), are SERVING exactly while the program is ready.
 */
#include "base/buf.h"
#include "base/loop.h"
#include "grpc/grpc.h"

struct health;

extern const struct grpc_method health_methods[];

/* Return whether the program is ready; append what is missing to why. Must not block. */
typedef bool health_ready_fn(void *data, struct buf *why);

/* Create the service. ready is called with data on the main thread; services is the table of known names,
 * borrowed. Return NULL with errno on failure. */
struct health *health_new(struct loop *loop, health_ready_fn *ready, void *data,
			  const struct grpc_service *services);
/* Free the service after its calls have ended. NULL is fine. */
void health_free(struct health *h);

#endif
