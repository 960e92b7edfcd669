/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A directory has one process at a time, which holds its lock and says in the file `address` where it listens. If nobody
 * holds the lock, a child of this process becomes the server, with a password of this one query, on a port of loopback
 * that the kernel has chosen. So there is one way for a statement, whoever has the directory open. The child loads the engine
 * while the connection waits in its socket's backlog; if it fails, the connection is reset.
 */
#include "clickhouse/query_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"

/* Longest wait for another process that has the directory open and does not say where it listens. */
#define WAIT_NS	 (20 * NS_PER_SEC)
#define RETRY_NS (100 * NS_PER_MS)
/* Longest time from the end of a child's connections to its own. */
#define LOST_NS	 (2 * NS_PER_SEC)

/* Return whether another process has the directory open. */
static bool is_open(const char *data)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" SERVICE_LOCK, data);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* Read the first line of the address file. Return false if there is none yet. */
static bool read_address(const char *data, char *address, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" SERVICE_ADDRESS, data);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	if (!f || !fgets(address, (int)size, f))
		return false;
	address[strcspn(address, "\n")] = '\0';
	return *address;
}

/* Make a URL of an address to listen on: a server on all addresses is asked on loopback. 0 or -EINVAL. */
static int make_url(struct query_server *s, const char *listen)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX];

	if (listen_split(listen, host, port))
		return -EINVAL;
	bool any = !*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
	bool six = !any && strchr(host, ':');
	snprintf(s->url, sizeof(s->url), "http://%s%s%s:%s/", six ? "[" : "", any ? "127.0.0.1" : host,
		 six ? "]" : "", port);
	return 0;
}

/* Take the password from the directory: the owner's, or else the reader's. Without one, as of -insecure, none is sent. */
static void take_kept_password(struct query_server *s, const char *data)
{
	static const char *const files[] = {"password", "reader-password"};
	_cleanup_buf_ struct buf ignored = {0};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", data, files[i]);
		if (access(path, R_OK) || password_read(path, s->password, &ignored))
			continue;
		if (i)
			snprintf(s->user, sizeof(s->user), SERVICE_READER);
		return;
	}
}

static int make_password(char password[static PASSWORD_MAX])
{
	unsigned char random[16];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(password + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* In the child: become the server. Its messages are those of failures. */
__attribute__((noreturn)) static void serve(const struct query_server *s, struct options *options, int fd,
					    pid_t parent)
{
	options->listen = "127.0.0.1:0";
	options->listen_fd = fd;
	options->query = parent;
	options->user = s->user;
	options->password = options->reader_password = s->password;
	options->password_file = options->reader_password_file = "";
	log_init(LOG_LEVEL_ERR);
	/* Results go to stdout; nothing of the engine does. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	_exit(service_run(options));
}

static int start_child(struct query_server *s, struct options *options, struct buf *error)
{
	char why[256];
	_cleanup_close_ int fd = listen_open("127.0.0.1:0", why, sizeof(why));
	pid_t self = getpid();

	if (fd < 0) {
		buf_str(error, why);
		return fd;
	}
	snprintf(s->user, sizeof(s->user), "%s", options->user);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", listen_port(fd));
	int r = make_password(s->password);
	s->child = r ? -1 : fork();
	if (s->child < 0) {
		buf_printf(error, "no server can be started: %s", strerror(errno));
		s->child = 0;
		return -EAGAIN;
	}
	if (s->child == 0)
		serve(s, options, take_fd(fd), self);
	return 0;
}

static void pause_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
}

static int open_directory(struct query_server *s, struct options *options, struct buf *error)
{
	int64_t until = clock_mono_ns() + WAIT_NS;
	char address[LISTEN_HOST_MAX + LISTEN_PORT_MAX];

	while (is_open(options->data)) {
		if (read_address(options->data, address, sizeof(address))) {
			if (!*options->password)
				take_kept_password(s, options->data);
			return make_url(s, address);
		}
		/* A server that starts, or another query's. */
		if (clock_mono_ns() >= until) {
			buf_printf(
			    error,
			    "%s: another xtcp2-clickhouse has it open, and does not say where it listens",
			    options->data);
			return -EBUSY;
		}
		pause_a_moment();
	}
	return start_child(s, options, error);
}

int query_server_open(struct query_server *s, struct options *options, struct buf *error)
{
	*s = (struct query_server){0};
	snprintf(s->user, sizeof(s->user), "%s", options->user);
	snprintf(s->password, sizeof(s->password), "%s", options->password);
	if (*options->data)
		return open_directory(s, options, error);
	int r = make_url(s, options->listen);
	if (r)
		buf_printf(error, "-server %s: must be HOST:PORT", options->listen);
	return r;
}

bool query_server_lost(struct query_server *s, const char **why)
{
	int64_t until = clock_mono_ns() + LOST_NS;
	int status = 0;

	*why = NULL;
	if (!s->child)
		return false;
	while (waitpid(s->child, &status, WNOHANG) != s->child) {
		if (clock_mono_ns() >= until)
			return false;
		pause_a_moment();
	}
	s->child = 0;
	if (!WIFSIGNALED(status))
		return true;
	snprintf(s->end, sizeof(s->end), "the engine was ended by a signal: %s", strsignal(WTERMSIG(status)));
	*why = s->end;
	return false;
}

void query_server_close(struct query_server *s)
{
	if (!s->child)
		return;
	kill(s->child, SIGTERM);
	waitpid(s->child, NULL, 0);
	s->child = 0;
}
