/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "netns/link.h"
#include "netns/netns.h"
#include "netns/table_entry.h"
#include "netns/watch.h"
#include "stats/stats.h"

/* Slots of an empty index; it doubles when half full, so that probes stay short. */
#define INDEX_MIN 64

/* Interval between two log lines about directories and /proc. */
#define TABLE_LOG_NS (60 * NS_PER_SEC)

struct netns_table {
	struct netns_options options;
	struct loop *loop;
	struct netns_watch *watch; /* NULL without a loop or with own_only; so are the next two */
	struct netns_exits *exits;
	struct loop_watch let_go; /* a holder of a hidden namespace has ended; fd -1 without them */
	struct netns **entries;	  /* dense */
	size_t count, cap;
	uint32_t *index; /* open addressing over (dev, ino): position in entries + 1, 0 for free */
	size_t index_size;
	uint32_t scan;	 /* number of the last scan */
	dev_t nsfs_dev;	 /* st_dev of every namespace file */
	uint64_t denied; /* processes that the last scan was not allowed to look at */
	bool not_yet;	 /* the running scan met a plain file in a directory */
};

const char *const netns_directories[] = {"/run/netns", "/run/docker/netns", NULL};

static size_t slot_of(const struct netns_table *t, dev_t dev, ino_t ino)
{
	return hash_slot(ino ^ ((uint64_t)dev << 40), 32) & (t->index_size - 1);
}

static void index_insert(struct netns_table *t, size_t position)
{
	const struct netns *ns = t->entries[position];
	size_t slot = slot_of(t, ns->dev, ns->ino);

	while (t->index[slot])
		slot = (slot + 1) & (t->index_size - 1);
	t->index[slot] = (uint32_t)position + 1;
}

/* Rebuild the index with `size` slots, a power of two. */
static int index_build(struct netns_table *t, size_t size)
{
	uint32_t *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(t->index);
	t->index = index;
	t->index_size = size;
	for (size_t i = 0; i < t->count; i++)
		index_insert(t, i);
	return 0;
}

static struct table_entry *find(const struct netns_table *t, dev_t dev, ino_t ino)
{
	for (size_t slot = slot_of(t, dev, ino); t->index[slot]; slot = (slot + 1) & (t->index_size - 1)) {
		struct netns *ns = t->entries[t->index[slot] - 1];
		if (ns->ino == ino && ns->dev == dev)
			return table_entry_of(ns);
	}
	return NULL;
}

static int reserve(struct netns_table *t)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : INDEX_MIN / 2;
		struct netns **entries = realloc(t->entries, cap * sizeof(struct netns *));
		if (!entries)
			return -ENOMEM;
		t->entries = entries;
		t->cap = cap;
	}
	if ((t->count + 1) * 2 > t->index_size)
		return index_build(t, t->index_size ? t->index_size * 2 : INDEX_MIN);
	return 0;
}

/* Add an entry in state SEEN; it gets its name at the end of the scan. NULL without memory. */
static struct table_entry *add(struct netns_table *t, const struct stat *st)
{
	struct table_entry *e = calloc(1, sizeof(*e));

	if (!e || reserve(t) < 0) {
		free(e);
		stat_add(STAT_NETNS_ERR_LIMIT, 1);
		return NULL;
	}
	e->ns.ino = st->st_ino;
	e->ns.dev = st->st_dev;
	e->ns.nsid = -1;
	e->way_fd = e->other.ns_fd = -1;
	e->ns.read_ns = clock_mono_ns();
	t->entries[t->count] = &e->ns;
	index_insert(t, t->count++);
	return e;
}

/* Return the entry of the namespace file, after adding a new one. Reset its scan fields on the first sight in
 * a scan. */
static struct table_entry *observe(struct netns_table *t, const struct stat *st)
{
	struct table_entry *e = find(t, st->st_dev, st->st_ino);

	if (!e)
		e = add(t, st);
	if (!e || e->ns.seen == t->scan)
		return e;
	e->ns.seen = t->scan;
	table_entry_scan_begins(e);
	return e;
}

static void observe_process(void *data, pid_t pid, ino_t inode)
{
	struct netns_table *t = data;
	const struct stat st = {.st_dev = t->nsfs_dev, .st_ino = inode};
	struct table_entry *e = observe(t, &st);

	if (e)
		table_entry_seen_in_process(e, pid);
}

static void observe_mount(struct netns_table *t, const struct stat *st, const char *directory,
			  const char *file)
{
	struct table_entry *e = observe(t, st);

	if (e)
		table_entry_seen_mounted(e, directory, file);
}

static void observe_held(void *data, const struct holder *holder)
{
	const struct stat st = {.st_dev = holder->dev, .st_ino = holder->ino};
	struct table_entry *e = observe(data, &st);

	if (e)
		table_entry_seen_held(e, holder);
}

