/* SPDX-License-Identifier: MIT */
/*
 * The bytes of the Parquet writer: Thrift, runs and packed bits, dictionaries,
 * bounds, pages. Other people's readers take whole files in tests/bats/files.bats.
 */
#include "unit.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "parquet/column.h"
#include "parquet/hybrid.h"
#include "parquet/parquet.h"
#include "parquet/thrift.h"
#include "replay_records.h"

static void assert_bytes(const struct buf *b, const char *hex)
{
	char text[1024] = "";

	assert_true(buf_ok(b) && b->len < sizeof(text) / 2);
	for (size_t i = 0; i < b->len; i++)
		snprintf(text + 2 * i, 3, "%02x", b->data[i]);
	assert_string_equal(text, hex);
}

static void thrift_is_compact(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	struct thrift t = thrift_begin(&b);

	thrift_i32(&t, 1, -1);
	thrift_i64(&t, 20, 300); /* a step above 15: the id follows */
	thrift_bool(&t, 21, true);
	thrift_bool(&t, 22, false);
	thrift_struct(&t, 23);
	thrift_binary(&t, 1, str_of("ab"));
	thrift_i8(&t, 2, 32);
	thrift_end(&t);
	thrift_list(&t, 24, THRIFT_I32, 2);
	thrift_list_int(&t, 0);
	thrift_list_int(&t, 2);
	thrift_list(&t, 25, THRIFT_BOOL, 15);
	for (int i = 0; i < 15; i++)
		thrift_list_bool(&t, i == 0);
	thrift_empty(&t, 26);
	thrift_end(&t);
	assert_bytes(&b, "1501"
			 "0628d804"
			 "1112"
			 "1c"
			 "18026162"
			 "1320"
			 "00"
			 "19250004"
			 "19f10f010202020202020202020202020202"
			 "1c00"
			 "00");
}

/* A reader of the encoding, as the specification has it. */
static void unpack(const struct buf *b, uint32_t *values, size_t count, unsigned width)
{
	const uint8_t *p = b->data, *end = p + b->len;
	size_t n = 0;

	while (n < count) {
		uint64_t head = 0;
		for (unsigned shift = 0;; shift += 7) {
			assert_true(p < end);
			head |= (uint64_t)(*p & 0x7f) << shift;
			if (!(*p++ & 0x80))
				break;
		}
		if (head & 1) {
			for (size_t i = 0; i < (head >> 1) * 8; i++) {
				uint32_t v = 0;
				for (unsigned bit = 0; bit < width; bit++) {
					size_t at = i * width + bit;
					assert_true(p + at / 8 < end);
					v |= (uint32_t)(p[at / 8] >> at % 8 & 1) << bit;
				}
				if (n < count)
					values[n++] = v;
				else
					assert_int_equal(v, 0);
			}
			p += (head >> 1) * width;
		} else {
			uint32_t v = 0;
			for (unsigned i = 0; i < (width + 7) / 8; i++)
				v |= (uint32_t)*p++ << 8 * i;
			for (size_t i = 0; i < head >> 1; i++) {
				assert_true(n < count);
				values[n++] = v;
			}
		}
	}
	assert_ptr_equal(p, end);
}

static void runs_and_packed_bits(void **state)
{
	static uint32_t values[5000], back[5000];
	_cleanup_buf_ struct buf b = {0};
	uint64_t random = 1;

	/* The example of the specification: 0 to 7 in 3 bits. */
	for (uint32_t i = 0; i < 8; i++)
		values[i] = i;
	hybrid_encode(&b, values, 8, 3);
	assert_bytes(&b, "0388c6fa");
	buf_reset(&b);
	for (uint32_t i = 0; i < 100; i++)
		values[i] = 1;
	hybrid_encode(&b, values, 100, 1);
	assert_bytes(&b, "c80101");
	assert_int_equal(hybrid_width(0), 0);
	assert_int_equal(hybrid_width(1), 1);
	assert_int_equal(hybrid_width(255), 8);
	assert_int_equal(hybrid_width(256), 9);
	assert_int_equal(hybrid_width(UINT32_MAX), 32);
	for (unsigned width = 0; width <= 32; width++) {
		for (size_t count = 0; count < 5000; count = count * 3 + 1) {
			for (size_t i = 0; i < count; i++) {
				random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
				/* Runs of all lengths between values that change. */
				bool repeat = i > 0 && (random >> 60) < i / 10 % 16;
				values[i] = repeat  ? values[i - 1]
					    : width ? (uint32_t)(random >> 32) >> (32 - width)
						    : 0;
			}
			buf_reset(&b);
			hybrid_encode(&b, values, count, width);
			assert_true(buf_ok(&b));
			unpack(&b, back, count, width);
			assert_memory_equal(values, back, count * sizeof(*values));
		}
	}
}

