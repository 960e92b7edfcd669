/* SPDX-License-Identifier: MIT */
#include "run/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/own_directory.h"
#include "filter/filter.h"
#include "record/encoder.h"
#include "record/states.h"
#include "run/refusal.h"
#include "source/source.h"

/* A bad -filter ends the start-up here with one line, before each worker needs it. */
static int check_filter(const struct config *config)
{
	char error[512];

	filter_free(filter_new(config->filter, error, sizeof(error)));
	return *error ? refuse("filter", ": %s", error) : 0;
}

int setup_source(const struct config *config, struct source_config *source)
{
	char error[512];
	uint64_t size = config->packet_size * config->packet_size_mply;

	decode_defaults(&source->decode);
	if (deserializers_parse(config->deserializers, &source->decode.attributes, &source->ext, error,
				sizeof(error)) < 0)
		return refuse("deserializers", ": %s", error);
	if (tcp_states_parse(config->states, &source->states, error, sizeof(error)) < 0)
		return refuse("states", ": %s", error);
	if (check_filter(config) < 0)
		return -EINVAL;
	source->filter = config->filter;
	source->recv_size = size;
	source->recv_timeout_ns = (int64_t)config->nl_timeout_ms * 1000000;
	source->first_seq = config->nlmsg_seq;
	source->lookups = config->netlink_lookups;
	source->uring_recv_batch = config->io_uring_recv_batch;
	source->uring_cqe_batch = config->io_uring_cqe_batch;
	return 0;
}

static void set_s3(const struct config *config, struct dest_config *dest)
{
	dest->hostname = config->hostname;
	dest->s3_endpoint = config->s3_endpoint;
	dest->s3_region = config->s3_region;
	dest->s3_access_key = config->s3_access_key;
	dest->s3_secret_key_file = config->s3_secret_key_file;
	dest->s3_compression = config->s3_compression;
	dest->s3_encryption = config->s3_encryption;
	dest->s3_spool = config->s3_spool;
	dest->s3_path_style = config->s3_path_style;
	dest->s3_spool_bytes = config->s3_spool_bytes;
	if (strncmp(config->dest, "s3:", 3) != 0)
		return;
	dest->file_rotate_bytes = config->s3_max_bytes;
	dest->file_rotate_every_ns = config->s3_max_age_ns;
}

struct dest *setup_dest(const struct config *config)
{
	char error[512];
	struct encoder encoder = {0};

	/* A bad -marshal or -columns ends the start-up here with one line, before each worker needs them. */
	if (encoder_init(&encoder, config->marshal, config->columns, error, sizeof(error)) < 0) {
		refuse(encoder_refused(&encoder), ": %s", error);
		return NULL;
	}
	const struct encoder_ops *ops = encoder.ops;
	encoder_free(&encoder);
	struct dest_config dest = {
	    .queue_bytes = config->dest_queue_bytes,
	    .encoder = ops,
	    .send_timeout_ns = config->produce_timeout_ns,
	    .write_files = config->dest_write_files,
	    .capture_path = config->capture_path,
	    .topic = config->topic,
	    .kafka_compression = config->kafka_compression,
	    .kafka_config = config->kafka_config,
	    .columns = config->columns,
	    .json_names = strcmp(config->names, "json") == 0,
	    .file_rotate_bytes = config->file_rotate_bytes,
	    .file_rotate_every_ns = config->file_rotate_every_ns,
	    .file_keep_bytes = config->file_keep_bytes,
	    .file_keep_age_ns = config->file_keep_age_ns,
	    .file_sync = config->file_sync,
	    .parquet_group_bytes = config->parquet_group_bytes,
	    .parquet_group_every_ns = config->parquet_group_every_ns,
	    .dest_user = config->dest_user,
	    .dest_password_file = config->dest_password_file,
	    .nats_credentials_file = config->nats_credentials_file,
	    .dest_tls = config->dest_tls,
	    .valkey_command = config->valkey_command,
	    .valkey_max_length = config->valkey_max_length,
	    .tls_ca = config->tls_ca,
	    .tls_cert = config->tls_cert,
	    .tls_key = config->tls_key,
	};
	set_s3(config, &dest);
	struct dest *d = dest_new(config->dest, &dest, error, sizeof(error));
	if (!d)
		refuse("dest", ": %s", error);
	return d;
}

/* The default user, if the system has it. */
#define DEFAULT_USER "xtcp2"

/* Add the group that is needed to use a socket, if there is one. */
static void add_group_of(const char *socket, struct privilege_user *user)
{
	struct stat st;

	if (stat(socket, &st) == 0 && st.st_gid && (st.st_mode & (S_IWGRP | S_IWOTH)) == S_IWGRP &&
	    user->group_count < PRIVILEGE_GROUPS_MAX)
		user->groups[user->group_count++] = st.st_gid;
}

/* Return whether the process is in the group. */
static bool in_group(gid_t group)
{
	gid_t own[NGROUPS_MAX];
	int count = getgroups(NGROUPS_MAX, own);

	for (int i = 0; i < count; i++) {
		if (own[i] == group)
			return true;
	}
	return group == getegid();
}

/* Find the user that the options name, for a process that is root. */
static int find_user(const struct config *config, struct privilege_user *user)
{
	char error[256];
	int r;

	if (config->user[0])
		r = privilege_user_find(config->user, user, error, sizeof(error));
	else if (getpwnam(DEFAULT_USER))
		r = privilege_user_find(DEFAULT_USER, user, error, sizeof(error));
	else
		r = privilege_user_spare(user, error, sizeof(error));
	if (r < 0)
		refuse("user", " %s: %s", config->user, error);
	return r;
}

