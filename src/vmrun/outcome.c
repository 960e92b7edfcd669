/* SPDX-License-Identifier: MIT */
#include "vmrun/outcome.h"

#include "base/cleanup.h"

#define ANY  (~0u)
#define E(x) (1u << END_##x)
#define L(x) (1u << LAST_##x)
#define X(x) (1u << EXIT_##x)

/* First match wins. */
static const struct outcome_row rows[] = {
    {E(NOT_STARTED), ANY, ANY, VERDICT_NOT_RUN, "the machine could not be started"},
    {E(INTERRUPT), ANY, ANY, VERDICT_NONE, "interrupted"},
    {E(PANIC), ANY, ANY, VERDICT_NONE, "kernel panic"},
    {E(WATCHDOG), ANY, ANY, VERDICT_NONE, "the guest's watchdog fired"},
    {E(FLOOD), ANY, ANY, VERDICT_NONE, "the guest sent more events than the 64 MiB that are kept"},
    {E(DEADLINE), ANY, ANY, VERDICT_NONE, "time-out"},
    {E(FAIL_FAST), ANY, X(CLEAN) | X(KILLED), VERDICT_RESULTS, "stopped at the first failed check"},
    {E(HOST_DONE), L(BYE), X(CLEAN) | X(KILLED) | X(UNKNOWN), VERDICT_RESULTS,
     "the self-test ran to its end"},
    {E(SHUTDOWN), L(BYE), X(CLEAN) | X(KILLED), VERDICT_RESULTS, "the self-test ran to its end"},
    {ANY, ANY, X(FAILED), VERDICT_NONE, "QEMU ended abnormally"},
    {ANY, ANY, X(UNKNOWN), VERDICT_NONE, "the recording ends before the machine does"},
    {E(SHUTDOWN), L(OVERALL), ANY, VERDICT_NONE,
     "the guest powered off or reset before it had sent all its results"},
    {E(SHUTDOWN), L(PLAN), ANY, VERDICT_NONE,
     "the guest powered off or reset in the middle of its self-test"},
    {E(SHUTDOWN), L(NOTHING), ANY, VERDICT_NONE, "the guest powered off or reset before its self-test began"},
    {ANY, ANY, ANY, VERDICT_NONE, "the machine ended for an unknown reason"},
};

_Static_assert(OUTCOME_ENDS <= 32 && OUTCOME_LASTS <= 32 && OUTCOME_EXITS <= 32, "the bit sets are 32 wide");

const struct outcome_row *outcome_lookup(enum outcome_end end, enum outcome_last last, enum outcome_exit exit)
{
	const struct outcome_row *row = rows;

	while (!(row->ends & 1u << end && row->lasts & 1u << last && row->exits & 1u << exit))
		row++; /* the last row matches everything */
	return row;
}

const char *outcome_verdict_name(enum outcome_verdict v)
{
	static const char *const names[] = {
	    [VERDICT_PASS] = "pass",	      [VERDICT_FAIL] = "fail",
	    [VERDICT_NONE] = "no verdict",    [VERDICT_NOT_RUN] = "could not run",
	    [VERDICT_RESULTS] = "by results",
	};
	_Static_assert(ARRAY_SIZE(names) == VERDICT_RESULTS + 1, "a verdict has no name");
	return names[v];
}
