/* SPDX-License-Identifier: MIT */
#ifndef RUN_TAPS_H
#define RUN_TAPS_H
/*
 * Several receivers of records where the poll knows one tap. Main thread; workers only read.
 *
 * A tap takes effect with the next cycle, so the running one may still use the tap before. Therefore each receiver
 * keeps its tap for the life of the daemon, and the tap for both is filled once, before it is used.
 */
#include "poll/poll.h"

enum tap_user { TAP_GRPC, TAP_PAGE, TAP_MAX_ };

struct taps {
	struct poll_tap both; /* first: it is the struct */
	struct poll_tap *all[TAP_MAX_];
	struct poll_tap *set[TAP_MAX_]; /* NULL where nobody listens */
};

/* Set the tap of a receiver, always the same one, or none with NULL. Return the tap for the poll. */
struct poll_tap *taps_set(struct taps *t, enum tap_user user, struct poll_tap *tap);

#endif
