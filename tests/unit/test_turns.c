/* SPDX-License-Identifier: MIT */
/* The order of namespaces when cycles are too short for all: each simulated cycle has room for a few. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "netns/netns.h"
#include "poll/poll.h"
#include "poll/turns.h"

#define COUNT 60

struct play {
	struct netns spaces[COUNT];
	struct netns *jobs[COUNT];
	uint64_t cycle;
	unsigned reads[COUNT];
	int large; /* its dump alone takes longer than a cycle; -1 for none */
};

static int play_setup(void **state)
{
	struct play *p = calloc(1, sizeof(*p));

	p->large = -1;
	for (size_t i = 0; i < COUNT; i++)
		p->spaces[i] = (struct netns){.state = NETNS_OPEN, .ino = i};
	*state = p;
	return 0;
}

static int play_teardown(void **state)
{
	free(*state);
	return 0;
}

/* Simulate a cycle of one worker with time for `room` namespaces, the last of which it does not finish. */
static void cycle(struct play *p, size_t room)
{
	p->cycle++;
	for (size_t i = 0; i < COUNT; i++)
		p->jobs[i] = &p->spaces[i];
	turns_order(p->jobs, COUNT, p->cycle);
	for (size_t i = 0; i < COUNT && i <= room; i++) {
		bool cut = i == room || (int)p->jobs[i]->ino == p->large;
		turns_served(p->jobs[i], p->cycle, i, 0, cut, i == 0);
		p->reads[p->jobs[i]->ino] += !cut;
		if (cut)
			break;
	}
}

static unsigned never_read(const struct play *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < COUNT; i++)
		n += p->reads[i] == 0 && (int)i != p->large;
	return n;
}

static void cut_cycles_go_on_where_the_last_one_stopped(void **state)
{
	struct play *p = *state;

	for (int i = 0; i < COUNT / 7 + 1; i++)
		cycle(p, 7);
	assert_int_equal(never_read(p), 0);
	for (int i = 0; i < 100 * COUNT / 7; i++)
		cycle(p, 7);
	/* From then on the numbers of readings of two namespaces differ by at most one. */
	for (size_t i = 1; i < COUNT; i++)
		assert_true(p->reads[i] - p->reads[0] + 1 <= 2);
}

static void one_that_never_fits_starves_nobody(void **state)
{
	struct play *p = *state;

	p->large = 3;
	for (int i = 0; i < 2 * (COUNT / 7 + 2); i++)
		cycle(p, 7);
	assert_int_equal(never_read(p), 0);
}

static void whole_cycles_keep_the_order(void **state)
{
	struct play *p = *state;

	for (int i = 0; i < 3; i++) {
		cycle(p, COUNT);
		for (size_t k = 0; k < COUNT; k++)
			assert_ptr_equal(p->jobs[k], &p->spaces[k]);
	}
}

static void want_of_descriptors_keeps_the_turn(void **state)
{
	struct play *p = *state;

	cycle(p, COUNT);
	p->cycle++;
	for (size_t i = 0; i < COUNT; i++)
		turns_served(&p->spaces[i], p->cycle, i, i == 40 ? -EMFILE : 0, false, false);
	cycle(p, COUNT);
	assert_ptr_equal(p->jobs[0], &p->spaces[40]);
}

static void what_is_left_is_counted(void **state)
{
	struct play *p = *state;
	struct poll_result result = {0};
	int64_t begin = clock_mono_ns();

	for (size_t i = 0; i < COUNT; i++) {
		p->spaces[i].read_ns = begin - (int64_t)(i + 1) * NS_PER_SEC;
		p->jobs[i] = &p->spaces[i];
	}
	p->spaces[COUNT - 1].state = NETNS_GONE;
	p->spaces[COUNT - 2].state = NETNS_BLOCKED;
	for (size_t i = 0; i < 20; i++)
		turns_served(&p->spaces[i], 1, i, i == 7 ? -EPROTO : 0, i == 9, false);
	turns_count(p->jobs, COUNT, begin, &result);
	assert_int_equal(result.of, COUNT - 2);
	assert_int_equal(result.unread, COUNT - 2 - 18);
	assert_true(result.oldest_ns >= (COUNT - 2) * NS_PER_SEC);
	assert_true(result.oldest_ns < (COUNT - 1) * NS_PER_SEC + 60 * NS_PER_SEC);
}

int main(void)
{
#define PLAY_TEST(fn) cmocka_unit_test_setup_teardown(fn, play_setup, play_teardown)
	const struct CMUnitTest tests[] = {
	    PLAY_TEST(cut_cycles_go_on_where_the_last_one_stopped),
	    PLAY_TEST(one_that_never_fits_starves_nobody),
	    PLAY_TEST(whole_cycles_keep_the_order),
	    PLAY_TEST(want_of_descriptors_keeps_the_turn),
	    PLAY_TEST(what_is_left_is_counted),
	};
	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
