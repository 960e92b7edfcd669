/* SPDX-License-Identifier: MIT */
#include "enrich/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "enrich/cgroups.h"
#include "enrich/owners_internal.h"
#include "stats/stats.h"

/* Buckets of the table of processes, log2: 16,384 processes, more than that many own sockets on few hosts. */
#define PROCESSES_ORDER 11

/* Descriptors of one bucket. */
#define DESCRIPTOR_WAYS 4

/* Steps of the walk between two looks at the clock: some 100 us. */
#define STEPS 32

/* A socket that nobody holds is looked for again after 2 to this many polls at most. */
#define MISSES_MAX 6

/* Descriptors read again at the most for a socket that took the number of one closed since the last poll: 30 ms. */
#define STRICT_MAX 4096

/* The bucket's unit is a nanosecond of the walk; it costs this much time. */
#define BUDGET_COST (100 / OWNERS_PERCENT)

static void *table_new(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void table_free(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

static size_t held_size(const struct owners *o)
{
	return sizeof(struct held) * OWNERS_WAYS << o->held_order;
}

static size_t descriptors_size(const struct owners *o)
{
	return sizeof(struct descriptor) * DESCRIPTOR_WAYS << o->descriptors_order;
}

#define PROCESSES_SIZE (sizeof(struct process) * OWNERS_WAYS << PROCESSES_ORDER)

struct owners *owners_new(size_t sockets, struct cgroups *cgroups)
{
	struct owners *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->cgroups = cgroups;
	o->poll = o->round = 1;
	o->due = true;
	o->held_order = 1;
	while ((size_t)OWNERS_WAYS << o->held_order < sockets)
		o->held_order++;
	/* Two per socket: a bucket that is full forgets, and what is forgotten is read again. */
	o->descriptors_order = o->held_order + 2;
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->walk_lock, NULL);
	o->held = table_new(held_size(o));
	o->processes = table_new(PROCESSES_SIZE);
	o->descriptors = table_new(descriptors_size(o));
	int r = o->held && o->processes && o->descriptors ? owners_walk_init(o) : -ENOMEM;
	if (r < 0) {
		owners_free(o);
		errno = -r;
		return NULL;
	}
	return o;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	owners_walk_free(o);
	table_free(o->held, held_size(o));
	table_free(o->processes, PROCESSES_SIZE);
	table_free(o->descriptors, descriptors_size(o));
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->walk_lock);
	free(o);
}

struct held *owners_entry(const struct owners *o, uint32_t inode)
{
	struct held *bucket = o->held + hash_slot(inode, o->held_order) * OWNERS_WAYS;

	for (size_t i = 0; i < OWNERS_WAYS; i++) {
		if (bucket[i].inode == inode)
			return &bucket[i];
	}
	return NULL;
}

/* The entry, made in a free place or in that of the socket that was asked for longest ago. */
static struct held *entry_make(struct owners *o, uint32_t inode)
{
	struct held *bucket = o->held + hash_slot(inode, o->held_order) * OWNERS_WAYS, *oldest = bucket;
	struct held *h = owners_entry(o, inode);

	if (h)
		return h;
	for (size_t i = 0; i < OWNERS_WAYS && oldest->inode; i++) {
		if (!bucket[i].inode || bucket[i].seen < oldest->seen ||
		    (bucket[i].seen == oldest->seen && bucket[i].round < oldest->round))
			oldest = &bucket[i];
	}
	stat_add(STAT_OWNER_EVICTED, oldest->inode && oldest->seen + 1 >= o->poll);
	*oldest = (struct held){.inode = inode};
	return oldest;
}

struct process *owners_process(const struct owners *o, uint32_t token, bool make)
{
	struct process *bucket = o->processes + hash_slot(token, PROCESSES_ORDER) * OWNERS_WAYS,
		       *oldest = bucket;

	for (size_t i = 0; i < OWNERS_WAYS; i++) {
		if (bucket[i].token == token)
			return &bucket[i];
		if (bucket[i].round < oldest->round)
			oldest = &bucket[i];
	}
	if (!make)
		return NULL;
	*oldest = (struct process){.token = token};
	return oldest;
}

