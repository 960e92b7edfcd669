/* SPDX-License-Identifier: MIT */
#ifndef MMDB_H
#define MMDB_H
/*
 * A writer of small files in MaxMind's format (https://maxmind.github.io/MaxMind-DB/): a tree of 24-bit records over IPv6
 * addresses, with IPv4 at ::/96, and an entry per network. For tests.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct mmdb_network {
	const char *cidr; /* "127.1.0.0/16", "2001:db8::/32" */
	uint32_t number;
	const char *organization;
};

enum { MMDB_UTF8 = 2, MMDB_U16 = 5, MMDB_U32 = 6, MMDB_MAP = 7, MMDB_U64 = 9, MMDB_ARRAY = 11 };

/* The control byte of a value: its type, and its size below 29 or, of a text, up to 284. */
static void mmdb_control(struct buf *b, unsigned type, unsigned size)
{
	buf_byte(b, (uint8_t)((type < 8 ? type << 5 : 0) | (size < 29 ? size : 29)));
	if (type >= 8)
		buf_byte(b, (uint8_t)(type - 7));
	if (size >= 29)
		buf_byte(b, (uint8_t)(size - 29));
}

static void mmdb_text(struct buf *b, const char *text)
{
	mmdb_control(b, MMDB_UTF8, (unsigned)strlen(text));
	buf_str(b, text);
}

static void mmdb_number(struct buf *b, const char *key, unsigned type, uint64_t value)
{
	unsigned size = type == MMDB_U16 ? 2 : type == MMDB_U32 ? 4 : 8;

	mmdb_text(b, key);
	mmdb_control(b, type, size);
	while (size-- > 0)
		buf_byte(b, (uint8_t)(value >> 8 * size));
}

/* The bits of a network and their number. */
static bool mmdb_prefix(const char *cidr, uint8_t bits[16], unsigned *length)
{
	char text[64];
	const char *slash = strchr(cidr, '/');

	if (!slash || (size_t)(slash - cidr) >= sizeof(text))
		return false;
	memcpy(text, cidr, (size_t)(slash - cidr));
	text[slash - cidr] = '\0';
	memset(bits, 0, 16);
	*length = (unsigned)atoi(slash + 1);
	if (inet_pton(AF_INET6, text, bits) == 1)
		return *length > 0 && *length <= 128;
	*length += 96;
	return inet_pton(AF_INET, text, bits + 12) == 1 && *length > 96 && *length <= 128;
}

#define MMDB_NODES_MAX 4096

/* Append the file of these networks, of which none is in another. Return false for one that is no network. */
static bool mmdb_make(struct buf *b, const struct mmdb_network *networks, size_t count)
{
	/* 0: nothing, n > 0: node n, n < 0: the entry of network -n - 1 */
	int(*tree)[2] = calloc(MMDB_NODES_MAX, sizeof(*tree));
	uint32_t *offset = calloc(count + 1, sizeof(*offset));
	struct buf data = {0};
	int nodes = 1;
	bool good = tree && offset;

	for (size_t i = 0; i < count && good; i++) {
		uint8_t bits[16];
		unsigned length;
		int at = 0;
		good = mmdb_prefix(networks[i].cidr, bits, &length);
		for (unsigned bit = 0; good && bit < length; bit++) {
			int *next = &tree[at][bits[bit / 8] >> (7 - bit % 8) & 1];
			if (bit + 1 == length)
				*next = -(int)i - 1;
			else if (*next == 0 && nodes < MMDB_NODES_MAX)
				*next = nodes++;
			good = *next != 0 && (*next > 0) == (bit + 1 < length);
			at = *next;
		}
		offset[i] = (uint32_t)data.len;
		mmdb_control(&data, MMDB_MAP, 2);
		mmdb_number(&data, "autonomous_system_number", MMDB_U32, networks[i].number);
		mmdb_text(&data, "autonomous_system_organization");
		mmdb_text(&data, networks[i].organization);
	}
	for (int i = 0; good && i < 2 * nodes; i++) {
		int to = tree[i / 2][i % 2];
		uint32_t v = to > 0    ? (uint32_t)to
			     : to == 0 ? (uint32_t)nodes
				       : (uint32_t)nodes + 16 + offset[-to - 1];
		buf_append(b, (const uint8_t[]){(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 3);
	}
	buf_append(b, (const uint8_t[16]){0}, 16);
	buf_append(b, data.data, data.len);
	buf_str(b, "\xab\xcd\xefMaxMind.com");
	mmdb_control(b, MMDB_MAP, 9);
	mmdb_number(b, "binary_format_major_version", MMDB_U16, 2);
	mmdb_number(b, "binary_format_minor_version", MMDB_U16, 0);
	mmdb_number(b, "build_epoch", MMDB_U64, 1767225600);
	mmdb_text(b, "database_type");
	mmdb_text(b, "xtcp2-test-ASN");
	mmdb_text(b, "description");
	mmdb_control(b, MMDB_MAP, 0);
	mmdb_number(b, "ip_version", MMDB_U16, 6);
	mmdb_text(b, "languages");
	mmdb_control(b, MMDB_ARRAY, 0);
	mmdb_number(b, "node_count", MMDB_U32, (uint64_t)nodes);
	mmdb_number(b, "record_size", MMDB_U16, 24);
	good = good && buf_ok(b) && buf_ok(&data);
	buf_free(&data);
	free(tree);
	free(offset);
	return good;
}

#endif
