/* SPDX-License-Identifier: MIT */
/* The Kafka destination against librdkafka's mock cluster:
 * real TCP, scripted broker errors, a real consumer. */
#include "dest_fixture.h"

#include <signal.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Kafka protocol numbers of requests that the tests script. */
#define API_PRODUCE  0
#define PRODUCE_ZSTD 7 /* the first version of Produce that knows zstd */

/* One broker for all tests, as ending a mock cluster takes a second. Each test has its own topic. */
struct cluster {
	rd_kafka_t *handle; /* owns the mock cluster */
	rd_kafka_mock_cluster_t *mock;
	char spec[128];
	char topic[32];
	unsigned int tests;
};

static int group_setup(void **state)
{
	struct cluster *c = calloc(1, sizeof(*c));

	c->handle = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
	c->mock = rd_kafka_mock_cluster_new(c->handle, 1);
	snprintf(c->spec, sizeof(c->spec), "kafka:%s", rd_kafka_mock_cluster_bootstraps(c->mock));
	*state = c;
	return 0;
}

static int group_teardown(void **state)
{
	struct cluster *c = *state;

	rd_kafka_mock_cluster_destroy(c->mock);
	rd_kafka_destroy(c->handle);
	free(c);
	return 0;
}

/* Undo the changes of the previous test to the broker. */
static int setup(void **state)
{
	struct cluster *c = *state;

	stats_reset();
	snprintf(c->topic, sizeof(c->topic), "test-%u", c->tests++);
	rd_kafka_mock_topic_create(c->mock, c->topic, 1, 1);
	rd_kafka_mock_broker_set_up(c->mock, 1);
	rd_kafka_mock_clear_request_errors(c->mock, API_PRODUCE);
	rd_kafka_mock_set_apiversion(c->mock, API_PRODUCE, 0, PRODUCE_ZSTD);
	return 0;
}

/* Read the topic from its beginning and count each number, until `whole` different ones were read; with
 * size 0 the messages are rows of submit_rows(), of row_size bytes. */
