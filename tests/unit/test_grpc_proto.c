/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "api/config_message.h"
#include "api/config_service.h"
#include "api/record_service.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protowire.h"
#include "grpc/grpc_proto.h"
#include "grpc/gzip.h"
#include "grpc/health.h"
#include "grpc/reflection.h"

static void timeouts_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
	    {"1n", 1},
	    {"5u", 5000},
	    {"250m", 250 * NS_PER_MS},
	    {"10S", 10 * NS_PER_SEC},
	    {"2M", 120 * NS_PER_SEC},
	    {"1H", 3600 * NS_PER_SEC},
	    {"99999999n", 99999999},
	    {"99999999H", INT64_MAX},
	};
	static const char *const bad[] = {"", "1", "S", "-1S", "1s", "1 S", "100000000n", "1.5S", "1SS"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t ns = -1;
		assert_int_equal(grpc_timeout_parse(str_of(good[i].text), &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ns;
		assert_int_equal(grpc_timeout_parse(str_of(bad[i]), &ns), -EINVAL);
	}
}

static void timeouts_are_written_fine_and_never_short(void **state)
{
	static const int64_t values[] = {1,	   99999999, 100000000, 3 * NS_PER_SEC, 3600 * NS_PER_SEC + 1,
					 INT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char text[GRPC_TIMEOUT_TEXT];
		int64_t ns = 0;
		grpc_timeout_format(values[i], text);
		assert_int_equal(grpc_timeout_parse(str_of(text), &ns), 0);
		assert_true(ns >= values[i]);
		assert_true(ns - values[i] <= values[i] / 1000);
	}
}

static void messages_are_percent_encoded(void **state)
{
	struct buf encoded = {0}, decoded = {0};
	const char *text = "100% \"na\xc3\xafve\"\n~";

	grpc_percent_encode(&encoded, text);
	assert_string_equal(buf_cstr(&encoded), "100%25 \"na%C3%AFve\"%0A~");
	grpc_percent_decode(&decoded, str_of(buf_cstr(&encoded)));
	assert_string_equal(buf_cstr(&decoded), text);
	buf_reset(&decoded);
	grpc_percent_decode(&decoded, str_of("%4a%4%zz%"));
	assert_string_equal(buf_cstr(&decoded), "J%4%zz%");
	buf_free(&encoded);
	buf_free(&decoded);
}

static void content_types_are_told_apart(void **state)
{
	static const char *const good[] = {"application/grpc", "application/grpc+proto",
					   "application/grpc;charset=x", "application/grpc+proto; a=b"};
	static const char *const bad[] = {"", "application/json", "application/grpc-web",
					  "application/grpc+json", "application/grp"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(grpc_content_type_ok(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(grpc_content_type_ok(str_of(bad[i])));
}

static void gzip_is_read_and_written(void **state)
{
	uint8_t data[10000], packed[10100];
	_cleanup_buf_ struct buf plain = {0};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i % 251);
	size_t n = gzip_deflate(packed, sizeof(packed), data, sizeof(data));
	assert_true(n >= 1 && n <= sizeof(data) / 2);
	assert_int_equal(gzip_deflate(packed, n - 1, data, sizeof(data)), 0);
	assert_int_equal(gzip_deflate(packed, sizeof(packed), data, sizeof(data)), n);
	assert_int_equal(gzip_inflate(&plain, packed, n, sizeof(data)), 0);
	assert_int_equal(plain.len, sizeof(data));
	assert_memory_equal(plain.data, data, sizeof(data));
	/* One byte less than it holds is too little. */
	buf_reset(&plain);
	assert_int_equal(gzip_inflate(&plain, packed, n, sizeof(data) - 1), -EMSGSIZE);
	for (size_t cut = 0; cut < n; cut++) {
		buf_reset(&plain);
		assert_int_equal(gzip_inflate(&plain, packed, cut, sizeof(data)), -EBADMSG);
	}
	packed[n] = 0;
	buf_reset(&plain);
	assert_int_equal(gzip_inflate(&plain, packed, n + 1, sizeof(data)), -EBADMSG);
	buf_reset(&plain);
	assert_int_equal(gzip_inflate(&plain, data, sizeof(data), sizeof(data)), -EBADMSG);
}

/* Data that inflates endlessly costs no more memory than the limit. */
static void a_gzip_bomb_is_not_unpacked(void **state)
{
	enum { BOMB = 64 << 20, MOST = 256 << 10 };
	uint8_t *data = calloc(1, BOMB), *packed = malloc(1 << 20);
	_cleanup_buf_ struct buf plain = {0};

	assert_true(data && packed);
	size_t n = gzip_deflate(packed, 1 << 20, data, BOMB);
	assert_true(n >= 1 && n <= 512 << 10);
	assert_int_equal(gzip_inflate(&plain, packed, n, MOST), -EMSGSIZE);
	assert_true(plain.cap <= 2 * MOST);
	free(data);
	free(packed);
}

static void encodings_are_listed(void **state)
{
	static const char *const with[] = {"gzip", "identity,gzip", "identity, deflate, gzip", " gzip ,x"};
	static const char *const without[] = {"", "identity", "deflate,x-gzip", "gzip2", ",", "GZIP"};

	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		assert_true(gzip_listed(str_of(with[i])));
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		assert_false(gzip_listed(str_of(without[i])));
}

static void prefixes_and_names(void **state)
{
	uint8_t prefix[GRPC_PREFIX];

	grpc_prefix_put(prefix, 0x01020304);
	assert_int_equal(grpc_prefix_len(prefix), 0x01020304);
	assert_int_equal(prefix[0], 0);
	assert_string_equal(grpc_code_name(GRPC_INVALID_ARGUMENT), "INVALID_ARGUMENT");
	assert_string_equal(grpc_code_name(GRPC_UNIMPLEMENTED), "UNIMPLEMENTED");
	assert_string_equal(grpc_code_name(99), "UNKNOWN");
}

static void wire_reader_stops_at_damage(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t len, fields;
		bool bad;
	} cases[] = {
	    {"", 0, 0, false},
	    {"\x08\x96\x01", 3, 1, false},
	    {"\x12\x03"
	     "abc",
	     5, 1, false},
	    {"\x08", 1, 0, true}, /* no value */
	    {"\x12\x04"
	     "abc",
	     5, 0, true},						   /* past the end */
	    {"\x0b\x0c", 2, 0, true},					   /* a group */
	    {"\x00\x01", 2, 0, true},					   /* field 0 */
	    {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, 0, true}, /* endless varint */
	    {"\x0d\x01\x02\x03\x04\x08\x01", 7, 2, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct protowire r = protowire_of((struct str){cases[i].bytes, cases[i].len});
		struct protowire_field f;
		uint32_t fields = 0;
		while (protowire_next(&r, &f))
			fields++;
		assert_int_equal(fields, cases[i].fields);
		assert_int_equal(r.bad, cases[i].bad);
	}
}

/* Configuration and message */

struct configs {
	struct config *c, *back;
	XtcpConfig__V1__XtcpConfig *m;
	char error[600];
};

static int configs_make(void **state)
{
	struct configs *s = calloc(1, sizeof(*s));
	struct config *c = calloc(1, sizeof(*c));

	assert_int_equal(config_init(c), 0);
	s->c = c;
	*state = s;
	return 0;
}

static int configs_free(void **state)
{
	struct configs *s = *state;

	if (s->m)
		xtcp_config__v1__xtcp_config__free_unpacked(s->m, NULL);
	config_delete(s->c);
	config_delete(s->back);
	free(s);
	return 0;
}

static void set(struct configs *s, const char *flag, const char *text)
{
	assert_int_equal(config_set(s->c, option_find(flag), text, s->error, sizeof(s->error)), 0);
}

/* Every option with a field survives the conversion to a message and back. */
static void configuration_round_trips(void **state)
{
	struct configs *s = *state;

	set(s, "frequency", "1m30s");
	set(s, "timeout", "2s");
	set(s, "maxLoops", "18446744073709551615");
	set(s, "netlinkers", "7");
	set(s, "ioUring", "true");
	set(s, "tag", "a tag");
	set(s, "deserializers", "info,bbr");
	s->m = config_to_message(s->c);
	assert_non_null(s->m);
	assert_int_equal(s->m->poll_frequency->seconds, 90);
	assert_string_equal(s->m->tag, "a tag");
	assert_true(*s->m->daemon_version);

	s->back = calloc(1, sizeof(*s->back));
	assert_int_equal(config_init(s->back), 0);
	assert_int_equal(config_from_message(s->back, s->m, s->error, sizeof(s->error)), 0);
	for (const struct option_info *o = option_table; o->flag; o++) {
		struct buf a = {0}, b = {0};
		if (o->proto_field) {
			config_get_text(s->c, o, &a);
			config_get_text(s->back, o, &b);
			assert_string_equal(buf_cstr(&a), buf_cstr(&b));
		}
		buf_free(&a);
		buf_free(&b);
	}
}

/* Another value than the default that is valid beside the defaults of all others. */
static const char *other_value(const struct option_info *o, char text[static 64])
{
	static const char *const values[][2] = {
	    {"frequency", "11s"},
	    {"timeout", "4s"},
	    {"reconcileFrequency", "1m"},
	    {"dest", "null"},
	    {"marshal", "csv"},
	    {"deserializers", "info"},
	    {"states", "established"},
	    {"filter", "dport = :443"},
	    {"packetSize", "65536"},
	    {"d", "debug"},
	    {"promPath", "/m"},
	    {"promLabels", "netns,unit"},
	    {"criSocket", "/run/c"},
	    {"uplinkInterfaces", "eth0,eth1"},
	    {"uplinkCount", "1"},
	    {"s3Endpoint", "http://s:9000"},
	    {"fileRotateBytes", "1000000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strcmp(values[i][0], o->flag) == 0)
			return values[i][1];
	switch (o->type) {
	case OPTION_BOOL:
		return strcmp(o->default_text, "true") == 0 ? "false" : "true";
	case OPTION_U32:
	case OPTION_U64:
		snprintf(text, 64, "%llu", strtoull(o->default_text, NULL, 10) + 1);
		return text;
	case OPTION_DURATION:
		return "17s";
	case OPTION_CHOICE: /* the last word, or the one before it */
		snprintf(text, 64, "%s", o->min);
		if (strcmp(strrchr(text, '|') + 1, o->default_text) == 0)
			*strrchr(text, '|') = '\0';
		return strrchr(text, '|') ? strrchr(text, '|') + 1 : text;
	default:
		return "other";
	}
}

/* The defaults, and the destination that the option is for. */
static struct config *config_for(const struct option_info *o)
{
	static const char *const values[][3] = {
	    {"destUser", "dest", "nats:127.0.0.1:4222"},  {"destUser", "destPasswordFile", "/password"},
	    {"destTls", "dest", "nats:127.0.0.1:4222"},	  {"valkey", "dest", "valkey:127.0.0.1:6379"},
	    {"file", "dest", "file:/var/tmp/%F/records"},
	};
	struct config *c = calloc(1, sizeof(*c));
	char error[600];

	assert_int_equal(config_init(c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strncmp(o->flag, values[i][0], strlen(values[i][0])) == 0)
			assert_int_equal(
			    config_set(c, option_find(values[i][1]), values[i][2], error, sizeof(error)), 0);
	return c;
}

static char *option_text(const struct config *c, const struct option_info *o)
{
	_cleanup_buf_ struct buf text = {0};

	config_get_text(c, o, &text);
	return strdup(text.len ? buf_cstr(&text) : "");
}

static void assert_same(const struct config *a, const struct config *b, const struct option_info *o)
{
	_cleanup_free_ char *text = option_text(a, o), *other = option_text(b, o);

	if (strcmp(text, other) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", o->flag, other, text);
}

/* What Get tells of each option with a field, Set takes. */
static void every_option_with_a_field_is_got_and_set(void **state)
{
	struct configs *s = *state;
	unsigned options = 0;

	for (const struct option_info *o = option_table; o->flag; o++) {
		char room[64];
		if (!o->proto_field)
			continue;
		struct config *given = config_for(o), *taken = config_for(o);
		_cleanup_free_ char *before = option_text(given, o);
		if (config_set(given, o, other_value(o, room), s->error, sizeof(s->error)) < 0)
			fail_msg("%s", s->error);
		_cleanup_free_ char *after = option_text(given, o);
		if (strcmp(before, after) == 0)
			fail_msg("%s: the test has no other value for it", o->flag);
		XtcpConfig__V1__XtcpConfig *m = config_to_message(given);
		if (config_from_message(taken, m, s->error, sizeof(s->error)) < 0)
			fail_msg("%s: %s", o->flag, s->error);
		assert_same(given, taken, o);
		xtcp_config__v1__xtcp_config__free_unpacked(m, NULL);
		config_delete(given);
		config_delete(taken);
		options++;
	}
	assert_true(options >= 80 && options <= 200);
}

/* Take the fields from 300 on out of a message, as one of a client that does not know them. */
static void forget_new_fields(XtcpConfig__V1__XtcpConfig *m)
{
	const ProtobufCMessageDescriptor *d = &xtcp_config__v1__xtcp_config__descriptor;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		char *at = (char *)m + f->offset;
		if (f->id < 300)
			continue;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			protobuf_c_message_free_unpacked(*(ProtobufCMessage **)(void *)at, NULL);
			*(void **)(void *)at = NULL;
			continue;
		}
		if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			fail_msg("%s is in no oneof", f->name);
		if (f->type == PROTOBUF_C_TYPE_STRING)
			free(*(char **)(void *)at);
		*(uint32_t *)(void *)((char *)m + f->quantifier_offset) = 0;
	}
}

static void a_field_with_presence_that_is_absent_changes_nothing(void **state)
{
	struct configs *s = *state;

	for (const struct option_info *o = option_table; o->flag; o++) {
		char room[64];
		if (o->proto_field < 300)
			continue;
		struct config *c = config_for(o);
		assert_int_equal(config_set(c, o, other_value(o, room), s->error, sizeof(s->error)), 0);
		struct config *after = config_clone(c);
		XtcpConfig__V1__XtcpConfig *m = config_to_message(c);
		forget_new_fields(m);
		if (config_from_message(after, m, s->error, sizeof(s->error)) < 0)
			fail_msg("%s: %s", o->flag, s->error);
		for (const struct option_info *each = option_table; each->flag; each++)
			if (strcmp(each->flag, "deserializers") != 0) /* another spelling of the same */
				assert_same(c, after, each);
		xtcp_config__v1__xtcp_config__free_unpacked(m, NULL);
		config_delete(after);
		config_delete(c);
	}
}

/* A field number in options.def that the schema lacks would have no effect. */
static void every_field_of_an_option_exists(void **state)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		if (o->proto_field)
			assert_non_null(protobuf_c_message_descriptor_get_field(
			    &xtcp_config__v1__xtcp_config__descriptor, o->proto_field));
	}
}

static void refuse(struct configs *s, const char *expected)
{
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), -EINVAL);
	if (!strstr(s->error, expected))
		fail_msg("\"%s\" does not contain \"%s\"", s->error, expected);
}

static void refusals_name_the_field(void **state)
{
	struct configs *s = *state;

	s->m = config_to_message(s->c);
	s->m->netlinkers = 65;
	refuse(s, "netlinkers: ");
	refuse(s, "between 1 and 64");
	s->m->netlinkers = 4;
	s->m->pyroscope_sample_hz = 1;
	refuse(s, "pyroscope_sample_hz: ");
	s->m->pyroscope_sample_hz = 0;
	s->m->poll_timeout->seconds = -1;
	refuse(s, "poll_timeout: ");
	s->m->poll_timeout->seconds = 20;
	refuse(s, "poll_frequency: ");
	s->m->poll_timeout->seconds = 5;
	s->m->enabled_deserializers->enabled[0]->key[0] = 'X';
	refuse(s, "enabled_deserializers: ");
}

/* Set does not change the values that Get hides. */
static void credentials_stay(void **state)
{
	struct configs *s = *state;

	set(s, "dest", "http://user:secret@127.0.0.1:80/");
	s->m = config_to_message(s->c);
	assert_null(strstr(s->m->dest, "secret"));
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), 0);
	assert_string_equal(s->c->dest, "http://user:secret@127.0.0.1:80/");
}

