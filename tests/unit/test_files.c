/* SPDX-License-Identifier: MIT */
/* Files one after the other: their names, their ends, what is deleted and what is never deleted. */
#include "dest_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>

#include "dest/keep.h"
#include "dest/whole.h"
#include "record/rows.h"

#define DAY_NS (86400 * NS_PER_SEC)

static char dir[64];

static int setup(void **state)
{
	stats_reset();
	snprintf(dir, sizeof(dir), "/tmp/xtcp2-test-files-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

/* A file of `size` bytes that was written `days` ago. */
static void put(const char *name, size_t size, int days)
{
	const char *path = path_of(name);
	_cleanup_fclose_ FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		fputc('x', f);
	fflush(f);
	struct timespec t = {time(NULL) - days * 86400 - 60, 0};
	assert_int_equal(futimens(fileno(f), (struct timespec[]){t, t}), 0);
}

static void parse(struct file_name *f, const char *path)
{
	char error[256] = "";

	if (file_name_parse(f, path, error, sizeof(error)) < 0)
		fail_msg("%s", error);
}

static void names_have_the_time(void **state)
{
	static const struct {
		const char *path, *expanded;
	} cases[] = {
	    {"a", "a"},
	    {"/x/a.csv", "/x/a.csv"},
	    {"%Y%m%d-%H%M%S.csv", "20240229-130709.csv"},
	    {"/x/date=%F/%j-%y-%s%%.gz", "/x/date=2024-02-29/060-24-1709212029%.gz"},
	};
	char path[FILE_PATH_MAX];
	struct file_name f;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(&f, cases[i].path);
		assert_int_equal(file_name_expand(&f, 1709212029 * NS_PER_SEC + 5, path), 0);
		assert_string_equal(path, cases[i].expanded);
		const char *slash = strrchr(path, '/');
		assert_true(file_name_is_own(&f, slash ? slash + 1 : path));
	}
	parse(&f, "/var/%Y/a");
	file_name_fixed(&f, path);
	assert_string_equal(path, "/var");
	parse(&f, "/a");
	file_name_fixed(&f, path);
	assert_string_equal(path, "/");
	parse(&f, "a-%Y");
	file_name_fixed(&f, path);
	assert_string_equal(path, ".");
	parse(&f, "a-%Y%m%d%S");
	assert_false(file_name_moves(&f, 0, DAY_NS - 1));
	assert_true(file_name_moves(&f, 0, DAY_NS));
}

static void bad_names_get_a_clause(void **state)
{
	static const struct {
		const char *path, *says;
	} cases[] = {
	    {"", "has no path"},
	    {"a/", "ends in a directory"},
	    {"a-%h", "has %h in its path"},
	    {"a-%", "has % in its path"},
	    {"%Y/%Y/%Y/%Y/%Y/%Y/%Y/%Y/%Y/%Y/a", "more than 8 directories"},
	};
	struct file_name f;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[256] = "";
		assert_int_equal(file_name_parse(&f, cases[i].path, error, sizeof(error)), -EINVAL);
		if (!strstr(error, cases[i].says))
			fail_msg("%s: \"%s\"", cases[i].path, error);
	}
}

