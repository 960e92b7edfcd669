/* SPDX-License-Identifier: MIT */
/* The Valkey destination without a server: its options. tests/bats/valkey.bats has a server. */
#include "dest_fixture.h"

static void a_bad_spec_gets_a_sentence(void **state)
{
	static const struct bad_spec bad[] = {
	    {"valkey:", {.topic = "t"}, "has no port; expected valkey:HOST:PORT"},
	    {"valkey:a:0", {.topic = "t"}, "has a bad port"},
	    {"valkey:a:6379", {.topic = ""}, "has no -topic, which names the key"},
	    {"valkey:a:6379",
	     {.topic = "t", .dest_password_file = "/nonexistent"},
	     "cannot use -destPasswordFile /nonexistent"},
	};
	assert_refused(bad, ARRAY_SIZE(bad));
}

/* A server that is not there: nothing is sent, and all is counted at the end. */
static void without_a_server_everything_is_counted(void **state)
{
	stats_reset();
	struct dest *d = dest_of("valkey:127.0.0.1:1", &(struct dest_config){.topic = "t"});

	for (unsigned int i = 0; i < 10; i++)
		submit(d, i, 100, 3);
	wait_for(stat_get(STAT_DEST_ERRORS) > 0);
	assert_false(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(0.1)), 10);
	assert_ledger(0, 0, 0, 30);
	dest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_spec_gets_a_sentence),
	    cmocka_unit_test(without_a_server_everything_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
