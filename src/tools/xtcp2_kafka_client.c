/* SPDX-License-Identifier: MIT */
/* xtcp2_kafka_client: prints the records of each envelope on a Kafka topic. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/flags.h"
#include "record/encoder.h"
#include "record/wire_decode.h"
#include "tools/kafka_tool.h"

static const char *broker = "localhost:19092", *topic = "xtcp", *group = "", *offset = "earliest",
		  *columns = "";
static const char *format = "json";
static uint32_t count;
static int64_t idle;

static const struct flag flags[] = {
    {"broker", FLAG_STRING, &broker, "HOST:PORT[,HOST:PORT]"},
    {"topic", FLAG_STRING, &topic, "topic"},
    {"group", FLAG_STRING, &group, "consumer group; \"\" for one of its own"},
    {"offset", FLAG_STRING, &offset, "where a new group starts: earliest or latest"},
    {"format", FLAG_CHOICE, &format, "null only counts", "json|csv|tsv|humanize|null"},
    {"columns", FLAG_COLUMNS, &columns,
     "fields to print, comma-separated (csv, tsv, humanize); \"\" for all"},
    {"count", FLAG_U32, &count, "end after this many messages; 0 for no end"},
    {"idle", FLAG_DURATION, &idle, "end after so long without a message; 0 for no end"},
    {0},
};

/* -format -> the name of the encoder; "" prints nothing. */
static const struct {
	const char *format, *marshal;
} formats[] = {{"json", "jsonl"}, {"csv", "csv"}, {"tsv", "tsv"}, {"humanize", "text"}, {"null", ""}};

struct printer {
	struct encoder encoder;
	bool silent;
	struct buf out;
	uint64_t records, bad;
};

/* False when the bytes are no envelope; rows before the damage are printed. */
static bool print_rows(struct printer *p, struct str message)
{
	struct envelope_reader envelope = envelope_of(message);
	struct record r;

	while (envelope_next(&envelope, &r)) {
		p->records++;
		if (!p->silent)
			p->encoder.ops->row(&p->encoder, &p->out, &r);
	}
	return !envelope.bad;
}

static int print_message(void *arg, const struct kafka_message *m)
{
	struct printer *p = arg;

	if (!p->silent)
		p->encoder.ops->begin(&p->encoder, &p->out);
	if (!print_rows(p, (struct str){(const char *)m->data, (uint32_t)m->len})) {
		fprintf(stderr,
			"xtcp2_kafka_client: partition %d, offset %lld: %zu bytes that are no envelope\n",
			m->partition, (long long)m->offset, m->len);
		p->bad++;
	}
	if (!p->silent)
		p->encoder.ops->end(&p->encoder, &p->out);
	fwrite(p->out.data, 1, p->out.len, stdout);
	buf_reset(&p->out);
	return fflush(stdout) || ferror(stdout);
}

static const char *marshal_of(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(name, formats[i].format))
			return formats[i].marshal;
	exit(2); /* not reached: the flag's words are those of the table */
}

int main(int argc, char **argv)
{
	struct printer p = {0};
	char error[512];

	flags_parse(flags, argc, argv, "prints the records on a Kafka topic.");
	const char *marshal = marshal_of(format);
	p.silent = !*marshal;
	if (!p.silent && encoder_init(&p.encoder, marshal, columns, error, sizeof(error))) {
		fprintf(stderr, "xtcp2_kafka_client: -columns: %s\n", error);
		return 2;
	}
	const struct kafka_consume c = {broker, topic, group, offset, count, idle, print_message, &p};
	int r = kafka_consume(&c);
	fprintf(stderr, "xtcp2_kafka_client: records=%llu bad_messages=%llu\n", (unsigned long long)p.records,
		(unsigned long long)p.bad);
	encoder_free(&p.encoder);
	buf_free(&p.out);
	return r;
}
