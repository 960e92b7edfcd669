/* SPDX-License-Identifier: MIT */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H
/*
 * sd_notify(3): tells the service manager how we are. Every call is harmless
 * when there is none (NOTIFY_SOCKET not set).
 */
#include <stdint.h>

/* state is one or more "NAME=value" lines: "READY=1",
 * "STOPPING=1", "WATCHDOG=1", "STATUS=...". 0 or -errno. */
int notify_send(const char *state);

/* How often WATCHDOG=1 is due, in ns:
 * half of WATCHDOG_USEC when it is meant for this process; 0 for never. */
int64_t notify_watchdog_interval(void);

#endif
