/* SPDX-License-Identifier: MIT */
/* The NATS destination without a server: addresses, options, and JetStream's answers. tests/bats/nats.bats has a server. */
#include "dest_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "dest/nats_ack.h"

static void a_bad_spec_gets_a_sentence(void **state)
{
	static const struct bad_spec bad[] = {
	    {"nats:", {.topic = "t"}, "has no port; expected nats:HOST:PORT"},
	    {"nats:a:4222,b", {.topic = "t"}, "has no port"},
	    {"nats:a:4222,", {.topic = "t"}, "has no port"},
	    {"nats:user@a:4222", {.topic = "t"}, "-destUser and -destPasswordFile"},
	    {"nats:a:4222", {0}, "needs a subject in -topic"},
	    {"nats:a:4222", {.topic = ""}, "needs a subject in -topic"},
	    {"nats:a:4222", {.topic = "a.*"}, "without * and >"},
	    {"nats:a:4222", {.topic = "a..b"}, "words with dots between"},
	    {"nats:a:4222", {.topic = "a b"}, "needs a subject"},
	    {"nats:a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17",
	     {.topic = "t"},
	     "has more than 16 servers"},
	    {"nats:a:4222",
	     {.topic = "t", .dest_password_file = "/nonexistent"},
	     "cannot use -destPasswordFile /nonexistent"},
	    {"nats:a:4222",
	     {.topic = "t", .nats_credentials_file = "/nonexistent"},
	     "cannot use -natsCredentialsFile /nonexistent"},
	    {"nats:a:4222", {.topic = "t", .tls_ca = "/nonexistent"}, "cannot use -tlsCa /nonexistent"},
	};
	assert_refused(bad, ARRAY_SIZE(bad));
}

static void good_specs_start_nothing(void **state)
{
	static const char *const good[] = {"nats:a:4222", "nats:127.0.0.1:4222, [::1]:4222"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char error[512] = "";
		struct dest *d =
		    dest_new(good[i], &(struct dest_config){.topic = "a.b-c.$d"}, error, sizeof(error));
		if (!d)
			fail_msg("%s", error);
		assert_true(dest_splits(d));
		dest_free(d);
	}
}

/* A password that others can read, one without a line, and a good one. */
static void the_password_is_the_first_line(void **state)
{
	char path[] = "/tmp/xtcp2-nats-XXXXXX", error[512] = "";
	int fd = mkstemp(path);
	struct dest_config config = {.topic = "t", .dest_password_file = path};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\nsecret\n", 8), 8);
	assert_null(dest_new("nats:a:4222", &config, error, sizeof(error)));
	assert_non_null(strstr(error, "its first line must have 1 to"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "secret\r\n", 8, 0), 8);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_null(dest_new("nats:a:4222", &config, error, sizeof(error)));
	assert_non_null(strstr(error, "make it 0600 or 0640"));
	assert_int_equal(fchmod(fd, 0600), 0);
	struct dest *d = dest_new("nats:a:4222", &config, error, sizeof(error));
	assert_non_null(d);
	dest_free(d);
	config.nats_credentials_file = path;
	assert_null(dest_new("nats:a:4222", &config, error, sizeof(error)));
	assert_non_null(strstr(error, "not both"));
	close(fd);
	unlink(path);
}

static void answers_of_jetstream(void **state)
{
	static const struct {
		const char *json;
		enum nats_answer answer;
		const char *text;
	} cases[] = {
	    {"{\"stream\":\"S\",\"seq\":7}", NATS_ACK_STORED, "S"},
	    {"{\"stream\":\"S\",\"seq\":7,\"duplicate\":true,\"domain\":\"d\"}", NATS_ACK_STORED, "S"},
	    {"{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum bytes exceeded\"},"
	     "\"stream\":\"S\",\"seq\":0}",
	     NATS_ACK_FULL, "maximum bytes exceeded"},
	    {"{\"error\":{\"code\":400,\"err_code\":10054,\"description\":\"message size exceeds\"},"
	     "\"stream\":\"S\",\"seq\":0}",
	     NATS_ACK_TOO_LARGE, "message size exceeds"},
	    {"{\"error\":{\"code\":503,\"err_code\":10023,\"description\":\"insufficient\\nresources\"}}",
	     NATS_ACK_REFUSED, "insufficient?resources"},
	    {"{\"error\":{}}", NATS_ACK_REFUSED, "no reason given"},
	    {"{\"stream\":\"S\",\"seq\":0}", NATS_ACK_STRANGE, ""},
	    {"{\"stream\":7,\"seq\":1}", NATS_ACK_STRANGE, ""},
	    {"{\"seq\":1}", NATS_ACK_STRANGE, ""},
	    {"{\"stream\":\"S\",\"seq\":7", NATS_ACK_STRANGE, ""},
	    {"[1]", NATS_ACK_STRANGE, ""},
	    {"+OK", NATS_ACK_STRANGE, ""},
	    {"", NATS_ACK_STRANGE, ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nats_ack ack = {0};
		nats_ack_read(cases[i].json, strlen(cases[i].json), &ack);
		if (ack.answer != cases[i].answer || strcmp(ack.text, cases[i].text) != 0)
			fail_msg("%s: %d \"%s\"", cases[i].json, ack.answer, ack.text);
	}
	struct nats_ack ack = {0};
	nats_ack_read(NULL, 0, &ack);
	assert_int_equal(ack.answer, NATS_ACK_STRANGE);
}

static void what_becomes_of_a_message(void **state)
{
	static const struct {
		enum nats_answer answer;
		enum dest_result result;
		const char *why;
	} cases[] = {
	    {NATS_ACK_STORED, DEST_SENT, ""},
	    {NATS_ACK_NO_RESPONDERS, DEST_RETRY, "no stream takes subject a.b: create one"},
	    {NATS_ACK_TOO_LARGE, DEST_SPLIT, "raise its max_msg_size"},
	    {NATS_ACK_FULL, DEST_RETRY, "is full (words): raise its limit"},
	    {NATS_ACK_REFUSED, DEST_RETRY, "refuses a message: words"},
	    {NATS_ACK_STRANGE, DEST_RETRY, "something else than a stream"},
	};
	const struct dest_config config = {.topic = "a.b"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dest_io io = {.config = &config};
		struct nats_ack ack = {.answer = cases[i].answer, .text = "words"};
		assert_int_equal(nats_ack_result(&io, &ack), cases[i].result);
		if (!strstr(io.why, cases[i].why))
			fail_msg("\"%s\" does not say \"%s\"", io.why, cases[i].why);
	}
}

static void names_of_streams(void **state)
{
	static const struct {
		const char *json;
		int count;
		const char *text;
	} cases[] = {
	    {"{\"total\":1,\"streams\":[\"S\"]}", 1, ""},
	    {"{\"total\":0,\"streams\":null}", 0, ""},
	    {"{\"total\":0,\"streams\":[]}", 0, ""},
	    {"{\"error\":{\"code\":503,\"description\":\"JetStream not enabled for account\"}}", -1,
	     "JetStream not enabled for account"},
	    {"{}", -1, "no reason given"},
	    {"hm", -1, "the answer is not JSON"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[NATS_ACK_TEXT_MAX] = "";
		assert_int_equal(nats_names_read(cases[i].json, strlen(cases[i].json), text), cases[i].count);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_spec_gets_a_sentence),     cmocka_unit_test(good_specs_start_nothing),
	    cmocka_unit_test(the_password_is_the_first_line), cmocka_unit_test(answers_of_jetstream),
	    cmocka_unit_test(what_becomes_of_a_message),      cmocka_unit_test(names_of_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
