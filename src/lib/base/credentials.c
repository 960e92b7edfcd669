/* SPDX-License-Identifier: MIT */
#include "base/credentials.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Return true when the value of the property named from start up to `equals` is a secret. */
static bool names_secret(const char *start, const char *equals)
{
	static const char *const words[] = {
	    "password", "secret", "token", "private", "ssl.key.pem", "sasl.jaas.config",
	};

	for (const char *p = start; p < equals; p++) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			size_t n = strlen(words[i]);
			if (n <= (size_t)(equals - p) && strncasecmp(p, words[i], n) == 0)
				return true;
		}
	}
	return false;
}

bool credentials_secret_name(const char *name)
{
	return names_secret(name, name + strlen(name));
}

/* The '@' that ends the user part of "scheme://user@host", *authority is where that begins. NULL without. */
static const char *user_end(const char *text, const char **authority)
{
	const char *scheme = strstr(text, "://"), *at = NULL;

	*authority = scheme ? scheme + 3 : NULL;
	/* The last '@' before the path: a password may contain one. */
	for (const char *p = *authority; p && *p && !strchr("/?#", *p); p++)
		at = *p == '@' ? p : at;
	return at;
}

char *credentials_hide(const char *text)
{
	char *hidden = malloc(strlen(text) + 1), *out = hidden;
	const char *authority, *at = user_end(text, &authority), *name = text;

	if (!hidden)
		return NULL;
	for (const char *p = text; *p; p++) {
		*out++ = *p;
		if (at && p >= authority && p < at && *p == ':')
			p = at - 1;
		else if (strchr(";&,?", *p))
			name = p + 1;
		else if (*p == '=' && names_secret(name, p))
			p += strcspn(p + 1, ";&,");
	}
	*out = '\0';
	return hidden;
}

bool credentials_present(const char *text)
{
	_cleanup_free_ char *hidden = credentials_hide(text);

	return !hidden || strcmp(hidden, text) != 0;
}
