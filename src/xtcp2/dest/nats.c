/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * nats:HOST:PORT[,HOST:PORT...] on libnats: one message per envelope on the subject -topic, which a stream of
 * JetStream must take. A message names a reply subject of its own; the stream's acknowledgement, which arrives there,
 * says that the message is stored. Until then the envelope is in a slot (DEST_TAKEN). At most NATS_IN_FLIGHT_MAX
 * messages and half of -destQueueBytes are on their way, and only one until something was acknowledged on the
 * connection: a stream that refuses gets no flood of messages.
 *
 * When the connection breaks, the server refuses, or no answer comes for twice -produceTimeout, all that is in the slots
 * goes back into the queue, and a new connection takes it. Each message has an identifier (Nats-Msg-Id) that it
 * keeps: what the stream has stored already, within its duplicate_window, it acknowledges and does not store twice.
 *
 * libnats has threads of its own, a constant number: three of the library, and two for a connection. They write
 * answers into the slots under a lock and wake the sending thread, which does the rest. Sequences of messages never
 * repeat, so that an answer that comes late finds no slot.
 */
#include "dest/nats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Default max_payload of nats-server: the limit until a server has told its own. */
#define PAYLOAD_DEFAULT (1 << 20)
/* Longest interval between two looks for an answer that is overdue. */
#define LOOK_NS		NS_PER_SEC
/* HEX-NUMBER of a message. */
#define ID_MAX		48

static struct nats_slot *slot_of(struct nats_dest *n, uint64_t sequence)
{
	return &n->slots[sequence % NATS_IN_FLIGHT_MAX];
}

void nats_on_answer(natsConnection *c, natsSubscription *s, natsMsg *m, void *dest)
{
	struct nats_dest *n = dest;
	const char *subject = natsMsg_GetSubject(m), *dot = subject ? strrchr(subject, '.') : NULL;
	uint64_t sequence = dot ? strtoull(dot + 1, NULL, 10) : 0;
	struct nats_ack ack = {.answer = NATS_ACK_NO_RESPONDERS};

	if (!natsMsg_IsNoResponders(m))
		nats_ack_read(natsMsg_GetData(m), natsMsg_GetDataLength(m), &ack);
	natsMsg_Destroy(m);
	pthread_mutex_lock(&n->lock);
	struct nats_slot *slot = slot_of(n, sequence);
	if (sequence && slot->sequence == sequence && !slot->answered) {
		slot->ack = ack;
		slot->answered = true;
	}
	pthread_mutex_unlock(&n->lock);
	dest_wake(&n->io);
}

/* Tell whether the server's words are about our subject or our inbox, not about the question for the stream. */
static bool concerns_us(const char *text, const char *subject)
{
	const char *quoted = strchr(text, '"');
	size_t len = strlen(subject);

	if (strcasestr(text, "subscription to"))
		return true;
	return quoted && strncmp(quoted + 1, subject, len) == 0 && quoted[1 + len] == '"';
}

void nats_on_error(natsConnection *c, natsSubscription *s, natsStatus status, void *dest)
{
	struct nats_dest *n = dest;
	const char *text = NULL;

	natsConnection_GetLastError(c, &text);
	if (status != NATS_NOT_PERMITTED || !text || !concerns_us(text, n->io.config->topic))
		return;
	pthread_mutex_lock(&n->lock);
	snprintf(n->denied, sizeof(n->denied), "%s", text);
	pthread_mutex_unlock(&n->lock);
	dest_wake(&n->io);
}

void nats_on_closed(natsConnection *c, void *dest)
{
	struct nats_dest *n = dest;

	dest_wake(&n->io);
}

static int nats_parse(struct dest_io *io, const char *address)
{
	struct nats_dest *n = (struct nats_dest *)io;

	pthread_mutex_init(&n->lock, NULL);
	n->head = n->tail = 1;
	io->max_envelope = PAYLOAD_DEFAULT - NATS_HEADERS_MAX;
	n->max_payload = PAYLOAD_DEFAULT;
	return nats_settings_read(n, address);
}

static int nats_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct nats_dest *n = (struct nats_dest *)io;

	n->proven = false;
	return nats_link_open(n, deadline_ns);
}

/* Take the oldest slot if it is answered: its envelope and the answer. */
static struct envelope *take_answered(struct nats_dest *n, uint64_t sequence, struct nats_ack *ack)
{
	struct envelope *e = NULL;

