/* SPDX-License-Identifier: MIT */
#ifndef TALLY_TALLY_H
#define TALLY_TALLY_H
/*
 * Theory of operation
 *
 * A tally sums up the sockets of each poll by group: by network namespace, container and so on (-promLabels).
 * Of each group it has the figures of the last poll, and counters since the start of the daemon. /metrics
 * shows both, and whatever else wants aggregates instead of records may read them between two polls.
 *
 * The groups are bounded. At most `top` of them have figures of their own, the others are summed up in one
 * that is called "other". A group keeps its place while it has sockets, so that its counters only grow. A group
 * that had no socket in the last polls leaves and takes its counters along. A free place goes to the largest
 * of the others, and the smallest group yields its place to one that has more than twice its sockets. What a group
 * adds while it has no place adds to "other" and stays there, whose counters hence only grow, too.
 *
 * Counters come from the differences between two readings of a socket, found by its cookie (tally/traffic.h):
 * the sum over the sockets there are would fall whenever one closes.
 *
 * Each worker adds to a part of its own without a lock; the parts are merged between polls.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct record;
struct tally;
struct tally_part;

/* Upper bounds of the histogram of round-trip times; one more bucket has the rest. */
#define TALLY_RTT_BOUNDS 14
extern const uint32_t tally_rtt_bounds_us[TALLY_RTT_BOUNDS];

/* One place per TCP state, TCP_ESTABLISHED = 1 to BOUND_INACTIVE = 13; 0 is for unknown ones. */
#define TALLY_STATES 14

/* Most labels of a group; longest value of one in bytes, beyond which it is cut. */
#define TALLY_LABELS_MAX 6
#define TALLY_VALUE_MAX	 255

/* The value of every label of the group that has all sockets without a place of their own. */
#define TALLY_OTHER "other"

struct tally_histogram {
	uint64_t buckets[TALLY_RTT_BOUNDS + 1]; /* observations of each, not cumulative */
	uint64_t count, sum_us;
};

/* The type of the member for each KIND of figures.def. */
#define TALLY_STATES_MEMBER(member)    uint64_t member[TALLY_STATES];
#define TALLY_SUM_MEMBER(member)       uint64_t member;
#define TALLY_MOST_MEMBER(member)      uint64_t member;
#define TALLY_COUNT_MEMBER(member)     uint64_t member;
#define TALLY_HISTOGRAM_MEMBER(member) struct tally_histogram member;

struct tally_figures {
#define FIGURE(KIND, member, ...) TALLY_##KIND##_MEMBER(member)
#include "tally/figures.def"
#undef FIGURE
};

enum tally_kind {
	TALLY_KIND_STATES,
	TALLY_KIND_SUM,
	TALLY_KIND_MOST,
	TALLY_KIND_COUNT,
	TALLY_KIND_HISTOGRAM
};

/* The rows of figures.def at run time; ends with name NULL. */
extern const struct tally_family {
	const char *name;
	enum tally_kind kind;
	size_t offset; /* of the member in struct tally_figures */
	double scale;
	const char *help;
} tally_families[];

/* What must be asked for so that a label has values. */
enum tally_need { TALLY_NEEDS_NOTHING, TALLY_NEEDS_CONTAINERS, TALLY_NEEDS_PLACES, TALLY_NEEDS_OWNERS };

struct tally_options {
	const char *labels; /* -promLabels: "none", or names of labels separated by commas */
	size_t top;	    /* groups with figures of their own, besides "other" */
	size_t sockets;	    /* most sockets whose last reading is remembered */
};

/* A group as tally_next() returns it; valid until the next poll ends. */
struct tally_group {
	struct str values[TALLY_LABELS_MAX]; /* one per label of the tally */
	struct tally_figures
	    poll; /* of the last poll alone; of counters, what was added since the poll before */
	struct tally_figures total; /* counters and the histogram since the start; its gauges mean nothing */
};

/*
 * Create a tally. NULL with errno: ENOMEM, or EINVAL for bad labels, with what they must be in error (size bytes).
 */
struct tally *tally_new(const struct tally_options *options, char *error, size_t size);
/* Free the tally and its parts, once nobody adds to them. NULL is fine. */
void tally_free(struct tally *t);

/* Add a part: for one worker, which alone uses it during a poll. NULL with errno. Main thread, between polls. */
struct tally_part *tally_part_new(struct tally *t);

/* Begin to load what tally_add() of the socket with this cookie will look at. */
void tally_expect(const struct tally_part *part, uint64_t cookie);

/*
 * Add a socket to the part. A record that is not `counted` (-filter does not take it) is only remembered, so that
 * what it did until then does not count once it is. The worker of the part; does not block, allocates for new
 * groups and sockets alone.
 */
void tally_add(struct tally_part *part, const struct record *record, bool counted);

/*
 * Add the final record of a socket that is closed, which counts as no socket. Any one thread per part, also while
 * tally_begin() and tally_end() run.
 */
void tally_add_closed(struct tally_part *part, const struct record *record);

/* A poll begins: its time, CLOCK_MONOTONIC. Main thread; no worker runs. */
void tally_begin(struct tally *t, int64_t now_ns);
/*
 * The poll has ended: merge what the parts have, and set the stats TALLY_*. `complete`: every namespace was read to
 * its end; otherwise groups that are absent keep their last gauges. Main thread; no worker runs.
 */
void tally_end(struct tally *t, bool complete);

/* Return the number of labels, and the name of the one at `i`. */
size_t tally_label_count(const struct tally *t);
const char *tally_label(const struct tally *t, size_t i);
enum tally_need tally_label_need(const struct tally *t, size_t i);
/*
 * Return the group after `group`, the first one for NULL; NULL after the last. The first is "other" when there are
 * labels, else the only one. Main thread.
 */
const struct tally_group *tally_next(const struct tally *t, const struct tally_group *group);

#endif
