/* SPDX-License-Identifier: MIT */
#include "grpc/grpc_proto.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"

static const char *const code_names[] = {
    [0] = "OK",
    [1] = "CANCELLED",
    [2] = "UNKNOWN",
    [3] = "INVALID_ARGUMENT",
    [4] = "DEADLINE_EXCEEDED",
    [5] = "NOT_FOUND",
    [6] = "ALREADY_EXISTS",
    [7] = "PERMISSION_DENIED",
    [8] = "RESOURCE_EXHAUSTED",
    [9] = "FAILED_PRECONDITION",
    [10] = "ABORTED",
    [11] = "OUT_OF_RANGE",
    [12] = "UNIMPLEMENTED",
    [13] = "INTERNAL",
    [14] = "UNAVAILABLE",
    [15] = "DATA_LOSS",
    [16] = "UNAUTHENTICATED",
};
static_assert(ARRAY_SIZE(code_names) == GRPC_CODE_MAX_, "code_names[] does not match enum grpc_code");

const char *grpc_code_name(unsigned code)
{
	return code < ARRAY_SIZE(code_names) ? code_names[code] : "UNKNOWN";
}

/* Finest first: grpc_timeout_format() uses the first that fits. */
static const struct {
	char unit;
	int64_t ns;
} timeout_units[] = {
    {'n', 1},
    {'u', 1000},
    {'m', NS_PER_MS},
    {'S', NS_PER_SEC},
    {'M', 60 * NS_PER_SEC},
    {'H', 3600 * NS_PER_SEC},
};

/* The specification's bound on the digits. */
#define TIMEOUT_DIGITS 8
#define TIMEOUT_MOST   99999999

int grpc_timeout_parse(struct str text, int64_t *ns)
{
	int64_t value = 0;

	if (text.len < 2 || text.len > TIMEOUT_DIGITS + 1)
		return -EINVAL;
	for (uint32_t i = 0; i < text.len - 1; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -EINVAL;
		value = value * 10 + (text.p[i] - '0');
	}
	for (size_t i = 0; i < ARRAY_SIZE(timeout_units); i++) {
		if (timeout_units[i].unit == text.p[text.len - 1]) {
			/* Eight digits of hours are 11,000 years, which overflow 63 bits of nanoseconds. */
			if (__builtin_mul_overflow(value, timeout_units[i].ns, ns))
				*ns = INT64_MAX;
			return 0;
		}
	}
	return -EINVAL;
}

void grpc_timeout_format(int64_t ns, char text[static GRPC_TIMEOUT_TEXT])
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(timeout_units) && ns > TIMEOUT_MOST * timeout_units[i].ns)
		i++;
	int64_t value = ns / timeout_units[i].ns + (ns % timeout_units[i].ns != 0);
	snprintf(text, GRPC_TIMEOUT_TEXT, "%u%c", (unsigned)(value > TIMEOUT_MOST ? TIMEOUT_MOST : value),
		 timeout_units[i].unit);
}

void grpc_percent_encode(struct buf *b, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= ' ' && c <= '~' && c != '%')
			buf_byte(b, c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void grpc_percent_decode(struct buf *b, struct str text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.p[i] == '%' && i + 2 < text.len && hex_digit(text.p[i + 1]) >= 0 &&
		    hex_digit(text.p[i + 2]) >= 0) {
			buf_byte(b, (uint8_t)(hex_digit(text.p[i + 1]) << 4 | hex_digit(text.p[i + 2])));
			i += 2;
		} else {
			buf_byte(b, (uint8_t)text.p[i]);
		}
	}
}

bool grpc_content_type_ok(struct str value)
{
	static const char base[] = "application/grpc";
	uint32_t len = sizeof(base) - 1;

	if (value.len < len || memcmp(value.p, base, len) != 0)
		return false;
	if (value.len >= len + 6 && memcmp(value.p + len, "+proto", 6) == 0)
		len += 6;
	return value.len == len || value.p[len] == ';';
}
