/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SAMPLE_H
#define TOOLS_SAMPLE_H
/*
 * Generated records, similar to those of a busy host, for the reference encoders and for
 * load without many sockets. Socket i of poll p is always the same record but for its
 * time stamp.
 */
#include <stdint.h>

#include "record/record.h"

struct sample {
	uint32_t sockets; /* sockets per poll; all polls have the same ones */
	int64_t now_ns;	  /* time stamp of the poll */
	char hostname[64];
};

/* Fill r with socket `index` (0 ... sockets - 1) of poll `poll`. Texts live as long as s. */
void sample_record(struct sample *s, uint32_t poll, uint32_t index, struct record *r);

#endif
