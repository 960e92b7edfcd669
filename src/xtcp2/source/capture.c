/* SPDX-License-Identifier: MIT */
/*
 * A dump is written to a hidden file that is renamed at its end, so that a reader of
 * the directory sees only complete captures. Each file belongs to the worker that
 * began it; workers share only the number of files.
 *
 * With CAP_NET_ADMIN the kernel's messages contain the TCP-MD5 keys of sockets. They
 * are zeroed before anything is written to the disk.
 */
#include "source/capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "record/kernel_abi.h"
#include "record/nl.h"
#include "source/pcap.h"
#include "stats/stats.h"

/* Most files, which bounds the memory for their state; the range of -writeFiles ends there, too. */
#define CAPTURE_FILES_MAX 100000

/* Captures show who communicates with whom: readable by the owner only. */
#define CAPTURE_DIRECTORY_MODE 0700
#define CAPTURE_FILE_MODE      0600

/* Between two lines about files that cannot be written. */
#define CAPTURE_LOG_NS (60 * NS_PER_SEC)

struct capture_file {
	FILE *f;
	char *name;	   /* final name */
	char *unfinished;  /* name until the end of the dump */
	struct buf packet; /* the copy in which keys are zeroed */
	bool failed;
};

struct capture {
	char *directory;
	uint32_t files;
	_Atomic uint32_t next;
	struct capture_file *file; /* `files` of them */
};

static void capture_fail(struct capture_file *file, const char *what)
{
	static struct log_limit limit;
	uint64_t suppressed;
	int error = errno;

	if (!file->failed) {
		stat_add(STAT_CAPTURE_ERRORS, 1);
		/* A full disk fails every file. */
		if (log_limit_pass(&limit, CAPTURE_LOG_NS, &suppressed))
			log_err("capture", "cannot %s %s: %s (%llu more since the last line)", what,
				file->name, strerror(error), (unsigned long long)suppressed);
	}
	file->failed = true;
}

/* Close a file; keep it only if it is complete. */
static void capture_close(struct capture_file *file)
{
	if (file->f) {
		if (fclose(file->f) && !file->failed)
			capture_fail(file, "write");
		if (!file->failed && rename(file->unfinished, file->name))
			capture_fail(file, "rename");
		if (file->failed && file->unfinished)
			unlink(file->unfinished);
		else if (!file->failed)
			stat_add(STAT_CAPTURE_FILES, 1);
	}
	free(file->name);
	free(file->unfinished);
	buf_free(&file->packet);
	*file = (struct capture_file){0};
}

struct capture *capture_new(const char *directory, uint32_t files)
{
	struct capture *c;

	if (files > CAPTURE_FILES_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (mkdir(directory, CAPTURE_DIRECTORY_MODE) && errno != EEXIST)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->files = files;
	c->directory = strdup(directory);
	c->file = calloc(files, sizeof(*c->file));
	if (!c->directory || (files && !c->file)) {
		capture_free(c);
		errno = ENOMEM;
		return NULL;
	}
	return c;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; c->file && i < c->files; i++) {
		c->file[i].failed = true; /* the dump has not ended: incomplete */
		capture_close(&c->file[i]);
	}
	free(c->file);
	free(c->directory);
	free(c);
}

static int capture_open(struct capture *c, struct capture_file *file, uint64_t netns_ino, int family,
			uint32_t n)
{
	const struct pcap_file_header header = {
	    .magic = PCAP_MAGIC_NS,
	    .version_major = 2,
	    .version_minor = 4,
	    .snaplen = PCAP_SNAPLEN,
	    .linktype = LINKTYPE_NETLINK,
	};
	const char *version = family == AF_UNSPEC ? "tcp" : family == AF_INET ? "ipv4" : "ipv6";
	_cleanup_close_ int fd = -1;

	if (asprintf(&file->name, "%s/netns-%" PRIu64 "-%s-%u.pcap", c->directory, netns_ino, version, n) <
	    0) {
		file->name = NULL;
		return -ENOMEM;
	}
	if (asprintf(&file->unfinished, "%s/.netns-%" PRIu64 "-%s-%u.part", c->directory, netns_ino, version,
		     n) < 0) {
		file->unfinished = NULL;
		return -ENOMEM;
	}
	/* O_NONBLOCK: a FIFO in its place is an error, not a wait for a reader. */
	fd = open(file->unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		  CAPTURE_FILE_MODE);
	if (fd < 0)
		return -errno;
	file->f = fdopen(fd, "w");
	if (!file->f)
		return -errno;
	take_fd(fd);
	return fwrite(&header, sizeof(header), 1, file->f) == 1 ? 0 : -EIO;
}

int capture_begin(struct capture *c, uint64_t netns_ino, int family)
{
	uint32_t n = atomic_load(&c->next);

	do {
		if (n >= c->files)
			return -1;
	} while (!atomic_compare_exchange_weak(&c->next, &n, n + 1));

	struct capture_file *file = &c->file[n];
	int err = capture_open(c, file, netns_ino, family, n);

	if (err) {
		errno = -err;
		capture_fail(file, "make");
		capture_close(file);
		return -1;
	}
	return (int)n;
}

static void blank_keys(uint8_t *data, size_t len)
{
	const size_t base = NLMSG_HDRLEN + sizeof(struct abi_inet_diag_msg);
	struct nl_walk messages = {data, len};
	const struct nlmsghdr *nlh;
	struct attr a;

	nl_for_each_msg (nlh, messages) {
		if ((nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY && nlh->nlmsg_type != TCPDIAG_GETSOCK) ||
		    nlh->nlmsg_len < base)
			continue;
		struct nl_walk attributes = {(const uint8_t *)nlh + base, nlh->nlmsg_len - base};

		attr_for_each (a, attributes)
			if (a.type == INET_DIAG_MD5SIG)
				memset(data + (a.payload - data), 0, a.len);
	}
}

void capture_write(struct capture *c, int handle, int64_t real_ns, const void *data, size_t len)
{
	if (handle < 0)
		return;
	struct capture_file *file = &c->file[handle];
	const struct pcap_packet_header packet = {
	    .seconds = (uint32_t)(real_ns / NS_PER_SEC),
	    .fraction = (uint32_t)(real_ns % NS_PER_SEC),
	    .captured = sizeof(struct pcap_cooked) + len,
	    .length = sizeof(struct pcap_cooked) + len,
	};
	const struct pcap_cooked cooked = {
	    .packet_type = htons(COOKED_OUTGOING),
	    .arphrd = htons(COOKED_ARPHRD_NETLINK),
	    .protocol = htons(NETLINK_SOCK_DIAG),
	};

	if (file->failed || !file->f)
		return;
	buf_reset(&file->packet);
	buf_append(&file->packet, data, len);
	if (!buf_ok(&file->packet)) {
		errno = ENOMEM;
		capture_fail(file, "write");
		return;
	}
	if (len)
		blank_keys(file->packet.data, len);
	if (fwrite(&packet, sizeof(packet), 1, file->f) != 1 ||
	    fwrite(&cooked, sizeof(cooked), 1, file->f) != 1 ||
	    fwrite(file->packet.data, 1, len, file->f) != len)
		capture_fail(file, "write");
}

void capture_end(struct capture *c, int handle)
{
	if (handle >= 0)
		capture_close(&c->file[handle]);
}