	pthread_mutex_lock(&n->lock);
	struct nats_slot *slot = slot_of(n, sequence);
	if (slot->sequence == sequence && slot->answered) {
		e = slot->e;
		*ack = slot->ack;
		*slot = (struct nats_slot){0};
	}
	pthread_mutex_unlock(&n->lock);
	return e;
}

/* The oldest message is at the head. */
static void skip_empty(struct nats_dest *n)
{
	while (n->head < n->tail && !slot_of(n, n->head)->e)
		n->head++;
}

/* Complete what was answered. Return DEST_RETRY, with why, when something was refused. */
static enum dest_result take_answers(struct nats_dest *n)
{
	enum dest_result result = DEST_SENT;

	for (uint64_t i = n->head; i < n->tail; i++) {
		struct nats_ack ack;
		struct envelope *e = take_answered(n, i, &ack);
		if (!e)
			continue;
		n->in_flight_bytes -= e->body.len;
		n->progress_ns = clock_mono_ns();
		enum dest_result r = nats_ack_result(&n->io, &ack);
		if (r == DEST_SENT) {
			n->proven = true;
			n->acknowledged = i;
		}
		if (r == DEST_RETRY)
			result = DEST_RETRY;
		dest_complete(&n->io, e, r);
	}
	skip_empty(n);
	return result;
}

/* Tell whether the oldest message will not be answered: none was for long, or a newer one was long ago. */
static bool overdue(const struct nats_dest *n)
{
	int64_t now = clock_mono_ns(), limit = 2 * n->io.config->send_timeout_ns;
	const struct nats_slot *oldest = &n->slots[n->head % NATS_IN_FLIGHT_MAX];

	if (n->head == n->tail || now - oldest->sent_ns < limit)
		return false;
	return now - n->progress_ns >= limit || n->acknowledged > n->head;
}

/* Why nothing more is to be expected of the connection; NULL while it goes on. */
static enum dest_result check_link(struct nats_dest *n)
{
	pthread_mutex_lock(&n->lock);
	bool denied = n->denied[0];
	if (denied)
		dest_why(&n->io, 0, "the server does not let this user: %s", n->denied);
	pthread_mutex_unlock(&n->lock);
	if (denied)
		return DEST_RETRY;
	if (natsConnection_IsClosed(n->connection)) {
		const char *text = NULL;
		natsConnection_GetLastError(n->connection, &text);
		dest_why(&n->io, 0, "the connection broke%s%s", text && *text ? ": " : "", text ? text : "");
		return DEST_RETRY;
	}
	if (!overdue(n))
		return DEST_SENT;
	/* nats_explain() may have found more. */
	if (!n->io.why[0])
		dest_why(&n->io, 0, "no acknowledgement from the stream of subject %.64s",
			 n->io.config->topic);
	return DEST_RETRY;
}

static enum dest_result nats_service(struct dest_io *io)
{
	struct nats_dest *n = (struct nats_dest *)io;
	enum dest_result r = take_answers(n);

	io->tick_ns = n->head < n->tail ? LOOK_NS : 0;
	return r == DEST_SENT ? check_link(n) : r;
}

/* A message with its identifier and reply subject. NULL without memory. */
static natsMsg *message_of(struct nats_dest *n, struct envelope *e)
{
	char reply[NATS_REPLY_MAX], id[ID_MAX];
	natsMsg *m = NULL;

	if (!e->mark)
		e->mark = ++n->last_id;
	snprintf(reply, sizeof(reply), "%.*s.%" PRIu64, NATS_INBOX_MAX, n->inbox, n->tail);
	snprintf(id, sizeof(id), "%016" PRIx64 "-%" PRIu64, n->nonce, e->mark);
	natsStatus s =
	    natsMsg_Create(&m, n->io.config->topic, reply, (const char *)e->body.data, (int)e->body.len);
	if (s == NATS_OK)
		s = natsMsgHeader_Set(m, "Nats-Msg-Id", id);
	if (s == NATS_OK)
		return m;
	natsMsg_Destroy(m);
	return NULL;
}

