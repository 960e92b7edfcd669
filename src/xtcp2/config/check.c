/* SPDX-License-Identifier: MIT */
/* What must hold between options; what one option allows alone is in options.def. */
#include <inttypes.h>
#include <string.h>

#include "base/duration.h"
#include "config/internal.h"

/* A receive buffer below this cannot hold the kernel's smallest dump message batch. */
#define PACKET_SIZE_MIN 4096

int config_check(const struct config *c, char *error, size_t size)
{
	char frequency[DURATION_TEXT_MAX], timeout[DURATION_TEXT_MAX];

	if (c->frequency_ns <= c->timeout_ns)
		return config_error(error, size, "-frequency %s: must be longer than -timeout, which is %s",
				    duration_format(c->frequency_ns, frequency),
				    duration_format(c->timeout_ns, timeout));
	if (c->packet_size && c->packet_size < PACKET_SIZE_MIN)
		return config_error(error, size, "-packetSize %" PRIu64 ": must be 0 or at least %d",
				    c->packet_size, PACKET_SIZE_MIN);
	if (c->dest_queue_bytes < c->envelope_flush_bytes)
		return config_error(error, size,
				    "-destQueueBytes %" PRIu64
				    ": must hold one envelope of -envelopeFlushBytes %" PRIu32,
				    c->dest_queue_bytes, c->envelope_flush_bytes);
	if (c->prom_path[0] != '/')
		return config_error(error, size, "-promPath %.80s: must begin with /", c->prom_path);
	if (strcmp(c->prom_path, "/healthz") == 0 || strcmp(c->prom_path, "/readyz") == 0)
		return config_error(error, size, "-promPath %s: is taken by the health check", c->prom_path);
	if (c->healthcheck && !*c->prom_listen)
		return config_error(error, size, "-healthcheck: needs -promListen, which is empty");
	if ((c->write_files || c->dest_write_files) && !*c->capture_path)
		return config_error(
		    error, size, "-capturePath: must name a directory for -writeFiles and -destWriteFiles");
	if (strcmp(c->seccomp, "on") != 0 && strcmp(c->seccomp, "log") != 0 && strcmp(c->seccomp, "off") != 0)
		return config_error(error, size, "-seccomp %.80s: must be on, log or off", c->seccomp);
	if (!*c->dest)
		return config_error(error, size, "-dest: must not be empty; null throws records away");
	return 0;
}
