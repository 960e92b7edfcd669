/* SPDX-License-Identifier: MIT */
/* The parts of xtcp2-clickhouse that need no engine, and its tables compared with fields.def. */
#include "unit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "clickhouse/password.h"
#include "clickhouse/protobuf_list.h"
#include "clickhouse/sql.h"
#include "clickhouse/status.h"
#include "page/site.h"
#include "record/encoder.h"

static void assert_str(struct str s, const char *expected)
{
	assert_int_equal(s.len, strlen(expected));
	assert_memory_equal(s.p, expected, s.len);
}

static void insert_head_ends_where_data_begins(void **state)
{
	static const struct {
		const char *text, *statement, *format, *settings, *data;
	} cases[] = {
	    {"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t", "CSV", "", "1,2\n"},
	    {"insert into t(a, `b c`) format ProtobufList\n\n\x05", "insert into t(a, `b c`)", "ProtobufList",
	     "", "\n\x05"},
	    {"INSERT INTO t FORMAT TSV\r\n1\n", "INSERT INTO t", "TSV", "", "1\n"},
	    {"INSERT INTO t FORMAT JSONEachRow {\"a\":1}", "INSERT INTO t", "JSONEachRow", "", "{\"a\":1}"},
	    {"INSERT INTO t VALUES (1,'x')", "INSERT INTO t", "Values", "", " (1,'x')"},
	    {"/* FORMAT X */ INSERT INTO t -- VALUES\nSETTINGS a=1 FORMAT CSV\n",
	     "INSERT INTO t -- VALUES\nSETTINGS a=1", "CSV", "", ""},
	    {"INSERT INTO t FORMAT CSV SETTINGS a = 1, b='x'\n7", "INSERT INTO t", "CSV",
	     "SETTINGS a = 1, b='x'", "7"},
	    {"INSERT INTO \"FORMAT\".t FORMAT CSV\n", "INSERT INTO \"FORMAT\".t", "CSV", "", ""},
	    {"INSERT INTO t (format) FORMAT CSV\n", "INSERT INTO t (format)", "CSV", "", ""},
	    {"INSERT INTO t", "INSERT INTO t", "", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sql_head h;
		size_t n = strlen(cases[i].text);

		assert_int_equal(sql_head_parse(cases[i].text, n, true, &h), SQL_HEAD_INSERT);
		assert_str(h.statement, cases[i].statement);
		assert_str(h.format, cases[i].format);
		assert_str(h.settings, cases[i].settings);
		assert_string_equal(cases[i].text + h.data, cases[i].data);
	}
}

static void queries_have_no_data(void **state)
{
	static const char *const cases[] = {"SELECT 1",
					    "INSERT INTO t SELECT 1",
					    "INSERT INTO t WITH 1 AS x SELECT x",
					    "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
					    "",
					    "  -- only a comment",
					    "WITH 1 AS a SELECT a",
					    "CREATE TABLE insert_values (a String)"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sql_head h;
		assert_int_equal(sql_head_parse(cases[i], strlen(cases[i]), true, &h), SQL_HEAD_QUERY);
	}
}

/* Wherever the body is cut, the head is either undecided or decided as for the whole text. */
static void a_cut_head_is_never_mistaken(void **state)
{
	static const char text[] =
	    "INSERT INTO t (a, b) /* ( */ SETTINGS x = ')' FORMAT RowBinary\nFORMAT CSV\n";
	struct sql_head whole, part;

	assert_int_equal(sql_head_parse(text, sizeof(text) - 1, true, &whole), SQL_HEAD_INSERT);
	for (size_t n = 0; n < sizeof(text); n++) {
		enum sql_head_state got = sql_head_parse(text, n, false, &part);
		if (got == SQL_HEAD_MORE)
			continue;
		assert_int_equal(got, SQL_HEAD_INSERT);
		assert_int_equal(part.data, whole.data);
		assert_str(part.format, "RowBinary");
	}
	assert_str(whole.format, "RowBinary");
}

static void output_format_is_found(void **state)
{
	static const struct {
		const char *text, *format;
	} cases[] = {
	    {"SELECT 1 FORMAT JSON", "JSON"},
	    {"select 'FORMAT CSV' as format_x", ""},
	    {"SELECT * FROM (SELECT 1) format JSONEachRow SETTINGS a=1;", "JSONEachRow"},
	    {"SELECT format('{}', 1)", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_str(sql_output_format(cases[i].text, strlen(cases[i].text)), cases[i].format);
}

static void scripts_are_cut_into_statements(void **state)
{
	static const char text[] = "-- one; two\nSELECT ';'; ;\nSELECT 2 /* ; */\n;";
	struct str s;
	size_t pos = 0;

	assert_true(sql_next_statement(text, sizeof(text) - 1, &pos, &s));
	assert_str(s, "SELECT ';'");
	assert_true(sql_next_statement(text, sizeof(text) - 1, &pos, &s));
	assert_str(s, "SELECT 2");
	assert_false(sql_next_statement(text, sizeof(text) - 1, &pos, &s));
}

static void exceptions_have_their_status(void **state)
{
	assert_int_equal(status_http("Code: 60. DB::Exception: Unknown (x) table. (UNKNOWN_TABLE)"), 404);
	assert_int_equal(status_http("Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)"), 400);
	assert_int_equal(status_http("Code: 241. DB::Exception: Memory. (MEMORY_LIMIT_EXCEEDED)"), 500);
	assert_int_equal(status_http("Code: 27. DB::Exception: x. (CANNOT_PARSE_TEXT) (version 26.7.2.1)"),
			 400);
	assert_int_equal(
	    status_http("Code: 1. DB::Exception: Code: 60. x (UNKNOWN_TABLE): y. (LOGICAL_ERROR)"), 500);
	assert_int_equal(status_http(""), 500);
	assert_int_equal(status_code("Code: 60. DB::Exception: x"), 60);
	assert_int_equal(status_code("nonsense"), 0);
	assert_string_equal(status_content_type(str_of("JSONEachRow")),
			    "application/x-ndjson; charset=UTF-8");
	assert_string_equal(status_content_type(str_of("JSONCompact")), "application/json; charset=UTF-8");
	assert_string_equal(status_content_type(str_of("Pretty")), "text/plain; charset=UTF-8");
}

static void read_file(const char *path, struct buf *b)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	int c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		buf_byte(b, (uint8_t)c);
	assert_non_null(buf_cstr(b));
}

/* The column types of each kind of field: as received in protobuf, and as stored. */
static const struct {
	const char *raw, *kept;
} column_types[] = {
    [FIELD_U32] = {"UInt32", "UInt32"},
    [FIELD_U64] = {"UInt64", "UInt64"},
    [FIELD_TIME] = {"Int64", "DateTime64(9, 'UTC')"},
    [FIELD_STR] = {"String", "LowCardinality(String)"},
    [FIELD_BYTES] = {"String", "String"},
    [FIELD_ADDR] = {"String", "String"},
    [FIELD_STATE] = {"UInt32", "UInt32"},
    [FIELD_CC] = {"UInt32", "UInt32"},
};
static_assert(ARRAY_SIZE(column_types) == FIELD_CC + 1, "a column type for every kind of field");

/* Check the columns of a table: one per line, in the order of fields.def. */
static void check_columns(const char *path, const char *table, bool raw)
{
	struct buf b = {0};
	char head[128], line[256];

	read_file(path, &b);
	snprintf(head, sizeof(head), "CREATE TABLE IF NOT EXISTS xtcp.%s\n(\n", table);
	const char *p = strstr(buf_cstr(&b), head);
	assert_non_null(p);
	p += strlen(head);
	assert_int_equal(strncmp(p, "    -- table: ", 14), 0);
	p = strchr(p, '\n') + 1;
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		int n = snprintf(line, sizeof(line), "    %s %s", f->name,
				 raw ? column_types[f->kind].raw : column_types[f->kind].kept);

		if (strncmp(p, line, (size_t)n) || strncmp(p + n, " COMMENT '", 10) || p[n + 10] == '\'')
			fail_msg(
			    "%s: table %s: expected the column \"%s\" with a comment but found \"%.40s\"",
			    path, table, line, p);
		p = strchr(p, '\n') + 1;
	}
	assert_int_equal(strncmp(p, "    -- end of table\n", 20), 0);
	buf_free(&b);
}

static void every_field_has_its_column(void **state)
{
	check_columns("pipeline/clickhouse/sql/10-records.sql", "xtcp_flat_records", false);
	check_columns("pipeline/clickhouse/sql/10-records.sql", "xtcp_flat_records_in", true);
	/* And the Kafka table has the columns of that one. */
	struct buf b = {0};
	read_file("pipeline/clickhouse/sql/30-kafka.sql", &b);
	assert_non_null(strstr(buf_cstr(&b), "xtcp.xtcp_flat_records_kafka AS xtcp.xtcp_flat_records_in\n"));
	buf_free(&b);
}

/* Two envelopes of field 10, rows "ab" and "c" in the first, an empty row and "de" in the second, and one
 * without. */
static const uint8_t envelopes[] = {7, 0x52, 2, 'a', 'b', 0x52, 1, 'c', 6, 0x52, 0, 0x52, 2, 'd', 'e', 0};

/* However the bytes are cut, the rows are the same; and the list is complete only at an envelope's end. */
static void envelopes_become_rows(void **state)
{
	static const uint8_t rows[] = {2, 'a', 'b', 1, 'c', 0, 2, 'd', 'e'};

	for (size_t step = 1; step <= sizeof(envelopes); step++) {
		struct protobuf_list list = {0};
		struct buf out = {0};

		for (size_t at = 0; at < sizeof(envelopes); at += step) {
			size_t n = sizeof(envelopes) - at < step ? sizeof(envelopes) - at : step;
			assert_int_equal(protobuf_list_push(&list, envelopes + at, n, &out), 0);
		}
		assert_true(protobuf_list_complete(&list));
		assert_int_equal(out.len, sizeof(rows));
		assert_memory_equal(out.data, rows, sizeof(rows));
		buf_free(&out);
	}
	for (size_t n = 0; n < sizeof(envelopes); n++) {
		struct protobuf_list list = {0};
		struct buf out = {0};

		assert_int_equal(protobuf_list_push(&list, envelopes, n, &out), 0);
		assert_int_equal(protobuf_list_complete(&list), n == 0 || n == 8 || n == 15);
		buf_free(&out);
	}
}

static void what_is_no_envelope_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
	    {"garbage", 7},				      /* a row longer than its envelope */
	    {"\x02\x50\x01", 3},			      /* a field that is a number */
	    {"\x01\x52\x00", 3},			      /* a row beyond the end */
	    {"\x02\x02\x00", 3},			      /* field 0 */
	    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10}, /* longer than any envelope */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct protobuf_list list = {0};
		struct buf out = {0};

		assert_int_equal(protobuf_list_push(&list, cases[i].bytes, cases[i].len, &out), -EBADMSG);
		assert_int_equal(protobuf_list_push(&list, envelopes, sizeof(envelopes), &out), -EBADMSG);
		assert_false(protobuf_list_complete(&list));
		buf_free(&out);
	}
}