static void scan_directory(struct netns_table *t, const char *path)
{
	static struct log_limit limit;
	uint64_t suppressed;
	struct stat st;
	DIR *directory = opendir(path);

	if (!directory) {
		if (errno == ENOENT || errno == ENOTDIR)
			return;
		stat_add(errno == EACCES ? STAT_NETNS_ERR_DENIED : STAT_NETNS_ERR_OTHER, 1);
		if (log_limit_pass(&limit, TABLE_LOG_NS, &suppressed))
			log_warn("netns", "cannot read the directory %s: %s", path, strerror(errno));
		return;
	}
	for (struct dirent *d; (d = readdir(directory));) {
		if (d->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(directory), d->d_name, &st, 0) < 0)
			stat_add(errno == ENOENT ? STAT_NETNS_ERR_GONE : STAT_NETNS_ERR_OTHER, 1);
		else if (st.st_dev == t->nsfs_dev)
			observe_mount(t, &st, path, d->d_name);
		else if (S_ISREG(st.st_mode))
			t->not_yet = true; /* created, but the namespace is not mounted on it yet */
	}
	closedir(directory);
}

/* Look at one process. Return whether access was denied. */
static bool scan_process(struct netns_table *t, int proc_fd, const char *pid_text, pid_t pid)
{
	char path[sizeof("/ns/net") + 12];
	struct stat st;

	snprintf(path, sizeof(path), "%d/ns/net", pid);
	ino_t inode = link_inode(proc_fd, path);
	if (inode) {
		observe_process(t, pid, inode);
		return false;
	}
	if (errno == EACCES || errno == EPERM)
		return true;
	/* A zombie has no namespace any more; a process that ended during the scan is counted. */
	if (errno == ENOENT && fstatat(proc_fd, pid_text, &st, 0) == 0)
		return false;
	stat_add(errno == ENOENT || errno == ESRCH ? STAT_NETNS_ERR_GONE : STAT_NETNS_ERR_OTHER, 1);
	return false;
}

/* By the other way, where there is one. */
static bool scan_processes(struct netns_table *t)
{
	if (!t->options.processes || t->options.processes(t->options.processes_data, observe_process, t) < 0)
		return false;
	t->denied = 0;
	return true;
}

static void scan_proc(struct netns_table *t)
{
	static struct log_limit limit;
	uint64_t suppressed, denied = 0;
	DIR *proc = opendir("/proc");

	if (!proc) {
		stat_add(STAT_NETNS_ERR_OTHER, 1);
		if (log_limit_pass(&limit, TABLE_LOG_NS, &suppressed))
			log_warn("netns", "cannot read /proc: %s", strerror(errno));
		return;
	}
	for (struct dirent *d; (d = readdir(proc));) {
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
			denied += scan_process(t, dirfd(proc), d->d_name, atoi(d->d_name));
	}
	closedir(proc);
	/* The same processes are inaccessible in each scan: log only when there are more. */
	if (denied > t->denied) {
		stat_add(STAT_NETNS_ERR_DENIED, denied - t->denied);
		if (t->denied == 0)
			log_notice(
			    "netns",
			    "no permission to see the namespace of %llu process%s; CAP_SYS_PTRACE shows all "
			    "but those of outer user namespaces",
			    (unsigned long long)denied, denied == 1 ? "" : "es");
	}
	t->denied = denied;
}

static void settle(struct netns_table *t, struct table_entry *e)
{
	bool by_process;

	table_entry_settle_name(e);
	by_process = e->rank == NAME_PROCESS || e->rank == NAME_HELD;
	if (t->exits)
		netns_exits_watch(t->exits, &e->exit, by_process ? e->pid : 0);
}

/* Remove entries that the scan did not see and decide the names of the others. Return the number added. */
static uint64_t sweep(struct netns_table *t)
{
	size_t kept = 0, before = t->count;
	uint64_t added = 0;

	for (size_t i = 0; i < before; i++) {
		struct table_entry *e = table_entry_of(t->entries[i]);
		bool fresh = !e->ns.name;

		if (e->ns.seen == t->scan)
			settle(t, e);
		if ((e->ns.seen != t->scan && e->ns.state != NETNS_DUMPING) || !e->ns.name) {
			if (!fresh) {
				log_debug("netns", "namespace %s is gone", e->ns.name);
				stat_add(STAT_NETNS_REMOVED, 1);
			}
			table_entry_free(e);
			continue;
		}
		if (fresh)
			log_debug("netns", "namespace %s found at %s", e->ns.name, e->ns.path);
		added += fresh;
		t->entries[kept++] = &e->ns;
	}
	t->count = kept;
	if (kept == before)
		return added;
	size_t size = t->index_size;
	while (size > INDEX_MIN && kept * 8 < size)
		size /= 2;
	if (index_build(t, size) < 0) {
		/* The old array is large enough: rebuild in place. */
		memset(t->index, 0, t->index_size * sizeof(*t->index));
		for (size_t i = 0; i < kept; i++)
			index_insert(t, i);
	}
	return added;
}

