/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The rows of syscalls.def are translated into a seccomp filter: two instructions
 * for a call that is always allowed, a few more where an argument is tested. Since
 * Linux 5.11 the kernel caches which numbers are always allowed, so that the order
 * of the rows costs nothing. The filter is built here, without a library, because
 * the compiler's headers supply the numbers of calls and flags for each architecture.
 *
 * A refused call raises SIGSYS in the thread that made it. The handler counts it,
 * logs the first one of each number and makes the call fail with ENOSYS, as on a
 * kernel without that call, for which libraries often have a fallback. Threads must
 * not block SIGSYS: the kernel would end the process.
 *
 * A filter stays in force across exec(2), and a second one would cost memory and time
 * again. To detect one, the daemon calls prctl(2) with an option that no kernel knows
 * (QUESTION): the filter answers it with EALREADY.
 *
 * A build with a sanitizer has no filter, as the sanitizer's runtime makes other calls.
 */
#include "run/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "stats/stats.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
/* TCGETS2: the header of its struct cannot be included together with <sys/ioctl.h>. */
#define IOCTL_TCGETS2 0x802c542a

/* The same numbers on all architectures; the headers may be older than the C library at run time. */
#ifndef __NR_futex_waitv
#define __NR_futex_waitv 449
#endif
#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_futex_wake
#define __NR_futex_wake	   454
#define __NR_futex_wait	   455
#define __NR_futex_requeue 456
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif

#if defined(__x86_64__)
#define ARCHITECTURE	     AUDIT_ARCH_X86_64
#define RESULT(context)	     ((context)->uc_mcontext.gregs[REG_RAX])
#define CLONE_FLAGS_ARGUMENT 0
#elif defined(__aarch64__)
#define ARCHITECTURE	     AUDIT_ARCH_AARCH64
#define RESULT(context)	     ((context)->uc_mcontext.regs[0])
#define CLONE_FLAGS_ARGUMENT 0
#elif defined(__s390x__)
#define ARCHITECTURE	     AUDIT_ARCH_S390X
#define RESULT(context)	     ((context)->uc_mcontext.gregs[2])
#define CLONE_FLAGS_ARGUMENT 1
#endif

#define CLONE_NEW_ANY                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)

#ifdef ARCHITECTURE

/* An option of prctl(2) that fails with EALREADY under the filter and with EINVAL without it. */
#define QUESTION 0x78746370

/* Offset of the low half of an argument. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_HALF sizeof(uint32_t)
#else
#define LOW_HALF 0
#endif

enum rule_kind { RULE_ALWAYS, RULE_IF, RULE_URING, RULE_ERRNO };

static const struct rule {
	enum rule_kind kind;
	int number;
	unsigned argument, mask, value; /* RULE_IF; value is the errno of RULE_ERRNO */
} rules[] = {
    {RULE_ERRNO, __NR_prctl, 0, 0xffffffff, EALREADY}, /* the question */
#define SYSCALL(name, reason)				{RULE_ALWAYS, __NR_##name, 0, 0, 0},
#define SYSCALL_IF(name, argument, mask, value, reason) {RULE_IF, __NR_##name, argument, mask, value},
#define SYSCALL_URING(name, reason)			{RULE_URING, __NR_##name, 0, 0, 0},
#define SYSCALL_ABSENT(name, reason)			{RULE_ERRNO, __NR_##name, 0, 0, ENOSYS},
#include "run/syscalls.def"
#undef SYSCALL
#undef SYSCALL_IF
#undef SYSCALL_URING
#undef SYSCALL_ABSENT
};

static const struct {
	int number;
	const char *name;
} names[] = {
#define NAME(name) {__NR_##name, #name},
#include "syscall_names.inc"
#undef NAME
};

/* The longest rule is one that looks at an argument. */
#define RULE_INSTRUCTIONS 7

struct program {
	struct sock_filter code[ARRAY_SIZE(rules) * RULE_INSTRUCTIONS + 8];
	unsigned short length;
};

static void add(struct program *p, struct sock_filter instruction)
{
	p->code[p->length++] = instruction;
}

static void add_load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

/* Skip the next `count` instructions unless the loaded word equals `value`. */
static void add_unless(struct program *p, uint32_t value, uint8_t count)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}

static void add_return(struct program *p, uint32_t action)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Take `action` if call and argument match; otherwise load the number of the call again for the next rule. */
static void add_argument_rule(struct program *p, const struct rule *r, uint32_t value, uint32_t action)
{
	add_unless(p, r->number, 5);
	add_load(p, offsetof(struct seccomp_data, args[r->argument]) + LOW_HALF);
	add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
	add_unless(p, value, 1);
	add_return(p, action);
	add_load(p, offsetof(struct seccomp_data, nr));
}

