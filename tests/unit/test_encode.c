/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "record/encoder.h"
#include "record/field_info.h"
#include "record_random.h"
#include "unit.h"

#define ROUNDS 2000

static char text[RANDOM_STRING_MAX];

static int fill_text(void **state)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'a' + i % 26;
	return 0;
}

/* Table and schema have the same fields with the same numbers and types. */
static void test_schema_matches_table(void **state)
{
	static const struct {
		ProtobufCType type;
	} types[] = {
	    [FIELD_U32] = {PROTOBUF_C_TYPE_UINT32},   [FIELD_U64] = {PROTOBUF_C_TYPE_UINT64},
	    [FIELD_TIME] = {PROTOBUF_C_TYPE_INT64},   [FIELD_STR] = {PROTOBUF_C_TYPE_STRING},
	    [FIELD_BYTES] = {PROTOBUF_C_TYPE_BYTES},  [FIELD_ADDR] = {PROTOBUF_C_TYPE_BYTES},
	    [FIELD_STATE] = {PROTOBUF_C_TYPE_UINT32}, [FIELD_CC] = {PROTOBUF_C_TYPE_ENUM},
	};
	uint32_t last = 0;

	for (size_t i = 0; i < record_field_count; i++) {
		const ProtobufCFieldDescriptor *d = schema_field(record_fields[i].number);

		assert_true(record_fields[i].number > last);
		last = record_fields[i].number;
		assert_non_null(d);
		assert_string_equal(d->name, record_fields[i].name);
		assert_int_equal(d->type, types[record_fields[i].kind].type);
	}
	/* The counts are equal and all were found: the table has every field of the schema. */
	assert_int_equal(record_field_count, xtcp_flat_record__v1__xtcp_flat_record__descriptor.n_fields);
}

static void test_cc_matches_schema(void **state)
{
	const ProtobufCEnumDescriptor *d = schema_field(1301)->descriptor;

	assert_int_equal(d->n_values, RECORD_CC_MAX_);
	for (unsigned i = 0; i < d->n_values; i++)
		assert_string_equal(d->values[i].name, record_cc_name(d->values[i].value));
}

static void assert_same_bytes(const struct buf *b, size_t from, const uint8_t *want, size_t n)
{
	assert_true(buf_ok(b));
	assert_int_equal(b->len - from, n);
	assert_memory_equal(b->data + from, want, n);
}

static void test_wire_equals_protobuf_c(void **state)
{
	uint64_t seed = 42;
	struct record r = {0};
	struct buf b = {0};

	for (int i = 0; i < ROUNDS; i++) {
		random_record(&r, text, &seed);
		XtcpFlatRecord__V1__XtcpFlatRecord *m = message_of(&r);
		_cleanup_free_ uint8_t *want =
		    malloc(xtcp_flat_record__v1__xtcp_flat_record__get_packed_size(m) + 1);
		size_t n = xtcp_flat_record__v1__xtcp_flat_record__pack(m, want);

		/* a buffer without spare room reveals a reservation that is too small */
		buf_free(&b);
		wire_encode(&b, &r);
		assert_same_bytes(&b, 0, want, n);
		free_message(m);
	}
	buf_free(&b);
}

/* Encode envelopes of `rows` rows after existing bytes. */
static void check_envelope(int rows, uint64_t *seed, uint32_t sections)
{
	struct encoder e;
	struct buf b = {0};
	struct record r = {0};
	char error[200];
	XtcpFlatRecord__V1__Envelope envelope = XTCP_FLAT_RECORD__V1__ENVELOPE__INIT;
	_cleanup_free_ XtcpFlatRecord__V1__XtcpFlatRecord **list = calloc(rows + 1, sizeof(*list));

	assert_int_equal(encoder_init(&e, "protobuflist", "", error, sizeof(error)), 0);
	buf_str(&b, "before");
	e.ops->begin(&e, &b);
	for (int i = 0; i < rows; i++) {
		random_record(&r, text, seed);
		r.sections &= sections;
		list[i] = message_of(&r);
		e.ops->row(&e, &b, &r);
	}
	e.ops->end(&e, &b);
	envelope.n_row = rows;
	envelope.row = list;
	size_t n = xtcp_flat_record__v1__envelope__get_packed_size(&envelope);
	_cleanup_free_ uint8_t *want = malloc(n + e.ops->overhead);
	size_t prefix = 0;
	for (size_t left = n;; left >>= 7) {
		want[prefix++] = (left & 0x7f) | (left > 0x7f ? 0x80 : 0);
		if (left <= 0x7f)
			break;
	}
	xtcp_flat_record__v1__envelope__pack(&envelope, want + prefix);
	assert_same_bytes(&b, strlen("before"), want, n + prefix);
	for (int i = 0; i < rows; i++)
		free_message(list[i]);
	buf_free(&b);
	encoder_free(&e);
}

