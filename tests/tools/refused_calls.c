/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon by a test of the system call filter: when the daemon sets
 * its first timer, which it does once it runs, this starts a thread that makes calls
 * which the filter must refuse, each twice, and writes one line per call to standard
 * error: its name and its result.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#if defined(__s390x__)
#define CLONE(flags) syscall(SYS_clone, 0L, (long)(flags), 0L, 0L, 0L)
#else
#define CLONE(flags) syscall(SYS_clone, (long)(flags), 0L, 0L, 0L, 0L)
#endif

static void say(const char *name, long result)
{
	int err = errno;

	/* The child of a clone that the filter has wrongly allowed. */
	if (result == 0 && strcmp(name, "clone") == 0)
		_exit(0);
	fprintf(stderr, "refused_calls: %s %s\n", name, result < 0 ? strerrorname_np(err) : "done");
}

static void *make_calls(void *data)
{
	pthread_setname_np(pthread_self(), "strange");
	for (int i = 0; i < 2; i++) {
		say("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0));
		say("ptrace", syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
		say("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0UL, NULL));
		say("unshare", syscall(SYS_unshare, CLONE_NEWNET));
		say("bpf", syscall(SYS_bpf, 0, NULL, 0));
		say("execveat", syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0));
		say("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
		say("setns", syscall(SYS_setns, 0, CLONE_NEWNS));
		say("socket", syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
		say("ioctl", syscall(SYS_ioctl, 0, TIOCSTI, "x"));
		say("clone", CLONE(SIGCHLD | CLONE_NEWUSER));
	}
	return NULL;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
{
	static int done;
	pthread_t thread;

	if (!__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED) &&
	    pthread_create(&thread, NULL, make_calls, NULL) == 0)
		pthread_join(thread, NULL);
	return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
}
