/* SPDX-License-Identifier: MIT */
/* What the options say about NATS: servers, subject, user, TLS. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret_file.h"
#include "dest/nats.h"
#include "dest/password.h"

static int refuse(struct dest_io *io, const char *why)
{
	dest_why(io, 0, "%s", why);
	return -EINVAL;
}

static int read_servers(struct nats_dest *n, const char *address)
{
	_cleanup_free_ char *copy = strdup(address);
	char *rest = copy;

	if (!copy)
		return -ENOMEM;
	while (rest) {
		struct host_port hp;
		char *server = strsep(&rest, ",");
		server += strspn(server, " ");
		server[strcspn(server, " ")] = '\0';
		int r = host_port_parse(&n->io, server, &hp);
		if (r < 0)
			return r;
		if (strpbrk(hp.host, "@/?#"))
			return refuse(
			    &n->io,
			    "has more than HOST:PORT (-destUser and -destPasswordFile name who logs in)");
		if (n->server_count == NATS_SERVERS_MAX)
			return refuse(&n->io, "has more than 16 servers");
		snprintf(n->servers[n->server_count++], NATS_SERVER_MAX, "%s", server);
	}
	return 0;
}

/* A subject that one can publish to: words with dots between, no wildcard. */
static bool is_subject(const char *topic)
{
	size_t len = strlen(topic);

	if (len == 0 || topic[0] == '.' || topic[len - 1] == '.' || strstr(topic, ".."))
		return false;
	for (const char *c = topic; *c; c++) {
		if (*c <= ' ' || *c == 0x7f || *c == '*' || *c == '>')
			return false;
	}
	return true;
}

/* The file of -natsCredentialsFile is read by libnats at each connection; whether it can be is told at the start. */
static int check_credentials(struct nats_dest *n)
{
	const char *file = n->io.config->nats_credentials_file;
	char why[DEST_WHY_MAX / 2];

	if (!file || !*file)
		return 0;
	if (n->secret[0])
		return refuse(&n->io, "takes -natsCredentialsFile or -destPasswordFile, not both");
	_cleanup_close_ int fd = secret_file_open(file, why, sizeof(why));
	if (fd >= 0)
		return 0;
	dest_why(&n->io, 0, "cannot use -natsCredentialsFile %s", why);
	return -EINVAL;
}

int nats_settings_read(struct nats_dest *n, const char *address)
{
	const struct dest_config *c = n->io.config;

	if (!c->topic || !is_subject(c->topic))
		return refuse(&n->io, "needs a subject in -topic: words with dots between, without * and >");
	int r = read_servers(n, address);
	if (r == 0)
		r = password_read(&n->io, "destPasswordFile", c->dest_password_file, n->secret,
				  sizeof(n->secret));
	if (r == 0)
		r = check_credentials(n);
	if (r == 0)
		r = pem_read(&n->io, &n->pem);
	if (r == 0 && getrandom(&n->nonce, sizeof(n->nonce), 0) != sizeof(n->nonce))
		r = refuse(&n->io, "gets no random number from the kernel");
	return r;
}

void nats_settings_free(struct nats_dest *n)
{
	explicit_bzero(n->secret, sizeof(n->secret));
	pem_free(&n->pem);
}
