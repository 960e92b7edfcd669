/* SPDX-License-Identifier: MIT */
#include "api/recent.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/recent_sockets.h"
#include "base/log.h"
#include "base/protowire.h"
#include "record/wire_decode.h"

struct recent {
	struct poll_tap tap; /* first: the tap is the struct */
	bool (*set_tap)(void *data, struct poll_tap *tap);
	void *data;
	bool tapped;
	bool early; /* the running cycle began before the tap was set */
	int64_t looked_ns;
	bool complete;	      /* there is a poll whose sockets are shown */
	pthread_mutex_t lock; /* guards the members below; workers hold it for one record at a time */
	struct recent_sockets *sockets;
};

/* A final record of a closed connection is no socket of the poll. */
static void take(struct recent *r, struct str wire)
{
	struct record record;

	if (wire_decode(&record, wire) < 0 || record.event || !record.inet_diag_msg_socket_cookie)
		return;
	pthread_mutex_lock(&r->lock);
	if (r->sockets)
		recent_sockets_take(r->sockets, &record, wire);
	pthread_mutex_unlock(&r->lock);
}

/* Worker threads. The format is that of struct poll_tap. */
static void batch(struct poll_tap *tap, const uint8_t *data, size_t len, uint32_t rows)
{
	struct recent *r = (struct recent *)(void *)tap;
	struct protowire reader = {data, data + len, false};
	uint64_t size;

	for (uint32_t i = 0; i < rows; i++) {
		if (reader.p++ >= reader.end || !protowire_varint(&reader, &size) ||
		    size > (uint64_t)(reader.end - reader.p))
			return;
		take(r, (struct str){(const char *)reader.p, (uint32_t)size});
		reader.p += size;
	}
}

static void hurry(struct poll_tap *tap)
{
}

/* Main thread */

static void begin(struct recent *r, uint16_t own_port)
{
	struct recent_sockets *sockets = recent_sockets_new(own_port);

	if (!sockets)
		return;
	pthread_mutex_lock(&r->lock);
	r->sockets = sockets;
	pthread_mutex_unlock(&r->lock);
	r->tapped = true;
	r->early = r->set_tap(r->data, &r->tap);
	log_debug("page", "somebody looks: polls are kept");
}

static void forget(struct recent *r)
{
	pthread_mutex_lock(&r->lock);
	recent_sockets_free(r->sockets);
	r->sockets = NULL;
	pthread_mutex_unlock(&r->lock);
	r->complete = false;
}

void recent_end(struct recent *r)
{
	if (!r || !r->tapped)
		return;
	r->tapped = false;
	r->set_tap(r->data, NULL);
	forget(r);
	log_debug("page", "nobody looks any more");
}

void recent_look(struct recent *r, uint16_t own_port, int64_t now_ns)
{
	r->looked_ns = now_ns;
	if (!r->tapped)
		begin(r, own_port);
}

void recent_poll_done(struct recent *r, int64_t now_ns)
{
	if (!r || !r->tapped)
		return;
	if (now_ns - r->looked_ns > RECENT_LOOK_NS) {
		recent_end(r);
		return;
	}
	if (r->early) {
		r->early = false;
		return;
	}
	pthread_mutex_lock(&r->lock);
	recent_sockets_turn(r->sockets);
	pthread_mutex_unlock(&r->lock);
	r->complete = true;
}

void recent_json(struct recent *r, const char *order, struct buf *b)
{
	pthread_mutex_lock(&r->lock);
	if (r->sockets && r->complete)
		recent_sockets_json(r->sockets, order, b);
	else
		buf_str(b, "null");
	pthread_mutex_unlock(&r->lock);
}

struct recent *recent_new(bool (*set_tap)(void *data, struct poll_tap *tap), void *data)
{
	struct recent *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct recent){.tap = {batch, hurry}, .set_tap = set_tap, .data = data};
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void recent_free(struct recent *r)
{
	if (!r)
		return;
	forget(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
