/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_REPLAY_RECORDS_H
#define TESTS_UNIT_REPLAY_RECORDS_H
/* Replays a capture and hands each record to a function. */
#include "record/field.h"
#include "source/capture.h"

struct collector {
	struct record_sink sink;
	void (*each)(void *data, struct record *r);
	void *data;
};

static inline int collector_emit(struct record_sink *sink, struct record *r)
{
	struct collector *c = (struct collector *)sink;

	if (c->each)
		c->each(c->data, r);
	return 0;
}

static const struct decode_options decode_all = {.attributes = UINT64_MAX, .accecn_u16 = true};

static inline struct replay_result replay_with(const struct decode_options *options, const char *path,
					       void (*each)(void *data, struct record *r), void *data)
{
	struct collector c = {.sink = {collector_emit}, .each = each, .data = data};
	struct record r = {0};
	struct replay_result result;
	char error[300] = "";
	int err = replay_file(path, options, &r, &c.sink, &result, error, sizeof(error));

	assert_string_equal(error, "");
	assert_int_equal(err, 0);
	return result;
}

static inline struct replay_result replay_records(const char *path,
						  void (*each)(void *data, struct record *r), void *data)
{
	return replay_with(&decode_all, path, each, data);
}

#endif
