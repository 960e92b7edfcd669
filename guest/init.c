/* SPDX-License-Identifier: MIT */
/*
 * The first program of the guest, alone in its initramfs.
 *
 * Theory of operation. The kernel has unpacked two archives behind each other:
 * the base (this program, kernel modules, /modules naming them in load order)
 * and the layer (/layer: the tree's programs and unit files). What is left to
 * do is little and always the same, so it is a static C program and no shell:
 * under plain emulation a fork costs ten milliseconds and this takes none.
 *
 *   load the modules; wait for the disk; mount it read-only on /base;
 *   stack  tmpfs over /layer over /base  as the root; become systemd.
 *
 * The layer stays in the initramfs' memory, where overlayfs finds it after the
 * root moved. A failure ends this program, so the kernel panics at once with
 * the reason on the console: nothing waits for an answer nobody gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK	     "/dev/vda"
#define DISK_WAIT_MS 30000 /* a cold disk under a loaded host's emulation */
#define SYSTEMD	     "/lib/systemd/systemd"

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("guest init: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags,
			 const char *options)
{
	if (mkdir(where, 0755) < 0 && errno != EEXIST)
		die("mkdir %s: %s", where, strerror(errno));
	if (mount(what, where, type, flags, options) < 0)
		die("mount %s on %s: %s", type ? type : what, where, strerror(errno));
}

/* A module that cannot be loaded is named and left out: what needs it will say so. */
static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		fprintf(stderr, "guest init: module %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void load_modules(void)
{
	char path[256];
	FILE *list = fopen("/modules", "re");

	if (!list)
		die("/modules: %s", strerror(errno));
	while (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		load_module(path);
	}
	fclose(list);
}

static void wait_for_disk(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; access(DISK, R_OK) < 0; i++) {
		if (i == DISK_WAIT_MS)
			die("no disk " DISK " after %d s", DISK_WAIT_MS / 1000);
		nanosleep(&ms, NULL);
	}
}

int main(void)
{
	mount_or_die("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_or_die("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	load_modules();
	wait_for_disk();

	mount_or_die(DISK, "/base", "erofs", MS_RDONLY, NULL);
	mount_or_die("tmpfs", "/rw", "tmpfs", 0, "mode=0755");
	if (mkdir("/rw/upper", 0755) < 0 || mkdir("/rw/work", 0755) < 0)
		die("mkdir in /rw: %s", strerror(errno));
	mount_or_die("overlay", "/root", "overlay", 0,
		     "lowerdir=/layer:/base,upperdir=/rw/upper,workdir=/rw/work");

	mount_or_die("/dev", "/root/dev", NULL, MS_MOVE, NULL);
	mount_or_die("/proc", "/root/proc", NULL, MS_MOVE, NULL);
	mount_or_die("/sys", "/root/sys", NULL, MS_MOVE, NULL);
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		die("switch to the new root: %s", strerror(errno));
	execl(SYSTEMD, SYSTEMD, (char *)NULL);
	die("%s: %s", SYSTEMD, strerror(errno));
}
