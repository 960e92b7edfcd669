/* SPDX-License-Identifier: MIT */
/*
 * A run as the judge sees it: input that begins with '{' is a recording, events.jsonl. In other input each
 * line is output of the guest: after '>' a record (its head is added here), otherwise console output. The
 * reports of the run must be complete, with every check and finding.
 */
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "vmrun/crc32c.h"
#include "vmrun/events.h"
#include "vmrun/judge.h"
#include "vmrun/report.h"

static void feed_line(struct judge *j, const char *ev, const char *line)
{
	json_t *event = json_pack("{s:s, s:I, s:s}", "ev", ev, "t_ms", (json_int_t)1, "line", line);

	if (event) /* text other than UTF-8 cannot be an event */
		judge_feed(j, event);
	json_decref(event);
}

static void feed_guest(struct judge *j, char *text)
{
	json_t *run =
	    json_pack("{s:s, s:s, s:s, s:[s]}", "ev", "run", "nonce", "n", "flavor", "fuzz", "checks", "A");
	unsigned long long seq = 0;
	char *line;

	judge_feed(j, run);
	json_decref(run);
	while ((line = strsep(&text, "\n"))) {
		_cleanup_free_ char *record = NULL;

		if (*line != '>') {
			feed_line(j, "console", line);
			continue;
		}
		int n = asprintf(&record, "XR n %llu 1 %08x %s", seq++,
				 (unsigned)crc32c(0, line + 1, strlen(line + 1)), line + 1);
		assert(n > 0);
		feed_line(j, "record", record);
	}
	json_t *end = json_pack("{s:s, s:i}", "ev", "exit", "code", 0);
	judge_feed(j, end);
	json_decref(end);
}

/* Check that the guest's text neither adds lines nor moves a terminal's cursor. */
static void check_summary(const struct judge *j)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert(f);
	report_summary(f, j, true);
	fclose(f);
	for (size_t i = 0; i < size; i++)
		assert((unsigned char)text[i] >= ' ' || text[i] == '\n');
	free(text);
}

static void check_tap(const struct judge *j, const char *path)
{
	char line[8192];
	size_t tests = 0;
	FILE *f = fopen(path, "r");

	assert(f);
	while (fgets(line, sizeof(line), f))
		tests += strncmp(line, "ok ", 3) == 0 || strncmp(line, "not ok ", 7) == 0;
	fclose(f);
	assert(tests == j->checks_count + j->findings_count + 1);
}

static void check_reports(const struct judge *j)
{
	char path[100];

	int r = report_write(fuzz_directory(), j);
	assert(r == 0);
	snprintf(path, sizeof(path), "%s/results.tap", fuzz_directory());
	check_tap(j, path);
	snprintf(path, sizeof(path), "%s/results.json", fuzz_directory());
	json_t *root = json_load_file(path, 0, NULL);
	assert(root);
	assert(json_array_size(json_object_get(root, "checks")) == j->checks_count);
	assert(json_array_size(json_object_get(root, "findings")) == j->findings_count);
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct judge j;

	if (!size)
		return 0;
	judge_init(&j);
	if (data[0] == '{') {
		FILE *f = fmemopen((void *)data, size, "r");
		assert(f);
		events_replay_stream(f, &j);
		fclose(f);
	} else {
		_cleanup_free_ char *text = fuzz_text(data, size);
		feed_guest(&j, text);
	}
	judge_running(&j);
	judge_failing(&j);
	judge_finish(&j);
	check_reports(&j);
	/* The names of a recorded run are its host's. */
	if (data[0] != '{')
		check_summary(&j);
	judge_free(&j);
	return 0;
}
