/* SPDX-License-Identifier: MIT */
#ifndef RUN_PARTS_H
#define RUN_PARTS_H
/* The daemon's parts in the order they start, and their end. Main thread only. */

struct daemon;
struct poll_result;

/* Start all parts, counting them in d->started. Return 0 or -errno, logged; parts_stop() is due after either. */
int parts_start(struct daemon *d);
void parts_stop(struct daemon *d);

/* Functions of daemon.c that the parts call. data is the daemon; verdict: of ledger_verdict() at the end, "" before. */
void daemon_poll_done(void *data, const struct poll_result *result);
void daemon_log_ledger(const struct daemon *d, const char *verdict);

#endif
