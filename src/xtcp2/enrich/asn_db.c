/* SPDX-License-Identifier: MIT */
#include "enrich/asn_db.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

struct asn_db {
	MMDB_s mmdb; /* of a file in memory that has no name */
};

bool asn_db_built(void)
{
	return true;
}

/* Copy the file into memory. Return its descriptor, or -errno. */
static int copy_of(int fd, size_t size)
{
	enum { CHUNK = 64 * 1024 };
	_cleanup_free_ char *chunk = malloc(CHUNK);
	_cleanup_close_ int memory = memfd_create("asn", MFD_CLOEXEC);
	size_t total = 0;

	if (!chunk || memory < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > size)
			return -EAGAIN;
		if (write(memory, chunk, (size_t)n) != n)
			return errno ? -errno : -EIO;
	}
	return total == size ? take_fd(memory) : -EAGAIN;
}

static void describe(const MMDB_s *mmdb, char text[static ASN_DB_TEXT_MAX])
{
	char day[16];
	struct tm tm;
	time_t built = (time_t)mmdb->metadata.build_epoch;

	if (!gmtime_r(&built, &tm) || !strftime(day, sizeof(day), "%F", &tm))
		strcpy(day, "?");
	snprintf(text, ASN_DB_TEXT_MAX, "%.80s of %s", mmdb->metadata.database_type, day);
}

struct asn_db *asn_db_read(int fd, size_t size, char text[static ASN_DB_TEXT_MAX])
{
	char path[64];
	_cleanup_close_ int memory = copy_of(fd, size);
	struct asn_db *db = memory < 0 ? NULL : calloc(1, sizeof(*db));

	if (!db) {
		errno = memory < 0 ? -memory : ENOMEM;
		snprintf(text, ASN_DB_TEXT_MAX, "%s", strerror(errno));
		return NULL;
	}
	/* The library takes a name only, and maps what that leads to. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	int status = MMDB_open(path, MMDB_MODE_MMAP, &db->mmdb);
	if (status != MMDB_SUCCESS) {
		snprintf(text, ASN_DB_TEXT_MAX, "%s", MMDB_strerror(status));
		free(db);
		/* It is our own memory that cannot be opened: for want of descriptors. */
		errno = status == MMDB_FILE_OPEN_ERROR	     ? EMFILE
			: status == MMDB_OUT_OF_MEMORY_ERROR ? ENOMEM
							     : EBADMSG;
		return NULL;
	}
	describe(&db->mmdb, text);
	return db;
}

void asn_db_free(struct asn_db *db)
{
	if (!db)
		return;
	MMDB_close(&db->mmdb);
	free(db);
}

/* "AS64500", as some publishers write a number. */
static uint32_t number_of_text(const MMDB_entry_data_s *data)
{
	uint32_t number = 0;

	if (data->data_size < 3 || data->data_size > 12 || memcmp(data->utf8_string, "AS", 2) != 0)
		return 0;
	for (const char *p = data->utf8_string + 2; p < data->utf8_string + data->data_size; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		number = number * 10 + (uint32_t)(*p - '0');
	}
	return number;
}

/* Take the number from an entry: of MaxMind and DB-IP, or of IPinfo. */
static int take_number(MMDB_entry_s *entry, uint32_t *number)
{
	MMDB_entry_data_s data;

	int status = MMDB_get_value(entry, &data, "autonomous_system_number", NULL);
	if (status == MMDB_SUCCESS && data.has_data && data.type == MMDB_DATA_TYPE_UINT32) {
		*number = data.uint32;
		return 0;
	}
	if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		status = MMDB_get_value(entry, &data, "asn", NULL);
	if (status == MMDB_SUCCESS && data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING)
		*number = number_of_text(&data);
	return status == MMDB_SUCCESS || status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ? 0 : -EBADMSG;
}

int asn_db_find(const struct asn_db *db, const void *address, size_t len, uint32_t *number)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	const struct sockaddr *a = len == 4 ? (const struct sockaddr *)&four : (const struct sockaddr *)&six;
	int error = MMDB_SUCCESS;

	*number = 0;
	if (len == 4)
		memcpy(&four.sin_addr, address, len);
	else if (len == 16)
		memcpy(&six.sin6_addr, address, len);
	else
		return 0;
	MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&db->mmdb, a, &error);
	if (error == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return 0;
	if (error != MMDB_SUCCESS)
		return -EBADMSG;
	return found.found_entry ? take_number(&found.entry, number) : 0;
}
