/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * valkey:HOST:PORT, a server of Valkey or Redis; hiredis writes commands and reads replies. Each envelope is one
 * command on the key -topic, by -valkeyCommand:
 *   xadd     an entry of a stream, in its field "envelope"; -valkeyMaxLength trims the stream
 *   lpush    an element at the head of a list
 *   publish  a message of a channel; nobody keeps it, so one without a subscriber is sent again later
 *
 * An envelope is sent when the server has replied to its command, and only then comes the next: envelopes are large, so
 * that a round trip for each costs little, and at most one is sent again, and may be there twice, when the connection
 * breaks. The descriptor does not block: dest_stop() ends each wait.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "dest/address.h"
#include "dest/password.h"

/* Size of one read of replies. */
#define READ_BYTES 4096
/* Bytes without a whole reply after which the peer is no such server: replies are some 30 bytes, errors a line. */
#define REPLY_MAX  (64 << 10)
/* Words of a command at most: XADD KEY MAXLEN ~ N * envelope BODY */
#define WORDS_MAX  8
/* Longest password, with the NUL. */
#define SECRET_MAX 512

struct valkey_dest {
	struct dest_io io;
	struct host_port host;
	char secret[SECRET_MAX];
	char max_length[24]; /* "" for no limit */
	int fd;
	redisReader *reader;
	bool proven; /* the connection has stored something */
};

static const char *command(const struct valkey_dest *v)
{
	return v->io.config->valkey_command ? v->io.config->valkey_command : "xadd";
}

static int valkey_parse(struct dest_io *io, const char *address)
{
	struct valkey_dest *v = (struct valkey_dest *)io;

	v->fd = -1;
	int r = host_port_parse(io, address, &v->host);
	if (r < 0)
		return r;
	if (!io->config->topic || !*io->config->topic) {
		dest_why(io, 0, "has no -topic, which names the key");
		return -EINVAL;
	}
	if (io->config->valkey_max_length)
		snprintf(v->max_length, sizeof(v->max_length), "%" PRIu64, io->config->valkey_max_length);
	return password_read(io, "destPasswordFile", io->config->dest_password_file, v->secret,
			     sizeof(v->secret));
}

/* Write all of it. Return 0, or -errno with why. */
static int write_all(struct valkey_dest *v, const char *data, size_t len, int64_t deadline_ns)
{
	while (len > 0) {
		ssize_t n = send(v->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err = n < 0 ? errno : 0;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		if (err == EAGAIN || err == EINTR)
			err = -dest_wait(&v->io, v->fd, POLLOUT, deadline_ns);
		if (err == ETIMEDOUT)
			dest_why(&v->io, 0, "the server has read nothing within -produceTimeout");
		else if (err)
			dest_why(&v->io, err, "send");
		if (err)
			return -err;
	}
	return 0;
}

static int write_command(struct valkey_dest *v, int words, const char *argv[], const size_t *lengths,
			 int64_t deadline_ns)
{
	char *text = NULL;
	long long len = redisFormatCommandArgv(&text, words, argv, lengths);

	if (len < 0) {
		dest_why(&v->io, 0, "out of memory");
		return -ENOMEM;
	}
	int r = write_all(v, text, (size_t)len, deadline_ns);
	redisFreeCommand(text);
	return r;
}

/* Make an error reply io's why, as one line. */
static void explain_error(struct valkey_dest *v, const redisReply *reply)
{
	const char *hint = "", *text = reply->str;
	char line[DEST_WHY_MAX / 2];

	if (strncmp(text, "NOAUTH", 6) == 0 || strncmp(text, "WRONGPASS", 9) == 0 ||
	    strstr(text, "invalid password"))
		hint = ": -destPasswordFile, and -destUser for another user than the default";
	else if (strncmp(text, "NOPERM", 6) == 0)
		hint = ": let the user run -valkeyCommand on the key";
	else if (strncmp(text, "WRONGTYPE", 9) == 0)
		hint = ": name another key with -topic, or another -valkeyCommand";
	else if (strncmp(text, "OOM", 3) == 0)
		hint = ": raise the server's maxmemory, or bound the stream with -valkeyMaxLength";
	else if (strncmp(text, "READONLY", 8) == 0)
		hint = ": name the primary in -dest";
	snprintf(line, sizeof(line), "%s", text);
	for (char *c = line; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	dest_why(&v->io, 0, "the server refuses (%s)%s", line, hint);
}

/* Tell whether the reply means that the command has done what is wanted; else io's why is set. */
static bool accepted(struct valkey_dest *v, const char *name, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		explain_error(v, reply);
		return false;
	}
	if (strcmp(name, "publish") != 0)
		return true;
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0)
		return true;
	dest_why(&v->io, 0, "channel %.64s has no subscriber", v->io.config->topic);
	return false;
}

/*
 * Tell whether a reply begins with this byte: a status, an error, a number or a string. A list is none of ours, and hiredis would
 * make room for as many elements as the peer says.
 */
static bool may_begin(char first)
{
	return first == '+' || first == '-' || first == ':' || first == '$';
}