static void test_envelope_equals_protobuf_c(void **state)
{
	uint64_t seed = 7;

	check_envelope(0, &seed, ~0U);
	check_envelope(1, &seed, RECORD_HAS(TOS));
	check_envelope(3, &seed, RECORD_HAS(TOS) | RECORD_HAS(CONG));
	check_envelope(10, &seed, ~0U);
	check_envelope(200, &seed, ~0U);
	check_envelope(1500, &seed, ~0U); /* more than 2 MiB: four bytes of length */
}

/* One socket with a few fields, the same in every format test. */
static struct record sample(void)
{
	struct record r = {.sections =
			       RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(CONG) | RECORD_HAS(CGROUP)};

	r.schema_version = 1;
	r.timestamp_ns = INT64_C(1700000000000000042);
	r.hostname = str_of("a,\"b\"\n\x01\xff\xc3\xa9");
	r.inet_diag_msg_family = 2;
	r.inet_diag_msg_state = 1;
	r.inet_diag_msg_socket_source_port = 443;
	r.inet_diag_msg_socket_source = (struct str){"\x7f\0\0\1", 4};
	r.inet_diag_msg_socket_destination = (struct str){"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16};
	r.congestion_algorithm_string = str_of("cubic");
	r.congestion_algorithm_enum = RECORD_CC_CUBIC;
	r.c_group = UINT64_C(1) << 40;
	return r;
}

static void check_format(const char *marshal, const char *columns, const char *want)
{
	struct record r = sample();
	struct encoder e;
	struct buf b = {0};
	char error[200];

	assert_int_equal(encoder_init(&e, marshal, columns, error, sizeof(error)), 0);
	for (int envelope = 0; envelope < 2; envelope++) {
		e.ops->begin(&e, &b);
		e.ops->row(&e, &b, &r);
		e.ops->end(&e, &b);
	}
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
	encoder_free(&e);
}

static const char columns[] =
    "hostname,timestamp_ns,inet_diag_msg_socket_source,inet_diag_msg_socket_destination,"
    "inet_diag_msg_state,inet_diag_msg_uid,tcp_info_rtt,congestion_algorithm_enum";

static void test_csv(void **state)
{
	static const char row[] =
	    "\"a,\"\"b\"\"\n\x01\xff\xc3\xa9\",2023-11-14T22:13:20.000000042Z,127.0.0.1,2001:db8::1,"
	    "ESTABLISHED,,,CONGESTION_ALGORITHM_CUBIC\n";
	char want[1000];

	snprintf(want, sizeof(want), "%s\n%s%s", columns, row, row);
	check_format("csv", columns, want);
}

static void test_tsv(void **state)
{
	check_format("TSV", "hostname,inet_diag_msg_socket_source_port,netns",
		     "hostname\tinet_diag_msg_socket_source_port\tnetns\n"
		     "a,\"b\"\\n\\001\xff\xc3\xa9\t443\t\n"
		     "a,\"b\"\\n\\001\xff\xc3\xa9\t443\t\n");
}

static void test_text(void **state)
{
	check_format("text", columns + strlen("hostname,"),
		     "timestamp_ns: 2023-11-14T22:13:20.000000042Z\ninet_diag_msg_socket_source: 127.0.0.1\n"
		     "inet_diag_msg_socket_destination: 2001:db8::1\ninet_diag_msg_state: ESTABLISHED\n"
		     "congestion_algorithm_enum: CONGESTION_ALGORITHM_CUBIC\n\n"
		     "timestamp_ns: 2023-11-14T22:13:20.000000042Z\ninet_diag_msg_socket_source: 127.0.0.1\n"
		     "inet_diag_msg_socket_destination: 2001:db8::1\ninet_diag_msg_state: ESTABLISHED\n"
		     "congestion_algorithm_enum: CONGESTION_ALGORITHM_CUBIC\n\n");
}

#define JSONL                                                                                               \
	"{\"schema_version\":1,\"timestamp_ns\":1700000000000000042,"                                       \
	"\"hostname\":\"a,\\\"b\\\"\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"record_counter\":0,\"netlinker_id\":" \
	"0,"                                                                                                \
	"\"inet_diag_msg_family\":2,\"inet_diag_msg_state\":\"ESTABLISHED\",\"inet_diag_msg_timer\":0,"     \
	"\"inet_diag_msg_retrans\":0,\"inet_diag_msg_socket_source_port\":443,"                             \
	"\"inet_diag_msg_socket_destination_port\":0,\"inet_diag_msg_socket_source\":\"127.0.0.1\","        \
	"\"inet_diag_msg_socket_destination\":\"2001:db8::1\",\"inet_diag_msg_socket_interface\":0,"        \
	"\"inet_diag_msg_socket_cookie\":0,\"inet_diag_msg_expires\":0,\"inet_diag_msg_rqueue\":0,"         \
	"\"inet_diag_msg_wqueue\":0,\"inet_diag_attributes\":0,\"congestion_algorithm_string\":\"cubic\","  \
	"\"congestion_algorithm_enum\":\"CONGESTION_ALGORITHM_CUBIC\",\"c_group\":1099511627776}\n"

static void test_jsonl(void **state)
{
	check_format("jsonl", NULL, JSONL JSONL);
}

#define PROTO_JSON                                                                            \
	"{\"row\":[{\"schemaVersion\":1,\"timestampNs\":\"1700000000000000042\","             \
	"\"hostname\":\"a,\\\"b\\\"\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"inetDiagMsgFamily\":2," \
	"\"inetDiagMsgState\":1,\"inetDiagMsgSocketSourcePort\":443,"                         \
	"\"inetDiagMsgSocketSource\":\"fwAAAQ==\",\"inetDiagMsgSocketDestination\":"          \
	"\"IAENuAAAAAAAAAAAAAAAAQ==\",\"congestionAlgorithmString\":\"cubic\","               \
	"\"congestionAlgorithmEnum\":\"CONGESTION_ALGORITHM_CUBIC\",\"cGroup\":\"1099511627776\"}]}\n"

static void test_proto_json(void **state)
{
	check_format("protoJson", NULL, PROTO_JSON PROTO_JSON);
}

static void test_msgpack(void **state)
{
	struct record r = {.sections = RECORD_HAS(CONG) | RECORD_HAS(CGROUP) | RECORD_HAS(CLASS_ID)};
	static const char want[] = "\xde\x00\x04\xbb"
				   "congestion_algorithm_string\xa5"
				   "cubic\xb9"
				   "congestion_algorithm_enum\x01\xa8"
				   "class_id\xcd\x01\x00\xa7"
				   "c_group\xcf\x00\x00\x01\x00\x00\x00\x00\x00";
	struct encoder e;
	struct buf b = {0};

	r.congestion_algorithm_string = str_of("cubic");
	r.congestion_algorithm_enum = 1;
	r.class_id = 256;
	r.c_group = UINT64_C(1) << 40;
	assert_int_equal(encoder_init(&e, "msgpack", NULL, NULL, 0), 0);
	e.ops->row(&e, &b, &r);
	assert_same_bytes(&b, 0, (const uint8_t *)want, sizeof(want) - 1);
	buf_free(&b);
}

static void test_presence(void **state)
{
	struct record r = {.sections = RECORD_HAS(TCP_INFO) | RECORD_HAS(DIAG), .tcp_info_len = 248};

#define PRESENT(name) record_field_present(&r, record_field_find(name, strlen(name)))
	assert_true(PRESENT("tcp_info_total_rto_time"));
	assert_false(PRESENT("tcp_info_received_ce"));
	assert_false(PRESENT("tcp_info_tail"));
	r.tcp_info_len = 280;
	assert_true(PRESENT("tcp_info_accecn_fail_mode"));
	assert_false(PRESENT("tcp_info_ecn_mode"));
	r.sections |= RECORD_PACKED_ECN;
	assert_true(PRESENT("tcp_info_ecn_mode"));
	assert_false(PRESENT("inet_diag_msg_uid"));
	r.sections |= RECORD_OWNED;
	assert_true(PRESENT("inet_diag_msg_uid"));
	assert_false(PRESENT("class_id"));
}

/* A short name selects the column; the header has the long one, which scripts read. */
static void test_short_names(void **state)
{
	struct encoder e;
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO)};
	struct buf b = {0};
	char error[400];

	r.tcp_info_len = 240;
	r.tcp_info_rtt = 1500;
	r.inet_diag_msg_state = 1;
	assert_int_equal(encoder_init(&e, "csv", "state,rtt", error, sizeof(error)), 0);
	e.ops->begin(&e, &b);
	e.ops->row(&e, &b, &r);
	assert_string_equal(buf_cstr(&b), "inet_diag_msg_state,tcp_info_rtt\nESTABLISHED,1500\n");
	encoder_free(&e);
	buf_free(&b);
}

