/* SPDX-License-Identifier: MIT */
#include "vmrun/canary.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmrun/child.h"
#include "vmrun/console.h"
#include "vmrun/qemu.h"

/* Enough for the kernel's log of one boot. */
#define CONSOLE_KEPT 65536

/* One page-aligned segment of headers and code, loaded where small static programs usually are. */
#define LOAD_ADDRESS 0x400000

/* Append the number's low `size` bytes in the architecture's order. */
static void add_number(struct buf *b, const struct arch *arch, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		buf_byte(b, (uint8_t)(v >> 8 * (arch->big_endian ? size - 1 - i : i)));
}

/* Elf64_Ehdr and Elf64_Phdr, member by member: their order is the canary's, not ours. */
static void make_elf(struct buf *b, const struct arch *arch)
{
	const size_t headers = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	const uint64_t size = headers + arch->code_size + strlen(CANARY_READY);
	const uint8_t ident[EI_NIDENT] = {ELFMAG0,   ELFMAG1,	 ELFMAG2,
					  ELFMAG3,   ELFCLASS64, arch->big_endian ? ELFDATA2MSB : ELFDATA2LSB,
					  EV_CURRENT};
	const struct {
		uint64_t value;
		unsigned size;
	} members[] = {
	    {ET_EXEC, 2},
	    {arch->elf_machine, 2},
	    {EV_CURRENT, 4},
	    {LOAD_ADDRESS + headers, 8}, /* e_entry */
	    {sizeof(Elf64_Ehdr), 8},	 /* e_phoff */
	    {0, 8},			 /* e_shoff */
	    {0, 4},			 /* e_flags */
	    {sizeof(Elf64_Ehdr), 2},
	    {sizeof(Elf64_Phdr), 2},
	    {1, 2}, /* e_phnum */
	    {0, 6}, /* sections */
	    {PT_LOAD, 4},
	    {PF_R | PF_X, 4},
	    {0, 8},	       /* p_offset */
	    {LOAD_ADDRESS, 8}, /* p_vaddr */
	    {0, 8},	       /* p_paddr */
	    {size, 8},
	    {size, 8},
	    {4096, 8}, /* p_align */
	};

	buf_append(b, ident, sizeof(ident));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		add_number(b, arch, members[i].value, members[i].size);
	buf_append(b, arch->code, arch->code_size);
	buf_str(b, CANARY_READY);
}

/* One file of a "newc" cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst). */
static void add_file(struct buf *b, const char *name, unsigned int mode, const struct buf *body)
{
	buf_printf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 0, 0, 1, 0,
		   (unsigned int)body->len, 0, 0, 0, 0, (unsigned int)strlen(name) + 1, 0);
	buf_append(b, name, strlen(name) + 1);
	while (b->len % 4)
		buf_byte(b, 0);
	buf_append(b, body->data, body->len);
	while (b->len % 4)
		buf_byte(b, 0);
}

/* The initramfs as an anonymous file. fd or -errno. */
static int make_initramfs(const struct arch *arch)
{
	struct buf elf = {0}, cpio = {0};

	make_elf(&elf, arch);
	add_file(&cpio, "init", 0100755, &elf);
	add_file(&cpio, "TRAILER!!!", 0, &(struct buf){0});
	int fd = memfd_create("xtcp2-canary", MFD_CLOEXEC);
	if (fd >= 0 && (!buf_ok(&cpio) || write(fd, cpio.data, cpio.len) != (ssize_t)cpio.len)) {
		close(fd);
		fd = -1;
	}
	int r = fd < 0 ? -errno : fd;
	buf_free(&elf);
	buf_free(&cpio);
	return r;
}

static void make_argv(struct argv *a, const struct arch *arch, const char *qemu, const char *kernel,
		      const char *accel, const char *cpu)
{
	const char *const args[] = {
	    qemu,  "-M",	  arch->machine,     "-accel",	 accel,	 "-cpu",       cpu,	  "-m",
	    "128", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", kernel,
	};
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		argv_add(a, "%s", args[i]);
	argv_add(a, "-append");
	argv_add(a, "console=%s panic=-1 reboot=t nokaslr no_timer_check", arch->console);
	argv_add(a, "-initrd");
	argv_add(a, "/proc/self/fd/%d", CHILD_FD_FIRST + 1);
	argv_add(a, "-chardev");
	argv_add(a, "socket,id=con,fd=%d", CHILD_FD_FIRST);
	argv_add(a, "-serial");
	argv_add(a, "chardev:con");
}

