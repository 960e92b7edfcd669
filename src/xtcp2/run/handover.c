/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A configuration is passed as a JSON file in a memfd, which the successor reads
 * with -config: every user can read arguments, and a memfd leaves no file behind.
 * XTCP_ variables are removed from the environment, as they would override the
 * file, and the client's values must hold. One variable lists the descriptors, one
 * per line: "NUMBER NAME", where the names "fallback", "origin" and
 * "report" are reserved.
 *
 * Descriptors are close-on-exec until just before the exec, so that no other child
 * of this process inherits them. Those of libraries may not be: withhold_sockets().
 */
#include "run/handover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define VARIABLE      "XTCP2_HANDOVER"
#define NAME_FALLBACK "fallback"
#define NAME_ORIGIN   "origin"
#define NAME_REPORT   "report"
#define FD_DIRECTORY  "/proc/self/fd/"
#define FD_PATH_MAX   32

/* The descriptors for the next process, with the command line and environment that name them. */
struct parcel {
	int config, fallback, report; /* report is borrowed */
	int fds[HANDOVER_ROWS_MAX + 4];
	size_t count;
	struct buf variable;
	char **env;
	char path[FD_PATH_MAX];
};

/* --- descriptors received from the previous process --- */

static void receive_line(struct handover *h, const char *line)
{
	char *name;
	long fd = strtol(line, &name, 10);

	if (name == line || *name != ' ' || fd < 3 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return;
	name++;
	if (strcmp(name, NAME_FALLBACK) == 0) {
		h->fallback = (int)fd;
	} else if (strcmp(name, NAME_ORIGIN) == 0) {
		h->origin = (int)fd;
	} else if (strcmp(name, NAME_REPORT) == 0) {
		h->report = (int)fd;
	} else if (h->count < HANDOVER_ROWS_MAX) {
		struct handover_row *s = &h->rows[h->count++];
		s->fd = (int)fd;
		snprintf(s->name, sizeof(s->name), "%s", name);
	}
}

void handover_receive(struct handover *h)
{
	const char *variable = getenv(VARIABLE);
	_cleanup_free_ char *text = variable ? strdup(variable) : NULL;
	char *save = NULL;

	*h = HANDOVER_NOTHING;
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
		receive_line(h, line);
	unsetenv(VARIABLE);
	/* A trial ends with the daemon that waits for it. */
	if (h->report >= 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void handover_config_read(struct config *config)
{
	const size_t prefix = strlen(FD_DIRECTORY);

	if (strncmp(config->config_file, FD_DIRECTORY, prefix) != 0)
		return;
	close(atoi(config->config_file + prefix));
	config->config_file[0] = '\0';
}

int handover_take(const struct handover *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		if (strcmp(h->rows[i].name, name) == 0)
			return fcntl(h->rows[i].fd, F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

void handover_leave(struct handover *left, const char *name, int fd)
{
	if (left->count == HANDOVER_ROWS_MAX) {
		close(fd);
		return;
	}
	struct handover_row *row = &left->rows[left->count++];
	row->fd = fd;
	snprintf(row->name, sizeof(row->name), "%s", name);
}

void handover_settle(struct handover *h)
{
	for (size_t i = 0; i < h->count; i++)
		close(h->rows[i].fd);
	h->count = 0;
	cleanup_closep(&h->fallback);
	h->fallback = -1;
}

/* --- descriptors passed to the next process --- */

/* Write the configuration to a memfd. Return it or -errno. */
static int config_memfd(const struct config *config)
{
	_cleanup_close_ int fd = memfd_create("xtcp2-config", MFD_CLOEXEC);
	_cleanup_(buf_free) struct buf json = {0};

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

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Return the environment with `variable` and without options; the strings are not copied. */
static char **environment(char *variable, bool trial)
{
	size_t count = 0, kept = 0;

	while (environ[count])
		count++;
	char **env = calloc(count + 2, sizeof(*env));
	for (size_t i = 0; env && i < count; i++) {
		/* Trials do not notify the service manager. */
		bool manager =
		    starts_with(environ[i], "NOTIFY_SOCKET=") || starts_with(environ[i], "WATCHDOG_");
		if (!starts_with(environ[i], "XTCP_") && !(trial && manager))
			env[kept++] = environ[i];
	}
	if (env)
		env[kept] = variable;
	return env;
}

/*
 * Make every socket close-on-exec: the connection of libnats is not. Its thread, abandoned when the server hangs, would
 * leave it open in the next process for good. Descriptors of other threads, which open and close them meanwhile, are
 * close-on-exec from the start and not looked at; a file that the starter left open stays.
 */
static void withhold_sockets(void)
{
	DIR *dir = opendir(FD_DIRECTORY);
	struct stat st;

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		int fd = atoi(e->d_name); /* 0 for a name that is no number */
		if (fd > STDERR_FILENO && fcntl(fd, F_GETFD) == 0 && fstat(fd, &st) == 0 &&
		    S_ISSOCK(st.st_mode))
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (dir)
		closedir(dir);
}

static void parcel_add(struct parcel *p, int fd, const char *name)
{
	if (fd < 0)
		return;
	p->fds[p->count++] = fd;
	if (name)
		buf_printf(&p->variable, "%d %s\n", fd, name);
}

static void parcel_free(struct parcel *p)
{
	cleanup_closep(&p->config);
	cleanup_closep(&p->fallback);
	buf_free(&p->variable);
	free(p->env);
}

/* Fill the parcel. It takes ownership of the memfds config and fallback, even on failure. Return 0 or
 * -errno. */
static int parcel_pack(struct parcel *p, int config, int fallback, int report, const struct handover *left)
{
	*p = (struct parcel){.config = config, .fallback = fallback, .report = report};
	if (config < 0)
		return config;
	withhold_sockets();
	buf_str(&p->variable, VARIABLE "=");
	parcel_add(p, config, NULL);
	parcel_add(p, fallback, NAME_FALLBACK);
	parcel_add(p, report, NAME_REPORT);
	parcel_add(p, left->origin, NAME_ORIGIN);
	for (size_t i = 0; i < left->count; i++)
		parcel_add(p, left->rows[i].fd, left->rows[i].name);
	snprintf(p->path, sizeof(p->path), FD_DIRECTORY "%d", config);
	char *variable = (char *)buf_cstr(&p->variable);
	p->env = variable ? environment(variable, report >= 0) : NULL;
	return p->env ? 0 : -ENOMEM;
}

static void exec_with(int config, int fallback, const struct handover *left, char *name)
{
	_cleanup_(parcel_free) struct parcel p;
	int r = parcel_pack(&p, config, fallback, -1, left);

	for (size_t i = 0; i < p.count && r == 0; i++)
		r = fcntl(p.fds[i], F_SETFD, 0) < 0 ? -errno : 0;
	if (r == 0) {
		execve("/proc/self/exe", (char *[]){name, "-config", p.path, NULL}, p.env);
		r = -errno;
	}
	log_err("xtcp2", "cannot start over: %s", strerror(-r));
}

void handover_exec(const struct config *config, const struct config *before, const struct handover *left,
		   char *name)
{
	/* Without a memfd for the fallback there is no fallback. */
	exec_with(config_memfd(config), before ? config_memfd(before) : -1, left, name);
}

void handover_back(const struct handover *h, char *name)
{
	if (h->fallback < 0)
		return;
	log_err("xtcp2", "the new configuration does not start: back to the one before");
	exec_with(fcntl(h->fallback, F_DUPFD_CLOEXEC, 3), -1, h, name);
}

pid_t handover_try(const struct config *config, const struct handover *left, char *name, int *report)
{
	_cleanup_(parcel_free) struct parcel p = {.config = -1, .fallback = -1};
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	_cleanup_close_ int ours = ends[0], theirs = ends[1];
	int r = parcel_pack(&p, config_memfd(config), -1, theirs, left);
	if (r < 0)
		return r;
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	/* The same number twice: the copy in the child is not close-on-exec. */
	for (size_t i = 0; i < p.count && r == 0; i++)
		r = posix_spawn_file_actions_adddup2(&actions, p.fds[i], p.fds[i]);
	char *const argv[] = {name, "-check", "-config", p.path, NULL};
	if (r == 0)
		r = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, p.env);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return -r;
	*report = take_fd(ours);
	return pid;
}
