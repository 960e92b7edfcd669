/* SPDX-License-Identifier: MIT */
#ifndef RUN_SOCKETS_H
#define RUN_SOCKETS_H
/*
 * The daemon's listening sockets. They are opened before it drops privileges,
 * outlive the servers that accept on them, and are passed to the next process on a
 * restart in place. Main thread.
 */
#include "base/unix_socket.h"
#include "run/handover.h"

enum socket_id { SOCKET_HTTP, SOCKET_TCP, SOCKET_UNIX, SOCKET_MAX_ };

struct sockets {
	struct {
		int fd;			 /* -1: not configured, or failed and not required */
		struct unix_socket file; /* with a path: fd again, and its name, which goes with it */
		char name[HANDOVER_NAME_MAX];
	} rows[SOCKET_MAX_];
};

/* Set all to none, as sockets_close() accepts. */
void sockets_init(struct sockets *s);
/*
 * Open the configured sockets, or take those handed over; UNIX sockets belong to the
 * user. Return 0 or -errno, reported to refuse().
 */
int sockets_open(struct sockets *s, const struct config *config, const struct privilege_user *user,
		 const struct handover *received);
/* Take ownership of the names of inherited UNIX sockets: the previous process will not return. */
void sockets_settle(struct sockets *s);
void sockets_close(struct sockets *s);
/* Return a copy for the server, which owns it; -1 if there is none. */
int sockets_copy(const struct sockets *s, enum socket_id id);
/* Lend the sockets to a trial, valid until sockets_close(). */
void sockets_lend(const struct sockets *s, struct handover *left);
/* Give the sockets, with ownership, to the next process. */
void sockets_give(struct sockets *s, struct handover *left);

#endif
