/* SPDX-License-Identifier: MIT */
/* What s3:// reads of others: the file of credentials, the metadata service's JSON, a store's XML. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "dest/s3_credentials.h"
#include "dest/s3_request.h"
#include "fuzz.h"

/* Keys and token go into header fields. */
static void assert_field(const char *text, size_t size)
{
	assert(memchr(text, '\0', size));
	for (; *text; text++)
		assert((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void assert_credentials(const struct s3_credentials *c, bool good)
{
	assert_field(c->access_key, sizeof(c->access_key));
	assert_field(c->secret_key, sizeof(c->secret_key));
	assert_field(c->token, sizeof(c->token));
	assert(good == (*c->access_key && *c->secret_key));
}

/* A reason is a line of UTF-8, whatever room it has. */
static void assert_reason(const char *xml, size_t size)
{
	char why[200];

	s3_explain(xml, why, size);
	assert_field(why, size);
	assert(utf8_valid(why, strlen(why)));
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What is encoded is the text when it is decoded. */
static void assert_encoding(const char *text)
{
	struct buf b = {0};

	s3_encode(&b, text);
	const char *at = b.len ? buf_cstr(&b) : "";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*at++;
		if (c == '%') {
			c = (unsigned char)(digit(at[0]) * 16 + digit(at[1]));
			at += 2;
		}
		assert(c == (unsigned char)*text);
	}
	assert(!*at);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct s3_credentials c;

	bool good = s3_credentials_parse(&c, text, "default");
	assert_credentials(&c, good);
	assert(c.until_ns == 0);
	good = s3_credentials_parse_json(&c, (const char *)data, size);
	assert_credentials(&c, good);
	assert_reason(text, 200);
	assert_reason(text, 12);
	char id[40];
	if (s3_element(text, "UploadId", id, sizeof(id)))
		assert(*id && strlen(id) < sizeof(id) && strspn(id, " <&") == 0);
	assert_encoding(text);
	free(text);
	return 0;
}
