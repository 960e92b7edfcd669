/* SPDX-License-Identifier: MIT */
#include "vmrun/timings.h"

#include "base/cleanup.h"
#include "base/clock.h"

/* The steps of a boot, each with the guest's figure for its end: seconds of the guest's clock, which the kernel begins. */
static const struct {
	const char *name, *figure;
} steps[] = {
    {"kernel", "kernel_seconds"},
    {"initramfs", "initramfs_seconds"},
    {"system", "system_seconds"},
    {"daemon", "boot_seconds"},
};

static void row(FILE *to, const char *name, int64_t from_ms, int64_t to_ms)
{
	fprintf(to, "    %-22s %8.1f s %8.1f s %8.1f s\n", name, (double)from_ms / 1e3, (double)to_ms / 1e3,
		(double)(to_ms - from_ms) / 1e3);
}

static void boot_rows(FILE *to, const struct judge *j)
{
	int64_t at = j->clock_ms;

	row(to, "firmware", 0, at);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const json_t *figure = json_object_get(j->metrics, steps[i].figure);
		if (!json_is_number(figure))
			continue;
		int64_t end = j->clock_ms + (int64_t)(json_number_value(figure) * 1e3);
		row(to, steps[i].name, at, end);
		at = end;
	}
	row(to, "plan", at, j->plan_ms);
}

void timings_print(FILE *to, const struct judge *j)
{
	fprintf(to, "  %-24s %10s %10s %10s\n", "timings", "from", "to", "takes");
	if (j->plan_ms >= 0)
		boot_rows(to, j);
	for (size_t i = 0; i < j->checks_count; i++) {
		const struct judge_check *c = &j->checks[i];
		if (c->begin_ms >= 0 && c->end_ms >= 0)
			row(to, c->name, c->begin_ms, c->end_ms);
	}
	if (j->bye_ms >= 0 && j->exit_ms >= 0)
		row(to, "power-off", j->bye_ms, j->exit_ms);
}
