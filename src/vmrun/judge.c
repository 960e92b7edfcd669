/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. Events arrive in the order in which the host saw them.
 * Records carry the results; the console's sentinels report them a second time.
 * The judge accepts a record only with the run's nonce, a correct check sum and
 * the next sequence number. It collects both reports of each check, and the faults
 * that the harness found itself ("findings"). verdict.c decides the verdict.
 */
#include "vmrun/judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmrun/console.h"
#include "vmrun/result_line.h"

/* The first findings suffice to explain a flood of oopses or bad records. */
#define FINDINGS_MAX 50
#define CHECKS_MAX   1000

void judge_init(struct judge *j)
{
	*j = (struct judge){.sentinels = json_object(),
			    .metrics = json_object(),
			    .artifacts = json_array(),
			    .warnings = json_array(),
			    .started_ms = -1,
			    .plan_ms = -1,
			    .bye_ms = -1,
			    .exit_ms = -1,
			    .clock_ms = -1};
}

void judge_free(struct judge *j)
{
	for (size_t i = 0; i < j->checks_count; i++) {
		free(j->checks[i].name);
		free(j->checks[i].reason);
	}
	for (size_t i = 0; i < j->findings_count; i++)
		free(j->findings[i].text);
	free(j->checks);
	free(j->findings);
	free(j->last_note);
	free(j->timeout_text);
	free(j->error);
	free(j->last_stderr);
	free(j->panic_line);
	free(j->stop_reason);
	free(j->reason);
	json_decref(j->run);
	json_decref(j->sentinels);
	json_decref(j->metrics);
	json_decref(j->artifacts);
	json_decref(j->warnings);
	*j = (struct judge){0};
}

/* Clean a text of the guest in place, for terminals, for lines of a report and for JSON. */
static void clean(char *text)
{
	json_t *utf8 = text ? json_string(text) : NULL;

	for (char *c = text; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
		else if (!utf8 && (unsigned char)*c > 0x7f)
			*c = '?';
	}
	json_decref(utf8);
}

void judge_set_text(char **to, const char *text)
{
	free(*to);
	*to = text ? strdup(text) : NULL;
	clean(*to);
}

void judge_finding(struct judge *j, const char *name, bool voids, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (j->findings_count == FINDINGS_MAX)
		return;
	void *grown = realloc(j->findings, (j->findings_count + 1) * sizeof(*j->findings));
	if (!grown)
		return;
	j->findings = grown;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	clean(text);
	j->findings[j->findings_count++] = (struct judge_finding){.name = name, .text = text, .voids = voids};
}

struct judge_check *judge_find_check(struct judge *j, const char *name)
{
	for (size_t i = 0; i < j->checks_count; i++) {
		if (strcmp(j->checks[i].name, name) == 0)
			return &j->checks[i];
	}
	return NULL;
}

static struct judge_check *add_check(struct judge *j, const char *name)
{
	if (j->checks_count == CHECKS_MAX)
		return NULL;
	void *grown = realloc(j->checks, (j->checks_count + 1) * sizeof(*j->checks));
	if (!grown)
		return NULL;
	j->checks = grown;
	struct judge_check *c = &j->checks[j->checks_count];
	*c = (struct judge_check){.name = strdup(name), .begin_ms = -1, .end_ms = -1, .guest_ms = -1};
	if (!c->name)
		return NULL;
	j->checks_count++;
	return c;
}

/* Find the check that a record names; add one outside the plan, with a finding. */
static struct judge_check *named_check(struct judge *j, const char *name)
{
	struct judge_check *c = judge_find_check(j, name);

	if (c)
		return c;
	if (!result_name_valid(name)) {
		judge_finding(j, FINDING_PLAN, false, "\"%.80s\" is not a valid name of a check", name);
		return NULL;
	}
	judge_finding(j, FINDING_PLAN, false, "check %s is not in the plan", name);
	c = add_check(j, name);
	if (c)
		c->unplanned = true;
	return c;
}

