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

/* Embedded by who asks for a new configuration. One of these is called, once, unless give_up() comes before. */
struct backend_attempt {
	/* It starts. The answer goes out while the server drains. */
	void (*taken)(struct backend_attempt *attempt, const struct config *config);
	/* It does not, and nothing changes. flag is "" when it is about no option. */
	void (*refused)(struct backend_attempt *attempt, const char *flag, const char *sentence);
};

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
	 * Try this configuration and start over with it when it is found to
	 * start; attempt is told, later. With 0 it takes ownership of config
	 * (config_delete()); -EBUSY while another one is tried, or -errno.
	 */
	int (*reconfigure)(void *data, struct config *config, struct backend_attempt *attempt);
	/* The attempt is not interested any more: nothing is told, nothing changes. */
	void (*give_up)(void *data, struct backend_attempt *attempt);
	/* From the next cycle on, records go to tap as well; NULL takes it away. */
	void (*set_tap)(void *data, struct poll_tap *tap);
	/* Ready in the sense of /readyz; appends what is missing to why. */
	bool (*ready)(void *data, struct buf *why);
};

#endif
