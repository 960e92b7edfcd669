/* SPDX-License-Identifier: MIT */
#include "netns/files.h"

#include <stdint.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "netns/netns.h"
#include "stats/stats.h"

/* Descriptors that a thread needs to enter a namespace: its own namespace, the other one, the socket. */
#define FILES_TO_ENTER 3

/* Descriptors left for connections of clients and destinations: a part of the limit, at most this many. */
#define FILES_CLIENTS_PART 2
#define FILES_CLIENTS_MAX  1408

/* Without netns_files_plan() (tools) nothing is closed before descriptors run out. */
static struct {
	size_t open, kept, planned;
	int64_t grow_ns; /* CLOCK_MONOTONIC time from which the limit may rise again */
} files = {.kept = SIZE_MAX, .planned = SIZE_MAX};

#define FILES_GROW_NS (60 * NS_PER_SEC)

static size_t load(const size_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

void netns_files_plan(unsigned threads)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_NOFILE, &limit);
	size_t clients = limit.rlim_cur / FILES_CLIENTS_PART;
	if (clients > FILES_CLIENTS_MAX)
		clients = FILES_CLIENTS_MAX;
	size_t taken = descriptors_open() + (size_t)threads * FILES_TO_ENTER + clients;
	/* The socket of the own namespace always stays open. */
	files.planned = limit.rlim_cur > taken + 1 ? limit.rlim_cur - taken : 1;
	files.kept = files.planned;
	stat_set(STAT_NETNS_KEPT, files.kept);
}

void netns_files_opened(void)
{
	__atomic_fetch_add(&files.open, 1, __ATOMIC_RELAXED);
}

void netns_files_closed(void)
{
	__atomic_fetch_sub(&files.open, 1, __ATOMIC_RELAXED);
}

void netns_files_ran_out(void)
{
	size_t kept = load(&files.kept), fewer = load(&files.open);

	/* Lower the limit by an eighth and one, as the descriptors may be needed by something that still
	 * grows. */
	fewer -= fewer / 8;
	fewer = fewer > 1 ? fewer - 1 : 1;
	if (fewer < kept)
		__atomic_store_n(&files.kept, fewer, __ATOMIC_RELAXED);
	__atomic_store_n(&files.grow_ns, clock_mono_ns() + FILES_GROW_NS, __ATOMIC_RELAXED);
}

bool netns_files_keep(void)
{
	return load(&files.open) <= load(&files.kept);
}

size_t netns_files_kept_max(void)
{
	return load(&files.kept);
}

void netns_files_trim(struct netns_table *table)
{
	size_t count, kept = load(&files.kept);
	struct netns **entries = netns_table_entries(table, &count);

	if (kept < files.planned && clock_mono_ns() >= files.grow_ns) {
		kept += kept / 8 + 1;
		files.kept = kept < files.planned ? kept : files.planned;
		files.grow_ns = clock_mono_ns() + FILES_GROW_NS;
	}
	for (size_t i = count; i > 0 && !netns_files_keep(); i--) {
		if (!entries[i - 1]->own)
			netns_close(entries[i - 1]);
	}
	stat_set(STAT_NETNS_KEPT, files.kept);
}
