/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. The guest itself reports a check's PASS. For each assert in
 * the flavor's row the host repeats the comparison from the METRIC records, which
 * detects a check that compares nothing. A missing figure fails the run.
 *
 *	{ "figure": "disk_percent_peak", "below": "disk_percent_max" }
 *
 * The bound is a number, a tunable of the flavor, or another figure of the guest.
 */
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/judge.h"

enum relation { EQUALS, ABOVE, BELOW, AT_MOST, RELATIONS };

static const char *const relation_names[RELATIONS] = {"equals", "above", "below", "at_most"};

static bool holds(enum relation relation, double a, double b)
{
	switch (relation) {
	case EQUALS:
		return a == b;
	case ABOVE:
		return a > b;
	case BELOW:
		return a < b;
	case AT_MOST:
		return a <= b;
	case RELATIONS:
		break;
	}
	return false;
}

/* Get the figure as a number. Return false, with a finding, when the guest sent none. */
static bool figure(struct judge *j, const char *name, double *value)
{
	const json_t *metric = json_object_get(j->metrics, name);

	*value = json_number_value(metric);
	if (!json_is_number(metric))
		judge_finding(j, FINDING_ASSERT, false, "the guest gave no figure %s", name);
	return json_is_number(metric);
}

/* Return the one relation of an assert and set its bound; RELATIONS when it has none. */
static enum relation relation_of(const json_t *assert, const json_t **bound)
{
	for (enum relation r = 0; r < RELATIONS; r++) {
		*bound = json_object_get(assert, relation_names[r]);
		if (json_is_number(*bound) || json_is_string(*bound))
			return r;
	}
	return RELATIONS;
}

static void judge_assert(struct judge *j, const json_t *assert)
{
	const char *name = json_string_value(json_object_get(assert, "figure"));
	const json_t *bound;
	enum relation relation = relation_of(assert, &bound);
	double value = 0, limit = 0;

	if (!name || relation == RELATIONS) {
		judge_finding(j, FINDING_ASSERT, false,
			      "an assert of the flavor names no figure or no bound");
		return;
	}
	const char *bound_name = json_string_value(bound);
	const json_t *tunable =
	    bound_name ? json_object_get(json_object_get(j->run, "tunables"), bound_name) : NULL;
	if (!figure(j, name, &value))
		return;
	if (json_is_number(tunable) || !bound_name)
		limit = json_number_value(tunable ? tunable : bound);
	else if (!figure(j, bound_name, &limit))
		return;
	if (!holds(relation, value, limit))
		judge_finding(j, FINDING_ASSERT, false, "%s is %g, asserted: %s %s%s%g", name, value,
			      relation_names[relation], bound_name ? bound_name : "", bound_name ? " = " : "",
			      limit);
}

void judge_asserts(struct judge *j)
{
	size_t i;
	json_t *assert;

	json_array_foreach(json_object_get(j->run, "asserts"), i, assert) judge_assert(j, assert);
}
