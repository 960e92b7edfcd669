/* SPDX-License-Identifier: MIT */
#ifndef RUN_NAMESPACES_H
#define RUN_NAMESPACES_H
/* The table of namespaces within the daemon, and what follows each of its changes. Main thread. */
struct daemon;

/* Parts of the daemon: starts return 0 or -errno, logged. */

/* The sockets that hear of closed connections, which take privileges; nothing without -closeEvents. */
int daemon_events_open(struct daemon *d);
void daemon_events_close(struct daemon *d);
/* The table, its first scan and its watches. */
int namespaces_start(struct daemon *d);
void namespaces_stop(struct daemon *d);
/* The thread that asks for names of containers; nothing without -enrichContainer. */
int daemon_docker_start(struct daemon *d);
void daemon_docker_stop(struct daemon *d);
/* The thread that ships closed connections; nothing without -closeEvents. */
int daemon_closer_start(struct daemon *d);

/* Tells those who follow the table what it holds now. Not while a poll runs. */
void namespaces_follow(struct daemon *d);

/* inotify's call; data is the daemon. */
void daemon_netns_changed(void *data);

#endif
