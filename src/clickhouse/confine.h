/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_CONFINE_H
#define CLICKHOUSE_CONFINE_H
/*
 * Confines the process before the engine runs: no rights of root, no new privileges, no core dumps (they
 * would hold the passwords) and, with Landlock (Linux 5.13 and later), no access to other files and other
 * networks. Start-up code; before threads are started.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

/* The user to become; all zero for no change. */
struct confine_identity {
	bool change;
	uid_t uid;
	gid_t gid;
	char name[64];
};

/*
 * Find the user to become: `user` by name, or for NULL and "" the owner of the directory `data`; if that is
 * missing, xtcp2-clickhouse if the user exists, else nobody. Never root, unless it is named. 0, or -EPERM,
 * -ENOTDIR or -ENOENT with a sentence in error.
 */
int confine_identify(const char *user, const char *data, struct confine_identity *who, struct buf *error);

/* Become the user. 0 or -errno. */
int confine_become(const struct confine_identity *who);

struct confine_places {
	const char *data;  /* the database: its files, without the passwords in the same directory */
	const char *log;   /* a file to write, NULL or "" for none */
	const char *files; /* a directory to read and write, NULL or "" for none */
	bool connect;	   /* TCP connections are needed */
};

/*
 * Set no_new_privs, disable core dumps, apply Landlock. 1 with Landlock, 0 without support in the kernel,
 * -errno with a sentence in error. The parts of the data directory that the engine needs must exist.
 */
int confine_process(const struct confine_places *places, struct buf *error);

#endif
