/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_ASN_H
#define ENRICH_ASN_H
/*
 * Theory of operation: autonomous systems
 *
 * A file (asn_db.h) tells the autonomous system of a remote address. It is read at the start, and again by a thread of its own
 * when another one stands in its place or it has another size or time; one that cannot be read, or is no such
 * file, is told once, and the one before it stays in use. A start does not fail for it: the file may come later.
 *
 * Each producer of records has a cache of ASN_CACHE addresses, found by their hash: a host talks to few peers again and
 * again, so that a look-up is seldom more than one comparison. A producer takes hold of the file in use with its first
 * record after asn_cache_flush() and lets go of it there: a file that is replaced is freed when the poll is over.
 */
#include <stdint.h>

#include "record/record.h"

/* A power of two; 24 bytes each. */
#define ASN_CACHE_ORDER 12
#define ASN_CACHE	(1u << ASN_CACHE_ORDER)

struct asn;
struct asn_cache;

/* Read the file, path, which is copied, and start the thread that looks for another one every_ns. NULL with errno. */
struct asn *asn_new(const char *path, int64_t every_ns);
/* All caches are freed before. What a thread that hangs uses is left behind (ticker.h). NULL is fine. */
void asn_free(struct asn *a);

/* Return a cache that borrows from a, or NULL. One thread at a time. */
struct asn_cache *asn_cache_new(struct asn *a);
void asn_cache_free(struct asn_cache *c);

/* Set the number of the remote address; 0 for an unknown one. Never blocks. */
void asn_to_record(struct asn_cache *c, struct record *record);
/* Add the counts to the stats and let go of the file. */
void asn_cache_flush(struct asn_cache *c);

#endif
