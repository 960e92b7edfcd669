/* SPDX-License-Identifier: MIT */
#ifndef RUN_NAMESPACES_H
#define RUN_NAMESPACES_H
/* The daemon's table of namespaces and the parts that follow its changes. Main thread. */
struct daemon;

/* Parts of the daemon: starts return 0 or -errno, logged. */

/* Open the sockets for events of closed connections, which need privileges; nothing without -closeEvents. */
int daemon_events_open(struct daemon *d);
void daemon_events_close(struct daemon *d);
/* Start the table, its first scan and its watches. */
int namespaces_start(struct daemon *d);
void namespaces_stop(struct daemon *d);
/* Prepare the tables of owners and cgroups, with the rights that are left; nothing where they are not asked for. */
int daemon_owners_start(struct daemon *d);
void daemon_owners_stop(struct daemon *d);
/* A poll has ended, and its records are encoded. */
void daemon_owners_follow(struct daemon *d);
/* Start the thread that looks up names of containers; nothing without -enrichContainer. */
int daemon_docker_start(struct daemon *d);
void daemon_docker_stop(struct daemon *d);
/* Connect to the container runtime, which may need privileges; later start the thread that asks it. */
int daemon_cri_open(struct daemon *d);
int daemon_cri_start(struct daemon *d);
void daemon_cri_close(struct daemon *d);
/* Start the thread that ships closed connections; nothing without -closeEvents. */
int daemon_close_sender_start(struct daemon *d);

/* Pass the table's content to the parts that follow it. Do not call this while a poll runs. */
void namespaces_follow(struct daemon *d);

/* Handle a change that inotify reports; data is the daemon. */
void daemon_netns_changed(void *data);

#endif