static bool window_full(const struct nats_dest *n, const struct envelope *e)
{
	uint64_t count = n->tail - n->head;

	if (count == 0)
		return false;
	return !n->proven || count >= NATS_IN_FLIGHT_MAX ||
	       n->in_flight_bytes + e->body.len > n->io.config->queue_bytes / 2;
}

static void fill_slot(struct nats_dest *n, struct envelope *e)
{
	int64_t now = clock_mono_ns();

	if (n->head == n->tail)
		n->progress_ns = now;
	pthread_mutex_lock(&n->lock);
	*slot_of(n, n->tail) = (struct nats_slot){.e = e, .sequence = n->tail, .sent_ns = now};
	pthread_mutex_unlock(&n->lock);
	n->tail++;
	n->in_flight_bytes += e->body.len;
}

/* Take the newest message back. Its sequence is not used again: an answer to it may still come. */
static void empty_slot(struct nats_dest *n, const struct envelope *e)
{
	pthread_mutex_lock(&n->lock);
	*slot_of(n, n->tail - 1) = (struct nats_slot){0};
	pthread_mutex_unlock(&n->lock);
	n->in_flight_bytes -= e->body.len;
	skip_empty(n);
}

static enum dest_result nats_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct nats_dest *n = (struct nats_dest *)io;

	if (window_full(n, e))
		return DEST_BUSY;
	natsMsg *m = message_of(n, e);
	if (!m) {
		dest_why(io, 0, "out of memory");
		return DEST_RETRY;
	}
	/* Before the message leaves: the answer may be here before the call returns. */
	fill_slot(n, e);
	natsStatus s = natsConnection_PublishMsg(n->connection, m);
	natsMsg_Destroy(m);
	if (s == NATS_OK) {
		io->tick_ns = LOOK_NS;
		return DEST_TAKEN;
	}
	empty_slot(n, e);
	if (s == NATS_MAX_PAYLOAD) {
		dest_why(io, 0, "the server's max_payload is %" PRId64 " bytes", n->max_payload);
		return DEST_SPLIT;
	}
	if (s == NATS_NO_SERVER_SUPPORT)
		dest_why(io, 0, "the server is older than 2.2: it has no headers");
	else
		dest_why(io, 0, "send: %s", natsStatus_GetText(s));
	return DEST_RETRY;
}

static void nats_disconnect(struct dest_io *io)
{
	struct nats_dest *n = (struct nats_dest *)io;
	char why[DEST_WHY_MAX];

	if (!n->connection)
		return;
	nats_link_close(n);
	/* The reason of the end stays the one that is told. */
	memcpy(why, io->why, sizeof(why));
	take_answers(n);
	memcpy(io->why, why, sizeof(why));
	if (!n->proven)
		n->first++;
	for (; n->head < n->tail; n->head++) {
		pthread_mutex_lock(&n->lock);
		struct envelope *e = slot_of(n, n->head)->e;
		*slot_of(n, n->head) = (struct nats_slot){0};
		pthread_mutex_unlock(&n->lock);
		if (e)
			dest_complete(io, e, DEST_RETRY);
	}
	n->in_flight_bytes = 0;
	io->tick_ns = 0;
}

static void nats_explain(struct dest_io *io)
{
	struct nats_dest *n = (struct nats_dest *)io;

	switch (nats_find_stream(n, NATS_CONNECT_MS / 2)) {
	case 0:
		dest_why(io, 0,
			 "the server answers, and the stream of subject %.64s acknowledges nothing: has it "
			 "no_ack, or no leader? The server's log says why",
			 io->config->topic);
		break;
	case -ETIMEDOUT:
		if (!io->why[0])
			dest_why(io, 0, "the server does not answer");
		break;
	}
}

static void nats_free(struct dest_io *io)
{
	struct nats_dest *n = (struct nats_dest *)io;

	nats_settings_free(n);
	/* libnats' threads may still be in a callback. */
	if (n->opened)
		nats_CloseAndWait(0);
	pthread_mutex_destroy(&n->lock);
}

const struct dest_ops dest_nats_ops = {
    .state_size = sizeof(struct nats_dest),
    .grace_ns = NATS_CONNECT_MS * NS_PER_MS,
    .lazy = true,
    .splits = true,
    .parse = nats_parse,
    .connect = nats_connect,
    .send = nats_send,
    .disconnect = nats_disconnect,
    .service = nats_service,
    .explain = nats_explain,
    .free = nats_free,
};
