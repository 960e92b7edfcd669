/* SPDX-License-Identifier: MIT */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Differences shown; one mistake shows in every socket. */
#define SHOWN_MAX 20

struct findings findings;

const char *kernel_release(void)
{
	static struct utsname kernel;

	return *kernel.release || uname(&kernel) == 0 ? kernel.release : NULL;
}

bool kernel_older_than(int major, int minor)
{
	int is_major = 0, is_minor = 0;

	sscanf(kernel_release(), "%d.%d", &is_major, &is_minor);
	return is_major < major || (is_major == major && is_minor < minor);
}

void differ(const char *fmt, ...)
{
	char text[FINDING_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!findings.differences)
		strcpy(findings.first, text);
	if (findings.differences++ < SHOWN_MAX)
		printf("kernel %s: %s\n", kernel_release(), text);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("equals_kernel: ", stdout);
	vprintf(fmt, ap);
	puts("");
	va_end(ap);
	exit(1);
}