/* The names of protobuf's JSON select columns, and name them where -names json asks for it. */
static void test_json_names(void **state)
{
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO)};
	static const struct {
		const char *marshal, *columns, *has;
	} rows[] = {
	    {"csv", "inetDiagMsgState,tcp_info_rtt,tcpInfoRttVar",
	     "inetDiagMsgState,tcpInfoRtt,tcpInfoRttVar\n"},
	    {"tsv", "tcpInfoRtt", "tcpInfoRtt\n"},
	    {"jsonl", "", "\"tcpInfoRtt\":1500,"},
	    {"text", "tcpInfoRtt", "tcpInfoRtt: 1500\n"},
	    {"msgpack", "", "\xaatcpInfoRtt"},
	};

	r.tcp_info_len = 240;
	r.tcp_info_rtt = 1500;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct encoder e;
		struct buf b = {0};
		char error[400];
		assert_int_equal(encoder_init(&e, rows[i].marshal, rows[i].columns, error, sizeof(error)), 0);
		e.json_names = true;
		e.ops->begin(&e, &b);
		e.ops->row(&e, &b, &r);
		e.ops->end(&e, &b);
		assert_true(b.len > 0 && memmem(b.data, b.len, rows[i].has, strlen(rows[i].has)));
		encoder_free(&e);
		buf_free(&b);
	}
}

