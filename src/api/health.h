/* SPDX-License-Identifier: MIT */
#ifndef API_HEALTH_H
#define API_HEALTH_H
/*
 * grpc.health.v1.Health, tied to the daemon's readiness: every service of this
 * server, and the server as a whole (""), serve exactly while it is ready.
 */
#include "api/backend.h"
#include "api/grpc.h"
#include "base/loop.h"

struct health;

extern const struct grpc_method health_methods[];

/* services: the table whose names are known; borrowed like the rest. NULL with errno. */
struct health *health_new(struct loop *loop, const struct grpc_backend *backend,
			  const struct grpc_service *services);
/* After the calls are gone. NULL is fine. */
void health_free(struct health *h);

#endif
