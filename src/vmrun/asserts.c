/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A check's PASS is the guest's word. Where a flavor's row
 * asserts something about figures, the host draws the conclusion a second time
 * from the METRIC records, so that a check which compares nothing is found out.
 * A figure that was not given proves nothing and is held against the run.
 */
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/judge.h"

enum relation { BY_CHECKS, EQUAL, ABOVE, BELOW, AT_MOST };

/* `figure` stands in the relation to the figure `other`, or to `limit` where that is NULL. */
static const struct assertion {
	const char *name;
	enum relation relation;
	const char *figure, *other;
	double limit;
} assertions[] = {
    /* What the truth table, the plan or a check of their own proves. */
    {"plan_complete", BY_CHECKS},
    {"overall_pass", BY_CHECKS},
    {"no_panic", BY_CHECKS},
    {"namespaces_churned", BY_CHECKS},
    {"docker_started", BY_CHECKS},
    {"image_loaded", BY_CHECKS},
    {"containers_spawned", BY_CHECKS},
    {"namespaces_discovered", BY_CHECKS},
    /* Figures. */
    {"no_restarts", EQUAL, "restarts", NULL, 0},
    {"first_row_in_time", AT_MOST, "first_row_seconds", NULL, 240},
    {"rows_grow", ABOVE, "rows_last", "rows_first", 0},
    {"no_error_rows", EQUAL, "error_rows", NULL, 0},
    {"no_consumer_exceptions", EQUAL, "consumer_exceptions", NULL, 0},
    {"rows_equal_acknowledged", EQUAL, "rows", "acknowledged_records", 0},
    {"disk_below_85", BELOW, "disk_percent_peak", NULL, 85},
};

static bool holds(enum relation relation, double a, double b)
{
	switch (relation) {
	case EQUAL:
		return a == b;
	case ABOVE:
		return a > b;
	case BELOW:
		return a < b;
	case AT_MOST:
		return a <= b;
	case BY_CHECKS:
		break;
	}
	return true;
}

/* The figure as a number; false, with a finding, when the guest gave none. */
static bool figure(struct judge *j, const char *assertion, const char *name, double *value)
{
	const json_t *metric = json_object_get(j->metrics, name);

	*value = json_number_value(metric);
	if (!json_is_number(metric))
		judge_finding(j, FINDING_ASSERT, false, "%s: the guest gave no figure %s", assertion, name);
	return json_is_number(metric);
}

static void judge_assertion(struct judge *j, const struct assertion *a)
{
	double value, other = a->limit;

	if (a->relation == BY_CHECKS || !figure(j, a->name, a->figure, &value))
		return;
	if (a->other && !figure(j, a->name, a->other, &other))
		return;
	if (!holds(a->relation, value, other))
		judge_finding(j, FINDING_ASSERT, false, "%s does not hold: %s is %g, %s %g", a->name,
			      a->figure, value, a->other ? a->other : "the limit", other);
}

void judge_asserts(struct judge *j)
{
	const json_t *wanted = json_object_get(j->run, "asserts");
	size_t i, k;
	json_t *w;

	json_array_foreach(wanted, i, w)
	{
		const char *name = json_is_string(w) ? json_string_value(w) : "";
		for (k = 0; k < ARRAY_SIZE(assertions) && strcmp(assertions[k].name, name) != 0; k++)
			;
		if (k < ARRAY_SIZE(assertions))
			judge_assertion(j, &assertions[k]);
		else
			judge_finding(j, FINDING_ASSERT, false,
				      "the flavor asserts \"%.40s\", which nobody judges", name);
	}
}
