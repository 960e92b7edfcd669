/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon by a test of its check at the start: of the first CUT_DUMPS dumps of inet_diag each batch
 * arrives with its first message alone and the mark of a truncated one, as if the machine were too busy to read. Says on standard
 * error how many were cut, at the end.
 */
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TCPDIAG_GETSOCK 18

static uint32_t last_seq;
static long cut = -1, limit;

/* Whether the batch is of a dump that is to be cut. */
static int is_cut(const struct nlmsghdr *h)
{
	if (!(h->nlmsg_flags & NLM_F_MULTI) ||
	    (h->nlmsg_type != SOCK_DIAG_BY_FAMILY && h->nlmsg_type != TCPDIAG_GETSOCK))
		return 0;
	if (cut < 0) {
		const char *text = getenv("CUT_DUMPS");
		limit = text ? atol(text) : 0;
		cut = 0;
	}
	if (h->nlmsg_seq != last_seq && cut <= limit)
		cut++;
	last_seq = h->nlmsg_seq;
	return cut <= limit;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, message, flags);
	const struct sockaddr_nl *from = message->msg_name;
	struct nlmsghdr h;

	if (n < (ssize_t)sizeof(h) || !from || message->msg_namelen != sizeof(*from) ||
	    from->nl_family != AF_NETLINK)
		return n;
	memcpy(&h, message->msg_iov[0].iov_base, sizeof(h));
	if (!is_cut(&h) || NLMSG_ALIGN(h.nlmsg_len) > (size_t)n)
		return n;
	message->msg_flags |= MSG_TRUNC;
	return NLMSG_ALIGN(h.nlmsg_len);
}

__attribute__((destructor)) static void tell(void)
{
	if (cut >= 0)
		fprintf(stderr, "cut_readings: %ld dumps\n", cut < limit ? cut : limit);
}
