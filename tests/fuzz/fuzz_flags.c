/* SPDX-License-Identifier: MIT */
/*
 * A command line and an environment: one word per line; "XTCP_NAME=value" is a variable, any other word an
 * argument of xtcp2. Accepted values are also parsed as the addresses and lists that they hold.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/log.h"
#include "config/config.h"
#include "dest/dest.h"
#include "fuzz.h"
#include "record/encoder.h"
#include "record/policy.h"

#define WORDS_MAX 64

static void use(const struct config *c)
{
	char error[512] = "", host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX], bad[64];
	struct encoder encoder = {0};
	uint64_t attributes;
	uint8_t ext;

	listen_split(c->prom_listen, host, port);
	deserializers_parse(c->deserializers, &attributes, &ext, bad, sizeof(bad));
	int r = encoder_init(&encoder, c->marshal, c->columns, error, sizeof(error));
	assert(r == 0 || *error);
	encoder_free(&encoder);
	struct buf json = {0};
	config_to_json(c, &json);
	assert(buf_ok(&json));
	buf_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *argv[WORDS_MAX + 2] = {"xtcp2"}, *variables[WORDS_MAX + 1] = {0};
	char **environment = environ, *rest = text, *word, error[512] = "";
	int argc = 1, count = 0;
	struct config c;

	log_init(LOG_LEVEL_ERR);
	while ((word = strsep(&rest, "\n")) && argc + count <= WORDS_MAX) {
		if (strncmp(word, "XTCP_", strlen("XTCP_")) == 0 && strchr(word, '='))
			variables[count++] = word;
		else
			argv[argc++] = word;
	}
	environ = variables;
	int r = config_init(&c);
	assert(r == 0);
	r = config_load(&c, argc, argv, error, sizeof(error));
	assert(r == 0 || (*error && !strchr(error, '\n')));
	if (r == 0)
		use(&c);
	config_free(&c);
	environ = environment;
	free(text);
	return 0;
}