static void own_names_are_told_from_others(void **state)
{
	static const char *const own[] = {"tcp-20240229.csv.gz", "tcp-20240229-1.csv.gz",
					  "tcp-99999999-9999.csv.gz"};
	static const char *const others[] = {
	    "tcp-2024022.csv.gz",
	    "tcp-202402299.csv.gz",
	    "tcp-20240229.csv",
	    "tcp-20240229.csv.gz~",
	    "tcp-20240229-.csv.gz",
	    "tcp-2024022x.csv.gz",
	    "tcp-20240229-12345.csv.gz",
	    "xtcp-20240229.csv.gz",
	    ".tcp-20240229.csv.gz.part",
	    "tcp-20240229.1.csv.gz",
	    "",
	    "tcp-",
	};
	struct file_name f;

	parse(&f, "/x/tcp-%Y%m%d.csv.gz");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!file_name_is_own(&f, own[i]))
			fail_msg("%s is not own", own[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (file_name_is_own(&f, others[i]))
			fail_msg("%s is own", others[i]);
	parse(&f, "a-%s");
	assert_true(file_name_is_own(&f, "a-1"));
	assert_true(file_name_is_own(&f, "a-1709212029-3"));
	assert_false(file_name_is_own(&f, "a-x"));
}

static void keep(const char *path, int64_t age_ns, uint64_t bytes)
{
	struct file_name f;
	struct keep k = {age_ns, bytes};

	parse(&f, path_of(path));
	keep_apply(&k, &f, "file:test");
}

static void old_files_are_deleted(void **state)
{
	for (int i = 0; i < 4; i++) {
		char name[32];
		snprintf(name, sizeof(name), "a-200%d.csv", i);
		put(name, 100, 4 - i);
	}
	keep("a-%Y.csv", 0, 0);
	assert_true(is_there("a-2000.csv"));
	keep("a-%Y.csv", 3 * DAY_NS, 0);
	assert_false(is_there("a-2000.csv"));
	assert_false(is_there("a-2001.csv"));
	assert_true(is_there("a-2002.csv"));
	assert_int_equal(stat_get(STAT_FILES_DELETED), 2);
	keep("a-%Y.csv", 0, 200);
	assert_true(is_there("a-2002.csv"));
	keep("a-%Y.csv", 0, 199);
	assert_false(is_there("a-2002.csv"));
	assert_true(is_there("a-2003.csv"));
	keep("a-%Y.csv", 0, 99); /* the newest stays, however large */
	assert_true(is_there("a-2003.csv"));
	assert_int_equal(stat_get(STAT_FILE_ERRORS), 0);
}

/* Everything here but a-2000.csv and a-2000-1.csv must stay. */
static void nothing_else_is_ever_deleted(void **state)
{
	static const char *const stay[] = {"a-2000.csv.bak",   "b-2000.csv", "a-200.csv",
					   ".a-2000.csv.part", "a-2001.csv", "a-2002.csv",
					   "a-2003.csv",       "target.csv", "sub/a-2000.csv"};

	put("a-2000.csv", 10, 30);
	put("a-2000-1.csv", 10, 30);
	put("a-2000.csv.bak", 10, 30);
	put("b-2000.csv", 10, 30);
	put("a-200.csv", 10, 30);
	put(".a-2000.csv.part", 10, 30);
	put("target.csv", 10, 30);
	assert_int_equal(symlink("target.csv", path_of("a-2001.csv")), 0);
	assert_int_equal(mkdir(path_of("a-2002.csv"), 0755), 0);
	assert_int_equal(mkfifo(path_of("a-2003.csv"), 0644), 0);
	assert_int_equal(mkdir(path_of("sub"), 0755), 0);
	put("sub/a-2000.csv", 10, 30);
	keep("a-%Y.csv", DAY_NS, 1);
	assert_false(is_there("a-2000.csv"));
	assert_false(is_there("a-2000-1.csv"));
	for (size_t i = 0; i < ARRAY_SIZE(stay); i++)
		if (!is_there(stay[i]))
			fail_msg("%s is gone", stay[i]);
	assert_int_equal(stat_get(STAT_FILES_DELETED), 2);
}

static void directories_are_entered_by_pattern_and_not_by_links(void **state)
{
	assert_int_equal(mkdir(path_of("2000"), 0755), 0);
	assert_int_equal(mkdir(path_of("2000/01"), 0755), 0);
	assert_int_equal(mkdir(path_of("2001"), 0755), 0);
	assert_int_equal(mkdir(path_of("other"), 0755), 0);
	assert_int_equal(mkdir(path_of("other/01"), 0755), 0);
	put("2000/01/a.csv", 10, 30);
	put("2000/a.csv", 10, 30);
	put("2001/keep.txt", 10, 30);
	put("other/01/a.csv", 10, 30);
	/* A directory of the pattern that is a link: what is in it is not ours. */
	assert_int_equal(symlink("other", path_of("2002")), 0);
	keep("%Y/%m/a.csv", DAY_NS, 0);
	assert_false(is_there("2000/01/a.csv"));
	assert_false(is_there("2000/01")); /* empty now */
	assert_true(is_there("2000/a.csv"));
	assert_true(is_there("2001/keep.txt"));
	assert_true(is_there("other/01/a.csv"));
	assert_true(is_there("2002"));
	assert_int_equal(stat_get(STAT_FILES_DELETED), 1);
}

static struct dest *files(const char *name, struct dest_config *config)
{
	char spec[600], error[512] = "";

	snprintf(spec, sizeof(spec), "file:%s", path_of(name));
	struct dest *d = dest_new(spec, config, error, sizeof(error));
	if (!d)
		fail_msg("%s", error);
	dest_prepare(d, geteuid(), getegid(), -1);
	assert_int_equal(dest_start(d), 0);
	return d;
}

static size_t size_of(const char *name)
{
	struct stat st;

	if (stat(path_of(name), &st) < 0)
		fail_msg("%s is not there", name);
	return (size_t)st.st_size;
}

static void a_file_ends_before_it_is_too_large(void **state)
{
	struct dest_config config = {.file_rotate_bytes = 4096};
	struct dest *d = files("a.csv", &config);

	for (unsigned i = 0; i < 10; i++)
		submit(d, i, 1500, 3);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 30);
	assert_int_equal(stat_get(STAT_FILES_FINISHED), 4);
	assert_true(is_there(".a.csv.part"));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	dest_free(d);
	assert_int_equal(size_of("a.csv"), 3000);
	assert_int_equal(size_of("a-4.csv"), 3000);
	assert_false(is_there("a-5.csv"));
	assert_false(is_there(".a.csv.part"));
	assert_false(is_there(".a.csv.part.end"));
	assert_int_equal(stat_get(STAT_FILES_FINISHED), 5);
	assert_int_equal(stat_get(STAT_FILE_BYTES), 15000);
	assert_ledger(30, 0, 0, 0);
}

