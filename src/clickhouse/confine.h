/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_CONFINE_H
#define CLICKHOUSE_CONFINE_H
/*
 * The process gives up what it does not need before the engine runs: the rights of root, new privileges, core
 * dumps (they would hold the passwords) and, where the kernel has Landlock (5.13 and later), the rest of the file
 * system and of the network. Start-up code; before threads are started.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

/* Who to be: an all-zero one stays who it is. */
struct confine_identity {
	bool change;
	uid_t uid;
	gid_t gid;
	char name[64];
};

/*
 * Decides it. user: a name, or NULL or "" for the owner of the directory `data`, or, when that is not there yet,
 * xtcp2-clickhouse if there is such a user and else nobody. Root is never the answer unless it is the name.
 * 0, or -EPERM or -ENOENT with a sentence in error.
 */
int confine_identify(const char *user, const char *data, struct confine_identity *who, struct buf *error);

/* Becomes it. 0 or -errno. */
int confine_become(const struct confine_identity *who);

struct confine_places {
	const char *data;  /* the database: its files, but not the passwords beside them */
	const char *log;   /* file to be written, NULL or "" for none */
	const char *files; /* a directory to be read and written, NULL or "" for none */
	bool connect;	   /* TCP connections are needed */
};

/*
 * no_new_privs, no core dumps, Landlock. 1 with Landlock, 0 where the kernel has none, -errno with a sentence in
 * error. Everything of the data directory that the engine has to find must exist.
 */
int confine_process(const struct confine_places *places, struct buf *error);

#endif
