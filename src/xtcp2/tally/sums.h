/* SPDX-License-Identifier: MIT */
#ifndef TALLY_SUMS_H
#define TALLY_SUMS_H
/*
 * Figures by group: a hash table whose keys are the values of a group's labels. It holds at most SUMS_MAX
 * groups; what belongs to further ones is summed up in the group at 0, "other". One thread.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "tally/tally.h"

/* Groups that one poll may tell apart, before the largest get a place: some 500 bytes each, per worker. */
#define SUMS_MAX 1024

struct sum {
	size_t key_at; /* in sums.keys, key_len bytes */
	uint32_t key_len;
	struct tally_figures figures;
};

/* A zeroed one is empty. */
struct sums {
	struct sum *rows; /* row 0 is "other", without a key */
	size_t count, capacity;
	uint16_t *slots; /* hash table: number of the row, 0 for none */
	size_t slot_count;
	struct buf keys;
};

/* Return the row of the key, a new one when there is none; row 0 beyond SUMS_MAX or without memory, NULL without any. */
struct sum *sums_row(struct sums *s, const uint8_t *key, size_t len);
/* Return row 0, "other"; NULL without memory. */
struct sum *sums_other(struct sums *s);
/* Return the number of the row of the key, 0 for none. */
size_t sums_find(const struct sums *s, const uint8_t *key, size_t len);
/* Remove all rows. */
void sums_reset(struct sums *s);
void sums_free(struct sums *s);

static inline const uint8_t *sum_key(const struct sums *s, const struct sum *row)
{
	static const uint8_t empty[1];

	return row->key_len ? s->keys.data + row->key_at : empty;
}

/* Add all figures of `more`. */
void figures_add(struct tally_figures *f, const struct tally_figures *more);
/* Set counters and histograms to 0. */
void figures_keep_gauges(struct tally_figures *f);
/* Return the sockets of all states. */
uint64_t figures_sockets(const struct tally_figures *f);

#endif
