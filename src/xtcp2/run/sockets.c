/* SPDX-License-Identifier: MIT */
#include "run/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/listen.h"
#include "base/log.h"
#include "run/refusal.h"

/*
 * With -grpcReaders or -grpcAdmins every user must be able to connect; the peer's
 * credentials are checked for each connection in any case.
 */
#define MODE_OWN    0660
#define MODE_GROUPS 0666

/* Write the address as the option has it; "" for none. */

static void name_http(const struct config *c, char *name, size_t size)
{
	snprintf(name, size, "%s", c->prom_listen);
}

static void name_tcp(const struct config *c, char *name, size_t size)
{
	bool bare = strchr(c->grpc_listen, ':') && c->grpc_listen[0] != '[';

	*name = '\0';
	if (c->grpc_listen[0] && c->grpc_port)
		snprintf(name, size, bare ? "[%s]:%u" : "%s:%u", c->grpc_listen, c->grpc_port);
}

static void name_unix(const struct config *c, char *name, size_t size)
{
	snprintf(name, size, "%s", c->grpc_socket);
}

static int open_tcp(const struct config *c, const char *name, const struct privilege_user *user,
		    struct unix_socket *file, char *error, size_t size)
{
	return listen_open(name, error, size);
}

static int open_unix(const struct config *c, const char *name, const struct privilege_user *user,
		     struct unix_socket *file, char *error, size_t size)
{
	mode_t mode = c->grpc_readers[0] || c->grpc_admins[0] ? MODE_GROUPS : MODE_OWN;
	int r = unix_socket_listen(file, name, mode, user, error, size);

	return r < 0 ? r : file->fd;
}

static const struct {
	const char *flag;
	void (*name)(const struct config *c, char *name, size_t size);
	int (*open)(const struct config *c, const char *name, const struct privilege_user *user,
		    struct unix_socket *file, char *error, size_t size);
	const char *otherwise; /* what to do about an address in use */
} kinds[SOCKET_MAX_] = {
    [SOCKET_HTTP] = {"promListen", name_http, open_tcp, "; choose another, or none: -promListen="},
    [SOCKET_TCP] = {"grpcPort", name_tcp, open_tcp, "; choose another, or none: -grpcPort 0"},
    [SOCKET_UNIX] = {"grpcSocket", name_unix, open_unix, ""},
};

void sockets_init(struct sockets *s)
{
	for (int i = 0; i < SOCKET_MAX_; i++)
		s->rows[i].fd = s->rows[i].file.fd = -1;
}

/* Return whether an earlier row has the same address: it must not share a socket that was handed over. */
static bool taken(const struct sockets *s, int id)
{
	for (int i = 0; i < id; i++) {
		if (strcmp(s->rows[i].name, s->rows[id].name) == 0)
			return true;
	}
	return false;
}

/* Return whether failure is an error. The default UNIX socket may be unwritable or used by another daemon. */
static bool needed(const struct config *config, int id)
{
	return id != SOCKET_UNIX || strcmp(config->grpc_socket, option_find("grpcSocket")->default_text) != 0;
}

int sockets_open(struct sockets *s, const struct config *config, const struct privilege_user *user,
		 const struct handover *received)
{
	char error[400];

	for (int i = 0; i < SOCKET_MAX_; i++) {
		kinds[i].name(config, s->rows[i].name, sizeof(s->rows[i].name));
		if (!s->rows[i].name[0])
			continue;
		int fd = taken(s, i) ? -1 : handover_take(received, s->rows[i].name);
		if (fd < 0)
			fd = kinds[i].open(config, s->rows[i].name, user, &s->rows[i].file, error,
					   sizeof(error));
		if (fd < 0 && needed(config, i))
			return refuse(kinds[i].flag, " %s%s", error,
				      fd == -EADDRINUSE ? kinds[i].otherwise : "");
		if (fd < 0)
			log_notice("grpc", "no UNIX socket, and so no control over gRPC: -%s %s",
				   kinds[i].flag, error);
		s->rows[i].fd = fd;
	}
	return 0;
}

void sockets_settle(struct sockets *s)
{
	/* Without memory the name stays, which the next start replaces. */
	if (s->rows[SOCKET_UNIX].fd >= 0 && s->rows[SOCKET_UNIX].file.fd < 0)
		unix_socket_adopt(&s->rows[SOCKET_UNIX].file, s->rows[SOCKET_UNIX].name,
				  s->rows[SOCKET_UNIX].fd);
}

void sockets_close(struct sockets *s)
{
	for (int i = 0; i < SOCKET_MAX_; i++) {
		if (s->rows[i].file.fd >= 0)
			unix_socket_close(&s->rows[i].file);
		else if (s->rows[i].fd >= 0)
			close(s->rows[i].fd);
	}
	sockets_init(s);
}

int sockets_copy(const struct sockets *s, enum socket_id id)
{
	return s->rows[id].fd < 0 ? -1 : fcntl(s->rows[id].fd, F_DUPFD_CLOEXEC, 3);
}

void sockets_lend(const struct sockets *s, struct handover *left)
{
	for (int i = 0; i < SOCKET_MAX_; i++) {
		if (s->rows[i].fd >= 0)
			handover_leave(left, s->rows[i].name, s->rows[i].fd);
	}
}

void sockets_give(struct sockets *s, struct handover *left)
{
	sockets_lend(s, left);
	free(s->rows[SOCKET_UNIX].file.path);
	sockets_init(s);
}
