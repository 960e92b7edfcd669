/* SPDX-License-Identifier: MIT */
#ifndef RECORD_FORMAT_H
#define RECORD_FORMAT_H
/* Values as text, appended to a buffer. Internal to the encoders. */
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "record/field.h"

void format_u64(struct buf *b, uint64_t v);
/* RFC 3339 in UTC with nanoseconds. */
void format_time(struct buf *b, int64_t real_ns);
/* 4 or 16 bytes in network order as inet_ntop(3) writes them, anything else as hex. */
void format_address(struct buf *b, struct str s);
void format_hex(struct buf *b, struct str s);
void format_base64(struct buf *b, struct str s);
/* In double quotes, escaped; bytes that are not UTF-8 become U+FFFD. */
void format_json_string(struct buf *b, struct str s);

/* One value for people: STR as it is, not quoted, TIME as RFC 3339, names for STATE and CC, BYTES as hex. */
void format_field(struct buf *b, const struct record *r, const struct record_field *f);

#endif
