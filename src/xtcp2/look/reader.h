/* SPDX-License-Identifier: MIT */
#ifndef LOOK_READER_H
#define LOOK_READER_H
/* Reads the sockets of all namespaces, on the calling thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "record/record.h"

struct reader;

struct reader_options {
	const char *program;	 /* in messages */
	const char *filter;	 /* checked; "" for none */
	const char *directories; /* where namespaces are bind-mounted, comma-separated */
	const char *docker;	 /* socket of the Docker API, for names of containers; "" for none */
	uint32_t states;	 /* bit N: TCP state N */
	bool kernel;		 /* the kernel leaves out what it can */
};

/* Gives up every privilege that reading does not need. NULL with errno, or after a message. */
struct reader *reader_new(const struct reader_options *options);
void reader_free(struct reader *r);

/*
 * Read every namespace once and call take() with each record that passes the filter. Return the number of namespaces
 * that could not be read or only in part, or -1 when none could; each is told on stderr. Stop where take() returns less than 0.
 */
int reader_poll(struct reader *r, int (*take)(void *data, struct record *record), void *data);

#endif
