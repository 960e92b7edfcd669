/* SPDX-License-Identifier: MIT */
#include "tally/traffic.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/pages.h"
#include "record/record.h"
#include "source/lifetime.h"

#define SHARD_ORDER 6
#define SHARDS	    (1 << SHARD_ORDER)

/* The first places of a shard. */
#define PLACES_FIRST 16

/* A socket that this many polls have not seen is gone, even if none of them was complete. */
#define FORGET_POLLS 16

#define NS_PER_US 1000

/* One socket. Hosts with many sockets hold many of these: a listener's only count shares its place. */
struct reading {
	uint64_t cookie;
	uint64_t sent_bytes, retransmitted_bytes;
	uint64_t received_bytes; /* of a listener: what it has dropped */
	uint32_t sent_segments, retransmitted_segments, received_segments;
	uint32_t poll; /* that saw it last; 0: closed, its place stays taken */
};
_Static_assert(sizeof(struct reading) == 48, "as small as it can be");

/*
 * Readings in the order in which the sockets came first, and a hash table that finds them. Most sockets come in that order again
 * in each poll: the one behind the last is tried first, so that neither the processor's caches nor its translation
 * of addresses wait for memory at random places.
 */
struct shard {
	pthread_mutex_t lock;
	struct reading *readings; /* room for traffic.shard_max of them */
	uint32_t *numbers; /* the hash table: 1 + number of the reading, 0: free. Atomic, as is order */
	uint32_t order;	   /* log2 of the places in the table, while there are any */
	uint32_t used;	   /* readings, and places taken */
	uint32_t purged;   /* the poll in which the gone were removed last */
	uint32_t next;	   /* the reading expected next */
	bool astray;	   /* atomic: the last socket was another one */
} __attribute__((aligned(64)));

struct traffic {
	struct shard shards[SHARDS];
	size_t shard_max; /* sockets of a shard */
	char *memory;	  /* of all readings */
	size_t size;
	/* Atomic, as a closed socket is added at any time: */
	uint32_t poll;	     /* that runs, or was last */
	uint32_t complete;   /* the last complete poll, 0 for none */
	int64_t complete_ns; /* when it began */
	int64_t begin_ns;
};

struct traffic *traffic_new(size_t sockets)
{
	struct traffic *t = NULL;
	int r = posix_memalign((void **)&t, 64, sizeof(*t));

	if (r) {
		errno = r;
		return NULL;
	}
	memset(t, 0, sizeof(*t));
	t->shard_max = (sockets + SHARDS - 1) / SHARDS;
	size_t shard_size = pages_up(t->shard_max * sizeof(struct reading));
	t->size = shard_size * SHARDS;
	/* Only the pages that hold a reading become memory: never a huge one for a few. */
	t->memory =
	    mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->memory == MAP_FAILED) {
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	madvise(t->memory, t->size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&t->shards[i].lock, NULL);
		t->shards[i].readings = (struct reading *)(t->memory + i * shard_size);
	}
	return t;
}

void traffic_free(struct traffic *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_destroy(&t->shards[i].lock);
		free(t->shards[i].numbers);
	}
	munmap(t->memory, t->size);
	free(t);
}

void traffic_begin(struct traffic *t, int64_t now_ns)
{
	t->begin_ns = now_ns;
	__atomic_store_n(&t->poll, t->poll + 1, __ATOMIC_RELAXED);
}

void traffic_end(struct traffic *t, bool complete)
{
	if (!complete)
		return;
	__atomic_store_n(&t->complete_ns, t->begin_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&t->complete, t->poll, __ATOMIC_RELAXED);
}

/* Where a search for the cookie begins. The upper bits of the hash chose the shard. */
static size_t place_number(uint64_t cookie, uint32_t order)
{
	return hash_slot(cookie, SHARD_ORDER + order) & (((size_t)1 << order) - 1);
}

/* The place of the cookie's number, or the free one where it belongs. */
static uint32_t *place_of(const struct reading *readings, uint32_t *numbers, uint32_t order, uint64_t cookie)
{
	size_t mask = ((size_t)1 << order) - 1, at = place_number(cookie, order);

	while (numbers[at] && readings[numbers[at] - 1].cookie != cookie)
		at = (at + 1) & mask;
	return &numbers[at];
}

/* Seven eighths of the places, so that a search always ends. */
static size_t readings_max(uint32_t order)
{
	return ((size_t)7 << order) / 8;
}

static bool is_gone(const struct reading *r, uint32_t poll, uint32_t complete)
{
	return r->poll < complete || poll - r->poll > FORGET_POLLS;
}

