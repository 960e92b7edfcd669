/* SPDX-License-Identifier: MIT */
#include "filter/operand.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "filter/services.h"
#include "record/field_info.h"
#include "record/states.h"

/* Longest operand of those that have a form, with its NUL. */
#define OPERAND_MAX 128

#define PORT_LAST 65535

/* The operand as a text with an end. false: too long, or with a NUL. */
static bool copy(char to[static OPERAND_MAX], const char *text, size_t len)
{
	if (len >= OPERAND_MAX)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

/* States */

#define SYN_RECV       3
#define NEW_SYN_RECV   12
#define BOUND_INACTIVE 13
#define STATE(n)       (UINT32_C(1) << (n))

static uint32_t state_word(const char *word)
{
	uint32_t states = tcp_states_find(word, strlen(word));

	/* The kernel has two names for the state that ss(8) and the records call SYN_RECV. */
	if (states & STATE(SYN_RECV))
		states |= STATE(NEW_SYN_RECV);
	/* All are those that ss(8) reads. */
	return strcasecmp(word, "all") == 0 ? states & ~STATE(BOUND_INACTIVE) : states;
}

const char *operand_states(const char *text, size_t len, uint32_t *states)
{
	char word[OPERAND_MAX], *rest = word;

	*states = 0;
	if (!copy(word, text, len))
		return "is not a state";
	for (char *name; (name = strsep(&rest, ","));) {
		uint32_t one = state_word(name);
		if (!one)
			return "is not a state: say established, syn-sent, time-wait, listening, connected, all and the like";
		*states |= one;
	}
	return NULL;
}

/* Ports */

/* A decimal number of at most max. */
static bool decimal(const char *text, uint32_t max, uint32_t *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	*value = (uint32_t)n;
	return !*end && !errno && n <= max;
}

static bool one_port(const char *text, uint32_t *port)
{
	return decimal(text, PORT_LAST, port) || (isalpha((unsigned char)*text) && service_port(text, port));
}

const char *operand_ports(const char *text, size_t len, enum filter_op op, struct filter_node *node)
{
	char word[OPERAND_MAX];
	uint32_t first, last;

	if (!copy(word, text, len))
		return "is not a port";
	char *p = word + (*word == ':');
	char *dash = isdigit((unsigned char)*p) ? strchr(p, '-') : NULL;
	if (dash)
		*dash = '\0';
	if (!one_port(p, &first) || (dash && !one_port(dash + 1, &last)))
		return "is not a port: say :443, :https or :8000-8099";
	if (!dash)
		last = first;
	if (dash && (op != FILTER_EQ || first > last))
		return op != FILTER_EQ ? "is a range, which only = and != compare with"
				       : "is a range that ends before it begins";
	node->kind = FILTER_PORT;
	/* Beyond either end there is no port. */
	node->ports.first = op == FILTER_LT || op == FILTER_LE ? 0 : op == FILTER_GT ? first + 1 : first;
	node->ports.last = op == FILTER_GT || op == FILTER_GE ? PORT_LAST : op == FILTER_LT ? last - 1 : last;
	if (op == FILTER_LT && last == 0) {
		node->ports.first = 1;
		node->ports.last = 0;
	}
	return NULL;
}

/* Hosts */

/* ADDRESS[/BITS], empty and * for any. */
static bool address(char *text, struct filter_node *node)
{
	char *slash = strchr(text, '/');
	uint32_t bits, most;

	if (slash)
		*slash++ = '\0';
	if (!slash && (!*text || strcmp(text, "*") == 0)) {
		node->host.family = AF_UNSPEC;
		return true;
	}
	node->host.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	most = node->host.family == AF_INET ? 32 : 128;
	if (inet_pton(node->host.family, text, node->host.address) != 1)
		return false;
	if (!slash)
		bits = most;
	else if (!decimal(slash, most, &bits))
		return false;
	node->host.bits = (uint8_t)bits;
	return true;
}

/* Cut the text where its port begins; NULL for none. An address of IPv6 needs brackets before a port. */
static char *cut_port(char **text)
{
	char *t = *text, *end, *colon = strrchr(t, ':');

	if (*t != '[') {
		if (!colon || (strchr(t, ':') != colon))
			return NULL;
		*colon = '\0';
		return colon + 1;
	}
	end = strchr(t, ']');
	if (!end)
		return NULL;
	*text = t + 1;
	/* [fe80::]/10 and [fe80::/10] */
	if (end[1] == '/') {
		colon = strchr(end, ':');
		if (colon)
			*colon = '\0';
		memmove(end, end + 1, strlen(end + 1) + 1);
		return colon ? colon + 1 : NULL;
	}
	*end = '\0';
	return end[1] == ':' ? end + 2 : end[1] ? end + 1 : NULL;
}

const char *operand_host(const char *text, size_t len, struct filter_node *node)
{
	char word[OPERAND_MAX], *host = word;
	uint32_t port;

	node->kind = FILTER_HOST;
	node->host.port = FILTER_ANY_PORT;
	if (!copy(word, text, len))
		return "is not an address";
	char *port_text = cut_port(&host);
	if (port_text && strcmp(port_text, "*") != 0) {
		if (!one_port(port_text, &port))
			return "has no port after its colon: say 10.0.0.1:443 or [::1]:https";
		node->host.port = (int32_t)port;
	}
	if (!address(host, node))
		return "is not an address: say 10.0.0.0/8, 10.0.0.1:443, [::1]:443 or :443; names are not looked up";
	return NULL;
}

/* Numbers */

/* Factors behind a number, a B, b or "it" behind them not counted. */
static const struct {
	const char *suffix;
	uint64_t factor;
} factors[] = {
    {"", 1},
    {"K", 1000},
    {"k", 1000},
    {"M", 1000 * 1000},
    {"G", 1000 * 1000 * 1000},
    {"T", UINT64_C(1000) * 1000 * 1000 * 1000},
    {"Ki", 1 << 10},
    {"Mi", 1 << 20},
    {"Gi", 1 << 30},
    {"Ti", UINT64_C(1) << 40},
};

static bool factor_of(const char *suffix, enum field_unit unit, uint64_t *factor)
{
	size_t len = strlen(suffix);
	bool bytes = unit == FIELD_UNIT_BYTES || unit == FIELD_UNIT_BYTES_PER_S;

	if (bytes && len > 0 && suffix[len - 1] == 'B')
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(factors); i++) {
		if (strlen(factors[i].suffix) == len && memcmp(factors[i].suffix, suffix, len) == 0) {
			*factor = factors[i].factor;
			return true;
		}
	}
	return false;
}

