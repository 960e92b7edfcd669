/* SPDX-License-Identifier: MIT */
#include "dest/address.h"

#include <errno.h>
#include <resolv.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* getaddrinfo(3) cannot be interrupted: ask each name server once, for at most this many seconds. */
#define RESOLVE_SECONDS 2

static int refuse(struct dest_io *io, const char *why)
{
	dest_why(io, 0, "%s", why);
	return -EINVAL;
}

static bool port_valid(const char *port)
{
	size_t len = strlen(port);
	unsigned int n = 0;

	if (len == 0 || len > 5 || strspn(port, "0123456789") != len)
		return false;
	for (; *port; port++)
		n = n * 10 + (*port - '0');
	return n >= 1 && n <= 65535;
}

int host_port_parse(struct dest_io *io, const char *text, struct host_port *out)
{
	const char *host = text, *end, *port;

	if (text[0] == '[') {
		host++;
		end = strchr(text, ']');
		if (!end)
			return refuse(io, "has no closing ]");
		if (end[1] != ':')
			return refuse(io, "has no port");
		port = end + 2;
	} else {
		end = strrchr(text, ':');
		if (!end)
			return refuse(io, "has no port");
		if (strchr(text, ':') != end)
			return refuse(io, "has too many colons (an IPv6 address goes into brackets)");
		port = end + 1;
	}
	if (end == host)
		return refuse(io, "has no host");
	if ((size_t)(end - host) >= sizeof(out->host))
		return refuse(io, "has too long a host");
	if (!port_valid(port))
		return refuse(io, "has a bad port (valid: 1 to 65535)");
	memcpy(out->host, host, end - host);
	out->host[end - host] = '\0';
	memcpy(out->port, port, strlen(port) + 1);
	return 0;
}

int unix_path_parse(struct dest_io *io, const char *text, struct sockaddr_un *out, socklen_t *len)
{
	size_t n = strlen(text);

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0)
		return refuse(io, "has no path");
	if (n >= sizeof(out->sun_path)) {
		dest_why(io, 0, "has too long a path (at most %zu bytes)", sizeof(out->sun_path) - 1);
		return -EINVAL;
	}
	memcpy(out->sun_path, text, n);
	bool abstract = text[0] == '@';
	if (abstract)
		out->sun_path[0] = '\0';
	*len = offsetof(struct sockaddr_un, sun_path) + n + !abstract;
	return 0;
}

int address_connect(struct dest_io *io, const struct sockaddr *sa, socklen_t len, int type,
		    int64_t deadline_ns)
{
	_cleanup_close_ int fd = socket(sa->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0 || (connect(fd, sa, len) < 0 && errno != EINPROGRESS)) {
		err = errno;
	} else {
		socklen_t size = sizeof(err);
		int r = dest_wait(io, fd, POLLOUT, deadline_ns);
		if (r < 0)
			err = -r;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
			err = errno;
	}
	if (err) {
		dest_why(io, err, "connect");
		return -err;
	}
	return take_fd(fd);
}

static int look_up(const struct host_port *hp, int type, struct addrinfo **list)
{
	struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICSERV};

	/* The resolver's state is per thread. */
	if (!(_res.options & RES_INIT) && res_init() == 0) {
		_res.retrans = RESOLVE_SECONDS;
		_res.retry = 1;
	}
	return getaddrinfo(hp->host, hp->port, &hints, list);
}

bool host_port_moved(const struct host_port *hp, int type, int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	struct addrinfo *list;
	bool moved = true;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || look_up(hp, type, &list) != 0)
		return false;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		if (a->ai_addrlen == len && memcmp(a->ai_addr, &peer, len) == 0)
			moved = false;
	}
	freeaddrinfo(list);
	return moved;
}

int host_port_connect(struct dest_io *io, const struct host_port *hp, int type, int64_t deadline_ns)
{
	struct addrinfo *list;
	int r = look_up(hp, type, &list);

	if (r) {
		dest_why(io, 0, "cannot find the address of %s: %s", hp->host,
			 r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
		return -EHOSTUNREACH;
	}
	unsigned int count = 0, left;
	int fd = -EHOSTUNREACH;
	for (struct addrinfo *a = list; a; a = a->ai_next)
		count++;
	left = count;
	struct addrinfo *a = list;
	for (unsigned int i = count ? hp->first % count : 0; i > 0; i--)
		a = a->ai_next;
	for (; left > 0 && fd < 0; a = a->ai_next ? a->ai_next : list) {
		/* A silent first address must not use up the time of the others. */
		int64_t now = clock_mono_ns();
		int64_t until = deadline_ns > now ? now + (deadline_ns - now) / left-- : now;
		fd = address_connect(io, a->ai_addr, a->ai_addrlen, type, until);
	}
	freeaddrinfo(list);
	return fd;
}
