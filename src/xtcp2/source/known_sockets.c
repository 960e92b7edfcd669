/* SPDX-License-Identifier: MIT */
#include "source/known_sockets.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/hash.h"
#include "record/kernel_abi.h"
#include "stats/stats.h"

/* Sockets of one bucket: their cookies fill one cache line. */
#define WAYS 8

/* Number of locks; each guards a share of the buckets, so that workers seldom wait. */
#define STRIPES 64

/* Most names of congestion algorithms; a kernel has a dozen. Further ones are not stored. */
#define ALGORITHMS_MAX 32
#define ALGORITHM_NONE 255

/* inet_diag's number for the timer of a TIME_WAIT mini-socket, whatever state it shows. */
#define TIMER_TIMEWAIT 3

struct known {
	uint64_t cgroup;
	uint32_t refreshed; /* CLOCK_REALTIME seconds; only orders the entries */
	uint32_t uid, inode;
	uint32_t first; /* when it was seen first: seconds of CLOCK_REALTIME ... */
	uint32_t skmem[ABI_SK_MEMINFO_VARS];
	uint16_t first_ms; /* ... and milliseconds */
	uint8_t algorithm;
	bool owned : 1, has_skmem : 1, has_cgroup : 1;
};
_Static_assert(sizeof(struct known) == 64, "one cache line");

struct bucket {
	uint64_t cookies[WAYS]; /* 0: free */
	struct known entries[WAYS];
};

struct known_sockets {
	struct bucket *buckets;
	size_t size; /* of buckets in bytes */
	unsigned order;
	pthread_mutex_t locks[STRIPES];
	pthread_mutex_t algorithms_lock; /* for adding; names are never changed */
	unsigned algorithm_count;	 /* atomic */
	struct {
		char name[ABI_TCP_NAME_MAX];
		uint32_t len;
		enum record_cc cc;
	} algorithms[ALGORITHMS_MAX];
};

struct known_sockets *known_sockets_new(size_t sockets)
{
	struct known_sockets *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->order = 1;
	while ((size_t)WAYS << k->order < sockets)
		k->order++;
	k->size = sizeof(struct bucket) << k->order;
	k->buckets = mmap(NULL, k->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k->buckets == MAP_FAILED) {
		free(k);
		errno = ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_init(&k->locks[i], NULL);
	pthread_mutex_init(&k->algorithms_lock, NULL);
	return k;
}

void known_sockets_free(struct known_sockets *k)
{
	if (!k)
		return;
	munmap(k->buckets, k->size);
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&k->locks[i]);
	pthread_mutex_destroy(&k->algorithms_lock);
	free(k);
}

static struct bucket *bucket_of(struct known_sockets *k, uint64_t cookie, pthread_mutex_t **lock)
{
	size_t at = hash_slot(cookie, k->order);

	*lock = &k->locks[at % STRIPES];
	return &k->buckets[at];
}

static uint8_t algorithm_find(const struct known_sockets *k, struct str name, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (k->algorithms[i].len == name.len && !memcmp(k->algorithms[i].name, name.p, name.len))
			return i;
	}
	return ALGORITHM_NONE;
}

/* Return the number of the record's algorithm, after adding a new one; ALGORITHM_NONE for none. */
static uint8_t algorithm_of(struct known_sockets *k, const struct record *r)
{
	struct str name = r->congestion_algorithm_string;

	if (!(r->sections & RECORD_HAS(CONG)) || name.len >= ABI_TCP_NAME_MAX)
		return ALGORITHM_NONE;
	uint8_t found = algorithm_find(k, name, __atomic_load_n(&k->algorithm_count, __ATOMIC_ACQUIRE));
	if (found != ALGORITHM_NONE)
		return found;
	pthread_mutex_lock(&k->algorithms_lock);
	unsigned count = k->algorithm_count;
	found = algorithm_find(k, name, count);
	if (found == ALGORITHM_NONE && count < ALGORITHMS_MAX) {
		memcpy(k->algorithms[count].name, name.p, name.len);
		k->algorithms[count].len = name.len;
		k->algorithms[count].cc = r->congestion_algorithm_enum;
		__atomic_store_n(&k->algorithm_count, count + 1, __ATOMIC_RELEASE);
		found = count;
	}
	pthread_mutex_unlock(&k->algorithms_lock);
	return found;
}

