/* SPDX-License-Identifier: MIT */
#ifndef POLL_POLL_H
#define POLL_POLL_H
/*
 * Theory of operation
 *
 * A poll cycle reads every namespace once. The main thread scans the namespace
 * table, lays the entries out as jobs and wakes the workers; each worker takes
 * the next job, dumps it through its own source and appends records to its own
 * envelope, which it submits when it is full and when no job is left. The
 * worker that finishes last wakes the main thread. Threads are constant: as
 * many workers as -netlinkers, whatever the number of namespaces.
 *
 * A cycle has one deadline, -timeout after the scan. Past it, workers stop between two
 * receives, jobs not begun are skipped, the cycle counts as cut, and the next
 * one starts clean: each dump has its own sequence number, so late replies are
 * recognised and thrown away. What was left is read first in the next cycle
 * (poll/turns.h).
 *
 * A tick that finds the last cycle still running is skipped and counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "record/encoder.h"
#include "source/source.h"

struct config;
struct dest;
struct netns_table;
struct poll;

/*
 * Wire bytes of records on their way to whoever listens (gRPC). batch() is
 * called on a worker's thread, several times a cycle: `data` holds `rows` times
 * (key of one byte, varint length, XtcpFlatRecord). It must copy what it keeps
 * and must not block. Between cycles there is hurry(): what was handed over
 * must not wait for the end of one. Any thread.
 */
struct poll_tap {
	void (*batch)(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows);
	void (*hurry)(struct poll_tap *tap);
};

struct poll_result {
	uint64_t records;
	uint64_t messages;
	uint32_t namespaces;
	uint32_t partial;
	uint32_t of, unread; /* namespaces that can be entered; those of them not read to their end */
	uint32_t no_files;   /* those of them that found no free descriptor */
	int64_t oldest_ns;   /* since the least recently read one was read */
	int64_t duration_ns;
	bool cut;
};

/* config, table, dest and loop are borrowed and must outlive the poll. NULL with errno, logged. */
struct poll *poll_new(struct loop *loop, const struct config *config, const struct source_ops *source,
		      const struct source_config *source_config, struct netns_table *table,
		      struct dest *dest);
/*
 * Waits for a running cycle (at most its time-out) and ends the workers: the
 * destination and the tap have all records, and no call from a worker comes any
 * more. The poll itself stays, so that whoever still refers to it may untap or
 * be told -ESHUTDOWN by a trigger. NULL is fine.
 */
void poll_end(struct poll *p);
/* poll_end(), if that was not yet, and frees. Nobody may refer to the poll any more. NULL is fine. */
void poll_free(struct poll *p);

/*
 * Starts the timer: the first cycle at once, then every -frequency. on_done is
 * called on the main thread after each cycle; may be NULL.
 */
int poll_start(struct poll *p, void (*on_done)(void *data, const struct poll_result *result), void *data);

/* Runs one cycle now, beside the timer. -EBUSY while one runs (it is then remembered and run next). */
int poll_trigger(struct poll *p);

/* count cycles, one every interval_ns, starting now; replaces a burst that still runs. */
int poll_burst(struct poll *p, uint32_t count, int64_t interval_ns);

/* Changes frequency and time-out from the next tick on. */
int poll_set_frequency(struct poll *p, int64_t frequency_ns, int64_t timeout_ns);

/* How long the running cycle has been running, 0 while idle. For the watchdog. */
int64_t poll_running_ns(const struct poll *p);

/*
 * Whether one of the last two cycles read every namespace that can be entered: one that is cut now and then
 * is made good by the next. Adds to why a line that says what is amiss in the last one and what to change.
 */
bool poll_complete(const struct poll *p, struct buf *why);

/* NULL takes the tap away. Takes effect at the next cycle. Main thread. */
void poll_set_tap(struct poll *p, struct poll_tap *tap);

#endif