static void consume_sized(struct cluster *c, unsigned int *seen, unsigned int whole, size_t size,
			  size_t row_size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	unsigned int found = 0;
	int64_t give_up = clock_mono_ns() + PATIENCE_NS;

	rd_kafka_conf_set(conf, "bootstrap.servers", c->spec + strlen("kafka:"), NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "test", NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	rd_kafka_poll_set_consumer(rk);
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(parts, c->topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, parts);
	rd_kafka_topic_partition_list_destroy(parts);
	while (found < whole && clock_mono_ns() < give_up) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
		if (m && !m->err) {
			if (size == 0) {
				found += mark_rows(m->payload, m->len, row_size, seen);
			} else {
				assert_int_equal(m->len, size);
				unsigned int n = strtoul(m->payload, NULL, 10);
				found += seen[n]++ == 0;
			}
		}
		if (m)
			rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	assert_int_equal(found, whole);
}

static void consume(struct cluster *c, unsigned int *seen, unsigned int whole, size_t size)
{
	consume_sized(c, seen, whole, size, 0);
}

static void a_bad_spec_gets_a_sentence(void **state)
{
	static const struct bad_spec bad[] = {
	    {"kafka:", {.topic = "t"}, "has no port; expected kafka:HOST:PORT"},
	    {"kafka:a:9092,b", {.topic = "t"}, "has no port"},
	    {"kafka:a:9092,", {.topic = "t"}, "has no port"},
	    {"kafka:a:9092", {.topic = ""}, "has no -topic"},
	    {"kafka:a:9092",
	     {.topic = "t", .kafka_compression = "brotli"},
	     "(valid: auto, zstd, lz4, snappy, none)"},
	    {"kafka:a:9092", {.topic = "t", .kafka_config = "linger.ms"}, "setting 1 has no ="},
	    {"kafka:a:9092",
	     {.topic = "t", .kafka_config = "linger.ms=5;no.such=1"},
	     "no property for setting 2"},
	    {"kafka:a:9092", {.topic = "t", .kafka_config = "linger.ms=5;acks=often"}, "acks"},
	};
	assert_refused(bad, ARRAY_SIZE(bad));
}

static void messages_are_envelopes(void **state)
{
	struct cluster *c = *state;
	unsigned int seen[100] = {0};
	struct dest *d = dest_of(
	    c->spec, &(struct dest_config){.topic = c->topic, .kafka_config = "linger.ms=1; client.id=t"});

	assert_true(dest_max_envelope(d) > 900000 && dest_max_envelope(d) < 1000000);
	for (int i = 0; i < 100; i++)
		submit(d, i, 1000, 3);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 300);
	assert_true(dest_healthy(d));
	assert_int_equal(stat_get(STAT_KAFKA_ACKED_RECORDS), 300);
	assert_int_equal(stat_get(STAT_KAFKA_ACKED_BYTES), 100000);
	wait_for(stat_get(STAT_KAFKA_IN_FLIGHT_BYTES) == 0);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(300, 0, 0, 0);
	dest_free(d);
	consume(c, seen, 100, 1000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
}

static void statistics_become_gauges(void **state)
{
	struct cluster *c = *state;
	struct dest *d = dest_of(
	    c->spec, &(struct dest_config){.topic = c->topic, .kafka_config = "statistics.interval.ms=50"});

	/* Up before the first send: /readyz does not wait for the first poll. */
	wait_for(dest_healthy(d));
	wait_for(stat_get(STAT_KAFKA_BROKERS_UP) >= 1);
	submit(d, 1, 1000, 1);
	wait_for(stat_get(STAT_KAFKA_RTT_US) > 0);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_int_equal(stat_get(STAT_KAFKA_BROKERS_UP), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

static void a_broker_that_goes_and_comes_back_loses_nothing(void **state)
{
	struct cluster *c = *state;
	unsigned int seen[60] = {0};
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});

	for (int i = 0; i < 20; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 20);
	rd_kafka_mock_broker_set_down(c->mock, 1);
	wait_for(!dest_healthy(d));
	for (int i = 20; i < 60; i++)
		submit(d, i, 1000, 1);
	assert_int_equal(stat_get(STAT_DEST_SENT_RECORDS), 20);
	rd_kafka_mock_broker_set_up(c->mock, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 60);
	assert_true(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(60, 0, 0, 0);
	dest_free(d);
	consume(c, seen, 60, 1000);
	for (int i = 0; i < 60; i++)
		assert_int_equal(seen[i], 1);
}

static void the_bound_holds_without_a_broker(void **state)
{
	enum { COUNT = 200, SIZE = 100000, BOUND = 5000000 };
	struct cluster *c = *state;
	unsigned int seen[COUNT] = {0};

	rd_kafka_mock_broker_set_down(c->mock, 1);
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic, .queue_bytes = BOUND});
	for (int i = 0; i < COUNT; i++) {
		submit(d, i, SIZE, 1);
		assert_true(stat_get(STAT_DEST_QUEUE_BYTES) <= BOUND);
	}
	uint64_t dropped = stat_get(STAT_RECORDS_QUEUE_FULL);
	assert_int_equal(dropped, COUNT - BOUND / SIZE);
	rd_kafka_mock_broker_set_up(c->mock, 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(COUNT - dropped, dropped, 0, 0);
	dest_free(d);
	consume(c, seen, COUNT - dropped, SIZE);
	assert_int_equal(seen[COUNT - 1], 1);
}

static void the_deadline_holds_without_a_broker(void **state)
{
	struct cluster *c = *state;

	rd_kafka_mock_broker_set_down(c->mock, 1);
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});
	for (int i = 0; i < 10; i++)
		submit(d, i, 1000, 2);
	wait_for(stat_get(STAT_KAFKA_IN_FLIGHT_RECORDS) == 20);
	int64_t begin = clock_mono_ns();
	assert_int_equal(dest_stop(d, seconds_from_now(0.2)), 10);
	assert_true(clock_mono_ns() - begin < 3 * NS_PER_SEC);
	assert_ledger(0, 0, 0, 20);
	assert_int_equal(stat_get(STAT_KAFKA_IN_FLIGHT_RECORDS), 0);
	dest_free(d);
}

static void errors_of_the_broker_are_tried_again(void **state)
{
	struct cluster *c = *state;
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});

	/* The first is retried inside librdkafka, the second is its delivery report. */
	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	submit(d, 0, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1);
	assert_int_equal(stat_get(STAT_KAFKA_FAILED_RECORDS), 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

/* A fatal error of an idempotent producer: a new producer replaces it. */
static void a_fatal_error_makes_a_new_producer(void **state)
{
	struct cluster *c = *state;
	unsigned int seen[20] = {0};
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});

	for (int i = 0; i < 10; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 10);
	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	for (int i = 10; i < 20; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 20);
	assert_true(stat_get(STAT_DEST_CONNECTS) >= 2);
	assert_true(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(20, 0, 0, 0);
	dest_free(d);
	consume(c, seen, 20, 1000);
}

static void a_message_too_large_is_lost_and_counted(void **state)
{
	struct cluster *c = *state;
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});

	submit(d, 0, 1100000, 4); /* librdkafka's own limit */
	wait_for(stat_get(STAT_RECORDS_SEND_FAILED) == 4);
	/* The first refusal may be about the whole batch. */
	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	submit(d, 1, 1000, 2);
	wait_for(stat_get(STAT_RECORDS_SEND_FAILED) == 6);
	submit(d, 2, 1000, 1);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 6, 0);
	dest_free(d);
}

/* A batch is refused as a whole: none of its envelopes is too large by itself. */
static void a_batch_too_large_is_sent_one_by_one(void **state)
{
	struct cluster *c = *state;
	unsigned int seen[10] = {0};
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});

	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	for (int i = 0; i < 10; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 10);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(10, 0, 0, 0);
	dest_free(d);
	consume(c, seen, 10, 1000);
}

