/* SPDX-License-Identifier: MIT */
#include "clickhouse/recording.h"

#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/protowire.h"
#include "clickhouse/sql.h"

/* Most bytes of a length. */
#define VARINT_MAX 10

/* Return whether something follows the first envelope of the file. */
static bool has_more_envelopes(const char *path)
{
	uint8_t head[VARINT_MAX];
	struct stat st;
	uint64_t envelope;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	ssize_t n = read(fd, head, sizeof(head));
	struct protowire length = {.p = head, .end = head + (n > 0 ? n : 0)};
	return protowire_varint(&length, &envelope) &&
	       (uint64_t)st.st_size - (uint64_t)(length.p - head) > envelope;
}

bool recording_is_read(struct str statement, struct buf *error)
{
	struct str path, format;
	size_t pos = 0;

	while (sql_next_file(statement.p, statement.len, &pos, &path, &format)) {
		char name[PATH_MAX];
		if (format.len != strlen("ProtobufList") ||
		    strncasecmp(format.p, "ProtobufList", format.len) != 0 || path.len >= sizeof(name))
			continue;
		memcpy(name, path.p, path.len);
		name[path.len] = '\0';
		if (!has_more_envelopes(name))
			continue;
		buf_printf(
		    error,
		    "%s has more than one envelope, of which file() reads one: insert it (xtcp2-clickhouse query -insert), or "
		    "convert it to a format that file() reads (xtcp2 cat -marshal jsonl).",
		    name);
		return true;
	}
	return false;
}
