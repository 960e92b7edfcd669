/* SPDX-License-Identifier: MIT */
#include "dest/s3_request.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fetch.h"
#include "base/str.h"
#include "base/utf8.h"
#include "dest/curl_tls.h"
#include "dest/s3_credentials.h"
#include "version.h"

#define CONNECT_MS    10000L
/* A request that moves less than this for so long has failed. */
#define SLOW_BYTES    1L
#define SLOW_SECONDS  30L
#define ANSWER_MAX    2048
#define HASH_BYTES    32
#define READ_BYTES    65536
#define EMPTY_HASH    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define AMAZON	      "https://s3.%s.amazonaws.com"
#define TEXT_HASH_MAX (2 * HASH_BYTES + 1)
/* The first libcurl whose signatures cover the hash of a body, as S3 wants. */
#define SIGNS_BODIES  0x075800

struct s3_request {
	CURL *easy;
	struct fetch_answer answer;
	struct s3_place place;
	const bool *stop;
	char error[CURL_ERROR_SIZE];
	char signer[160];
	char tag[S3_TAG_MAX]; /* the last answer's ETag; "" without one, or with one that is too long */
	struct buf url;
};

static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	return __atomic_load_n(((struct s3_request *)data)->stop, __ATOMIC_RELAXED);
}

/* Keep the ETag, of the last answer if there are several. */
static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	static const char name[] = "etag:";
	const size_t n = size * count, named = sizeof(name) - 1;
	struct s3_request *r = data;
	struct str value = {line + named, (uint32_t)(n - named)};

	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
		*r->tag = '\0';
	if (n < named || strncasecmp(line, name, named) != 0)
		return n;
	while (value.len && isspace((unsigned char)value.p[value.len - 1]))
		value.len--;
	for (; value.len && isspace((unsigned char)*value.p); value.p++)
		value.len--;
	snprintf(r->tag, sizeof(r->tag), "%.*s", value.len < S3_TAG_MAX ? (int)value.len : 0, value.p);
	return n;
}

