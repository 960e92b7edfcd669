/* SPDX-License-Identifier: MIT */
/* The watch of the directories of namespaces, against the kernel's inotify. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/loop.h"
#include "netns/watch.h"
#include "stats/stats.h"

/* Files made and removed; twice as many events, of which 1 to 30 are lost where watching anew replaces the mask. */
#define FILES	    20000
/* Files that may be ahead of the reader: half of the kernel's fs.inotify.max_queued_events, two events a file. */
#define AHEAD	    4096
/* Rounds of the loop in which the last events are read. */
#define LAST_ROUNDS 1000

struct churn {
	struct loop *loop;
	struct netns_watch *watch;
	char directory[32];
	unsigned rounds; /* after the last file */
	bool made;	 /* all files; atomic */
};

static void *make_files(void *data)
{
	struct churn *c = data;
	char path[64];

	for (uint64_t i = 0; i < FILES; i++) {
		while (2 * i > stat_get(STAT_NETNS_EVENTS) + 2 * AHEAD)
			sched_yield();
		snprintf(path, sizeof(path), "%s/%u", c->directory, (unsigned)i);
		int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(unlink(path), 0);
	}
	__atomic_store_n(&c->made, true, __ATOMIC_RELEASE);
	return NULL;
}

static void watch_anew(struct loop_watch *watch, uint32_t events)
{
	struct churn *c = watch->data;

	netns_watch_rearm(c->watch);
	if (__atomic_load_n(&c->made, __ATOMIC_ACQUIRE) && c->rounds++ == LAST_ROUNDS)
		loop_stop(c->loop);
}

/* A directory is watched anew at each event; the kernel must lose none meanwhile. */
static void no_event_is_lost_while_a_directory_is_watched_anew(void **state)
{
	struct churn c = {.directory = "/tmp/netns-watch-XXXXXX"};
	const char *directories[] = {c.directory, NULL};
	pthread_t maker;

	assert_non_null(mkdtemp(c.directory));
	c.loop = loop_new();
	assert_non_null(c.loop);
	c.watch = netns_watch_new(c.loop, directories, NULL, NULL);
	assert_non_null(c.watch);

	/* Readable for ever: each round of the loop watches the directory anew. */
	struct loop_watch always = {
	    .fd = eventfd(1, EFD_CLOEXEC), .name = "always", .fn = watch_anew, .data = &c};
	assert_int_equal(loop_add(c.loop, &always, EPOLLIN), 0);
	assert_int_equal(pthread_create(&maker, NULL, make_files, &c), 0);
	assert_int_equal(loop_run(c.loop), 0);
	assert_int_equal(pthread_join(maker, NULL), 0);
	assert_int_equal(stat_get(STAT_NETNS_OVERFLOW), 0);
	assert_int_equal(stat_get(STAT_NETNS_EVENTS), 2 * FILES);

	loop_remove(c.loop, &always);
	close(always.fd);
	netns_watch_free(c.watch);
	loop_free(c.loop);
	rmdir(c.directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_event_is_lost_while_a_directory_is_watched_anew)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