/* Clients with read access get no names of files; Set with the placeholder keeps them. */
static void readers_see_no_paths(void **state)
{
	struct configs *s = *state;

	set(s, "dest", "file:/var/lib/secret/records");
	set(s, "capturePath", "/var/lib/secret");
	set(s, "xtcpProtoFile", "/var/lib/secret/record.proto");
	set(s, "asnFile", "/var/lib/secret/asn.mmdb");
	s->m = config_to_reader_message(s->c);
	assert_string_equal(s->m->asn_file, "(hidden)");
	assert_string_equal(s->m->s3_spool, "(hidden)");
	assert_string_equal(s->m->netns_dirs, "(hidden)");
	assert_string_equal(s->m->cri_socket, "");
	assert_string_equal(s->m->dest, "file:(hidden)");
	assert_string_equal(s->m->capture_path, "(hidden)");
	assert_string_equal(s->m->xtcp_proto_file, "(hidden)");
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), 0);
	assert_string_equal(s->c->dest, "file:/var/lib/secret/records");
	assert_string_equal(s->c->capture_path, "/var/lib/secret");
}

static void change_dest(struct configs *s, const char *dest)
{
	free(s->m->dest);
	s->m->dest = strdup(dest);
}

/* Neither directly nor through a destination without credentials. */
static void credentials_do_not_follow(void **state)
{
	struct configs *s = *state;

	set(s, "dest", "kafka:127.0.0.1:9092");
	set(s, "kafkaConfig", "sasl.username=svc;sasl.password=sesame");
	s->m = config_to_message(s->c);
	change_dest(s, "kafka:127.0.0.1:21999");
	refuse(s, "dest: the credentials in -kafkaConfig ");
	change_dest(s, "null");
	set(s, "dest", "kafka:127.0.0.1:9092");
	refuse(s, "dest: the credentials in -kafkaConfig ");
	set(s, "dest", "null");
	change_dest(s, "kafka:127.0.0.1:9092");
	refuse(s, "dest: the credentials in -kafkaConfig ");

	set(s, "dest", "kafka:127.0.0.1:9092");
	set(s, "kafkaConfig", "sasl.password=;linger.ms=5");
	change_dest(s, "kafka:127.0.0.1:21999");
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), 0);

	/* Of the other destinations, too, and not in clear. */
	set(s, "dest", "nats:127.0.0.1:4222");
	set(s, "destPasswordFile", "/etc/password");
	change_dest(s, "nats:127.0.0.1:4223");
	refuse(s, "dest: the credentials in -destPasswordFile ");
	change_dest(s, "null");
	set(s, "dest", "valkey:127.0.0.1:6379");
	refuse(s, "dest: the credentials in -destPasswordFile ");
	set(s, "destPasswordFile", "");
	set(s, "natsCredentialsFile", "/etc/nats.creds");
	set(s, "dest", "nats:127.0.0.1:4222");
	refuse(s, "dest: the credentials in -natsCredentialsFile ");
	set(s, "dest", "nats:127.0.0.1:4222");
	set(s, "destTls", "true");
	change_dest(s, "nats:127.0.0.1:4222");
	s->m->dest_tls = false;
	refuse(s, "dest_tls: without TLS the credentials in -natsCredentialsFile ");
	set(s, "natsCredentialsFile", "");
	set(s, "dest", "nats:127.0.0.1:4222");
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), 0);

	set(s, "dest", "http://user:sesame@127.0.0.1:80/");
	change_dest(s, "http://user:@127.0.0.1:81/");
	assert_int_equal(config_from_message(s->c, s->m, s->error, sizeof(s->error)), 0);
	assert_string_equal(s->c->dest, "http://user:@127.0.0.1:81/");
}

