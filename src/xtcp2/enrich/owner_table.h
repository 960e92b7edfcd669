/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_OWNER_TABLE_H
#define ENRICH_OWNER_TABLE_H
/*
 * Theory of operation: owners that a source tells
 *
 * A source that sees the descriptors of all processes (BPF) tells before each poll who holds which socket. The table
 * keeps one such reading, whole: a new one replaces it when it is complete, so that a socket that closes meanwhile
 * still has its owner. Of several processes the one with the lowest number is named, the others are counted, as with
 * enrich/owners.h, which finds owners where no source tells them.
 *
 * Limits: the sockets that the table was made for, 16 bytes each and up to twice as many places; what is beyond has no
 * owner and is counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrich/owners.h"

struct owner_table;

/* For at most `sockets` sockets. NULL with errno. */
struct owner_table *owner_table_new(size_t sockets);
/* NULL is fine. */
void owner_table_free(struct owner_table *t);

/* Begin a reading. 0 or -ENOMEM. One thread reads at a time. */
int owner_table_begin(struct owner_table *t);
/*
 * Add a process, whose sockets follow. comm has OWNER_COMM_SIZE bytes, or fewer and a NUL. The same process
 * may come again at once (another of its threads) and counts once. 0 or -ENOMEM.
 */
int owner_table_process(struct owner_table *t, uint32_t pid, const char *comm, uint64_t place);
/* Add a socket that the last process holds. 0 or -ENOMEM. */
int owner_table_socket(struct owner_table *t, uint32_t inode);
/* Make the reading the one that counts; with `whole` false forget it. */
void owner_table_end(struct owner_table *t, bool whole);

/* Begin to load what owner_table_find() will look at. The thread that reads. */
void owner_table_prefetch(const struct owner_table *t, uint32_t inode);

/* Find who holds the socket. Return false when nobody is known. Any thread. */
bool owner_table_find(struct owner_table *t, uint32_t inode, struct owner *found);

#endif
