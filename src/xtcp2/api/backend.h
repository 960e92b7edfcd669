/* SPDX-License-Identifier: MIT */
#ifndef API_BACKEND_H
#define API_BACKEND_H
/*
 * The daemon's functions for the gRPC services. All are called on the main
 * thread, with `data`, and do not block. Those that return int return 0 or -errno.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct config;
struct poll_tap;

/* Embedded by who requests a configuration. One callback is called once, unless give_up() comes first. */
struct backend_attempt {
	/* The configuration starts. The answer is sent while the server drains. */
	void (*taken)(struct backend_attempt *attempt, const struct config *config);
	/* The configuration does not start; nothing changes. flag is the option at fault, "" for none. */
	void (*refused)(struct backend_attempt *attempt, const char *flag, const char *sentence);
};

struct grpc_backend {
	void *data;
	/* Return the configuration in force, borrowed until the next call of any of these functions. */
	const struct config *(*config)(void *data);
	/* Set the frequency from the next tick on; the caller has checked the values. Updates config(). */
	int (*set_frequency)(void *data, int64_t frequency_ns, int64_t timeout_ns);
	/* Run a cycle now. Return -EBUSY while one runs; the new one then runs next. */
	int (*trigger)(void *data);
	/* Run count cycles, the first now. Return -EBUSY while the cycles of another burst are left. */
	int (*burst)(void *data, uint32_t count, int64_t interval_ns);
	/*
	 * Try the configuration and restart with it if the trial succeeds; the
	 * callbacks of attempt report the result later. Return 0 and take
	 * ownership of config (config_delete()); -EBUSY during another trial, or
	 * -errno.
	 */
	int (*reconfigure)(void *data, struct config *config, struct backend_attempt *attempt);
	/* Abandon the attempt: no callback is called, nothing changes. */
	void (*give_up)(void *data, struct backend_attempt *attempt);
	/* Send records to tap as well, from the next cycle on; NULL removes it. */
	void (*set_tap)(void *data, struct poll_tap *tap);
	/* Return whether the daemon is ready, as /readyz does; append what is missing to why. */
	bool (*ready)(void *data, struct buf *why);
};

#endif
