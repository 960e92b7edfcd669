/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A connection is made to one server at a time, without libnats' own reconnecting: the core of destinations backs
 * off, logs and tries again, as for every other. What libnats' threads have to say (an answer, an error, the end of
 * the connection) they leave in the state, under its lock, and wake the sending thread.
 *
 * A message to a subject that no stream takes would be delivered to nobody. So before the first one JetStream is
 * asked which stream takes the subject. A user who may not ask gets no answer, and the first message tells.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret_file.h"
#include "dest/nats.h"

/* Longest wait for the answer which stream takes the subject. */
#define ASK_MS	     1000
/* Unanswered pings after which libnats takes the connection for broken. */
#define PINGS_OUT    2
/* Interval of pings. */
#define PING_MS	     10000
/* Answers that may wait for libnats' thread: more than can be on their way. */
#define PENDING_MAX  (4 * NATS_IN_FLIGHT_MAX)
/* Question and subject: {"subject":"..."} */
#define QUESTION_MAX 600
#define API_NAMES    "$JS.API.STREAM.NAMES"

static bool given(const char *option)
{
	return option && *option;
}

/* The words of a failed connection, in our options'. */
static void explain(struct nats_dest *n, const char *server, natsStatus status, const char *text)
{
	const struct dest_config *c = n->io.config;
	const char *does = pem_peer_does(text);

	/* With TLS 1.3 a server refuses the client's certificate after the handshake; its alert may get lost. */
	if (!does && c->dest_tls && strstr(text, "Expected 'PONG', got ''"))
		does = pem_peer_does("alert certificate required");
	if (does)
		dest_why(&n->io, 0, "server %s %s", server, does);
	else if (status == NATS_CONNECTION_AUTH_FAILED || strcasestr(text, "authorization violation"))
		dest_why(&n->io, 0, "server %s refuses %s", server,
			 given(c->nats_credentials_file) ? "the user of -natsCredentialsFile"
			 : given(c->dest_user)		 ? "-destUser with this password (-destPasswordFile)"
			 : n->secret[0]			 ? "the token of -destPasswordFile"
					: "clients without a user: -destUser and -destPasswordFile");
	else if (status == NATS_SECURE_CONNECTION_WANTED)
		dest_why(&n->io, 0, "server %s has no TLS: leave -destTls out, or configure the server's",
			 server);
	else if (status == NATS_TIMEOUT)
		dest_why(&n->io, 0, "server %s does not answer like one of NATS within %d s", server,
			 NATS_CONNECT_MS / 1000);
	else if (status == NATS_NO_SERVER)
		dest_why(&n->io, 0, "server %s cannot be reached", server);
	else
		dest_why(&n->io, 0, "server %s: %s", server, *text ? text : natsStatus_GetText(status));
}

static natsStatus set_user(struct nats_dest *n, natsOptions *o)
{
	const struct dest_config *c = n->io.config;
	char path[PATH_MAX];

	if (given(c->nats_credentials_file))
		return natsOptions_SetUserCredentialsFromFiles(
		    o, secret_file_path(c->nats_credentials_file, path), NULL);
	if (given(c->dest_user))
		return natsOptions_SetUserInfo(o, c->dest_user, n->secret);
	return n->secret[0] ? natsOptions_SetToken(o, n->secret) : NATS_OK;
}

static natsStatus set_tls(struct nats_dest *n, natsOptions *o)
{
	const struct pem_files *pem = &n->pem;

	if (!n->io.config->dest_tls)
		return NATS_OK;
	natsStatus s = natsOptions_SetSecure(o, true);
	if (s == NATS_OK && pem->ca.len)
		s = natsOptions_SetCATrustedCertificates(o, (const char *)pem->ca.data);
	if (s == NATS_OK && pem->cert.len)
		s = natsOptions_SetCertificatesChain(o, (const char *)pem->cert.data,
						     (const char *)pem->key.data);
	return s;
}

/* The options of a connection to one server; NULL with why. The caller frees them. */
static natsOptions *options_for(struct nats_dest *n, const char *server)
{
	int64_t write_ms = n->io.config->send_timeout_ns / NS_PER_MS;
	char url[NATS_SERVER_MAX + 16];
	natsOptions *o = NULL;
	natsStatus s = natsOptions_Create(&o), last;

	snprintf(url, sizeof(url), "nats://%s", server);
	n->opened = s == NATS_OK || n->opened;
	if (s == NATS_OK)
		s = natsOptions_SetURL(o, url);
	if (s == NATS_OK)
		s = natsOptions_SetName(o, "xtcp2");
	if (s == NATS_OK)
		s = natsOptions_SetAllowReconnect(o, false);
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(o, NATS_CONNECT_MS);
	if (s == NATS_OK)
		s = natsOptions_SetWriteDeadline(o, write_ms ? write_ms : 1);
	if (s == NATS_OK)
		s = natsOptions_SetPingInterval(o, PING_MS);
	if (s == NATS_OK)
		s = natsOptions_SetMaxPingsOut(o, PINGS_OUT);
	if (s == NATS_OK)
		s = natsOptions_SetMaxPendingMsgs(o, PENDING_MAX);
	if (s == NATS_OK)
		s = natsOptions_SetSendAsap(o, true);
	/* A request has a subscription of its own for a moment, not one more thread for good. */
	if (s == NATS_OK)
		s = natsOptions_UseOldRequestStyle(o, true);
	if (s == NATS_OK)
		s = natsOptions_SetErrorHandler(o, nats_on_error, n);
	if (s == NATS_OK)
		s = natsOptions_SetClosedCB(o, nats_on_closed, n);
	if (s == NATS_OK)
		s = set_user(n, o);
	if (s == NATS_OK)
		s = set_tls(n, o);
	if (s == NATS_OK)
		return o;
	const char *text = nats_GetLastError(&last);
	dest_why(&n->io, 0, "cannot prepare a connection: %s", text ? text : natsStatus_GetText(s));
	natsOptions_Destroy(o);
	return NULL;
}

