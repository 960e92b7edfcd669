/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_BYTECODE_H
#define SOURCE_BYTECODE_H
/*
 * The part of a filter that the kernel decides: states in idiag_states, addresses and
 * ports in INET_DIAG_REQ_BYTECODE. What the kernel cannot decide passes there, so it never drops a socket that the filter
 * takes; who reads its answer still matches each record.
 */
#include <stddef.h>
#include <stdint.h>

struct filter;

/* Most bytes of a program: the largest filter, all of it prefixes of IPv6. */
#define BYTECODE_MAX 8192

struct bytecode {
	uint32_t states; /* sockets in other states do not pass */
	size_t len;	 /* 0: every address and port may pass */
	uint8_t code[BYTECODE_MAX];
};

/* f may be NULL. */
void bytecode_make(struct bytecode *b, const struct filter *f);

#endif
