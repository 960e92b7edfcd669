/* SPDX-License-Identifier: MIT */
#include "clickhouse/request.h"

#include <ctype.h>
#include <strings.h>

#include "base/cleanup.h"

void sql_quote(struct buf *b, const char *text)
{
	buf_byte(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_byte(b, '\\');
		buf_byte(b, (uint8_t)*text);
	}
	buf_byte(b, '\'');
}

/* The name must not end the SET statement. */
static bool is_setting_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '.')
			return false;
	return *name;
}

static void add_setting(struct request *r, const char *name, const char *value)
{
	if (!is_setting_name(name)) {
		buf_printf(&r->error,
			   "Code: 115. DB::Exception: Setting %s is neither a builtin setting nor started "
			   "with the prefix 'SQL_' registered for user-defined settings. "
			   "(UNKNOWN_SETTING)",
			   name);
		return;
	}
	buf_str(&r->set, r->set.len ? ", " : "SET ");
	buf_str(&r->set, name);
	buf_str(&r->set, " = ");
	sql_quote(&r->set, value);
}

static bool is_true(const char *value)
{
	return !strcmp(value, "1") || !strcasecmp(value, "true");
}

enum url_action {
	URL_TEXT,   /* stored through `text` */
	URL_FLAG,   /* stored through `flag` when true */
	URL_IGNORE, /* for other servers, without effect here */
};

/* URL arguments other than settings. */
static const struct url_argument {
	const char *name;
	enum url_action action;
	size_t offset;
} url_arguments[] = {
    {"query", URL_TEXT, offsetof(struct request, query)},
    {"database", URL_TEXT, offsetof(struct request, database)},
    {"default_format", URL_TEXT, offsetof(struct request, default_format)},
    {"query_id", URL_TEXT, offsetof(struct request, query_id)},
    {"user", URL_TEXT, offsetof(struct request, user)},
    {"password", URL_TEXT, offsetof(struct request, password)},
    {"wait_end_of_query", URL_FLAG, offsetof(struct request, wait_end)},
    {"enable_http_compression", URL_FLAG, offsetof(struct request, accepts_gzip)},
    {"buffer_size", URL_IGNORE, 0},
    {"quota_key", URL_IGNORE, 0},
    {"session_id", URL_IGNORE, 0},
    {"session_timeout", URL_IGNORE, 0},
    {"session_check", URL_IGNORE, 0},
    {"stacktrace", URL_IGNORE, 0},
    {"client_protocol_version", URL_TEXT, offsetof(struct request, protocol_version)},
    {"compress", URL_FLAG, offsetof(struct request, block_answer)},
    {"decompress", URL_FLAG, offsetof(struct request, block_body)},
};

static void take_argument(struct request *r, const struct url_argument *a, const char *value)
{
	switch (a->action) {
	case URL_TEXT:
		*(const char **)((char *)r + a->offset) = value;
		break;
	case URL_FLAG:
		*(bool *)((char *)r + a->offset) = is_true(value);
		break;
	case URL_IGNORE:
		break;
	}
}

static enum MHD_Result on_argument(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct request *r = data;

	value = value ? value : "";
	for (size_t i = 0; i < ARRAY_SIZE(url_arguments); i++)
		if (!strcmp(name, url_arguments[i].name)) {
			take_argument(r, &url_arguments[i], value);
			return MHD_YES;
		}
	if (!strncmp(name, "param_", 6)) {
		if (r->params.count < REQUEST_PARAMS_MAX) {
			r->names[r->params.count] = name + 6;
			r->values[r->params.count++] = value;
		}
		return MHD_YES;
	}
	if (!strcmp(name, "format_schema"))
		r->format_schema = value;
	add_setting(r, name, value);
	return MHD_YES;
}

/* Headers do not override arguments of the URL, as in ClickHouse. */
static void take_header(struct MHD_Connection *connection, const char *name, const char **to)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	if (value && !*to)
		*to = value;
}

static void take_credentials(struct request *r, struct MHD_Connection *connection)
{
	char *password = NULL, *user = MHD_basic_auth_get_username_password(connection, &password);

	if (user && !r->user) {
		buf_append(&r->basic, user, strlen(user) + 1);
		size_t at = r->basic.len;
		buf_append(&r->basic, password ? password : "", (password ? strlen(password) : 0) + 1);
		if (buf_ok(&r->basic)) {
			r->user = (const char *)r->basic.data;
			r->password = (const char *)r->basic.data + at;
		}
	}
	MHD_free(user);
	MHD_free(password);
	take_header(connection, "X-ClickHouse-User", &r->user);
	take_header(connection, "X-ClickHouse-Key", &r->password);
}

void request_parse(struct request *r, struct MHD_Connection *connection, const char *method)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
	const char *coding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Encoding");

	r->params.names = r->names;
	r->params.values = r->values;
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, r);
	take_credentials(r, connection);
	take_header(connection, "X-ClickHouse-Database", &r->database);
	take_header(connection, "X-ClickHouse-Format", &r->default_format);
	r->accepts_gzip = r->accepts_gzip && accept && strstr(accept, "gzip");
	if (coding && !strcasecmp(coding, "gzip"))
		r->gzip_body = true;
	else if (coding && *coding && strcasecmp(coding, "identity") != 0)
		buf_printf(&r->error,
			   "Code: 48. DB::Exception: Content-Encoding %s is not supported, gzip is. "
			   "(NOT_IMPLEMENTED)",
			   coding);
	r->readonly = strcmp(method, MHD_HTTP_METHOD_POST) != 0;
}

void request_free(struct request *r)
{
	buf_free(&r->basic);
	buf_free(&r->set);
	buf_free(&r->error);
}