/* Digits behind the point that count: the largest factor times this fits 64 bits. */
#define FRACTION_OF 1000000

/* A number with its factor. Return false for anything else, and for one beyond 64 bits. */
static bool scaled(const char *text, enum field_unit unit, uint64_t *value)
{
	uint64_t factor;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long long whole = strtoull(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	if (*end != '.')
		return !errno && factor_of(end, unit, &factor) &&
		       !__builtin_mul_overflow((uint64_t)whole, factor, value);
	/* Not strtod(), whose point depends on the locale. Further digits do not matter. */
	uint64_t part = 0, of = 1;
	for (end++; isdigit((unsigned char)*end); end++) {
		if (of < FRACTION_OF) {
			part = part * 10 + (uint64_t)(*end - '0');
			of *= 10;
		}
	}
	if (errno || !factor_of(end, unit, &factor) || whole > UINT64_MAX / factor - 1)
		return false;
	*value = whole * factor + factor * part / of;
	return true;
}

const char *operand_number(const char *text, size_t len, struct filter_node *node)
{
	enum field_unit unit = record_field_unit(node->field);
	uint64_t unit_ns = node->field->kind == FIELD_TIME ? 0 : field_unit_ns(unit);
	char word[OPERAND_MAX];
	int64_t ns;

	node->number.scale = unit_ns ? unit_ns : 1;
	if (!copy(word, text, len))
		return "is not a number";
	if (unit_ns) {
		if (duration_parse(word, &ns) < 0)
			return "is not a time with its unit: say 50ms, 200us or 1.5s";
		node->number.value = (uint64_t)ns;
		return NULL;
	}
	return scaled(word, unit, &node->number.value) ? NULL : "is not a number: say 100, 1.5M or 64Ki";
}
