/* SPDX-License-Identifier: MIT */
/*
 * Prints one of the documents that are generated from the tables: those that the build
 * installs (man page, completions) and those that ci/docs-sync keeps in docs/ and
 * pipeline/vector/. Not installed itself.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/field_info.h"
#include "run/migrate.h"
#include "run/sections.h"
#include "stats/stats.h"
#include "tally/tally.h"
#include "view/column.h"

static void man(struct buf *b)
{
	doc_man(b, help_sections());
}

static void complete(struct buf *b)
{
	doc_complete(b, help_sections());
}

/* The names of all columns of tables, one per line. */
static void columns(struct buf *b)
{
	view_columns_names(b);
	for (size_t i = 0; i < record_field_count; i++) {
		const char *name = record_field_short_name(&record_fields[i]);
		buf_printf(b, "%s%s%s\n", name, *name ? "\n" : "", record_fields[i].name);
	}
}

static void destinations(struct buf *b)
{
	doc_markdown_section(b, &help_sections()[0]);
}

static void formats(struct buf *b)
{
	doc_markdown_section(b, &help_sections()[1]);
}

static void subcommands(struct buf *b)
{
	doc_markdown_section(b, &help_sections()[2]);
}

/* Names of the KINDs of fields.def in the documents. */
#define KIND_U32   "uint32"
#define KIND_U64   "uint64"
#define KIND_TIME  "int64, since the epoch"
#define KIND_STR   "string"
#define KIND_BYTES "bytes"
#define KIND_ADDR  "bytes, 4 or 16 in network order"
#define KIND_STATE "uint32, TCP state"
#define KIND_CC	   "enum CongestionAlgorithm"

/* The text of docs/records.md about the source of a value in the kernel. */
#define FROM_KMEM(member)		 "`" #member "`"
#define FROM_KINFO(member)		 "`" #member "`"
#define FROM_KMEMCAP(member)		 "`" #member "`"
#define FROM_KCAP(member)		 FROM_KMEMCAP(member)
#define FROM_KOWN(member)		 "`" #member "`, of a socket that somebody holds"
#define FROM_KBITS(member, shift, width) "`" #member "`, " #width " bits from bit " #shift
#define FROM_KIDX(index)		 "word " #index
#define FROM_KVAL(type)			 "the attribute's value"
#define FROM_KECN(part)			 "the word of `" #part "` at the end of `tcp_info`"
#define FROM_KECN7(part)		 FROM_KECN(part) ", where it is packed"
#define FROM_KHAND(text)		 text
#define FROM_KOPT(text)			 text
#define FROM_KRSV			 "reserved, not filled"

/* Facts for readers only, in the order of record_fields[]. */
static const struct field_row {
	const char *kind, *from;
} field_rows[] = {
#define F(number, name, KIND, kernel, ...) {KIND_##KIND, FROM_##kernel},
    RECORD_FIELDS(F)
#undef F
};

/* The netlink attribute of each section; NONE if it has none. */
static const char *const section_attributes[] = {
#define S(section, attribute) [RECORD_SECTION_##section] = #attribute,
    RECORD_SECTIONS(S)
#undef S
};

/* INET_DIAG_INFO for a field of tcp_info; NULL for one that no attribute brings. */
static const char *attribute_of(size_t i)
{
	const char *attribute = section_attributes[record_field_section(&record_fields[i])];

	return strcmp(attribute, "NONE") == 0 ? NULL : attribute;
}

