/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_KAFKA_TOOL_H
#define TOOLS_KAFKA_TOOL_H
/* Kafka for the small tools: a producer that counts acknowledgements, a consumer of single messages. */
#include <stddef.h>
#include <stdint.h>

/* Ledger of a producer: records of messages handed over, acknowledged and failed. */
struct kafka_ledger {
	uint64_t produced, acknowledged, failed;
};

struct kafka_producer;

/* Create a producer for brokers "HOST:PORT[,HOST:PORT]". NULL with a sentence on stderr. */
struct kafka_producer *kafka_producer_new(const char *brokers, const char *topic);
/* Queue a copy of the message; add `records` to the ledger. Waits while the queue is full. 0, or -EIO with a
 * line on stderr. */
int kafka_produce(struct kafka_producer *p, const void *data, size_t len, uint32_t records);
/* Wait until all is acknowledged or has failed, at most timeout_ms. */
void kafka_producer_flush(struct kafka_producer *p, int timeout_ms);
struct kafka_ledger kafka_producer_ledger(const struct kafka_producer *p);
void kafka_producer_free(struct kafka_producer *p);

struct kafka_message {
	const uint8_t *data;
	size_t len;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
};

struct kafka_consume {
	const char *brokers, *topic;
	const char *group;  /* "" for a private one */
	const char *offset; /* "earliest" or "latest": where a new group starts */
	uint64_t count;	    /* end after this number of messages, 0 for no end */
	int64_t idle_ns;    /* end after this time without a message, 0 for no end */
	int (*fn)(void *arg, const struct kafka_message *m); /* not 0 ends it */
	void *arg;
};

/* Consume until the limit, SIGINT or SIGTERM. Return the exit status; errors go to stderr. */
int kafka_consume(const struct kafka_consume *c);

#endif