/* Write {"subject":"..."}, the subject as a string of JSON. */
static void write_question(char question[static QUESTION_MAX], const char *subject)
{
	size_t len = (size_t)snprintf(question, QUESTION_MAX, "{\"subject\":\"");

	for (; *subject && len < QUESTION_MAX - 4; subject++) {
		if (*subject == '"' || *subject == '\\')
			question[len++] = '\\';
		question[len++] = *subject;
	}
	snprintf(question + len, QUESTION_MAX - len, "\"}");
}

int nats_find_stream(struct nats_dest *n, int64_t timeout_ms)
{
	const char *subject = n->io.config->topic;
	char question[QUESTION_MAX], text[NATS_ACK_TEXT_MAX];
	natsMsg *answer = NULL;

	write_question(question, subject);
	natsStatus s = natsConnection_Request(&answer, n->connection, API_NAMES, question,
					      (int)strlen(question), timeout_ms);
	if (s == NATS_NO_RESPONDERS) {
		dest_why(&n->io, 0,
			 "the server has no JetStream for this user: start it with -js, or enable it for "
			 "the account");
		return -ENOENT;
	}
	if (s != NATS_OK)
		return -ETIMEDOUT;
	int count = nats_names_read(natsMsg_GetData(answer), natsMsg_GetDataLength(answer), text);
	natsMsg_Destroy(answer);
	if (count < 0)
		dest_why(&n->io, 0, "JetStream does not tell the stream of subject %.64s: %s", subject, text);
	else if (count == 0)
		dest_why(&n->io, 0,
			 "no stream takes subject %.64s: create one, or name another subject with -topic",
			 subject);
	return count > 0 ? 0 : -ENOENT;
}

/* The largest envelope follows the server's max_payload, when that is another than before. */
static void learn_payload(struct nats_dest *n)
{
	int64_t max = natsConnection_GetMaxPayload(n->connection);

	if (max == n->max_payload)
		return;
	n->max_payload = max;
	__atomic_store_n(&n->io.max_envelope,
			 max > 2 * NATS_HEADERS_MAX ? (size_t)max - NATS_HEADERS_MAX : NATS_HEADERS_MAX,
			 __ATOMIC_RELAXED);
}

/* Listen for answers below an inbox of this connection. */
static natsStatus listen_for_answers(struct nats_dest *n)
{
	char subject[NATS_REPLY_MAX];
	natsStatus s = natsInbox_Create(&n->inbox);

	if (s != NATS_OK)
		return s;
	snprintf(subject, sizeof(subject), "%.*s.*", NATS_INBOX_MAX, n->inbox);
	return natsConnection_Subscribe(&n->answers, n->connection, subject, nats_on_answer, n);
}

static int open_one(struct nats_dest *n, const char *server)
{
	natsOptions *o = options_for(n, server);

	if (!o)
		return -EIO;
	natsStatus s = natsConnection_Connect(&n->connection, o), last;
	if (s == NATS_OK)
		s = listen_for_answers(n);
	natsOptions_Destroy(o);
	if (s != NATS_OK) {
		const char *text = nats_GetLastError(&last);
		explain(n, server, s, text ? text : "");
		nats_link_close(n);
		return -EIO;
	}
	learn_payload(n);
	int r = nats_find_stream(n, ASK_MS);
	if (r == -ENOENT)
		nats_link_close(n);
	else if (r == 0)
		dest_reached(&n->io);
	return r == -ENOENT ? r : 0;
}

int nats_link_open(struct nats_dest *n, int64_t deadline_ns)
{
	int r = -EIO;

	pthread_mutex_lock(&n->lock);
	n->denied[0] = '\0';
	pthread_mutex_unlock(&n->lock);
	for (size_t i = 0; i < n->server_count; i++) {
		r = open_one(n, n->servers[(n->first + i) % n->server_count]);
		if (r == 0 || clock_mono_ns() >= dest_deadline(&n->io, deadline_ns))
			break;
	}
	return r;
}

void nats_link_close(struct nats_dest *n)
{
	natsSubscription_Destroy(n->answers);
	natsConnection_Destroy(n->connection);
	natsInbox_Destroy(n->inbox);
	n->answers = NULL;
	n->connection = NULL;
	n->inbox = NULL;
	if (n->opened)
		nats_ReleaseThreadMemory();
}
