/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_COMPARE_H
#define TOOLS_COMPARE_H
/*
 * The comparison of a namespace's records (record_table.h) with what the owners of its sockets and ss(8) said before and
 * after the poll. Differences go to findings.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "oracle.h"
#include "population.h"

#define LINES_MAX 512 /* sockets of one namespace */

/* A namespace with its population, and the readings of one round: [0] before the poll, [1] after it. */
struct space {
	const char *name;
	int fd;
	struct population population;
	struct oracle owner[2][POPULATION_MAX];
	char *ss[2];
	bool done[POPULATION_MAX];	/* sockets that were compared with their owner */
	uint64_t seen_by_ss[LINES_MAX]; /* cookies that were compared with ss */
	size_t seen;
};

/* The kernel's tcp_info, the same for all sockets that were compared. */
struct info_form {
	uint32_t len;
	char tail[ORACLE_TAIL_MAX]; /* struct oracle */
};

extern struct info_form info_form;

/* Compare socket i with its owner. Return the field that changed during the round, which ended the comparison, or NULL. */
const char *compare_owned(struct space *s, size_t i);

/*
 * Compare each record of the namespace with its line of ss. Return the state of a socket whose line changed during
 * the round, which is not compared, or NULL.
 */
const char *compare_lines(struct space *s);

/* Write the lines of ss that did not change during the round: those that the round's records must agree with. */
void write_resting_lines(const struct space *s, FILE *to);

/* Each line that was there before and after must have a record. */
void compare_presence(const struct space *s);

#endif
