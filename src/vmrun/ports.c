/* SPDX-License-Identifier: MIT */
#include "vmrun/ports.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* State of a listening socket in /proc/net/tcp: TCP_LISTEN of net/tcp_states.h. */
#define PROC_TCP_LISTEN 0x0a

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

/* Return the inode of the socket that listens on the port, 0 when there is none. */
static unsigned long listener_inode(const char *table, int port)
{
	_cleanup_fclose_ FILE *f = fopen(table, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned int local_port, state;
		unsigned long inode;
		/* sl local:port remote:port st tx:rx tr:tm retrnsmt uid timeout inode */
		if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
			   &local_port, &state, &inode) == 3 &&
		    state == PROC_TCP_LISTEN && (int)local_port == port)
			return inode;
	}
	return 0;
}

static bool process_holds(const char *pid, const char *link)
{
	char path[PATH_MAX], target[64];
	bool holds = false;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return false;
	for (struct dirent *e; !holds && (e = readdir(dir));) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		holds = strcmp(target, link) == 0;
	}
	closedir(dir);
	return holds;
}

void port_holder(int port, char who[static PORT_HOLDER_MAX])
{
	char link[64], path[PATH_MAX], comm[64] = "";
	unsigned long inode = listener_inode("/proc/net/tcp", port);

	snprintf(who, PORT_HOLDER_MAX, "another process");
	if (!inode)
		inode = listener_inode("/proc/net/tcp6", port);
	DIR *dir = inode ? opendir("/proc") : NULL;
	if (!dir)
		return;
	snprintf(link, sizeof(link), "socket:[%lu]", inode);
	for (struct dirent *e; (e = readdir(dir));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !process_holds(e->d_name, link))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		_cleanup_fclose_ FILE *f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		snprintf(who, PORT_HOLDER_MAX, "%s (pid %.20s)", comm[0] ? comm : "?", e->d_name);
		break;
	}
	closedir(dir);
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
