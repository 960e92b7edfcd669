/* SPDX-License-Identifier: MIT */
#ifndef DEST_KAFKA_H
#define DEST_KAFKA_H
/* The state of the Kafka destination, shared with the reader of librdkafka's statistics. */
#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "dest/ops.h"
#include "stats/stats.h"

struct kafka_dest {
	struct dest_io io;
	rd_kafka_conf_t *conf; /* template of each producer */
	rd_kafka_t *rk;	       /* NULL while not connected */
	size_t codec;	       /* index into the table of codecs */
	bool auto_codec;
	bool refused_codec; /* atomic: librdkafka's threads set it */
	bool failed;	    /* a new producer is needed */
	bool alone;	    /* the next producer puts one message into a batch */
	bool sends_alone;   /* the present one does: a refusal of its size is about that message */
	bool purging;	    /* delivery reports come from rd_kafka_purge(), not from the broker */
	size_t in_flight_records, in_flight_bytes;
	struct log_repeat log_limit;
};

/*
 * kafka_explain.c: make an error of librdkafka's (on_error) io's why, in our options' words where it is about TLS or a
 * password. That all brokers are down does not replace what was said of one of them.
 */
void kafka_explain_error(struct dest_io *io, int err, const char *reason);

/* Tell whether kafka_explain_error() has words of its own for this. Any thread. */
bool kafka_explains(const char *reason);

/* kafka_explain.c: ask the broker why it confirms nothing; the answer is io's why. Blocks for a second. */
void kafka_explain(struct dest_io *io);

/* Set gauges from the JSON text; librdkafka's stats_cb. Return 0: the library frees the text. */
int kafka_on_stats(rd_kafka_t *rk, char *text, size_t len, void *opaque);

#endif
