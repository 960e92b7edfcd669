/* SPDX-License-Identifier: MIT */
#include "vmrun/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int port_probe(int port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* QEMU sets it too: a port in TIME_WAIT is free. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		return -errno;
	return 0;
}

int port_from_usernet(const char *text, int guest_port)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		int host, guest;
		line += *line == '\n';
		if (sscanf(line, " TCP[HOST_FORWARD] %*d %*s %d %*s %d", &host, &guest) == 2 &&
		    guest == guest_port)
			return host;
	}
	return 0;
}

json_t *ports_json(const struct flavor *f, const char *usernet)
{
	json_t *ports = json_array();

	for (size_t i = 0; i < f->forwards_count; i++) {
		int host = usernet ? port_from_usernet(usernet, f->forwards[i].guest) : 0;
		json_array_append_new(ports, json_pack("{s:s, s:i, s:i}", "name", f->forwards[i].name, "host",
						       host ? host : f->forwards[i].host, "guest",
						       f->forwards[i].guest));
	}
	return ports;
}
