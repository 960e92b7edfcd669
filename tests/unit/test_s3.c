/* SPDX-License-Identifier: MIT */
/* The pure parts of s3://: credentials, keys of objects, what a store's error says. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dest/s3_credentials.h"
#include "dest/s3_doubts.h"
#include "dest/s3_request.h"
#include "dest/s3_spool.h"

static void the_file_of_credentials(void **state)
{
	static const struct {
		const char *text, *profile, *access, *secret, *token;
	} rows[] = {
	    {"[default]\naws_access_key_id=a\naws_secret_access_key=s\n", "default", "a", "s", ""},
	    {"[default]\r\naws_access_key_id = a\r\naws_secret_access_key = s=/+\r\n", "default", "a", "s=/+",
	     ""},
	    {" [ other ] \n\taws_access_key_id\t=  a\naws_secret_access_key=s\naws_session_token=t", "other",
	     "a", "s", "t"},
	    {"aws_access_key_id=no\n[x]\naws_access_key_id=no\naws_secret_access_key=no\n[default]\n"
	     "# aws_access_key_id=no\n;aws_access_key_id=no\naws_access_key_id=a\nregion=x\naws_secret_access_key=s\n"
	     "[y]\naws_session_token=no\n",
	     "default", "a", "s", ""},
	    {"[default]\naws_access_key_id=a\n[default]\naws_secret_access_key=s", "default", "a", "s", ""},
	    /* The last one counts. */
	    {"[default]\naws_access_key_id=a\naws_access_key_id=b\naws_secret_access_key=s", "default", "b",
	     "s", ""},
	    /* Not both keys. */
	    {"", "default", NULL, NULL, NULL},
	    {"[default]\n", "default", NULL, NULL, NULL},
	    {"[]\naws_access_key_id=a\naws_secret_access_key=s", "default", NULL, NULL, NULL},
	    {"[default\naws_access_key_id=a\naws_secret_access_key=s", "default", NULL, NULL, NULL},
	    {"[Default]\naws_access_key_id=a\naws_secret_access_key=s", "default", NULL, NULL, NULL},
	    {"[default]\naws_access_key_id=a\naws_secret_access_key=", "default", NULL, NULL, NULL},
	    {"[default]\naws_access_key_id a\naws_secret_access_key s", "default", NULL, NULL, NULL},
	    {"[default]\n=a\n=\naws_access_key_idx=a\naws_secret_access_key=s", "default", NULL, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct s3_credentials c;
		bool good = s3_credentials_parse(&c, rows[i].text, rows[i].profile);
		if (good != (rows[i].access != NULL))
			fail_msg("row %zu", i);
		if (!good)
			continue;
		assert_string_equal(c.access_key, rows[i].access);
		assert_string_equal(c.secret_key, rows[i].secret);
		assert_string_equal(c.token, rows[i].token);
		assert_int_equal(c.until_ns, 0);
	}
}

static void a_key_that_is_too_long_is_none(void **state)
{
	struct s3_credentials c;
	char text[1000];

	for (int len = S3_KEY_MAX - 1; len <= S3_KEY_MAX; len++) {
		snprintf(text, sizeof(text), "[default]\naws_access_key_id=%0*d\naws_secret_access_key=s\n",
			 len, 0);
		assert_int_equal(s3_credentials_parse(&c, text, "default"), len < S3_KEY_MAX);
	}
}

static void the_metadata_service(void **state)
{
	static const struct {
		const char *json;
		bool good;
		const char *token;
		int64_t until_s;
	} rows[] = {
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-11-26T15:00:00Z\"}",
	     true, "t", 1795705200},
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\"}", true, "", 0},
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":7,\"Expiration\":\"soon\"}", true,
	     "", 0},
	    /* 2262 is the end of 64-bit nanoseconds. */
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":\"9999-12-31T23:59:59Z\"}",
	     true, "", 0},
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":\"0000-01-01T00:00:00Z\"}",
	     true, "", 0},
	    /* A token would become header fields of its own. */
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\\r\\nHost: other\"}", true, "",
	     0},
	    {"{\"AccessKeyId\":\"a\\n\",\"SecretAccessKey\":\"s\"}", false, "", 0},
	    {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":null}", false, "", 0},
	    {"{\"Code\":\"Failed\"}", false, "", 0},
	    {"[\"AccessKeyId\"]", false, "", 0},
	    {"{\"AccessKeyId\":", false, "", 0},
	    {"", false, "", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct s3_credentials c;
		if (s3_credentials_parse_json(&c, rows[i].json, strlen(rows[i].json)) != rows[i].good)
			fail_msg("row %zu", i);
		if (!rows[i].good)
			continue;
		assert_string_equal(c.access_key, "a");
		assert_string_equal(c.secret_key, "s");
		assert_string_equal(c.token, rows[i].token);
		assert_int_equal(c.until_ns, rows[i].until_s * NS_PER_SEC);
	}
}

