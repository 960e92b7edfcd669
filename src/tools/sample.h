/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SAMPLE_H
#define TOOLS_SAMPLE_H
/*
 * Records as a busy host would have them, made up: for the reference encoders and
 * for load without a host full of sockets. Socket i of poll p is always the same
 * record but for its time stamp.
 */
#include <stdint.h>

#include "record/record.h"

struct sample {
	uint32_t sockets; /* a poll has this many; from one poll to the next they stay the same sockets */
	int64_t now_ns;	  /* time stamp of the poll */
	char hostname[64];
};

/* Fill r with socket `index` (0 ... sockets - 1) of poll `poll`. Texts live as long as s. */
void sample_record(struct sample *s, uint32_t poll, uint32_t index, struct record *r);

#endif