struct descriptor *owners_descriptor(const struct owners *o, uint32_t token, uint32_t fd)
{
	struct descriptor *bucket =
	    o->descriptors + DESCRIPTOR_WAYS * hash_slot((uint64_t)token << 32 | fd, o->descriptors_order);
	struct descriptor *place = &bucket[fd % DESCRIPTOR_WAYS];

	for (size_t i = 0; i < DESCRIPTOR_WAYS; i++) {
		if (bucket[i].token == token && bucket[i].fd == fd)
			return &bucket[i];
		if (bucket[i].token == 0)
			place = &bucket[i];
	}
	return place;
}

void owners_note(struct owners *o, uint32_t inode)
{
	struct held *h = entry_make(o, inode);

	if (h->round != o->round) {
		h->before = h->round + 1 == o->round ? h->token : 0;
		h->before_count = h->count;
		h->round = o->round;
		h->token = h->last = o->token;
		h->pid = o->pid;
		h->count = 1;
		h->misses = 0;
		return;
	}
	if (h->last == o->token)
		return;
	h->last = o->token;
	h->count += h->count < UINT16_MAX;
	if (o->pid < h->pid) {
		h->pid = o->pid;
		h->token = o->token;
	}
}

void owner_comm_copy(char to[static OWNER_COMM_SIZE], const char *from, size_t len)
{
	size_t n = 0;

	for (; n < len && n < OWNER_COMM_SIZE - 1 && from[n] && from[n] != '\n'; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	to[n] = '\0';
}

static void read_name_and_place(const struct owners *o, struct process *p)
{
	char path[32], text[64];

	snprintf(path, sizeof(path), "%u/comm", p->pid);
	_cleanup_close_ int fd = openat(o->proc_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n > 0)
		owner_comm_copy(p->comm, text, (size_t)n);
	if (o->cgroups)
		p->place = cgroups_of_process(o->cgroups, o->proc_fd, p->pid);
	p->told = o->round;
}

/* Whether the process is there; asked once per poll. */
static bool is_there(const struct owners *o, struct process *p)
{
	char path[32];
	struct stat st;

	if (p->checked == o->poll)
		return true;
	snprintf(path, sizeof(path), "%u/%s", p->pid, o->directory);
	if (fstatat(o->proc_fd, path, &st, 0) < 0 || (uint32_t)st.st_ino != p->token)
		return false;
	p->checked = o->poll;
	if (p->told != o->round)
		read_name_and_place(o, p);
	return true;
}

static bool tell_process(const struct owners *o, uint32_t token, uint32_t count, bool alive,
			 struct owner *found)
{
	struct process *p = token ? owners_process(o, token, false) : NULL;

	if (!p || (alive && !is_there(o, p)))
		return false;
	found->pid = p->pid;
	found->others = count - 1;
	memcpy(found->comm, p->comm, sizeof(p->comm));
	found->place = p->place;
	return true;
}

/*
 * The owner that the last whole round has met; else the one that this round has met so far. Of a socket that
 * the last whole round did not meet nobody is the owner. Under `lock`.
 */
static bool tell(const struct owners *o, const struct held *h, bool alive, struct owner *found)
{
	if (!h || h->count == 0 || h->round + 1 < o->round)
		return false;
	return (h->round == o->round && tell_process(o, h->before, h->before_count, alive, found)) ||
	       tell_process(o, h->token, h->count, alive, found);
}

/* Under walk_lock: the first search of a poll says how far the poll may go. */
static void begin(struct owners *o, int64_t now, int64_t deadline_ns)
{
	o->begun = true;
	o->strict = false;
	o->skipped = 0;
	o->limit_ns = now + (deadline_ns - now) / 2;
	o->thorough |= __atomic_load_n(&o->due, __ATOMIC_RELAXED);
	__atomic_store_n(&o->due, false, __ATOMIC_RELAXED);
	/* What is left of this round, and one more to come to where the walk is now. */
	o->rounds_left = o->inner ? 2 : 1;
}

static bool in_budget(struct owners *o, int64_t now, int64_t part)
{
	return bucket_wait(&o->budget, now, OWNERS_BURST_NS * BUDGET_COST / part) == 0;
}

/* A round has ended: go on in earnest, if there is not much to read again, and give up after it. */
static void next_round(struct owners *o)
{
	if (--o->rounds_left > 0)
		return;
	if (!o->strict && o->skipped <= STRICT_MAX && in_budget(o, clock_mono_ns(), 2)) {
		o->strict = true;
		o->rounds_left = 1;
		return;
	}
	__atomic_store_n(&o->exhausted, true, __ATOMIC_RELAXED);
}

/* Walk for a while. Returns false when this poll must not walk on. */
static bool walk(struct owners *o)
{
	int64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID), now = clock_mono_ns();
	bool more = true;

	if (now >= o->limit_ns || !in_budget(o, now, 1)) {
		stat_add(STAT_OWNER_CUT, 1);
		__atomic_store_n(&o->exhausted, true, __ATOMIC_RELAXED);
		return false;
	}
	for (int i = 0; i < STEPS && more; i++)
		more = owners_walk_one(o);
	if (!more)
		next_round(o);
	int64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	bucket_charge(&o->budget, now, took * BUDGET_COST);
	stat_add(STAT_OWNER_NS, (uint64_t)took);
	return !__atomic_load_n(&o->exhausted, __ATOMIC_RELAXED);
}

