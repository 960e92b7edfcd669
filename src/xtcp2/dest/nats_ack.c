/* SPDX-License-Identifier: MIT */
#include "dest/nats_ack.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* err_code of the JetStream API (server/errors.json of nats-server). */
#define ERR_TOO_LARGE 10054 /* message size exceeds maximum allowed */
#define ERR_STORE_FAILED \
	10077 /* a limit of the stream: maximum messages, bytes, messages per subject exceeded */

/* Copy words of the server: one line, ASCII, for a log. */
static void copy_text(char out[static NATS_ACK_TEXT_MAX], const char *text)
{
	snprintf(out, NATS_ACK_TEXT_MAX, "%s", text ? text : "no reason given");
	for (char *c = out; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static json_t *parse(const char *data, size_t len)
{
	json_t *root = data ? json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

static enum nats_answer refusal(json_int_t code)
{
	switch (code) {
	case ERR_TOO_LARGE:
		return NATS_ACK_TOO_LARGE;
	case ERR_STORE_FAILED:
		return NATS_ACK_FULL;
	default:
		return NATS_ACK_REFUSED;
	}
}

void nats_ack_read(const char *data, size_t len, struct nats_ack *out)
{
	json_t *root = parse(data, len);
	const json_t *error = json_object_get(root, "error");
	const char *stream = json_string_value(json_object_get(root, "stream"));

	if (json_is_object(error)) {
		out->answer = refusal(json_integer_value(json_object_get(error, "err_code")));
		copy_text(out->text, json_string_value(json_object_get(error, "description")));
	} else if (stream && json_integer_value(json_object_get(root, "seq")) > 0) {
		out->answer = NATS_ACK_STORED;
		copy_text(out->text, stream);
	} else {
		out->answer = NATS_ACK_STRANGE;
		out->text[0] = '\0';
	}
	json_decref(root);
}

enum dest_result nats_ack_result(struct dest_io *io, const struct nats_ack *ack)
{
	const char *subject = io->config->topic;

	switch (ack->answer) {
	case NATS_ACK_STORED:
		return DEST_SENT;
	case NATS_ACK_TOO_LARGE:
		dest_why(io, 0, "the stream of subject %.64s refuses a message (%s): raise its max_msg_size",
			 subject, ack->text);
		return DEST_SPLIT;
	case NATS_ACK_NO_RESPONDERS:
		dest_why(io, 0,
			 "no stream takes subject %.64s: create one, or name another subject with -topic",
			 subject);
		return DEST_RETRY;
	case NATS_ACK_FULL:
		dest_why(io, 0,
			 "the stream of subject %.64s is full (%s): raise its limit, or let it discard old "
			 "messages",
			 subject, ack->text);
		return DEST_RETRY;
	case NATS_ACK_STRANGE:
		dest_why(io, 0,
			 "subject %.64s is answered by something else than a stream: name another subject "
			 "with -topic",
			 subject);
		return DEST_RETRY;
	default:
		dest_why(io, 0, "the stream of subject %.64s refuses a message: %s", subject, ack->text);
		return DEST_RETRY;
	}
}

int nats_names_read(const char *data, size_t len, char text[static NATS_ACK_TEXT_MAX])
{
	json_t *root = parse(data, len);
	const json_t *error = json_object_get(root, "error");
	const json_t *streams = json_object_get(root, "streams");
	int count = -1;

	if (json_is_array(streams) || json_is_null(streams))
		count = (int)json_array_size(streams);
	else
		copy_text(text, root ? json_string_value(json_object_get(error, "description"))
				     : "the answer is not JSON");
	json_decref(root);
	return count;
}
