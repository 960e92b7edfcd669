/* SPDX-License-Identifier: MIT */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H
/*
 * sd_notify(3): reports the daemon's state to the service manager. Without one
 * (NOTIFY_SOCKET not set) every call does nothing.
 */
#include <stdint.h>

/* Send state: one or more "NAME=value" lines, such as "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...".
 * Return 0 or -errno. */
int notify_send(const char *state);

/* Return the interval of WATCHDOG=1 in ns: half of WATCHDOG_USEC if set for this process, 0 for never. */
int64_t notify_watchdog_interval(void);

#endif
