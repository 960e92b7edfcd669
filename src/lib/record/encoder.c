/* SPDX-License-Identifier: MIT */
#include "record/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "record/field_info.h"
#include "record/json.h"
#include "record/msgpack.h"
#include "record/rows.h"
#include "record/text.h"
#include "record/wire.h"

/* {"row":[ and ]} and a newline */
#define PROTO_JSON_OVERHEAD 16
/* The latter */
#define PROTO_JSON_CLOSING  3

const struct encoder_ops encoder_table[] = {
    {.name = "protobufList",
     .help = "varint length, then one protobuf Envelope: what Kafka and ClickHouse read",
     .content_type = "application/x-protobuf",
     .suffix = "pb",
     .begin = wire_begin,
     .row = wire_row,
     .end = wire_end,
     .overhead = WIRE_OVERHEAD},
    {.name = "protoJson",
     .help = "the canonical JSON of protobuf, one Envelope per line",
     .content_type = "application/json",
     .suffix = "json",
     .text = true,
     .begin = proto_json_begin,
     .row = proto_json_row,
     .end = proto_json_end,
     .overhead = PROTO_JSON_OVERHEAD,
     .closing = PROTO_JSON_CLOSING,
     .separator = ','},
    {.name = "protoText",
     .help = "the text format of protobuf",
     .content_type = "text/plain; charset=utf-8",
     .suffix = "txtpb",
     .text = true,
     .begin = text_begin,
     .row = proto_text_row,
     .end = text_end},
    {.name = "jsonl",
     .help = "one JSON object per record and line, for people and jq",
     .content_type = "application/x-ndjson",
     .suffix = "jsonl",
     .text = true,
     .begin = jsonl_begin,
     .row = jsonl_row,
     .end = jsonl_end},
    {.name = "csv",
     .help = "comma-separated values with a header line; -columns chooses",
     .content_type = "text/csv; charset=utf-8",
     .suffix = "csv",
     .text = true,
     .columns = true,
     .header = true,
     .begin = csv_begin,
     .row = csv_row,
     .end = text_end},
    {.name = "tsv",
     .help = "tab-separated values with a header line; -columns chooses",
     .content_type = "text/tab-separated-values; charset=utf-8",
     .suffix = "tsv",
     .text = true,
     .columns = true,
     .header = true,
     .begin = tsv_begin,
     .row = tsv_row,
     .end = text_end},
    {.name = "text",
     .help = "a block of name: value lines per record; -columns chooses",
     .content_type = "text/plain; charset=utf-8",
     .suffix = "txt",
     .text = true,
     .columns = true,
     .begin = text_begin,
     .row = text_row,
     .end = text_end},
    {.name = "msgpack",
     .help = "one MessagePack map per record",
     .content_type = "application/vnd.msgpack",
     .suffix = "msgpack",
     .begin = msgpack_begin,
     .row = msgpack_row,
     .end = msgpack_end},
    {.name = "parquet",
     .help = "Apache Parquet, for file: and s3: only; -columns chooses",
     .content_type = "application/vnd.apache.parquet",
     .suffix = "parquet",
     .columns = true,
     .rows = true,
     .begin = rows_begin,
     .row = rows_row,
     .end = rows_end},
    {.name = NULL},
};

static int unknown_encoder(const char *marshal, char *error, size_t size)
{
	int n = snprintf(error, size, "unknown format \"%.40s\"; possible:", marshal);
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];

	suggest_begin(&s, marshal, strlen(marshal));
	for (const struct encoder_ops *ops = encoder_table; ops->name && n >= 0 && (size_t)n < size; ops++) {
		n += snprintf(error + n, size - n, " %s", ops->name);
		suggest_offer(&s, ops->name);
	}
	if (n >= 0 && (size_t)n < size)
		snprintf(error + n, size - n, "%s", suggest_text(&s, near));
	return -EINVAL;
}

static size_t count_names(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

static int parse_columns(struct encoder *e, const char *columns, char *error, size_t size)
{
	e->columns = calloc(count_names(columns), sizeof(*e->columns));
	if (!e->columns) {
		snprintf(error, size, "out of memory");
		return -ENOMEM;
	}
	for (const char *name = columns;;) {
		size_t len = strcspn(name, ",");
		const struct record_field *f = record_field_find(name, len);

		if (!f) {
			struct suggest s;
			char near[SUGGEST_TEXT_MAX];
			suggest_begin(&s, name, len);
			record_field_suggest(&s);
			snprintf(
			    error, size,
			    "unknown field \"%.*s\"; `xtcp2 fields` lists them, such as netns,state,rtt or "
			    "netns,inet_diag_msg_state,tcp_info_rtt%s",
			    len < 60 ? (int)len : 60, name, suggest_text(&s, near));
			return -EINVAL;
		}
		e->columns[e->column_count++] = f - record_fields;
		if (!name[len])
			return 0;
		name += len + 1;
	}
}

int encoder_init(struct encoder *e, const char *marshal, const char *columns, char *error, size_t size)
{
	*e = (struct encoder){.ops = encoder_table};
	while (e->ops->name && strcasecmp(e->ops->name, marshal))
		e->ops++;
	if (!e->ops->name)
		return unknown_encoder(marshal, error, size);
	if (!columns || !*columns)
		return 0;
	if (!e->ops->columns) {
		snprintf(error, size, "only csv, tsv, text and parquet have columns, %s does not",
			 e->ops->name);
		return -EINVAL;
	}
	int err = parse_columns(e, columns, error, size);

	if (err)
		encoder_free(e);
	return err;
}

const char *encoder_refused(const struct encoder *e)
{
	return e->ops && !e->ops->name ? "marshal" : "columns";
}

void encoder_free(struct encoder *e)
{
	free(e->columns);
	*e = (struct encoder){0};
}
