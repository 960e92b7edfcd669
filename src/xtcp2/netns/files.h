/* SPDX-License-Identifier: MIT */
#ifndef NETNS_FILES_H
#define NETNS_FILES_H
/*
 * Theory of operation: descriptors
 *
 * The socket in a namespace stays open between polls, because opening it anew means
 * entering and leaving the namespace. A host may have more namespaces than this
 * process may have descriptors (RLIMIT_NOFILE). So the number of open sockets is
 * limited to what leaves room for the other descriptors: those open at the start of
 * polling, those for entering namespaces, and clients. The worker closes a socket
 * beyond the limit after its dump and opens it anew in the next poll: this costs
 * time, but every namespace is read.
 *
 * If descriptors run out nevertheless (more clients than planned, a limit of the
 * whole host), the limit is lowered, and raised a little after each minute without
 * a shortage.
 *
 * Any thread, unless stated otherwise; the counts are for the whole process.
 */
#include <stdbool.h>
#include <stddef.h>

struct netns_table;

/* Set the limit from RLIMIT_NOFILE, the descriptors open now and the number of threads that enter
 * namespaces. Main thread. */
void netns_files_plan(unsigned threads);

/* Count a socket that was opened, or closed. */
void netns_files_opened(void);
void netns_files_closed(void);

/* Report that no descriptor was left for a socket. Lowers the limit. */
void netns_files_ran_out(void);

/* Return whether the open sockets are within the limit; if not, close the one just dumped. */
bool netns_files_keep(void);

/* Return the limit of sockets that stay open. */
size_t netns_files_kept_max(void);

/* Close idle sockets down to the limit. Main thread, between polls. */
void netns_files_trim(struct netns_table *table);

#endif
