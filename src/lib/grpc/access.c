/* SPDX-License-Identifier: MIT */
#include "grpc/access.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Groups that -grpcReaders and -grpcAdmins may name, each. */
#define GROUPS_MAX	32
/* Supplementary groups of a peer that are looked at; the kernel's own limit is 65536. */
#define PEER_GROUPS_MAX 65536

struct groups {
	gid_t ids[GROUPS_MAX];
	size_t count;
};

struct access_policy {
	enum access everybody;
	char *socket;
	struct groups readers, admins;
};

/* Begin and end */

/* Looks up each name of the list. 0 or -EINVAL with one sentence in error. */
static int groups_parse(struct groups *g, const char *flag, const char *list, char *error, size_t size)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy;

	for (char *name; rest && (name = strsep(&rest, ","));) {
		if (!*name)
			continue;
		const struct group *group = getgrnam(name);
		if (!group || g->count == GROUPS_MAX) {
			snprintf(error, size, "-%s %.60s: %s", flag, name,
				 group ? "too many groups" : "there is no such group on this machine");
			return -EINVAL;
		}
		g->ids[g->count++] = group->gr_gid;
	}
	return copy ? 0 : -ENOMEM;
}

struct access_policy *access_new(const struct access_options *options, char *error, size_t size)
{
	struct access_policy *p = calloc(1, sizeof(*p));

	if (p)
		p->socket = strdup(options->socket ? options->socket : "");
	if (!p || !p->socket) {
		snprintf(error, size, "no memory for gRPC");
		access_free(p);
		return NULL;
	}
	if (groups_parse(&p->readers, "grpcReaders", options->readers ? options->readers : "", error, size) <
		0 ||
	    groups_parse(&p->admins, "grpcAdmins", options->admins ? options->admins : "", error, size) < 0) {
		access_free(p);
		return NULL;
	}
	if (options->tcp && p->readers.count == 0)
		p->everybody = ACCESS_READ;
	return p;
}

void access_free(struct access_policy *p)
{
	if (!p)
		return;
	free(p->socket);
	free(p);
}

enum access access_everybody(const struct access_policy *p)
{
	return p->everybody;
}

bool access_has_groups(const struct access_policy *p)
{
	return p->readers.count + p->admins.count > 0;
}

/* Peers */

static bool has_group(const struct groups *g, gid_t id)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->ids[i] == id)
			return true;
	}
	return false;
}

static enum access access_of_group(const struct access_policy *p, gid_t id)
{
	return has_group(&p->admins, id)    ? ACCESS_ADMIN
	       : has_group(&p->readers, id) ? ACCESS_READ
					    : ACCESS_NONE;
}

static enum access greater(enum access a, enum access b)
{
	return a > b ? a : b;
}

/* By the supplementary groups that the peer had when it connected. */
static enum access access_of_groups(const struct access_policy *p, int fd)
{
	enum access access = ACCESS_NONE;
	socklen_t len = 0;

	/* Asked without room, the kernel tells how much it takes. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE ||
	    len > PEER_GROUPS_MAX * sizeof(gid_t))
		return access;
	_cleanup_free_ gid_t *ids = malloc(len);
	if (!ids || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ids, &len) < 0)
		return access;
	for (size_t i = 0; i < len / sizeof(*ids); i++)
		access = greater(access, access_of_group(p, ids[i]));
	return access;
}

struct access_peer access_of_unix(const struct access_policy *p, int fd, char *name, size_t size)
{
	struct access_peer peer = {.way = ACCESS_WAY_UNIX, .access = p->everybody, .loopback = true};
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0) {
		snprintf(name, size, "a peer without credentials");
		return peer;
	}
	snprintf(name, size, "uid %u pid %d", who.uid, who.pid);
	if (who.uid == 0 || who.uid == geteuid())
		peer.access = ACCESS_ADMIN;
	peer.access = greater(peer.access, access_of_group(p, who.gid));
	peer.access = greater(peer.access, access_of_groups(p, fd));
	return peer;
}

struct access_peer access_of_plain(const struct access_policy *p, bool loopback)
{
	return (struct access_peer){.way = ACCESS_WAY_PLAIN, .access = p->everybody, .loopback = loopback};
}

/* Calls */

/* Who may, and how they come in. */
static void refusal(const struct access_policy *p, const struct access_peer *peer, enum access needs,
		    struct access_answer *answer)
{
	const char *what = needs == ACCESS_READ ? "to read" : "to change or trigger anything";
	const char *groups = needs == ACCESS_READ ? "-grpcReaders or -grpcAdmins" : "-grpcAdmins";
	const char *who = "root, as the daemon's own user or as a member of a group of";

	if (peer->way == ACCESS_WAY_UNIX)
		snprintf(answer->text, sizeof(answer->text), "%s, connect as %s %s", what, who, groups);
	else if (*p->socket)
		snprintf(answer->text, sizeof(answer->text), "%s, connect to the UNIX socket %s as %s %s",
			 what, p->socket, who, groups);
	else
		snprintf(answer->text, sizeof(answer->text),
			 "%s, start the daemon with -grpcSocket PATH and connect there as %s %s", what, who,
			 groups);
}

void access_check(const struct access_policy *p, const struct access_peer *peer, const char *authorization,
		  enum access needs, struct access_answer *answer)
{
	*answer = (struct access_answer){.access = peer->access};
	if (answer->access < needs)
		refusal(p, peer, needs, answer);
}
