/* SPDX-License-Identifier: MIT */
#include "parquet/parquet.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "parquet/column.h"
#include "parquet/schema.h"
#include "record/format.h"

#define MAGIC "PAR1"

/* A column and the field that it is made of. */
struct source {
	const struct record_field *field;
	bool text; /* the readable form of a field that has a column of its own */
};

struct parquet {
	char *application;
	size_t count;
	struct column *columns;
	struct source *sources;
	struct chunk *chunks;
	struct buf names; /* of text columns, one NUL-terminated string after the other */
	struct buf text;  /* a value as text */
	struct column_scratch scratch;
	struct buf indexes; /* of the row group being encoded */
	/* The file: its length, and its row groups as the footer lists them. */
	int64_t length, rows;
	struct buf groups;
	uint32_t group_count;
	/* The row group: what parquet_keep() adds to them. */
	uint32_t group_rows;
	struct buf group;
	int64_t group_length;
};

static bool has_text(const struct record_field *f)
{
	return f->kind == FIELD_ADDR || f->kind == FIELD_STATE || f->kind == FIELD_CC;
}

static void add_column(struct parquet *p, const struct record_field *f, bool text, const char *name)
{
	struct column *c = &p->columns[p->count];

	p->sources[p->count++] = (struct source){f, text};
	*c = (struct column){.name = name, .id = text ? 0 : (int32_t)f->number};
	switch (text ? FIELD_STR : f->kind) {
	case FIELD_U32:
	case FIELD_STATE:
	case FIELD_CC:
		c->type = COLUMN_INT32;
		break;
	case FIELD_TIME:
		c->is_signed = true;
		c->type = COLUMN_INT64;
		break;
	case FIELD_U64:
		c->type = COLUMN_INT64;
		break;
	case FIELD_STR:
		c->text = true;
		c->type = COLUMN_BYTES;
		break;
	case FIELD_BYTES:
	case FIELD_ADDR:
		c->type = COLUMN_BYTES;
	}
}

/* The longest name and its suffix. */
#define TEXT_NAME_MAX 80

static bool add_columns(struct parquet *p, const struct encoder *e)
{
	size_t fields = e->columns ? e->column_count : record_field_count;

	p->columns = calloc(2 * fields, sizeof(*p->columns));
	p->sources = calloc(2 * fields, sizeof(*p->sources));
	p->chunks = calloc(2 * fields, sizeof(*p->chunks));
	/* Names point into the buffer: it must not move. */
	if (!p->columns || !p->sources || !p->chunks || !buf_reserve(&p->names, fields * TEXT_NAME_MAX))
		return false;
	for (size_t i = 0; i < fields; i++) {
		const struct record_field *f = &record_fields[e->columns ? e->columns[i] : i];
		const char *name = encoder_field_name(e, f);

		add_column(p, f, false, name);
		if (!has_text(f))
			continue;
		const char *text = (const char *)p->names.data + p->names.len;
		buf_str(&p->names, name);
		buf_append(&p->names, e->json_names ? "Text" : "_text", e->json_names ? 5 : 6);
		add_column(p, f, true, text);
	}
	return true;
}

struct parquet *parquet_new(const struct encoder *encoder, const char *application)
{
	enum compression codec = compression_built(COMPRESSION_ZSTD) ? COMPRESSION_ZSTD : COMPRESSION_GZIP;
	struct parquet *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->application = strdup(application);
	p->scratch.compressor = compressor_new(codec);
	p->scratch.codec = codec == COMPRESSION_ZSTD ? PARQUET_ZSTD : PARQUET_GZIP;
	if (p->application && p->scratch.compressor && add_columns(p, encoder))
		return p;
	parquet_free(p);
	errno = ENOMEM;
	return NULL;
}

void parquet_free(struct parquet *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		column_free(&p->columns[i]);
	column_scratch_free(&p->scratch);
	struct buf *bufs[] = {&p->names, &p->text, &p->indexes, &p->groups, &p->group};
	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		buf_free(bufs[i]);
	free(p->columns);
	free(p->sources);
	free(p->chunks);
	free(p->application);
	free(p);
}

void parquet_begin(struct parquet *p)
{
	parquet_undo(p);
	buf_reset(&p->groups);
	p->length = p->rows = 0;
	p->group_count = 0;
}

void parquet_undo(struct parquet *p)
{
	for (size_t i = 0; i < p->count; i++)
		column_reset(&p->columns[i]);
	buf_reset(&p->group);
	buf_reset(&p->text);
	p->group_rows = 0;
	p->group_length = 0;
}

