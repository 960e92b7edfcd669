/* SPDX-License-Identifier: MIT */
#ifndef NETNS_TABLE_ENTRY_H
#define NETNS_TABLE_ENTRY_H
/*
 * One namespace as the table keeps it: what users see of it, and what decides
 * its name. Of the table's own use; main thread.
 */
#include "netns/exits.h"
#include "netns/hidden.h"
#include "netns/netns.h"

enum name_rank { NAME_NONE, NAME_HELD, NAME_PROCESS, NAME_SELF, NAME_MOUNT };

struct table_entry {
	struct netns ns; /* first: what users of the table see */
	enum name_rank rank;
	pid_t pid;		/* of rank NAME_PROCESS and NAME_HELD */
	int id;			/* of rank NAME_HELD: the thread or descriptor of that process */
	int way_fd;		/* what path leads through, with a holder that is a socket; -1 else; owned */
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

/* Closes and frees; NULL is fine. */
void table_entry_free(struct table_entry *e);

/* The first sight of it in a scan. */
void table_entry_scan_begins(struct table_entry *e);

/* The running scan met it in the process, or mounted on directory/file. */
void table_entry_seen_in_process(struct table_entry *e, pid_t pid);
void table_entry_seen_mounted(struct table_entry *e, const char *directory, const char *file);

/* A thread or a socket of a process holds it (netns/hidden.h). After all processes and mounts were met. */
void table_entry_seen_held(struct table_entry *e, const struct holder *holder);

/* The scan has ended: keeps the name or takes the better one. Nameless only without memory. */
void table_entry_settle_name(struct table_entry *e);

#endif
