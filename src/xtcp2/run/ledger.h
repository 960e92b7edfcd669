/* SPDX-License-Identifier: MIT */
#ifndef RUN_LEDGER_H
#define RUN_LEDGER_H
/* The account at the end: what was read, delivered and lost, and the exit status that says so. */
#include <stdint.h>

#include "dest/dest.h"

/* Ended as asked, but records were lost or the destination was not reached. */
#define STATUS_UNDELIVERED 3

/* Records of this process that were lost, for any reason. */
uint64_t ledger_lost(void);

/*
 * After dest_stop(): 0 when everything was delivered, STATUS_UNDELIVERED otherwise. What a
 * reader of standard output that has gone did not take is not lost: it has what it wants.
 */
int ledger_status(const struct dest *d);

/* The end of the ledger's line: "" for status 0, else the status and its reason. */
const char *ledger_verdict(const struct dest *d);

#endif
