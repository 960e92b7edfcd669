/* SPDX-License-Identifier: MIT */
/* register_schema: registers the record schema at a schema registry, or gets its latest version. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/flags.h"
#include "base/input.h"
#include "tools/http_tool.h"

#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"

static const char *filename = "", *topic = "xtcp", *url = "http://localhost:18081";
static bool do_register, do_get;

static const struct flag flags[] = {
    {"filename", FLAG_FILE, &filename, "the .proto file to register"},
    {"topic", FLAG_STRING, &topic, "topic; the subject is TOPIC-value"},
    {"url", FLAG_STRING, &url, "address of the schema registry"},
    {"register", FLAG_BOOL, &do_register, "register the schema of -filename"},
    {"get", FLAG_BOOL, &do_get, "print the latest version of the schema"},
    {0},
};

/* Return the reply as JSON, or NULL with a line on stderr. */
static json_t *ask(const char *path, const char *body)
{
	_cleanup_buf_ struct buf address = {0}, reply = {0};
	json_error_t error;

	buf_printf(&address, "%s/subjects/", url);
	http_escape(&address, topic);
	buf_printf(&address, "-value/versions%s", path);
	const struct http_call call = {.url = buf_cstr(&address),
				       .content_type = CONTENT_TYPE,
				       .body = body,
				       .len = body ? strlen(body) : 0};
	int status = http_request(&call, &reply);
	if (status < 0)
		return NULL;
	json_t *json = json_loadb((char *)reply.data, reply.len, 0, &error);
	if (status == 200 && json)
		return json;
	const char *why = json_string_value(json_object_get(json, "message"));
	fprintf(stderr, "%s: HTTP status %d: %s\n", buf_cstr(&address), status,
		why ? why : "the answer is no JSON");
	json_decref(json);
	return NULL;
}

static char *read_schema(const char *path)
{
	_cleanup_fclose_ FILE *f = input_fopen(path);
	char *text = NULL;
	size_t cap = 0;

	/* A .proto file has no NUL byte, so this reads it whole. */
	if (!f || getdelim(&text, &cap, 0, f) < 0) {
		fprintf(stderr, "%s: %s\n", path, input_strerror(errno));
		free(text);
		return NULL;
	}
	return text;
}

static int register_it(void)
{
	_cleanup_free_ char *schema = read_schema(filename), *body = NULL;

	if (!schema)
		return EXIT_FAILURE;
	json_t *request = json_pack("{s:s, s:s}", "schemaType", "PROTOBUF", "schema", schema);
	body = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	json_t *reply = body ? ask("", body) : NULL;
	if (!reply)
		return EXIT_FAILURE;
	printf("subject=%s-value id=%lld\n", topic,
	       (long long)json_integer_value(json_object_get(reply, "id")));
	json_decref(reply);
	return EXIT_SUCCESS;
}

static int get_it(void)
{
	json_t *reply = ask("/latest", NULL);
	const char *schema = json_string_value(json_object_get(reply, "schema"));

	if (schema) {
		fprintf(stderr, "subject=%s-value id=%lld version=%lld\n", topic,
			(long long)json_integer_value(json_object_get(reply, "id")),
			(long long)json_integer_value(json_object_get(reply, "version")));
		fputs(schema, stdout);
	}
	json_decref(reply);
	return schema ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	flags_parse(flags, argc, argv,
		    "registers the schema at a registry (-register -filename FILE) or prints it (-get)");
	if (do_register == do_get || (do_register && !*filename)) {
		fprintf(stderr,
			"register_schema: one of -register (with -filename FILE) and -get is needed\n");
		return 2;
	}
	return do_register ? register_it() : get_it();
}
