/* SPDX-License-Identifier: MIT */
#ifndef LOOP_ROUNDS_H
#define LOOP_ROUNDS_H
/* For tests of what runs in an event loop: a loop that stops after each millisecond. Include unit.h before. */
#include "base/clock.h"
#include "base/loop.h"

struct loop_rounds {
	struct loop *loop;
	struct loop_watch tick;
};

static void loop_rounds_tick(struct loop_watch *w, uint32_t events)
{
	const struct loop_rounds *r = w->data;

	loop_timer_read(w);
	loop_stop(r->loop);
}

/* Make the loop; `r` stays where it is until loop_rounds_end(). Return whether it could be. */
static bool loop_rounds_begin(struct loop_rounds *r)
{
	*r = (struct loop_rounds){.loop = loop_new(),
				  .tick = {.name = "tick", .fn = loop_rounds_tick, .data = r}};
	return r->loop && loop_timer_open(r->loop, &r->tick) == 0;
}

/* Run the loop for a millisecond. */
static void loop_rounds_run(struct loop_rounds *r)
{
	assert_int_equal(loop_timer_set(&r->tick, NS_PER_MS, 0), 0);
	assert_int_equal(loop_run(r->loop), 0);
}

static void loop_rounds_end(struct loop_rounds *r)
{
	loop_timer_close(r->loop, &r->tick);
	loop_free(r->loop);
}

#endif