/* Close the gaps that the gone leave; the pages behind go back to the kernel. */
static void forget_gone(struct shard *s, uint32_t poll, uint32_t complete)
{
	uint32_t stay = 0, next = 0;

	for (uint32_t i = 0; i < s->used; i++) {
		if (i == s->next)
			next = stay;
		if (!is_gone(&s->readings[i], poll, complete))
			s->readings[stay++] = s->readings[i];
	}
	size_t from = pages_up(stay * sizeof(*s->readings)), to = pages_up(s->used * sizeof(*s->readings));
	if (to > from)
		madvise((char *)s->readings + from, to - from, MADV_DONTNEED);
	s->used = stay;
	s->next = next;
}

/* Forget what is gone, and find the rest in a hash table of the size for it. Without memory the table stays as large as it is. */
static void rebuild(struct shard *s, uint32_t poll, uint32_t complete)
{
	uint32_t order = 0, *numbers = NULL;

	forget_gone(s, poll, complete);
	/* At most half full, so that it is not full again at once. */
	while ((size_t)1 << order < PLACES_FIRST || (size_t)1 << order < (size_t)s->used * 2)
		order++;
	if (!s->numbers || order != s->order)
		numbers = calloc((size_t)1 << order, sizeof(*numbers));
	if (numbers) {
		free(s->numbers);
		__atomic_store_n(&s->numbers, numbers, __ATOMIC_RELAXED);
		__atomic_store_n(&s->order, order, __ATOMIC_RELAXED);
	} else if (s->numbers) {
		memset(s->numbers, 0, sizeof(*s->numbers) << s->order);
	}
	for (uint32_t i = 0; i < s->used; i++)
		*place_of(s->readings, s->numbers, s->order, s->readings[i].cookie) = i + 1;
}

static bool is_full(const struct shard *s)
{
	return !s->numbers || s->used >= readings_max(s->order);
}

/* Return the reading of the cookie, NULL for none. */
static struct reading *find(const struct shard *s, uint64_t cookie)
{
	uint32_t number = s->numbers ? *place_of(s->readings, s->numbers, s->order, cookie) : 0;

	return number ? &s->readings[number - 1] : NULL;
}

/* The same in a poll. One socket that is out of the order does not change what is expected, a second one does. */
static struct reading *find_in_order(struct shard *s, uint64_t cookie)
{
	bool astray = s->next >= s->used || s->readings[s->next].cookie != cookie;
	struct reading *r = astray ? find(s, cookie) : &s->readings[s->next];

	if (r && (!astray || s->astray))
		s->next = (uint32_t)(r - s->readings) + 1;
	if (astray != s->astray)
		__atomic_store_n(&s->astray, astray, __ATOMIC_RELAXED);
	if (s->next < s->used)
		__builtin_prefetch(&s->readings[s->next + 1], 1);
	return r;
}

/* Return the reading of the cookie, or with *fresh set one for it to be written; NULL when there is no room. */
static struct reading *place(const struct traffic *t, struct shard *s, uint64_t cookie, uint32_t poll,
			     uint32_t complete, bool *fresh)
{
	struct reading *r = find_in_order(s, cookie);

	*fresh = !r;
	if (r)
		return r;
	bool beyond = s->used >= t->shard_max;
	if (beyond || is_full(s)) {
		/* At the limit this removes the gone once per poll; otherwise it makes the table larger. */
		if (!beyond || s->purged != poll)
			rebuild(s, poll, complete);
		s->purged = poll;
		if (s->used >= t->shard_max || is_full(s))
			return NULL;
	}
	*place_of(s->readings, s->numbers, s->order, cookie) = s->used + 1;
	return &s->readings[s->used++];
}

static bool is_listener(const struct record *r)
{
	return r->inet_diag_msg_socket_destination_port == 0;
}

static struct reading reading_of(const struct record *r)
{
	struct reading now = {.cookie = r->inet_diag_msg_socket_cookie};

	if (r->sections & RECORD_HAS(TCP_INFO) && !is_listener(r)) {
		now.sent_bytes = r->tcp_info_bytes_sent;
		now.retransmitted_bytes = r->tcp_info_bytes_retrans;
		now.received_bytes = r->tcp_info_bytes_received;
		now.sent_segments = r->tcp_info_segs_out;
		now.retransmitted_segments = r->tcp_info_total_retrans;
		now.received_segments = r->tcp_info_segs_in;
	}
	if (r->sections & RECORD_HAS(SKMEMINFO) && is_listener(r))
		now.received_bytes = r->sk_mem_info_drops;
	return now;
}

/*
 * A counter of 32 bits may wrap, and a socket may be connected anew, which begins all counters again: then the whole
 * counter is new. Between two polls less than half of 32 bits is counted.
 */
