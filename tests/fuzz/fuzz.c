/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <assert.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/encoder.h"

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void assert_json(const struct buf *b)
{
	json_error_t where;
	json_t *root =
	    json_loadb((const char *)b->data, b->len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &where);

	if (!root) {
		fprintf(stderr, "no JSON: %s at byte %d of %.*s\n", where.text, where.position, (int)b->len,
			(const char *)b->data);
		abort();
	}
	json_decref(root);
}

void fuzz_write_record(const struct record *r)
{
	static struct buf b;

	for (const struct encoder_ops *ops = encoder_table; ops->name; ops++) {
		struct encoder e = {.ops = ops};

		buf_reset(&b);
		ops->begin(&e, &b);
		ops->row(&e, &b, r);
		ops->end(&e, &b);
		assert(buf_ok(&b) && b.len);
		if (strstr(ops->content_type, "json"))
			assert_json(&b);
	}
}

static char directory[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_directory(void)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	if (*directory)
		return directory;
	snprintf(directory, sizeof(directory), "%s/xtcp2-fuzz.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	char *made = mkdtemp(directory);
	assert(made);
	atexit(remove_directory);
	return directory;
}
