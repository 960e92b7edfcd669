/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privilege.h"
#include "enrich/owners_internal.h"
#include "netns/fdinfo.h"
#include "stats/stats.h"

/* The inode of the socket that the descriptor is, 0 for anything else. */
static uint32_t socket_inode(const struct owners *o, int dir_fd, const char *name)
{
	char text[64];
	int mount;

	if (strcmp(o->directory, "fdinfo") == 0) {
		uint32_t inode = (uint32_t)fdinfo_inode(dir_fd, name, &mount);
		return mount == o->sockfs ? inode : 0;
	}
	ssize_t n = readlinkat(dir_fd, name, text, sizeof(text) - 1);
	if (n <= 0 || strncmp(text, "socket:[", strlen("socket:[")) != 0)
		return 0;
	text[n] = '\0';
	return (uint32_t)strtoull(text + strlen("socket:["), NULL, 10);
}

int owners_walk_init(struct owners *o)
{
	char path[64];
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	o->proc = opendir("/proc");
	if (!o->proc || sock < 0)
		return -errno;
	o->proc_fd = dirfd(o->proc);
	snprintf(path, sizeof(path), "self/fdinfo/%d", sock);
	bool fdinfo = fdinfo_inode(o->proc_fd, path, &o->sockfs) != 0;
	bool fd = privilege_have(CAP_DAC_READ_SEARCH) && privilege_have(CAP_SYS_PTRACE);
	o->directory = fd || !fdinfo ? "fd" : "fdinfo";
	return 0;
}

static void leave_process(struct owners *o)
{
	if (o->inner)
		closedir(o->inner);
	o->inner = NULL;
}

void owners_walk_free(struct owners *o)
{
	leave_process(o);
	if (o->proc)
		closedir(o->proc);
}

static void enter_process(struct owners *o, const char *name)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%.16s/%s", name, o->directory);
	_cleanup_close_ int fd = openat(o->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		o->denied++;
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	o->inner = fdopendir(fd);
	if (!o->inner)
		return;
	take_fd(fd);
	o->pid = (uint32_t)atoi(name);
	o->token = (uint32_t)st.st_ino;
	pthread_mutex_lock(&o->lock);
	struct process *p = owners_process(o, o->token, true);
	if (p) {
		p->pid = o->pid;
		p->round = o->round;
	}
	pthread_mutex_unlock(&o->lock);
}

static void round_ended(struct owners *o)
{
	rewinddir(o->proc);
	if (o->denied && !o->told_denied) {
		o->told_denied = true;
		log_notice("owners",
			   "no permission to see the descriptors of %llu process%s: their sockets have no "
			   "owner; CAP_SYS_PTRACE shows all (Linux 5.14)",
			   (unsigned long long)o->denied, o->denied == 1 ? "" : "es");
	}
	o->denied = 0;
	o->round_end_ns = clock_mono_ns();
	o->thorough = false;
	pthread_mutex_lock(&o->lock);
	o->round++;
	pthread_mutex_unlock(&o->lock);
	stat_add(STAT_OWNER_ROUNDS, 1);
}

/* Whether the descriptor need not be read again: the socket behind it is alive. */
static bool is_known(struct owners *o, const struct descriptor *d, uint32_t fd)
{
	if (d->token != o->token || d->fd != fd)
		return false;
	const struct held *h = owners_entry(o, d->inode);
	return h && h->seen && h->seen + !o->strict >= o->poll;
}

static void look(struct owners *o, const char *name)
{
	uint32_t fd = (uint32_t)atoi(name);

	pthread_mutex_lock(&o->lock);
	struct descriptor *d = owners_descriptor(o, o->token, fd);
	uint32_t inode = is_known(o, d, fd) ? d->inode : 0;
	if (inode)
		owners_note(o, inode);
	pthread_mutex_unlock(&o->lock);
	o->skipped += inode != 0;
	if (inode)
		return;
	inode = socket_inode(o, dirfd(o->inner), name);
	if (!inode)
		return;
	pthread_mutex_lock(&o->lock);
	*owners_descriptor(o, o->token, fd) = (struct descriptor){o->token, fd, inode};
	owners_note(o, inode);
	pthread_mutex_unlock(&o->lock);
}

bool owners_walk_one(struct owners *o)
{
	struct dirent *d = o->inner ? readdir(o->inner) : NULL;

	if (d) {
		if (d->d_name[0] != '.')
			look(o, d->d_name);
		return true;
	}
	leave_process(o);
	do
		d = readdir(o->proc);
	while (d && (d->d_name[0] < '1' || d->d_name[0] > '9'));
	if (d)
		enter_process(o, d->d_name);
	else
		round_ended(o);
	return d != NULL;
}
