/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmrun/artifact.h"
#include "vmrun/console.h"
#include "vmrun/crc32c.h"
#include "vmrun/deadline.h"
#include "vmrun/events.h"
#include "vmrun/flavor.h"
#include "vmrun/judge.h"
#include "vmrun/metric.h"
#include "vmrun/ports.h"
#include "vmrun/result_line.h"

static void test_crc32c(void **state)
{
	uint8_t zeros[32] = {0}, ones[32];

	/* RFC 3720, B.4. */
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283);
}

static void test_record_round_trip(void **state)
{
	struct result_line in = {.nonce = "n0", .seq = 7, .mono_ms = 1234, .verb = RESULT_END, .pairs = 4};
	static struct result_line out;
	char text[RESULT_LINE_MAX];

	in.pair[0] = (struct result_pair){"check", "NS_X"};
	in.pair[1] = (struct result_pair){"verdict", "FAIL"};
	in.pair[2] = (struct result_pair){"empty", ""};
	in.pair[3] = (struct result_pair){"reason", "a \"quote\", a \\, a\nline, \x1b and \xc3\xa9"};
	int n = result_line_format(&in, text);
	assert_true(n > 0);
	assert_int_equal(text[n - 1], '\n');
	for (int i = 0; i < n - 1; i++)
		assert_true(text[i] >= ' ' && text[i] <= '~');
	assert_int_equal(result_line_parse(text, n - 1, &out), 0);
	assert_string_equal(out.nonce, "n0");
	assert_int_equal(out.seq, 7);
	assert_int_equal(out.mono_ms, 1234);
	assert_int_equal(out.verb, RESULT_END);
	for (size_t i = 0; i < in.pairs; i++)
		assert_string_equal(result_line_get(&out, in.pair[i].key), in.pair[i].value);
	assert_null(result_line_get(&out, "absent"));

	text[n - 3] ^= 1;
	assert_int_equal(result_line_parse(text, n - 1, &out), -EBADMSG);
}

/* Frame `rest` with a valid check sum. */
static void frame(char *to, size_t cap, const char *nonce, int seq, const char *rest)
{
	snprintf(to, cap, "XR %s %d 5 %08x %s", nonce, seq, crc32c(0, rest, strlen(rest)), rest);
}

static void test_record_malformed(void **state)
{
	static const char *const rests[] = {"NOVERB a=b",   "END novalue",  "END =x",
					    "END a=\"open", "END a=\"x\"y", "END a=\"\\q\""};
	static struct result_line out;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		frame(text, sizeof(text), "n", 0, rests[i]);
		assert_int_equal(result_line_parse(text, strlen(text), &out), -EINVAL);
	}
	assert_int_equal(result_line_parse("hello", 5, &out), -ENOENT);
	assert_int_equal(result_line_parse("XR n 1", 6, &out), -EINVAL);
	assert_int_equal(result_line_parse("XR n x 1 0 BYE", 14, &out), -EINVAL);
	assert_int_equal(result_line_parse("XR n 1 1 0 BYE", 14, &out), -EBADMSG);
}

static void test_record_too_long(void **state)
{
	static char value[RESULT_LINE_MAX];
	struct result_line in = {.nonce = "n", .verb = RESULT_NOTE, .pairs = 1};
	char text[RESULT_LINE_MAX];

	memset(value, 'x', sizeof(value) - 1);
	in.pair[0] = (struct result_pair){"text", value};
	assert_int_equal(result_line_format(&in, text), -EMSGSIZE);
}

struct lines {
	char text[16][128];
	size_t n;
};

static void collect(const char *line, size_t len, void *data)
{
	struct lines *l = data;

	assert_int_equal(strlen(line), len);
	if (l->n < ARRAY_SIZE(l->text))
		snprintf(l->text[l->n], sizeof(l->text[0]), "%.127s", line);
	l->n++;
}

