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
	rd_kafka_conf_t *conf; /* what each producer is made from */
	rd_kafka_t *rk;	       /* NULL while not connected */
	size_t codec;	       /* index into the table of codecs */
	bool auto_codec;
	bool refused_codec; /* atomic: librdkafka's threads set it */
	bool failed;	    /* a new producer is needed */
	bool purging;	    /* reports are about what we take back, not about the broker */
	size_t in_flight_records, in_flight_bytes;
	struct log_limit log_limit;
};

/* librdkafka's stats_cb: a few figures of the JSON text become gauges.
 * Returns 0: the library frees the text. */
int kafka_on_stats(rd_kafka_t *rk, char *text, size_t len, void *opaque);

#endif
