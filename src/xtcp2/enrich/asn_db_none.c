/* SPDX-License-Identifier: MIT */
/* In place of asn_db.c, in a build without libmaxminddb: -asnFile is refused. */
#include <errno.h>
#include <stdio.h>

#include "enrich/asn_db.h"

bool asn_db_built(void)
{
	return false;
}

struct asn_db *asn_db_read(int fd, size_t size, char text[static ASN_DB_TEXT_MAX])
{
	snprintf(text, ASN_DB_TEXT_MAX, "this build has no libmaxminddb");
	errno = ENOTSUP;
	return NULL;
}

void asn_db_free(struct asn_db *db)
{
}

int asn_db_find(const struct asn_db *db, const void *address, size_t len, uint32_t *number)
{
	*number = 0;
	return 0;
}
