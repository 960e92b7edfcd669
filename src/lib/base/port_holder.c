/* SPDX-License-Identifier: MIT */
#include "base/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* State of a listening socket in /proc/net/tcp: TCP_LISTEN of net/tcp_states.h. */
#define PROC_TCP_LISTEN 0x0a

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
