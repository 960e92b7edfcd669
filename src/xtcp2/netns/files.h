/* SPDX-License-Identifier: MIT */
#ifndef NETNS_FILES_H
#define NETNS_FILES_H
/*
 * Theory of operation: descriptors
 *
 * The socket in a namespace is kept open between polls, because making it anew
 * costs a way in and out. A host may have more namespaces than this process may
 * have descriptors (RLIMIT_NOFILE). So only as many sockets are kept as leave
 * room for what else needs one: what was open when the poll started, entering
 * namespaces, clients. Sockets beyond that are closed by the worker that has
 * dumped with them and made anew in the next poll: it costs time, no namespace.
 *
 * If descriptors run out all the same (more clients than planned for, a limit of
 * the whole host), fewer are kept from then on, and a few more again with
 * each minute in which none was missing.
 *
 * Any thread but for what is said otherwise; the numbers are of the process.
 */
#include <stdbool.h>
#include <stddef.h>

struct netns_table;

/* Plans with the limit and what is open now, for so many threads that enter namespaces. Main thread. */
void netns_files_plan(unsigned threads);

/* A socket was made, or closed. */
void netns_files_opened(void);
void netns_files_closed(void);

/* There was no descriptor left to make one. */
void netns_files_ran_out(void);

/* Whether sockets now open may stay so; false: close the one that was dumped last. */
bool netns_files_keep(void);

/* How many are kept at most. */
size_t netns_files_kept_max(void);

/* Between polls, main thread: closes idle sockets until no more are open than may be kept. */
void netns_files_trim(struct netns_table *table);

#endif
