/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Bytes go into a dictionary as they arrive, since most columns of text repeat; one
 * with too many different values becomes a plain column and stays one until the row
 * group ends. Numbers are kept as they are, and whether a dictionary is smaller is
 * found out when the chunk is encoded. Pages are of version 1: the levels (one bit
 * per row), then the values, compressed together. Values, and lengths of strings, are
 * little-endian from the moment they are kept.
 */
#include "parquet/column.h"

#include <endian.h>
#include <zlib.h>

#include "base/utf8.h"
#include "parquet/hybrid.h"

/* A dictionary of bytes with more values, or more bytes, is given up. */
#define STRINGS_MAX	 32768
#define STRINGS_BYTES	 (1u << 20)
/* Numbers have a dictionary when at most one of so many values is new; its index has 15 bits at most. */
#define NUMBERS_REPEATED 8
#define NUMBERS_MAX	 32768

#define SIGN (UINT64_C(1) << 63)

/* parquet.thrift */
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { PLAIN = 0, RLE = 3, RLE_DICTIONARY = 8 };
enum { UNORDERED = 0, ASCENDING = 1 };

struct place {
	int64_t offset;
	int32_t size;
	uint32_t row;
};

void column_free(struct column *c)
{
	buf_free(&c->levels);
	buf_free(&c->numbers);
	buf_free(&c->indexes);
	buf_free(&c->strings);
	buf_free(&c->string_at);
	dictionary_free(&c->dictionary);
}

void column_reset(struct column *c)
{
	c->rows = c->values = 0;
	c->plain = false;
	buf_reset(&c->levels);
	buf_reset(&c->numbers);
	buf_reset(&c->indexes);
	buf_reset(&c->strings);
	buf_reset(&c->string_at);
	dictionary_reset(&c->dictionary);
}

size_t column_bytes(const struct column *c)
{
	return c->levels.len + c->numbers.len + c->indexes.len + c->strings.len + c->string_at.len +
	       c->dictionary.plain.len + c->dictionary.at.len;
}

bool column_ok(const struct column *c)
{
	return buf_ok(&c->levels) && buf_ok(&c->numbers) && buf_ok(&c->indexes) && buf_ok(&c->strings) &&
	       buf_ok(&c->string_at);
}

void column_null(struct column *c)
{
	c->rows++;
	buf_byte(&c->levels, 0);
}

void column_number(struct column *c, uint64_t v)
{
	uint32_t v32 = htole32((uint32_t)v);
	uint64_t v64 = htole64(v);

	c->rows++;
	c->values++;
	buf_byte(&c->levels, 1);
	if (c->type == COLUMN_INT32)
		buf_append(&c->numbers, &v32, sizeof(v32));
	else
		buf_append(&c->numbers, &v64, sizeof(v64));
}

static void add_plain(struct column *c, struct str s)
{
	uint32_t at = (uint32_t)c->strings.len, len = htole32(s.len);

	buf_append(&c->string_at, &at, sizeof(at));
	buf_append(&c->strings, &len, sizeof(len));
	buf_append(&c->strings, s.p, s.len);
}

static uint32_t index_at(const struct buf *indexes, size_t i)
{
	uint32_t v;

	memcpy(&v, indexes->data + i * sizeof(v), sizeof(v));
	return v;
}

/* Give up the dictionary. */
static void make_plain(struct column *c)
{
	c->plain = true;
	for (size_t i = 0; i < c->indexes.len / sizeof(uint32_t); i++)
		add_plain(c, dictionary_value(&c->dictionary, index_at(&c->indexes, i), 0));
	buf_reset(&c->indexes);
	dictionary_reset(&c->dictionary);
}

static void add_string(struct column *c, struct str s)
{
	if (!c->plain) {
		uint32_t index = c->dictionary.plain.len < STRINGS_BYTES
				     ? dictionary_string(&c->dictionary, s, STRINGS_MAX)
				     : DICTIONARY_NONE;
		if (index != DICTIONARY_NONE) {
			buf_append(&c->indexes, &index, sizeof(index));
			return;
		}
		make_plain(c);
	}
	add_plain(c, s);
}

