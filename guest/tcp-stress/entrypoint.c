/* SPDX-License-Identifier: MIT */
/*
 * Entry point of the image xtcp2-tcp-stress, which has no shell: a population of TCP
 * connections, told by the environment.
 *
 *	TCP_MODE     both, server or client (both)
 *	TCP_COUNT    listeners and connections (100)
 *	TCP_BIND     where the server listens (0.0.0.0)
 *	TCP_CONNECT  whom the client dials (127.0.0.1)
 *	TCP_SLEEP    pause between two messages of a connection (5s)
 *	TCP_PADS     bytes of a message (2048)
 *
 * With "both" it stays, as process 1 of the container: it passes SIGTERM on, and ends
 * when one of the two ends, since half a population is none.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER "/bin/tcp_server"
#define CLIENT "/bin/tcp_client"

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

/* Becomes the program; SIGTERM is as it was before. */
__attribute__((noreturn)) static void become(const char *const *argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "entrypoint: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv);
	if (pid < 0)
		fprintf(stderr, "entrypoint: fork: %s\n", strerror(errno));
	return pid;
}

/* Run both until SIGTERM (0) or until one ends (1). */
static int run_both(const char *const *server, const char *const *client)
{
	siginfo_t info = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t first = start(server), second = start(client);

	if (first > 0 && second > 0)
		while (sigwaitinfo(&set, &info) < 0 && errno == EINTR)
			;
	if (first > 0)
		kill(first, SIGTERM);
	if (second > 0)
		kill(second, SIGTERM);
	while (wait(NULL) > 0)
		;
	return info.si_signo == SIGTERM || info.si_signo == SIGINT ? 0 : 1;
}

int main(void)
{
	const char *mode = setting("TCP_MODE", "both"), *count = setting("TCP_COUNT", "100");
	const char *const server[] = {SERVER, "-count", count, "-bind", setting("TCP_BIND", "0.0.0.0"), NULL};
	const char *const client[] = {CLIENT,
				      "-count",
				      count,
				      "-connect",
				      setting("TCP_CONNECT", "127.0.0.1"),
				      "-sleep",
				      setting("TCP_SLEEP", "5s"),
				      "-pads",
				      setting("TCP_PADS", "2048"),
				      NULL};

	if (strcmp(mode, "server") == 0)
		become(server);
	if (strcmp(mode, "client") == 0)
		become(client);
	if (strcmp(mode, "both") == 0)
		return run_both(server, client);
	fprintf(stderr, "entrypoint: TCP_MODE '%s': possible are both, server and client\n", mode);
	return 2;
}