static void add_value(struct parquet *p, struct column *c, const struct source *s, const struct record *r)
{
	if (s->text) {
		p->text.len = 0;
		format_field(&p->text, r, s->field);
		column_string(c, (struct str){(const char *)p->text.data, (uint32_t)p->text.len});
	} else if (c->type == COLUMN_BYTES) {
		column_string(c, record_field_bytes(r, s->field));
	} else {
		column_number(c, record_field_number(r, s->field));
	}
}

int parquet_add(struct parquet *p, const struct record *r)
{
	bool ok = true;

	for (size_t i = 0; i < p->count; i++) {
		struct column *c = &p->columns[i];

		if (record_field_present(r, p->sources[i].field))
			add_value(p, c, &p->sources[i], r);
		else
			column_null(c);
		ok = ok && column_ok(c);
	}
	p->group_rows++;
	return ok && buf_ok(&p->text) ? 0 : -ENOMEM;
}

uint32_t parquet_rows(const struct parquet *p)
{
	return p->group_rows;
}

size_t parquet_bytes(const struct parquet *p)
{
	size_t bytes = 0;

	for (size_t i = 0; i < p->count; i++)
		bytes += column_bytes(&p->columns[i]);
	return bytes;
}

uint32_t parquet_groups(const struct parquet *p)
{
	return p->group_count;
}

/* The structure RowGroup, which is kept until the footer lists it. */
static void describe_group(struct parquet *p, int64_t begin, int64_t indexes_at)
{
	struct thrift t = thrift_begin(&p->group);
	int64_t compressed = 0, uncompressed = 0;

	thrift_list(&t, 1, THRIFT_STRUCT, (uint32_t)p->count);
	for (size_t i = 0; i < p->count; i++) {
		schema_chunk(&t, &p->columns[i], &p->chunks[i], p->scratch.codec, p->length, indexes_at);
		compressed += p->chunks[i].compressed;
		uncompressed += p->chunks[i].uncompressed;
	}
	thrift_i64(&t, 2, uncompressed);
	thrift_i64(&t, 3, p->group_rows);
	thrift_i64(&t, 5, begin);
	thrift_i64(&t, 6, compressed);
	thrift_i16(&t, 7, (int16_t)p->group_count);
	thrift_end(&t);
}

/* FileMetaData, its length and the magic. */
static void put_footer(struct parquet *p, struct buf *footer)
{
	size_t begin = footer->len;
	struct thrift t = thrift_begin(footer);

	thrift_i32(&t, 1, 2);
	schema_columns(&t, p->columns, p->count);
	thrift_i64(&t, 3, p->rows + p->group_rows);
	thrift_list(&t, 4, THRIFT_STRUCT, p->group_count + 1);
	buf_append(footer, p->groups.data, p->groups.len);
	buf_append(footer, p->group.data, p->group.len);
	thrift_binary(&t, 6, str_of(p->application));
	schema_orders(&t, p->count);
	thrift_end(&t);
	uint32_t length = htole32((uint32_t)(footer->len - begin));
	buf_append(footer, &length, sizeof(length));
	buf_str(footer, MAGIC);
}

int parquet_group(struct parquet *p, struct buf *out, struct buf *footer)
{
	size_t start = out->len;

	if (p->length == 0)
		buf_str(out, MAGIC);
	size_t begin = out->len;
	buf_reset(&p->indexes);
	buf_reset(&p->group);
	for (size_t i = 0; i < p->count; i++)
		column_encode(&p->columns[i], &p->scratch, out, &p->indexes, p->length - (int64_t)start,
			      &p->chunks[i]);
	/* Offsets of chunks count from out->data[0]; so does p->length in describe_group() then. */
	int64_t indexes_at = p->length + (int64_t)(out->len - start);
	buf_append(out, p->indexes.data, p->indexes.len);
	for (size_t i = 0; i < p->count; i++) {
		p->chunks[i].begin -= (int64_t)start;
		p->chunks[i].data -= (int64_t)start;
	}
	describe_group(p, p->length + (int64_t)(begin - start), indexes_at);
	put_footer(p, footer);
	p->group_length = (int64_t)(out->len - start);
	return buf_ok(out) && buf_ok(footer) && buf_ok(&p->indexes) && buf_ok(&p->group) ? 0 : -ENOMEM;
}

void parquet_keep(struct parquet *p)
{
	buf_append(&p->groups, p->group.data, p->group.len);
	p->length += p->group_length;
	p->rows += p->group_rows;
	p->group_count++;
	parquet_undo(p);
}
