/* SPDX-License-Identifier: MIT */
/*
 * The part of a schema registry that register_schema needs: POST
 * /subjects/SUBJECT/versions and GET /subjects/SUBJECT/versions/latest, in memory; a
 * schema that is posted again keeps its id. Usage: schema_registry PORT; ends by SIGTERM.
 */
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"

/* subject -> [{schema, id}], oldest first. */
static json_t *subjects;
static json_int_t last_id;

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE);
	enum MHD_Result rc = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, int code, const char *why)
{
	return answer(connection, status, json_pack("{s:i, s:s}", "error_code", code, "message", why));
}

static enum MHD_Result put(struct MHD_Connection *connection, const char *subject, const struct buf *body)
{
	json_t *request = json_loadb((char *)body->data, body->len, 0, NULL);
	const char *schema = json_string_value(json_object_get(request, "schema"));
	const char *type = json_string_value(json_object_get(request, "schemaType"));
	json_t *versions = json_object_get(subjects, subject), *v;
	size_t i;

	if (!schema || !type || strcmp(type, "PROTOBUF") != 0 || !strstr(schema, "syntax = \"proto3\"")) {
		json_decref(request);
		return refuse(connection, MHD_HTTP_UNPROCESSABLE_CONTENT, 42201, "Invalid schema");
	}
	if (!versions)
		json_object_set_new(subjects, subject, versions = json_array());
	json_int_t id = 0;
	json_array_foreach(versions, i,
			   v) if (!strcmp(json_string_value(json_object_get(v, "schema")), schema)) id =
	    json_integer_value(json_object_get(v, "id"));
	if (!id) {
		id = ++last_id;
		json_array_append_new(versions, json_pack("{s:s, s:I}", "schema", schema, "id", id));
	}
	json_decref(request);
	return answer(connection, MHD_HTTP_OK, json_pack("{s:I}", "id", id));
}

static enum MHD_Result get(struct MHD_Connection *connection, const char *subject)
{
	json_t *versions = json_object_get(subjects, subject);

	if (!versions)
		return refuse(connection, MHD_HTTP_NOT_FOUND, 40401, "Subject not found.");
	json_t *reply = json_deep_copy(json_array_get(versions, json_array_size(versions) - 1));
	json_object_set_new(reply, "subject", json_string(subject));
	json_object_set_new(reply, "version", json_integer((json_int_t)json_array_size(versions)));
	json_object_set_new(reply, "schemaType", json_string("PROTOBUF"));
	return answer(connection, MHD_HTTP_OK, reply);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *body, size_t *len,
				  void **state)
{
	struct buf *b = *state;
	char subject[128], rest[16] = "";

	if (!b) {
		*state = calloc(1, sizeof(*b));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*len) {
		buf_append(b, body, *len);
		*len = 0;
		return MHD_YES;
	}
	if (sscanf(url, "/subjects/%127[^/]/versions%15s", subject, rest) < 1)
		return refuse(connection, MHD_HTTP_NOT_FOUND, 404, "HTTP 404 Not Found");
	if (!strcmp(method, MHD_HTTP_METHOD_POST) && !*rest)
		return put(connection, subject, b);
	if (!strcmp(method, MHD_HTTP_METHOD_GET) && !strcmp(rest, "/latest"))
		return get(connection, subject);
	return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, 405, "HTTP 405 Method Not Allowed");
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	if (*state)
		buf_free(*state);
	free(*state);
}

int main(int argc, char **argv)
{
	sigset_t stop;
	int number;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	subjects = json_object();
	struct MHD_Daemon *d = MHD_start_daemon(
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 18081),
	    NULL, NULL, on_request, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (!d) {
		perror("schema_registry");
		return 1;
	}
	sigwait(&stop, &number);
	MHD_stop_daemon(d);
	json_decref(subjects);
	return 0;
}
