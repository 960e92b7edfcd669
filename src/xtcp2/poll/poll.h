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
 * recognised and discarded. The next cycle reads the skipped namespaces first
 * (poll/turns.h).
 *
 * A tick that finds the last cycle still running is skipped and counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "record/encoder.h"
#include "source/source.h"

struct config;
struct dest;
struct netns_table;
struct poll;
struct tally;

/*
 * A receiver of the wire bytes of records beside the destination: the gRPC
 * streams. Workers call batch() several times per cycle: `data` holds `rows` times
 * (key of one byte, varint length, XtcpFlatRecord). It must copy the bytes it keeps
 * and must not block. hurry() asks to send everything handed over so far without
 * waiting for the end of a cycle; any thread may call it.
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
	uint32_t no_files;   /* namespaces of `unread` for which no descriptor was free */
	int64_t oldest_ns;   /* age of the last reading of the namespace read longest ago */
	int64_t duration_ns;
	bool cut;
};

/* Create a poll. Its pointers are borrowed and must outlive it. NULL with errno, logged. */
struct poll *poll_new(struct loop *loop, const struct config *config, const struct source_ops *source,
		      const struct source_config *source_config, struct netns_table *table,
		      struct dest *dest);
/*
 * Wait for a running cycle (at most its time-out) and end the workers. On return
 * the destination and the tap have all records, and no worker calls either again.
 * The poll stays valid: poll_set_tap() still works, and poll_trigger() returns
 * -ESHUTDOWN. NULL is fine.
 */
void poll_end(struct poll *p);
/* Free the poll, after poll_end() if it was not called yet. No pointer to it may remain. NULL is fine. */
void poll_free(struct poll *p);

/*
 * Start the timer: a cycle now, then one every -frequency, each delayed by
 * poll_delay_ns() unless `prompt`, so that hosts that start together do not poll
 * together. on_done is called on the main thread after each cycle; may be NULL.
 */
int poll_start(struct poll *p, bool prompt, void (*on_done)(void *data, const struct poll_result *result),
	       void *data);

/* Return a random delay below jitter_pct per cent of the frequency; of the first cycle POLL_FIRST_DELAY_MAX_NS at most. */
#define POLL_FIRST_DELAY_MAX_NS (30 * NS_PER_SEC)
int64_t poll_delay_ns(int64_t frequency_ns, uint32_t jitter_pct, bool first);

/* Run one cycle now, in addition to the timer's. -EBUSY while one runs: the new cycle then follows it. */
int poll_trigger(struct poll *p);

/*
 * Run `count` cycles, one every interval_ns, starting now; one that meets a running cycle is made an interval later. -EBUSY while
 * another burst has cycles left.
 */
int poll_burst(struct poll *p, uint32_t count, int64_t interval_ns);

/* Change frequency and time-out from the next tick on. */
int poll_set_frequency(struct poll *p, int64_t frequency_ns, int64_t timeout_ns);

/* Return the time since the running cycle began, 0 while idle. For the watchdog. */
int64_t poll_running_ns(const struct poll *p);

/*
 * Return whether one of the last two cycles read every namespace that can be entered: a single cut cycle is
 * no failure, as the next one makes up for it. Otherwise append to `why` one line with the fault of the last
 * cycle and the option to change.
 */
bool poll_complete(const struct poll *p, struct buf *why);

/*
 * Sum up the records of each cycle in the tally, which is borrowed; between two cycles, as in on_done(), anyone on the
 * main thread may read it. Before poll_start(). 0 or -ENOMEM.
 */
int poll_set_tally(struct poll *p, struct tally *tally);

/* Set the tap from the next cycle on; NULL removes it. Main thread. */
void poll_set_tap(struct poll *p, struct poll_tap *tap);

#endif
