/* SPDX-License-Identifier: MIT */
#ifndef VIEW_SOCKETS_H
#define VIEW_SOCKETS_H
/*
 * The sockets of the last poll by cookie, each with the wire bytes of its last
 * record and the rates between the last two.
 *
 * Theory of operation: a cookie that comes a second time begins a new generation, another poll, as does
 * sockets_begin(). Sockets that a whole generation did not bring are gone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "view/rates.h"

struct seen_socket {
	uint64_t cookie; /* 0: the slot is free */
	uint32_t generation;
	uint32_t wire_len;
	uint8_t *wire;
	struct view_counts last;
	double rate[VIEW_RATE_MAX_]; /* per second, or VIEW_NONE */
};

struct sockets_seen {
	struct seen_socket *slots;
	size_t slot_count, used;
	uint32_t generation;
	bool complete; /* sockets_end() has come: older sockets are gone */
	uint64_t taken, damaged, not_kept;
};

/* 0 or -ENOMEM. sockets_seen_free() takes a zeroed one. */
int sockets_seen_init(struct sockets_seen *t);
void sockets_seen_free(struct sockets_seen *t);

/* Take the wire bytes of one record; damaged ones are counted, as are those beyond a million sockets. */
void sockets_take(struct sockets_seen *t, struct str wire);
/* Say where a poll begins and ends, if that is known. */
void sockets_begin(struct sockets_seen *t);
void sockets_end(struct sockets_seen *t);

/* Return the next live socket with its record, which points into it; NULL at the end. *at is 0 at the beginning. */
const struct seen_socket *sockets_next(const struct sockets_seen *t, size_t *at, struct record *r);

#endif
