/* SPDX-License-Identifier: MIT */
#include "enrich/asn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/ticker.h"
#include "enrich/asn_db.h"
#include "stats/stats.h"

/* Between two lines about want of memory or descriptors. */
#define SHORTAGE_LOG_NS (60 * NS_PER_SEC)

/* A file that is in use. */
struct held {
	struct asn_db *db;
	uint32_t version; /* from 1 */
	unsigned users;	  /* under the lock of struct asn, which is one of them while it is the newest */
};

/* What tells one file from another; all zero for a missing one. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
};

struct asn {
	char *path;
	struct ticker ticker;
	struct identity tried; /* the thread's: the file that was read last, whether it was good or not */
	bool tried_any;
	struct log_limit shortages;

	pthread_mutex_t lock; /* guards the rest */
	struct held *newest;  /* NULL before the first good one */
	uint32_t versions;
};

struct slot {
	uint64_t high, low;
	uint32_t number;
	uint32_t stamp; /* version of the file and family; 0 for an empty slot */
};

struct asn_cache {
	struct asn *asn;
	struct held *held; /* NULL between a flush and the next record, and without a file */
	bool asked;	   /* whether held is up to date, also when it is NULL */
	uint64_t found, unknown, cached, failed;
	struct slot slots[ASN_CACHE];
};

/* The caller has the lock. */
static void let_go(struct held *h)
{
	if (!h || --h->users > 0)
		return;
	asn_db_free(h->db);
	free(h);
}

static struct identity identity_of(const struct stat *st)
{
	struct identity id;

	memset(&id, 0, sizeof(id)); /* they are compared as bytes */
	id.dev = st->st_dev;
	id.ino = st->st_ino;
	id.size = st->st_size;
	id.modified = st->st_mtim;
	return id;
}

/* Take over db. 0 or -ENOMEM. */
static int put_in_use(struct asn *a, struct asn_db *db)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h) {
		asn_db_free(db);
		return -ENOMEM;
	}
	h->db = db;
	h->users = 1;
	pthread_mutex_lock(&a->lock);
	h->version = ++a->versions;
	let_go(a->newest);
	a->newest = h;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

/* Want of memory or descriptors says nothing about the file. */
static bool is_shortage(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Tell of a file that cannot be used. */
static void refused(struct asn *a, int error, const char *reason)
{
	uint64_t suppressed;

	stat_add(STAT_ASN_FILES_BAD, 1);
	if (is_shortage(error) && !log_limit_pass(&a->shortages, SHORTAGE_LOG_NS, &suppressed))
		return;
	log_warn("asn", "-asnFile %s: %s; %s", a->path, reason,
		 a->newest ? "the one before it stays in use"
			   : "records have no autonomous system while this is so");
}

/* Read the file, if it is not the one that was read last. */
static void tick(void *data)
{
	struct asn *a = data;
	char text[ASN_DB_TEXT_MAX] = "";
	struct stat st = {0}, after;
	struct identity id;
	struct asn_db *db = NULL;
	int error = 0;

	memset(&id, 0, sizeof(id));
	_cleanup_close_ int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		error = errno;
	else
		id = identity_of(&st);
	if (a->tried_any && memcmp(&id, &a->tried, sizeof(id)) == 0)
		return;
	if (error)
		snprintf(text, sizeof(text), "%s", strerror(error));
	else if (!S_ISREG(st.st_mode) || st.st_size > ASN_DB_MAX)
		snprintf(text, sizeof(text), S_ISREG(st.st_mode) ? "has more than %u MiB" : "is no file",
			 ASN_DB_MAX >> 20);
	else if (!(db = asn_db_read(fd, (size_t)st.st_size, text)))
		error = errno;
	/* Somebody is writing it: the next tick reads it. */
	if (fd >= 0 && (fstat(fd, &after) < 0 ||
			memcmp(&id, &(struct identity[]){identity_of(&after)}, sizeof(id)) != 0)) {
		asn_db_free(db);
		return;
	}
	a->tried = id;
	if (db && put_in_use(a, db) < 0) {
		db = NULL;
		error = ENOMEM;
		snprintf(text, sizeof(text), "%s", strerror(error));
	}
	/* After a shortage the next tick reads the same file. */
	a->tried_any = !is_shortage(error);
	if (!db) {
		refused(a, error, text);
		return;
	}
	stat_add(STAT_ASN_FILES_OK, 1);
	log_info("asn", "-asnFile %s: %s", a->path, text);
}

struct asn *asn_new(const char *path, int64_t every_ns)
{
	struct asn *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	a->path = strdup(path);
	int r = a->path ? 0 : -ENOMEM;
	if (r == 0) {
		tick(a);
		r = ticker_start(&a->ticker, "asn", every_ns, tick, a);
	}
	if (r < 0) {
		asn_free(a);
		errno = -r;
		return NULL;
	}
	return a;
}

void asn_free(struct asn *a)
{
	if (!a || !ticker_stop(&a->ticker))
		return;
	let_go(a->newest);
	pthread_mutex_destroy(&a->lock);
	free(a->path);
	free(a);
}

struct asn_cache *asn_cache_new(struct asn *a)
{
	struct asn_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->asn = a;
	return c;
}

void asn_cache_free(struct asn_cache *c)
{
	if (!c)
		return;
	asn_cache_flush(c);
	free(c);
}

static void take_hold(struct asn_cache *c)
{
	pthread_mutex_lock(&c->asn->lock);
	c->held = c->asn->newest;
	if (c->held)
		c->held->users++;
	pthread_mutex_unlock(&c->asn->lock);
	c->asked = true;
}

void asn_cache_flush(struct asn_cache *c)
{
	pthread_mutex_lock(&c->asn->lock);
	let_go(c->held);
	pthread_mutex_unlock(&c->asn->lock);
	c->held = NULL;
	c->asked = false;
	stat_add(STAT_ASN_FOUND, c->found);
	stat_add(STAT_ASN_UNKNOWN, c->unknown);
	stat_add(STAT_ASN_FAILED, c->failed);
	stat_add(STAT_ASN_CACHED, c->cached);
	c->found = c->unknown = c->failed = c->cached = 0;
}

/* Return the slot of the address; its number is set if it has the wanted stamp. */
static struct slot *slot_of(struct asn_cache *c, struct str address, struct slot *wanted)
{
	uint64_t word[2] = {0, 0};

	memcpy(word, address.p, address.len);
	*wanted = (struct slot){
	    .high = word[0], .low = word[1], .stamp = c->held->version << 1 | (address.len == 16)};
	return &c->slots[hash_slot(word[0] ^ word[1] * 31, ASN_CACHE_ORDER)];
}

static void look_up(struct asn_cache *c, struct str address, struct slot *s)
{
	int r = asn_db_find(c->held->db, address.p, address.len, &s->number);

	c->found += r == 0 && s->number;
	c->unknown += r == 0 && !s->number;
	c->failed += r < 0;
}

void asn_to_record(struct asn_cache *c, struct record *record)
{
	const struct str address = record->inet_diag_msg_socket_destination;
	struct slot wanted;

	if (!c->asked)
		take_hold(c);
	if (!c->held || (address.len != 4 && address.len != 16))
		return;
	struct slot *s = slot_of(c, address, &wanted);
	if (s->high == wanted.high && s->low == wanted.low && s->stamp == wanted.stamp) {
		c->cached++;
	} else {
		look_up(c, address, &wanted);
		*s = wanted;
	}
	record->inet_diag_msg_socket_dest_asn = s->number;
}
