/* SPDX-License-Identifier: MIT */
/*
 * The reference for measurements of the daemon: dumps of the same namespaces whose
 * bytes are discarded, with REQUESTS requests each. 2 is the usual loop, AF_INET and
 * then AF_INET6; 1 is the request of a poll (TCPDIAG_GETSOCK: both families in one
 * walk), which is the lower bound. Prints one JSON line: medians over the loops of CPU
 * and wall time, and the number of messages and bytes.
 *
 * Usage: bare_dump REQUESTS LOOPS [DIRECTORY]     DIRECTORY holds mounted namespaces;
 *                                                 without it, the own namespace only
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define NAMESPACES_MAX 8192
#define LOOPS_MAX      1000
/* The daemon's default request: all attributes but meminfo; every state but BOUND_INACTIVE. */
#define EXT	       0xfe
#define STATES	       0x1fff

static int fds[NAMESPACES_MAX];
static unsigned fd_count;
static char buffer[32 * 1024];
static unsigned long long bytes, messages;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_here(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		die("socket");
	if (fd_count == NAMESPACES_MAX)
		die("too many namespaces");
	fds[fd_count++] = fd;
}

static void open_directory(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		die(path);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		int ns = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
			die(e->d_name);
		close(ns);
		open_here();
	}
	closedir(dir);
}

static void request_both(int fd)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req req;
	} request = {
	    .nlh = {sizeof(request), TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
	    .req = {.idiag_ext = EXT, .idiag_states = STATES},
	};
	if (send(fd, &request, sizeof(request), 0) != sizeof(request))
		die("send");
}

static void request_family(int fd, int family)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} request = {
	    .nlh = {sizeof(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
	    .req = {.sdiag_family = family,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_ext = EXT,
		    .idiag_states = STATES},
	};
	if (send(fd, &request, sizeof(request), 0) != sizeof(request))
		die("send");
}

static void read_dump(int fd)
{
	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		if (n <= 0)
			die("recv");
		bytes += n;
		/* Only the first header of a batch is looked at: DONE comes alone or last. */
		unsigned left = n;
		for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return;
			messages++;
		}
	}
}

static void dump(int fd, int requests)
{
	if (requests == 1) {
		request_both(fd);
		read_dump(fd);
		return;
	}
	request_family(fd, AF_INET);
	read_dump(fd);
	request_family(fd, AF_INET6);
	read_dump(fd);
}

static long long cpu_us(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000LL + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;
	return x < y ? -1 : x > y;
}

static long long median(long long *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	static long long cpu[LOOPS_MAX], wall[LOOPS_MAX];
	int requests = argc > 2 ? atoi(argv[1]) : 0, loops = argc > 2 ? atoi(argv[2]) : 0;

	if (requests < 1 || requests > 2 || loops < 1 || loops > LOOPS_MAX) {
		fprintf(stderr, "usage: bare_dump REQUESTS LOOPS [DIRECTORY]\n");
		return 2;
	}
	open_here();
	if (argc > 3)
		open_directory(argv[3]);
	for (int i = 0; i < loops; i++) {
		long long cpu_begin = cpu_us();
		int64_t begin = clock_mono_ns();
		bytes = messages = 0;
		for (unsigned f = 0; f < fd_count; f++)
			dump(fds[f], requests);
		wall[i] = (clock_mono_ns() - begin) / 1000;
		cpu[i] = cpu_us() - cpu_begin;
	}
	printf(
	    "{\"namespaces\": %u, \"sockets\": %llu, \"bytes\": %llu, \"cpu_us\": %lld, \"wall_us\": %lld}\n",
	    fd_count, messages, bytes, median(cpu, loops), median(wall, loops));
	return 0;
}
