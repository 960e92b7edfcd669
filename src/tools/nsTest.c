/* SPDX-License-Identifier: MIT */
/*
 * nsTest: makes network namespaces with names, then repeatedly replaces the oldest by
 * a new one at the given rate, as on a busy container host, for tests of a daemon that
 * follows namespaces. Removes them all at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/limits.h"

/* Bytes sent once over each connection. */
#define TRAFFIC_BYTES 1024

/* Most names in use by other namespaces that are skipped before giving up. */
#define NAME_ATTEMPTS 100000

static uint32_t initial = 1000, conns = 1, loops = UINT32_MAX;
static int64_t pause_ns = 100 * NS_PER_MS;
static bool traffic;
static const char *directory = "/run/netns";

static const struct flag flags[] = {
    {"initial", FLAG_U32, &initial, "namespaces to make first, and to keep from then on"},
    {"sleep", FLAG_DURATION, &pause_ns, "pause after each round of removing one and making one"},
    {"loops", FLAG_U32, &loops, "rounds; after them, hold until SIGTERM"},
    {"traffic", FLAG_BOOL, &traffic, "open a TCP listener and connections in each namespace"},
    {"conns", FLAG_U32, &conns, "connections in each namespace, with -traffic"},
    {"dir", FLAG_FILE, &directory, "directory of the names"},
    {0},
};

struct space {
	bool made;
	uint32_t number;
	int *fds; /* listener and both ends of each connection; conns * 2 + 1 with -traffic */
	size_t fd_count;
};

/* A ring of `initial` namespaces: the newest replaces the oldest. */
static struct space *spaces;

static void path_of(uint32_t number, char *path, size_t size)
{
	snprintf(path, size, "%s/ns%u", directory, number);
}

static int loopback_up(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* Add an open socket to those of the space; -errno when fd is one. */
static int keep(struct space *s, int fd)
{
	if (fd < 0)
		return -errno;
	s->fds[s->fd_count++] = fd;
	return fd;
}

static int connect_one(struct space *s, int listener, const struct sockaddr_in *address)
{
	char data[TRAFFIC_BYTES] = {0};
	int client = keep(s, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (client < 0)
		return client;
	if (connect(client, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	int server = keep(s, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	if (server < 0)
		return server;
	if (send(client, data, sizeof(data), MSG_NOSIGNAL) != sizeof(data) ||
	    recv(server, data, sizeof(data), MSG_WAITALL) != sizeof(data))
		return -EIO;
	return 0;
}

static int traffic_start(struct space *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	s->fds = calloc((size_t)conns * 2 + 1, sizeof(*s->fds));
	if (!s->fds)
		return -ENOMEM;
	int listener = keep(s, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (listener < 0)
		return listener;
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, SOMAXCONN) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	for (uint32_t i = 0; i < conns; i++) {
		int r = connect_one(s, listener, &address);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Create the file that the namespace is mounted on; skip names that are taken. */
static int name_claim(uint32_t *number, char *path, size_t size)
{
	for (int i = 0; i < NAME_ATTEMPTS; i++) {
		path_of(*number, path, size);
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		if (fd >= 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		++*number;
	}
	return -EEXIST;
}

/* Fill the new namespace that the thread is in. */
static int space_fill(struct space *s, const char *path)
{
	if (mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) < 0)
		return -errno;
	int r = loopback_up();
	if (r == 0 && traffic)
		r = traffic_start(s);
	return r;
}

static void space_remove(struct space *s)
{
	char path[PATH_MAX];

	if (!s->made)
		return;
	for (size_t i = 0; i < s->fd_count; i++)
		close(s->fds[i]);
	free(s->fds);
	path_of(s->number, path, sizeof(path));
	umount2(path, MNT_DETACH);
	unlink(path);
	*s = (struct space){0};
}

/* Make a namespace with the first free name from *next on. 0 or -errno, with a line on stderr. */
static int space_make(struct space *s, uint32_t *next, int self_fd)
{
	char path[PATH_MAX];
	int r = name_claim(next, path, sizeof(path));

	if (r == 0) {
		s->made = true;
		s->number = (*next)++;
		if (unshare(CLONE_NEWNET) < 0) {
			r = -errno;
		} else {
			r = space_fill(s, path);
			if (setns(self_fd, CLONE_NEWNET) < 0)
				abort(); /* in the wrong namespace nothing else would be right */
		}
		if (r < 0)
			space_remove(s);
	}
	if (r < 0)
		fprintf(stderr, "nsTest: cannot make the namespace %s: %s\n", path, strerror(-r));
	return r;
}

/* Sleep; return true when a signal asked to end. */
static bool sleep_or_end(const sigset_t *signals, int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
	int r;

	while ((r = sigtimedwait(signals, NULL, &ts)) < 0 && errno == EINTR)
		;
	return r > 0;
}

static int run(const sigset_t *signals, int self_fd)
{
	uint32_t next = 0, round;
	size_t oldest = 0;

	for (uint32_t i = 0; i < initial; i++) {
		if (space_make(&spaces[i], &next, self_fd) < 0)
			return 1;
		if (sleep_or_end(signals, 0))
			return 0;
	}
	printf("READY %u namespaces in %s\n", initial, directory);
	for (round = 0; round < loops && initial > 0; round++) {
		if (sleep_or_end(signals, pause_ns))
			break;
		space_remove(&spaces[oldest]);
		if (space_make(&spaces[oldest], &next, self_fd) < 0)
			return 1;
		oldest = (oldest + 1) % initial;
	}
	printf("DONE %u rounds\n", round);
	if (round == loops || initial == 0)
		sigwaitinfo(signals, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t signals;

	flags_parse(flags, argc, argv,
		    "makes and removes network namespaces, to test what follows them; needs root");
	setvbuf(stdout, NULL, _IOLBF, 0);
	limits_raise_files();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	_cleanup_close_ int self_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (self_fd < 0 || (mkdir(directory, 0755) < 0 && errno != EEXIST)) {
		fprintf(stderr, "nsTest: cannot make the directory %s: %s\n", directory, strerror(errno));
		return 1;
	}
	spaces = calloc((size_t)initial + 1, sizeof(*spaces));
	if (!spaces)
		return 1;
	int status = run(&signals, self_fd);
	for (uint32_t i = 0; i < initial; i++)
		space_remove(&spaces[i]);
	free(spaces);
	return status;
}