/* message.max.bytes of the broker: cut between rows until it fits, and the next envelopes are smaller. */
static void an_envelope_too_large_is_split(void **state)
{
	enum { ROWS = 100, SIZE = 1000, TOO_LARGE = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE };
	struct cluster *c = *state;
	unsigned int seen[2 * ROWS] = {0};
	struct dest *d =
	    dest_of(c->spec, &(struct dest_config){.topic = c->topic, .encoder = encoder_find("jsonl")});

	assert_true(dest_splits(d));
	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 3, TOO_LARGE, TOO_LARGE, TOO_LARGE);
	submit_rows(d, 0, ROWS, SIZE);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == ROWS);
	assert_true(dest_max_envelope(d) <= ROWS * SIZE / 2);
	/* Made before the limit was known. */
	submit_rows(d, ROWS, ROWS, SIZE);
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(2 * ROWS, 0, 0, 0);
	assert_int_equal(stat_get(STAT_DEST_QUEUE_BYTES), 0);
	dest_free(d);
	consume_sized(c, seen, 2 * ROWS, 0, SIZE);
	for (int i = 0; i < 2 * ROWS; i++)
		assert_int_equal(seen[i], 1);
}

/* A broker that answers everything but confirms nothing is not up, and the reason is there. */
static void a_broker_that_confirms_nothing_is_not_up(void **state)
{
	struct cluster *c = *state;
	char reason[DEST_REASON_MAX];
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic,
								.send_timeout_ns = 200 * NS_PER_MS,
								.kafka_config = "statistics.interval.ms=20"});

	wait_for(dest_healthy(d));
	for (int i = 0; i < 1000; i++)
		rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 1,
						  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	submit(d, 0, 1000, 1);
	wait_for(!dest_healthy(d));
	assert_true(dest_failing(d));
	dest_reason(d, reason);
	if (!strstr(reason, "nothing is confirmed within -produceTimeout") ||
	    !strstr(reason, "min.insync.replicas"))
		fail_msg("%s", reason);
	/* The broker's connection, of which the statistics tell, is no confirmation. */
	assert_int_equal(stat_get(STAT_KAFKA_BROKERS_UP), 1);
	assert_false(dest_healthy(d));
	rd_kafka_mock_clear_request_errors(c->mock, API_PRODUCE);
	wait_for(dest_healthy(d));
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_false(dest_failing(d));
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

static void auto_compression_steps_down_on_an_error(void **state)
{
	struct cluster *c = *state;
	struct dest *d =
	    dest_of(c->spec, &(struct dest_config){.topic = c->topic, .kafka_compression = "auto"});

	rd_kafka_mock_push_request_errors(c->mock, API_PRODUCE, 2,
					  RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
					  RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE);
	submit(d, 0, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 1);
	assert_int_equal(stat_get(STAT_KAFKA_CODEC), 2); /* snappy */
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(1, 0, 0, 0);
	dest_free(d);
}

static void auto_compression_steps_down_for_an_old_broker(void **state)
{
	struct cluster *c = *state;

	rd_kafka_mock_set_apiversion(c->mock, API_PRODUCE, 0, PRODUCE_ZSTD - 1);
	struct dest *d = dest_of(c->spec, &(struct dest_config){.topic = c->topic});
	for (int i = 0; i < 5; i++)
		submit(d, i, 1000, 1);
	wait_for(stat_get(STAT_DEST_SENT_RECORDS) == 5);
	wait_for(stat_get(STAT_KAFKA_CODEC) == 1); /* lz4 */
	assert_int_equal(dest_stop(d, seconds_from_now(30)), 0);
	assert_ledger(5, 0, 0, 0);
	dest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_bad_spec_gets_a_sentence, setup),
	    cmocka_unit_test_setup(messages_are_envelopes, setup),
	    cmocka_unit_test_setup(statistics_become_gauges, setup),
	    cmocka_unit_test_setup(a_broker_that_goes_and_comes_back_loses_nothing, setup),
	    cmocka_unit_test_setup(the_bound_holds_without_a_broker, setup),
	    cmocka_unit_test_setup(the_deadline_holds_without_a_broker, setup),
	    cmocka_unit_test_setup(errors_of_the_broker_are_tried_again, setup),
	    cmocka_unit_test_setup(a_fatal_error_makes_a_new_producer, setup),
	    cmocka_unit_test_setup(a_message_too_large_is_lost_and_counted, setup),
	    cmocka_unit_test_setup(a_batch_too_large_is_sent_one_by_one, setup),
	    cmocka_unit_test_setup(an_envelope_too_large_is_split, setup),
	    cmocka_unit_test_setup(a_broker_that_confirms_nothing_is_not_up, setup),
	    cmocka_unit_test_setup(auto_compression_steps_down_on_an_error, setup),
	    cmocka_unit_test_setup(auto_compression_steps_down_for_an_old_broker, setup),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("dest_kafka", tests, group_setup, group_teardown);
}