static void test_lines(void **state)
{
	static const char stream[] = "one\r\n\033[1;32mgreen\033[0m\033]0;title\007 two\nb\x01\xff\n\nlast";
	static const char *const want[] = {"one", "green two", "b??", "", "last"};

	/* In one piece, and byte by byte: the end of a read must not matter. */
	for (size_t step = 1; step <= sizeof(stream); step += sizeof(stream) - 1) {
		struct lines l = {.n = 0};
		struct line_reader *r = line_reader_new(collect, &l);
		for (size_t at = 0; at < sizeof(stream) - 1; at += step)
			line_reader_feed(r, stream + at,
					 step < sizeof(stream) - 1 ? step : sizeof(stream) - 1);
		line_reader_finish(r);
		line_reader_free(r);
		assert_int_equal(l.n, ARRAY_SIZE(want));
		for (size_t i = 0; i < l.n; i++)
			assert_string_equal(l.text[i], want[i]);
	}
}

static void test_endless_line(void **state)
{
	static char much[3 * CONSOLE_LINE_MAX];
	struct lines l = {.n = 0};
	struct line_reader *r = line_reader_new(collect, &l);

	memset(much, 'x', sizeof(much));
	line_reader_feed(r, much, sizeof(much));
	line_reader_finish(r);
	line_reader_free(r);
	assert_true(l.n == 3 || l.n == 4);
}

static void test_sentinels(void **state)
{
	static const struct {
		const char *line, *name;
		bool pass;
	} good[] = {
	    {"XTCP2_SELF_TEST_NETLINK_PASS", "NETLINK", true},
	    {"[   12.345678] XTCP2_SELF_TEST_NS_TRAFFIC_FAIL no packets", "NS_TRAFFIC", false},
	    {"[ts] selftest[123]: XTCP2_SELF_TEST_OVERALL_PASS", "OVERALL", true},
	    {"XTCP2_SELF_TEST_ XTCP2_SELF_TEST_A_PASS", "A", true},
	};
	static const char *const plain[] = {
	    "XTCP2_SELF_TEST_NETLINK_PASSED", "MYXTCP2_SELF_TEST_NETLINK_PASS",	   "XTCP2_SELF_TEST_PASS",
	    "XTCP2_SELF_TEST__PASS",	      "echo XTCP2_SELF_TEST_${name}_PASS", ""};
	struct console_sentinel s;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(console_classify(good[i].line, &s), CONSOLE_SENTINEL);
		assert_string_equal(s.name, good[i].name);
		assert_int_equal(s.pass, good[i].pass);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		assert_int_equal(console_classify(plain[i], &s), CONSOLE_PLAIN);
	assert_int_equal(console_classify("[ 1.0] Kernel panic - not syncing: x", &s), CONSOLE_PANIC);
	assert_int_equal(console_classify("watchdog: BUG: soft lockup - CPU#1 stuck", &s), CONSOLE_OOPS);
	assert_int_equal(console_classify("xtcp2[9]: segfault at 0 ip 00", &s), CONSOLE_OOPS);
	assert_int_equal(console_classify("Out of memory: Killed process 12 (xtcp2)", &s), CONSOLE_OOPS);
}

static void test_outcomes(void **state)
{
	/* A pass is possible only if the results were delivered, or a failed check stopped the run. */
	for (int e = 0; e < OUTCOME_ENDS; e++) {
		for (int l = 0; l < OUTCOME_LASTS; l++) {
			for (int x = 0; x < OUTCOME_EXITS; x++) {
				const struct outcome_row *row = outcome_lookup(e, l, x);
				assert_non_null(row->text);
				assert_int_not_equal(row->verdict, VERDICT_PASS);
				if (row->verdict == VERDICT_RESULTS)
					assert_true(
					    e == END_FAIL_FAST ||
					    (l == LAST_BYE && (e == END_SHUTDOWN || e == END_HOST_DONE)));
			}
		}
	}
	assert_int_equal(outcome_lookup(END_SHUTDOWN, LAST_BYE, EXIT_CLEAN)->verdict, VERDICT_RESULTS);
	assert_int_equal(outcome_lookup(END_SHUTDOWN, LAST_OVERALL, EXIT_CLEAN)->verdict, VERDICT_NONE);
	assert_int_equal(outcome_lookup(END_SHUTDOWN, LAST_BYE, EXIT_FAILED)->verdict, VERDICT_NONE);
	assert_int_equal(outcome_lookup(END_PANIC, LAST_BYE, EXIT_KILLED)->verdict, VERDICT_NONE);
	assert_int_equal(outcome_lookup(END_DEADLINE, LAST_PLAN, EXIT_KILLED)->verdict, VERDICT_NONE);
	assert_int_equal(outcome_lookup(END_NOT_STARTED, LAST_NOTHING, EXIT_FAILED)->verdict,
			 VERDICT_NOT_RUN);
	assert_int_equal(outcome_lookup(END_NONE, LAST_BYE, EXIT_UNKNOWN)->verdict, VERDICT_NONE);
}

