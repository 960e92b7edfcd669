/* SPDX-License-Identifier: MIT */
#include "tools/kafka_tool.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

/* Most messages that wait for the broker: enough to keep it busy; beyond it producing blocks. */
#define QUEUE_MESSAGES	  "10000"
#define QUEUE_KBYTES	  "65536"
/* Above the broker's own limit for one message, so that the broker refuses it. */
#define MESSAGE_MAX_BYTES "16777216"
#define POLL_MS		  100

struct kafka_producer {
	rd_kafka_t *client;
	rd_kafka_topic_t *topic;
	struct kafka_ledger ledger;
};

struct setting {
	const char *name, *value;
};

/* Create the configuration from rows up to one without a name. NULL with a sentence on stderr. */
static rd_kafka_conf_t *configure(const struct setting *settings)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];

	for (; settings->name; settings++)
		if (rd_kafka_conf_set(conf, settings->name, settings->value, error, sizeof(error)) !=
		    RD_KAFKA_CONF_OK) {
			fprintf(stderr, "kafka: %s\n", error);
			rd_kafka_conf_destroy(conf);
			return NULL;
		}
	return conf;
}

/* Run within rd_kafka_poll(), on the caller's thread. */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_producer *p = opaque;
	uintptr_t records = (uintptr_t)m->_private;

	if (!m->err) {
		p->ledger.acknowledged += records;
	} else {
		if (!p->ledger.failed)
			fprintf(stderr, "kafka: a message was not delivered: %s\n", rd_kafka_err2str(m->err));
		p->ledger.failed += records;
	}
}

struct kafka_producer *kafka_producer_new(const char *brokers, const char *topic)
{
	const struct setting settings[] = {
	    {"bootstrap.servers", brokers},
	    {"enable.idempotence", "true"},
	    {"compression.codec", "lz4"},
	    {"linger.ms", "5"},
	    {"message.max.bytes", MESSAGE_MAX_BYTES},
	    {"queue.buffering.max.messages", QUEUE_MESSAGES},
	    {"queue.buffering.max.kbytes", QUEUE_KBYTES},
	    {NULL, NULL},
	};
	rd_kafka_conf_t *conf = configure(settings);
	struct kafka_producer *p = calloc(1, sizeof(*p));
	char error[256];

	if (!conf || !p)
		goto fail;
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_opaque(conf, p);
	p->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!p->client) {
		fprintf(stderr, "kafka: %s\n", error);
		goto fail;
	}
	p->topic = rd_kafka_topic_new(p->client, topic, NULL);
	return p;
fail:
	if (conf)
		rd_kafka_conf_destroy(conf);
	free(p);
	return NULL;
}

int kafka_produce(struct kafka_producer *p, const void *data, size_t len, uint32_t records)
{
	while (rd_kafka_produce(p->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)data, len, NULL,
				0, (void *)(uintptr_t)records)) {
		rd_kafka_resp_err_t why = rd_kafka_last_error();
		if (why != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			fprintf(stderr, "kafka: %s\n", rd_kafka_err2str(why));
			return -EIO;
		}
		rd_kafka_poll(p->client, POLL_MS);
	}
	p->ledger.produced += records;
	rd_kafka_poll(p->client, 0);
	return 0;
}

void kafka_producer_flush(struct kafka_producer *p, int timeout_ms)
{
	rd_kafka_flush(p->client, timeout_ms);
}

struct kafka_ledger kafka_producer_ledger(const struct kafka_producer *p)
{
	return p->ledger;
}

void kafka_producer_free(struct kafka_producer *p)
{
	if (!p)
		return;
	rd_kafka_topic_destroy(p->topic);
	rd_kafka_destroy(p->client);
	free(p);
}

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = 1;
}

/* The library's own lines repeat what on_error() says. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
}

/* Run within rd_kafka_consumer_poll(). Errors come again with every attempt: each kind is told once. */
static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
	static bool told_down, told_other;
	bool down = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
		    code == RD_KAFKA_RESP_ERR__RESOLVE;
	bool *told = down ? &told_down : &told_other;

	if (!*told)
		fprintf(stderr, "kafka: %s%s\n", reason, down ? "; trying again, -idle gives up" : "");
	*told = true;
}

/* Store a new consumer. Return 0, or exit status 1 with a sentence on stderr. */
static int subscribe(const struct kafka_consume *c, rd_kafka_t **client)
{
	char group[64], error[256];
	snprintf(group, sizeof(group), "xtcp2-tool-%d-%lld", (int)getpid(), (long long)clock_real_ns());
	const struct setting settings[] = {
	    {"bootstrap.servers", c->brokers},
	    {"group.id", *c->group ? c->group : group},
	    {"auto.offset.reset", c->offset},
	    {"allow.auto.create.topics", "true"},
	    {"fetch.message.max.bytes", MESSAGE_MAX_BYTES},
	    {"enable.partition.eof", "false"},
	    {NULL, NULL},
	};
	rd_kafka_conf_t *conf = configure(settings);

	if (!conf)
		return EXIT_FAILURE;
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	*client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!*client) {
		fprintf(stderr, "kafka: %s\n", error);
		rd_kafka_conf_destroy(conf);
		return EXIT_FAILURE;
	}
	rd_kafka_poll_set_consumer(*client);
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t why = rd_kafka_subscribe(*client, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (why)
		fprintf(stderr, "kafka: topic %s: %s\n", c->topic, rd_kafka_err2str(why));
	return why ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* 0 to go on. */
static int take_message(const struct kafka_consume *c, const rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	const struct kafka_message out = {
	    .data = m->payload,
	    .len = m->len,
	    .partition = m->partition,
	    .offset = m->offset,
	    .timestamp_ms = rd_kafka_message_timestamp(m, &type),
	};

	return c->fn(c->arg, &out);
}

int kafka_consume(const struct kafka_consume *c)
{
	rd_kafka_t *client = NULL;
	int r = subscribe(c, &client);
	uint64_t seen = 0;
	int64_t last = clock_mono_ns();

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	while (!r && !stopped && (!c->count || seen < c->count)) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(client, POLL_MS);
		if (m && !m->err) {
			r = take_message(c, m);
			seen++;
			last = clock_mono_ns();
		} else if (m) {
			fprintf(stderr, "kafka: %s\n", rd_kafka_message_errstr(m));
		} else if (c->idle_ns && clock_mono_ns() - last > c->idle_ns) {
			break;
		}
		if (m)
			rd_kafka_message_destroy(m);
	}
	if (client) {
		rd_kafka_consumer_close(client);
		rd_kafka_destroy(client);
	}
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
