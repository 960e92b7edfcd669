/* SPDX-License-Identifier: MIT */
#include "poll/shipper.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dest/dest.h"
#include "enrich/asn.h"
#include "enrich/uplinks.h"
#include "filter/filter.h"
#include "poll/changes.h"
#include "stats/stats.h"
#include "tally/tally.h"
#include "version.h"

/* Key of Envelope.row (10, length-delimited). */
#define ROW_KEY (10 << 3 | 2)

/* Hand the tap those rows of the envelope that it has not got; it copies them from there. */
static void tap_unseen(struct shipper *s)
{
	const struct buf *body = &s->envelope->body;

	if (s->tap && s->unseen_rows > 0 && buf_ok(body))
		s->tap->batch(s->tap, body->data + s->unseen_at, body->len - s->unseen_at, s->unseen_rows);
	s->unseen_rows = 0;
}

static void tap_flush(struct shipper *s)
{
	if (s->tap && s->tap_rows > 0 && buf_ok(&s->tap_batch))
		s->tap->batch(s->tap, s->tap_batch.data, s->tap_batch.len, s->tap_rows);
	buf_reset(&s->tap_batch);
	s->tap_rows = 0;
}

/* Count the record that was just appended to the envelope for the tap. */
static void tap_appended(struct shipper *s)
{
	if (s->unseen_rows++ == 0)
		s->unseen_at = s->row_at;
	if (s->envelope->body.len - s->unseen_at >= TAP_BATCH_BYTES)
		tap_unseen(s);
}

static void submit(struct shipper *s)
{
	if (!s->envelope)
		return;
	tap_unseen(s);
	s->envelope->rows_end = s->envelope->body.len;
	s->encoder.ops->end(&s->encoder, &s->envelope->body);
	if (buf_ok(&s->envelope->body)) {
		s->shipped += s->envelope->rows;
		dest_submit(s->dest, s->envelope);
	} else {
		s->oversize += s->envelope->rows;
		dest_envelope_put(s->dest, s->envelope);
	}
	s->envelope = NULL;
}

static bool begin(struct shipper *s)
{
	struct envelope *e = dest_envelope_get(s->dest);

	if (!e)
		return false;
	s->encoder.header_done = false;
	s->encoder.ops->begin(&s->encoder, &e->body);
	e->header = s->encoder.ops->header ? e->body.len : 0;
	s->envelope = e;
	s->max_bytes = dest_max_envelope(s->dest);
	return true;
}

/* Append the record to the current envelope, or to a new one. false without memory. */
static bool append(struct shipper *s, const struct record *record)
{
	if (!s->envelope && !begin(s))
		return false;
	s->row_at = s->envelope->body.len;
	if (s->cuts) {
		uint32_t at = s->row_at;
		buf_append(&s->envelope->cuts, &at, sizeof(at));
	}
	s->encoder.ops->row(&s->encoder, &s->envelope->body, record);
	s->envelope->rows++;
	return true;
}

static bool too_large(const struct shipper *s)
{
	return s->max_bytes && s->envelope->body.len + s->encoder.ops->overhead > s->max_bytes;
}

/*
 * Some destinations limit an envelope: a row that does not fit is removed and
 * begins the next one. A row that is too large for an envelope of its own is dropped.
 */
static void append_within_limit(struct shipper *s, const struct record *record)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		size_t before = s->envelope ? s->envelope->body.len : 0;
		bool first = s->envelope == NULL;

		if (!append(s, record)) {
			s->oversize++;
			return;
		}
		if (!too_large(s))
			return;
		s->envelope->rows--;
		if (s->envelope->cuts.len > 0)
			s->envelope->cuts.len -= sizeof(uint32_t);
		if (first) {
			dest_envelope_put(s->dest, s->envelope);
			s->envelope = NULL;
			s->oversize++;
			return;
		}
		s->envelope->body.len = before;
		submit(s);
	}
}

/* Append one record to the batch of the tap, as (key, varint length, XtcpFlatRecord). */
static void tap_encode(struct shipper *s, const struct record *record)
{
	/* Three bytes of length hold 2 MiB; a record is under 64 KiB.
	 * The spare bytes are legal varint padding. */
	const size_t prefix = 1 + 3;

	if (!buf_reserve(&s->tap_batch, prefix))
		return;
	size_t start = s->tap_batch.len;
	s->tap_batch.len += prefix;
	wire_encode(&s->tap_batch, record);
	size_t len = s->tap_batch.len - start - prefix;
	uint8_t *p = s->tap_batch.data + start;
	p[0] = ROW_KEY;
	p[1] = (uint8_t)(len | 0x80);
	p[2] = (uint8_t)(len >> 7 | 0x80);
	p[3] = (uint8_t)(len >> 14 & 0x7f);
	s->tap_rows++;
	if (s->tap_batch.len >= TAP_BATCH_BYTES)
		tap_flush(s);
}

void shipper_set_tap(struct shipper *s, struct poll_tap *tap)
{
	s->tap = tap;
	s->unseen_rows = s->tap_rows = 0;
	buf_reset(&s->tap_batch);
}

static void add_to_tally(struct tally_part *tally, const struct record *record, bool wanted)
{
	if (record->event == 0)
		tally_add(tally, record, wanted);
	else if (wanted)
		tally_add_closed(tally, record);
}

/*
 * Whether -modulus takes the socket. The answer depends on the cookie alone, so that a socket is in all polls or in none, and so is
 * its close event. Cookies are numbered in a row: the hash spreads them.
 */