static int find_groups(const struct config *config, struct privilege_user *user)
{
	char error[256];
	int r = privilege_user_add_groups(config->groups, user, error, sizeof(error));

	if (r < 0)
		refuse("groups", " %s: %s", config->groups, error);
	return r;
}

/* Check -user and -groups of a process that is not root: it cannot change them, so they must match. */
static int check_ordinary_user(const struct config *config, const struct privilege_user *self)
{
	struct privilege_user wanted = *self;

	if ((config->user[0] && find_user(config, &wanted) < 0) || find_groups(config, &wanted) < 0)
		return -EINVAL;
	if (wanted.uid != self->uid)
		return refuse("user", " %s: only root may become another user; this is %s", config->user,
			      self->name);
	for (size_t i = 0; i < wanted.group_count; i++) {
		if (in_group(wanted.groups[i]))
			continue;
		return refuse("groups", " %s: %s was started without group %u", config->groups, self->name,
			      wanted.groups[i]);
	}
	return 0;
}

int setup_user(const struct config *config, struct privilege_user *user)
{
	struct privilege_user self;

	privilege_user_self(&self);
	*user = self;
	if (self.uid != 0)
		return check_ordinary_user(config, &self);
	if (find_user(config, user) < 0 || find_groups(config, user) < 0)
		return -EINVAL;
	if (!config->user[0] && !privilege_can_become(user)) {
		log_notice(
		    "xtcp2",
		    "stays root: this container or user namespace cannot have %s (CAP_SETUID, CAP_SETGID)",
		    user->name);
		*user = self;
		return 0;
	}
	if (config->enrich_container)
		add_group_of(config->docker_socket, user);
	if (config->enrich_lldp)
		add_group_of(config->lldpd_socket, user);
	return 0;
}

int setup_capture_directory(const struct config *config, const struct privilege_user *user)
{
	const char *directory = config->capture_path;

	if (!config->write_files && !config->dest_write_files)
		return 0;
	int r = own_directory_make(directory, 0700, user->uid, user->gid);
	return r < 0 ? refuse("capturePath", " %s: %s", directory, strerror(-r)) : 0;
}

void setup_capture_again(const struct config *config)
{
	if (mkdir(config->capture_path, 0700) < 0 && errno != EEXIST)
		log_warn("capture", "-capturePath %s cannot be created again: %s", config->capture_path,
			 strerror(errno));
}

/* Check that the daemon can write to the directory with its remaining privileges. */
static int check_capture_directory(const struct config *config, const struct privilege_user *user)
{
	if ((!config->write_files && !config->dest_write_files) ||
	    faccessat(AT_FDCWD, config->capture_path, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return refuse("capturePath",
		      " %s: %s cannot write there (%s): name a directory of that user, or one "
		      "that is missing and will be made",
		      config->capture_path, user->name, strerror(errno));
}

/* Return whether the supplementary groups of the process are exactly those of the user. */
static bool has_groups(const struct privilege_user *user)
{
	bool all = getgroups(0, NULL) == (int)user->group_count;

	for (size_t i = 0; i < user->group_count; i++)
		all = all && in_group(user->groups[i]);
	return all;
}

/* Log each missing capability and the sockets that the daemon cannot see without it. */
static void warn_missing(const struct config *config, struct netns_options *options)
{
	if (!privilege_have(CAP_SYS_ADMIN)) {
		log_warn("xtcp2",
			 "without CAP_SYS_ADMIN only the sockets of the own network namespace are seen");
		options->own_only = true;
	} else if (!privilege_have(CAP_SYS_PTRACE)) {
		log_warn("xtcp2",
			 "without CAP_SYS_PTRACE only namespaces that are mounted in %s "
			 "or belong to own processes are seen",
			 config->netns_dirs);
	}
}

static int drop(const struct config *config, const struct privilege_user *user, const int *keep, size_t count)
{
	/* Drop the groups even if the process stays root, where it is permitted. */
	bool change =
	    user->uid != geteuid() || (user->uid == 0 && !has_groups(user) && privilege_can_become(user));
	int r = privilege_drop(change ? user : NULL, keep, count);

	if (r < 0) {
		log_err("xtcp2", "cannot become %s and drop capabilities: %s", user->name, strerror(-r));
		return r;
	}
	return check_capture_directory(config, user);
}

int setup_no_privileges(const struct config *config, const struct privilege_user *user)
{
	return drop(config, user, NULL, 0);
}

int setup_privileges(const struct config *config, const struct privilege_user *user,
		     struct netns_options *options)
{
	int keep[4] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE};
	size_t count = 2, lowered = count;
	bool other = user->uid != geteuid();

	warn_missing(config, options);
	/* CAP_NET_ADMIN is raised to give a namespace an nsid and to ask a socket for its namespace;
	 * CAP_NET_BROADCAST is needed after a start over. */
	if (config->close_events || config->hidden_sockets)
		keep[count++] = CAP_NET_ADMIN;
	if (config->close_events)
		keep[count++] = CAP_NET_BROADCAST;
	int r = drop(config, user, keep, count);
	for (; r == 0 && lowered < count; lowered++) {
		if (privilege_have(keep[lowered]))
			r = privilege_lower(keep[lowered]);
		if (r < 0)
			log_err("xtcp2", "cannot lower a capability: %s", strerror(-r));
	}
	if (r == 0 && other)
		log_info("xtcp2", "runs as %s", user->name);
	return r;
}