static bool is_found(struct owners *o, uint32_t inode)
{
	struct owner ignored;

	pthread_mutex_lock(&o->lock);
	bool found = tell(o, owners_entry(o, inode), true, &ignored);
	pthread_mutex_unlock(&o->lock);
	return found;
}

static void search(struct owners *o, uint32_t inode, int64_t deadline_ns)
{
	pthread_mutex_lock(&o->walk_lock);
	if (!o->begun)
		begin(o, clock_mono_ns(), deadline_ns);
	while (!__atomic_load_n(&o->exhausted, __ATOMIC_RELAXED) && (o->thorough || !is_found(o, inode))) {
		if (!walk(o))
			break;
	}
	pthread_mutex_unlock(&o->walk_lock);
}

/* Nobody holds it as far as can be seen; under `lock`. */
static void miss(struct owners *o, uint32_t inode)
{
	struct held *h = entry_make(o, inode);

	h->seen = o->poll;
	h->retry = o->poll + (1U << h->misses);
	h->misses += h->misses < MISSES_MAX;
}

/* Whether it is worth a search; under `lock`. */
static bool is_due(const struct owners *o, const struct held *h)
{
	return !h || h->misses == 0 || o->poll >= h->retry;
}

bool owners_find(struct owners *o, uint32_t inode, int64_t deadline_ns, struct owner *found)
{
	if (inode == 0)
		return false;
	pthread_mutex_lock(&o->lock);
	struct held *h = owners_entry(o, inode);
	if (h)
		h->seen = o->poll;
	bool known = tell(o, h, true, found);
	bool due = known ? __atomic_load_n(&o->due, __ATOMIC_RELAXED) : is_due(o, h);
	pthread_mutex_unlock(&o->lock);
	if (!due || __atomic_load_n(&o->exhausted, __ATOMIC_RELAXED)) {
		stat_add(STAT_OWNER_UNKNOWN, !known);
		return known;
	}
	search(o, inode, deadline_ns);
	pthread_mutex_lock(&o->lock);
	h = owners_entry(o, inode);
	if (h)
		h->seen = o->poll;
	known = tell(o, h, true, found);
	if (!known)
		miss(o, inode);
	pthread_mutex_unlock(&o->lock);
	stat_add(STAT_OWNER_UNKNOWN, !known);
	return known;
}

bool owners_recall(struct owners *o, uint32_t inode, struct owner *found)
{
	if (inode == 0)
		return false;
	pthread_mutex_lock(&o->lock);
	bool known = tell(o, owners_entry(o, inode), false, found);
	pthread_mutex_unlock(&o->lock);
	return known;
}

void owners_poll_begins(struct owners *o)
{
	pthread_mutex_lock(&o->walk_lock);
	pthread_mutex_lock(&o->lock);
	o->poll++;
	pthread_mutex_unlock(&o->lock);
	o->begun = false;
	if (o->round_end_ns == 0 || clock_mono_ns() - o->round_end_ns >= OWNERS_ROUND_NS)
		__atomic_store_n(&o->due, true, __ATOMIC_RELAXED);
	__atomic_store_n(&o->exhausted, false, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&o->walk_lock);
}
