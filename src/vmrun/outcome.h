/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_OUTCOME_H
#define VMRUN_OUTCOME_H
/*
 * The table of outcomes: end of the machine x last record x end of the process ->
 * verdict. A pass requires positive proof; a run that merely went silent never
 * passes. Pure functions; outcome.c has the rows.
 */

/* The end of the machine, from QMP events and the host's own actions. */
enum outcome_end {
	END_NONE,	 /* no event */
	END_SHUTDOWN,	 /* SHUTDOWN by the guest: power-off or reset */
	END_PANIC,	 /* GUEST_PANICKED, or a panic line on the console before a reset */
	END_WATCHDOG,	 /* WATCHDOG */
	END_DEADLINE,	 /* a deadline passed, the host ended the run */
	END_HOST_DONE,	 /* the host ended the run after BYE */
	END_FAIL_FAST,	 /* the host ended the run at the first failed check */
	END_FLOOD,	 /* the host ended the run because the guest sent more than EVENTS_GUEST_MAX */
	END_INTERRUPT,	 /* the user ended the run */
	END_NOT_STARTED, /* the guest's first instruction was never reached */
	OUTCOME_ENDS
};

/* The last record that counts. */
enum outcome_last { LAST_NOTHING, LAST_PLAN, LAST_OVERALL, LAST_BYE, OUTCOME_LASTS };

enum outcome_exit {
	EXIT_UNKNOWN, /* the recording ends before the process */
	EXIT_CLEAN,
	EXIT_FAILED, /* status other than 0, or a signal not sent by the host */
	EXIT_KILLED, /* by the host */
	OUTCOME_EXITS
};

/* The values are the runner's exit statuses. With VERDICT_RESULTS the checks decide. */
enum outcome_verdict {
	VERDICT_PASS = 0,
	VERDICT_FAIL = 1,
	VERDICT_NONE = 2,
	VERDICT_NOT_RUN = 3,
	VERDICT_RESULTS
};

struct outcome_row {
	unsigned int ends, lasts, exits; /* bit sets of the enums above */
	enum outcome_verdict verdict;
	const char *text;
};

/* Return the first row that matches; never NULL. */
const struct outcome_row *outcome_lookup(enum outcome_end end, enum outcome_last last,
					 enum outcome_exit exit);
/* Return "pass", "fail", "no verdict" or "could not run". */
const char *outcome_verdict_name(enum outcome_verdict v);

#endif
