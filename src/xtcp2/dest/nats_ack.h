/* SPDX-License-Identifier: MIT */
#ifndef DEST_NATS_ACK_H
#define DEST_NATS_ACK_H
/* The answer of JetStream to a message (PubAck of the JetStream API), and to the question which stream takes a subject. */
#include <stdbool.h>
#include <stddef.h>

#include "dest/ops.h"

/* Longest text of an answer that is kept, with the NUL. */
#define NATS_ACK_TEXT_MAX 128

enum nats_answer {
	NATS_ACK_STORED,	/* the stream has it, or had it before */
	NATS_ACK_NO_RESPONDERS, /* nobody listens to the subject */
	NATS_ACK_TOO_LARGE,	/* max_msg_size of the stream, max_payload of the server */
	NATS_ACK_FULL,		/* a limit of the stream, which refuses new messages */
	NATS_ACK_REFUSED,	/* any other error: text has the server's words */
	NATS_ACK_STRANGE,	/* no answer of JetStream: a service listens to the subject */
};

struct nats_ack {
	enum nats_answer answer;
	char text[NATS_ACK_TEXT_MAX]; /* the server's words, or the stream's name */
};

/* Read an answer's payload. Pure. */
void nats_ack_read(const char *data, size_t len, struct nats_ack *out);

/* Return what becomes of a message that got this answer; set io's why when it is not DEST_SENT. */
enum dest_result nats_ack_result(struct dest_io *io, const struct nats_ack *ack);

/* Read the answer to STREAM.NAMES. Return the number of streams, or -1 with the server's words in text. */
int nats_names_read(const char *data, size_t len, char text[static NATS_ACK_TEXT_MAX]);

#endif
