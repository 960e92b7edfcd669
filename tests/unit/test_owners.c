/* SPDX-License-Identifier: MIT */
/*
 * The table and the walk over the real /proc: this process and its children hold the sockets. Where that is
 * allowed they are alone in it: the descriptors of a busy machine would use up the walk's share of time.
 */
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "enrich/owner_table.h"
#include "enrich/owners.h"
#include "stats/stats.h"

/* More than are read again in the poll that meets a new one. */
#define MANY 5000

static int64_t soon(void)
{
	return clock_mono_ns() + 60 * NS_PER_SEC;
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

static int make_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	return fd;
}

/* A child with all descriptors of this process and a name of its own. */
static pid_t make_child(const char *name)
{
	int ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_holder_is_found_and_kept(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	int fd = make_socket();
	struct owner found;

	prctl(PR_SET_NAME, "nam\xff\x01 longer than that");
	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	assert_int_equal(found.pid, getpid());
	assert_int_equal(found.others, 0);
	assert_string_equal(found.comm, "nam?? longer th");
	uint64_t rounds = stat_get(STAT_OWNER_ROUNDS);
	/* No walk for what is known, in this poll and the next one. */
	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	owners_poll_begins(o);
	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	assert_int_equal(stat_get(STAT_OWNER_ROUNDS), rounds);
	assert_false(owners_find(o, 0, soon(), &found));
	close(fd);
	owners_free(o);
}

static void a_new_socket_behind_an_old_number_is_found(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	int fd = make_socket();
	struct owner found;

	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	for (int i = 0; i < 4; i++) {
		owners_poll_begins(o);
		close(fd);
		int again = make_socket();
		assert_int_equal(again, fd);
		assert_true(owners_find(o, inode_of(fd), soon(), &found));
		assert_int_equal(found.pid, getpid());
	}
	close(fd);
	owners_free(o);
}

static void among_many_it_is_found_in_the_second_poll(void **state)
{
	struct owners *o = owners_new(16384, NULL);
	struct owner found;
	int fds[MANY];

	assert_true(limits_raise_files() > MANY + 64);
	for (size_t i = 0; i < MANY; i++)
		fds[i] = make_socket();
	for (size_t i = 0; i < MANY; i++)
		assert_true(owners_find(o, inode_of(fds[i]), soon(), &found));
	close(fds[MANY / 2]);
	assert_int_equal(make_socket(), fds[MANY / 2]);
	for (int poll = 0; poll < 2; poll++) {
		owners_poll_begins(o);
		for (size_t i = 0; i < MANY; i++) {
			bool known = owners_find(o, inode_of(fds[i]), soon(), &found);
			assert_true(known || (poll == 0 && i == MANY / 2));
		}
	}
	assert_int_equal(found.pid, getpid());
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
	owners_free(o);
}

static void several_holders_are_counted_and_the_lowest_named(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	int fd = make_socket(), copy = dup(fd);
	pid_t first = make_child("first"), second = make_child("second");
	struct owner found;

	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	/* Numbers may have wrapped round. */
	pid_t lowest = first < second ? first : second;
	if (getpid() < lowest)
		lowest = getpid();
	assert_int_equal(found.pid, lowest);
	assert_int_equal(found.others, 2);
	end_child(first);
	end_child(second);
	close(copy);
	close(fd);
	owners_free(o);
}

static void the_end_of_the_holder_is_seen_in_the_next_poll(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	int fd = make_socket();
	uint32_t inode = inode_of(fd);
	pid_t heir = make_child("heir");
	struct owner found, recalled;

	close(fd);
	assert_true(owners_find(o, inode, soon(), &found));
	assert_int_equal(found.pid, heir);
	assert_string_equal(found.comm, "heir");
	end_child(heir);
	owners_poll_begins(o);
	assert_false(owners_find(o, inode, soon(), &found));
	owners_free(o);

	/* One of two ends: the other one is named. */
	o = owners_new(1024, NULL);
	fd = make_socket();
	inode = inode_of(fd);
	pid_t one = make_child("one"), two = make_child("two");
	close(fd);
	assert_true(owners_find(o, inode, soon(), &found));
	pid_t ended = (pid_t)found.pid, left = ended == one ? two : one;
	/* Of a closed socket what was known is told. */
	end_child(ended);
	assert_true(owners_recall(o, inode, &recalled));
	assert_int_equal(recalled.pid, ended);
	owners_poll_begins(o);
	assert_true(owners_find(o, inode, soon(), &found));
	assert_int_equal(found.pid, left);
	end_child(left);
	owners_free(o);
}

static void a_socket_of_nobody_is_not_looked_for_in_each_poll(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	struct owner found;
	int fd = make_socket();
	uint32_t inode = inode_of(fd);

	close(fd);
	assert_false(owners_find(o, inode, soon(), &found));
	uint64_t before = stat_get(STAT_OWNER_ROUNDS), unknown = stat_get(STAT_OWNER_UNKNOWN);
	/* 1, 2, 4 ... 64 polls later: 9 times in 256 polls, with three rounds each at the most. */
	for (int i = 0; i < 256; i++) {
		owners_poll_begins(o);
		assert_false(owners_find(o, inode, soon(), &found));
	}
	assert_true(stat_get(STAT_OWNER_ROUNDS) - before <= 9 * 3);
	assert_int_equal(stat_get(STAT_OWNER_UNKNOWN) - unknown, 256);
	owners_free(o);
}

static void a_poll_without_time_walks_nothing(void **state)
{
	struct owners *o = owners_new(1024, NULL);
	int fd = make_socket();
	struct owner found;
	uint64_t cut = stat_get(STAT_OWNER_CUT);

	owners_poll_begins(o);
	assert_false(owners_find(o, inode_of(fd), clock_mono_ns(), &found));
	assert_int_equal(stat_get(STAT_OWNER_CUT), cut + 1);
	/* The next poll makes good for it, when the socket is due again. */
	owners_poll_begins(o);
	assert_true(owners_find(o, inode_of(fd), soon(), &found));
	close(fd);
	owners_free(o);
}

/* A table with one reading: process 30 holds 1 and 2, process 20 holds 2 twice, 10 has a thread of its own. */
static struct owner_table *told(size_t sockets)
{
	struct owner_table *t = owner_table_new(sockets);

	assert_non_null(t);
	assert_int_equal(owner_table_begin(t), 0);
	assert_int_equal(owner_table_process(t, 30, "thirty", 3), 0);
	assert_int_equal(owner_table_socket(t, 1), 0);
	assert_int_equal(owner_table_socket(t, 2), 0);
	assert_int_equal(owner_table_process(t, 20, "sixteen bytes...", 2), 0);
	assert_int_equal(owner_table_socket(t, 2), 0);
	assert_int_equal(owner_table_socket(t, 2), 0);
	assert_int_equal(owner_table_process(t, 10, "a\xff", 1), 0);
	assert_int_equal(owner_table_socket(t, 3), 0);
	assert_int_equal(owner_table_process(t, 10, "a\xff", 1), 0);
	assert_int_equal(owner_table_socket(t, 3), 0);
	return t;
}

static void what_a_source_tells_names_the_lowest_and_counts_the_others(void **state)
{
	struct owner_table *t = told(100);
	struct owner found;

	assert_false(owner_table_find(t, 1, &found));
	owner_table_end(t, true);
	assert_true(owner_table_find(t, 1, &found));
	assert_int_equal(found.pid, 30);
	assert_int_equal(found.others, 0);
	assert_int_equal(found.place, 3);
	assert_string_equal(found.comm, "thirty");
	assert_true(owner_table_find(t, 2, &found));
	assert_int_equal(found.pid, 20);
	assert_int_equal(found.others, 1);
	assert_string_equal(found.comm, "sixteen bytes..");
	assert_true(owner_table_find(t, 3, &found));
	assert_int_equal(found.others, 0);
	assert_string_equal(found.comm, "a?");
	assert_false(owner_table_find(t, 4, &found));
	assert_false(owner_table_find(t, 0, &found));
	owner_table_free(t);
}

static void a_reading_that_was_cut_leaves_the_one_before(void **state)
{
	struct owner_table *t = told(100);
	struct owner found;

	owner_table_end(t, true);
	assert_int_equal(owner_table_begin(t), 0);
	assert_int_equal(owner_table_process(t, 5, "five", 0), 0);
	assert_int_equal(owner_table_socket(t, 1), 0);
	owner_table_end(t, false);
	assert_true(owner_table_find(t, 1, &found));
	assert_int_equal(found.pid, 30);
	/* And is forgotten by the next. */
	assert_int_equal(owner_table_begin(t), 0);
	owner_table_end(t, true);
	assert_false(owner_table_find(t, 1, &found));
	owner_table_free(t);
}

static void sockets_beyond_the_limit_have_no_owner_and_are_counted(void **state)
{
	struct owner_table *t = told(2);
	uint64_t evicted = stat_get(STAT_OWNER_EVICTED);
	struct owner found;

	owner_table_end(t, true);
	assert_true(owner_table_find(t, 2, &found));
	assert_false(owner_table_find(t, 3, &found));
	assert_true(evicted >= 2);
	owner_table_free(t);
}

static void a_table_that_grows_keeps_what_it_has(void **state)
{
	struct owner_table *t = owner_table_new(100000);
	struct owner found;

	assert_int_equal(owner_table_begin(t), 0);
	for (uint32_t i = 1; i <= 20000; i++) {
		assert_int_equal(owner_table_process(t, i, "many", i), 0);
		assert_int_equal(owner_table_socket(t, i * 7), 0);
	}
	owner_table_end(t, true);
	for (uint32_t i = 1; i <= 20000; i++) {
		assert_true(owner_table_find(t, i * 7, &found));
		assert_int_equal(found.pid, i);
	}
	owner_table_free(t);
}

/* Go on as the first process of a pid namespace; as before where that is forbidden. */
static void be_alone(void)
{
	int status;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
		return;
	pid_t pid = fork();
	if (pid > 0)
		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	assert_int_equal(pid, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("proc", "/proc", "proc", 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_holder_is_found_and_kept),
	    cmocka_unit_test(a_new_socket_behind_an_old_number_is_found),
	    cmocka_unit_test(among_many_it_is_found_in_the_second_poll),
	    cmocka_unit_test(several_holders_are_counted_and_the_lowest_named),
	    cmocka_unit_test(the_end_of_the_holder_is_seen_in_the_next_poll),
	    cmocka_unit_test(a_socket_of_nobody_is_not_looked_for_in_each_poll),
	    cmocka_unit_test(a_poll_without_time_walks_nothing),
	    cmocka_unit_test(what_a_source_tells_names_the_lowest_and_counts_the_others),
	    cmocka_unit_test(a_reading_that_was_cut_leaves_the_one_before),
	    cmocka_unit_test(sockets_beyond_the_limit_have_no_owner_and_are_counted),
	    cmocka_unit_test(a_table_that_grows_keeps_what_it_has),
	};

	be_alone();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
