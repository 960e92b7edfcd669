/* SPDX-License-Identifier: MIT */
/* -deserializers: names of the attribute policy table -> attribute mask and idiag_ext. */
#include <errno.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "record/policy.h"

/* MEMINFO repeats values of SKMEMINFO. */
#define NOT_BY_DEFAULT (UINT64_C(1) << INET_DIAG_MEMINFO)

const char *deserializer_name(size_t i)
{
	for (size_t n = 0; n <= ABI_INET_DIAG_MAX; n++)
		if (attribute_policy[n].name && !i--)
			return attribute_policy[n].name;
	return NULL;
}

/* Return the bits of `name` (len bytes); 0 when it is unknown. */
static uint64_t bits_of(const char *name, size_t len)
{
	uint64_t all = 0;

	for (size_t n = 0; n <= ABI_INET_DIAG_MAX; n++) {
		const char *known = attribute_policy[n].name;

		if (!known)
			continue;
		if (strlen(known) == len && !memcmp(known, name, len))
			return UINT64_C(1) << n;
		all |= UINT64_C(1) << n;
	}
	if (len == strlen("all") && !memcmp(name, "all", len))
		return all;
	if (len == strlen("default") && !memcmp(name, "default", len))
		return all & ~NOT_BY_DEFAULT;
	return 0;
}

/* idiag_ext has 8 bits, bit N - 1 for attribute N; the others come with one of them or unrequested. */
static uint8_t ext_of(uint64_t attributes)
{
	uint8_t ext = 0;

	for (size_t n = 0; n <= ABI_INET_DIAG_MAX; n++)
		if (attributes >> n & 1 && attribute_policy[n].asked_by)
			ext |= 1U << (attribute_policy[n].asked_by - 1);
	return ext;
}

/* Say which name is wrong, and the right ones. */
static int unknown_name(const char *name, size_t len, char *error, size_t size)
{
	int n = snprintf(error, size, "unknown name \"%.*s\"; possible: default, all, none, or a list of:",
			 len < 40 ? (int)len : 40, name);
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];

	suggest_begin(&s, name, len);
	for (size_t i = 0; deserializer_name(i) && n >= 0 && (size_t)n < size; i++) {
		n += snprintf(error + n, size - n, " %s", deserializer_name(i));
		suggest_offer(&s, deserializer_name(i));
	}
	if (n >= 0 && (size_t)n < size)
		snprintf(error + n, size - n, "%s", suggest_text(&s, near));
	return -EINVAL;
}

int deserializers_parse(const char *list, uint64_t *attributes, uint8_t *ext, char *error, size_t size)
{
	uint64_t mask = 0;

	if (strcmp(list, "none")) {
		for (const char *name = list;;) {
			size_t len = strcspn(name, ",");
			uint64_t bits = bits_of(name, len);

			if (!bits)
				return unknown_name(name, len, error, size);
			mask |= bits;
			if (!name[len])
				break;
			name += len + 1;
		}
	}
	*attributes = mask;
	*ext = ext_of(mask);
	return 0;
}
