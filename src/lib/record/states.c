/* SPDX-License-Identifier: MIT */
#include "record/states.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/encoder.h"

/* TCP states are numbered 1 (ESTABLISHED) to 13 (BOUND_INACTIVE), net/tcp_states.h. */
#define TCP_STATE_FIRST		 1
#define TCP_STATE_LAST		 13
#define TCP_STATE_BOUND_INACTIVE 13

#define STATES_ALL     ((UINT32_C(2) << TCP_STATE_LAST) - (UINT32_C(1) << TCP_STATE_FIRST))
#define STATES_DEFAULT (STATES_ALL & ~(UINT32_C(1) << TCP_STATE_BOUND_INACTIVE))

/* Return whether the words are equal but for case, '_' and '-': users write FIN_WAIT1, fin-wait-1 and finwait1. */
static bool same_word(const char *word, size_t len, const char *name)
{
	const char *end = word + len;

	for (;;) {
		while (word < end && (*word == '_' || *word == '-'))
			word++;
		while (*name == '_' || *name == '-')
			name++;
		if (word == end || !*name)
			return word == end && !*name;
		if (tolower((unsigned char)*word++) != tolower((unsigned char)*name++))
			return false;
	}
}

/* Return the bits of one word of the list, 0 for an unknown word. */
static uint32_t word_mask(const char *word, size_t len)
{
	if (same_word(word, len, "default"))
		return STATES_DEFAULT;
	if (same_word(word, len, "all"))
		return STATES_ALL;
	for (uint32_t state = TCP_STATE_FIRST; state <= TCP_STATE_LAST; state++) {
		if (same_word(word, len, tcp_state_name(state)))
			return UINT32_C(1) << state;
	}
	return 0;
}

static bool number_mask(const char *text, uint32_t *mask)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	*mask = (uint32_t)value;
	return *end == '\0' && errno == 0 && value != 0 && (value & ~(unsigned long long)STATES_ALL) == 0;
}

int tcp_states_parse(const char *text, uint32_t *mask, char *bad, size_t size)
{
	uint32_t sum = 0;

	if (number_mask(text, mask))
		return 0;
	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ",");
		uint32_t bits = word_mask(word, len);

		if (!bits) {
			snprintf(bad, size, "%.*s", (int)len, word);
			return -EINVAL;
		}
		sum |= bits;
		word += len;
		if (!*word)
			break;
	}
	*mask = sum;
	return 0;
}
