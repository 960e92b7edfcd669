/* SPDX-License-Identifier: MIT */
#include "grpc/access.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "grpc/tls.h"
#include "grpc/token.h"

/* Most groups in each of -grpcReaders and -grpcAdmins. */
#define GROUPS_MAX	32
/* Most supplementary groups of a peer; the kernel's limit. */
#define PEER_GROUPS_MAX 65536

struct groups {
	gid_t ids[GROUPS_MAX];
	size_t count;
};

struct access_policy {
	enum access everybody;
	char *socket, *tls_admins;
	bool certificates;
	struct groups readers, admins;
	struct tokens *tokens; /* NULL without -grpcTokenFile */
};

/* Life cycle */

/* Look up each name in the list. Return 0, or -EINVAL with one sentence in error. */
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
		*p = (struct access_policy){
		    .socket = strdup(options->socket ? options->socket : ""),
		    .tls_admins = strdup(options->tls_admins ? options->tls_admins : ""),
		    .certificates = options->certificates,
		};
	if (!p || !p->socket || !p->tls_admins) {
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
	if (options->token_file && *options->token_file) {
		size_t n = (size_t)snprintf(error, size, "-grpcTokenFile ");
		p->tokens = tokens_read(options->token_file, error + n, size - n);
		if (!p->tokens) {
			access_free(p);
			return NULL;
		}
	}
	if (options->tcp && p->readers.count == 0 && !p->tokens && !p->certificates)
		p->everybody = ACCESS_READ;
	return p;
}

void access_free(struct access_policy *p)
{
	if (!p)
		return;
	tokens_free(p->tokens);
	free(p->socket);
	free(p->tls_admins);
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

/* Return the access that the peer's supplementary groups grant, as of connect(2). */
static enum access access_of_groups(const struct access_policy *p, int fd)
{
	enum access access = ACCESS_NONE;
	socklen_t len = 0;

	/* With an empty buffer, the kernel returns the size needed. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE ||
	    len > PEER_GROUPS_MAX * sizeof(gid_t))
		return access;
	_cleanup_free_ gid_t *ids = calloc(1, len);
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

/* Return whether the certificate has a name listed in -grpcTlsAdmins. */
static bool is_tls_admin(const struct access_policy *p, const struct tls *tls)
{
	for (const char *name = p->tls_admins; *name;) {
		size_t len = strcspn(name, ",");
		if (tls_peer_is(tls, name, len))
			return true;
		name += len + (name[len] == ',');
	}
	return false;
}

struct access_peer access_of_tls(const struct access_policy *p, const struct tls *tls)
{
	struct access_peer peer = {.way = ACCESS_WAY_TLS, .access = p->everybody};

	peer.named = tls_peer_verified(tls);
	if (peer.named)
		peer.access = is_tls_admin(p, tls) ? ACCESS_ADMIN : ACCESS_READ;
	return peer;
}

/* Calls */

static void refuse_token(const struct access_policy *p, bool in_the_clear, struct access_answer *answer)
{
	answer->access = ACCESS_NONE;
	answer->unauthenticated = true;
	snprintf(
	    answer->text, sizeof(answer->text), "%s",
	    in_the_clear
		? "tokens are accepted over TLS (-grpcTls) or from this host only; this one came in plaintext"
		: "the token is not in the daemon's -grpcTokenFile");
}

/* Write the ways to get access: "to read, send a token, or connect to the UNIX socket ... as ..." */
static void refusal(const struct access_policy *p, const struct access_peer *peer, enum access needs,
		    struct access_answer *answer)
{
	bool admin = needs == ACCESS_ADMIN, local = peer->way == ACCESS_WAY_UNIX;
	char *text = answer->text;
	size_t size = sizeof(answer->text);
	int n = snprintf(text, size, "%s, ", admin ? "to change or trigger anything" : "to read");

	if (!local && p->tokens)
		n += snprintf(text + n, size - (size_t)n, "send %s token (authorization: Bearer TOKEN), or ",
			      admin ? "an admin" : "a");
	if (!local && p->certificates)
		n += snprintf(text + n, size - (size_t)n, "present a client certificate%s, or ",
			      admin ? " that -grpcTlsAdmins names" : "");
	if (local)
		n += snprintf(text + n, size - (size_t)n, "connect");
	else if (*p->socket)
		n += snprintf(text + n, size - (size_t)n, "connect to the UNIX socket %s", p->socket);
	else
		n += snprintf(text + n, size - (size_t)n,
			      "start the daemon with -grpcSocket PATH and connect there");
	snprintf(text + n, size - (size_t)n,
		 " as root, as the daemon's own user or as a member of a group of %s",
		 admin ? "-grpcAdmins" : "-grpcReaders or -grpcAdmins");
}

/* Return the text after "Bearer ", or NULL. */
static const char *bearer(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	return strncasecmp(authorization, scheme, strlen(scheme)) == 0 ? authorization + strlen(scheme)
								       : NULL;
}

void access_check(const struct access_policy *p, const struct access_peer *peer, const char *authorization,
		  enum access needs, struct access_answer *answer)
{
	const char *token = p->tokens ? bearer(authorization) : NULL;

	*answer = (struct access_answer){.access = peer->access};
	if (token) {
		bool in_the_clear = peer->way == ACCESS_WAY_PLAIN && !peer->loopback;
		enum access given = in_the_clear ? ACCESS_NONE : tokens_access(p->tokens, token);
		if (given == ACCESS_NONE) {
			refuse_token(p, in_the_clear, answer);
			return;
		}
		answer->access = greater(answer->access, given);
	}
	if (answer->access < needs) {
		refusal(p, peer, needs, answer);
		answer->unauthenticated =
		    peer->way != ACCESS_WAY_UNIX && !token && !peer->named && (p->tokens || p->certificates);
	}
}
