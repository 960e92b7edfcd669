/* SPDX-License-Identifier: MIT */
#ifndef RUN_TALLY_H
#define RUN_TALLY_H
/* The sums of each poll for the metrics (tally/tally.h): one of the daemon's parts. */
struct daemon;

/* Create the tally, if the metrics show it, and let the poll and the final records add to it. 0 or -errno, logged. */
int daemon_tally_start(struct daemon *d);
/* Free it, once no thread adds to it. */
void daemon_tally_stop(struct daemon *d);

#endif
