/* SPDX-License-Identifier: MIT */
#include "record/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "record/kernel_abi.h"

static bool mark(struct record *r, const struct record_field *f)
{
	r->sections |= f->needs | UINT32_C(1) << record_field_section(f);
	return true;
}

bool value_set_number(struct record *r, const struct record_field *f, uint64_t number)
{
	uint8_t *at = (uint8_t *)r + f->offset;
	uint32_t u32 = (uint32_t)number;

	switch (f->kind) {
	case FIELD_U64:
	case FIELD_TIME:
		memcpy(at, &number, sizeof(number));
		return mark(r, f);
	case FIELD_U32:
	case FIELD_STATE:
	case FIELD_CC:
		if (number > UINT32_MAX)
			return false;
		memcpy(at, &u32, sizeof(u32));
		return mark(r, f);
	default:
		return false;
	}
}

bool value_set_bytes(struct record *r, const struct record_field *f, struct str bytes)
{
	if (f->kind != FIELD_STR && f->kind != FIELD_BYTES && f->kind != FIELD_ADDR)
		return false;
	memcpy((uint8_t *)r + f->offset, &bytes, sizeof(bytes));
	return mark(r, f);
}

static bool parse_u64(struct str s, uint64_t *number)
{
	*number = 0;
	for (uint32_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(uint8_t)s.p[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return s.len > 0;
}

/* Nanoseconds, or RFC 3339 in UTC as format_time() writes it. */
static bool parse_time(struct str s, uint64_t *ns)
{
	char text[40];
	struct tm tm = {0};
	unsigned fraction;
	int end = 0;
	bool negative = s.len > 1 && s.p[0] == '-';

	if (parse_u64(negative ? (struct str){s.p + 1, s.len - 1} : s, ns)) {
		*ns = negative ? 0 - *ns : *ns;
		return true;
	}
	if (s.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)s.len, s.p);
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || sscanf(rest, ".%9uZ%n", &fraction, &end) != 1 || end != 11 || rest[end])
		return false;
	*ns = (uint64_t)timegm(&tm) * NS_PER_SEC + fraction;
	return true;
}

/* A number, or the name that name() gives to one of the first `count`. */
static bool parse_named(struct str s, const char *(*name)(uint32_t), uint32_t count, uint64_t *number)
{
	if (parse_u64(s, number))
		return true;
	for (uint32_t i = 0; i < count; i++) {
		const char *n = name(i);
		if (strlen(n) == s.len && memcmp(n, s.p, s.len) == 0) {
			*number = i;
			return true;
		}
	}
	return false;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct str s, struct buf *room)
{
	for (uint32_t i = 0; i + 1 < s.len; i += 2) {
		int high = hex_digit(s.p[i]), low = hex_digit(s.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		buf_byte(room, (uint8_t)(high << 4 | low));
	}
	return s.len % 2 == 0;
}

static int base64_digit(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'	      ? 62
	       : c == '/'	      ? 63
				      : -1;
}

static bool parse_base64(struct str s, struct buf *room)
{
	uint32_t bits = 0;
	unsigned count = 0;

	while (s.len && s.p[s.len - 1] == '=')
		s.len--;
	for (uint32_t i = 0; i < s.len; i++) {
		int digit = base64_digit(s.p[i]);
		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_byte(room, (uint8_t)(bits >> count));
		}
	}
	return true;
}

static bool parse_address(struct str s, struct buf *room)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (s.len < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)s.len, s.p);
		if (inet_pton(AF_INET, text, bytes) == 1)
			return buf_append(room, bytes, 4), true;
		if (inet_pton(AF_INET6, text, bytes) == 1)
			return buf_append(room, bytes, 16), true;
	}
	return parse_hex(s, room);
}

bool value_parse(struct record *r, const struct record_field *f, struct str text, enum value_style style,
		 struct buf *room)
{
	size_t start = room->len;
	uint64_t number;
	bool parsed;

	switch (f->kind) {
	case FIELD_U32:
	case FIELD_U64:
		return parse_u64(text, &number) && value_set_number(r, f, number);
	case FIELD_TIME:
		return parse_time(text, &number) && value_set_number(r, f, number);
	case FIELD_STATE:
		return parse_named(text, tcp_state_name, 14, &number) && value_set_number(r, f, number);
	case FIELD_CC:
		return parse_named(text, record_cc_name, RECORD_CC_MAX_, &number) &&
		       value_set_number(r, f, number);
	case FIELD_STR:
		return value_set_bytes(r, f, text);
	default:
		parsed = style == VALUE_PROTO	 ? parse_base64(text, room)
			 : f->kind == FIELD_ADDR ? parse_address(text, room)
						 : parse_hex(text, room);
		return parsed && buf_ok(room) &&
		       value_set_bytes(
			   r, f,
			   (struct str){(const char *)room->data + start, (uint32_t)(room->len - start)});
	}
}

bool value_unescape(struct buf *b, struct str s)
{
	static const char letters[] = "tnr\\\"", bytes[] = "\t\n\r\\\"";

	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] != '\\') {
			buf_byte(b, (uint8_t)s.p[i]);
			continue;
		}
		const char *letter = ++i < s.len && s.p[i] ? strchr(letters, s.p[i]) : NULL;
		if (letter) {
			buf_byte(b, (uint8_t)bytes[letter - letters]);
			continue;
		}
		unsigned octal = 0;
		for (uint32_t j = 0; j < 3; j++) {
			if (i + j >= s.len || s.p[i + j] < '0' || s.p[i + j] > '7')
				return false;
			octal = octal << 3 | (unsigned)(s.p[i + j] - '0');
		}
		if (octal > 0xff)
			return false;
		buf_byte(b, (uint8_t)octal);
		i += 2;
	}
	return true;
}

void value_settle(struct record *r)
{
	/* Of a table without that column: as long as this version knows it. */
	if ((r->sections & RECORD_HAS(TCP_INFO)) && r->tcp_info_len == 0)
		r->tcp_info_len = sizeof(struct abi_tcp_info);
}