/* Return the entry of the cookie, else a free one, else the one refreshed longest ago. */
static unsigned place(const struct bucket *b, uint64_t cookie)
{
	unsigned best = 0;

	for (unsigned i = 0; i < WAYS; i++) {
		if (b->cookies[i] == cookie)
			return i;
		if (b->cookies[best] &&
		    (!b->cookies[i] || b->entries[i].refreshed < b->entries[best].refreshed))
			best = i;
	}
	return best;
}

void known_sockets_put(struct known_sockets *k, const struct record *r)
{
	uint64_t cookie = r->inet_diag_msg_socket_cookie;
	pthread_mutex_t *lock;

	if (cookie == 0 || r->inet_diag_msg_state == TCP_TIME_WAIT ||
	    r->inet_diag_msg_timer == TIMER_TIMEWAIT)
		return;
	struct known e = {
	    .refreshed = (uint32_t)(r->timestamp_ns / NS_PER_SEC),
	    .first = (uint32_t)(r->timestamp_ns / NS_PER_SEC),
	    .first_ms = (uint16_t)(r->timestamp_ns % NS_PER_SEC / NS_PER_MS),
	    .uid = r->inet_diag_msg_uid,
	    .inode = r->inet_diag_msg_inode,
	    .owned = (r->sections & RECORD_OWNED) != 0,
	    .algorithm = algorithm_of(k, r),
	    .has_skmem = (r->sections & RECORD_HAS(SKMEMINFO)) != 0,
	    .has_cgroup = (r->sections & RECORD_HAS(CGROUP)) != 0,
	};
	if (e.has_cgroup)
		e.cgroup = r->c_group;
#define F(number, name, KIND, kernel, ...) F_##kernel = r->name;
#define F_KIDX(index)			   e.skmem[index]
	if (e.has_skmem) {
		RECORD_FIELDS_SKMEMINFO(F)
	}
#undef F
	struct bucket *b = bucket_of(k, cookie, &lock);
	pthread_mutex_lock(lock);
	unsigned i = place(b, cookie);
	bool evicted = b->cookies[i] && b->cookies[i] != cookie;
	if (b->cookies[i] == cookie) {
		e.first = b->entries[i].first;
		e.first_ms = b->entries[i].first_ms;
	}
	b->cookies[i] = cookie;
	b->entries[i] = e;
	pthread_mutex_unlock(lock);
	stat_add(STAT_KNOWN_EVICTED, evicted);
}

bool known_sockets_take(struct known_sockets *k, struct record *r, int64_t *first_ns)
{
	uint64_t cookie = r->inet_diag_msg_socket_cookie;
	pthread_mutex_t *lock;

	if (cookie == 0)
		return false;
	struct bucket *b = bucket_of(k, cookie, &lock);
	pthread_mutex_lock(lock);
	unsigned i = place(b, cookie);
	bool found = b->cookies[i] == cookie;
	struct known e = b->entries[i];
	if (found)
		b->cookies[i] = 0;
	pthread_mutex_unlock(lock);
	if (!found)
		return false;
	*first_ns = e.first * NS_PER_SEC + e.first_ms * NS_PER_MS;
	if (e.owned) {
		r->inet_diag_msg_uid = e.uid;
		r->inet_diag_msg_inode = e.inode;
		r->sections |= RECORD_OWNED;
	}
	if (e.algorithm != ALGORITHM_NONE) {
		r->congestion_algorithm_string =
		    (struct str){k->algorithms[e.algorithm].name, k->algorithms[e.algorithm].len};
		r->congestion_algorithm_enum = k->algorithms[e.algorithm].cc;
		r->sections |= RECORD_HAS(CONG);
		r->inet_diag_attributes |= UINT64_C(1) << INET_DIAG_CONG;
	}
	if (e.has_cgroup) {
		r->c_group = e.cgroup;
		r->sections |= RECORD_HAS(CGROUP);
		r->inet_diag_attributes |= UINT64_C(1) << INET_DIAG_CGROUP_ID;
	}
	if (e.has_skmem) {
#define F(number, name, KIND, kernel, ...) r->name = F_##kernel;
		RECORD_FIELDS_SKMEMINFO(F)
#undef F
#undef F_KIDX
		r->sections |= RECORD_HAS(SKMEMINFO);
		r->inet_diag_attributes |= UINT64_C(1) << INET_DIAG_SKMEMINFO;
	}
	return true;
}