static void a_path_is_encoded_as_the_signature_wants_it(void **state)
{
	static const char *const rows[][2] = {
	    {"", ""},
	    {"AZaz09-._~/x", "AZaz09-._~/x"},
	    {"date=2026-11-26/hour=15/host=a b+c", "date%3D2026-11-26/hour%3D15/host%3Da%20b%2Bc"},
	    {"%3D?&#:@!$'()*,;[]", "%253D%3F%26%23%3A%40%21%24%27%28%29%2A%2C%3B%5B%5D"},
	    {"\xc3\xa4\x01\x7f\xff", "%C3%A4%01%7F%FF"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_buf_ struct buf b = {0};
		s3_encode(&b, rows[i][0]);
		assert_string_equal(b.len ? buf_cstr(&b) : "", rows[i][1]);
	}
}

static void a_value_in_a_query_has_no_slash(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	s3_encode_value(&b, "a/+=~.-_&?%");
	assert_string_equal(buf_cstr(&b), "a%2F%2B%3D~.-_%26%3F%25");
}

static void an_element_is_there_whole_or_not(void **state)
{
	static const char *const rows[][2] = {
	    {"<?xml?><R><Key>k</Key><UploadId>VXBs~._-/+=</UploadId></R>", "VXBs~._-/+="},
	    {"<UploadId>first</UploadId><UploadId>second</UploadId>", "first"},
	    {"<UploadId>123456789012345</UploadId>", "123456789012345"},
	    {"<UploadId>1234567890123456</UploadId>", NULL},
	    {"<UploadId></UploadId>", NULL},
	    {"<UploadId>cut", NULL},
	    {"<UploadId>a&amp;b</UploadId>", NULL},
	    {"<UploadId>a b</UploadId>", NULL},
	    {"<UploadId>a\xc3\xa4</UploadId>", NULL},
	    {"<uploadid>a</uploadid>", NULL},
	    {"", NULL},
	};
	char text[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (s3_element(rows[i][0], "UploadId", text, sizeof(text)) != (rows[i][1] != NULL))
			fail_msg("row %zu", i);
		if (rows[i][1])
			assert_string_equal(text, rows[i][1]);
	}
}

static void an_error_says_code_and_message(void **state)
{
	static const char *const rows[][2] = {
	    {"<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>Reduce</Message><Key>k</Key></Error>",
	     "SlowDown: Reduce"},
	    {"<Error><Message>Reduce</Message><Code>SlowDown</Code></Error>", "SlowDown: Reduce"},
	    {"<Error><Code>SlowDown</Code></Error>", "SlowDown"},
	    {"<Message>alone</Message>", "alone"},
	    {"<Code>cut", "cut"},
	    {"<Code></Code><Message>m</Message>", "m"},
	    {"<Code>a\r\n\x1b[1m\x7f</Code>", "a???[1m?"},
	    {"<Code>\xc3\xa4\xff\xc3</Code>", "\xc3\xa4??"},
	    {"<html>no S3</html>", ""},
	    {"", ""},
	};
	char why[60];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s3_explain(rows[i][0], why, sizeof(why));
		assert_string_equal(why, rows[i][1]);
	}
	s3_explain("<Code>12345678</Code><Message>m</Message>", why, 6);
	assert_string_equal(why, "12345");
	s3_explain("<Code>123\xc3\xa4</Code>", why, 5);
	assert_string_equal(why, "123?");
	s3_explain("<Code>1</Code><Message>m</Message>", why, 1);
	assert_string_equal(why, "");
}

