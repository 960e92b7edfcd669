/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_QUERY_H
#define CLICKHOUSE_QUERY_H
/*
 * xtcp2-clickhouse query: sends one statement to a server over HTTP and prints the result. With -data the server is the one
 * that has the directory open, or else a child of this process that ends with it.
 */

/* argv[0] is the subcommand. Exit status: 0 done, 1 the statement or the way to the server failed, 2 bad usage. */
int query_run(int argc, char **argv);

#endif