static void on_plan(struct judge *j, const struct result_line *line, int64_t t_ms)
{
	const char *list = result_line_get(line, "checks");
	char name[RESULT_NAME_MAX];

	if (j->planned) {
		judge_finding(j, FINDING_PLAN, false, "the guest sent a second plan");
		return;
	}
	j->planned = true;
	j->plan_ms = t_ms;
	for (size_t n; list && *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		if (n >= sizeof(name) || !result_name_valid(name))
			judge_finding(j, FINDING_PLAN, false,
				      "the plan has \"%s\", which is not a valid name of a check", name);
		else if (judge_find_check(j, name))
			judge_finding(j, FINDING_PLAN, false, "the plan names %s twice", name);
		else
			add_check(j, name);
	}
	/* The host asked for the flavor's list: a guest that plans fewer checks fails. */
	const json_t *wanted = json_object_get(j->run, "checks");
	size_t i;
	json_t *w;
	json_array_foreach(wanted, i, w)
	{
		if (json_is_string(w) && !judge_find_check(j, json_string_value(w)))
			judge_finding(j, FINDING_PLAN, false, "the guest's plan lacks check %s of the flavor",
				      json_string_value(w));
	}
}

static void on_begin(struct judge *j, const struct result_line *line, int64_t t_ms)
{
	const char *name = result_line_get(line, "check"), *timeout = result_line_get(line, "timeout_ms"),
		   *load = result_line_get(line, "load_ms");
	struct judge_check *c = name ? named_check(j, name) : NULL;

	if (!c || c->state == CHECK_PASS || c->state == CHECK_FAIL) {
		judge_finding(j, FINDING_PLAN, false, "BEGIN of check %s is out of place", name ? name : "?");
		return;
	}
	c->state = CHECK_RUNNING;
	c->begin_ms = t_ms;
	c->timeout_ms = timeout ? strtoll(timeout, NULL, 10) : 0;
	c->load_ms = load ? strtoll(load, NULL, 10) : 0;
}

static void on_end(struct judge *j, const struct result_line *line, int64_t t_ms)
{
	const char *name = result_line_get(line, "check"), *verdict = result_line_get(line, "verdict"),
		   *ms = result_line_get(line, "ms");
	struct judge_check *c = name ? named_check(j, name) : NULL;

	if (!c || !verdict)
		return;
	bool pass = strcmp(verdict, "PASS") == 0;
	if (c->state == CHECK_PASS || c->state == CHECK_FAIL) {
		judge_finding(j, FINDING_PLAN, false, "check %s ended twice", name);
		if (c->state == CHECK_FAIL)
			return;
	}
	c->state = pass ? CHECK_PASS : CHECK_FAIL;
	c->end_ms = t_ms;
	c->guest_ms = ms ? strtoll(ms, NULL, 10) : -1;
	judge_set_text(&c->reason, result_line_get(line, "reason"));
}

/* Parse a figure; a number where it reads as one, so that an assert can compare it. */
static json_t *figure(const char *value)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	double number = strtod(value, &end);

	if (*value && !*end && isfinite(number))
		return value[strcspn(value, ".eE")] ? json_real(number)
						    : json_integer(strtoll(value, NULL, 10));
	judge_set_text(&text, value);
	return json_string(text ? text : "");
}

static void on_metric(struct judge *j, const struct result_line *line)
{
	for (size_t i = 0; i < line->pairs; i++) {
		const struct result_pair *p = &line->pair[i];

		if (result_name_valid(p->key))
			json_object_set_new(j->metrics, p->key, figure(p->value));
		else
			judge_finding(j, FINDING_RECORDS, false, "\"%.80s\" is not a valid name of a figure",
				      p->key);
	}
}

