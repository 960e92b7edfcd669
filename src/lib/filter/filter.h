/* SPDX-License-Identifier: MIT */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H
/*
 * Filters: the expressions of ss(8) over any field of a record, such as
 *
 *	state established and dport = :443 and not src 10.0.0.0/8
 *	netns = web-* or rtt > 50ms
 *
 * docs/filters.md is the language. A filter is constant once it is made: any number of
 * threads may match with it at once.
 *
 * Theory of operation: the text becomes a tree (filter/node.h) and the tree a list of tests with two jumps
 * each, one for yes and one for no. Matching follows the jumps, which only lead forward, so a record costs at most one
 * test per comparison in the text, without recursion and without allocation. A source may read the tree, too, and
 * leave to the kernel what the kernel can decide (source/bytecode.h).
 */
#include <stdbool.h>
#include <stddef.h>

#include "record/record.h"

/* Bounds of one expression: bytes of text, comparisons and operators, parentheses and nots in each other. */
#define FILTER_TEXT_MAX	 4096
#define FILTER_NODES_MAX 256
#define FILTER_DEPTH_MAX 64

struct filter;

/*
 * Return NULL with *error empty for a text of blanks, which is no filter; NULL with one sentence in error that names the
 * place of the mistake, counted in bytes from 1, for a wrong one.
 */
struct filter *filter_new(const char *text, char *error, size_t size);
void filter_free(struct filter *f);

/* Return whether the record passes; every record passes NULL. A comparison with a field that the record lacks is false. */
bool filter_match(const struct filter *f, const struct record *r);

/* Return whether the expression says something about the states of sockets. */
bool filter_names_states(const struct filter *f);

#endif