/* A new method needs a decision about its access: reading for observation, else administrators only. */
static void methods_say_what_they_need(void **state)
{
	static const char *const reading[] = {"FlatRecords", "Get", "Check", "Watch", "ServerReflectionInfo"};
	const struct grpc_method *const tables[] = {record_methods, config_methods, health_methods,
						    reflection_methods};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct grpc_method *m = tables[i]; m->name; m++) {
			enum access expected = ACCESS_ADMIN;
			for (size_t j = 0; j < ARRAY_SIZE(reading); j++)
				expected = strcmp(m->name, reading[j]) == 0 ? ACCESS_READ : expected;
			if (m->needs != expected)
				fail_msg("%s needs %d, not %d", m->name, m->needs, expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timeouts_are_read),
	    cmocka_unit_test(timeouts_are_written_fine_and_never_short),
	    cmocka_unit_test(messages_are_percent_encoded),
	    cmocka_unit_test(content_types_are_told_apart),
	    cmocka_unit_test(gzip_is_read_and_written),
	    cmocka_unit_test(a_gzip_bomb_is_not_unpacked),
	    cmocka_unit_test(encodings_are_listed),
	    cmocka_unit_test(prefixes_and_names),
	    cmocka_unit_test(wire_reader_stops_at_damage),
	    cmocka_unit_test_setup_teardown(configuration_round_trips, configs_make, configs_free),
	    cmocka_unit_test_setup_teardown(every_option_with_a_field_is_got_and_set, configs_make,
					    configs_free),
	    cmocka_unit_test_setup_teardown(a_field_with_presence_that_is_absent_changes_nothing,
					    configs_make, configs_free),
	    cmocka_unit_test(every_field_of_an_option_exists),
	    cmocka_unit_test_setup_teardown(refusals_name_the_field, configs_make, configs_free),
	    cmocka_unit_test(methods_say_what_they_need),
	    cmocka_unit_test_setup_teardown(credentials_stay, configs_make, configs_free),
	    cmocka_unit_test_setup_teardown(readers_see_no_paths, configs_make, configs_free),
	    cmocka_unit_test_setup_teardown(credentials_do_not_follow, configs_make, configs_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
