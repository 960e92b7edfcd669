/* SPDX-License-Identifier: MIT */
#ifndef RUN_SOCKETS_H
#define RUN_SOCKETS_H
/*
 * The sockets that the daemon listens on. They are opened before it gives up
 * rights, outlive the servers that accept on them, and go over to the process that
 * starts over in place. Main thread.
 */
#include "base/unix_socket.h"
#include "run/handover.h"

enum socket_id { SOCKET_HTTP, SOCKET_TCP, SOCKET_UNIX, SOCKET_MAX_ };

struct sockets {
	struct {
		int fd;			 /* -1: not wanted, or not to be had and not needed */
		struct unix_socket file; /* with a path: fd again, and its name, which goes with it */
		char name[HANDOVER_NAME_MAX];
	} rows[SOCKET_MAX_];
};

/* None, which sockets_close() takes. */
void sockets_init(struct sockets *s);
/*
 * Those that the configuration asks for: handed over where they have been, or new,
 * with names that belong to the user. 0 or -errno, refused.
 */
int sockets_open(struct sockets *s, const struct config *config, const struct privilege_user *user,
		 const struct handover *received);
/* The process before is gone for good: names of sockets that it left are ours to remove in the end. */
void sockets_settle(struct sockets *s);
void sockets_close(struct sockets *s);
/* A copy for the server, which owns it; -1 when there is none. */
int sockets_copy(const struct sockets *s, enum socket_id id);
/* What a trial gets. Borrowed: valid until sockets_close(). */
void sockets_lend(const struct sockets *s, struct handover *left);
/* What the next process gets; nothing of it is ours any more. */
void sockets_give(struct sockets *s, struct handover *left);

#endif
