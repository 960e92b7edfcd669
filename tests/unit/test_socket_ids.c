/* SPDX-License-Identifier: MIT */
/* Packed sockets come back as they were, in 25 and 49 bytes. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "source/socket_ids.h"
#include "unit.h"

static struct socket_id of(uint8_t family, bool listens, uint32_t number)
{
	struct socket_id one = {.family = family, .listens = listens};
	size_t words = family == AF_INET ? 1 : 4;

	one.id.idiag_sport = htons((uint16_t)number);
	one.id.idiag_dport = listens ? 0 : htons(443);
	for (size_t i = 0; i < words; i++) {
		one.id.idiag_src[i] = htonl(0x0a000000 + number + (uint32_t)i);
		one.id.idiag_dst[i] = listens ? 0 : htonl(0xc0000200 + number * 5 + (uint32_t)i);
	}
	one.id.idiag_if = number % 3;
	one.id.idiag_cookie[0] = number * 77;
	one.id.idiag_cookie[1] = ~number;
	return one;
}

static struct socket_id of_number(uint32_t number)
{
	return of(number % 3 ? AF_INET : AF_INET6, number % 5 == 0, number);
}

static void they_come_back_as_they_were(void **unused)
{
	_cleanup_buf_ struct buf list = {0};
	struct socket_id one;
	size_t at = 0;

	assert_false(socket_ids_next(&list, &at, &one));
	for (uint32_t i = 0; i < 1000; i++) {
		struct socket_id added = of_number(i);
		socket_ids_add(&list, &added);
	}
	buf_trim(&list);
	assert_int_equal(list.len, list.cap);
	assert_int_equal(list.len, 334 * 49 + 666 * 25);
	for (uint32_t i = 0; i < 1000; i++) {
		struct socket_id expected = of_number(i);
		assert_true(socket_ids_next(&list, &at, &one));
		assert_memory_equal(&one.id, &expected.id, sizeof(one.id));
		assert_int_equal(one.family, expected.family);
		assert_int_equal(one.listens, expected.listens);
	}
	assert_false(socket_ids_next(&list, &at, &one));
}

static void an_empty_list_is_trimmed_and_takes_more(void **unused)
{
	_cleanup_buf_ struct buf list = {0};
	struct socket_id added = of(AF_INET, true, 7), one;
	size_t at = 0;

	buf_trim(&list);
	socket_ids_add(&list, &added);
	assert_true(buf_ok(&list));
	assert_true(socket_ids_next(&list, &at, &one));
	assert_memory_equal(&one.id, &added.id, sizeof(one.id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(they_come_back_as_they_were),
	    cmocka_unit_test(an_empty_list_is_trimmed_and_takes_more),
	};

	return cmocka_run_group_tests_name("socket_ids", tests, NULL, NULL);
}