static void fields(struct buf *b)
{
	buf_str(b, "| Number | Field | Short | Type | Unit | Netlink attribute | Source | Meaning |\n"
		   "| ---: | --- | --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < ARRAY_SIZE(field_rows); i++) {
		const struct record_field *f = &record_fields[i];
		const char *attribute = attribute_of(i), *unit = field_unit_name(record_field_unit(f));
		const char *meaning = record_field_meaning(f), *from = field_rows[i].from;

		buf_printf(b, "| %u | `%s` |", f->number, f->name);
		if (*record_field_short_name(f))
			buf_printf(b, " `%s`", record_field_short_name(f));
		buf_printf(b, " | %s |%s%s |", field_rows[i].kind, *unit ? " " : "", unit);
		if (attribute)
			buf_printf(b, " `INET_DIAG_%s`", attribute);
		buf_str(b, " |");
		if (strcmp(from, meaning) != 0)
			buf_printf(b, " %s", from);
		buf_printf(b, " | %s |\n", meaning);
	}
}

/* The meaning, and the unit where it does not tell it, as plain text; a quote is doubled, as SQL has it. */
static void comment(struct buf *b, const struct record_field *f, bool sql)
{
	const char *unit = field_unit_name(record_field_unit(f));

	for (const char *p = record_field_meaning(f); *p; p++) {
		if (*p == '\'' && sql)
			buf_byte(b, '\'');
		if (*p != '`')
			buf_byte(b, (uint8_t)*p);
	}
	if (*unit && !strstr(record_field_meaning(f), unit))
		buf_printf(b, ", in %s", unit);
	if (record_field_reserved(f))
		buf_str(b, " (reserved, not filled)");
}

#define PROTO_U32   "uint32"
#define PROTO_U64   "uint64"
#define PROTO_TIME  "int64"
#define PROTO_STR   "string"
#define PROTO_BYTES "bytes"
#define PROTO_ADDR  "bytes"
#define PROTO_STATE "uint32"
#define PROTO_CC    "CongestionAlgorithm"

/* The fields of message XtcpFlatRecord, a paragraph for each section. */
static void proto(struct buf *b)
{
	static const char *const types[] = {
#define F(number, name, KIND, kernel, ...) PROTO_##KIND,
	    RECORD_FIELDS(F)
#undef F
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct record_field *f = &record_fields[i];
		bool first = i > 0 && record_field_section(f) != record_field_section(f - 1);

		if (first)
			buf_byte(b, '\n');
		if (first && attribute_of(i))
			buf_printf(b, "  // Netlink attribute INET_DIAG_%s.\n", attribute_of(i));
		buf_printf(b, "  %s %s = %u; // ", types[i], f->name, f->number);
		comment(b, f, false);
		buf_byte(b, '\n');
	}
}

static void metrics(struct buf *b)
{
	buf_str(b, "| Metric | Type | `xtcp_counts` function, variable | What it says |\n| --- | --- | --- | "
		   "--- |\n");
	for (size_t i = 0; i < STAT_MAX_; i++) {
		const struct stat_info *s = &stat_table[i];
		buf_printf(b, "| `%s", s->name);
		if (*s->labels)
			buf_printf(b, "{%s}", s->labels);
		buf_printf(b, "` | %s |", s->kind == STAT_KIND_COUNTER ? "counter" : "gauge");
		if (*s->function)
			buf_printf(b, " `%s`, `%s`", s->function, s->variable);
		buf_printf(b, " | %s |\n", s->help);
	}
}

/* The families of sockets. */
static void families(struct buf *b)
{
	static const struct {
		const char *type, *suffix;
	} kinds[] = {
	    [TALLY_KIND_STATES] = {"gauge", "{state}"}, [TALLY_KIND_SUM] = {"gauge", ""},
	    [TALLY_KIND_MOST] = {"gauge", ""},		[TALLY_KIND_COUNT] = {"counter", "_total"},
	    [TALLY_KIND_HISTOGRAM] = {"histogram", ""},
	};

	buf_str(b, "| Metric | Type | What it says |\n| --- | --- | --- |\n");
	for (const struct tally_family *f = tally_families; f->name; f++)
		buf_printf(b, "| `%s%s` | %s | %s |\n", f->name, kinds[f->kind].suffix, kinds[f->kind].type,
			   f->help);
}

