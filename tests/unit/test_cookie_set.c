/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "source/cookie_set.h"

static void knows_what_it_holds(void **state)
{
	struct cookie_set s = {0};

	assert_int_equal(cookie_set_reset(&s), 0);
	/* Runs of neighbours, as the kernel assigns them, and values that differ in high bits only. */
	for (uint64_t i = 1; i <= 20000; i++) {
		assert_true(cookie_set_add(&s, i));
		assert_true(cookie_set_add(&s, i << 40 | 1ull << 63));
	}
	for (uint64_t i = 1; i <= 20000; i++) {
		assert_false(cookie_set_add(&s, i));
		assert_false(cookie_set_add(&s, i << 40 | 1ull << 63));
	}
	assert_true(cookie_set_add(&s, 20001));
	/* Neighbours share a slot, which keeps the set small. */
	assert_true(s.used >= 20000 && s.used <= 20000 + 20001 / 64 + 1);
	cookie_set_free(&s);
}

static void zero_is_never_a_repeat(void **state)
{
	struct cookie_set s = {0};

	assert_int_equal(cookie_set_reset(&s), 0);
	assert_true(cookie_set_add(&s, 0));
	assert_true(cookie_set_add(&s, 0));
	assert_true(cookie_set_add(&s, UINT64_MAX));
	assert_false(cookie_set_add(&s, UINT64_MAX));
	cookie_set_free(&s);
}

static void reset_forgets_and_gives_memory_back(void **state)
{
	struct cookie_set s = {0};

	assert_int_equal(cookie_set_reset(&s), 0);
	uint32_t smallest = s.order;
	for (uint64_t i = 1; i <= 100000; i++)
		cookie_set_add(&s, i * 64);
	uint32_t largest = s.order;
	assert_true(largest > smallest);
	/* The set keeps the size of the last use ... */
	assert_int_equal(cookie_set_reset(&s), 0);
	assert_int_equal(s.order, largest);
	assert_true(cookie_set_add(&s, 7));
	assert_false(cookie_set_add(&s, 7));
	/* ... and shrinks if that use needed little. */
	assert_int_equal(cookie_set_reset(&s), 0);
	assert_int_equal(s.order, smallest);
	assert_true(cookie_set_add(&s, 7));
	cookie_set_free(&s);
	cookie_set_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_what_it_holds),
	    cmocka_unit_test(zero_is_never_a_repeat),
	    cmocka_unit_test(reset_forgets_and_gives_memory_back),
	};
	return cmocka_run_group_tests_name("cookie_set", tests, NULL, NULL);
}
