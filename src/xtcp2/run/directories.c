/* SPDX-License-Identifier: MIT */
#include "run/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "config/config.h"
#include "run/refusal.h"

/* Tell whether the path is one of the default list. */
static bool is_usual(const char *path)
{
	size_t len = strlen(path);

	for (const char *p = option_find("netnsDirs")->default_text; *p;
	     p += strcspn(p, ","), p += *p == ',') {
		if (strcspn(p, ",") == len && memcmp(p, path, len) == 0)
			return true;
	}
	return false;
}

int directories_open(struct directories *d, const char *list, const struct handover *received)
{
	char *save = NULL;

	d->text = strdup(list);
	if (!d->text)
		return -ENOMEM;
	for (char *path = strtok_r(d->text, ",", &save); path; path = strtok_r(NULL, ",", &save)) {
		if (d->count == DIRECTORIES_MAX) {
			return refuse("netnsDirs", ": more than %d directories", DIRECTORIES_MAX);
		}
		d->fds[d->count] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		int error = errno;
		if (d->fds[d->count] < 0)
			d->fds[d->count] = handover_take(received, path);
		/* Hosts without containers lack the usual ones. */
		if (d->fds[d->count] < 0 && !is_usual(path))
			log_warn("netns", "-netnsDirs %s: %s; it is looked for again before each poll", path,
				 strerror(error));
		d->names[d->count] = path;
		d->paths[d->count++] = path;
	}
	return 0;
}

void directories_settle(struct directories *d)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->fds[i] < 0)
			continue;
		/* Prefer the path: a descriptor does not see what is mounted over it later. */
		if (faccessat(AT_FDCWD, d->paths[i], R_OK | X_OK, AT_EACCESS) == 0 || errno != EACCES) {
			close(d->fds[i]);
			d->fds[i] = -1;
			continue;
		}
		snprintf(d->ways[i], sizeof(d->ways[i]), "/proc/self/fd/%d", d->fds[i]);
		log_debug("xtcp2", "%s is reached through %s", d->paths[i], d->ways[i]);
		d->paths[i] = d->ways[i];
	}
}

void directories_give(struct directories *d, struct handover *left)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->fds[i] >= 0)
			handover_leave(left, d->names[i], take_fd(d->fds[i]));
	}
}

void directories_free(struct directories *d)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->fds[i] >= 0)
			close(d->fds[i]);
	}
	d->count = 0;
	free(d->text);
	d->text = NULL;
}
