/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A peer that refuses an envelope because of its size (Kafka's message.max.bytes,
 * HTTP status 413, EMSGSIZE) seldom says what it takes. The envelope is cut in two
 * between rows, again and again until it is taken or has one row, and the
 * destination's limit goes down with it, so that the workers cut the next ones
 * right. The limit stays for the life of the destination.
 */
#include <errno.h>
#include <string.h>

#include "dest/state.h"
#include "record/encoder.h"

/* The limit is not learned below this many bytes: single rows must stay below it. */
#define LIMIT_MIN (16u << 10)

static uint32_t cut_at(const struct envelope *e, size_t i)
{
	uint32_t at;

	if (i == e->rows)
		return e->rows_end;
	memcpy(&at, e->cuts.data + i * sizeof(at), sizeof(at));
	return at;
}

/* Make an envelope of rows [first, end) of e; NULL without memory. */
static struct envelope *part_of(struct dest *d, const struct envelope *e, uint32_t first, uint32_t end)
{
	struct encoder encoder = {.ops = d->config.encoder, .header_done = true};
	const struct encoder_ops *ops = encoder.ops;
	struct envelope *part = dest_envelope_get(d);

	if (!part)
		return NULL;
	/* end() has moved the rows when the space it had left for a length was too long or too short. */
	int64_t moved = (int64_t)e->body.len - (int64_t)ops->closing - e->rows_end;
	uint32_t from = cut_at(e, first), separators = first > 0 && ops->separator != 0;

	buf_append(&part->body, e->body.data, e->header);
	ops->begin(&encoder, &part->body);
	for (uint32_t i = first; i < end; i++) {
		uint32_t at = part->body.len + cut_at(e, i) - from - (i > first ? separators : 0);
		buf_append(&part->cuts, &at, sizeof(at));
	}
	from += separators;
	buf_append(&part->body, e->body.data + from + moved, cut_at(e, end) - from);
	part->header = e->header;
	part->rows = end - first;
	part->rows_end = part->body.len;
	part->copied = e->copied;
	ops->end(&encoder, &part->body);
	if (buf_ok(&part->body) && buf_ok(&part->cuts))
		return part;
	dest_envelope_put(d, part);
	return NULL;
}

void dest_learn_limit(struct dest *d, size_t bytes)
{
	size_t limit = bytes / 2 > LIMIT_MIN ? bytes / 2 : LIMIT_MIN;
	size_t old = dest_max_envelope(d);
	uint64_t suppressed;

	if (old && old <= limit)
		return;
	__atomic_store_n(&d->io->max_envelope, limit, __ATOMIC_RELAXED);
	if (log_repeat_pass(&d->splits, INT64_MAX / 2, d->io->why, strlen(d->io->why), &suppressed))
		log_warn(DEST_SUBSYSTEM,
			 "%s: an envelope of %zu bytes is too large: %s; smaller ones are sent", d->name,
			 bytes, d->io->why);
}

int dest_split(struct dest *d, struct envelope *e, struct envelope *halves[2])
{
	if (!d->config.encoder || e->rows < 2 || !buf_ok(&e->cuts) ||
	    e->cuts.len != e->rows * sizeof(uint32_t))
		return -EINVAL;
	halves[0] = part_of(d, e, 0, e->rows / 2);
	halves[1] = part_of(d, e, e->rows / 2, e->rows);
	if (!halves[0] || !halves[1]) {
		dest_envelope_put(d, halves[0]);
		dest_envelope_put(d, halves[1]);
		return -ENOMEM;
	}
	dest_envelope_put(d, e);
	return 0;
}