static uint32_t grown32(uint32_t now, uint32_t before)
{
	uint32_t step = now - before;

	return step <= INT32_MAX ? step : now;
}

static uint64_t grown64(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static struct traffic_delta difference(const struct record *r, const struct reading *now,
				       const struct reading *before)
{
	if (is_listener(r))
		return (struct traffic_delta){
		    .listen_drops = grown32((uint32_t)now->received_bytes, (uint32_t)before->received_bytes),
		};
	return (struct traffic_delta){
	    .sent_bytes = grown64(now->sent_bytes, before->sent_bytes),
	    .retransmitted_bytes = grown64(now->retransmitted_bytes, before->retransmitted_bytes),
	    .received_bytes = grown64(now->received_bytes, before->received_bytes),
	    .sent_segments = grown32(now->sent_segments, before->sent_segments),
	    .retransmitted_segments = grown32(now->retransmitted_segments, before->retransmitted_segments),
	    .received_segments = grown32(now->received_segments, before->received_segments),
	};
}

/* Return what a socket has that no reading knows: all, or nothing when that may be older than the last poll. */
static struct traffic_delta unknown(const struct traffic *t, const struct record *r,
				    const struct reading *now)
{
	int64_t complete_ns = __atomic_load_n(&t->complete_ns, __ATOMIC_RELAXED);
	struct traffic_delta delta = {.first = true};

	if (!__atomic_load_n(&t->complete, __ATOMIC_RELAXED) || is_listener(r) ||
	    (int64_t)lifetime_least_us(r) * NS_PER_US > clock_mono_ns() - complete_ns)
		return delta;
	delta = difference(r, now, &(struct reading){0});
	delta.first = true;
	return delta;
}

/* A socket in TIME_WAIT or SYN_RECV has the cookie of the connection, but nothing to count. */
static bool has_counts(const struct record *r)
{
	return r->inet_diag_msg_socket_cookie && r->sections & RECORD_HAS(TCP_INFO);
}

static struct shard *shard_of(struct traffic *t, uint64_t cookie)
{
	return &t->shards[hash_slot(cookie, SHARD_ORDER)];
}

void traffic_expect(const struct traffic *t, uint64_t cookie)
{
	const struct shard *s = &t->shards[hash_slot(cookie, SHARD_ORDER)];

	if (!__atomic_load_n(&s->astray, __ATOMIC_RELAXED))
		return;
	/* Another thread may replace the table meanwhile: then a line is loaded in vain. */
	uintptr_t numbers = (uintptr_t)__atomic_load_n(&s->numbers, __ATOMIC_RELAXED);
	uint32_t order = __atomic_load_n(&s->order, __ATOMIC_RELAXED);

	__builtin_prefetch((const void *)(numbers + place_number(cookie, order) * sizeof(*s->numbers)));
}

struct traffic_delta traffic_add(struct traffic *t, const struct record *r)
{
	uint32_t poll = __atomic_load_n(&t->poll, __ATOMIC_RELAXED);
	uint32_t complete = __atomic_load_n(&t->complete, __ATOMIC_RELAXED);
	struct traffic_delta delta = {0};

	if (!has_counts(r))
		return delta;
	struct reading now = reading_of(r);
	now.poll = poll;
	struct shard *s = shard_of(t, now.cookie);
	pthread_mutex_lock(&s->lock);
	bool fresh;
	struct reading *before = place(t, s, now.cookie, poll, complete, &fresh);
	if (!before)
		delta.untracked = true;
	else if (fresh)
		delta = unknown(t, r, &now);
	else if (before->poll)
		delta = difference(r, &now, before);
	if (before && (fresh || before->poll))
		*before = now;
	pthread_mutex_unlock(&s->lock);
	return delta;
}

struct traffic_delta traffic_close(struct traffic *t, const struct record *r)
{
	struct traffic_delta delta = {0};

	if (!has_counts(r))
		return delta;
	struct reading now = reading_of(r);
	struct shard *s = shard_of(t, now.cookie);
	pthread_mutex_lock(&s->lock);
	struct reading *before = find(s, now.cookie);
	if (before && before->poll)
		delta = difference(r, &now, before);
	else if (!before && s->used < t->shard_max)
		delta = unknown(t, r, &now);
	/* A dump that was made before may bring it once more: it has then nothing new. */
	if (before)
		before->poll = 0;
	pthread_mutex_unlock(&s->lock);
	return delta;
}

size_t traffic_count(const struct traffic *t)
{
	size_t count = 0;

	for (size_t i = 0; i < SHARDS; i++)
		count += t->shards[i].used;
	return count;
}
