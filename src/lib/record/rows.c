/* SPDX-License-Identifier: MIT */
#include "record/rows.h"

#include <string.h>

#include "record/wire_decode.h"

/* Ahead of the wire bytes of each record. */
struct head {
	uint32_t length; /* of the wire bytes */
	uint32_t sections;
};

void rows_begin(struct encoder *e, struct buf *b)
{
	e->start = b->len;
}

void rows_row(struct encoder *e, struct buf *b, const struct record *r)
{
	struct head head = {0, r->sections};
	size_t at = b->len;

	buf_append(b, &head, sizeof(head));
	wire_encode(b, r);
	if (!buf_ok(b))
		return;
	head.length = (uint32_t)(b->len - at - sizeof(head));
	memcpy(b->data + at, &head, sizeof(head));
}

void rows_end(struct encoder *e, struct buf *b)
{
}

struct rows_reader rows_of(const void *data, size_t len)
{
	return (struct rows_reader){data, (const uint8_t *)data + len, false};
}

bool rows_next(struct rows_reader *reader, struct record *r)
{
	struct head head;
	size_t left = (size_t)(reader->end - reader->p);

	if (reader->bad || left == 0)
		return false;
	if (left < sizeof(head)) {
		reader->bad = true;
		return false;
	}
	memcpy(&head, reader->p, sizeof(head));
	reader->p += sizeof(head);
	struct str wire = {(const char *)reader->p, head.length};
	if (head.length > left - sizeof(head) || wire_decode(r, wire) < 0) {
		reader->bad = true;
		return false;
	}
	reader->p += head.length;
	r->sections = head.sections;
	return true;
}
