/* SPDX-License-Identifier: MIT */
#include "vmrun/report.h"
#include "vmrun/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/judge.h"

#define NAME_WIDTH    28
/* Where a reason goes on in further lines, and the columns of a figure. */
#define REASON_INDENT 9
#define FIGURE_WIDTH  14

/* Digits of a figure: 7.65, not 7.6500000000000004. */
#define FIGURE_DIGITS 10

static const char *run_text(const struct judge *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j->run, key));

	return text ? text : "?";
}

static bool passed(const struct judge_check *c)
{
	return c->state == CHECK_PASS;
}

/* Return the reason why a check counts as failed. */
static const char *why(const struct judge_check *c)
{
	if (c->state == CHECK_PLANNED)
		return "never reported";
	if (c->state == CHECK_RUNNING)
		return "began and never ended";
	return c->reason && *c->reason ? c->reason : "no reason given";
}

static double seconds(int64_t ms)
{
	return ms > 0 ? ms / 1e3 : 0;
}

static json_t *ms_or_null(int64_t ms)
{
	return ms >= 0 ? json_integer(ms) : json_null();
}

static json_t *results_json(const struct judge *j)
{
	json_t *checks = json_array(), *findings = json_array();

	for (size_t i = 0; i < j->checks_count; i++) {
		const struct judge_check *c = &j->checks[i];
		json_array_append_new(checks, json_pack("{s:s, s:s, s:o, s:s*}", "name", c->name, "verdict",
							passed(c) ? "pass" : "fail", "ms",
							ms_or_null(judge_check_ms(c)), "reason",
							passed(c) ? c->reason : why(c)));
	}
	for (size_t i = 0; i < j->findings_count; i++)
		json_array_append_new(findings,
				      json_pack("{s:s, s:s*, s:b}", "name", j->findings[i].name, "text",
						j->findings[i].text, "voids", j->findings[i].voids));
	json_t *root = json_pack("{s:s, s:i, s:s*, s:o, s:o, s:O, s:O, s:O}", "verdict",
				 outcome_verdict_name(j->verdict), "exit_status", j->verdict, "reason",
				 j->reason, "checks", checks, "findings", findings, "metrics", j->metrics,
				 "artifacts", j->artifacts, "warnings", j->warnings);
	static const char *const copied[] = {"flavor",	      "accel",	   "accel_reason",
					     "scale_percent", "canary_ms", "image"};
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
		json_object_set(root, copied[i], json_object_get(j->run, copied[i]));
	json_object_set_new(root, "boot_ms", ms_or_null(j->plan_ms));
	json_object_set_new(root, "launch_to_verdict_ms",
			    ms_or_null(j->exit_ms >= 0 ? j->exit_ms : j->last_ms));
	json_object_set_new(root, "self_test_end_ms", ms_or_null(j->bye_ms));
	return root;
}

static void xml_text(FILE *f, const char *text)
{
	for (; text && *text; text++) {
		const char *entity = *text == '&'   ? "&amp;"
				     : *text == '<' ? "&lt;"
				     : *text == '>' ? "&gt;"
				     : *text == '"' ? "&quot;"
						    : NULL;
		if (entity)
			fputs(entity, f);
		else if ((unsigned char)*text >= ' ')
			fputc(*text, f);
	}
}

static void xml_case(FILE *f, const struct judge *j, const char *name, int64_t ms, const char *failure)
{
	fputs("    <testcase classname=\"vm.", f);
	xml_text(f, run_text(j, "flavor"));
	fputs("\" name=\"", f);
	xml_text(f, name);
	fprintf(f, "\" time=\"%.3f\"", seconds(ms));
	if (!failure) {
		fputs("/>\n", f);
		return;
	}
	fputs(">\n      <failure message=\"", f);
	xml_text(f, failure);
	fputs("\"/>\n    </testcase>\n", f);
}

/* A separate test reports a missing verdict: a run that hung must not look like one that passed. */
static const char *verdict_failure(const struct judge *j)
{
	return j->verdict == VERDICT_PASS || j->verdict == VERDICT_FAIL ? NULL
	       : j->reason						? j->reason
									: "no verdict";
}

static size_t failures(const struct judge *j)
{
	size_t n = j->findings_count + (verdict_failure(j) != NULL);

	for (size_t i = 0; i < j->checks_count; i++)
		n += !passed(&j->checks[i]);
	return n;
}

static int write_junit(FILE *f, const struct judge *j)
{
	size_t tests = j->checks_count + j->findings_count + 1, bad = failures(j);
	double total = seconds(j->last_ms);

	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\" "
		"time=\"%.3f\">\n",
		tests, bad, total);
	fputs("  <testsuite name=\"vm.", f);
	xml_text(f, run_text(j, "flavor"));
	fprintf(f, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" time=\"%.3f\">\n", tests,
		bad, total);
	fputs("    <properties><property name=\"accel\" value=\"", f);
	xml_text(f, run_text(j, "accel"));
	fprintf(f, "\"/><property name=\"boot_ms\" value=\"%" PRId64 "\"/></properties>\n", j->plan_ms);
	xml_case(f, j, "harness.verdict", j->last_ms, verdict_failure(j));
	for (size_t i = 0; i < j->checks_count; i++) {
		const struct judge_check *c = &j->checks[i];
		xml_case(f, j, c->name, judge_check_ms(c), passed(c) ? NULL : why(c));
	}
	for (size_t i = 0; i < j->findings_count; i++)
		xml_case(f, j, j->findings[i].name, 0, j->findings[i].text ? j->findings[i].text : "");
	fputs("  </testsuite>\n</testsuites>\n", f);
	return 0;
}

