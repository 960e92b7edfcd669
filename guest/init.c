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
 *   load the modules; wait for the disk (the first one, or, where the kernel command
 *   line says xtcp2.root=NAME, the GPT partition of that name); mount it read-only on /base;
 *   stack  tmpfs over /layer over /base  as the root; become systemd.
 *
 * The layer stays in the initramfs' memory, where overlayfs finds it after the
 * root moved. A failure ends this program, so the kernel panics at once with
 * the reason on the console: nothing waits for an answer nobody gives.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
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
#define ROOT_WORD    "xtcp2.root="
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

/* Return whether the file has this line. */
static bool has_line(const char *path, const char *wanted)
{
	char line[256];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, wanted) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

/* The device of the partition that the kernel knows by this name; false while there is none. */
static bool find_partition(const char *name, char *device, size_t size)
{
	char path[512], wanted[128];
	bool found = false;
	DIR *dir = opendir("/sys/class/block");

	snprintf(wanted, sizeof(wanted), "PARTNAME=%s", name);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", e->d_name);
		found = e->d_name[0] != '.' && has_line(path, wanted);
		if (found)
			snprintf(device, size, "/dev/%s", e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The value of xtcp2.root= on the kernel command line; false when it is not there. */
static bool wanted_root(char *name, size_t size)
{
	char line[4096], *at, *save;
	FILE *f = fopen("/proc/cmdline", "re");
	bool found = false;

	if (f && fgets(line, sizeof(line), f)) {
		for (at = strtok_r(line, " \n", &save); at && !found; at = strtok_r(NULL, " \n", &save)) {
			found = strncmp(at, ROOT_WORD, strlen(ROOT_WORD)) == 0;
			if (found)
				snprintf(name, size, "%s", at + strlen(ROOT_WORD));
		}
	}
	if (f)
		fclose(f);
	return found;
}

static void wait_for_disk(char *device, size_t size)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	char name[64];
	bool by_name = wanted_root(name, sizeof(name));

	snprintf(device, size, "%s", DISK);
	for (int i = 0; by_name ? !find_partition(name, device, size) : access(device, R_OK) < 0; i++) {
		if (i == DISK_WAIT_MS)
			die("no %s %s after %d s", by_name ? "partition" : "disk", by_name ? name : device,
			    DISK_WAIT_MS / 1000);
		nanosleep(&ms, NULL);
	}
}

/* Seconds of the guest's clock. */
static double uptime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Leave the figures of these steps of the boot for the self-test; without them it does without. */
static void tell_steps(double kernel, const char *path)
{
	FILE *f = fopen(path, "we");

	if (f) {
		fprintf(f, "kernel_seconds %.2f initramfs_seconds %.2f\n", kernel, uptime());
		fclose(f);
	}
}

int main(void)
{
	double kernel = uptime();
	char disk[300];

	mount_or_die("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_or_die("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	load_modules();
	wait_for_disk(disk, sizeof(disk));

	mount_or_die(disk, "/base", "erofs", MS_RDONLY, NULL);
	mount_or_die("tmpfs", "/rw", "tmpfs", 0, "mode=0755");
	if (mkdir("/rw/upper", 0755) < 0 || mkdir("/rw/work", 0755) < 0)
		die("mkdir in /rw: %s", strerror(errno));
	mount_or_die("overlay", "/root", "overlay", 0,
		     "lowerdir=/layer:/base,upperdir=/rw/upper,workdir=/rw/work");

	mount_or_die("/dev", "/root/dev", NULL, MS_MOVE, NULL);
	mount_or_die("/proc", "/root/proc", NULL, MS_MOVE, NULL);
	mount_or_die("/sys", "/root/sys", NULL, MS_MOVE, NULL);
	tell_steps(kernel, "/root/boot-steps");
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		die("switch to the new root: %s", strerror(errno));
	execl(SYSTEMD, SYSTEMD, (char *)NULL);
	die("%s: %s", SYSTEMD, strerror(errno));
}
