/* SPDX-License-Identifier: MIT */
/* Blocks of the format Native for a version of the protocol. Types are tried against a driver in pipeline-drivers.bats. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "clickhouse/native.h"

/* Two rows of UInt8 and of Array(String), as the engine writes them for version 0. */
static const char block[] = "\2\2"
			    "\1a\5UInt8\7\10"
			    "\1b\15Array(String)\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2xy\0";
/* The same for version 54454. */
static const char wanted[] = "\1\0\2\377\377\377\377\0\2\2"
			     "\1a\5UInt8\0\7\10"
			     "\1b\15Array(String)\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2xy\0";
#define BLOCK_LEN  (sizeof(block) - 1)
#define WANTED_LEN (sizeof(wanted) - 1)

static void blocks_get_what_the_version_has(void **state)
{
	for (size_t step = 1; step <= BLOCK_LEN; step++) {
		struct native n = {.version = 54454};
		_cleanup_buf_ struct buf out = {0};
		struct str type;
		for (size_t at = 0; at < BLOCK_LEN; at += step) {
			size_t len = BLOCK_LEN - at < step ? BLOCK_LEN - at : step;
			assert_int_equal(native_push(&n, block + at, len, &out, &type), 0);
		}
		assert_true(native_complete(&n));
		assert_int_equal(out.len, WANTED_LEN);
		assert_memory_equal(out.data, wanted, WANTED_LEN);
		native_free(&n);
	}
}

static void an_older_version_has_no_byte_per_column(void **state)
{
	struct native n = {.version = 54400};
	_cleanup_buf_ struct buf out = {0};
	struct str type;

	assert_int_equal(native_push(&n, block, BLOCK_LEN, &out, &type), 0);
	assert_int_equal(out.len, WANTED_LEN - 2);
	native_free(&n);
}

static void what_cannot_be_is_told(void **state)
{
	static const char dynamic[] = "\1\1\1a\7Dynamic\1";
	static const char cut[] = "\1\2\1a\6UInt16\1";
	struct native n = {.version = 54454};
	_cleanup_buf_ struct buf out = {0};
	struct str type;

	assert_int_equal(native_push(&n, dynamic, sizeof(dynamic) - 1, &out, &type), -ENOTSUP);
	assert_int_equal(type.len, 7);
	assert_memory_equal(type.p, "Dynamic", 7);
	assert_int_equal(out.len, 0);
	native_free(&n);
	assert_int_equal(native_push(&n, cut, sizeof(cut) - 1, &out, &type), 0);
	assert_false(native_complete(&n));
	native_free(&n);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_get_what_the_version_has),
	    cmocka_unit_test(an_older_version_has_no_byte_per_column),
	    cmocka_unit_test(what_cannot_be_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
