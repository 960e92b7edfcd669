/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: names
 *
 * Each mount and each process of a namespace gives it a name; one is kept. A mount
 * has a higher rank than a process, and a process than a thread or socket that holds
 * the namespace from outside. The name in use stays as long as it is valid, so that
 * records of one namespace do not change their name from poll to poll. During a scan
 * each entry notes whether its name was confirmed, and the best other name. At the end
 * the other name is taken if the old one was not confirmed or has a lower rank.
 */
#include "netns/table_entry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/utf8.h"

void table_entry_free(struct table_entry *e)
{
	if (!e)
		return;
	netns_exit_end(&e->exit);
	netns_close(&e->ns);
	if (e->ns.socket)
		e->ns.socket_ops->free(e->ns.socket);
	if (e->ns.enrichment)
		e->ns.enrichment_free(e->ns.enrichment);
	free(e->ns.name);
	free(e->ns.path);
	free(e->other_path);
	cleanup_closep(&e->way_fd);
	cleanup_closep(&e->other.ns_fd);
	free(e);
}

void table_entry_scan_begins(struct table_entry *e)
{
	e->ns.processes = 0;
	e->ns.pid = 0;
	e->confirmed = e->rank == NAME_SELF;
	e->other_pid = 0;
	cleanup_closep(&e->other.ns_fd);
	e->other = (struct holder){.ns_fd = -1};
	if (e->ns.state == NETNS_GONE)
		e->ns.state = NETNS_SEEN;
}

void table_entry_seen_in_process(struct table_entry *e, pid_t pid)
{
	if (e->ns.processes++ == 0)
		e->ns.pid = pid;
	if (e->rank == NAME_PROCESS && e->pid == pid)
		e->confirmed = true;
	else if (!e->other_pid)
		e->other_pid = pid;
}

void table_entry_seen_mounted(struct table_entry *e, const char *directory, const char *file)
{
	size_t len = strlen(directory);

	if (e->rank == NAME_MOUNT && strncmp(e->ns.path, directory, len) == 0 && e->ns.path[len] == '/' &&
	    strcmp(e->ns.path + len + 1, file) == 0)
		e->confirmed = true;
	else if (!e->other_path && asprintf(&e->other_path, "%s/%s", directory, file) < 0)
		e->other_path = NULL;
}

void table_entry_seen_held(struct table_entry *e, const struct holder *holder)
{
	if (e->confirmed || e->other_path || e->other_pid) /* it is not hidden */
		return;
	if (e->ns.pid == 0)
		e->ns.pid = holder->pid;
	if (e->rank == NAME_HELD && e->pid == holder->pid && e->id == holder->id) {
		e->confirmed = true;
		return;
	}
	e->other = *holder;
	if (holder->ns_fd >= 0)
		e->other.ns_fd = fcntl(holder->ns_fd, F_DUPFD_CLOEXEC, 0);
}

/* A file name may be any bytes; the name in a record is UTF-8 text: replace invalid bytes by '?'. */
static char *name_of_file(const char *file)
{
	char *name = strndup(file, NETNS_NAME_MAX - 1);

	for (unsigned char *s = (unsigned char *)name; s && *s;) {
		size_t len = utf8_length(s, strlen((char *)s));
		if (len == 0 || *s < ' ' || *s == 0x7f) {
			*s = '?';
			len = 1;
		}
		s += len;
	}
	return name;
}

/* Set name and path of the entry; takes ownership of path. Without memory the old ones stay. */
static void rename_entry(struct table_entry *e, enum name_rank rank, pid_t pid, char *name, char *path)
{
	if (!name || !path) {
		free(name);
		free(path);
		return;
	}
	if (e->ns.name)
		log_debug("netns", "namespace %s is now called %s", e->ns.name, name);
	free(e->ns.name);
	free(e->ns.path);
	e->ns.name = name;
	e->ns.path = path;
	e->rank = rank;
	e->pid = pid;
	cleanup_closep(&e->way_fd);
	e->way_fd = -1;
	/* The namespace may be accessible by the new path. */
	if (e->ns.state == NETNS_BLOCKED)
		e->ns.retry_ns = 0;
}

static void name_process(struct table_entry *e, pid_t pid)
{
	char *name = NULL, *path = NULL;

	if (asprintf(&name, "pid:%d", pid) < 0)
		name = NULL;
	if (asprintf(&path, "/proc/%d/ns/net", pid) < 0)
		path = NULL;
	rename_entry(e, NAME_PROCESS, pid, name, path);
}

static void name_held(struct table_entry *e)
{
	struct holder *o = &e->other;
	char *name = NULL, *path = NULL;
	int n = o->sock ? asprintf(&name, "socket:%d", o->pid) : asprintf(&name, "tid:%d", o->id);
	int p = o->sock ? asprintf(&path, "/proc/self/fd/%d", o->ns_fd)
			: asprintf(&path, "/proc/%d/task/%d/ns/net", o->pid, o->id);

	rename_entry(e, NAME_HELD, o->pid, n < 0 ? NULL : name, p < 0 ? NULL : path);
	e->id = o->id;
	e->way_fd = take_fd(o->ns_fd);
}

static void name_self(struct table_entry *e)
{
	rename_entry(e, NAME_SELF, 0, strdup("self"), strdup("/proc/self/ns/net"));
}

void table_entry_settle_name(struct table_entry *e)
{
	if (e->other_path && (!e->confirmed || e->rank < NAME_MOUNT)) {
		const char *file = strrchr(e->other_path, '/') + 1;
		char *name = name_of_file(file);
		rename_entry(e, NAME_MOUNT, 0, name, take_ptr(e->other_path));
	} else if (!e->confirmed && e->ns.own) {
		name_self(e);
	} else if (e->other_pid && (!e->confirmed || e->rank < NAME_PROCESS)) {
		name_process(e, e->other_pid);
	} else if (!e->confirmed && e->other.pid && (!e->other.sock || e->other.ns_fd >= 0)) {
		name_held(e);
	}
	free(take_ptr(e->other_path));
}
