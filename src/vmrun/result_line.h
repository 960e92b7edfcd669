/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_RESULT_LINE_H
#define VMRUN_RESULT_LINE_H
/*
 * One record of the results port, as a line of text:
 *
 *	XR <nonce> <seq> <mono_ms> <crc32c of the rest> VERB key=value key="quoted \" value" ...
 *
 * The nonce comes from the host (kernel command line), so that an echoed or
 * replayed log cannot forge a result. seq counts from 0 without gaps; mono_ms is
 * the guest's CLOCK_MONOTONIC. The verbs and their pairs:
 *
 *	PLAN checks=A,B,C              the first record
 *	BEGIN check=A timeout_ms=N [load_ms=M]     the guest itself enforces N; A lasts for a load of M
 *	END check=A verdict=PASS|FAIL ms=N reason="..."
 *	METRIC name=value ...          a figure for the report
 *	NOTE text="..."   HEARTBEAT name=value ...   signs of life
 *	OVERALL verdict=PASS|FAIL
 *	BYE                            last; the host answers RESULT_ACK, then the guest may power off
 *
 * An artifact is sent on a separate port: one header line, then `size` bytes;
 * the host answers RESULT_ACK or RESULT_NAK:
 *
 *	XA <nonce> <name> <size> <crc32c>
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESULT_PORT   "org.xtcp2.result"
#define ARTIFACT_PORT "org.xtcp2.artifact"
#define RESULT_ACK    "ACK\n"
#define RESULT_NAK    "NAK\n"

/* The start of a sentinel on the console, for each check and, with the name OVERALL, for the whole run. */
#define SENTINEL_PREFIX "XTCP2_SELF_TEST_"

#define RESULT_LINE_MAX	 4096 /* with the newline; a line of up to PIPE_BUF is written atomically */
#define RESULT_NONCE_MAX 64
#define RESULT_NAME_MAX	 64 /* a check's name, an artifact's name */
#define RESULT_PAIRS_MAX 32

#define RESULT_VERB_LIST(X) X(PLAN) X(BEGIN) X(END) X(NOTE) X(METRIC) X(HEARTBEAT) X(OVERALL) X(BYE)

enum result_verb {
#define X(v) RESULT_##v,
	RESULT_VERB_LIST(X)
#undef X
	    RESULT_VERBS
};

struct result_pair {
	const char *key, *value;
};

struct result_line {
	char nonce[RESULT_NONCE_MAX];
	uint64_t seq, mono_ms;
	enum result_verb verb;
	size_t pairs;
	struct result_pair pair[RESULT_PAIRS_MAX]; /* point into text */
	char text[RESULT_LINE_MAX];
};

const char *result_verb_name(enum result_verb verb);

/*
 * Format nonce, seq, mono_ms, verb and the pairs of `line`, with a newline and a
 * NUL. Return the length without the NUL, or -EMSGSIZE.
 */
int result_line_format(const struct result_line *line, char out[static RESULT_LINE_MAX]);

/* Parse one line without its newline.
 * 0, -ENOENT (not a record), -EBADMSG (check sum), -EINVAL (malformed). */
int result_line_parse(const char *line, size_t len, struct result_line *out);

/* Return the value of `key`, or NULL. */
const char *result_line_get(const struct result_line *line, const char *key);

/* Return true for a non-empty name of letters, digits, '.', '_' and '-' that does not start with '.' and is
 * shorter than RESULT_NAME_MAX. */
bool result_name_valid(const char *name);

#endif
