/* SPDX-License-Identifier: MIT */
#ifndef STATS_STATS_H
#define STATS_STATS_H
/*
 * The daemon's counters and gauges: one 64-bit cell per row of stats.def. Cells are
 * relaxed atomics and may be used from any thread; hot loops count in locals and
 * add once per batch.
 */
#include <stdbool.h>
#include <stdint.h>

enum stat_id {
#define STAT(id, ...) STAT_##id,
#include "stats/stats.def"
#undef STAT
	STAT_MAX_
};

enum stat_kind { STAT_KIND_COUNTER, STAT_KIND_GAUGE };

struct stat_info {
	const char *id; /* "POLLS" */
	enum stat_kind kind;
	const char *name;   /* "xtcp2_polls_total" */
	const char *labels; /* "reason=\"modulus\"" or "" */
	double scale;	    /* exported value = cell / scale */
	const char *function, *variable;
	const char *help;
};

extern const struct stat_info stat_table[STAT_MAX_];
extern uint64_t stat_cells[STAT_MAX_];

static inline void stat_add(enum stat_id id, uint64_t n)
{
	if (n)
		__atomic_fetch_add(&stat_cells[id], n, __ATOMIC_RELAXED);
}

static inline void stat_set(enum stat_id id, uint64_t value)
{
	__atomic_store_n(&stat_cells[id], value, __ATOMIC_RELAXED);
}

static inline uint64_t stat_get(enum stat_id id)
{
	return __atomic_load_n(&stat_cells[id], __ATOMIC_RELAXED);
}

#endif