static void files_are_found_by_name(void **state)
{
	static const char *const found[] = {
	    "SELECT file('/x')",
	    "select * from FILE('x', CSV)",
	    "SELECT `file`('x')",
	    "SELECT \"file\"('x')",
	    "SELECT `fi\\x6ce`('x')",
	    ("SELECT \xe2\x80\x9c"
	     "file\xe2\x80\x9d('x')"),
	    "SELECT * APPLY file FROM t",
	    "SELECT 1 INTO OUTFILE 'x'",
	    "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
	    "-- it's\nSELECT file('x') -- '",
	    "SELECT /* ' */ file('x') /* ' */",
	    "SELECT $$'$$, file('x'), $$'$$",
	    "SELECT 'a' -- the word file in a comment",
	};
	static const char *const free_of_them[] = {
	    "",
	    "SELECT 'file', 'into outfile'",
	    "SELECT 'it\\'s a file'",
	    "SELECT profile, files, file_name, my_infile FROM t",
	    "SELECT 1 -- a comment",
	};

	for (size_t i = 0; i < ARRAY_SIZE(found); i++)
		if (!sql_names_files(found[i], strlen(found[i])))
			fail_msg("not seen: %s", found[i]);
	for (size_t i = 0; i < ARRAY_SIZE(free_of_them); i++)
		if (sql_names_files(free_of_them[i], strlen(free_of_them[i])))
			fail_msg("seen: %s", free_of_them[i]);
}

