/* SPDX-License-Identifier: MIT */
/*
 * A configuration file: as -config reads it, and as xtcp2ctl turns it into the message of
 * ConfigService.Set. An accepted file is written and read again, with the same result.
 */
#include <assert.h>
#include <string.h>

#include "api/config_message.h"
#include "client/config_json.h"
#include "fuzz.h"

static void assert_same(const struct config *a, const struct config *b)
{
	struct buf x = {0}, y = {0};

	for (const struct option_info *o = option_table; o->flag; o++) {
		buf_reset(&x);
		buf_reset(&y);
		config_get_text(a, o, &x);
		config_get_text(b, o, &y);
		assert(x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0));
	}
	buf_free(&x);
	buf_free(&y);
}

static void read_again(const struct config *c)
{
	struct config again;
	struct buf json = {0};
	char error[512] = "";

	int r = config_init(&again);
	assert(r == 0);
	config_to_private_json(c, &json);
	assert(buf_ok(&json));
	r = config_load_json(&again, (const char *)json.data, json.len, error, sizeof(error));
	assert(r == 0);
	assert_same(c, &again);
	config_free(&again);
	buf_free(&json);
}

static void as_file(const uint8_t *data, size_t size)
{
	struct config c;
	char error[512] = "";

	int r = config_init(&c);
	assert(r == 0);
	r = config_load_json(&c, (const char *)data, size, error, sizeof(error));
	assert(r == 0 || (*error && !strchr(error, '\n')));
	if (r == 0) {
		read_again(&c);
		config_check(&c, error, sizeof(error));
	}
	config_free(&c);
}

static void as_message(const uint8_t *data, size_t size)
{
	struct config c;
	struct buf text = {0};
	char error[512] = "";

	int r = config_init(&c);
	assert(r == 0);
	XtcpConfig__V1__XtcpConfig *m = config_to_message(&c);
	assert(m);
	r = config_message_from_json(m, (const char *)data, size, &text, error, sizeof(error));
	assert(r == 0 || *error);
	if (r == 0) {
		buf_reset(&text);
		config_message_to_json(m, &text);
		assert(buf_ok(&text));
		r = config_from_message(&c, m, error, sizeof(error));
		assert(r == 0 || *error);
		if (r == 0)
			read_again(&c);
	}
	xtcp_config__v1__xtcp_config__free_unpacked(m, NULL);
	buf_free(&text);
	config_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_file(data, size);
	as_message(data, size);
	return 0;
}
