/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_QUERY_SERVER_H
#define CLICKHOUSE_QUERY_SERVER_H
/* Finds the server that a query goes to, or starts one for it. */
#include <sys/types.h>

#include "base/buf.h"
#include "clickhouse/password.h"
#include "clickhouse/service.h"

struct query_server {
	char url[320];
	char user[64], password[PASSWORD_MAX]; /* password: "" for none */
	pid_t child;			       /* started for this query; 0 for none */
	char end[96];			       /* of the child, for query_server_lost() */
};

/*
 * Without options->data: the server at options->listen. With it: the one that has the directory open, else a child, which has
 * the other options. May block for a server that is about to start or to end. 0, or -errno with a sentence in error.
 */
int query_server_open(struct query_server *s, struct options *options, struct buf *error);

/*
 * The connection has ended without an answer: wait for the end of the child, which causes that. Return whether it has ended
 * after a message of its own; else *why is a sentence, or NULL if it is not the child.
 */
bool query_server_lost(struct query_server *s, const char **why);

/* End the child, and wait for it. */
void query_server_close(struct query_server *s);

#endif
