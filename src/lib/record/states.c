/* SPDX-License-Identifier: MIT */
#include "record/states.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"

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

#define STATE(n) (UINT32_C(1) << (n))
#define CLOSE	 STATE(7)
#define LISTEN	 STATE(10)
#define BUCKET	 (STATE(3) | STATE(6) | STATE(12))

/* Names of ss(8): short ones of states, and groups; its all and ours are STATES_DEFAULT and STATES_ALL. */
static const struct {
	const char *name;
	uint32_t states;
} further[] = {
    {"default", STATES_DEFAULT},
    {"all", STATES_ALL},
    {"estab", STATE(1)},
    {"listening", LISTEN},
    {"closed", CLOSE},
    {"unconn", CLOSE},
    {"unconnected", CLOSE},
    {"connected", STATES_DEFAULT & ~(LISTEN | CLOSE)},
    {"synchronized", STATES_DEFAULT & ~(LISTEN | CLOSE | STATE(2))},
    {"bucket", BUCKET},
    {"big", STATES_DEFAULT & ~BUCKET},
};

/* In lower case, in the order of the kernel's numbers. */
static const char *const own_names[] = {
    "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",	"time_wait",	 "close",
    "close_wait",  "last_ack", "listen",   "closing",	"new_syn_recv", "bound_inactive"};
static_assert(ARRAY_SIZE(own_names) == TCP_STATE_LAST, "a name for every state");

const char *tcp_states_name(size_t i)
{
	if (i < ARRAY_SIZE(own_names))
		return own_names[i];
	i -= ARRAY_SIZE(own_names);
	return i < ARRAY_SIZE(further) ? further[i].name : NULL;
}

uint32_t tcp_states_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_names); i++) {
		if (same_word(name, len, own_names[i]))
			return STATE(TCP_STATE_FIRST + i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(further); i++) {
		if (same_word(name, len, further[i].name))
			return further[i].states;
	}
	return 0;
}

void tcp_states_suggest(struct suggest *s)
{
	for (size_t i = 0; tcp_states_name(i); i++)
		suggest_offer(s, tcp_states_name(i));
}

/* Say which word is wrong, and the right ones. */
static int unknown_state(const char *word, size_t len, char *error, size_t size)
{
	int n = snprintf(error, size, "unknown state \"%.*s\"; possible: a mask such as 0x1ffe, or a list of",
			 len < 40 ? (int)len : 40, word);
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];

	for (size_t i = 0; tcp_states_name(i) && n >= 0 && (size_t)n < size; i++)
		n += snprintf(error + n, size - n, " %s", tcp_states_name(i));
	suggest_begin(&s, word, len);
	tcp_states_suggest(&s);
	if (n >= 0 && (size_t)n < size)
		snprintf(error + n, size - n, "%s", suggest_text(&s, near));
	return -EINVAL;
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

int tcp_states_parse(const char *text, uint32_t *mask, char *error, size_t size)
{
	uint32_t sum = 0;

	if (number_mask(text, mask))
		return 0;
	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ",");
		uint32_t bits = tcp_states_find(word, len);

		if (!bits)
			return unknown_state(word, len, error, size);
		sum |= bits;
		word += len;
		if (!*word)
			break;
	}
	*mask = sum;
	return 0;
}