void netns_table_scan(struct netns_table *t)
{
	int64_t start = clock_mono_ns();
	struct stat own;

	t->scan++;
	t->not_yet = false;
	if (t->watch)
		netns_watch_rearm(t->watch);
	if (stat("/proc/self/ns/net", &own) == 0) {
		struct table_entry *e = observe(t, &own);
		if (e)
			e->ns.own = true;
	}
	if (!t->options.own_only) {
		for (size_t i = 0; t->options.directories[i]; i++)
			scan_directory(t, t->options.directories[i]);
		if (t->options.scan_proc && !scan_processes(t))
			scan_proc(t);
		if (t->options.hidden)
			hidden_each(t->options.hidden, observe_held, t);
	}
	stat_add(STAT_NETNS_ADDED, sweep(t));
	stat_set(STAT_NETNS, t->count);
	if (t->not_yet && t->watch)
		netns_watch_retry(t->watch);
	stat_add(STAT_NETNS_SCANS, 1);
	int64_t took = clock_mono_ns() - start;
	stat_add(STAT_NETNS_SCAN_NS, (uint64_t)took);
	if (t->exits)
		netns_exits_scanned(t->exits, took);
	if (t->options.on_scanned)
		t->options.on_scanned(t->options.scanned_data, t->entries, t->count);
}

struct netns **netns_table_entries(struct netns_table *t, size_t *count)
{
	*count = t->count;
	return t->entries;
}

struct netns *netns_table_find_by_inode(struct netns_table *t, ino_t ino)
{
	struct table_entry *e = find(t, t->nsfs_dev, ino);

	return e ? &e->ns : NULL;
}

struct netns *netns_table_find_by_cookie(struct netns_table *t, uint64_t cookie)
{
	for (size_t i = 0; i < t->count && cookie; i++) {
		if (t->entries[i]->cookie == cookie)
			return t->entries[i];
	}
	return NULL;
}

static void on_let_go(struct loop_watch *w, uint32_t events)
{
	struct netns_table *t = w->data;

	hidden_let_go_read(t->options.hidden);
	netns_exits_hurry(t->exits);
}

/* Start the watches that report changes between scans. 0 or -errno. */
static int watches_open(struct netns_table *t, struct loop *loop, void (*on_change)(void *data), void *data)
{
	t->watch = netns_watch_new(loop, t->options.directories, on_change, data);
	if (!t->watch)
		return -errno;
	t->exits = on_change ? netns_exits_new(loop, on_change, data) : NULL;
	if (!t->exits)
		return on_change ? -errno : 0;
	t->loop = loop;
	if (!t->options.hidden)
		return 0;
	t->let_go.fd = hidden_let_go_fd(t->options.hidden);
	return loop_add(loop, &t->let_go, EPOLLIN);
}

/* Add the own namespace. */
static int table_init(struct netns_table *t)
{
	struct stat own;

	if (index_build(t, INDEX_MIN) < 0)
		return -ENOMEM;
	if (stat("/proc/self/ns/net", &own) < 0)
		return -errno;
	t->nsfs_dev = own.st_dev;
	t->scan = 1;
	struct table_entry *e = observe(t, &own);
	if (!e)
		return -ENOMEM;
	e->ns.own = true;
	stat_add(STAT_NETNS_ADDED, sweep(t));
	stat_set(STAT_NETNS, t->count);
	return t->count ? 0 : -ENOMEM;
}

struct netns_table *netns_table_new(struct loop *loop, const struct netns_options *options,
				    void (*on_change)(void *data), void *data)
{
	static const char *const none[] = {NULL};
	struct netns_table *t = calloc(1, sizeof(*t));
	int r = -ENOMEM;

	if (!t)
		return NULL;
	t->options = *options;
	t->let_go = (struct loop_watch){.fd = -1, .name = "hidden namespaces", .fn = on_let_go, .data = t};
	if (!t->options.directories)
		t->options.directories = none;
	r = table_init(t);
	if (r == 0 && loop && !options->own_only) {
		r = watches_open(t, loop, on_change, data);
	}
	if (r < 0) {
		netns_table_free(t);
		errno = -r;
		return NULL;
	}
	return t;
}

void netns_table_free(struct netns_table *t)
{
	if (!t)
		return;
	netns_watch_free(t->watch);
	for (size_t i = 0; i < t->count; i++)
		table_entry_free(table_entry_of(t->entries[i]));
	if (t->let_go.fd >= 0)
		loop_remove(t->loop, &t->let_go);
	netns_exits_free(t->exits);
	free(t->entries);
	free(t->index);
	free(t);
}
