/* SPDX-License-Identifier: MIT */
#ifndef NETNS_TABLE_ENTRY_H
#define NETNS_TABLE_ENTRY_H
/*
 * One entry of the table: the public part, and the state that decides its name. Used
 * by the table only; main thread.
 */
#include "netns/exits.h"
#include "netns/hidden.h"
#include "netns/netns.h"

enum name_rank { NAME_NONE, NAME_HELD, NAME_PROCESS, NAME_SELF, NAME_MOUNT };

struct table_entry {
	struct netns ns; /* first: the public part */
	enum name_rank rank;
	pid_t pid;  /* of rank NAME_PROCESS and NAME_HELD */
	int id;	    /* of rank NAME_HELD: the thread or descriptor of that process */
	int way_fd; /* the descriptor that path leads through, if the holder is a socket; else -1; owned */
	struct netns_exit exit; /* of that process */
	/* of the running scan: */
	bool confirmed;
	pid_t other_pid;
	char *other_path;    /* of a mount; owned */
	struct holder other; /* pid 0 for none; its ns_fd is owned */
};

static inline struct table_entry *table_entry_of(struct netns *ns)
{
	return (struct table_entry *)ns;
}

/* Close the socket and free the entry. NULL is fine. */
void table_entry_free(struct table_entry *e);

/* Begin a scan of the entry: reset its scan fields. */
void table_entry_scan_begins(struct table_entry *e);

/* Note that the running scan found it in the process, or mounted on directory/file. */
void table_entry_seen_in_process(struct table_entry *e, pid_t pid);
void table_entry_seen_mounted(struct table_entry *e, const char *directory, const char *file);

/* Note that a thread or a socket holds it (netns/hidden.h). Call it after all processes and mounts. */
void table_entry_seen_held(struct table_entry *e, const struct holder *holder);

/* End the scan: keep the name or take the better one. The name is empty only without memory. */
void table_entry_settle_name(struct table_entry *e);

#endif
