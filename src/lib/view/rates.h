/* SPDX-License-Identifier: MIT */
#ifndef VIEW_RATES_H
#define VIEW_RATES_H
/* Rates per second between two records of a socket. */
#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"
#include "view/column.h"

/* The counters of a socket's last record; zeroed for a socket that is seen the first time. */
struct view_counts {
	int64_t time_ns;
	uint64_t counts[VIEW_RATE_MAX_]; /* as of time_ns */
	bool counted;			 /* they were in the last record */
};

/* Set the rates since the last record, VIEW_NONE where unknown, and remember this one. Records of one moment keep them. */
void view_rates(struct view_counts *last, const struct record *r, double rates[static VIEW_RATE_MAX_]);

#endif
