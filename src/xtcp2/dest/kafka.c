/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * kafka:HOST:PORT[,HOST:PORT...] on librdkafka, one message per envelope, with an
 * idempotent producer. An envelope belongs to librdkafka (DEST_TAKEN, not
 * copied) until its delivery report, which arrives on the sending thread: the
 * library writes the wake-up eventfd when it has a report. Envelopes that it
 * holds count within -destQueueBytes; it gets at most half of that, so that the
 * core can still drop the other half when no broker answers.
 *
 * librdkafka itself reconnects to brokers, under another address too, and
 * retries forever (message.timeout.ms 0). An envelope that it still reports as
 * failed, because of an unknown topic for example, goes back to the head of the
 * queue, and a new producer takes it after the back-off: a batch whose
 * acknowledgement was lost may then be on the topic twice.
 *
 * The broker refuses batches that are too large (message.max.bytes), in which
 * several envelopes may be. After the first refusal each envelope is a batch, and
 * after the second the core cuts the refused envelope in two.
 *
 * -kafkaCompression auto begins with zstd and steps down the list when a broker
 * does not support it, which shows as an error in the delivery report or as
 * librdkafka's log line that it sends uncompressed because the broker is too old.
 */
#include "dest/kafka.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "dest/address.h"
#include "dest/kafka_config.h"

#define SUBSYSTEM "kafka"

/* Longest wait for delivery reports that are still in transit between threads after rd_kafka_purge(). */
#define PURGE_MS	  1000
/* Longest run of rd_kafka_destroy(), which wakes by itself after a second. */
#define DESTROY_MS	  1200
/* Room for headers within message.max.bytes. */
#define MESSAGE_OVERHEAD  1024
/* Smallest queue of librdkafka: two envelopes of the largest size. */
#define BUFFER_KBYTES_MIN 2048
/* Interval between two log lines of librdkafka of the same text that are passed on. */
#define LIBRARY_LOG_NS	  (60 * NS_PER_SEC)

/* In the order that "auto" tries; the gauge KAFKA_CODEC is an index into it. */
static const char *const codecs[] = {"zstd", "lz4", "snappy", "none", NULL};

static int set(struct dest_io *io, rd_kafka_conf_t *conf, const char *key, const char *value)
{
	char why[DEST_WHY_MAX / 2];

	if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	dest_why(io, 0, "has a bad setting %s: %s", key, why);
	return -EINVAL;
}

static int check_brokers(struct dest_io *io, const char *brokers)
{
	_cleanup_free_ char *copy = strdup(brokers);
	char *rest = copy;

	if (!copy)
		return -ENOMEM;
	while (rest) {
		struct host_port hp;
		char *broker = strsep(&rest, ",");
		broker += strspn(broker, " ");
		broker[strcspn(broker, " ")] = '\0';
		int r = host_port_parse(io, broker, &hp);
		if (r < 0)
			return r;
	}
	return 0;
}

static int choose_codec(struct dest_io *io, const char *name)
{
	struct kafka_dest *k = (struct kafka_dest *)io;

	k->auto_codec = !name || !name[0] || strcmp(name, "auto") == 0;
	if (k->auto_codec)
		return 0;
	for (k->codec = 0; codecs[k->codec]; k->codec++)
		if (strcmp(name, codecs[k->codec]) == 0)
			return 0;
	dest_why(io, 0, "has an unknown -kafkaCompression %s (valid: auto, zstd, lz4, snappy, none)", name);
	return -EINVAL;
}

/* Step to the next codec after a broker's error or a log line. */
static void step_down(struct kafka_dest *k)
{
	if (!k->auto_codec || !codecs[k->codec + 1])
		return;
	log_notice(SUBSYSTEM, "%s: the broker does not support %s, trying %s", dest_name(&k->io),
		   codecs[k->codec], codecs[k->codec + 1]);
	k->codec++;
}

static enum dest_result outcome(struct kafka_dest *k, rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return DEST_SENT;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		return DEST_SPLIT;
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
		__atomic_store_n(&k->refused_codec, true, __ATOMIC_RELAXED);
		return DEST_RETRY;
	default:
		return DEST_RETRY;
	}
}

