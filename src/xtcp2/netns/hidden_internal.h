/* SPDX-License-Identifier: MIT */
#ifndef NETNS_HIDDEN_INTERNAL_H
#define NETNS_HIDDEN_INTERNAL_H
/* The state of the walk (hidden_walk.c), shared with its thread (hidden.c). */
#include <dirent.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/hidden.h"

/* Most hidden namespaces; an eighth of the limit of open files if that is less. */
#define HOLDERS_MAX 256

/* Entries of the cache of sockets' namespaces; an evicted socket is asked again. A power of two. */
#define SOCKETS_KNOWN 16384

struct hidden {
	pthread_mutex_t lock; /* guards the holders against the readers; only the walk changes them */
	struct holder holders[HOLDERS_MAX];
	size_t count, max;

	/* Position of the walk: */
	DIR *proc, *inner; /* /proc; task or fdinfo of the process */
	bool threads;	   /* inner is task */
	pid_t pid;	   /* atomic, for the log line about a process that blocks the walk */
	int pid_fd;	   /* pidfd, -1 until needed */
	ino_t pid_ns;	   /* the namespace of the process, 0 until needed */
	/* Knowledge of the walk: */
	dev_t nsfs_dev;
	int sockfs;   /* mnt_id of all sockets */
	bool sockets; /* look at sockets */
	bool told_denied, told_full;
	struct {
		uint32_t sock, ns; /* inodes; ns 0: no socket of TCP */
	} known[SOCKETS_KNOWN];

	pthread_t thread;
	bool started;
	int stop_fd, ended_fd, let_go_fd; /* eventfds: end the thread; it has ended; a holder has ended */
	int64_t alive_ns;		  /* atomic: CLOCK_MONOTONIC of the last step's begin; 0 at rest */
};

/* 0 or -errno. */
int hidden_walk_init(struct hidden *h);
void hidden_walk_free(struct hidden *h);
/* Look at one thread or descriptor. Return false when the walk is complete. */
bool hidden_walk_one(struct hidden *h);
/* Drop the holders that no longer exist. */
void hidden_walk_verify(struct hidden *h);

#endif
