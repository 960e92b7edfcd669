/* SPDX-License-Identifier: MIT */
#include "vmrun/deadline.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "vmrun/judge.h"

/* Unscaled limits, in milliseconds. */
#define GREETING_MS    15000
#define BOOT_MS	       90000
#define NO_PROGRESS_MS 45000
#define CHECK_GRACE_MS 15000
#define POWER_OFF_MS   20000

const char *deadline_name(enum deadline d)
{
	static const char *const names[] = {
	    [DEADLINE_NONE] = "none",		[DEADLINE_RUN] = "run",	  [DEADLINE_GREETING] = "greeting",
	    [DEADLINE_POWER_OFF] = "power-off", [DEADLINE_BOOT] = "boot", [DEADLINE_CHECK] = "check",
	    [DEADLINE_PROGRESS] = "progress",
	};
	_Static_assert(ARRAY_SIZE(names) == DEADLINES, "a deadline has no name");
	return names[d];
}

static int64_t scaled(const struct limits *l, int64_t ms)
{
	return ms * l->scale_percent / 100;
}

/* Write a sentence that ends in a duration. */
static enum deadline passed(enum deadline d, char *text, const char *what, int64_t ms)
{
	char duration[DURATION_TEXT_MAX];

	snprintf(text, DEADLINE_TEXT_MAX, "%s %s", what, duration_format(ms / 1000 * NS_PER_SEC, duration));
	return d;
}

/* Checks may run side by side; each that gave a limit has its own. */
static enum deadline checks_passed(const struct judge *j, const struct limits *limits, int64_t now_ms,
				   char *text)
{
	char what[DEADLINE_TEXT_MAX - DURATION_TEXT_MAX];

	for (size_t i = 0; i < j->checks_count; i++) {
		const struct judge_check *c = &j->checks[i];
		int64_t limit = c->timeout_ms + scaled(limits, CHECK_GRACE_MS);

		if (c->state != CHECK_RUNNING || c->timeout_ms <= 0 || now_ms - c->begin_ms <= limit)
			continue;
		snprintf(what, sizeof(what), "check %.64s did not end in", c->name);
		return passed(DEADLINE_CHECK, text, what, limit);
	}
	return DEADLINE_NONE;
}

enum deadline deadline_passed(const struct judge *j, const struct limits *limits, int64_t now_ms,
			      int64_t activity_ms, char text[static DEADLINE_TEXT_MAX])
{
	if (now_ms > limits->run_ms)
		return passed(DEADLINE_RUN, text, "the whole run took more than", limits->run_ms);
	if (!j->started) {
		int64_t limit = scaled(limits, GREETING_MS);
		return now_ms > limit ? passed(DEADLINE_GREETING, text, "QEMU did not answer for", limit)
				      : DEADLINE_NONE;
	}
	if (j->bye) {
		int64_t limit = scaled(limits, POWER_OFF_MS);
		return now_ms - j->bye_ms > limit
			   ? passed(DEADLINE_POWER_OFF, text,
				    "after its self-test the guest did not power off for", limit)
			   : DEADLINE_NONE;
	}
	if (!j->planned && now_ms > scaled(limits, BOOT_MS))
		return passed(DEADLINE_BOOT, text, "the guest did not reach its self-test in",
			      scaled(limits, BOOT_MS));
	const struct judge_check *running = judge_running(j);
	if (running && running->timeout_ms > 0)
		return checks_passed(j, limits, now_ms, text);
	int64_t limit = scaled(limits, NO_PROGRESS_MS);
	return now_ms - activity_ms > limit ? passed(DEADLINE_PROGRESS, text, "no sign of life for", limit)
					    : DEADLINE_NONE;
}
