/* SPDX-License-Identifier: MIT */
#include "run/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* A sentence that lists every field name is the longest. */
#define SENTENCE_MAX 1024

static int report_fd = -1;

void refusal_report_to(int fd)
{
	report_fd = fd;
	log_level = (enum log_level)(LOG_LEVEL_ERR - 1);
}

int refuse(const char *flag, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	int n = snprintf(text, sizeof(text), "%s%s", *flag ? "-" : "", flag);
	const char *sentence = text + n;
	va_start(ap, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	if (report_fd < 0)
		log_answer("xtcp2", text);
	else if (dprintf(report_fd, "%s\n%s", flag, sentence + strspn(sentence, ": ")) < 0)
		log_err("xtcp2", "cannot report: %s", sentence);
	return -EINVAL;
}