struct s3_request *s3_request_new(struct dest_io *io, const struct s3_place *place, const bool *stop)
{
	struct s3_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->place = *place;
	r->stop = stop;
	r->answer.max = ANSWER_MAX;
	snprintf(r->signer, sizeof(r->signer), "aws:amz:%.100s:s3", place->region);
	r->easy = fetch_new(&r->answer, 0);
	const curl_version_info_data *libcurl = curl_version_info(CURLVERSION_NOW);
	if (libcurl->version_num < SIGNS_BODIES) {
		dest_why(io, 0, "needs libcurl 7.88 to sign requests; this is %s", libcurl->version);
	} else if (!r->easy || curl_easy_setopt(r->easy, CURLOPT_AWS_SIGV4, r->signer) != CURLE_OK ||
		   fetch_only_http(r->easy) != CURLE_OK) {
		dest_why(io, 0, "cannot be used: libcurl refuses, or there is no memory");
	} else if (curl_tls_set(io, r->easy) == 0) {
		curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "xtcp2/" XTCP2_VERSION);
		curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
		curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
		curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
		curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
		curl_easy_setopt(r->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
		fetch_leave_lookups(r->easy);
		curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
		curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
		curl_easy_setopt(r->easy, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(r->easy, CURLOPT_XFERINFODATA, r);
		return r;
	}
	s3_request_free(r);
	return NULL;
}

void s3_request_free(struct s3_request *r)
{
	if (!r)
		return;
	curl_easy_cleanup(r->easy);
	buf_free(&r->answer.body);
	buf_free(&r->url);
	free(r);
}

static void encode(struct buf *b, const char *text, const char *others)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			     strchr(others, c);
		if (plain)
			buf_byte(b, c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void s3_encode(struct buf *b, const char *text)
{
	encode(b, text, "-._~/");
}

void s3_encode_value(struct buf *b, const char *text)
{
	encode(b, text, "-._~");
}

bool s3_element(const char *xml, const char *name, char *text, size_t size)
{
	char open[32];

	snprintf(open, sizeof(open), "<%s>", name);
	const char *begin = strstr(xml, open);
	size_t len = begin ? strcspn(begin + strlen(open), "<") : 0;
	if (len == 0 || len >= size || begin[strlen(open) + len] != '<')
		return false;
	for (size_t i = 0; i < len; i++) {
		text[i] = begin[strlen(open) + i];
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f || text[i] == '&')
			return false;
	}
	text[len] = '\0';
	return true;
}

static void append_element(const char *xml, const char *name, char *why, size_t size)
{
	char open[32];
	size_t at = strlen(why);

	snprintf(open, sizeof(open), "<%s>", name);
	const char *begin = strstr(xml, open);
	if (!begin || at + 1 >= size)
		return;
	begin += strlen(open);
	snprintf(why + at, size - at, "%s%.*s", at ? ": " : "", (int)strcspn(begin, "<"), begin);
	/* A character that is cut at the end is none. */
	for (char *c = why + at; *c;) {
		size_t len = utf8_length((const uint8_t *)c, strlen(c));
		if (len == 0 || (unsigned char)*c < ' ' || *c == 0x7f) {
			*c = '?';
			len = 1;
		}
		c += len;
	}
}

void s3_explain(const char *xml, char *why, size_t size)
{
	why[0] = '\0';
	append_element(xml, "Code", why, size);
	append_element(xml, "Message", why, size);
}

/* Write scheme and host, the key, each encoded, and the query. */
static void set_url(struct s3_request *r, const char *key, const char *query)
{
	const struct s3_place *p = &r->place;
	char amazon[200];

	snprintf(amazon, sizeof(amazon), AMAZON, p->region);
	const char *endpoint = *p->endpoint ? p->endpoint : amazon;
	const char *host = strstr(endpoint, "://");
	host = host ? host + 3 : endpoint;
	size_t len = strlen(endpoint) - (endpoint[strlen(endpoint) - 1] == '/');
	buf_reset(&r->url);
	buf_append(&r->url, endpoint, (size_t)(host - endpoint));
	if (!p->path_style)
		buf_printf(&r->url, "%s.", p->bucket);
	buf_append(&r->url, host, len - (size_t)(host - endpoint));
	buf_byte(&r->url, '/');
	if (p->path_style) {
		s3_encode(&r->url, p->bucket);
		if (*key)
			buf_byte(&r->url, '/');
	}
	s3_encode(&r->url, key);
	if (*query)
		buf_printf(&r->url, "?%s", query);
}

static void add(struct curl_slist **list, const char *name, const char *value)
{
	_cleanup_buf_ struct buf line = {0};

	buf_printf(&line, "%s: %s", name, value);
	struct curl_slist *more = buf_cstr(&line) ? curl_slist_append(*list, buf_cstr(&line)) : NULL;
	if (more)
		*list = more;
}

/* The errno of a status; -EBADMSG when the same request will be answered like that again. */
static int refusal(long status)
{
	switch (status) {
	case 404:
		return -ENOENT;
	case 403:
		return -EACCES;
	case 408: /* slow */
	case 409: /* two requests at once */
	case 425:
	case 429:
		return -EIO;
	default:
		return status >= 400 && status < 500 ? -EBADMSG : -EIO;
	}
}

/* The answer in words. Return 0 or -errno. */
static int judge(struct s3_request *r, CURLcode code, char why[static S3_WHY_MAX])
{
	char said[180];
	long status = 0;

	if (code != CURLE_OK) {
		snprintf(why, S3_WHY_MAX, "%.140s%s", r->error[0] ? r->error : curl_easy_strerror(code),
			 curl_tls_hint(code));
		return code == CURLE_ABORTED_BY_CALLBACK ? -ECANCELED : -EIO;
	}
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 || status == 204)
		return 0;
	const char *xml = buf_cstr(&r->answer.body);
	s3_explain(xml ? xml : "", said, sizeof(said));
	snprintf(why, S3_WHY_MAX, "HTTP status %ld%s%s%s", status, said[0] ? ": " : "", said,
		 strstr(said, "RequestTimeTooSkewed") ? " (set this host's clock right)" : "");
	return refusal(status);
}