static void keep_last(const char *line, size_t len, void *data)
{
	struct canary *c = data;

	if (len)
		snprintf(c->reason, sizeof(c->reason), "%s", line);
}

/* Write the reason: `how`, then the last line of `text`. */
static void explain(struct canary *c, const char *how, const struct buf *text)
{
	struct line_reader *r = line_reader_new(keep_last, c);
	char last[200];

	c->reason[0] = '\0';
	if (r) {
		line_reader_feed(r, text->data, text->len);
		line_reader_finish(r);
		line_reader_free(r);
	}
	snprintf(last, sizeof(last), "%.*s", (int)sizeof(last) - 1, c->reason);
	snprintf(c->reason, sizeof(c->reason), "%s%s%s%s", how, last[0] ? " \"" : "", last,
		 last[0] ? "\"" : "");
}

/* Read the available bytes. Return false at the end of the stream. */
static bool drain(int fd, struct buf *b)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0 && b->len < CONSOLE_KEPT)
		buf_append(b, chunk, n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Follow the child until CANARY_WORD, its end, or the deadline. */
static void follow(struct canary *c, struct child *child, int console, int errors, int64_t start,
		   int64_t deadline_ms)
{
	struct buf out = {0}, err = {0};
	struct pollfd p[] = {{.fd = console, .events = POLLIN},
			     {.fd = errors, .events = POLLIN},
			     {.fd = child->pidfd, .events = POLLIN}};
	const char *how = NULL;

	while (!c->ok && !how) {
		int64_t left = deadline_ms - (clock_mono_ns() - start) / NS_PER_MS;
		if (left <= 0 || poll(p, ARRAY_SIZE(p), (int)left) == 0) {
			how = out.len ? "the guest hung at" : "the guest hung without output";
			break;
		}
		if (p[0].revents && !drain(console, &out))
			p[0].fd = -1;
		if (p[1].revents && !drain(errors, &err))
			p[1].fd = -1;
		c->ok = out.len && memmem(out.data, out.len, CANARY_WORD, strlen(CANARY_WORD));
		if (!c->ok && p[2].revents && p[0].fd < 0 && p[1].fd < 0)
			how = "QEMU ended:";
	}
	c->ms = (clock_mono_ns() - start) / NS_PER_MS;
	if (how)
		explain(c, how, err.len ? &err : &out);
	buf_free(&out);
	buf_free(&err);
}

void canary_boot(struct canary *c, const struct arch *arch, const char *qemu, const char *kernel,
		 const char *accel, const char *cpu, int64_t deadline_ms)
{
	int console[2], errors[2], status;
	struct argv argv = {0};
	struct child child = {0};

	*c = (struct canary){0};
	_cleanup_close_ int initramfs = make_initramfs(arch);
	if (initramfs < 0) {
		snprintf(c->reason, sizeof(c->reason), "no file in memory: %s", strerror(-initramfs));
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0 || pipe2(errors, O_CLOEXEC) < 0) {
		snprintf(c->reason, sizeof(c->reason), "%s", strerror(errno));
		return;
	}
	make_argv(&argv, arch, qemu, kernel, accel, cpu);
	int64_t start = clock_mono_ns();
	int r = child_spawn(&child, argv.v, (int[]){console[1], initramfs}, 2, errors[1]);
	close(console[1]);
	close(errors[1]);
	if (r == 0) {
		follow(c, &child, console[0], errors[0], start, deadline_ms);
		child_kill(&child);
		child_reap(&child, true, &status);
	} else {
		snprintf(c->reason, sizeof(c->reason), "cannot run %s: %s", qemu, strerror(-r));
	}
	close(console[0]);
	close(errors[0]);
	argv_free(&argv);
}