/* Set the reason of a failed delivery, with the setting to change where one is known. */
static void why_failed(struct kafka_dest *k, rd_kafka_resp_err_t err)
{
	const char *hint = "";

	switch (err) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		hint = "; raise the broker's message.max.bytes (the topic's max.message.bytes), or lower "
		       "-envelopeFlushBytes";
		break;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		hint = "; create the topic, set the broker's auto.create.topics.enable, or name another with "
		       "-topic";
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		hint = "; let the user of sasl.username (-kafkaConfig) write the topic";
		break;
	default:
		break;
	}
	dest_why(&k->io, 0, "delivery to topic %.64s failed: %s%s", k->io.config->topic,
		 rd_kafka_err2str(err), hint);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_dest *k = opaque;
	struct envelope *e = m->_private;
	enum dest_result result = outcome(k, m->err);

	k->in_flight_records -= e->rows;
	k->in_flight_bytes -= e->body.len;
	if (result == DEST_SENT) {
		stat_add(STAT_KAFKA_ACKED_RECORDS, e->rows);
		stat_add(STAT_KAFKA_ACKED_BYTES, e->body.len);
	} else if (!k->purging) {
		stat_add(STAT_KAFKA_FAILED_RECORDS, e->rows);
		stat_add(STAT_KAFKA_FAILED_BYTES, e->body.len);
		why_failed(k, m->err);
		/* The whole batch was refused, small envelopes in it as well. */
		if (result == DEST_SPLIT && !k->sends_alone) {
			k->alone = true;
			result = DEST_RETRY;
		}
		if (result != DEST_SPLIT)
			k->failed = true;
	}
	dest_complete(&k->io, e, result);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct kafka_dest *k = opaque;

	stat_add(STAT_DEST_ERRORS, 1);
	kafka_explain_error(&k->io, err, reason);
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		k->failed = true;
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		dest_down(&k->io);
}

/* Return the length of a line of librdkafka's without the time and count at its end, which always differ. */
static size_t text_length(const char *text)
{
	const char *tail = strstr(text, " (after ");

	return tail ? (size_t)(tail - text) : strlen(text);
}

/* On librdkafka's own threads. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct kafka_dest *k = rd_kafka_opaque(rk);
	uint64_t suppressed;

	if (strstr(text, "does not support compression type"))
		__atomic_store_n(&k->refused_codec, true, __ATOMIC_RELAXED);
	if (level > LOG_LEVEL_WARN || kafka_explains(text))
		log_debug(SUBSYSTEM, "%s: %s", facility, text);
	else if (log_repeat_pass(&k->log_limit, LIBRARY_LOG_NS, text, text_length(text), &suppressed))
		log_notice(SUBSYSTEM, "%s: %s", facility, text);
}

static int configure(struct dest_io *io, rd_kafka_conf_t *conf, const char *brokers)
{
	char buffer_kbytes[24];
	size_t kbytes = io->config->queue_bytes / 2 / 1024;

	if (kbytes < BUFFER_KBYTES_MIN)
		kbytes = BUFFER_KBYTES_MIN;
	if (kbytes > INT32_MAX)
		kbytes = INT32_MAX;
	snprintf(buffer_kbytes, sizeof(buffer_kbytes), "%zu", kbytes);
	const char *const settings[][2] = {
	    {"bootstrap.servers", brokers},
	    {"client.id", "xtcp2"},
	    {"enable.idempotence", "true"},
	    {"message.timeout.ms", "0"},
	    /* An envelope is a batch already; librdkafka's broker thread spins in waits below 1 ms. */
	    {"linger.ms", "0"},
	    /* A third less CPU time than zstd's default, level 3, for a sixth more bytes. */
	    {"compression.level", "1"},
	    {"queue.buffering.max.kbytes", buffer_kbytes},
	    {"reconnect.backoff.max.ms", "5000"},
	    {"socket.keepalive.enable", "true"},
	    {"statistics.interval.ms", "2000"},
	    {"log.connection.close", "false"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int r = set(io, conf, settings[i][0], settings[i][1]);
		if (r < 0)
			return r;
	}
	/* In the first day of a machine's uptime only a debug line tells that a broker is too old for a
	 * codec. */
	if (((struct kafka_dest *)io)->auto_codec) {
		int r = set(io, conf, "debug", "msg");
		if (r == 0)
			r = set(io, conf, "log_level", "7");
		if (r < 0)
			return r;
	}
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_stats_cb(conf, kafka_on_stats);
	rd_kafka_conf_set_opaque(conf, io);
	return kafka_config_apply(io, conf);
}

/*
 * librdkafka's threads block all signals. SIGSYS, which a refused system call
 * raises, must not be blocked: the kernel would end the process.
 */
static rd_kafka_resp_err_t on_thread_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name,
					   void *data)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *data, char *error,
				  size_t size)
{
	return rd_kafka_interceptor_add_on_thread_start(rk, "signals", on_thread_start, NULL);
}

