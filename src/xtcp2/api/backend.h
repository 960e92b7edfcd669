/* SPDX-License-Identifier: MIT */
#ifndef API_BACKEND_H
#define API_BACKEND_H
/*
 * What the gRPC services ask of the daemon. All functions are called on the
 * main thread, with `data`, and do not block. Those that return int give 0 or
 * -errno.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct config;
struct poll_tap;

struct grpc_backend {
	void *data;
	/* The configuration in force, borrowed until the next call of any of these. */
	const struct config *(*config)(void *data);
	/* From the next tick on; the values were checked. config() shows them afterwards. */
	int (*set_frequency)(void *data, int64_t frequency_ns, int64_t timeout_ns);
	/* A cycle now. -EBUSY while one runs: it is remembered and run next. */
	int (*trigger)(void *data);
	/* count cycles, the first now. */
	int (*burst)(void *data, uint32_t count, int64_t interval_ns);
	/*
	 * Re-execute with this configuration. Takes ownership of config (free
	 * with config_free() and free()). Only schedules it: the answer to the
	 * client goes out before, when grpc_server_free() drains.
	 */
	void (*reconfigure)(void *data, struct config *config);
	/* From the next cycle on, records go to tap as well; NULL takes it away. */
	void (*set_tap)(void *data, struct poll_tap *tap);
	/* Ready in the sense of /readyz; appends what is missing to why. */
	bool (*ready)(void *data, struct buf *why);
};

#endif