static void a_file_ends_at_its_time(void **state)
{
	struct dest_config config = {.file_rotate_every_ns = NS_PER_SEC};
	struct dest *d = files("a-%s", &config);

	submit(d, 1, 100, 1);
	wait_for(stat_get(STAT_FILES_FINISHED) == 1); /* without a further envelope */
	submit(d, 2, 100, 1);
	wait_for(stat_get(STAT_FILES_FINISHED) == 2);
	dest_reopen(d); /* nothing to end */
	submit(d, 3, 100, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 3);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_FILES_FINISHED), 3);
	dest_free(d);
	assert_ledger(3, 0, 0, 0);
}

static void reopening_ends_a_file(void **state)
{
	struct dest_config config = {.file_rotate_every_ns = 3600 * NS_PER_SEC};
	struct dest *d = files("a.csv", &config);

	submit(d, 1, 100, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1);
	dest_reopen(d);
	wait_for(stat_get(STAT_FILES_FINISHED) == 1);
	assert_int_equal(size_of("a.csv"), 100);
	dest_free(d);
}

static void a_start_completes_what_a_crash_left(void **state)
{
	struct dest_config config = {.file_rotate_every_ns = 3600 * NS_PER_SEC};
	struct whole w = WHOLE_NONE;

	/* One with two envelopes and a half, one with none; one that is another's, and a mark without a file. */
	assert_int_equal(whole_begin(&w, dir, "a-2000.csv"), 0);
	whole_write(&w, "one\ntwo\n", 8);
	whole_mark(&w, "", 0);
	whole_write(&w, "thr", 3);
	whole_leave(&w);
	assert_int_equal(whole_begin(&w, dir, "a-2001.csv"), 0);
	whole_leave(&w);
	put(".b-2000.csv.part", 3, 0);
	put(".a-2002.csv.part.end", 3, 0);
	assert_int_equal(symlink("target", path_of(".a-2003.csv.part")), 0);
	put("target", 3, 0);

	struct dest *d = files("a-%Y.csv", &config);
	submit(d, 1, 100, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1);
	dest_free(d);
	assert_int_equal(size_of("a-2000.csv"), 8);
	assert_int_equal(stat_get(STAT_FILES_RECOVERED), 1);
	assert_false(is_there(".a-2000.csv.part"));
	assert_false(is_there(".a-2001.csv.part"));
	assert_false(is_there(".a-2002.csv.part.end"));
	assert_true(is_there(".b-2000.csv.part"));
	assert_true(is_there(".a-2003.csv.part"));
	assert_int_equal(size_of("target"), 3);
}

