/* SPDX-License-Identifier: MIT */
#include "vmrun/result_line.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmrun/crc32c.h"

static const char *const verb_names[] = {
#define X(v) [RESULT_##v] = #v,
    RESULT_VERB_LIST(X)
#undef X
};
_Static_assert(sizeof(verb_names) / sizeof(verb_names[0]) == RESULT_VERBS, "a verb has no name");

const char *result_verb_name(enum result_verb verb)
{
	return verb_names[verb];
}

bool result_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= RESULT_NAME_MAX || name[0] == '.')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* An output position that keeps counting past the end, as snprintf() does. */
struct out {
	char *p;
	size_t len, cap;
};

static void put(struct out *o, char c)
{
	if (o->len < o->cap)
		o->p[o->len] = c;
	o->len++;
}

static void put_str(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

/* Write a plain word bare and any other value in quotes, with escapes that keep the line ASCII. */
static void put_value(struct out *o, const char *value)
{
	bool bare = *value != '\0';

	for (const char *c = value; *c; c++)
		bare = bare && (unsigned char)*c > ' ' && (unsigned char)*c < 0x7f && *c != '"' && *c != '\\';
	if (bare) {
		put_str(o, value);
		return;
	}
	put(o, '"');
	for (const char *c = value; *c; c++) {
		char hex[5];
		if (*c == '"' || *c == '\\') {
			put(o, '\\');
			put(o, *c);
		} else if (*c == '\n') {
			put_str(o, "\\n");
		} else if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f) {
			snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*c);
			put_str(o, hex);
		} else {
			put(o, *c);
		}
	}
	put(o, '"');
}

int result_line_format(const struct result_line *line, char out[static RESULT_LINE_MAX])
{
	char rest[RESULT_LINE_MAX];
	struct out o = {.p = rest, .cap = sizeof(rest)};

	put_str(&o, verb_names[line->verb]);
	for (size_t i = 0; i < line->pairs; i++) {
		put(&o, ' ');
		put_str(&o, line->pair[i].key);
		put(&o, '=');
		put_value(&o, line->pair[i].value);
	}
	if (o.len >= sizeof(rest))
		return -EMSGSIZE;
	rest[o.len] = '\0';
	int n = snprintf(out, RESULT_LINE_MAX, "XR %s %" PRIu64 " %" PRIu64 " %08" PRIx32 " %s\n",
			 line->nonce, line->seq, line->mono_ms, crc32c(0, rest, o.len), rest);
	return n < RESULT_LINE_MAX ? n : -EMSGSIZE;
}

/* Cut the next blank-separated word off *p. NULL at the end. */
static char *next_word(char **p)
{
	char *word = *p;

	if (!*word)
		return NULL;
	char *end = strchr(word, ' ');
	if (end)
		*end = '\0';
	*p = end ? end + 1 : word + strlen(word);
	return word;
}

static bool parse_u64(const char *word, int base, uint64_t *out)
{
	char *end;

	if (!word || !isxdigit((unsigned char)*word))
		return false;
	errno = 0;
	*out = strtoull(word, &end, base);
	return !errno && !*end;
}

/* Undo put_value()'s quotes in place. Return the end past the closing quote, NULL when it is missing. */
static char *unquote(char *p)
{
	char *to = p;

	for (p++; *p && *p != '"'; p++) {
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		p++;
		unsigned int byte;
		if (*p == 'n') {
			*to++ = '\n';
		} else if (*p == 'x' && sscanf(p + 1, "%2x", &byte) == 1 && p[1] && p[2]) {
			*to++ = (char)byte;
			p += 2;
		} else if (*p == '"' || *p == '\\') {
			*to++ = *p;
		} else {
			return NULL;
		}
	}
	if (*p != '"')
		return NULL;
	*to = '\0';
	return p + 1;
}

static int parse_pairs(char *p, struct result_line *out)
{
	while (*p) {
		char *eq = strchr(p, '=');
		if (!eq || eq == p || out->pairs == RESULT_PAIRS_MAX)
			return -EINVAL;
		*eq = '\0';
		char *value = eq + 1, *end;
		if (*value == '"') {
			end = unquote(value);
			if (!end || (*end && *end != ' '))
				return -EINVAL;
		} else {
			end = value + strcspn(value, " ");
		}
		out->pair[out->pairs++] = (struct result_pair){.key = p, .value = value};
		p = *end ? end + 1 : end;
		*end = '\0';
	}
	return 0;
}

int result_line_parse(const char *line, size_t len, struct result_line *out)
{
	uint64_t crc;

	if (len < 3 || memcmp(line, "XR ", 3) != 0)
		return -ENOENT;
	if (len >= sizeof(out->text) || memchr(line, '\0', len))
		return -EINVAL;
	out->pairs = 0;
	memcpy(out->text, line, len);
	out->text[len] = '\0';

	char *p = out->text + 3;
	const char *nonce = next_word(&p);
	if (!nonce || strlen(nonce) >= sizeof(out->nonce))
		return -EINVAL;
	memcpy(out->nonce, nonce, strlen(nonce) + 1);
	if (!parse_u64(next_word(&p), 10, &out->seq) || !parse_u64(next_word(&p), 10, &out->mono_ms) ||
	    !parse_u64(next_word(&p), 16, &crc))
		return -EINVAL;
	if (crc != crc32c(0, p, strlen(p)))
		return -EBADMSG;

	const char *verb = next_word(&p);
	for (int v = 0; verb && v < RESULT_VERBS; v++) {
		if (strcmp(verb, verb_names[v]) == 0) {
			out->verb = v;
			return parse_pairs(p, out);
		}
	}
	return -EINVAL;
}

const char *result_line_get(const struct result_line *line, const char *key)
{
	for (size_t i = 0; i < line->pairs; i++) {
		if (strcmp(line->pair[i].key, key) == 0)
			return line->pair[i].value;
	}
	return NULL;
}