static int perform(struct s3_request *r, const struct s3_credentials *c, const char *key, const char *query,
		   struct curl_slist *headers, char why[static S3_WHY_MAX])
{
	set_url(r, key, query);
	if (*c->token)
		add(&headers, "x-amz-security-token", c->token);
	buf_reset(&r->answer.body);
	r->error[0] = '\0';
	curl_easy_setopt(r->easy, CURLOPT_URL, buf_cstr(&r->url));
	curl_easy_setopt(r->easy, CURLOPT_USERNAME, c->access_key);
	curl_easy_setopt(r->easy, CURLOPT_PASSWORD, c->secret_key);
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, headers);
	int result = judge(r, curl_easy_perform(r->easy), why);
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return result;
}

int s3_request_probe(struct s3_request *r, const struct s3_credentials *c, char why[static S3_WHY_MAX])
{
	struct curl_slist *headers = NULL;

	add(&headers, "x-amz-content-sha256", EMPTY_HASH);
	curl_easy_setopt(r->easy, CURLOPT_UPLOAD, 0L);
	curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
	int result = perform(r, c, "", "", headers, why);
	curl_easy_setopt(r->easy, CURLOPT_NOBODY, 0L);
	if (result == -ENOENT)
		snprintf(why, S3_WHY_MAX, "the store has no bucket %.100s", r->place.bucket);
	return result;
}

/* The bytes of a file that are sent. */
struct window {
	int fd;
	off_t begin, size, at;
};

/* The SHA-256 of the bytes in hexadecimal digits. 0 or -errno. */
static int hash_window(const struct window *w, char text[static TEXT_HASH_MAX])
{
	uint8_t piece[READ_BYTES], hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned len = 0;
	off_t at = 0;

	if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
		while (at < w->size) {
			off_t left = w->size - at;
			ssize_t n =
			    pread(w->fd, piece, left < READ_BYTES ? (size_t)left : READ_BYTES, w->begin + at);
			if (n <= 0 || !EVP_DigestUpdate(context, piece, (size_t)n))
				break;
			at += n;
		}
		if (at == w->size)
			EVP_DigestFinal_ex(context, hash, &len);
	}
	EVP_MD_CTX_free(context);
	for (unsigned i = 0; i < len && i < HASH_BYTES; i++)
		sprintf(text + 2 * i, "%02x", hash[i]);
	return len == HASH_BYTES ? 0 : -EBADMSG;
}

static size_t on_read(char *to, size_t size, size_t count, void *data)
{
	struct window *w = data;
	off_t left = w->size - w->at;
	ssize_t n =
	    pread(w->fd, to, (off_t)(size * count) < left ? size * count : (size_t)left, w->begin + w->at);

	if (n < 0)
		return CURL_READFUNC_ABORT;
	w->at += n;
	return (size_t)n;
}

/* libcurl sends anew what it has sent on a connection that was closed meanwhile. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
	struct window *w = data;

	if (origin != SEEK_SET || offset < 0 || offset > w->size)
		return CURL_SEEKFUNC_FAIL;
	w->at = offset;
	return CURL_SEEKFUNC_OK;
}

/* PUT a part of a file. */
static int put(struct s3_request *r, const struct s3_credentials *c, const char *key, const char *query,
	       struct window *w, struct curl_slist *headers, char why[static S3_WHY_MAX])
{
	char hash[TEXT_HASH_MAX];