static void a_dictionary_numbers_values(void **state)
{
	struct dictionary d = {0};
	char text[16];

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			snprintf(text, sizeof(text), "%u", i);
			assert_int_equal(dictionary_string(&d, str_of(text), 1000), i);
			assert_int_equal(dictionary_string(&d, str_of("0"), 1000), 0);
		}
		assert_int_equal(dictionary_string(&d, str_of("more"), 1000), DICTIONARY_NONE);
		assert_int_equal(d.count, 1000);
		struct str v = dictionary_value(&d, 999, 0);
		assert_int_equal(v.len, 3);
		assert_memory_equal(v.p, "999", 3);
		dictionary_reset(&d);
	}
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t v = i * i;
		assert_int_equal(dictionary_number(&d, &v, sizeof(v), 100), i);
	}
	assert_int_equal(d.plain.len, 800);
	dictionary_free(&d);
}

static void assert_bound(const struct bound *b, const char *text, bool exact)
{
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->bytes, text, b->len);
	assert_int_equal(b->exact, exact);
}

static void long_bounds_are_cut(void **state)
{
	char high[100], low[100], text[65];
	struct range r = {0};
	struct bound min, max;

	assert_false(range_bounds(&r, COLUMN_BYTES, false, true, &min, &max));
	memset(high, 'b', sizeof(high));
	memset(low, 'a', sizeof(low));
	range_bytes(&r, str_of("az"));
	assert_true(range_bounds(&r, COLUMN_BYTES, false, true, &min, &max));
	assert_bound(&min, "az", true);
	assert_bound(&max, "az", true);
	range_bytes(&r, (struct str){high, sizeof(high)});
	range_bytes(&r, (struct str){low, sizeof(low)});
	assert_true(range_bounds(&r, COLUMN_BYTES, false, true, &min, &max));
	snprintf(text, sizeof(text), "%.64s", low);
	assert_bound(&min, text, false);
	snprintf(text, sizeof(text), "%.64s", high);
	text[63] = 'c';
	assert_bound(&max, text, false);
	/* Text is cut between characters: 63 letters and a half of one. */
	memcpy(low + 63, "\xc3\xa4", 2);
	memcpy(high + 63, "\xc3\xa4", 2);
	assert_true(range_bounds(&r, COLUMN_BYTES, false, true, &min, &max));
	assert_int_equal(min.len, 63);
	assert_int_equal(max.len, 63);
	assert_int_equal(max.bytes[62], 'c');
	/* Nothing is larger than all of what begins with 64 times ff. */
	memset(high, 0xff, sizeof(high));
	assert_false(range_bounds(&r, COLUMN_BYTES, false, false, &min, &max));
}

static void times_are_ordered_with_their_sign(void **state)
{
	const uint64_t sign = UINT64_C(1) << 63;
	struct range r = {0}, more = {.nulls = 3};
	struct bound min, max;
	uint64_t low, high;

	range_number(&r, (uint64_t)5 ^ sign);
	range_number(&more, (uint64_t)-7 ^ sign);
	range_add(&r, &more, COLUMN_INT64);
	assert_int_equal(r.values, 2);
	assert_int_equal(r.nulls, 3);
	assert_true(range_bounds(&r, COLUMN_INT64, true, false, &min, &max));
	memcpy(&low, min.bytes, 8);
	memcpy(&high, max.bytes, 8);
	assert_int_equal((int64_t)le64toh(low), -7);
	assert_int_equal((int64_t)le64toh(high), 5);
}

/* A column of numbers with nulls, without compression: header, levels, values, as in the specification. */
static void a_page_in_bytes(void **state)
{
	struct column c = {.name = "n", .type = COLUMN_INT32};
	struct column_scratch s = {.compressor = compressor_new(COMPRESSION_NONE)};
	_cleanup_buf_ struct buf out = {0}, indexes = {0};
	struct chunk chunk;
	static const uint8_t page[] = {2, 0, 0, 0, 3, 5, 1, 0, 0, 0, 2, 1, 0, 0};

	column_number(&c, 1);
	column_null(&c);
	column_number(&c, 0x102);
	column_encode(&c, &s, &out, &indexes, 4, &chunk);
	assert_true(buf_ok(&out) && !chunk.dictionary);
	assert_int_equal(out.len, chunk.compressed);
	assert_int_equal(chunk.compressed, chunk.uncompressed);
	assert_memory_equal(out.data + out.len - sizeof(page), page, sizeof(page));
	/* DATA_PAGE, 14 bytes, 14 bytes, CRC; 3 values, PLAIN, RLE, RLE */
	assert_memory_equal(out.data, "\x15\x00\x15\x1c\x15\x1c\x15", 7);
	assert_memory_equal(out.data + out.len - sizeof(page) - 11,
			    "\x1c\x15\x06\x15\x00\x15\x06\x15\x06\x00\x00", 11);
	assert_int_equal(chunk.range.nulls, 1);
	assert_int_equal(chunk.range.low, 1);
	assert_int_equal(chunk.range.high, 0x102);
	/* Offset index: one page at 4; column index: bounds 1 and 258, one null. */
	struct buf part = {indexes.data, chunk.offset_index_length, 0, false};
	char want[64];
	snprintf(want, sizeof(want), "191c160815%02x16000000", (unsigned)(2 * out.len));
	assert_bytes(&part, want);
	part = (struct buf){indexes.data + chunk.column_index, chunk.column_index_length, 0, false};
	assert_bytes(&part, "1911021918040100000019180402010000150219160200");
	column_free(&c);
	column_scratch_free(&s);
}