#define DATA "tests/data/vmrun/"

static void test_replay(void **state)
{
	static const struct {
		const char *file;
		enum outcome_verdict verdict;
		const char *reason; /* part of it */
	} runs[] = {
	    {DATA "good.jsonl", VERDICT_PASS, "2 of 2 checks passed"},
	    {DATA "failing.jsonl", VERDICT_FAIL, "1 of 2 checks did not pass"},
	    {DATA "lying.jsonl", VERDICT_FAIL, "claims OVERALL PASS"},
	    {DATA "disagreeing.jsonl", VERDICT_FAIL, "the record says PASS, the console FAIL"},
	    {DATA "panicking.jsonl", VERDICT_NONE, "kernel panic"},
	    {DATA "hanging.jsonl", VERDICT_NONE, "during check ONE"},
	    {DATA "early_off.jsonl", VERDICT_NONE, "in the middle of its self-test"},
	    {DATA "no_bye.jsonl", VERDICT_NONE, "before it had sent all"},
	    {DATA "truncated.jsonl", VERDICT_NONE, "the recording ends"},
	    {DATA "bad_crc.jsonl", VERDICT_NONE, "wrong check sum"},
	    {DATA "seq_gap.jsonl", VERDICT_NONE, "cannot be trusted"},
	    {DATA "forged.jsonl", VERDICT_PASS, "2 of 2"},
	    {DATA "oops.jsonl", VERDICT_FAIL, "soft lockup"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct judge j;
		judge_init(&j);
		assert_int_equal(events_replay(runs[i].file, &j), 0);
		judge_finish(&j);
		if (j.verdict != runs[i].verdict || !j.reason || !strstr(j.reason, runs[i].reason))
			fail_msg("%s: verdict %d, reason: %s", runs[i].file, j.verdict, j.reason);
		judge_free(&j);
	}
}

/* Feed one event of a hand-made run. */
static void feed(struct judge *j, json_t *event)
{
	judge_feed(j, event);
	json_decref(event);
}

static void feed_record(struct judge *j, int seq, const char *rest)
{
	char text[512];

	frame(text, sizeof(text), "n", seq, rest);
	feed(j, json_pack("{s:s, s:i, s:s}", "ev", "record", "t_ms", 10 * seq, "line", text));
}

static void begin_run(struct judge *j, const char *allow)
{
	judge_init(j);
	feed(j, json_pack("{s:s, s:s, s:s, s:[s], s:[s]}", "ev", "run", "flavor", "f", "nonce", "n", "checks",
			  "A", "allow", allow));
	feed(j, json_pack("{s:s, s:i}", "ev", "started", "t_ms", 1));
}

static void end_run(struct judge *j)
{
	feed(j, json_pack("{s:s, s:s, s:{s:b}}", "ev", "qmp", "event", "SHUTDOWN", "data", "guest", 1));
	feed(j, json_pack("{s:s, s:i, s:b}", "ev", "exit", "code", 0, "killed", 0));
	judge_finish(j);
}

static void console(struct judge *j, const char *line)
{
	feed(j, json_pack("{s:s, s:s}", "ev", "console", "line", line));
}

/* The console may be ahead of the records, and an allowed line of trouble does not count. */
static void test_judge_order_and_allow_list(void **state)
{
	struct judge j;

	begin_run(&j, "known trouble");
	console(&j, "XTCP2_SELF_TEST_A_PASS");
	console(&j, "XTCP2_SELF_TEST_OVERALL_PASS");
	console(&j, "BUG: known trouble");
	feed_record(&j, 0, "PLAN checks=A");
	feed_record(&j, 1, "BEGIN check=A timeout_ms=5");
	feed_record(&j, 2, "METRIC rows=12 rate=1.5 name=x");
	feed_record(&j, 3, "END check=A verdict=PASS ms=77");
	feed_record(&j, 4, "HEARTBEAT rows=12 text=\"all is well\"");
	assert_string_equal(j.last_note, "rows 12, all is well");
	feed_record(&j, 5, "OVERALL verdict=PASS");
	feed_record(&j, 6, "BYE");
	end_run(&j);
	assert_int_equal(j.verdict, VERDICT_PASS);
	assert_int_equal(judge_check_ms(&j.checks[0]), 77);
	assert_int_equal(json_integer_value(json_object_get(j.metrics, "rows")), 12);
	assert_true(json_is_real(json_object_get(j.metrics, "rate")));
	assert_true(json_is_string(json_object_get(j.metrics, "name")));
	judge_free(&j);
}

/* A guest that plans fewer checks than the flavor, or ends a check outside the plan, fails. */
static void test_judge_plan(void **state)
{
	struct judge j;

	begin_run(&j, "-");
	feed_record(&j, 0, "PLAN checks=B");
	feed_record(&j, 1, "END check=B verdict=PASS");
	feed_record(&j, 2, "END check=C verdict=PASS");
	feed_record(&j, 3, "OVERALL verdict=PASS");
	feed_record(&j, 4, "BYE");
	for (int i = 0; i < 3; i++)
		console(&j, ((const char *[]){"XTCP2_SELF_TEST_B_PASS", "XTCP2_SELF_TEST_C_PASS",
					      "XTCP2_SELF_TEST_OVERALL_PASS"})[i]);
	end_run(&j);
	assert_int_equal(j.verdict, VERDICT_FAIL);
	assert_int_equal(j.findings_count, 2);
	assert_string_equal(j.findings[0].name, "harness.plan");
	judge_free(&j);
}

/* Invalid names of a guest are findings: they must neither add lines to reports nor vanish in them. */
static void test_judge_hostile_names(void **state)
{
	struct judge j;

	begin_run(&j, "-");
	feed_record(&j, 0, "PLAN checks=\"A,B\\nok 7 - C\"");
	feed_record(&j, 1, "END check=\"\\xff\" verdict=FAIL");
	feed_record(&j, 2, "END check=A verdict=PASS reason=\"\\x1b[2J\\xff\"");
	feed_record(&j, 3, "METRIC \"a b\"=1 huge=1e999");
	feed_record(&j, 4, "OVERALL verdict=PASS");
	feed_record(&j, 5, "BYE");
	end_run(&j);
	assert_int_equal(j.verdict, VERDICT_FAIL);
	assert_int_equal(j.checks_count, 1);
	assert_string_equal(j.checks[0].reason, " [2J?");
	assert_string_equal(json_string_value(json_object_get(j.metrics, "huge")), "1e999");
	for (size_t i = 0; i < j.findings_count; i++) {
		json_t *text = json_string(j.findings[i].text);
		assert_non_null(text);
		assert_null(strpbrk(j.findings[i].text, "\n\x1b"));
		json_decref(text);
	}
	judge_free(&j);
}

/* Feed a run in which every check passes, with these figures, of a flavor with these asserts (JSON). */
static void run_with_figures(struct judge *j, const char *asserts, const char *figures)
{
	char record[256];
	json_t *list = json_loads(asserts, 0, NULL);

	begin_run(j, "-");
	json_object_set_new(j->run, "asserts", list);
	json_object_set_new(j->run, "tunables", json_pack("{s:i}", "disk_max", 85));
	snprintf(record, sizeof(record), "METRIC %s", figures);
	feed_record(j, 0, "PLAN checks=A");
	feed_record(j, 1, "BEGIN check=A timeout_ms=5");
	feed_record(j, 2, record);
	feed_record(j, 3, "END check=A verdict=PASS ms=1");
	feed_record(j, 4, "OVERALL verdict=PASS");
	feed_record(j, 5, "BYE");
	console(j, "XTCP2_SELF_TEST_A_PASS");
	console(j, "XTCP2_SELF_TEST_OVERALL_PASS");
	end_run(j);
}

/* The host compares figures itself: a guest whose checks pass in spite of bad figures fails. */
static void test_judge_asserts(void **state)
{
	static const struct {
		const char *asserts, *figures, *reason; /* NULL: the run passes */
	} rows[] = {
	    {"[]", "x=1", NULL},
	    {"[{\"figure\": \"rows\", \"equals\": \"acknowledged\"}]", "rows=30 acknowledged=30", NULL},
	    {"[{\"figure\": \"rows\", \"equals\": \"acknowledged\"}]", "rows=29 acknowledged=30",
	     "rows is 29, asserted: equals acknowledged = 30"},
	    {"[{\"figure\": \"rows\", \"equals\": \"acknowledged\"}]", "rows=30", "no figure acknowledged"},
	    {"[{\"figure\": \"rows\", \"equals\": \"acknowledged\"}]", "rows=many acknowledged=30",
	     "no figure rows"},
	    {"[{\"figure\": \"last\", \"above\": \"first\"}]", "first=5 last=6", NULL},
	    {"[{\"figure\": \"last\", \"above\": \"first\"}]", "first=5 last=5", "above first = 5"},
	    {"[{\"figure\": \"errors\", \"equals\": 0}]", "errors=0", NULL},
	    {"[{\"figure\": \"errors\", \"equals\": 0}]", "errors=1", "errors is 1"},
	    {"[{\"figure\": \"disk\", \"below\": \"disk_max\"}]", "disk=84", NULL},
	    {"[{\"figure\": \"disk\", \"below\": \"disk_max\"}]", "disk=85", "below disk_max = 85"},
	    {"[{\"figure\": \"seconds\", \"at_most\": 240}]", "seconds=240", NULL},
	    {"[{\"figure\": \"seconds\", \"at_most\": 240}]", "seconds=241", "seconds is 241"},
	    {"[{\"figure\": \"seconds\"}]", "seconds=1", "names no figure or no bound"},
	    {"[\"all_is_well\"]", "x=1", "names no figure or no bound"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct judge j;
		run_with_figures(&j, rows[i].asserts, rows[i].figures);
		bool good = rows[i].reason ? j.verdict == VERDICT_FAIL && strstr(j.reason, rows[i].reason)
					   : j.verdict == VERDICT_PASS;
		if (!good)
			fail_msg("%s, %s: verdict %d, reason: %s", rows[i].asserts, rows[i].figures,
				 j.verdict, j.reason);
		judge_free(&j);
	}
}

/* Every assert of the flavors has a figure, a relation and a bound. */
static void test_asserts_of_flavors(void **state)
{
	json_t *root = json_load_file("nix/microvms/flavors.json", 0, NULL), *flavor;
	size_t i, k;

	assert_non_null(root);
	json_array_foreach(json_object_get(root, "flavors"), i, flavor)
	{
		struct judge j;
		begin_run(&j, "-");
		json_object_set(j.run, "asserts", json_object_get(flavor, "asserts"));
		judge_asserts(&j);
		for (k = 0; k < j.findings_count; k++)
			assert_null(strstr(j.findings[k].text, "names no figure"));
		judge_free(&j);
	}
	json_decref(root);
}

static void test_deadlines(void **state)
{
	struct limits l = {.scale_percent = 200, .run_ms = 600000};
	char text[DEADLINE_TEXT_MAX];
	struct judge j;

	judge_init(&j);
	assert_int_equal(deadline_passed(&j, &l, 29000, 0, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 31000, 0, text), DEADLINE_GREETING);
	judge_free(&j);

	begin_run(&j, "-");
	assert_int_equal(deadline_passed(&j, &l, 89000, 0, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 91000, 0, text), DEADLINE_PROGRESS);
	assert_int_equal(deadline_passed(&j, &l, 91000, 2000, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 181000, 180000, text), DEADLINE_BOOT);
	feed_record(&j, 0, "PLAN checks=A");
	feed_record(&j, 1, "BEGIN check=A timeout_ms=200000");
	/* Silence is no time-out while a check with a limit runs. */
	assert_int_equal(deadline_passed(&j, &l, 229000, 0, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 231000, 0, text), DEADLINE_CHECK);
	assert_non_null(strstr(text, "check A"));
	judge_free(&j);

	/* Of checks side by side each has its own limit, whichever began first. */
	begin_run(&j, "-");
	feed_record(&j, 0, "PLAN checks=A,B");
	feed_record(&j, 1, "BEGIN check=A timeout_ms=200000");
	feed_record(&j, 2, "BEGIN check=B timeout_ms=100000");
	assert_int_equal(deadline_passed(&j, &l, 129000, 0, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 131000, 0, text), DEADLINE_CHECK);
	assert_non_null(strstr(text, "check B"));
	feed_record(&j, 3, "END check=B verdict=PASS");
	assert_int_equal(deadline_passed(&j, &l, 131000, 0, text), DEADLINE_NONE);
	feed_record(&j, 4, "END check=A verdict=PASS");
	feed_record(&j, 5, "BYE");
	assert_int_equal(deadline_passed(&j, &l, 40000, 0, text), DEADLINE_NONE);
	assert_int_equal(deadline_passed(&j, &l, 41000, 0, text), DEADLINE_POWER_OFF);
	assert_int_equal(deadline_passed(&j, &l, 600001, 0, text), DEADLINE_RUN);
	judge_free(&j);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_flavors(void **state)
{
#define ROW "\"memory_mib\":256,\"vcpus\":1,\"timeout_s\":9,\"checks\":[\"A\"]"
	static const struct {
		const char *text, *name, *error;
	} bad[] = {
	    {"[{]", "a", "flavors:1: "},
	    {"{}", "a", "not an array"},
	    {"[{\"name\":\"x\"},{\"name\":\"y\"}]", "a", "unknown flavor 'a'; known flavors: x y"},
	    {"[{\"name\":\"a\"," ROW ",\"vcpus\":0}]", "a", "duplicate"},
	    {"[{\"name\":\"a\",\"memory_mib\":1}]", "a", "memory_mib"},
	    {"[{\"name\":\"a\"," ROW ",\"forwards\":[{\"name\":\"m\",\"host\":0,\"guest\":1}]}]", "a",
	     "a forward needs"},
	};
	char path[] = "/tmp/xtcp2-test-flavors-XXXXXX", error[FLAVOR_ERROR_MAX];
	struct flavor f;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *want = i == 0 ? ":1: " : bad[i].error;
		write_file(path, bad[i].text);
		assert_true(flavor_load(&f, path, bad[i].name, error) < 0);
		if (!strstr(error, want))
			fail_msg("row %zu: %s", i, error);
	}
	write_file(path, "{\"flavors\":[{\"name\":\"a\"," ROW
			 ",\"forwards\":[{\"name\":\"m\",\"host\":9088,\"guest\":88}]}]}");
	assert_int_equal(flavor_load(&f, path, "a", error), 0);
	assert_int_equal(f.memory_mib, 256);
	assert_int_equal(f.forwards_count, 1);
	assert_int_equal(f.forwards[0].host, 9088);
	assert_false(f.stays);
	flavor_free(&f);
	write_file(path, "{\"flavors\":[{\"name\":\"a\",\"stays\":true," ROW
			 ",\"forwards\":[{\"name\":\"g\",\"host\":13000,\"guest\":3000,\"only\":\"nix\"},"
			 "{\"name\":\"m\",\"host\":9088,\"guest\":88}]}]}");
	assert_int_equal(flavor_load(&f, path, "a", error), 0);
	assert_true(f.stays);
	assert_int_equal(f.forwards_count, 2);
	flavor_as_debian(&f);
	assert_int_equal(f.forwards_count, 1);
	assert_string_equal(f.forwards[0].name, "m");
	flavor_without_checks(&f);
	assert_int_equal(json_array_size(f.checks), 0);
	flavor_free(&f);
	unlink(path);
	assert_true(flavor_load(&f, path, "a", error) < 0);
}

static void test_usernet(void **state)
{
	static const char text[] =
	    "Hub -1 (n0):\r\n"
	    "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
	    "  TCP[HOST_FORWARD]  15       127.0.0.1 26833       10.0.2.15  9088     0     0\r\n"
	    "  TCP[HOST_FORWARD]  16       127.0.0.1  8889       10.0.2.15    80     0     0\r\n";

	assert_int_equal(port_from_usernet(text, 9088), 26833);
	assert_int_equal(port_from_usernet(text, 80), 8889);
	assert_int_equal(port_from_usernet(text, 81), 0);
}

static void keep_result(const struct artifact_result *a, void *data)
{
	snprintf(data, 128, "%s %llu %s", a->name, (unsigned long long)a->size,
		 a->error ? a->error : "stored");
}

static void feed_artifact(const char *dir, const char *header, const char *body, char said[static 128])
{
	struct artifacts *a = artifacts_new(dir, "n", keep_result, said);

	said[0] = '\0';
	for (const char *p = header; *p; p++)
		artifacts_feed(a, p, 1);
	artifacts_feed(a, body, strlen(body));
	artifacts_free(a);
}

static void test_artifacts(void **state)
{
	char dir[] = "/tmp/xtcp2-test-artifacts-XXXXXX", path[128], said[128], header[128];

	assert_non_null(mkdtemp(dir));
	snprintf(header, sizeof(header), "XA n data 9 %08x\n", crc32c(0, "123456789", 9));
	feed_artifact(dir, header, "123456789", said);
	assert_string_equal(said, "data 9 stored");
	snprintf(path, sizeof(path), "%s/data", dir);
	assert_int_equal(unlink(path), 0);
	feed_artifact(dir, header, "123456780", said);
	assert_string_equal(said, "data 9 its check sum is wrong");
	feed_artifact(dir, header, "1234", said);
	assert_string_equal(said, "");
	feed_artifact(dir, "XA n ../evil 1 0\n", "x", said);
	assert_non_null(strstr(said, "malformed"));
	feed_artifact(dir, "XA m data 1 0\n", "x", said);
	assert_non_null(strstr(said, "nonce"));
	/* No file of a refused artifact is left. */
	assert_int_equal(rmdir(dir), 0);
}

static void test_metric_sums(void **state)
{
	static const char text[] = "# HELP a_total a_total 7\n"
				   "a_total 1\n"
				   "a_total{kind=\"x y\"} 2\n"
				   "a_total_more 100\n"
				   "a_total{kind=\"z\",other=\"x\"} 4.5e1";
	char *const none[] = {NULL}, *const kind[] = {"kind=\"x y\"", NULL},
		    *const both[] = {"kind=\"z\"", "other=\"x\"", NULL};

	assert_true(metric_sum(text, "a_total", none) == 48);
	assert_true(metric_sum(text, "a_total", kind) == 2);
	assert_true(metric_sum(text, "a_total", both) == 45);
	assert_true(metric_sum(text, "a", none) == 0);
	assert_true(metric_sum("", "a_total", none) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_crc32c),
	    cmocka_unit_test(test_record_round_trip),
	    cmocka_unit_test(test_record_malformed),
	    cmocka_unit_test(test_record_too_long),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_endless_line),
	    cmocka_unit_test(test_sentinels),
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_replay),
	    cmocka_unit_test(test_judge_order_and_allow_list),
	    cmocka_unit_test(test_judge_plan),
	    cmocka_unit_test(test_judge_hostile_names),
	    cmocka_unit_test(test_judge_asserts),
	    cmocka_unit_test(test_asserts_of_flavors),
	    cmocka_unit_test(test_deadlines),
	    cmocka_unit_test(test_flavors),
	    cmocka_unit_test(test_usernet),
	    cmocka_unit_test(test_artifacts),
	    cmocka_unit_test(test_metric_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
