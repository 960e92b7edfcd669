/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_LIFETIME_H
#define SOURCE_LIFETIME_H
/* How long a connection has lived. Pure. */
#include <stdint.h>

#include "record/record.h"

/* Values of duration_basis. */
enum lifetime_basis {
	LIFETIME_UNKNOWN,
	LIFETIME_EXACT,	     /* since the handshake, in ticks of the kernel's clock (1 to 10 ms) */
	LIFETIME_FIRST_POLL, /* at least: since the first poll that saw the socket */
	LIFETIME_TCP_INFO,   /* at least: the largest of the times in tcp_info */
};

/*
 * Fill duration_us and duration_basis of a final record, to 0 for a socket that was never connected. first_ns is
 * when a poll saw the socket first, since the epoch; 0 for never.
 */
void lifetime_to_record(struct record *record, int64_t first_ns);

/* Return the least that the connection has lived, in microseconds, by tcp_info alone; 0 for unknown. */
uint64_t lifetime_least_us(const struct record *record);

#endif
