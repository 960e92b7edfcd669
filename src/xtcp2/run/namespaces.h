/* SPDX-License-Identifier: MIT */
#ifndef RUN_NAMESPACES_H
#define RUN_NAMESPACES_H
/* The table of namespaces within the daemon, and what follows each of its changes. Main thread. */
struct daemon;

/* What needs privileges that are dropped afterwards. 0 or -errno, logged. */
int namespaces_prepare(struct daemon *d);
/* The table, its first scan and its watches. 0 or -errno, logged. */
int namespaces_start(struct daemon *d);
/* What needs the destination and the workers to be there. 0 or -errno, logged. */
int namespaces_ready(struct daemon *d);
/* Tells those who follow the table what it holds now. Not while a poll runs. */
void namespaces_follow(struct daemon *d);
/* After the threads have ended. */
void namespaces_stop(struct daemon *d);

/* inotify's call; data is the daemon. */
void daemon_netns_changed(void *data);

#endif
