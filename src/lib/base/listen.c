/* SPDX-License-Identifier: MIT */
#include "base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/port_holder.h"
#include "base/sockaddr.h"

/* Connections that wait for accept(2); the kernel bounds it by net.core.somaxconn. */
#define LISTEN_BACKLOG 1024

static void addrinfo_freep(struct addrinfo **ai)
{
	if (*ai)
		freeaddrinfo(*ai);
}

int listen_split(const char *address, char host[static LISTEN_HOST_MAX], char port[static LISTEN_PORT_MAX])
{
	const char *colon = strrchr(address, ':');
	size_t host_len = colon ? (size_t)(colon - address) : 0;

	if (!colon || host_len >= LISTEN_HOST_MAX)
		return -EINVAL;
	if (address[0] == '[') {
		if (host_len < 3 || colon[-1] != ']')
			return -EINVAL;
		address++;
		host_len -= 2;
	} else if (memchr(address, ':', host_len)) {
		return -EINVAL; /* IPv6 without brackets: the start of the port is ambiguous */
	}
	size_t digits = strspn(colon + 1, "0123456789");
	if (!digits || digits >= LISTEN_PORT_MAX || colon[1 + digits] || atoi(colon + 1) > UINT16_MAX)
		return -EINVAL;
	if (host_len == 1 && *address == '*')
		host_len = 0;
	snprintf(host, LISTEN_HOST_MAX, "%.*s", (int)host_len, address);
	snprintf(port, LISTEN_PORT_MAX, "%s", colon + 1);
	return 0;
}

int listen_host(const char *text, char host[static LISTEN_HOST_MAX])
{
	size_t len = strlen(text);
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	struct sockaddr_storage address;

	if (brackets) {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= LISTEN_HOST_MAX)
		return -EINVAL;
	snprintf(host, LISTEN_HOST_MAX, "%.*s", (int)len, strcmp(text, "*") == 0 ? "" : text);
	/* Colons are in IPv6 addresses, not in names. */
	if (strpbrk(host, ":[]") && sockaddr_parse(host, 0, &address) == 0)
		return -EINVAL;
	return 0;
}

/* One attempt. Return the socket or -errno. */
static int open_one(const struct addrinfo *ai, bool both_families)
{
	int one = 1, zero = 0;
	_cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* A restarted daemon must not wait for the old connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (both_families && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0)
		return -errno;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return take_fd(fd);
}

/* Try the addresses of one family. Return the socket or the last -errno. */
static int open_family(const struct addrinfo *list, int family, bool both_families)
{
	int r = -EADDRNOTAVAIL;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (ai->ai_family != family)
			continue;
		r = open_one(ai, both_families);
		if (r >= 0)
			break;
	}
	return r;
}

int listen_open(const char *address, char *error, size_t size)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX], who[PORT_HOLDER_MAX];
	_cleanup_(addrinfo_freep) struct addrinfo *list = NULL;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};

	if (listen_split(address, host, port) < 0) {
		snprintf(error, size,
			 "%.200s: must be HOST:PORT, :PORT or [IPv6]:PORT with a port up to 65535", address);
		return -EINVAL;
	}
	int e = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (e) {
		snprintf(error, size, "%s: %s", address, e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
		return -EADDRNOTAVAIL;
	}
	/* All addresses: one IPv6 socket serves both families, unless the host has no IPv6. */
	bool all = !*host || strcmp(host, "::") == 0;
	int r = open_family(list, all ? AF_INET6 : AF_INET, all);
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		r = open_family(list, all ? AF_INET : AF_INET6, false);
	if (r == -EADDRINUSE) {
		port_holder(atoi(port), who);
		snprintf(error, size, "%s: %s by %s", address, strerror(-r), who);
	} else if (r < 0) {
		snprintf(error, size, "%s: %s", address, strerror(-r));
	}
	return r;
}

uint16_t listen_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {0};
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) < 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}