static void tap_line(FILE *f, size_t n, const char *name, const char *failure)
{
	fprintf(f, "%sok %zu - %s\n", failure ? "not " : "", n, name);
	if (!failure)
		return;
	fputs("  ---\n  message: \"", f);
	for (; *failure; failure++)
		fputc(*failure == '"' || *failure == '\\' ? '\'' : *failure, f);
	fputs("\"\n  ...\n", f);
}

static int write_tap(FILE *f, const struct judge *j)
{
	size_t n = 0;

	fprintf(f, "TAP version 13\n1..%zu\n", j->checks_count + j->findings_count + 1);
	tap_line(f, ++n, "harness.verdict", verdict_failure(j));
	for (size_t i = 0; i < j->checks_count; i++)
		tap_line(f, ++n, j->checks[i].name, passed(&j->checks[i]) ? NULL : why(&j->checks[i]));
	for (size_t i = 0; i < j->findings_count; i++)
		tap_line(f, ++n, j->findings[i].name, j->findings[i].text ? j->findings[i].text : "");
	return 0;
}

static int write_results(FILE *f, const struct judge *j)
{
	json_t *root = results_json(j);
	int r = json_dumpf(root, f, JSON_INDENT(2) | JSON_REAL_PRECISION(FIGURE_DIGITS));

	json_decref(root);
	fputc('\n', f);
	return r < 0 ? -EIO : 0;
}

/* Write to a temporary file and rename it: a reader sees the old file or the whole new one. */
static int write_file(const char *dir, const char *name, const struct judge *j,
		      int (*fn)(FILE *, const struct judge *))
{
	char path[PATH_MAX], part[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(part, sizeof(part), "%s.part", path);
	FILE *f = fopen(part, "we");
	if (!f)
		return -errno;
	int r = fn(f, j);
	if (fclose(f) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(part, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(part);
	return r;
}

int report_write(const char *dir, const struct judge *j)
{
	static const struct {
		const char *name;
		int (*fn)(FILE *, const struct judge *);
	} files[] = {{"results.json", write_results}, {"junit.xml", write_junit}, {"results.tap", write_tap}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int error = write_file(dir, files[i].name, j, files[i].fn);
		r = r < 0 ? r : error;
	}
	return r;
}

/* A figure per line, names and values in columns; a longer text where it does not disturb the others. */
static void summary_figures(FILE *to, const struct judge *j)
{
	const char *key;
	json_t *value;
	int width = 0;

	json_object_foreach(j->metrics, key, value) width =
	    (int)strlen(key) > width ? (int)strlen(key) : width;
	if (width)
		fputs("  figures\n", to);
	json_object_foreach(j->metrics, key, value)
	{
		char *text =
		    json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(FIGURE_DIGITS));
		const char *shown = json_is_string(value) ? json_string_value(value) : text ? text : "?";
		fprintf(to, "    %-*s  ", width, key);
		if (json_is_string(value))
			progress_wrap(to, shown, width + 6, width + 6);
		else
			fprintf(to, "%*s", FIGURE_WIDTH, shown);
		fputc('\n', to);
		free(text);
	}
}

/* ms < 0: unknown; the reason may be NULL. */
static void summary_row(FILE *to, bool good, const char *name, int64_t ms, const char *reason)
{
	int column = fprintf(to, "  %-4s %-*s", good ? "ok" : "FAIL", NAME_WIDTH, name);

	if (ms >= 0)
		column += fprintf(to, " %7.1f s", seconds(ms));
	if (reason && *reason) {
		column += fprintf(to, "  ");
		progress_wrap(to, reason, column, REASON_INDENT);
	}
	fputc('\n', to);
}

void report_summary(FILE *to, const struct judge *j, bool all)
{
	size_t i;
	json_t *warning;

	for (i = 0; i < j->checks_count; i++) {
		const struct judge_check *c = &j->checks[i];
		if (all || !(passed(c) || c->told))
			summary_row(to, passed(c), c->name, judge_check_ms(c), passed(c) ? NULL : why(c));
	}
	for (i = 0; i < j->findings_count; i++)
		summary_row(to, false, j->findings[i].name, -1, j->findings[i].text);
	json_array_foreach(j->warnings, i, warning)
	{
		fputs("  note: ", to);
		progress_wrap(to, json_string_value(warning), 8, 8);
		fputc('\n', to);
	}
	summary_figures(to, j);
	fprintf(to, "  %s on %s:", run_text(j, "flavor"), run_text(j, "accel"));
	if (j->plan_ms >= 0)
		fprintf(to, " boot %.1f s, checks %.1f s,", seconds(j->plan_ms),
			seconds((j->bye_ms < 0 ? j->last_ms : j->bye_ms) - j->plan_ms));
	fprintf(to, " launch to verdict %.1f s\n", seconds(j->exit_ms >= 0 ? j->exit_ms : j->last_ms));
	const char *verdict = j->verdict == VERDICT_PASS   ? "PASS"
			      : j->verdict == VERDICT_FAIL ? "FAIL"
			      : j->verdict == VERDICT_NONE ? "NO VERDICT"
							   : "COULD NOT RUN";
	int column = fprintf(to, "%s: ", verdict);
	progress_wrap(to, j->reason ? j->reason : "", column, 2);
	fputc('\n', to);
}
