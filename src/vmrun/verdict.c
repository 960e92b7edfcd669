/* SPDX-License-Identifier: MIT */
/*
 * The conclusion of a run. The table of outcomes decides whether the results count. If
 * they do, a pass requires that every planned check ended with PASS, that OVERALL
 * agrees, that records and console agree, and that there is no finding.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/judge.h"
#include "vmrun/outcome.h"

static void compare(struct judge *j, const char *name, enum check_state state)
{
	static const char *const said[] = {"nothing", "PASS", "FAIL", "PASS and FAIL"};
	int record = state == CHECK_PASS ? SENTINEL_PASS : state == CHECK_FAIL ? SENTINEL_FAIL : 0;
	int console = judge_console_said(j, name) & (SENTINEL_PASS | SENTINEL_FAIL);

	if (record != console)
		judge_finding(j, FINDING_AGREEMENT, false, "%s: the record says %s, the console %s", name,
			      said[record], said[console]);
}

/* Compare record and console for every name that either has. */
static void check_agreement(struct judge *j)
{
	const char *name;
	json_t *bits;

	for (size_t i = 0; i < j->checks_count; i++)
		compare(j, j->checks[i].name, j->checks[i].state);
	compare(j, SENTINEL_OVERALL, j->overall);
	json_object_foreach(j->sentinels, name, bits)
	{
		if (!judge_find_check(j, name) && strcmp(name, SENTINEL_OVERALL) != 0)
			judge_finding(j, FINDING_AGREEMENT, false,
				      "the console reports check %s, which has no record", name);
	}
}

/* Judge the checks, once the table of outcomes lets them count. Return how many did not pass. */
static size_t judge_results(struct judge *j)
{
	size_t bad = 0;

	for (size_t i = 0; i < j->checks_count; i++)
		bad += j->checks[i].state != CHECK_PASS;
	if (j->bye && j->overall == CHECK_PLANNED)
		judge_finding(j, FINDING_OVERALL, false, "the guest said BYE without OVERALL");
	else if (j->overall == CHECK_PASS && bad)
		judge_finding(j, FINDING_OVERALL, false,
			      "the guest claims OVERALL PASS, but %zu of %zu checks did not pass", bad,
			      j->checks_count);
	else if (j->overall == CHECK_FAIL && !bad)
		judge_finding(j, FINDING_OVERALL, false,
			      "the guest says OVERALL FAIL although every check passed");
	if (!j->checks_count)
		judge_finding(j, FINDING_PLAN, false, "the guest planned no check at all");
	if (j->bye)
		check_agreement(j);
	return bad;
}

static enum outcome_last last_record(const struct judge *j)
{
	return j->bye			     ? LAST_BYE
	       : j->overall != CHECK_PLANNED ? LAST_OVERALL
	       : j->planned		     ? LAST_PLAN
					     : LAST_NOTHING;
}

/* Return the detail that follows the table's text for an end without a verdict. */
static const char *detail(const struct judge *j, enum outcome_end end)
{
	if (end == END_NOT_STARTED)
		return j->error ? j->error : j->last_stderr;
	if (end == END_PANIC)
		return j->panic_line;
	if (end == END_DEADLINE)
		return j->timeout_text;
	return j->exit == EXIT_FAILED ? j->last_stderr : NULL;
}

/* Return true for a flavor without a self-test, which is for interactive use: ending it is not a failure. */
static bool interactive(const struct judge *j)
{
	return !j->planned && !json_array_size(json_object_get(j->run, "checks"));
}

void judge_finish(struct judge *j)
{
	enum outcome_end end = j->end;

	if (!j->started && end != END_INTERRUPT)
		end = END_NOT_STARTED;
	else if (j->panic_line && (end == END_NONE || end == END_SHUTDOWN))
		end = END_PANIC;
	const struct outcome_row *row = outcome_lookup(end, last_record(j), j->exit);
	const struct judge_check *running = judge_running(j);
	const char *more = detail(j, end);
	size_t bad = 0, voids = 0;
	char *text = NULL;

	j->verdict = row->verdict;
	if (interactive(j) && (end == END_INTERRUPT || end == END_SHUTDOWN)) {
		j->verdict = VERDICT_PASS;
		judge_set_text(&j->reason, "the machine ran until it was stopped");
		j->finished = true;
		return;
	}
	if (row->verdict == VERDICT_RESULTS) {
		bad = judge_results(j);
		/* A check that failed may have ended before it sent its figures. */
		if (!bad)
			judge_asserts(j);
		for (size_t i = 0; i < j->findings_count; i++)
			voids += j->findings[i].voids;
		j->verdict = voids ? VERDICT_NONE : bad || j->findings_count ? VERDICT_FAIL : VERDICT_PASS;
	}
	int n;
	if (row->verdict != VERDICT_RESULTS)
		n = asprintf(&text, "%s%s%s%s%s%s", row->text, more ? ": " : "", more ? more : "",
			     running ? " (during check " : "", running ? running->name : "",
			     running ? ")" : "");
	else if (voids)
		n = asprintf(&text, "the results cannot be trusted: %s", j->findings[0].text);
	else if (!bad && j->findings_count)
		n = asprintf(&text, "%s: %s", j->findings[0].name,
			     j->findings[0].text ? j->findings[0].text : "");
	else if (bad)
		n = asprintf(&text, "%zu of %zu checks did not pass%s%s", bad, j->checks_count,
			     j->findings_count ? "; " : "", j->findings_count ? j->findings[0].text : "");
	else if (j->checks_count == 0)
		n = asprintf(&text, "the machine ran; this flavor has no checks");
	else
		n = asprintf(&text, "%zu of %zu checks passed", j->checks_count, j->checks_count);
	j->reason = n < 0 ? NULL : text;
	j->finished = true;
}