static void a_dictionary_that_grows_too_large_is_given_up(void **state)
{
	struct column c = {.name = "s", .type = COLUMN_BYTES, .text = true};
	struct column_scratch s = {.compressor = compressor_new(COMPRESSION_NONE)};
	_cleanup_buf_ struct buf out = {0}, indexes = {0};
	struct chunk chunk;
	char text[16];

	for (uint32_t i = 0; i < 40000; i++) {
		snprintf(text, sizeof(text), "%05u", i);
		column_string(&c, str_of(text));
	}
	assert_true(c.plain && column_ok(&c));
	assert_int_equal(c.strings.len, 40000 * 9);
	column_encode(&c, &s, &out, &indexes, 0, &chunk);
	assert_true(buf_ok(&out) && !chunk.dictionary);
	assert_int_equal(chunk.pages, 2);
	assert_memory_equal(chunk.range.min.p, "00000", 5);
	assert_memory_equal(chunk.range.max.p, "39999", 5);
	assert_memory_equal(out.data + out.len - 9,
			    "\5\0\0\0"
			    "39999",
			    9);
	column_reset(&c);
	column_string(&c, str_of("a\xff")); /* no UTF-8 */
	assert_memory_equal(c.dictionary.plain.data + 4, "a\xef\xbf\xbd", 4);
	column_free(&c);
	column_scratch_free(&s);
}

static void compressed_bytes_come_back(void **state)
{
	static uint8_t data[100000], back[100000];
	struct compressor *c = compressor_new(COMPRESSION_GZIP);
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i / 7);
	for (int round = 0; round < 2; round++) {
		z_stream z = {0};
		buf_reset(&b);
		compressor_run(c, &b, data, sizeof(data));
		assert_true(buf_ok(&b) && b.len < sizeof(data) / 10);
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		z.next_in = b.data;
		z.avail_in = (uInt)b.len;
		z.next_out = back;
		z.avail_out = sizeof(back);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		inflateEnd(&z);
		assert_memory_equal(data, back, sizeof(data));
	}
	compressor_free(c);
}

static void add_record(void *data, struct record *r)
{
	assert_int_equal(parquet_add(data, r), 0);
}

/* A row group that could not be written is made again, byte for byte; so is a file. */
static void undone_is_as_if_never_done(void **state)
{
	_cleanup_buf_ struct buf first = {0}, again = {0}, footer = {0}, footer_again = {0};
	struct encoder e;
	char error[256];

	assert_int_equal(encoder_init(&e, "jsonl", "", error, sizeof(error)), 0);
	struct parquet *p = parquet_new(&e, "xtcp2 version 1.2.3");
	assert_non_null(p);
	for (int round = 0; round < 2; round++) {
		struct buf *out = round ? &again : &first, *end = round ? &footer_again : &footer;
		parquet_begin(p);
		replay_records("tests/data/linux-6.18-ipv4.pcap", add_record, p);
		assert_int_equal(parquet_rows(p), 18);
		assert_int_equal(parquet_group(p, out, end), 0);
		parquet_keep(p);
		if (round) { /* between two row groups, one that fails */
			_cleanup_buf_ struct buf lost = {0}, lost_footer = {0};
			replay_records("tests/data/linux-6.18-ipv6.pcap", add_record, p);
			assert_int_equal(parquet_group(p, &lost, &lost_footer), 0);
			parquet_undo(p);
			assert_int_equal(parquet_rows(p), 0);
		}
		replay_records("tests/data/linux-6.18-ipv6.pcap", add_record, p);
		size_t before = out->len;
		buf_reset(end);
		assert_int_equal(parquet_group(p, out, end), 0);
		assert_true(out->len > before);
		parquet_keep(p);
		assert_int_equal(parquet_groups(p), 2);
	}
	assert_memory_equal(first.data, "PAR1", 4);
	assert_memory_equal(footer.data + footer.len - 4, "PAR1", 4);
	uint32_t length;
	memcpy(&length, footer.data + footer.len - 8, 4);
	assert_int_equal(le32toh(length), footer.len - 8);
	assert_int_equal(first.len, again.len);
	assert_memory_equal(first.data, again.data, first.len);
	assert_int_equal(footer.len, footer_again.len);
	assert_memory_equal(footer.data, footer_again.data, footer.len);
	parquet_free(p);
	encoder_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(thrift_is_compact),
	    cmocka_unit_test(runs_and_packed_bits),
	    cmocka_unit_test(a_dictionary_numbers_values),
	    cmocka_unit_test(long_bounds_are_cut),
	    cmocka_unit_test(times_are_ordered_with_their_sign),
	    cmocka_unit_test(a_page_in_bytes),
	    cmocka_unit_test(a_dictionary_that_grows_too_large_is_given_up),
	    cmocka_unit_test(compressed_bytes_come_back),
	    cmocka_unit_test(undone_is_as_if_never_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
