/* SPDX-License-Identifier: MIT */
#include "vmrun/metric.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Pauses between two questions: each twice the one before, so that an answer that is near is had soon and one that is far costs little. */
#define PAUSE_FIRST_NS (10 * NS_PER_MS)
#define PAUSE_LAST_NS  (160 * NS_PER_MS)
#define ANSWER_MAX     (16 << 20)

/* Return whether the labels of a sample, its text from '{' up to its end, contain each of the texts. */
static bool has_labels(const char *at, size_t len, char *const *labels)
{
	for (; *labels; labels++)
		if (!memmem(at, len, *labels, strlen(*labels)))
			return false;
	return true;
}

double metric_sum(const char *text, const char *name, char *const *labels)
{
	size_t len = strlen(name);
	double sum = 0;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, name, len) != 0 || (line[len] != ' ' && line[len] != '{'))
			continue;
		const char *value = memrchr(line, ' ', (size_t)(end - line));
		if (value && has_labels(line + len, (size_t)(value - line) - len, labels))
			sum += strtod(value, NULL);
	}
	return sum;
}

/* Append the answer, header included. Return whether it is a whole one of status 200. */
static bool ask(const struct sockaddr_in *to, struct buf *answer)
{
	static const char question[] = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
	char part[8192];
	ssize_t n;

	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
	    send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(question) - 1)
		return false;
	while ((n = read(fd, part, sizeof(part))) > 0 && answer->len < ANSWER_MAX)
		buf_append(answer, part, (size_t)n);
	return n == 0 && buf_ok(answer) && answer->len > 12 && memcmp(answer->data + 8, " 200", 4) == 0;
}

int metric_wait_above(const char *address, double bound, const char *name, char *const *labels)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	char host[INET_ADDRSTRLEN];
	unsigned short port;
	bool above = false;

	if (sscanf(address, "%15[0-9.]:%hu", host, &port) != 2 || inet_pton(AF_INET, host, &to.sin_addr) != 1)
		return -EINVAL;
	to.sin_port = htons(port);
	for (struct timespec pause = {.tv_nsec = PAUSE_FIRST_NS};;) {
		struct buf answer = {0};
		above = ask(&to, &answer) && metric_sum(buf_cstr(&answer), name, labels) > bound;
		buf_free(&answer);
		if (above)
			return 0;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_LAST_NS)
			pause.tv_nsec *= 2;
	}
}