static void a_key_has_prefix_partitions_and_host(void **state)
{
	static const char *const rows[][3] = {
	    {"", "date=2026-11-26/hour=15/web-1_20261126T155904Z-0.jsonl",
	     "date=2026-11-26/hour=15/host=web-1/web-1_20261126T155904Z-0.jsonl"},
	    {"a/b", "date=1/hour=2/w_3.csv", "a/b/date=1/hour=2/host=w/w_3.csv"},
	    {"p", "w_3.csv", "p/host=w/w_3.csv"},
	    {"p", "w_3.csv+17", "p/host=w/w_3.csv"},
	    {"p", "d/w_3.csv+17.refused", "p/d/host=w/w_3.csv"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_buf_ struct buf b = {0};
		s3_key(&b, rows[i][0], rows[i][1]);
		assert_string_equal(buf_cstr(&b), rows[i][2]);
	}
}

static void the_content_type_is_that_of_the_suffix(void **state)
{
	static const char *const rows[][2] = {
	    {"/var/x.y/w_1.jsonl", "application/x-ndjson"},
	    {"w_1.csv", "text/csv; charset=utf-8"},
	    {"w_1.pb", "application/x-protobuf"},
	    {"w_1.parquet", "application/vnd.apache.parquet"},
	    {"w_1.csv.gz", "application/gzip"},
	    {"w_1.pb.zst", "application/zstd"},
	    {"w_1.dat", "application/octet-stream"},
	    {"w_1", "application/octet-stream"},
	    {"w_1.csv+2", "text/csv; charset=utf-8"},
	    {"w_1.csv.gz+2.refused", "application/gzip"},
	    {"w_1.refused", "application/octet-stream"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(s3_content_type(rows[i][0]), rows[i][1]);
}

static void a_file_says_its_records_and_that_it_was_refused(void **state)
{
	static const struct {
		const char *file, *object;
		uint64_t records;
		bool refused;
	} rows[] = {
	    {"w_1.csv", "w_1.csv", 0, false},
	    {"w_1.csv+0", "w_1.csv", 0, false},
	    {"w_1.csv+12", "w_1.csv", 12, false},
	    {"w_1.csv+12.refused", "w_1.csv", 12, true},
	    {"w_1.csv.refused", "w_1.csv", 0, true},
	    {"w_1.csv+18446744073709551615", "w_1.csv", UINT64_MAX, false},
	    {"w_1.csv+", "w_1.csv+", 0, false},
	    {"w_1.csv+1x", "w_1.csv+1x", 0, false},
	    {"w+1.csv", "w+1.csv", 0, false},
	    {".refused", ".refused", 0, false},
	    {"", "", 0, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct s3_file_name n = s3_file_name(rows[i].file);
		if (n.object != strlen(rows[i].object) || n.records != rows[i].records ||
		    n.refused != rows[i].refused)
			fail_msg("%s", rows[i].file);
	}
}

static void an_object_is_to_blame_when_others_arrive_between_its_failures(void **state)
{
	struct s3_doubts d = {0};

	/* The store takes nothing. */
	for (int i = 0; i < 5; i++)
		assert_false(s3_doubts_fail(&d, "a", 2));
	/* It is back. */
	s3_doubts_confirm(&d, "b");
	s3_doubts_confirm(&d, "a");
	assert_false(s3_doubts_fail(&d, "a", 2));
	/* Only "a" fails. */
	s3_doubts_confirm(&d, "b");
	assert_false(s3_doubts_fail(&d, "c", 2));
	assert_true(s3_doubts_fail(&d, "a", 2));
	/* It is forgotten; "c" is not. */
	s3_doubts_confirm(&d, "b");
	assert_false(s3_doubts_fail(&d, "a", 2));
	assert_false(s3_doubts_fail(&d, "c", 3));
	assert_false(s3_doubts_fail(&d, "c", 3));
	s3_doubts_confirm(&d, "b");
	assert_true(s3_doubts_fail(&d, "c", 3));
	s3_doubts_free(&d);
}

static void doubts_are_bounded(void **state)
{
	struct s3_doubts d = {0};
	char path[16];

	for (int i = 0; i < 3 * S3_DOUBTS_MAX; i++) {
		snprintf(path, sizeof(path), "%d", i);
		assert_false(s3_doubts_fail(&d, path, 2));
	}
	s3_doubts_confirm(&d, "b");
	assert_true(s3_doubts_fail(&d, path, 2));
	assert_false(s3_doubts_fail(&d, "0", 2)); /* forgotten: it begins anew */
	s3_doubts_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_file_of_credentials),
	    cmocka_unit_test(a_key_that_is_too_long_is_none),
	    cmocka_unit_test(the_metadata_service),
	    cmocka_unit_test(a_path_is_encoded_as_the_signature_wants_it),
	    cmocka_unit_test(a_value_in_a_query_has_no_slash),
	    cmocka_unit_test(an_element_is_there_whole_or_not),
	    cmocka_unit_test(an_error_says_code_and_message),
	    cmocka_unit_test(a_key_has_prefix_partitions_and_host),
	    cmocka_unit_test(the_content_type_is_that_of_the_suffix),
	    cmocka_unit_test(a_file_says_its_records_and_that_it_was_refused),
	    cmocka_unit_test(an_object_is_to_blame_when_others_arrive_between_its_failures),
	    cmocka_unit_test(doubts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