static void submit_rows_of(struct dest *d, uint32_t rows)
{
	struct encoder e;
	char error[200];
	struct record r = {.sections = RECORD_HAS(META)};
	struct envelope *envelope = dest_envelope_get(d);

	assert_int_equal(encoder_init(&e, "parquet", NULL, error, sizeof(error)), 0);
	e.ops->begin(&e, &envelope->body);
	for (uint32_t i = 0; i < rows; i++) {
		r.record_counter = i;
		r.hostname = str_of("host");
		e.ops->row(&e, &envelope->body, &r);
	}
	e.ops->end(&e, &envelope->body);
	envelope->rows = rows;
	dest_submit(d, envelope);
	encoder_free(&e);
}

static void rows_tell_zero_from_absent(void **state)
{
	struct record r = {.sections = RECORD_HAS(DIAG) | RECORD_OWNED}, back;
	_cleanup_buf_ struct buf b = {0};
	struct encoder e = {0};

	r.inet_diag_msg_socket_source = (struct str){"\1\2\3\4", 4};
	size_t ends[3];
	for (uint32_t i = 0; i < 3; i++) {
		r.inet_diag_msg_uid = i;
		rows_row(&e, &b, &r);
		ends[i] = b.len;
	}
	struct rows_reader reader = rows_of(b.data, b.len);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(rows_next(&reader, &back));
		assert_int_equal(back.sections, r.sections);
		assert_int_equal(back.inet_diag_msg_uid, i);
		assert_memory_equal(back.inet_diag_msg_socket_source.p, "\1\2\3\4", 4);
	}
	assert_false(rows_next(&reader, &back));
	assert_false(reader.bad);
	for (size_t cut = 1; cut < b.len; cut++) {
		struct rows_reader short_one = rows_of(b.data, cut);
		while (rows_next(&short_one, &back))
			;
		assert_int_equal(short_one.bad, cut != ends[0] && cut != ends[1]);
	}
}

static void row_groups_are_written_at_size_age_and_end(void **state)
{
	struct dest_config config = {.encoder = encoder_find("parquet"),
				     .parquet_group_bytes = 8192,
				     .send_timeout_ns = 50 * NS_PER_MS};
	struct dest *d = files("a.parquet", &config);

	submit_rows_of(d, 10);
	/* Gathered is not waiting: the destination stays up beyond its time-out. */
	wait_for(dest_healthy(d));
	int64_t until = clock_mono_ns() + 200 * NS_PER_MS;
	while (clock_mono_ns() < until)
		assert_true(dest_healthy(d));
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), 0);
	submit_rows_of(d, 1000);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1010);
	assert_int_equal(stat_get(STAT_PARQUET_GROUPS), 1);
	submit_rows_of(d, 10);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_PARQUET_GROUPS), 2);
	assert_true(size_of("a.parquet") > 8);
	dest_free(d);
	assert_ledger(1020, 0, 0, 0);

	config.parquet_group_every_ns = 20 * NS_PER_MS;
	d = files("a.parquet", &config);
	submit_rows_of(d, 10);
	wait_for(stat_get(STAT_PARQUET_GROUPS) == 3);
	dest_free(d);
	assert_true(is_there("a-1.parquet"));
}

static void what_cannot_be_made_is_said_at_the_start(void **state)
{
	static const struct {
		const char *spec, *marshal, *says;
	} bad[] = {
	    {"file:a-%q", "csv", "has %q in its path"},
	    {"file:a.parquet.gz", "parquet", "Parquet compresses its own pages"},
	    {"null", "parquet", "-marshal parquet makes files"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dest_config config = {.encoder = encoder_find(bad[i].marshal)};
		char error[512] = "";
		assert_null(dest_new(bad[i].spec, &config, error, sizeof(error)));
		if (!strstr(error, bad[i].says))
			fail_msg("%s: \"%s\"", bad[i].spec, error);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(names_have_the_time),
	    T(bad_names_get_a_clause),
	    T(own_names_are_told_from_others),
	    T(old_files_are_deleted),
	    T(nothing_else_is_ever_deleted),
	    T(directories_are_entered_by_pattern_and_not_by_links),
	    T(a_file_ends_before_it_is_too_large),
	    T(a_file_ends_at_its_time),
	    T(reopening_ends_a_file),
	    T(a_start_completes_what_a_crash_left),
	    T(rows_tell_zero_from_absent),
	    T(row_groups_are_written_at_size_age_and_end),
	    T(what_cannot_be_made_is_said_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
