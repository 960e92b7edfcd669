/* SPDX-License-Identifier: MIT */
/*
 * Drives one destination without the daemon: submits COUNT envelopes of BYTES
 * bytes (one record each; a number in 8 digits, dots, a line end), waits until
 * they are out or -wait runs out, and prints the ledger on stderr. Exits 0 when
 * every record was sent, 1 otherwise, 2 for a bad destination.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/duration.h"
#include "dest/dest.h"
#include "stats/stats.h"

static int usage(FILE *out)
{
	fprintf(out, "usage: dest_send [-queue BYTES] [-wait DURATION] [-pause DURATION] [-topic TOPIC] "
		     "[-kafkaConfig K=V;...]\n"
		     "                 DESTINATION COUNT BYTES\n");
	return out == stdout ? 0 : 2;
}

/* False without memory. */
static bool submit(struct dest *d, unsigned int number, size_t bytes)
{
	struct envelope *e = dest_envelope_get(d);

	if (!e)
		return false;
	buf_printf(&e->body, "%08u", number);
	while (e->body.len + 1 < bytes)
		buf_byte(&e->body, '.');
	buf_byte(&e->body, '\n');
	e->rows = 1;
	dest_submit(d, e);
	return true;
}

/* Submit all, `pause` apart; end early if the reader has ended. */
static void submit_all(struct dest *d, unsigned int count, size_t bytes, int64_t pause_ns)
{
	struct pollfd ended = {.fd = dest_ended_fd(d), .events = POLLIN};
	struct timespec pause = {.tv_sec = pause_ns / NS_PER_SEC, .tv_nsec = pause_ns % NS_PER_SEC};

	for (unsigned int i = 0; i < count && submit(d, i, bytes); i++)
		if (ppoll(&ended, 1, &pause, NULL) > 0)
			return;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"queue", required_argument, NULL, 'q'},
	    {"wait", required_argument, NULL, 'w'},
	    {"pause", required_argument, NULL, 'p'},
	    {"topic", required_argument, NULL, 't'},
	    {"kafkaConfig", required_argument, NULL, 'k'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL},
	};
	struct dest_config config = {0};
	int64_t wait_ns = 30 * NS_PER_SEC, pause_ns = 0;
	char error[512];
	int c;

	while ((c = getopt_long_only(argc, argv, "", options, NULL)) != -1) {
		if (c == 'q')
			config.queue_bytes = strtoull(optarg, NULL, 10);
		else if (c == 't')
			config.topic = optarg;
		else if (c == 'k')
			config.kafka_config = optarg;
		else if (c == 'h')
			return usage(stdout);
		else if (c == '?' || duration_parse(optarg, c == 'w' ? &wait_ns : &pause_ns) < 0)
			return usage(stderr);
	}
	if (argc - optind != 3)
		return usage(stderr);
	signal(SIGPIPE, SIG_IGN);
	struct dest *d = dest_new(argv[optind], &config, error, sizeof(error));
	if (!d) {
		fprintf(stderr, "%s\n", error);
		return 2;
	}
	if (dest_start(d) < 0)
		return 1;
	submit_all(d, strtoul(argv[optind + 1], NULL, 10), strtoul(argv[optind + 2], NULL, 10), pause_ns);
	dest_stop(d, clock_mono_ns() + wait_ns);
	dest_free(d);
	uint64_t submitted = stat_get(STAT_DEST_SUBMITTED_RECORDS), sent = stat_get(STAT_DEST_SENT_RECORDS);
	fprintf(stderr,
		"submitted %" PRIu64 " sent %" PRIu64 " queue_full %" PRIu64 " send_failed %" PRIu64
		" deadline %" PRIu64 "\n",
		submitted, sent, stat_get(STAT_RECORDS_QUEUE_FULL), stat_get(STAT_RECORDS_SEND_FAILED),
		stat_get(STAT_RECORDS_DEADLINE));
	return submitted == sent ? 0 : 1;
}
