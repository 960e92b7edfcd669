/* SPDX-License-Identifier: MIT */
#include "page/site.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Return the name or address in "name:port", "[address]:port" or either without a port. */
static struct str host_of(const char *text)
{
	const char *close = *text == '[' ? strchr(text, ']') : NULL;

	if (close)
		return (struct str){text + 1, (uint32_t)(close - text - 1)};
	return (struct str){text, (uint32_t)strcspn(text, ":")};
}

static bool is_address(struct str host)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];

	if (host.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)host.len, host.p);
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_listed(struct str host, const char *list)
{
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == host.len && !strncasecmp(p, host.p, host.len))
			return true;
	return false;
}

static bool known_host(const char *text, const char *allowed)
{
	struct str host = host_of(text);

	return host.len && (is_address(host) || is_listed(host, "localhost") || is_listed(host, allowed));
}

/* Return whether the origin is "http://host:port" of the requested Host. */
static bool same_origin(const char *origin, const char *host)
{
	const char *rest = strstr(origin, "://");

	return rest && host && !strcasecmp(rest + 3, host);
}

const char *site_refusal(const struct site_headers *h, const char *allowed)
{
	if (h->host && !known_host(h->host, allowed))
		return "its Host is neither an address nor a known name of this server";
	if (h->origin && !same_origin(h->origin, h->host))
		return "it comes from a web page of another origin";
	if (h->fetch_site && strcmp(h->fetch_site, "same-origin") != 0 && strcmp(h->fetch_site, "none") != 0)
		return "it comes from a web page of another site";
	return NULL;
}