	if (hash_window(w, hash) < 0) {
		curl_slist_free_all(headers);
		snprintf(why, S3_WHY_MAX, "the file of %.100s cannot be read", key);
		return -EBADMSG;
	}
	add(&headers, "x-amz-content-sha256", hash);
	curl_easy_setopt(r->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(r->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(r->easy, CURLOPT_READDATA, w);
	curl_easy_setopt(r->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(r->easy, CURLOPT_SEEKDATA, w);
	curl_easy_setopt(r->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)w->size);
	return perform(r, c, key, query, headers, why);
}

static void add_kind(struct s3_request *r, struct curl_slist **headers, const char *content_type)
{
	add(headers, "Content-Type", content_type);
	if (*r->place.encryption)
		add(headers, "x-amz-server-side-encryption", r->place.encryption);
}

int s3_request_put(struct s3_request *r, const struct s3_credentials *c, const char *key, int fd,
		   const char *content_type, char why[static S3_WHY_MAX])
{
	struct curl_slist *headers = NULL;
	struct stat st = {0};

	if (fstat(fd, &st) < 0) {
		snprintf(why, S3_WHY_MAX, "the file of %.100s cannot be read", key);
		return -EBADMSG;
	}
	add_kind(r, &headers, content_type);
	return put(r, c, key, "", &(struct window){.fd = fd, .size = st.st_size}, headers, why);
}

int s3_request_put_part(struct s3_request *r, const struct s3_credentials *c, const char *key,
			const char *query, int fd, off_t begin, off_t size, char tag[static S3_TAG_MAX],
			char why[static S3_WHY_MAX])
{
	struct window w = {.fd = fd, .begin = begin, .size = size};
	int result = put(r, c, key, query, &w, NULL, why);

	if (result < 0)
		return result;
	if (!*r->tag || strpbrk(r->tag, "<&")) {
		snprintf(why, S3_WHY_MAX, "the store confirms a part without an ETag");
		return -EIO;
	}
	strcpy(tag, r->tag);
	return 0;
}

int s3_request_post(struct s3_request *r, const struct s3_credentials *c, const char *key, const char *query,
		    const char *body, const char *content_type, const char **xml, char why[static S3_WHY_MAX])
{
	struct curl_slist *headers = NULL;
	char hash[TEXT_HASH_MAX], said[180];
	uint8_t digest[HASH_BYTES];

	SHA256((const uint8_t *)body, strlen(body), digest);
	for (unsigned i = 0; i < HASH_BYTES; i++)
		sprintf(hash + 2 * i, "%02x", digest[i]);
	add(&headers, "x-amz-content-sha256", hash);
	if (*body)
		add(&headers, "Content-Type", content_type);
	else
		add_kind(r, &headers, content_type);
	curl_easy_setopt(r->easy, CURLOPT_UPLOAD, 0L);
	curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
	fetch_set_body(r->easy, body, strlen(body));
	int result = perform(r, c, key, query, headers, why);
	fetch_set_body(r->easy, NULL, 0);
	if (result < 0)
		return result;
	*xml = buf_cstr(&r->answer.body);
	if (!*xml)
		*xml = "";
	/* The store may say so after it has begun to answer. */
	if (!strstr(*xml, "<Error>"))
		return 0;
	s3_explain(*xml, said, sizeof(said));
	snprintf(why, S3_WHY_MAX, "the store could not join the parts: %s", said);
	return -EIO;
}

int s3_request_delete(struct s3_request *r, const struct s3_credentials *c, const char *key,
		      const char *query, char why[static S3_WHY_MAX])
{
	struct curl_slist *headers = NULL;

	add(&headers, "x-amz-content-sha256", EMPTY_HASH);
	curl_easy_setopt(r->easy, CURLOPT_UPLOAD, 0L);
	curl_easy_setopt(r->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
	int result = perform(r, c, key, query, headers, why);
	curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, NULL);
	return result;
}
