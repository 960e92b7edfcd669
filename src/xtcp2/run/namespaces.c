/* SPDX-License-Identifier: MIT */
#include "run/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "enrich/container.h"
#include "netns/hidden.h"
#include "run/bpf.h"
#include "run/refusal.h"
#include "run/state.h"
#include "source/known_sockets.h"

static void on_scanned(void *data, struct netns **entries, size_t count)
{
	struct daemon *d = data;

	if (d->config->resolve_container_id || d->config->enrich_container)
		containers_resolve(entries, count);
	docker_follow(d->docker, entries, count, d->attributor.cgroups);
	cri_follow(d->cri, entries, count, d->attributor.cgroups);
	close_sender_follow(d->close_sender, entries, count);
}

int daemon_events_open(struct daemon *d)
{
	if (!d->config->close_events)
		return 0;
	d->known = known_sockets_new(d->config->close_events_sockets);
	const struct close_events_options options = {
	    .buffer = d->config->close_events_buffer,
	    .decode = d->source.decode,
	    .known = d->known,
	    .attributor = &d->attributor,
	};
	if (d->known)
		d->close_events = close_events_open(&options);
	int r = d->close_events ? 0 : -errno;
	if (r < 0)
		refuse("closeEvents", ": %s", strerror(-r));
	d->source.known = d->known;
	return r;
}

void daemon_events_close(struct daemon *d)
{
	close_events_free(d->close_events);
	known_sockets_free(d->known);
}

int namespaces_start(struct daemon *d)
{
	directories_settle(&d->directories);
	d->netns.directories = d->directories.paths;
	d->netns.scan_proc = true;
	d->netns.processes = bpf_processes;
	d->netns.processes_data = &d->source;
	if ((d->config->hidden_threads || d->config->hidden_sockets) && !d->netns.own_only) {
		d->hidden = hidden_new(true, d->config->hidden_sockets);
		if (!d->hidden)
			log_warn("xtcp2", "hidden namespaces cannot be looked for: %s", strerror(errno));
	}
	d->netns.hidden = d->hidden;
	d->netns.on_scanned = on_scanned;
	d->netns.scanned_data = d;
	d->table = netns_table_new(d->loop, &d->netns, daemon_netns_changed, d);
	if (d->table && !d->config->reconcile_before_poll)
		netns_table_scan(d->table);
	return d->table ? 0 : -errno;
}

/* Whether sockets have owners; a walker tells them with the sockets. */
static bool has_owners(const struct daemon *d)
{
	return strcmp(d->config->owners, "on") == 0 ||
	       (strcmp(d->config->owners, "auto") == 0 && d->source.walker);
}

/* Whether sockets have containers and pods. */
static bool has_places(const struct daemon *d)
{
	return has_owners(d) || d->config->resolve_container_id || d->config->enrich_container;
}

int daemon_owners_start(struct daemon *d)
{
	bool told = d->source.walker != NULL;

	if (!has_places(d))
		return 0;
	d->attributor.cgroups = cgroups_new();
	if (!d->attributor.cgroups)
		return -errno;
	d->source.attributor = &d->attributor;
	if (!has_owners(d))
		return 0;
	if (told)
		d->attributor.told = owner_table_new(d->config->owners_sockets);
	else
		d->attributor.owners = owners_new(d->config->owners_sockets, d->attributor.cgroups);
	return d->attributor.told || d->attributor.owners ? 0 : refuse("owners", ": %s", strerror(errno));
}

void daemon_owners_stop(struct daemon *d)
{
	owners_free(d->attributor.owners);
	owner_table_free(d->attributor.told);
	cgroups_free(d->attributor.cgroups);
}

void daemon_owners_follow(struct daemon *d)
{
	if (d->attributor.owners)
		owners_poll_begins(d->attributor.owners);
	if (d->attributor.cgroups)
		cgroups_poll_begins(d->attributor.cgroups);
}

int daemon_docker_start(struct daemon *d)
{
	if (!d->config->enrich_container)
		return 0;
	if (faccessat(AT_FDCWD, d->config->docker_socket, W_OK, AT_EACCESS) < 0)
		log_warn("docker", "-dockerSocket %s: %s; containers have no name while this is so",
			 d->config->docker_socket, strerror(errno));
	d->docker = docker_new(d->config->docker_socket);
	return d->docker ? 0 : -errno;
}

void daemon_docker_stop(struct daemon *d)
{
	docker_free(d->docker);
}

int daemon_cri_open(struct daemon *d)
{
	if (!has_places(d) || !*d->config->cri_socket)
		return 0;
	d->cri = cri_new(d->config->cri_socket);
	return d->cri ? 0 : -errno;
}

int daemon_cri_start(struct daemon *d)
{
	return d->cri ? cri_start(d->cri) : 0;
}

void daemon_cri_close(struct daemon *d)
{
	cri_free(d->cri);
}

int daemon_close_sender_start(struct daemon *d)
{
	if (!d->close_events)
		return 0;
	d->close_sender = close_sender_new(d->config, &d->source, d->close_events, d->dest);
	if (!d->close_sender)
		return -errno;
	namespaces_follow(d);
	return 0;
}

void namespaces_follow(struct daemon *d)
{
	size_t count;
	struct netns **entries = netns_table_entries(d->table, &count);

	on_scanned(d, entries, count);
}

void namespaces_stop(struct daemon *d)
{
	netns_table_free(d->table);
	hidden_free(d->hidden);
}
