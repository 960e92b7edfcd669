/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_JUDGE_H
#define VMRUN_JUDGE_H
/*
 * The judge: takes events (events.h) in order and decides the verdict of the run.
 * It does no input or output and reads no clock, so a live run and its replayed
 * recording get the same verdict.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmrun/outcome.h"

enum check_state { CHECK_PLANNED, CHECK_RUNNING, CHECK_PASS, CHECK_FAIL };

struct judge_check {
	char *name, *reason;
	enum check_state state;
	bool unplanned;
	bool told;		  /* the runner's: its end was shown */
	int64_t begin_ms, end_ms; /* on the host's clock, since launch; -1: not yet */
	int64_t guest_ms;	  /* the duration that the guest reported; -1: none */
	int64_t timeout_ms;	  /* of a running check; 0: none given */
	int64_t load_ms;	  /* of the load that it lasts for; 0: none given */
};

/* A fault that the harness itself found in the run, reported as one more test. */
struct judge_finding {
	const char *name;
	char *text;
	bool voids; /* the results cannot be trusted: no verdict */
};

/* The console's verdict on a name. It may arrive before the record, so both are compared at the end. */
#define SENTINEL_PASS 1
#define SENTINEL_FAIL 2

struct judge {
	json_t *sentinels; /* name -> SENTINEL_* bits */
	json_t *run;	   /* the "run" event */
	struct judge_check *checks;
	size_t checks_count;
	struct judge_finding *findings;
	size_t findings_count;
	json_t *metrics;	      /* name -> number or string, in order of arrival */
	json_t *artifacts, *warnings; /* arrays: objects, strings */
	char *last_note;	      /* the last NOTE or HEARTBEAT, for people */
	unsigned int notes;
	char *timeout_text, *error, *last_stderr, *panic_line, *stop_reason;
	uint64_t next_seq;
	bool planned, bye, interrupted, started;
	enum check_state overall;			       /* CHECK_PLANNED: no OVERALL record */
	int64_t started_ms, plan_ms, bye_ms, exit_ms, last_ms; /* -1: did not happen */
	int64_t clock_ms; /* when the guest's clock began, on the host's; -1: no record came */
	enum outcome_end end;
	enum outcome_exit exit;
	/* Filled in by judge_finish(). */
	enum outcome_verdict verdict;
	char *reason; /* one sentence */
	bool finished;
};

void judge_init(struct judge *j);
void judge_free(struct judge *j);
void judge_feed(struct judge *j, const json_t *event);
/* Decide the verdict; feed no event after it. */
void judge_finish(struct judge *j);

/* ---- shared by judge.c and verdict.c ---- */

/* Names of findings. */
#define FINDING_ASSERT	  "harness.assert"
#define FINDING_AGREEMENT "harness.channel_agreement"
#define FINDING_ARTIFACT  "harness.artifact"
#define FINDING_CONSOLE	  "harness.console"
#define FINDING_OVERALL	  "harness.overall"
#define FINDING_PLAN	  "harness.plan"
#define FINDING_RECORDS	  "harness.records"

/* The sentinel name of the whole run. */
#define SENTINEL_OVERALL "OVERALL"

/* Add a finding; a flood of findings is cut. `name` must outlive the judge. */
void judge_finding(struct judge *j, const char *name, bool voids, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
struct judge_check *judge_find_check(struct judge *j, const char *name);
/* Return the SENTINEL_* bits of a name. */
int judge_console_said(const struct judge *j, const char *name);
/* Replace *to by a copy of a text of the guest, cleaned for terminals and for JSON. */
void judge_set_text(char **to, const char *text);

/* Compare the guest's figures with the asserts of the flavor (asserts.c). */
void judge_asserts(struct judge *j);

/* ---- for the runner and its reports ---- */

/* Return the first of the checks that run now, or NULL. */
const struct judge_check *judge_running(const struct judge *j);
/* Return true when the run can no longer pass because a check has failed. */
bool judge_failing(const struct judge *j);
/* Return a check's duration for people: the guest's, else the host's; -1 when unknown. */
int64_t judge_check_ms(const struct judge_check *c);

#endif
