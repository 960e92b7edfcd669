/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_DEADLINE_H
#define VMRUN_DEADLINE_H
/*
 * The layers of time-outs, as a pure function of the judge's state. From the
 * inside out: the running check (the guest enforces its limit, the host adds a
 * grace period), silence on all channels while no such check runs, the boot up to
 * the plan, QEMU's greeting, the time from BYE to power-off, the whole run. All
 * but the last are multiplied by `scale_percent`.
 */
#include <stdint.h>

struct judge;

enum deadline {
	DEADLINE_NONE, /* none has passed */
	DEADLINE_RUN,
	DEADLINE_GREETING,
	DEADLINE_POWER_OFF,
	DEADLINE_BOOT,
	DEADLINE_CHECK,
	DEADLINE_PROGRESS,
	DEADLINES
};

struct limits {
	int scale_percent;
	int64_t run_ms; /* of the whole run, scaled already */
};

#define DEADLINE_TEXT_MAX 192

/* Find the deadline that has passed. Times are milliseconds since launch, activity_ms that of the last byte
 * on any channel. `text` gets a sentence. */
enum deadline deadline_passed(const struct judge *j, const struct limits *limits, int64_t now_ms,
			      int64_t activity_ms, char text[static DEADLINE_TEXT_MAX]);

/* Return the deadline's name in events.jsonl. */
const char *deadline_name(enum deadline d);

#endif