/* As in the JSON formats. */
static void add_repaired(struct column *c, struct str s)
{
	_cleanup_buf_ struct buf b = {0};
	const uint8_t *p = (const uint8_t *)s.p;

	for (uint32_t i = 0; i < s.len;) {
		size_t n = utf8_length(p + i, s.len - i);
		if (n)
			buf_append(&b, p + i, n);
		else
			buf_str(&b, "\xef\xbf\xbd");
		i += n ? (uint32_t)n : 1;
	}
	if (!buf_ok(&b))
		c->strings.failed = true;
	else
		add_string(c, (struct str){(const char *)b.data, (uint32_t)b.len});
}

void column_string(struct column *c, struct str s)
{
	c->rows++;
	c->values++;
	buf_byte(&c->levels, 1);
	if (c->text && !utf8_valid(s.p, s.len))
		add_repaired(c, s);
	else
		add_string(c, s);
}

/* --- the chunk --- */

static uint32_t number_size(const struct column *c)
{
	return c->type == COLUMN_INT32 ? sizeof(uint32_t) : c->type == COLUMN_INT64 ? sizeof(uint64_t) : 0;
}

/* Number the values in the scratch dictionary; false when they do not repeat enough. */
static bool number_dictionary(const struct column *c, struct column_scratch *s)
{
	uint32_t size = number_size(c), most = c->values / NUMBERS_REPEATED + 1;

	dictionary_reset(&s->dictionary);
	buf_reset(&s->indexes);
	for (uint32_t i = 0; i < c->values; i++) {
		uint32_t index = dictionary_number(&s->dictionary, c->numbers.data + (size_t)i * size, size,
						   most < NUMBERS_MAX ? most : NUMBERS_MAX);
		if (index == DICTIONARY_NONE)
			return false;
		buf_append(&s->indexes, &index, sizeof(index));
	}
	return buf_ok(&s->indexes);
}

/* Compress s->page and append it behind its header. */
static void put_page(struct column_scratch *s, struct buf *out, int type, uint32_t values, int encoding,
		     struct chunk *chunk)
{
	buf_reset(&s->packed);
	compressor_run(s->compressor, &s->packed, s->page.data, s->page.len);
	size_t begin = out->len;
	struct thrift t = thrift_begin(out);
	thrift_i32(&t, 1, type);
	thrift_i32(&t, 2, (int32_t)s->page.len);
	thrift_i32(&t, 3, (int32_t)s->packed.len);
	thrift_i32(&t, 4, (int32_t)crc32(0, s->packed.data, (uInt)s->packed.len));
	thrift_struct(&t, type == PAGE_DATA ? 5 : 7);
	thrift_i32(&t, 1, (int32_t)values);
	thrift_i32(&t, 2, encoding);
	if (type == PAGE_DATA) {
		thrift_i32(&t, 3, RLE);
		thrift_i32(&t, 4, RLE);
	}
	thrift_end(&t);
	thrift_end(&t);
	chunk->uncompressed += (int64_t)(out->len - begin + s->page.len);
	buf_append(out, s->packed.data, s->packed.len);
	chunk->compressed += (int64_t)(out->len - begin);
	if (!buf_ok(&s->packed) || !buf_ok(&s->page))
		out->failed = true;
}

/* Return the number of values among the rows. */
static uint32_t put_levels(const struct column *c, struct column_scratch *s, uint32_t row, uint32_t rows)
{
	uint32_t values = 0, len = 0;

	buf_reset(&s->levels);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t level = c->levels.data[row + i];
		values += level;
		buf_append(&s->levels, &level, sizeof(level));
	}
	size_t at = s->page.len;
	buf_append(&s->page, &len, sizeof(len));
	if (buf_ok(&s->levels))
		hybrid_encode(&s->page, (const uint32_t *)(const void *)s->levels.data, rows, 1);
	else
		s->page.failed = true;
	if (!buf_ok(&s->page))
		return values;
	len = htole32((uint32_t)(s->page.len - at - sizeof(len)));
	memcpy(s->page.data + at, &len, sizeof(len));
	return values;
}

