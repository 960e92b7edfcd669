/* SPDX-License-Identifier: MIT */
#include "dest/s3_credentials.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/input.h"

/* The metadata service of Amazon's machines; the variable names another, as the SDKs have it. */
#define METADATA	  "http://169.254.169.254"
#define METADATA_VARIABLE "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define METADATA_MS	  2000L
#define METADATA_MAX	  (64u << 10)
#define ROLES		  "/latest/meta-data/iam/security-credentials/"

/* Copy a value that fits; an overlong one leaves "", as does one with control characters: it goes into header fields. */
static void take(char *to, size_t size, const char *from, size_t len)
{
	to[0] = '\0';
	if (len >= size)
		return;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)from[i] < ' ' || from[i] == 0x7f)
			return;
	memcpy(to, from, len);
	to[len] = '\0';
}

static void take_text(char *to, size_t size, const char *from)
{
	take(to, size, from ? from : "", from ? strlen(from) : 0);
}

static bool complete(const struct s3_credentials *c)
{
	return c->access_key[0] && c->secret_key[0];
}

struct line {
	const char *p;
	size_t len;
};

static struct line trim(const char *p, size_t len)
{
	while (len > 0 && (p[0] == ' ' || p[0] == '\t')) {
		p++;
		len--;
	}
	while (len > 0 && strchr(" \t\r", p[len - 1]))
		len--;
	return (struct line){p, len};
}

static bool is(struct line l, const char *text)
{
	return l.len == strlen(text) && memcmp(l.p, text, l.len) == 0;
}

bool s3_credentials_parse(struct s3_credentials *c, const char *text, const char *profile)
{
	bool inside = false;

	*c = (struct s3_credentials){0};
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct line l = trim(text, len);
		const char *equals = l.len ? memchr(l.p, '=', l.len) : NULL;
		text += len + (text[len] == '\n');
		if (l.len > 1 && l.p[0] == '[' && l.p[l.len - 1] == ']') {
			inside = is(trim(l.p + 1, l.len - 2), profile);
			continue;
		}
		if (!inside || !equals || l.p[0] == '#' || l.p[0] == ';')
			continue;
		struct line name = trim(l.p, (size_t)(equals - l.p));
		struct line value = trim(equals + 1, l.len - (size_t)(equals + 1 - l.p));
		if (is(name, "aws_access_key_id"))
			take(c->access_key, sizeof(c->access_key), value.p, value.len);
		else if (is(name, "aws_secret_access_key"))
			take(c->secret_key, sizeof(c->secret_key), value.p, value.len);
		else if (is(name, "aws_session_token"))
			take(c->token, sizeof(c->token), value.p, value.len);
	}
	return complete(c);
}

bool s3_credentials_parse_json(struct s3_credentials *c, const char *json, size_t len)
{
	json_t *root = json_loadb(json ? json : "", len, 0, NULL);
	const char *until = json_string_value(json_object_get(root, "Expiration"));
	struct tm tm = {0};

	*c = (struct s3_credentials){0};
	take_text(c->access_key, sizeof(c->access_key),
		  json_string_value(json_object_get(root, "AccessKeyId")));
	take_text(c->secret_key, sizeof(c->secret_key),
		  json_string_value(json_object_get(root, "SecretAccessKey")));
	take_text(c->token, sizeof(c->token), json_string_value(json_object_get(root, "Token")));
	/* A time beyond those of 64-bit nanoseconds, in 2262, is as good as none. */
	if (until && strptime(until, "%Y-%m-%dT%H:%M:%SZ", &tm) &&
	    __builtin_mul_overflow((int64_t)timegm(&tm), NS_PER_SEC, &c->until_ns))
		c->until_ns = 0;
	json_decref(root);
	return complete(c);
}

static bool from_environment(struct s3_credentials *c)
{
	take_text(c->access_key, sizeof(c->access_key), getenv("AWS_ACCESS_KEY_ID"));
	take_text(c->secret_key, sizeof(c->secret_key), getenv("AWS_SECRET_ACCESS_KEY"));
	take_text(c->token, sizeof(c->token), getenv("AWS_SESSION_TOKEN"));
	return complete(c);
}

static void forget(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	buf_free(b);
}

static bool from_file(struct s3_credentials *c)
{
	_cleanup_(forget) struct buf text = {0};
	const char *file = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");
	const char *profile = getenv("AWS_PROFILE");
	char path[PATH_MAX];

	if (file && *file)
		snprintf(path, sizeof(path), "%s", file);
	else if (home && *home)
		snprintf(path, sizeof(path), "%s/.aws/credentials", home);
	else
		return false;
	return input_read(path, &text) == 0 && buf_cstr(&text) &&
	       s3_credentials_parse(c, buf_cstr(&text), profile && *profile ? profile : "default");
}

/* Make one request to the metadata service. Return whether its answer is in answer. */
static bool ask(CURL *curl, struct fetch_answer *answer, const char *path, const char *header, bool put)
{
	const char *base = getenv(METADATA_VARIABLE);
	char url[512];
	long status = 0;
	struct curl_slist *headers = curl_slist_append(NULL, header);

	snprintf(url, sizeof(url), "%s%s", base && *base ? base : METADATA, path);
	buf_reset(&answer->body);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, put ? "PUT" : NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	/* It is on the link: no proxy may see the keys. */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	bool good = headers && curl_easy_perform(curl) == CURLE_OK &&
		    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200 &&
		    buf_cstr(&answer->body);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return good;
}

/* A session, the name of the machine's role, and the role's keys. */
static bool from_metadata(struct s3_credentials *c)
{
	struct fetch_answer answer = {.max = METADATA_MAX, .whole = true};
	CURL *curl = fetch_new(&answer, METADATA_MS);
	char header[600], path[300];
	bool good = false;

	if (curl &&
	    ask(curl, &answer, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", true)) {
		snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %.500s", buf_cstr(&answer.body));
		header[strcspn(header, "\r\n")] = '\0';
		if (ask(curl, &answer, ROLES, header, false)) {
			const char *role = buf_cstr(&answer.body);
			snprintf(path, sizeof(path), ROLES "%.*s", (int)strcspn(role, "\r\n/?#"), role);
			good = ask(curl, &answer, path, header, false) &&
			       s3_credentials_parse_json(c, (const char *)answer.body.data, answer.body.len);
		}
	}
	curl_easy_cleanup(curl);
	forget(&answer.body);
	return good;
}

int s3_credentials_find(struct s3_credentials *c, const char *access_key, const char *secret_key, char *error,
			size_t size)
{
	*c = (struct s3_credentials){0};
	if (*access_key) {
		take_text(c->access_key, sizeof(c->access_key), access_key);
		take_text(c->secret_key, sizeof(c->secret_key), secret_key);
		if (complete(c))
			return 0;
		snprintf(error, size,
			 "-s3AccessKey needs -s3SecretKeyFile, a file whose first line is the key");
		return -EINVAL;
	}
	if (from_environment(c) || from_file(c) || from_metadata(c))
		return 0;
	*c = (struct s3_credentials){0};
	snprintf(error, size,
		 "no credentials: give -s3AccessKey and -s3SecretKeyFile, AWS_ACCESS_KEY_ID and "
		 "AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or a role to this machine");
	return -ENOKEY;
}
