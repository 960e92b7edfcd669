/* SPDX-License-Identifier: MIT */
/* librdkafka's statistics (STATISTICS.md of librdkafka) -> gauges. */
#include <jansson.h>
#include <string.h>

#include "dest/kafka.h"

static int64_t integer(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

int kafka_on_stats(rd_kafka_t *rk, char *text, size_t len, void *opaque)
{
	struct kafka_dest *k = opaque;
	json_t *root = json_loadb(text, len, 0, NULL), *broker;
	const char *name;
	uint64_t up = 0;
	int64_t rtt_us = 0, retries = 0;

	if (!root)
		return 0;
	json_object_foreach(json_object_get(root, "brokers"), name, broker)
	{
		const char *state = json_string_value(json_object_get(broker, "state"));
		int64_t average = integer(json_object_get(broker, "rtt"), "avg");
		if (state && strcmp(state, "UP") == 0)
			up++;
		if (average > rtt_us)
			rtt_us = average;
		retries += integer(broker, "txretries");
	}
	stat_set(STAT_KAFKA_BROKERS_UP, up);
	stat_set(STAT_KAFKA_RTT_US, rtt_us);
	stat_set(STAT_KAFKA_RETRIES, retries);
	stat_set(STAT_KAFKA_QUEUE_MESSAGES, integer(root, "msg_cnt"));
	json_decref(root);
	/* The library may close idle connections: no open connection does not mean that the broker is
	 * down. */
	if (up > 0)
		dest_reached(&k->io);
	return 0;
}
