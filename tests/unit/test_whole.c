/* SPDX-License-Identifier: MIT */
/* Files that appear when they are whole, and what a crash leaves of them. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dest/whole.h"

static char dir[64];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/xtcp2-test-whole-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static void path_of(char path[400], const char *name)
{
	snprintf(path, 400, "%s/%s", dir, name);
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);
	char path[400];

	for (struct dirent *e; (e = readdir(d));) {
		path_of(path, e->d_name);
		unlink(path);
	}
	closedir(d);
	return rmdir(dir);
}

static void assert_content(const char *name, const char *content)
{
	char path[400], data[256];

	path_of(path, name);
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s is not there", name);
	size_t n = fread(data, 1, sizeof(data) - 1, f);
	data[n] = '\0';
	assert_string_equal(data, content);
}

static void put(const char *name, const char *content)
{
	char path[400];

	path_of(path, name);
	_cleanup_fclose_ FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
}

static unsigned count_files(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void begin(struct whole *w, const char *name)
{
	assert_int_equal(whole_begin(w, dir, name), 0);
}

static void add(struct whole *w, const char *text)
{
	assert_int_equal(whole_write(w, text, strlen(text)), 0);
}

static void mark(struct whole *w, const char *tail)
{
	assert_int_equal(whole_mark(w, tail, strlen(tail)), 0);
}

static void a_file_has_its_name_only_when_whole(void **state)
{
	for (enum whole_sync sync = WHOLE_SYNC_NONE; sync <= WHOLE_SYNC_MARK; sync++) {
		struct whole w = WHOLE_NONE;
		char name[WHOLE_NAME_SIZE], path[400];

		w.sync = sync;
		begin(&w, "a.csv.gz");
		path_of(path, "a.csv.gz");
		add(&w, "one");
		mark(&w, "");
		assert_int_equal(access(path, F_OK), -1);
		add(&w, "two");
		mark(&w, "END");
		add(&w, "cut");
		assert_int_equal(whole_finish(&w, name), 0);
		assert_false(whole_is_open(&w));
		assert_string_equal(name, "a.csv.gz");
		assert_content("a.csv.gz", "onetwoEND");
		assert_int_equal(count_files(), 1);
		unlink(path);
	}
}

static void a_failed_write_is_taken_back(void **state)
{
	struct whole w = WHOLE_NONE;

	begin(&w, "a");
	add(&w, "one");
	mark(&w, "(1)");
	add(&w, "half");
	assert_int_equal(whole_back(&w), 0);
	add(&w, "two");
	mark(&w, "(2)");
	assert_int_equal(whole_finish(&w, NULL), 0);
	assert_content("a", "onetwo(2)");
}

static void a_full_disk_leaves_the_mark_before(void **state)
{
	struct whole w = WHOLE_NONE;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	begin(&w, "a");
	add(&w, "one");
	mark(&w, "(1)");
	int fd = w.fd;
	w.fd = full;
	assert_int_equal(whole_write(&w, "two", 3), -ENOSPC);
	w.fd = fd;
	assert_int_equal(w.at, 3);
	assert_int_equal(whole_back(&w), 0);
	assert_int_equal(whole_finish(&w, NULL), 0);
	assert_content("a", "one(1)");
	close(full);
}

static void nothing_is_overwritten(void **state)
{
	struct whole w = WHOLE_NONE;
	char name[WHOLE_NAME_SIZE];

	put("a.csv", "other");
	for (int i = 1; i < 3; i++) {
		begin(&w, "a.csv");
		add(&w, "mine");
		mark(&w, "");
		assert_int_equal(whole_finish(&w, name), 0);
		assert_string_equal(name, i == 1 ? "a-1.csv" : "a-2.csv");
	}
	assert_content("a.csv", "other");
	assert_content("a-1.csv", "mine");
	whole_numbered(".a", 3, name);
	assert_string_equal(name, ".a-3");
	whole_numbered("a", 3, name);
	assert_string_equal(name, "a-3");
}

static void an_abandoned_file_leaves_nothing(void **state)
{
	struct whole w = WHOLE_NONE;

	whole_abandon(&w);
	begin(&w, "a");
	add(&w, "one");
	mark(&w, "");
	whole_abandon(&w);
	assert_false(whole_is_open(&w));
	assert_int_equal(count_files(), 0);
}

static void a_crash_keeps_what_was_marked(void **state)
{
	static const char *const tails[] = {"", "END"};
	char name[WHOLE_NAME_SIZE], path[400];

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		struct whole w = WHOLE_NONE;

		begin(&w, "a");
		add(&w, "one");
		mark(&w, "earlier");
		add(&w, "two");
		mark(&w, tails[i]);
		add(&w, tails[i]); /* a tail that was written before the name was given, or a half envelope */
		add(&w, "x");
		whole_leave(&w);
		assert_int_equal(whole_recover(dir, "a", WHOLE_SYNC_FILE, name), 0);
		assert_string_equal(name, "a");
		assert_content("a", i ? "onetwoEND" : "onetwo");
		assert_int_equal(count_files(), 1);
		path_of(path, "a");
		unlink(path);
	}
}