/* Append the name of a figure with blanks for its underscores. */
static size_t put_words(char *to, size_t size, const char *key)
{
	int n = snprintf(to, size, "%s", key);

	for (char *p = to; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return (size_t)n;
}

/* Keep the note for people: "text" unchanged, any other pair as "name value", with commas between them. */
static void on_note(struct judge *j, const struct result_line *line)
{
	char text[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < line->pairs && n < sizeof(text); i++) {
		const struct result_pair *p = &line->pair[i];
		bool bare = strcmp(p->key, "text") == 0;
		n += snprintf(text + n, sizeof(text) - n, "%s", i ? ", " : "");
		if (!bare && n < sizeof(text))
			n += put_words(text + n, sizeof(text) - n, p->key);
		if (n < sizeof(text))
			n += snprintf(text + n, sizeof(text) - n, "%s%s", bare ? "" : " ", p->value);
	}
	judge_set_text(&j->last_note, text);
	j->notes++;
}

static void accept_record(struct judge *j, const struct result_line *line, int64_t t_ms)
{
	if (!j->planned && line->verb != RESULT_PLAN && line->verb != RESULT_NOTE &&
	    line->verb != RESULT_METRIC && line->verb != RESULT_HEARTBEAT)
		judge_finding(j, FINDING_PLAN, false, "%s came before the plan",
			      result_verb_name(line->verb));
	switch (line->verb) {
	case RESULT_PLAN:
		on_plan(j, line, t_ms);
		break;
	case RESULT_BEGIN:
		on_begin(j, line, t_ms);
		break;
	case RESULT_END:
		on_end(j, line, t_ms);
		break;
	case RESULT_METRIC:
		on_metric(j, line);
		break;
	case RESULT_OVERALL: {
		const char *verdict = result_line_get(line, "verdict");
		j->overall = verdict && strcmp(verdict, "PASS") == 0 ? CHECK_PASS : CHECK_FAIL;
		break;
	}
	case RESULT_BYE:
		j->bye = true;
		j->bye_ms = t_ms;
		break;
	case RESULT_NOTE:
	case RESULT_HEARTBEAT:
		on_note(j, line);
		break;
	case RESULT_VERBS:
		break;
	}
}

static void on_record(struct judge *j, const char *text, int64_t t_ms)
{
	static struct result_line line;
	const char *nonce = json_string_value(json_object_get(j->run, "nonce"));
	int r = result_line_parse(text, strlen(text), &line);

	if (r == -ENOENT && !*text)
		return;
	if (r < 0) {
		judge_finding(
		    j, FINDING_RECORDS, true, "%s on the results port: %.80s",
		    r == -EBADMSG ? "a record with a wrong check sum" : "a line that is not a record", text);
		return;
	}
	if (!nonce || strcmp(line.nonce, nonce) != 0) {
		_cleanup_free_ char *warning = NULL;

		if (asprintf(&warning, "a record with a foreign nonce was ignored: %.80s", text) < 0)
			warning = NULL;
		clean(warning);
		json_array_append_new(j->warnings, json_string(warning ? warning : ""));
		return;
	}
	if (line.seq != j->next_seq)
		judge_finding(j, FINDING_RECORDS, true, "record %llu came instead of record %llu",
			      (unsigned long long)line.seq, (unsigned long long)j->next_seq);
	j->next_seq = line.seq + 1;
	if (j->clock_ms < 0)
		j->clock_ms = t_ms - (int64_t)line.mono_ms;
	accept_record(j, &line, t_ms);
}

static bool allowed(const struct judge *j, const char *line)
{
	const json_t *allow = json_object_get(j->run, "allow");
	size_t i;
	json_t *a;

	json_array_foreach(allow, i, a)
	{
		if (json_is_string(a) && strstr(line, json_string_value(a)))
			return true;
	}
	return false;
}

int judge_console_said(const struct judge *j, const char *name)
{
	return (int)json_integer_value(json_object_get(j->sentinels, name));
}

static void on_sentinel(struct judge *j, const struct console_sentinel *s)
{
	int said = judge_console_said(j, s->name) | (s->pass ? SENTINEL_PASS : SENTINEL_FAIL);

	if (json_object_size(j->sentinels) < CHECKS_MAX)
		json_object_set_new(j->sentinels, s->name, json_integer(said));
}

static void on_console(struct judge *j, const char *line)
{
	struct console_sentinel s;

	switch (console_classify(line, &s)) {
	case CONSOLE_SENTINEL:
		on_sentinel(j, &s);
		break;
	case CONSOLE_OOPS:
		if (!allowed(j, line))
			judge_finding(j, FINDING_CONSOLE, false, "%.200s", line);
		break;
	case CONSOLE_PANIC:
		if (!j->panic_line)
			judge_set_text(&j->panic_line, line);
		break;
	case CONSOLE_PLAIN:
	case CONSOLE_CLASSES:
		break;
	}
}

static void on_qmp(struct judge *j, const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "event"));

	if (!name || j->end != END_NONE)
		return;
	if (strcmp(name, "GUEST_PANICKED") == 0)
		j->end = END_PANIC;
	else if (strcmp(name, "WATCHDOG") == 0)
		j->end = END_WATCHDOG;
	else if (strcmp(name, "SHUTDOWN") == 0 &&
		 json_is_true(json_object_get(json_object_get(event, "data"), "guest")))
		j->end = END_SHUTDOWN;
}

