/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <string.h>

#include "base/buf.h"
#include "record/encoder.h"
#include "record/wire_decode.h"
#include "record_random.h"

#define ROUNDS 500

/* Encoding, decoding and encoding again gives the same bytes. */
static void decoding_reverses_encoding(void **state)
{
	uint64_t seed = 42;
	char text[RANDOM_STRING_MAX];
	struct buf once = {0}, twice = {0};

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < ROUNDS; i++) {
		struct record r = {0}, back;
		random_record(&r, text, &seed);
		r.tcp_info_len = 240; /* 0 means that the daemon does not send it, and is replaced */
		buf_reset(&once);
		buf_reset(&twice);
		wire_encode(&once, &r);
		assert_int_equal(wire_decode(&back, (struct str){(char *)once.data, (uint32_t)once.len}), 0);
		back.sections = r.sections; /* the encoder omits whole sections; here only values matter */
		wire_encode(&twice, &back);
		assert_int_equal(once.len, twice.len);
		assert_memory_equal(once.data, twice.data, once.len);
	}
	buf_free(&once);
	buf_free(&twice);
}

/* A zero field is not on the wire; the attribute's bit shows that the kernel sent it. */
static void sections_come_back(void **state)
{
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TOS)}, back;
	struct buf b = {0};

	r.inet_diag_attributes = UINT64_C(1) << INET_DIAG_TOS;
	wire_encode(&b, &r);
	assert_int_equal(wire_decode(&back, (struct str){(char *)b.data, (uint32_t)b.len}), 0);
	assert_true(back.sections & RECORD_HAS(TOS));
	assert_false(back.sections & RECORD_HAS(CONG));
	assert_false(back.sections & RECORD_HAS(TCP_INFO));
	buf_free(&b);
}

static void damage_is_refused_and_the_unknown_skipped(void **state)
{
	struct record r;

	assert_int_equal(wire_decode(&r, (struct str){"\x08", 1}), -EBADMSG); /* no value */
	assert_int_equal(wire_decode(&r, (struct str){"\x0a\x01x", 3}),
			 -EBADMSG); /* schema_version as bytes */
	assert_int_equal(wire_decode(&r, (struct str){"\xfa\xff\x07\x01x\x08\x05", 7}), 0);
	assert_int_equal(r.schema_version, 5);
	assert_int_equal(wire_decode(&r, (struct str){"", 0}), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decoding_reverses_encoding),
	    cmocka_unit_test(sections_come_back),
	    cmocka_unit_test(damage_is_refused_and_the_unknown_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