/* Each field says what it means, and no name stands for two. */
static void test_field_infos(void **state)
{
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		const char *name = record_field_short_name(f);

		if (!*record_field_meaning(f))
			fail_msg("%s has no meaning in fields.def", f->name);
		if (record_field_find(f->name, strlen(f->name)) != f ||
		    record_field_find(record_field_json_name(f), strlen(record_field_json_name(f))) != f ||
		    (*name && record_field_find(name, strlen(name)) != f))
			fail_msg("%s or its short name \"%s\" stands for another field", f->name, name);
		assert_null(strchr(record_field_meaning(f), '\n'));
	}
}

static void test_errors(void **state)
{
	struct encoder e;
	char error[400];

	assert_int_equal(encoder_init(&e, "xml", NULL, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "unknown format \"xml\"; possible: protobufList protoJson protoText jsonl "
				   "csv tsv text msgpack parquet");
	assert_int_equal(encoder_init(&e, "xml", NULL, error, 20), -EINVAL);
	assert_int_equal(encoder_init(&e, "csv", "netns,rrt", error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "\"rrt\""));
	assert_int_equal(encoder_init(&e, "jsonl", "netns", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "only csv, tsv, text and parquet have columns, jsonl does not");
	encoder_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_schema_matches_table),
	    cmocka_unit_test(test_cc_matches_schema),
	    cmocka_unit_test(test_wire_equals_protobuf_c),
	    cmocka_unit_test(test_envelope_equals_protobuf_c),
	    cmocka_unit_test(test_csv),
	    cmocka_unit_test(test_tsv),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_jsonl),
	    cmocka_unit_test(test_proto_json),
	    cmocka_unit_test(test_msgpack),
	    cmocka_unit_test(test_presence),
	    cmocka_unit_test(test_short_names),
	    cmocka_unit_test(test_json_names),
	    cmocka_unit_test(test_field_infos),
	    cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, fill_text, NULL);
}
