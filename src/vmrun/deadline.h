/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_DEADLINE_H
#define VMRUN_DEADLINE_H
/*
 * The layers of time-outs, as a pure function of what the judge knows. From the
 * inside out: the running check (the guest enforces its limit, the host adds a
 * grace), no sign of life on any channel while no such check runs, the boot up to
 * the plan, QEMU's greeting, the way from BYE to power-off, the whole run. All
 * but the last are stretched by `scale_percent`.
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
	int64_t run_ms; /* of the whole run, not scaled any further */
};

#define DEADLINE_TEXT_MAX 192

/* Times are milliseconds since launch; activity_ms: the last byte on any channel. `text` gets a sentence. */
enum deadline deadline_passed(const struct judge *j, const struct limits *limits, int64_t now_ms,
			      int64_t activity_ms, char text[static DEADLINE_TEXT_MAX]);

/* The name that events.jsonl writes. */
const char *deadline_name(enum deadline d);

#endif
