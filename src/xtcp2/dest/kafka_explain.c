/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * librdkafka waits without a word, or with words about a broker's name only, when
 * a topic is missing (for 30 s), when a broker's advertised address is out of
 * reach, or when too few replicas are in sync. When nothing is confirmed, the
 * broker that answers is asked for the topic, and its answer names the setting.
 *
 * Errors of TLS come from OpenSSL, with the file and line of its source; what it
 * was about is found by the words that OpenSSL and librdkafka have for it.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dest/kafka.h"
#include "dest/pem.h"

/* Longest wait for the broker's answer. */
#define ANSWER_MS 1000

/* Write the address under which the leader of a partition of the topic is to be reached; "" for none. */
static void leader_of(const struct rd_kafka_metadata *m, char *out, size_t size)
{
	const rd_kafka_metadata_topic_t *topic = &m->topics[0];

	out[0] = '\0';
	for (int i = 0; topic->partition_cnt > 0 && i < m->broker_cnt; i++) {
		if (m->brokers[i].id == topic->partitions[0].leader)
			snprintf(out, size, "%s:%d", m->brokers[i].host, m->brokers[i].port);
	}
}

/* Tell whether "HOST:PORT" is one of the addresses in "kafka:HOST:PORT,HOST:PORT". */
static bool is_ours(const char *brokers, const char *address)
{
	size_t len = strlen(address);

	for (const char *p = brokers; (p = strstr(p, address)); p += len) {
		if ((p == brokers || p[-1] == ',' || p[-1] == ':') && (p[len] == '\0' || p[len] == ','))
			return true;
	}
	return false;
}

static void explain_topic(struct dest_io *io, const struct rd_kafka_metadata *m)
{
	rd_kafka_resp_err_t err = m->topic_cnt > 0 ? m->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN;
	const char *topic = io->config->topic;
	char leader[160];

	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		dest_why(
		    io, 0,
		    "topic %.64s does not exist: create it, set the broker's auto.create.topics.enable, or "
		    "name another with -topic",
		    topic);
		return;
	}
	if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
		dest_why(io, 0, "topic %.64s: let the user of sasl.username (-kafkaConfig) write it", topic);
		return;
	}
	leader_of(m, leader, sizeof(leader));
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR || !leader[0])
		dest_why(io, 0, "topic %.64s has no leader (%s): the broker's log says why", topic,
			 rd_kafka_err2str(err));
	else if (is_ours(dest_name(io), leader))
		dest_why(io, 0,
			 "broker %s answers and confirms no message of topic %.64s: compare the topic's "
			 "min.insync.replicas with its replicas, and read the broker's log",
			 leader, topic);
	else
		dest_why(io, 0,
			 "the broker sends messages to %s, where it is not reached: set its "
			 "advertised.listeners to an address that this host reaches",
			 leader);
}

/* Part of an error, and what the broker does then. The first that fits counts. */
static const struct {
	const char *part, *broker;
} errors[] = {
    {"unexpected eof while reading",
     "ends the TLS handshake: name its port for TLS, or leave security.protocol out"},
    {"wrong version number", "does not answer in TLS: name its port for TLS, or leave security.protocol out"},
    {"SASL authentication error", "refuses sasl.username with this password (-kafkaPasswordFile)"},
};

/* What the broker does in that case; NULL for an error that is none of these. */
static const char *broker_does(const char *reason)
{
	const char *tls = pem_peer_does(reason);

	for (size_t i = 0; !tls && i < ARRAY_SIZE(errors); i++) {
		if (strstr(reason, errors[i].part))
			return errors[i].broker;
	}
	return tls;
}

bool kafka_explains(const char *reason)
{
	return broker_does(reason);
}

void kafka_explain_error(struct dest_io *io, int err, const char *reason)
{
	const char *does = broker_does(reason);

	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!io->why[0])
			dest_why(io, 0,
				 "no broker can be used (%s): compare its address and security.protocol with "
				 "the broker's listeners",
				 reason);
	} else if (does) {
		/* scheme://HOST:PORT/name: ... */
		const char *scheme = strstr(reason, "://"), *address = scheme ? scheme + 3 : reason;
		dest_why(io, 0, "broker %.*s %s", (int)strcspn(address, "/ "), address, does);
	} else {
		dest_why(io, 0, "%s", reason);
	}
}

void kafka_explain(struct dest_io *io)
{
	struct kafka_dest *k = (struct kafka_dest *)io;
	const struct rd_kafka_metadata *m = NULL;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(k->rk, io->config->topic, NULL);

	rd_kafka_resp_err_t err =
	    topic ? rd_kafka_metadata(k->rk, 0, topic, &m, ANSWER_MS) : RD_KAFKA_RESP_ERR__FAIL;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		explain_topic(io, m);
	else if (!io->why[0])
		dest_why(io, 0, "no broker answers (%s)", rd_kafka_err2str(err));
	if (m)
		rd_kafka_metadata_destroy(m);
	if (topic)
		rd_kafka_topic_destroy(topic);
}
