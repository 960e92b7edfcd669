/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The configuration travels as a JSON file in a memfd, which the successor
 * reads with -config. A file, because arguments can be read by every user; a
 * memfd, because nothing is left behind. XTCP_ variables are taken out of the
 * environment: they would win over the file, and what a client has set must
 * hold.
 */
#include "run/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define HANDOVER_PREFIX "/proc/self/fd/"

/* The configuration in a memfd that survives exec, or -errno. */
static int handover(const struct config *config)
{
	_cleanup_close_ int fd = memfd_create("xtcp2-config", 0);
	_cleanup_buf_ struct buf json = {0};

	if (fd < 0)
		return -errno;
	config_to_private_json(config, &json);
	if (!buf_ok(&json))
		return -ENOMEM;
	ssize_t n = write(fd, json.data, json.len);
	if (n != (ssize_t)json.len)
		return n < 0 ? -errno : -EIO;
	return take_fd(fd);
}

/* The environment without the variables that are options; the strings stay where they are. */
static char **environment(void)
{
	size_t count = 0, kept = 0;

	while (environ[count])
		count++;
	char **env = calloc(count + 1, sizeof(*env));
	for (size_t i = 0; env && i < count; i++) {
		if (strncmp(environ[i], "XTCP_", strlen("XTCP_")) != 0)
			env[kept++] = environ[i];
	}
	return env;
}

int reexec(const struct config *config, char *name)
{
	char path[64];
	_cleanup_close_ int fd = handover(config);
	_cleanup_free_ char **env = environment();

	if (fd < 0 || !env) {
		log_err("xtcp2", "cannot hand over the configuration: %s",
			fd < 0 ? strerror(-fd) : "no memory");
		return 1;
	}
	snprintf(path, sizeof(path), HANDOVER_PREFIX "%d", fd);
	execve("/proc/self/exe", (char *[]){name, "-config", path, NULL}, env);
	log_err("xtcp2", "cannot start over: %s", strerror(errno));
	return 1;
}

void reexec_taken_over(struct config *config)
{
	const size_t prefix = strlen(HANDOVER_PREFIX);

	if (strncmp(config->config_file, HANDOVER_PREFIX, prefix) != 0)
		return;
	close(atoi(config->config_file + prefix));
	config->config_file[0] = '\0';
}