static void pages_of_other_sites_are_refused(void **state)
{
	static const struct {
		struct site_headers headers;
		bool fine;
	} cases[] = {
	    {{NULL, NULL, NULL}, true},
	    {{"127.0.0.1:18123", NULL, NULL}, true},
	    {{"[::1]:18123", NULL, NULL}, true},
	    {{"LocalHost", NULL, NULL}, true},
	    {{"db.example:1", NULL, NULL}, true},
	    {{"evil.example", NULL, NULL}, false},
	    {{"127.0.0.1.evil.example", NULL, NULL}, false},
	    {{"", NULL, NULL}, false},
	    {{"localhost:1", "http://localhost:1", "same-origin"}, true},
	    {{"localhost:1", "http://localhost:2", NULL}, false},
	    {{"localhost:1", "null", NULL}, false},
	    {{"localhost:1", "", NULL}, false},
	    {{NULL, "http://localhost:1", NULL}, false},
	    {{"localhost:1", NULL, "none"}, true},
	    {{"localhost:1", NULL, "cross-site"}, false},
	    {{"localhost:1", NULL, "same-site"}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool fine = !site_refusal(&cases[i].headers, "other,db.example,");
		if (fine != cases[i].fine)
			fail_msg("case %zu", i);
	}
}

static void passwords_are_compared_whole(void **state)
{
	assert_true(password_same("abc", "abc"));
	assert_true(password_same("", ""));
	assert_false(password_same("abc", "ab"));
	assert_false(password_same("ab", "abab"));
	assert_false(password_same("", "a"));
	assert_false(password_same("a", ""));
}

static void a_made_password_is_kept(void **state)
{
	char dir[] = "/tmp/xtcp2-password-XXXXXX", path[64], first[PASSWORD_MAX], second[PASSWORD_MAX];
	struct buf error = {0};
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/password", dir);
	assert_int_equal(password_read(path, first, &error), -ENOENT);
	assert_int_equal(password_read_or_make(path, first, &error), 0);
	assert_int_equal(strlen(first), 25);
	assert_int_equal(password_read_or_make(path, second, &error), 0);
	assert_string_equal(first, second);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* An empty file is no password. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(password_read_or_make(path, second, &error), -EINVAL);
	unlink(path);
	rmdir(dir);
	buf_free(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(insert_head_ends_where_data_begins),
	    cmocka_unit_test(queries_have_no_data),
	    cmocka_unit_test(a_cut_head_is_never_mistaken),
	    cmocka_unit_test(output_format_is_found),
	    cmocka_unit_test(scripts_are_cut_into_statements),
	    cmocka_unit_test(exceptions_have_their_status),
	    cmocka_unit_test(every_field_has_its_column),
	    cmocka_unit_test(envelopes_become_rows),
	    cmocka_unit_test(what_is_no_envelope_is_refused),
	    cmocka_unit_test(files_are_found_by_name),
	    cmocka_unit_test(pages_of_other_sites_are_refused),
	    cmocka_unit_test(passwords_are_compared_whole),
	    cmocka_unit_test(a_made_password_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
