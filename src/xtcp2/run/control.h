/* SPDX-License-Identifier: MIT */
#ifndef RUN_CONTROL_H
#define RUN_CONTROL_H
#include <stdbool.h>

#include "base/buf.h"

struct daemon;

/* The gRPC server over the daemon's parts, unless -grpcPort or -grpcListen turn it off. 0 or -errno, logged. */
int control_start(struct daemon *d);
/*
 * Ends it: clients get what is queued for them, within a second. After the threads
 * have ended and while the parts are there that its streams are attached to.
 */
void control_end(struct daemon *d);

/* What /readyz and grpc.health.v1 answer; data is the daemon. Appends one line a reason. */
bool daemon_ready(void *data, struct buf *why);

#endif
