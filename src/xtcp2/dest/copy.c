/* SPDX-License-Identifier: MIT */
#include "dest/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "record/encoder.h"
#include "stats/stats.h"

/* Return 0 or -errno. Remove a file that a full disk cut. A FIFO at path is an error, not a wait for a
 * reader. */
static int write_copy(const char *path, const struct buf *body)
{
	_cleanup_close_ int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < body->len) {
		ssize_t n = write(fd, body->data + done, body->len - done);
		if (n < 0 && errno != EINTR) {
			int err = errno;
			unlink(path);
			return -err;
		}
		if (n > 0)
			done += n;
	}
	return 0;
}

/* Between two lines about copies that cannot be written: a full disk fails every one. */
#define COPY_LOG_NS (60 * NS_PER_SEC)

void dest_copy(const struct dest_config *config, struct envelope *e, uint32_t number)
{
	static struct log_limit limit;
	uint64_t suppressed;
	const char *directory = config->capture_path && config->capture_path[0] ? config->capture_path : ".";
	char path[PATH_MAX];

	e->copied = true;
	int n = snprintf(path, sizeof(path), "%s/xtcp2-envelope-%06u.%s", directory, number,
			 config->encoder ? config->encoder->name : "bin");
	int r = n < (int)sizeof(path) ? write_copy(path, &e->body) : -ENAMETOOLONG;
	if (r < 0) {
		stat_add(STAT_CAPTURE_ERRORS, 1);
		if (log_limit_pass(&limit, COPY_LOG_NS, &suppressed))
			log_warn(
			    "destination",
			    "%s: cannot write the copy of an envelope: %s (%llu more since the last line)",
			    path, strerror(-r), (unsigned long long)suppressed);
		return;
	}
	stat_add(STAT_CAPTURE_FILES, 1);
}
