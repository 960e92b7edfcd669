/* SPDX-License-Identifier: MIT */
/* The daemon's main(): hands over to a subcommand, or reads the configuration and hands it to the mode it asks for. */
#include <stdio.h>
#include <string.h>

#include "api/http.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "base/suggest.h"
#include "config/config.h"
#include "config/doc.h"
#include "look/look.h"
#include "run/daemon.h"
#include "run/handover.h"
#include "run/migrate.h"
#include "run/origin.h"
#include "run/refusal.h"
#include "run/replay.h"
#include "run/sections.h"
#include "version.h"

/* Map the number of -d to a level; larger numbers of the earlier xtcp2 mean debugging. */
static enum log_level level_of(uint32_t n)
{
	return n < LOG_LEVEL_ERR ? LOG_LEVEL_ERR : n > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)n;
}

static enum log_time time_of(const char *word)
{
	return strcmp(word, "on") == 0	  ? LOG_TIME_ON
	       : strcmp(word, "off") == 0 ? LOG_TIME_OFF
					  : LOG_TIME_AUTO;
}

static int print_and_free(struct buf *b)
{
	int status = standard_output(b);

	buf_free(b);
	return status;
}

static int run(struct config *config, struct handover *received, int argc, char **argv)
{
	char error[512];
	struct buf b = {0};

	if (config_load(config, argc, argv, error, sizeof(error)) < 0) {
		if (received->report >= 0)
			refuse("", "%s", error);
		else
			fprintf(stderr, "xtcp2: %s\n", error);
		return 2;
	}
	handover_config_read(config);
	if (received->report < 0) {
		log_init(level_of(config->debug_level));
		log_times(time_of(config->log_time));
	}
	if (config->print_help) {
		doc_help(&b, help_sections());
		return print_and_free(&b);
	}
	if (config->print_version)
		return flags_print_version("xtcp2");
	if (config->print_conf) {
		config_to_json(config, &b);
		return print_and_free(&b);
	}
	if (config->healthcheck)
		return http_healthcheck(config->prom_listen);
	if (config_secrets(config, error, sizeof(error)) < 0) {
		fprintf(stderr, "xtcp2: %s\n", error);
		return 2;
	}
	if (config->replay[0])
		return replay_run(config);
	if (config->check)
		return daemon_check(config, received);
	if (received->origin < 0) {
		migrate_warn_variables();
		received->origin = origin_keep(argc, argv);
	}
	return daemon_run(config, received, argv[0]);
}

int main(int argc, char **argv)
{
	struct config config;
	char near[SUGGEST_TEXT_MAX];

	standard_fds_fill();
	if (argc > 1 && (strcmp(argv[1], "-migrate") == 0 || strcmp(argv[1], "--migrate") == 0))
		return migrate_run(argc - 2, argv + 2);
	look_fn look = argc > 1 ? look_find(argv[1]) : NULL;
	if (look)
		return look(argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-' && look_suggest(argv[1], near)) {
		fprintf(stderr, "xtcp2: %.40s: not a subcommand%s\n", argv[1], near);
		return 2;
	}
	if (config_init(&config) < 0) {
		fprintf(stderr, "xtcp2: no memory\n");
		return 1;
	}
	struct handover received;
	handover_receive(&received);
	if (received.report >= 0)
		refusal_report_to(received.report);
	int status = run(&config, &received, argc, argv);
	/* Fall back to the previous configuration, if the start has not succeeded. */
	handover_back(&received, argv[0]);
	config_free(&config);
	return status;
}