/* The Parquet column for each KIND, as -marshal jsonl writes the value: enumerations as names. */
#define PARQUET_U32(name)   "int32 " name " (INTEGER(32,false))"
#define PARQUET_U64(name)   "int64 " name " (INTEGER(64,false))"
#define PARQUET_TIME(name)  "int64 " name " (TIMESTAMP(NANOS,true))"
#define PARQUET_STR(name)   "binary " name " (STRING)"
#define PARQUET_BYTES(name) PARQUET_STR(name)
#define PARQUET_ADDR(name)  PARQUET_STR(name)
#define PARQUET_STATE(name) PARQUET_STR(name)
#define PARQUET_CC(name)    PARQUET_STR(name)

/* pipeline/vector/records.schema, in the language of Parquet's message types. */
static void parquet(struct buf *b)
{
	static const char *const columns[] = {
#define F(number, name, KIND, kernel, ...) PARQUET_##KIND(#name),
	    RECORD_FIELDS(F)
#undef F
	};

	buf_str(b, "message xtcp_flat_record {\n");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		buf_printf(b, "  optional %s;\n", columns[i]);
	buf_str(b, "}\n");
}

/* ClickHouse's column types for each KIND: as received in protobuf, as stored, and its codec. */
static const struct {
	const char *raw, *kept, *codec;
} column_types[] = {
    [FIELD_U32] = {"UInt32", "UInt32", "ZSTD(1)"},
    [FIELD_U64] = {"UInt64", "UInt64", "ZSTD(1)"},
    [FIELD_TIME] = {"Int64", "DateTime64(9, 'UTC')", "Delta, ZSTD(1)"},
    [FIELD_STR] = {"String", "LowCardinality(String)", ""},
    [FIELD_BYTES] = {"String", "String", "ZSTD(1)"},
    [FIELD_ADDR] = {"String", "String", "ZSTD(1)"},
    [FIELD_STATE] = {"UInt32", "UInt32", "ZSTD(1)"},
    [FIELD_CC] = {"UInt32", "UInt32", "ZSTD(1)"},
};
static_assert(ARRAY_SIZE(column_types) == FIELD_CC + 1, "a column type for every kind of field");

/* The columns of xtcp_flat_records; more follow them. */
static void kept_columns(struct buf *b)
{
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		const char *codec = column_types[f->kind].codec;

		buf_printf(b, "    %s %s COMMENT '", f->name, column_types[f->kind].kept);
		comment(b, f, true);
		buf_byte(b, '\'');
		if (*codec)
			buf_printf(b, " CODEC(%s)", codec);
		buf_str(b, ",\n");
	}
}

/* All columns of xtcp_flat_records_in. */
static void raw_columns(struct buf *b)
{
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];

		buf_printf(b, "    %s %s COMMENT '", f->name, column_types[f->kind].raw);
		comment(b, f, true);
		buf_str(b, i + 1 < record_field_count ? "',\n" : "'\n");
	}
}

static const struct {
	const char *name;
	void (*render)(struct buf *b);
} documents[] = {
    {"man", man},
    {"complete", complete},
    {"columns", columns},
    {"options", doc_markdown},
    {"destinations", destinations},
    {"formats", formats},
    {"subcommands", subcommands},
    {"fields", fields},
    {"metrics", metrics},
    {"families", families},
    {"earlier", migrate_markdown},
    {"parquet", parquet},
    {"kept", kept_columns},
    {"raw", raw_columns},
    {"proto", proto},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(documents); i++) {
		if (strcmp(documents[i].name, argv[1]) != 0)
			continue;
		struct buf b = {0};
		documents[i].render(&b);
		bool written = buf_ok(&b) && fwrite(b.data, 1, b.len, stdout) == b.len && fflush(stdout) == 0;
		buf_free(&b);
		return written ? 0 : 1;
	}
	fprintf(stderr, "xtcp2-doc: one document wanted, of");
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		fprintf(stderr, " %s", documents[i].name);
	fputc('\n', stderr);
	return 2;
}
