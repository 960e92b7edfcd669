/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_ORACLE_H
#define TOOLS_ORACLE_H
/*
 * What the kernel tells the owner of a socket, field by field, by other ways than the daemon's: getsockopt(2)
 * of TCP_INFO, TCP_CC_INFO, SO_MEMINFO and the like, getsockname(2), fstat(2). Places within struct tcp_info
 * come from the kernel's own header where the build machine's has the member, else from numbers written down
 * here: not from record/kernel_abi.h, which is on trial.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_VALUES_MAX 160

/* More than any kernel's struct tcp_info: the kernel says how long its own is. */
#define ORACLE_INFO_MAX 1024
#define ORACLE_TAIL_MAX (2 * ORACLE_INFO_MAX + 1)

struct oracle_value {
	const char *field; /* of the record */
	/* Not NULL: it changes while the socket rests, for this reason. The record's is between two
	 * readings. */
	const char *moves;
	bool absent;   /* this kernel has no such field */
	char text[64]; /* as the record's column shows it */
};

struct oracle {
	uint64_t cookie;
	uint32_t info_len;
	char tail
	    [ORACLE_TAIL_MAX]; /* tcp_info past the fields of records, as records show bytes; "" for none */
	struct oracle_value values[ORACLE_VALUES_MAX];
	size_t count;
};

/* Read all of the socket fd. Return 0 or -errno. */
int oracle_read(int fd, struct oracle *o);

#endif
