/* SPDX-License-Identifier: MIT */
#include "record/format.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"

void format_u64(struct buf *b, uint64_t v)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = '0' + v % 10;
	while (v /= 10);
	buf_append(b, p, text + sizeof(text) - p);
}

void format_time(struct buf *b, int64_t real_ns)
{
	int64_t ns = real_ns % NS_PER_SEC;
	time_t seconds = real_ns / NS_PER_SEC;
	char text[sizeof("-9223372036-01-01T00:00:00")];
	struct tm tm;

	if (ns < 0) {
		ns += NS_PER_SEC;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_append(b, text, len);
	buf_printf(b, ".%09uZ", (unsigned)ns);
}

void format_address(struct buf *b, struct str s)
{
	char text[INET6_ADDRSTRLEN];

	if (s.len != 4 && s.len != 16) {
		format_hex(b, s);
		return;
	}
	buf_str(b, inet_ntop(s.len == 4 ? AF_INET : AF_INET6, s.p, text, sizeof(text)));
}

void format_hex(struct buf *b, struct str s)
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < s.len; i++) {
		buf_byte(b, digits[(uint8_t)s.p[i] >> 4]);
		buf_byte(b, digits[(uint8_t)s.p[i] & 15]);
	}
}

void format_base64(struct buf *b, struct str s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = (const uint8_t *)s.p;

	for (uint32_t i = 0; i < s.len; i += 3) {
		uint32_t left = s.len - i;
		uint32_t v = p[i] << 16 | (left > 1 ? p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

		buf_byte(b, digits[v >> 18]);
		buf_byte(b, digits[v >> 12 & 63]);
		buf_byte(b, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_byte(b, left > 2 ? digits[v & 63] : '=');
	}
}

static void format_json_char(struct buf *b, uint8_t c)
{
	static const char letters[0x20] = {
	    ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

	if (c == '"' || c == '\\') {
		buf_byte(b, '\\');
		buf_byte(b, c);
	} else if (c >= 0x20) {
		buf_byte(b, c);
	} else if (letters[c]) {
		buf_byte(b, '\\');
		buf_byte(b, letters[c]);
	} else {
		buf_printf(b, "\\u%04x", c);
	}
}

void format_json_string(struct buf *b, struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	buf_byte(b, '"');
	for (uint32_t i = 0; i < s.len;) {
		uint32_t n = (uint32_t)utf8_length(p + i, s.len - i);

		if (n == 1)
			format_json_char(b, p[i]);
		else if (n)
			buf_append(b, p + i, n);
		else
			buf_str(b, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	buf_byte(b, '"');
}

void format_field(struct buf *b, const struct record *r, const struct record_field *f)
{
	struct str s;

	switch (f->kind) {
	case FIELD_U32:
	case FIELD_U64:
		format_u64(b, record_field_number(r, f));
		break;
	case FIELD_TIME:
		format_time(b, (int64_t)record_field_number(r, f));
		break;
	case FIELD_STR:
		s = record_field_bytes(r, f);
		buf_append(b, s.p, s.len);
		break;
	case FIELD_BYTES:
		format_hex(b, record_field_bytes(r, f));
		break;
	case FIELD_ADDR:
		format_address(b, record_field_bytes(r, f));
		break;
	case FIELD_STATE:
		buf_str(b, tcp_state_name(record_field_number(r, f)));
		break;
	case FIELD_CC:
		buf_str(b, record_cc_name(record_field_number(r, f)));
		break;
	}
}
