/* SPDX-License-Identifier: MIT */
#ifndef NETNS_HIDDEN_INTERNAL_H
#define NETNS_HIDDEN_INTERNAL_H
/* What the walk (hidden_walk.c) and its thread (hidden.c) share. */
#include <dirent.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/hidden.h"

/* Hidden namespaces kept at most; an eighth of the limit of open files where that is less. */
#define HOLDERS_MAX 256

/* Sockets whose namespace is remembered; one that is forgotten is asked again. A power of two. */
#define SOCKETS_KNOWN 16384

struct hidden {
	pthread_mutex_t lock; /* guards the holders against the readers; only the walk changes them */
	struct holder holders[HOLDERS_MAX];
	size_t count, max;

	/* The walk's: where it is ... */
	DIR *proc, *inner; /* /proc; task or fdinfo of the process */
	bool threads;	   /* inner is task */
	pid_t pid;	   /* atomic, for the line about one that does not answer */
	int pid_fd;	   /* pidfd, -1 until needed */
	ino_t pid_ns;	   /* the namespace of the process, 0 until needed */
	/* ... and what it knows. */
	dev_t nsfs_dev;
	int sockfs;   /* mnt_id of all sockets */
	bool sockets; /* look at them */
	bool told_denied, told_full;
	struct {
		uint32_t sock, ns; /* inodes; ns 0: no socket of TCP */
	} known[SOCKETS_KNOWN];

	pthread_t thread;
	bool started;
	int stop_fd, let_go_fd; /* eventfds: end the thread; a holder went */
	int64_t alive_ns;	/* atomic: CLOCK_MONOTONIC of the last step's begin; 0 at rest */
};

/* 0 or -errno. */
int hidden_walk_init(struct hidden *h);
void hidden_walk_free(struct hidden *h);
/* Looks at one thread or descriptor; false when the walk has come round. */
bool hidden_walk_one(struct hidden *h);
/* Drops the holders that are not there any more. */
void hidden_walk_verify(struct hidden *h);

#endif