static void put_plain(const struct column *c, struct column_scratch *s, uint32_t value, uint32_t values)
{
	uint32_t size = number_size(c);

	if (size) {
		buf_append(&s->page, c->numbers.data + (size_t)value * size, (size_t)values * size);
	} else if (values) {
		size_t from = index_at(&c->string_at, value);
		size_t to =
		    value + values < c->values ? index_at(&c->string_at, value + values) : c->strings.len;
		buf_append(&s->page, c->strings.data + from, to - from);
	}
}

static struct str string_of(const struct column *c, uint32_t value)
{
	struct str v;

	if (!c->plain)
		return dictionary_value(&c->dictionary, index_at(&c->indexes, value), 0);
	const uint8_t *p = c->strings.data + index_at(&c->string_at, value);
	memcpy(&v.len, p, sizeof(v.len));
	v.len = le32toh(v.len);
	v.p = (const char *)p + sizeof(v.len);
	return v;
}

static struct range range_of(const struct column *c, uint32_t value, uint32_t values, uint32_t rows)
{
	struct range r = {0};
	uint32_t v32;
	uint64_t v64;

	for (uint32_t i = value; i < value + values; i++) {
		if (c->type == COLUMN_BYTES) {
			range_bytes(&r, string_of(c, i));
		} else if (c->type == COLUMN_INT32) {
			memcpy(&v32, c->numbers.data + (size_t)i * sizeof(v32), sizeof(v32));
			range_number(&r, le32toh(v32));
		} else {
			memcpy(&v64, c->numbers.data + (size_t)i * sizeof(v64), sizeof(v64));
			v64 = le64toh(v64);
			range_number(&r, c->is_signed ? v64 ^ SIGN : v64);
		}
	}
	r.nulls = rows - values;
	return r;
}

/* The pages as a whole, each with its range and its place. */
static void put_pages(struct column *c, struct column_scratch *s, struct buf *out, int64_t base,
		      const struct buf *indexes, unsigned width, struct chunk *chunk)
{
	uint32_t value = 0;

	for (uint32_t row = 0; row < c->rows; row += PARQUET_PAGE_ROWS) {
		uint32_t rows = c->rows - row < PARQUET_PAGE_ROWS ? c->rows - row : PARQUET_PAGE_ROWS;
		int64_t offset = base + (int64_t)out->len;

		buf_reset(&s->page);
		uint32_t values = put_levels(c, s, row, rows);
		if (indexes) {
			buf_byte(&s->page, (uint8_t)width);
			hybrid_encode(&s->page, (const uint32_t *)(const void *)indexes->data + value, values,
				      width);
		} else {
			put_plain(c, s, value, values);
		}
		put_page(s, out, PAGE_DATA, rows, indexes ? RLE_DICTIONARY : PLAIN, chunk);
		struct place place = {offset, (int32_t)(base + (int64_t)out->len - offset), row};
		struct range range = range_of(c, value, values, rows);
		buf_append(&s->places, &place, sizeof(place));
		buf_append(&s->ranges, &range, sizeof(range));
		range_add(&chunk->range, &range, c->type);
		chunk->pages++;
		value += values;
	}
}

static void put_offset_index(const struct column_scratch *s, struct buf *indexes, struct chunk *chunk)
{
	const struct place *places = (const void *)s->places.data;
	struct thrift t = thrift_begin(indexes);

	chunk->offset_index = (uint32_t)indexes->len;
	thrift_list(&t, 1, THRIFT_STRUCT, chunk->pages);
	for (uint32_t i = 0; i < chunk->pages; i++) {
		thrift_element(&t);
		thrift_i64(&t, 1, places[i].offset);
		thrift_i32(&t, 2, places[i].size);
		thrift_i64(&t, 3, places[i].row);
		thrift_end(&t);
	}
	thrift_end(&t);
	chunk->offset_index_length = (uint32_t)indexes->len - chunk->offset_index;
}

