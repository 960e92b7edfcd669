/* SPDX-License-Identifier: MIT */
#ifndef ENRICH_ASN_DB_H
#define ENRICH_ASN_DB_H
/*
 * A file of autonomous systems by address, in MaxMind's format (.mmdb). It is read into memory, so that a file that is
 * written over, or cut off, while it is in use does no harm. What is read is checked where it is looked up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of a file; the memory that it takes. Those that exist have 8 to 60 MB. */
#define ASN_DB_MAX (512u << 20)

#define ASN_DB_TEXT_MAX 160

struct asn_db;

/* Return false when the build has no libmaxminddb. */
bool asn_db_built(void);

/*
 * Read the open file of that many bytes; fd stays the caller's. Write its type and age to text, or why it cannot be used. May
 * block. NULL with errno: EAGAIN for a file that had another size, EBADMSG for one that is no such file.
 */
struct asn_db *asn_db_read(int fd, size_t size, char text[static ASN_DB_TEXT_MAX]);
void asn_db_free(struct asn_db *db);

/*
 * Look an address of 4 or 16 bytes up, in network order. Set the number, 0 for an address that is not in the file. Return 0, or
 * -EBADMSG where the file is damaged. Any thread.
 */
int asn_db_find(const struct asn_db *db, const void *address, size_t len, uint32_t *number);

#endif