static bool in_sample(const struct shipper *s, const struct record *record)
{
	return hash_slot(record->inet_diag_msg_socket_cookie, 32) % s->modulus == 0;
}

static void submit_full(struct shipper *s)
{
	if (s->envelope && (s->envelope->rows >= s->flush_rows || s->envelope->body.len >= s->flush_bytes))
		submit(s);
}

static int shipper_emit(struct record_sink *sink, struct record *record)
{
	struct shipper *s = (struct shipper *)sink;

	if (s->asn)
		asn_to_record(s->asn, record);
	bool wanted = !s->filter || filter_match(s->filter, record);

	if (s->tally)
		add_to_tally(s->tally, record, wanted);
	if (!wanted) {
		s->filtered++;
		return 0;
	}
	if (s->modulus > 1 && !in_sample(s, record)) {
		s->sampled_out++;
		return 0;
	}
	if (s->changes && !changes_take(s->changes, record, &s->room)) {
		s->unchanged++;
		/* Who listens live sees every socket in every poll. The number is that of no record. */
		record->record_counter = 0;
		if (s->tap)
			tap_encode(s, record);
		return 0;
	}
	uint64_t oversize = s->oversize;
	record->record_counter = ++s->counter;
	append_within_limit(s, record);
	if (s->changes && s->oversize != oversize)
		changes_forget(s->changes, record->inet_diag_msg_socket_cookie);
	if (s->tap && s->wire_rows && s->envelope)
		tap_appended(s);
	else if (s->tap)
		tap_encode(s, record);
	submit_full(s);
	return 0;
}

static void shipper_expect(struct record_sink *sink, uint64_t cookie)
{
	struct shipper *s = (struct shipper *)sink;

	if (s->tally)
		tally_expect(s->tally, cookie);
}

void shipper_mark(struct shipper *s, struct record *mark)
{
	/* What the tap gets of the envelope is one piece. */
	tap_unseen(s);
	mark->record_counter = ++s->counter;
	append_within_limit(s, mark);
	submit_full(s);
}

int shipper_init(struct shipper *s, const struct config *config, struct dest *dest, char *error, size_t size)
{
	*s = (struct shipper){
	    .sink.emit = shipper_emit,
	    .sink.expect = shipper_expect,
	    .dest = dest,
	    .modulus = config->modulus,
	    .flush_rows = config->envelope_flush_rows ? config->envelope_flush_rows : ENVELOPE_FLUSH_ROWS,
	    .flush_bytes = config->envelope_flush_bytes ? config->envelope_flush_bytes : ENVELOPE_FLUSH_BYTES,
	    .cuts = dest_splits(dest),
	};
	int r = encoder_init(&s->encoder, config->marshal, config->columns, error, size);
	s->encoder.json_names = strcmp(config->names, "json") == 0;
	if (r == 0) {
		s->filter = filter_new(config->filter, error, size);
		r = *error ? -EINVAL : 0;
	}
	s->wire_rows = r == 0 && strcmp(s->encoder.ops->name, "protobufList") == 0;
	return r;
}

int shipper_set_asn(struct shipper *s, struct asn *asn)
{
	s->asn = asn ? asn_cache_new(asn) : NULL;
	return !asn || s->asn ? 0 : -ENOMEM;
}

void shipper_free(struct shipper *s)
{
	asn_cache_free(s->asn);
	dest_envelope_put(s->dest, s->envelope);
	encoder_free(&s->encoder);
	filter_free(s->filter);
	buf_free(&s->tap_batch);
	buf_free(&s->room);
}

uint64_t shipper_flush(struct shipper *s)
{
	submit(s);
	tap_flush(s);
	if (s->asn)
		asn_cache_flush(s->asn);
	uint64_t shipped = s->shipped;
	stat_add(STAT_RECORDS, shipped);
	stat_add(STAT_RECORDS_SAMPLED_OUT, s->sampled_out);
	stat_add(STAT_RECORDS_FILTERED, s->filtered);
	stat_add(STAT_RECORDS_UNCHANGED, s->unchanged);
	stat_add(STAT_RECORDS_OVERSIZE, s->oversize);
	s->shipped = s->sampled_out = s->filtered = s->unchanged = s->oversize = 0;
	return shipped;
}

uint64_t run_id(void)
{
	static uint64_t id;

	if (id == 0)
		id = (uint64_t)(clock_real_ns() / 1000);
	return id;
}

void record_constants(struct record *record, const struct config *config)
{
	record->sections |= RECORD_HAS(META);
	record->schema_version = RECORD_SCHEMA_VERSION;
	record->daemon_version = str_of(XTCP2_VERSION);
	record->location = str_of(config->location);
	record->label = str_of(config->label);
	record->tag = str_of(config->tag);
	record->run_id = run_id();
}

void record_hostname(struct record *record, const struct config *config, struct hostname *room)
{
	if (config->hostname[0]) {
		record->hostname = str_of(config->hostname);
		return;
	}
	room->text[sizeof(room->text) - 1] = '\0';
	if (gethostname(room->text, sizeof(room->text) - 1) < 0)
		room->text[0] = '\0';
	/* One byte that is not UTF-8 would make a whole envelope unreadable; RFC 1123 has none beyond ASCII. */
	for (char *c = room->text; *c; c++)
		if (*c <= ' ' || (unsigned char)*c > '~')
			*c = '?';
	record->hostname = str_of(room->text);
}

void record_uplinks(struct record *record, struct uplinks *uplinks, struct uplink_facts *facts)
{
	if (!uplinks)
		return;
	uplinks_copy(uplinks, facts);
	uplink_to_record(facts, record);
}
