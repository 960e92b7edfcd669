/* SPDX-License-Identifier: MIT */
#ifndef RUN_CONTROL_H
#define RUN_CONTROL_H
#include <stdbool.h>

#include "base/buf.h"
#include "run/taps.h"

struct daemon;

/* Start the gRPC server, unless -grpcPort or -grpcListen turn it off. Return 0 or -errno, logged. */
int control_start(struct daemon *d);
/*
 * Stop the server; clients get queued data within a second. Call this after the
 * threads have ended, and before the parts are freed that its streams use.
 */
void control_end(struct daemon *d);

/* Try config for the attempt (backend.h); takes ownership if it returns 0. -EBUSY, or -errno. */
struct backend_attempt;
struct config;
int control_reconfigure(struct daemon *d, struct config *config, struct backend_attempt *attempt);

/* Give records to a receiver from the next cycle on; NULL ends that. */
void control_set_tap(struct daemon *d, enum tap_user user, struct poll_tap *tap);

/* Return false, with a line in why, while a poll hangs: for /healthz. data is the daemon. */
bool daemon_alive(void *data, struct buf *why);
/* Return readiness for /readyz and grpc.health.v1; append one line per reason. data is the daemon. */
bool daemon_ready(void *data, struct buf *why);

#endif
