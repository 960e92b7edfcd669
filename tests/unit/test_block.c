/* SPDX-License-Identifier: MIT */
/* Compressed blocks of ClickHouse: values that other implementations made (go-faster/city 1.0.1, pierrec/lz4 4). */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clickhouse/block.h"
#include "clickhouse/cityhash.h"

static void hashes_are_those_of_version_1_0_2(void **state)
{
	static const struct {
		size_t len;
		struct hash128 hash;
	} cases[] = {
	    {0, {0x3df09dfc64c09a2b, 0x3cb540c392e51e29}},
	    {1, {0x39379490ccb55d55, 0x2af2b13064cd571f}},
	    {3, {0x3108fa6b1da16986, 0x32301bf0c250612d}},
	    {4, {0x2321e75aee8d6c41, 0xcea6b327f605358d}},
	    {7, {0x9ef90f69597e95c7, 0x4987956c9782ee8f}},
	    {8, {0xb6ad7c9a5953432f, 0x9f0e02109921888c}},
	    {9, {0x5601ccf1e058519a, 0xf8512fca28333fef}},
	    {15, {0x5a8299d8ab8f2f47, 0x8ea0a478a90d3277}},
	    {16, {0x21e79cab7f9c2b79, 0xa35615c235313f7a}},
	    {17, {0x0cd5bb13faea6e4c, 0x32bf719178f6bbfe}},
	    {24, {0x11cc4c88526863b8, 0x3292188780f057f0}},
	    {31, {0x6e4f70325ec27ffc, 0x9a23a7e9f0b515e0}},
	    {32, {0x67cfab8404eec7e9, 0x80cd3c27f5bd61ee}},
	    {33, {0x094bbf1d5b6ddb61, 0x10572bd58efa7aaf}},
	    {48, {0x1bae09b8435c660d, 0xa281faacdbab77b6}},
	    {49, {0xb036db4387a2cadc, 0x5e7fef1d0c3b04fd}},
	    {143, {0x201689145f2ebee2, 0xdf56bd91c3fb4dd0}},
	    {144, {0xd639167b9b85767d, 0x07a10bf4573107c6}},
	    {145, {0xde654d669366fc2a, 0xd2f68f547b37d6f5}},
	    {160, {0xf6b778a5c179adff, 0xf27668b26f450ab4}},
	    {176, {0x6970c27d32b2ba73, 0x81942dddea12a7fd}},
	    {177, {0x590f97982def1b24, 0x65f082c34eba634c}},
	    {271, {0xd3b086e6bb77a21b, 0x862fedb3038c14c1}},
	    {272, {0xefd5ff73250bf76d, 0xedec81d742e3b161}},
	    {273, {0x6cb627d4ace6fb60, 0xf229b202578db602}},
	    {300, {0xd6306a0c4528ae11, 0x37c2e51cab2517ef}},
	    {1000, {0x984b538c7b372373, 0xf6e6cbc56b688720}},
	    {2000, {0x22927b64a520c4af, 0x5f4176b7fb45b736}},
	};
	uint8_t data[2000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hash128 hash = cityhash128(data, cases[i].len);
		assert_int_equal(hash.low, cases[i].hash.low);
		assert_int_equal(hash.high, cases[i].hash.high);
	}
}

/* The text of plain_text(), compressed: literals, long matches, matches that reach into themselves. */
static const uint8_t packed[] = {
    0xff, 0x0a, 0x61, 0x20, 0x73, 0x6f, 0x63, 0x6b, 0x65, 0x74, 0x20, 0x6f, 0x66, 0x20, 0x61,
    0x20, 0x6e, 0x61, 0x6d, 0x65, 0x73, 0x70, 0x61, 0x63, 0x65, 0x2c, 0x20, 0x19, 0x00, 0xff,
    0xff, 0xff, 0xbf, 0x1f, 0x78, 0x01, 0x00, 0xff, 0x19, 0xf0, 0x31, 0x00, 0x25, 0x4a, 0x6f,
    0x94, 0xb9, 0xde, 0x03, 0x28, 0x4d, 0x72, 0x97, 0xbc, 0xe1, 0x06, 0x2b, 0x50, 0x75, 0x9a,
    0xbf, 0xe4, 0x09, 0x2e, 0x53, 0x78, 0x9d, 0xc2, 0xe7, 0x0c, 0x31, 0x56, 0x7b, 0xa0, 0xc5,
    0xea, 0x0f, 0x34, 0x59, 0x7e, 0xa3, 0xc8, 0xed, 0x12, 0x37, 0x5c, 0x81, 0xa6, 0xcb, 0xf0,
    0x15, 0x3a, 0x5f, 0x84, 0xa9, 0xce, 0xf3, 0x18, 0x3d, 0x62, 0x87, 0xac, 0xd1, 0xf6, 0x1b,
};
#define PLAIN_LEN 1364

static void plain_text(uint8_t text[static PLAIN_LEN])
{
	static const char sentence[] = "a socket of a namespace, ";
	size_t len = 0;

	for (; len < 40 * (sizeof(sentence) - 1); len += sizeof(sentence) - 1)
		memcpy(text + len, sentence, sizeof(sentence) - 1);
	memset(text + len, 'x', 300);
	len += 300;
	for (size_t i = 0; i < 64; i++)
		text[len++] = (uint8_t)(i * 37);
	assert_int_equal(len, PLAIN_LEN);
}