static void what_was_never_marked_is_removed(void **state)
{
	struct whole w = WHOLE_NONE;
	char name[WHOLE_NAME_SIZE] = "?";

	begin(&w, "a");
	add(&w, "half");
	whole_leave(&w);
	assert_int_equal(whole_begin(&w, dir, "a"), -EEXIST);
	assert_int_equal(whole_recover(dir, "a", WHOLE_SYNC_NONE, name), 0);
	assert_string_equal(name, "");
	assert_int_equal(count_files(), 0);
	assert_int_equal(whole_recover(dir, "a", WHOLE_SYNC_NONE, name), -ENOENT);
}

static void a_file_that_is_being_written_is_left_alone(void **state)
{
	struct whole w = WHOLE_NONE;
	char name[WHOLE_NAME_SIZE];

	begin(&w, "a");
	add(&w, "one");
	mark(&w, "");
	assert_int_equal(whole_recover(dir, "a", WHOLE_SYNC_NONE, name), -EBUSY);
	add(&w, "two");
	mark(&w, "");
	assert_int_equal(whole_finish(&w, NULL), 0);
	assert_content("a", "onetwo");
}

static void damage_is_left_for_people(void **state)
{
	struct whole w = WHOLE_NONE;
	char name[WHOLE_NAME_SIZE], path[400];

	/* The file lost bytes. */
	begin(&w, "a");
	add(&w, "one");
	mark(&w, "");
	assert_int_equal(ftruncate(w.fd, 2), 0);
	whole_leave(&w);
	assert_int_equal(whole_recover(dir, "a", WHOLE_SYNC_NONE, name), -EBADMSG);
	assert_content(".a.part", "on");
	/* The mark is not one. */
	begin(&w, "b");
	add(&w, "one");
	mark(&w, "END");
	assert_int_equal(pwrite(w.end_fd, "e", 1, 34), 1);
	whole_leave(&w);
	assert_int_equal(whole_recover(dir, "b", WHOLE_SYNC_NONE, name), -EBADMSG);
	assert_content(".b.part", "one");
	/* A link is not followed. */
	put("secret", "secret");
	path_of(path, ".c.part");
	assert_int_equal(symlink("secret", path), 0);
	assert_int_equal(whole_recover(dir, "c", WHOLE_SYNC_NONE, name), -ELOOP);
	assert_int_equal(whole_begin(&w, dir, "c"), -EEXIST);
	assert_content("secret", "secret");
}

static void names(void **state)
{
	struct whole w = WHOLE_NONE;
	char name[WHOLE_NAME_MAX + 1], long_name[300];

	assert_true(whole_is_part(".a.csv.part", name));
	assert_string_equal(name, "a.csv");
	assert_false(whole_is_part("a.part", name));
	assert_false(whole_is_part(".part", name));
	assert_false(whole_is_part(".a.part.end", name));
	assert_int_equal(whole_begin(&w, dir, "a/b"), -ENAMETOOLONG);
	assert_int_equal(whole_begin(&w, dir, ""), -ENAMETOOLONG);
	assert_int_equal(whole_begin(&w, "/nonexistent", "a"), -ENOENT);
	memset(long_name, 'a', sizeof(long_name));
	long_name[WHOLE_NAME_MAX + 1] = '\0';
	assert_int_equal(whole_begin(&w, dir, long_name), -ENAMETOOLONG);
	long_name[WHOLE_NAME_MAX] = '\0';
	for (int i = 0; i < 2; i++) {
		begin(&w, long_name);
		mark(&w, "x");
		assert_int_equal(whole_finish(&w, NULL), 0);
	}
	assert_int_equal(count_files(), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_file_has_its_name_only_when_whole), T(a_failed_write_is_taken_back),
	    T(a_full_disk_leaves_the_mark_before),  T(nothing_is_overwritten),
	    T(an_abandoned_file_leaves_nothing),    T(a_crash_keeps_what_was_marked),
	    T(what_was_never_marked_is_removed),    T(a_file_that_is_being_written_is_left_alone),
	    T(damage_is_left_for_people),	    T(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
