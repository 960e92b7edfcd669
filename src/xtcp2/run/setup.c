/* SPDX-License-Identifier: MIT */
#include "run/setup.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privilege.h"
#include "record/encoder.h"
#include "source/source.h"

int setup_hostname(struct config *config)
{
	char name[256] = "";

	if (config->hostname[0])
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0)
		return -errno;
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(config->hostname);
	config->hostname = copy;
	return 0;
}

int setup_source(const struct config *config, struct source_config *source)
{
	char bad[64];
	uint64_t size = config->packet_size * config->packet_size_mply;

	source_decode_defaults(&source->decode);
	if (deserializers_parse(config->deserializers, &source->decode.attributes, &source->ext, bad,
				sizeof(bad)) < 0) {
		struct buf names = {0};
		for (size_t i = 0; deserializer_name(i); i++)
			buf_printf(&names, "%s%s", i ? " " : "", deserializer_name(i));
		log_err("xtcp2",
			"-deserializers: unknown name \"%s\"; possible: default, all, none, or a list of: %s",
			bad, buf_cstr(&names));
		buf_free(&names);
		return -EINVAL;
	}
	if (tcp_states_parse(config->states, &source->states, bad, sizeof(bad)) < 0) {
		log_err("xtcp2",
			"-states: unknown state \"%s\"; possible: default, all, a mask such as 0x1ffe, "
			"or a list of names such as established,listen",
			bad);
		return -EINVAL;
	}
	source->recv_size = size;
	source->recv_timeout_ns = (int64_t)config->nl_timeout_ms * 1000000;
	source->first_seq = config->nlmsg_seq;
	source->uring_recv_batch = config->io_uring_recv_batch;
	source->uring_cqe_batch = config->io_uring_cqe_batch;
	return 0;
}

struct dest *setup_dest(const struct config *config)
{
	char error[512];
	struct encoder encoder = {0};

	/* Checked here, once, so that a bad -marshal or -columns ends the start-up with one line. */
	if (encoder_init(&encoder, config->marshal, config->columns, error, sizeof(error)) < 0) {
		log_err("xtcp2", "%s", error);
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
	};
	struct dest *d = dest_new(config->dest, &dest, error, sizeof(error));
	if (!d)
		log_err("xtcp2", "%s", error);
	return d;
}

static bool dest_needs_files(const struct config *config)
{
	static const char *const schemes[] = {"file:", "unix:", "unixgram:"};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strncmp(config->dest, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return config->write_files || config->dest_write_files;
}

int setup_privileges(const struct config *config, struct netns_options *options)
{
	int keep[5] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE};
	size_t count = 2;

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
	/* Only where root has to write into somebody's directory. */
	if (dest_needs_files(config))
		keep[count++] = CAP_DAC_OVERRIDE;
	size_t asleep = count;
	/* The first is raised to number a namespace, the second is for a start over in place. */
	if (config->close_events) {
		keep[count++] = CAP_NET_ADMIN;
		keep[count++] = CAP_NET_BROADCAST;
	}
	int r = privilege_keep(keep, count);
	for (; r == 0 && asleep < count; asleep++) {
		if (privilege_have(keep[asleep]))
			r = privilege_lower(keep[asleep]);
	}
	if (r < 0)
		log_err("xtcp2", "cannot drop capabilities: %s", strerror(-r));
	return r;
}

void setup_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("xtcp2", "cannot raise the limit of open files: %s", strerror(errno));
}