static void add_rule(struct program *p, const struct rule *r, bool uring)
{
	if (r->kind == RULE_URING && !uring)
		return;
	if (r->kind == RULE_IF) {
		add_argument_rule(p, r, r->value, SECCOMP_RET_ALLOW);
		return;
	}
	if (r->mask) {
		add_argument_rule(p, r, QUESTION, SECCOMP_RET_ERRNO | r->value);
		return;
	}
	add_unless(p, r->number, 1);
	add_return(p, r->kind == RULE_ERRNO ? SECCOMP_RET_ERRNO | r->value : SECCOMP_RET_ALLOW);
}

static void build(struct program *p, bool uring, uint32_t refuse)
{
	add_load(p, offsetof(struct seccomp_data, arch));
	/* Refuse calls of another architecture: their numbers differ. */
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	add_return(p, refuse);
	add_load(p, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		add_rule(p, &rules[i], uring);
	add_return(p, refuse);
}

/* --- refused calls --- */

/* One bit per system call, so that each is logged once; larger numbers share the last bit. */
#define LOGGED_MAX 1024

static bool first_time(int number)
{
	static uint64_t logged[LOGGED_MAX / 64];
	unsigned n = number >= 0 && number < LOGGED_MAX ? (unsigned)number : LOGGED_MAX - 1;
	uint64_t bit = UINT64_C(1) << n % 64;

	return !(__atomic_fetch_or(&logged[n / 64], bit, __ATOMIC_RELAXED) & bit);
}

static const char *name_of(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return "unknown";
}

/* Write n, which is not negative, to the end of the buffer. Return its text. */
static const char *decimal(int n, char buffer[static 12])
{
	char *p = buffer + 11;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return p;
}

/* Async-signal-safe: no printf, no locks. */
static void on_refused(int signo, siginfo_t *info, void *context)
{
	int saved = errno;
	char number[12], thread[17] = "";

	RESULT((ucontext_t *)context) = -ENOSYS;
	stat_add(STAT_SYSCALLS_REFUSED, 1);
	if (first_time(info->si_syscall)) {
		prctl(PR_GET_NAME, thread, 0, 0, 0);
		const char *const parts[] = {
		    "refused the system call ",
		    name_of(info->si_syscall),
		    " (number ",
		    decimal(info->si_syscall & 0xffffff, number),
		    ") of thread ",
		    thread,
		    ": it or its arguments are not in the daemon's list; -seccomp log lets it pass",
		    NULL};
		log_parts(LOG_LEVEL_WARN, "seccomp", parts);
	}
	errno = saved;
}

static int handle_refused(void)
{
	struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	return sigaction(SIGSYS, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ? -errno : 0;
}

static bool in_force(void)
{
	return prctl(QUESTION, 0, 0, 0, 0) < 0 && errno == EALREADY;
}

static int install(bool uring, uint32_t refuse)
{
	struct program p = {.length = 0};

	build(&p, uring, refuse);
	struct sock_fprog filter = {.len = p.length, .filter = p.code};
	/* No mitigation of speculation: this process runs no code of others. */
	long r = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			 SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
	if (r > 0)
		return -EBUSY; /* a thread with another filter */
	return r < 0 ? -errno : 0;
}

int syscalls_restrict(const char *mode, bool uring)
{
	bool there = in_force();

	if (there && strcmp(mode, "on") != 0)
		log_notice("seccomp", "the filter of system calls stays until the daemon is started anew");
	if (strcmp(mode, "off") == 0 && !there)
		return 0;
	if (SANITIZED) {
		log_notice("seccomp", "no filter of system calls: this is a build with a sanitizer");
		return 0;
	}
	int r = handle_refused();
	if (r == 0 && !there)
		r = install(uring, strcmp(mode, "log") == 0 ? SECCOMP_RET_LOG : SECCOMP_RET_TRAP);
	if (r == -ENOSYS || r == -EINVAL) {
		log_warn("seccomp", "no filter of system calls: the kernel has none");
		return 0;
	}
	if (r < 0)
		log_err("seccomp",
			"cannot put the filter of system calls in place (-seccomp off goes without): %s",
			strerror(-r));
	return r;
}

#else

int syscalls_restrict(const char *mode, bool uring)
{
	if (strcmp(mode, "off") != 0)
		log_warn("seccomp", "no filter of system calls: it is not known on this architecture");
	return 0;
}

#endif