/* Tell whether minima and maxima ascend; not worth finding out for bytes. */
static bool ascend(const struct range *ranges, uint32_t pages, enum column_type type)
{
	const struct range *last = NULL;

	for (uint32_t i = 0; i < pages; i++) {
		if (ranges[i].values == 0)
			continue;
		if (last &&
		    (type == COLUMN_BYTES || ranges[i].low < last->low || ranges[i].high < last->high))
			return false;
		last = &ranges[i];
	}
	return true;
}

enum { MINIMA = 2, MAXIMA = 3 };

/* Append a list of bounds; false when a page has none. */
static bool put_bounds(const struct column *c, const struct range *ranges, uint32_t pages, int16_t which,
		       struct thrift *t)
{
	struct bound min, max;

	thrift_list(t, which, THRIFT_BINARY, pages);
	for (uint32_t i = 0; i < pages; i++) {
		min.len = max.len = 0;
		if (ranges[i].values && !range_bounds(&ranges[i], c->type, c->is_signed, c->text, &min, &max))
			return false;
		thrift_list_binary(t, bound_str(which == MINIMA ? &min : &max));
	}
	return true;
}

static void put_column_index(const struct column *c, const struct column_scratch *s, struct buf *indexes,
			     struct chunk *chunk)
{
	const struct range *ranges = (const void *)s->ranges.data;
	struct thrift t = thrift_begin(indexes);

	chunk->column_index = (uint32_t)indexes->len;
	thrift_list(&t, 1, THRIFT_BOOL, chunk->pages);
	for (uint32_t i = 0; i < chunk->pages; i++)
		thrift_list_bool(&t, ranges[i].values == 0);
	if (!put_bounds(c, ranges, chunk->pages, MINIMA, &t) ||
	    !put_bounds(c, ranges, chunk->pages, MAXIMA, &t)) {
		indexes->len = chunk->column_index;
		return;
	}
	thrift_i32(&t, 4, ascend(ranges, chunk->pages, c->type) ? ASCENDING : UNORDERED);
	thrift_list(&t, 5, THRIFT_I64, chunk->pages);
	for (uint32_t i = 0; i < chunk->pages; i++)
		thrift_list_int(&t, ranges[i].nulls);
	thrift_end(&t);
	chunk->column_index_length = (uint32_t)indexes->len - chunk->column_index;
}

void column_encode(struct column *c, struct column_scratch *s, struct buf *out, struct buf *indexes,
		   int64_t base, struct chunk *chunk)
{
	bool numbers = c->type != COLUMN_BYTES;
	const struct dictionary *d = numbers ? &s->dictionary : &c->dictionary;
	unsigned width = 0;

	*chunk = (struct chunk){.begin = (int64_t)out->len};
	buf_reset(&s->places);
	buf_reset(&s->ranges);
	chunk->dictionary = c->values > 0 && (numbers ? number_dictionary(c, s) : !c->plain);
	if (chunk->dictionary) {
		buf_reset(&s->page);
		buf_append(&s->page, d->plain.data, d->plain.len);
		put_page(s, out, PAGE_DICTIONARY, d->count, PLAIN, chunk);
		width = hybrid_width(d->count - 1);
	}
	chunk->data = (int64_t)out->len;
	put_pages(c, s, out, base, chunk->dictionary ? numbers ? &s->indexes : &c->indexes : NULL, width,
		  chunk);
	if (!buf_ok(&s->places) || !buf_ok(&s->ranges)) {
		out->failed = true;
		return;
	}
	put_offset_index(s, indexes, chunk);
	put_column_index(c, s, indexes, chunk);
}

void column_scratch_free(struct column_scratch *s)
{
	compressor_free(s->compressor);
	dictionary_free(&s->dictionary);
	struct buf *bufs[] = {&s->indexes, &s->levels, &s->page, &s->packed, &s->ranges, &s->places};
	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		buf_free(bufs[i]);
}