static int kafka_parse(struct dest_io *io, const char *address)
{
	struct kafka_dest *k = (struct kafka_dest *)io;
	char max[24] = "";
	size_t size = sizeof(max);

	int r = check_brokers(io, address);
	if (r < 0)
		return r;
	if (!io->config->topic || !io->config->topic[0]) {
		dest_why(io, 0, "has no -topic");
		return -EINVAL;
	}
	r = choose_codec(io, io->config->kafka_compression);
	if (r < 0)
		return r;
	k->conf = rd_kafka_conf_new();
	r = configure(io, k->conf, address);
	if (r < 0)
		return r;
	rd_kafka_conf_get(k->conf, "message.max.bytes", max, &size);
	size_t bytes = strtoul(max, NULL, 10);
	io->max_envelope = bytes > 2 * MESSAGE_OVERHEAD ? bytes - MESSAGE_OVERHEAD : MESSAGE_OVERHEAD;
	return 0;
}

static int kafka_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct kafka_dest *k = (struct kafka_dest *)io;
	char why[DEST_WHY_MAX / 2];
	static const uint64_t one = 1;

	rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
	int r = set(io, conf, "compression.codec", codecs[k->codec]);
	k->sends_alone = k->alone;
	if (r == 0 && k->alone)
		r = set(io, conf, "batch.num.messages", "1");
	/* The copy of the configuration lacks the interceptors. */
	rd_kafka_conf_interceptor_add_on_new(conf, "signals", on_new, NULL);
	if (r == 0 && !(k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why)))) {
		dest_why(io, 0, "cannot make a producer: %s", why);
		r = -EIO;
	}
	if (r < 0) {
		rd_kafka_conf_destroy(conf);
		return r;
	}
	rd_kafka_queue_t *events = rd_kafka_queue_get_main(k->rk);
	rd_kafka_queue_io_event_enable(events, dest_wake_fd(io), &one, sizeof(one));
	rd_kafka_queue_destroy(events);
	__atomic_store_n(&k->refused_codec, false, __ATOMIC_RELAXED);
	stat_set(STAT_KAFKA_CODEC, k->codec);
	k->failed = false;
	return 0;
}

static void show_in_flight(const struct kafka_dest *k)
{
	stat_set(STAT_KAFKA_IN_FLIGHT_RECORDS, k->in_flight_records);
	stat_set(STAT_KAFKA_IN_FLIGHT_BYTES, k->in_flight_bytes);
}

static enum dest_result kafka_service(struct dest_io *io)
{
	struct kafka_dest *k = (struct kafka_dest *)io;

	rd_kafka_poll(k->rk, 0);
	show_in_flight(k);
	if (__atomic_exchange_n(&k->refused_codec, false, __ATOMIC_RELAXED) && k->auto_codec) {
		dest_why(io, 0, "compression %s refused", codecs[k->codec]);
		step_down(k);
		return DEST_RETRY;
	}
	return k->failed ? DEST_RETRY : DEST_SENT;
}

static enum dest_result kafka_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct kafka_dest *k = (struct kafka_dest *)io;

	rd_kafka_resp_err_t err = rd_kafka_producev(
	    k->rk, RD_KAFKA_V_TOPIC(io->config->topic), RD_KAFKA_V_VALUE(e->body.data, e->body.len),
	    RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_OPAQUE(e), RD_KAFKA_V_END);
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		k->in_flight_records += e->rows;
		k->in_flight_bytes += e->body.len;
		show_in_flight(k);
		return DEST_TAKEN;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return DEST_BUSY;
	default:
		why_failed(k, err);
		return outcome(k, err);
	}
}

/* Purge: every envelope returns through on_delivery(), which puts it back into the queue. */
static void kafka_disconnect(struct dest_io *io)
{
	struct kafka_dest *k = (struct kafka_dest *)io;
	int64_t give_up = clock_mono_ns() + PURGE_MS * NS_PER_MS;

	if (!k->rk)
		return;
	k->purging = true;
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	do
		rd_kafka_poll(k->rk, k->in_flight_records ? 10 : 0);
	while (k->in_flight_bytes && clock_mono_ns() < give_up);
	if (k->in_flight_bytes)
		log_err(SUBSYSTEM, "%s: librdkafka does not give back %zu bytes", dest_name(io),
			k->in_flight_bytes);
	show_in_flight(k);
	stat_set(STAT_KAFKA_BROKERS_UP, 0);
	/* Takes DESTROY_MS when a thread of librdkafka misses its signal (as in 2.8). */
	rd_kafka_destroy(k->rk);
	k->rk = NULL;
	k->purging = false;
}

static void kafka_free(struct dest_io *io)
{
	struct kafka_dest *k = (struct kafka_dest *)io;

	if (k->conf)
		rd_kafka_conf_destroy(k->conf);
}

const struct dest_ops dest_kafka_ops = {
    .state_size = sizeof(struct kafka_dest),
    .grace_ns = DESTROY_MS * NS_PER_MS,
    .lazy = true,
    .splits = true,
    .parse = kafka_parse,
    .connect = kafka_connect,
    .send = kafka_send,
    .disconnect = kafka_disconnect,
    .service = kafka_service,
    .explain = kafka_explain,
    .free = kafka_free,
};