static void on_stop(struct judge *j, const char *reason)
{
	static const struct {
		const char *reason;
		enum outcome_end end;
	} stops[] = {
	    {"bye", END_HOST_DONE},
	    {"fail-fast", END_FAIL_FAST},
	    {"interrupt", END_INTERRUPT},
	    {"flood", END_FLOOD},
	};
	for (size_t i = 0; i < ARRAY_SIZE(stops) && j->end == END_NONE; i++) {
		if (reason && strcmp(reason, stops[i].reason) == 0)
			j->end = stops[i].end;
	}
}

static void on_exit_event(struct judge *j, const json_t *event, int64_t t_ms)
{
	j->exit_ms = t_ms;
	if (json_is_true(json_object_get(event, "killed")))
		j->exit = EXIT_KILLED;
	else if (json_is_integer(json_object_get(event, "code")) &&
		 json_integer_value(json_object_get(event, "code")) == 0)
		j->exit = EXIT_CLEAN;
	else
		j->exit = EXIT_FAILED;
}

void judge_feed(struct judge *j, const json_t *event)
{
	const char *ev = json_string_value(json_object_get(event, "ev"));
	int64_t t_ms = json_integer_value(json_object_get(event, "t_ms"));
	const char *line = json_string_value(json_object_get(event, "line"));
	const char *text = json_string_value(json_object_get(event, "text"));

	if (!ev || j->finished)
		return;
	j->last_ms = t_ms;
	if (strcmp(ev, "run") == 0) {
		json_decref(j->run);
		j->run = json_deep_copy(event);
	} else if (strcmp(ev, "started") == 0) {
		j->started = true;
		j->started_ms = t_ms;
	} else if (strcmp(ev, "record") == 0 && line) {
		on_record(j, line, t_ms);
	} else if (strcmp(ev, "console") == 0 && line) {
		on_console(j, line);
	} else if (strcmp(ev, "artifact") == 0) {
		const char *error = json_string_value(json_object_get(event, "error"));
		json_array_append_new(j->artifacts, json_deep_copy(event));
		if (error)
			judge_finding(j, FINDING_ARTIFACT, false, "artifact %s was lost: %s",
				      json_string_value(json_object_get(event, "name")), error);
	} else if (strcmp(ev, "qmp") == 0) {
		on_qmp(j, event);
	} else if (strcmp(ev, "stderr") == 0) {
		judge_set_text(&j->last_stderr, line);
	} else if (strcmp(ev, "timeout") == 0) {
		judge_set_text(&j->timeout_text, text);
		if (j->end == END_NONE)
			j->end = END_DEADLINE;
	} else if (strcmp(ev, "stop") == 0) {
		judge_set_text(&j->stop_reason, json_string_value(json_object_get(event, "reason")));
		on_stop(j, j->stop_reason);
	} else if (strcmp(ev, "exit") == 0) {
		on_exit_event(j, event, t_ms);
	} else if (strcmp(ev, "error") == 0) {
		judge_set_text(&j->error, text);
	}
}

const struct judge_check *judge_running(const struct judge *j)
{
	for (size_t i = 0; i < j->checks_count; i++) {
		if (j->checks[i].state == CHECK_RUNNING)
			return &j->checks[i];
	}
	return NULL;
}

bool judge_failing(const struct judge *j)
{
	for (size_t i = 0; i < j->checks_count; i++) {
		if (j->checks[i].state == CHECK_FAIL)
			return true;
	}
	return false;
}

int64_t judge_check_ms(const struct judge_check *c)
{
	if (c->guest_ms >= 0)
		return c->guest_ms;
	return c->begin_ms >= 0 && c->end_ms >= 0 ? c->end_ms - c->begin_ms : -1;
}
