/* SPDX-License-Identifier: MIT */
/* kafka_topic_reader: prints the raw messages of a Kafka topic, of any format. */
#include <stdbool.h>
#include <stdio.h>

#include "base/flags.h"
#include "tools/kafka_tool.h"

/* Bytes of a message that are shown in hex. */
#define SHOWN_BYTES 64

static const char *broker = "localhost:19092", *topic = "xtcp", *group = "", *offset = "earliest";
static uint32_t count;
static int64_t idle;
static bool raw;

static const struct flag flags[] = {
    {"broker", FLAG_STRING, &broker, "HOST:PORT[,HOST:PORT]"},
    {"topic", FLAG_STRING, &topic, "topic"},
    {"group", FLAG_STRING, &group, "consumer group; \"\" for one of its own"},
    {"offset", FLAG_STRING, &offset, "where a new group starts: earliest or latest"},
    {"count", FLAG_U32, &count, "end after this many messages; 0 for no end"},
    {"idle", FLAG_DURATION, &idle, "end after so long without a message; 0 for no end"},
    {"raw", FLAG_BOOL, &raw, "write the bytes of the messages themselves, one after the other"},
    {0},
};

static int print_message(void *arg, const struct kafka_message *m)
{
	if (raw) {
		fwrite(m->data, 1, m->len, stdout);
		return fflush(stdout) || ferror(stdout);
	}
	printf("partition=%d offset=%lld timestamp_ms=%lld bytes=%zu ", m->partition, (long long)m->offset,
	       (long long)m->timestamp_ms, m->len);
	for (size_t i = 0; i < m->len && i < SHOWN_BYTES; i++)
		printf("%02x", m->data[i]);
	printf("%s\n", m->len > SHOWN_BYTES ? "..." : "");
	return fflush(stdout) || ferror(stdout);
}

int main(int argc, char **argv)
{
	flags_parse(flags, argc, argv, "prints the raw messages of a Kafka topic.");
	const struct kafka_consume c = {broker, topic, group, offset, count, idle, print_message, NULL};
	return kafka_consume(&c);
}
