/* SPDX-License-Identifier: MIT */
/* The same message as machines of both byte orders send it is the same record, whichever is this one's. */
#include "unit.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "record/decode.h"
#include "record/encoder.h"
#include "record/nl.h"
#include "source/byte_order.h"

struct writer {
	uint8_t bytes[2048];
	size_t len;
	bool big;
};

static void put_at(struct writer *w, size_t at, uint64_t v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		w->bytes[at + i] = (uint8_t)(v >> 8 * (w->big ? size - 1 - i : i));
}

static void put(struct writer *w, uint64_t v, size_t size)
{
	put_at(w, w->len, v, size);
	w->len += size;
}

/* `count` numbers of this size, all different and with different bytes. */
static void put_many(struct writer *w, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++)
		put(w, UINT64_C(0x0102030405060708) + w->len * UINT64_C(0x0101010101010101), size);
}

static void raw(struct writer *w, const char *text, size_t len)
{
	memcpy(w->bytes + w->len, text, len);
	w->len += len;
}

static size_t begin_attribute(struct writer *w, uint16_t type)
{
	size_t at = w->len;

	put(w, 0, 2);
	put(w, type, 2);
	return at;
}

static void end_attribute(struct writer *w, size_t at)
{
	put_at(w, at, w->len - at, 2);
	while (w->len % NLA_ALIGNTO)
		put(w, 0, 1);
}

static void numbers(struct writer *w, uint16_t type, size_t count, size_t size)
{
	size_t at = begin_attribute(w, type);

	put_many(w, count, size);
	end_attribute(w, at);
}

/* struct tcp_info; bit-fields begin at the low end of a little-endian number, at the high end of a big-endian one. */
static void put_info(struct writer *w, bool u16, size_t tail)
{
	size_t at = begin_attribute(w, INET_DIAG_INFO);

	put_many(w, 6, 1);
	put(w, w->big ? 7 << 4 | 9 : 9 << 4 | 7, 1);	  /* snd_wscale 7, rcv_wscale 9 */
	put(w, w->big ? 1 << 7 | 2 << 5 : 2 << 1 | 1, 1); /* app_limited, fastopen_client_fail 2 */
	put_many(w, 24, 4);
	put_many(w, 4, 8);
	put_many(w, 6, 4);
	put_many(w, 4, 8);
	put_many(w, 2, 4);
	put_many(w, 2, 8);
	put_many(w, 6, 4);
	put_many(w, 2, 2);
	put_many(w, 8, 4);
	if (u16)
		put_many(w, 2, 2);
	else /* ecn_mode 2, opt_seen 1, fail_mode 3, options2 0x000102 */
		put(w, w->big ? 0x93000102 : 0x00010236, 4);
	raw(w, "a tail of a later kernel", tail);
	end_attribute(w, at);
}

static void put_message(struct writer *w, bool u16, size_t tail)
{
	size_t start = w->len, at, inner;

	put(w, 0, 4);
	put(w, SOCK_DIAG_BY_FAMILY, 2);
	put(w, NLM_F_MULTI, 2);
	put_many(w, 2, 4);
	put(w, AF_INET6, 1);
	put(w, 1, 1);
	put_many(w, 2, 1);
	raw(w, "\x01\xbb\xc3\x50 an address     another of them ", 36); /* in network order */
	put_many(w, 3, 4);
	put_many(w, 5, 4);
	put_info(w, u16, tail);
	numbers(w, INET_DIAG_MEMINFO, 4, 4);
	numbers(w, INET_DIAG_SKMEMINFO, 9, 4);
	numbers(w, INET_DIAG_VEGASINFO, 4, 4);
	numbers(w, INET_DIAG_BBRINFO, 5, 4);
	numbers(w, INET_DIAG_CLASS_ID, 1, 4);
	numbers(w, INET_DIAG_CGROUP_ID, 1, 8);
	numbers(w, INET_DIAG_TOS, 1, 1);
	at = begin_attribute(w, INET_DIAG_DCTCPINFO);
	put_many(w, 2, 2);
	put_many(w, 3, 4);
	end_attribute(w, at);
	at = begin_attribute(w, INET_DIAG_CONG);
	raw(w, "cubic", 6);
	end_attribute(w, at);
	at = begin_attribute(w, INET_DIAG_ULP_INFO | NLA_F_NESTED);
	inner = begin_attribute(w, INET_ULP_INFO_NAME);
	raw(w, "tls", 4);
	end_attribute(w, inner);
	end_attribute(w, at);
	at = begin_attribute(w, INET_DIAG_SOCKOPT);
	put(w, 0x81, 1); /* the first and the last of eight flags */
	put(w, w->big ? 0xa0 : 0x05, 1);
	end_attribute(w, at);
	put_at(w, start, w->len - start, 4);
}

/* The record of each message as JSON. */
static void decode_all_of(struct writer *w, bool u16, struct buf *out)
{
	const struct decode_options options = {.attributes = UINT64_MAX, .accecn_u16 = u16};
	struct encoder e;
	char error[100];

	assert_int_equal(encoder_init(&e, "jsonl", NULL, error, sizeof(error)), 0);
	byte_order_convert(w->bytes, w->len, u16);
	struct nl_walk walk = {w->bytes, w->len};
	const struct nlmsghdr *nlh;
	nl_for_each_msg (nlh, walk) {
		struct record r = {0};
		struct decode_counts counts = {0};

		assert_int_equal(decode_inet_diag(nlh, nlh->nlmsg_len, &options, &r, &counts), 0);
		assert_int_equal(counts.bad_attributes + counts.unknown_attributes, 0);
		assert_int_equal(r.tcp_info_send_scale, 7);
		assert_int_equal(r.tcp_info_rcv_scale, 9);
		assert_int_equal(r.tcp_info_delivery_rate_app_limited, 1);
		assert_int_equal(r.tcp_info_fast_open_client_failed, 2);
		assert_int_equal(r.sock_opt, 0x0581);
		if (!u16)
			assert_int_equal(r.tcp_info_options2, 0x0102);
		e.ops->row(&e, out, &r);
	}
	assert_int_equal(walk.left, 0);
	encoder_free(&e);
}

static void both_orders_are_one_record(void **state)
{
	for (int u16 = 0; u16 < 2; u16++) {
		struct buf text[2] = {0};

		for (int big = 0; big < 2; big++) {
			struct writer w = {.big = big};

			put_message(&w, u16, 0);
			put_message(&w, u16, 8);
			decode_all_of(&w, u16, &text[big]);
		}
		assert_string_equal(buf_cstr(&text[0]), buf_cstr(&text[1]));
		assert_non_null(strstr(buf_cstr(&text[0]), "\"ulp_name\":\"tls\""));
		buf_free(&text[0]);
		buf_free(&text[1]);
	}
}

/* Cut anywhere, in memory of exactly that size: what is there is converted, and nothing else is read. */
static void cut_messages_end_the_conversion(void **state)
{
	for (int big = 0; big < 2; big++) {
		struct writer w = {.big = big};

		put_message(&w, false, 8);
		for (size_t len = 0; len <= w.len; len++) {
			_cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

			memcpy(copy, w.bytes, len);
			/* The length says what is there, and attributes reach beyond it. */
			if (len >= NLMSG_HDRLEN) {
				struct writer header = {.big = big};
				put(&header, len, 4);
				memcpy(copy, header.bytes, 4);
			}
			byte_order_convert(copy, len, false);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_orders_are_one_record),
	    cmocka_unit_test(cut_messages_end_the_conversion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