static void lz4_is_decompressed(void **state)
{
	uint8_t want[PLAIN_LEN], got[PLAIN_LEN + 1];

	plain_text(want);
	assert_true(lz4_decompress(packed, sizeof(packed), got, PLAIN_LEN));
	assert_memory_equal(got, want, PLAIN_LEN);
	/* Of another length, and cut anywhere. */
	assert_false(lz4_decompress(packed, sizeof(packed), got, PLAIN_LEN + 1));
	assert_false(lz4_decompress(packed, sizeof(packed), got, PLAIN_LEN - 1));
	for (size_t len = 0; len < sizeof(packed); len++)
		assert_false(lz4_decompress(packed, len, got, PLAIN_LEN));
}

static void damaged_lz4_is_refused(void **state)
{
	static const struct {
		uint8_t data[8];
		size_t len;
	} cases[] = {
	    {{0x10, 'a', 0x00, 0x00}, 4},		    /* a match at distance 0 */
	    {{0x10, 'a', 0x02, 0x00}, 4},		    /* a match before the beginning */
	    {{0x10, 'a', 0x01}, 3},			    /* half a distance */
	    {{0xf0, 0xff}, 2},				    /* a length without its end */
	    {{0x1f, 'a', 0x01, 0x00, 0xff}, 5},		    /* the same, of a match */
	    {{0x20, 'a'}, 2},				    /* literals that are not there */
	    {{0x1f, 'a', 0x01, 0x00, 0xff, 0xff, 0x00}, 7}, /* a match beyond the size */
	};
	uint8_t out[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_false(lz4_decompress(cases[i].data, cases[i].len, out, sizeof(out)));
}

/* A block around the packed text. */
static void append_lz4(struct buf *b)
{
	uint8_t block[16 + 9 + sizeof(packed)] = {
	    [16] = 0x82, [17] = 9 + sizeof(packed), [21] = PLAIN_LEN & 0xff, [22] = PLAIN_LEN >> 8};

	memcpy(block + 25, packed, sizeof(packed));
	struct hash128 hash = cityhash128(block + 16, sizeof(block) - 16);
	for (size_t i = 0; i < 8; i++) {
		block[i] = (uint8_t)(hash.low >> (8 * i));
		block[8 + i] = (uint8_t)(hash.high >> (8 * i));
	}
	buf_append(b, block, sizeof(block));
}

static void blocks_are_read_however_they_come(void **state)
{
	_cleanup_buf_ struct buf stream = {0};
	uint8_t plain[PLAIN_LEN];

	plain_text(plain);
	append_lz4(&stream);
	block_append(&stream, "not compressed", 14);
	for (uint32_t step = 1; step <= stream.len; step += 7) {
		struct block_reader r = {0};
		const char *why;
		unsigned blocks = 0;
		for (size_t at = 0; at < stream.len; at += step) {
			size_t left = stream.len - at;
			struct str piece = {(const char *)stream.data + at,
					    left < step ? (uint32_t)left : step};
			while (block_read(&r, &piece, &why) == 1) {
				if (blocks++ == 0) {
					assert_int_equal(r.out.len, PLAIN_LEN);
					assert_memory_equal(r.out.data, plain, PLAIN_LEN);
				} else {
					assert_int_equal(r.out.len, 14);
					assert_memory_equal(r.out.data, "not compressed", 14);
				}
			}
		}
		assert_int_equal(blocks, 2);
		assert_true(block_complete(&r));
		block_reader_free(&r);
	}
}

static const char *refused(const struct buf *stream)
{
	struct block_reader r = {0};
	struct str data = {(const char *)stream->data, (uint32_t)stream->len};
	const char *why;

	assert_int_equal(block_read(&r, &data, &why), -EBADMSG);
	block_reader_free(&r);
	return why;
}

static void blocks_that_are_damaged_or_too_large_are_refused(void **state)
{
	_cleanup_buf_ struct buf stream = {0};
	struct block_reader r = {0};
	const char *why;

	append_lz4(&stream);
	stream.data[40] ^= 1;
	assert_non_null(strstr(refused(&stream), "Checksum"));
	stream.data[40] ^= 1;
	stream.data[20] = 0xff; /* 4 GiB */
	assert_non_null(strstr(refused(&stream), "at most 32 MiB"));
	stream.data[20] = 0;
	struct str half = {(const char *)stream.data, 30};
	assert_int_equal(block_read(&r, &half, &why), 0);
	assert_false(block_complete(&r));
	block_reader_free(&r);
	buf_reset(&stream);
	buf_str(&stream, "SELECT 1 is no sequence of blocks");
	refused(&stream);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_are_those_of_version_1_0_2),
	    cmocka_unit_test(lz4_is_decompressed),
	    cmocka_unit_test(damaged_lz4_is_refused),
	    cmocka_unit_test(blocks_are_read_however_they_come),
	    cmocka_unit_test(blocks_that_are_damaged_or_too_large_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