/* Write a command and wait for its reply, which the caller frees. NULL with why. */
static redisReply *ask(struct valkey_dest *v, int words, const char *argv[], const size_t *lengths,
		       int64_t deadline_ns)
{
	char data[READ_BYTES];
	size_t unread = 0;
	void *reply = NULL;

	if (write_command(v, words, argv, lengths, deadline_ns) < 0)
		return NULL;
	while (redisReaderGetReply(v->reader, &reply) == REDIS_OK && unread < REPLY_MAX) {
		/* More than one reply: the next command would take the second for its own. */
		if (reply && v->reader->pos < v->reader->len)
			break;
		if (reply)
			return reply;
		int r = dest_wait(&v->io, v->fd, POLLIN, deadline_ns);
		ssize_t n = r < 0 ? 0 : recv(v->fd, data, sizeof(data), MSG_DONTWAIT);
		if (r < 0 || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			int err = r < 0 ? -r : n < 0 ? errno : ECONNRESET;
			dest_why(&v->io, err == ETIMEDOUT ? 0 : err, "%s",
				 err == ETIMEDOUT ? "no reply within -produceTimeout" : "connection");
			return NULL;
		}
		if (n > 0 && unread == 0 && !may_begin(data[0]))
			break;
		unread += n > 0 ? (size_t)n : 0;
		if (n > 0 && redisReaderFeed(v->reader, data, (size_t)n) != REDIS_OK)
			break;
	}
	freeReplyObject(reply);
	dest_why(&v->io, 0, "the peer does not answer like Valkey or Redis");
	return NULL;
}

/* Tell whether a command is accepted; else io's why is set. */
static bool succeeds(struct valkey_dest *v, int words, const char *argv[], const size_t *lengths,
		     int64_t deadline_ns)
{
	redisReply *reply = ask(v, words, argv, lengths, deadline_ns);
	bool ok = reply && accepted(v, argv[0], reply);

	freeReplyObject(reply);
	return ok;
}

static bool log_in(struct valkey_dest *v, int64_t deadline_ns)
{
	const char *user = v->io.config->dest_user;
	bool named = user && *user;
	const char *auth[] = {"AUTH", named ? user : v->secret, v->secret}, *ping[] = {"PING"};

	if (v->secret[0] && !succeeds(v, named ? 3 : 2, auth, NULL, deadline_ns))
		return false;
	return succeeds(v, 1, ping, NULL, deadline_ns);
}

static int valkey_connect(struct dest_io *io, int64_t deadline_ns)
{
	struct valkey_dest *v = (struct valkey_dest *)io;
	int on = 1;

	v->fd = host_port_connect(io, &v->host, SOCK_STREAM, deadline_ns);
	if (v->fd < 0)
		return v->fd;
	(void)setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(v->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	v->reader = redisReaderCreate();
	if (!v->reader) {
		dest_why(io, 0, "out of memory");
		return -ENOMEM;
	}
	v->proven = false;
	if (!log_in(v, deadline_ns))
		return -EACCES;
	if (strcmp(command(v), "publish") != 0)
		dest_reached(io);
	return 0;
}

/* Write the words before the body. Return their number. */
static int words_of(const struct valkey_dest *v, const char *words[static WORDS_MAX])
{
	const char *name = command(v);
	int n = 0;

	words[n++] = name;
	words[n++] = v->io.config->topic;
	if (strcmp(name, "xadd") != 0)
		return n;
	if (v->max_length[0]) {
		words[n++] = "MAXLEN";
		words[n++] = "~";
		words[n++] = v->max_length;
	}
	words[n++] = "*";
	words[n++] = "envelope";
	return n;
}

static enum dest_result valkey_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct valkey_dest *v = (struct valkey_dest *)io;
	const char *words[WORDS_MAX];
	size_t lengths[WORDS_MAX];
	int n = words_of(v, words);
	for (int i = 0; i < n; i++)
		lengths[i] = strlen(words[i]);
	words[n] = (const char *)e->body.data;
	lengths[n] = e->body.len;
	if (!succeeds(v, n + 1, words, lengths, deadline_ns))
		return DEST_RETRY;
	v->proven = true;
	return DEST_SENT;
}

static void valkey_disconnect(struct dest_io *io)
{
	struct valkey_dest *v = (struct valkey_dest *)io;

	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	if (v->reader)
		redisReaderFree(v->reader);
	v->reader = NULL;
	if (!v->proven)
		v->host.first++;
}

static int valkey_idle_fd(struct dest_io *io, short *events)
{
	*events = POLLIN;
	return ((struct valkey_dest *)io)->fd;
}

/* Nothing was asked: whatever comes is the end of the connection. */
static enum dest_result valkey_idle(struct dest_io *io, short revents)
{
	dest_why(io, 0, "the server closed the connection");
	return DEST_RETRY;
}

static void valkey_free(struct dest_io *io)
{
	struct valkey_dest *v = (struct valkey_dest *)io;

	explicit_bzero(v->secret, sizeof(v->secret));
}

const struct dest_ops dest_valkey_ops = {
    .state_size = sizeof(struct valkey_dest),
    .lazy = true,
    .parse = valkey_parse,
    .connect = valkey_connect,
    .send = valkey_send,
    .disconnect = valkey_disconnect,
    .idle_fd = valkey_idle_fd,
    .idle = valkey_idle,
    .free = valkey_free,
};
