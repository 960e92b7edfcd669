/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * http:// and https://: each envelope is the body of one POST, with the content
 * type of the encoder, over a persistent connection (libcurl). The status of the
 * answer decides:
 *   2xx             sent;
 *   408, 429, 5xx   retried with back-off, or after what Retry-After says, as after
 *                   a network failure. It stays the oldest in the queue, until
 *                   the bound drops it;
 *   413             cut in two and sent as two;
 *   anything else   lost and counted; the first line of the answer is logged.
 *                   Redirects are not followed, because most turn a POST
 *                   into a GET.
 * When an answer is lost, the server receives the envelope twice.
 *
 * The name is looked up for each new connection: libcurl's cache would keep the
 * address of a server that has moved.
 *
 * The multi interface is used for its poll function, which dest_stop() can wake.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/utf8.h"
#include "dest/curl_tls.h"
#include "dest/ops.h"
#include "record/encoder.h"
#include "version.h"

/* Bytes of an error answer that are kept for the log. */
#define ANSWER_MAX	200
/* Seconds of Retry-After that are believed; the core bounds the pause further. */
#define RETRY_AFTER_MAX 3600

struct http_dest {
	struct dest_io io;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct fetch_answer answer;
	char error[CURL_ERROR_SIZE]; /* libcurl's own words */
	bool global;
};

/*
 * Bytes of a request that an answer repeats, from which on they count as records
 * rather than words, and bytes of the request that are searched for them.
 */
#define REPEATED_MIN	12
#define REPEATED_WITHIN (64 * 1024)

/* Return how much of the line is before the first byte that is no text, or that repeats the request. */
static size_t words_length(const char *line, const struct buf *request)
{
	size_t len = strlen(line), within = request->len < REPEATED_WITHIN ? request->len : REPEATED_WITHIN;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_length((const uint8_t *)line + i, len - i);
		if (n == 0 || (unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return i;
		if (len - i >= REPEATED_MIN && memmem(request->data, within, line + i, REPEATED_MIN))
			return i;
		i += n;
	}
	return len;
}

/* Return the first line of the kept answer, cut where it shows bytes of the records or others that are no text. */
static const char *first_line(struct http_dest *h, const struct buf *request)
{
	static const char cut[] = "...";
	char *line = (char *)buf_cstr(&h->answer.body);

	if (!line)
		return "";
	line[strcspn(line, "\r\n")] = '\0';
	size_t len = strlen(line), words = words_length(line, request);
	if (words < len)
		snprintf(line + words, len - words + 1, "%.*s", (int)(len - words), cut);
	return line;
}

static int check_url(struct dest_io *io, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	CURLUcode r = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;

	if (r == CURLUE_OK)
		r = curl_url_get(u, CURLUPART_HOST, &host, 0);
	if (r != CURLUE_OK)
		dest_why(io, 0, "is not a URL (%s)", curl_url_strerror(r));
	curl_free(host);
	curl_url_cleanup(u);
	return r == CURLUE_OK ? 0 : -EINVAL;
}

/* Set the options that are the same for every POST. */
static CURLcode set_options(struct http_dest *h, const char *url)
{
	CURLcode r = curl_easy_setopt(h->easy, CURLOPT_URL, url);

	if (r == CURLE_OK)
		r = curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	if (r == CURLE_OK)
		r = fetch_only_http(h->easy);
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, "xtcp2/" XTCP2_VERSION);
	curl_easy_setopt(h->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	fetch_leave_lookups(h->easy);
	return r;
}

static int http_parse(struct dest_io *io, const char *address)
{
	struct http_dest *h = (struct http_dest *)io;

	h->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	int r = check_url(io, address);
	if (r < 0)
		return r;
	h->headers = fetch_post_headers(io->config->encoder ? io->config->encoder->content_type
							    : "application/octet-stream");
	h->answer.max = ANSWER_MAX;
	h->multi = curl_multi_init();
	h->easy = fetch_new(&h->answer, 0);
	if (!h->headers || !h->multi || !h->easy || set_options(h, address) != CURLE_OK) {
		dest_why(io, 0, "cannot be used: libcurl refuses, or there is no memory");
		return -ENOMEM;
	}
	return strncmp(address, "https:", 6) == 0 ? curl_tls_set(io, h->easy) : 0;
}

static bool stopping(struct http_dest *h)
{
	return dest_deadline(&h->io, INT64_MAX) != INT64_MAX;
}

/* Run the prepared request to its end or the deadline. CURLE_OK means that there is a status. */
static CURLcode perform(struct http_dest *h, int64_t deadline_ns)
{
	int running = 1, left;

	for (;;) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		if (!running)
			break;
		int64_t wait = dest_deadline(&h->io, deadline_ns) - clock_mono_ns();
		if (wait <= 0)
			return CURLE_OPERATION_TIMEDOUT;
		struct curl_waitfd stop = {.fd = dest_stop_fd(&h->io), .events = CURL_WAIT_POLLIN};
		curl_multi_poll(h->multi, &stop, stopping(h) ? 0 : 1, wait / NS_PER_MS + 1, NULL);
	}
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));)
		if (m->msg == CURLMSG_DONE)
			return m->data.result;
	return CURLE_FAILED_INIT;
}

static enum dest_result judge(struct http_dest *h, const struct envelope *e, CURLcode r)
{
	curl_off_t pause = 0;
	long status = 0;

	if (r == CURLE_OPERATION_TIMEDOUT) {
		dest_why(&h->io, 0, "no answer within %s", stopping(h) ? "-flushTimeout" : "-produceTimeout");
		return DEST_RETRY;
	}
	if (r != CURLE_OK) {
		dest_why(&h->io, 0, "%s%s", h->error[0] ? h->error : curl_easy_strerror(r), curl_tls_hint(r));
		return DEST_RETRY;
	}
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return DEST_SENT;
	dest_why(&h->io, 0, "HTTP status %ld: %s", status, first_line(h, &e->body));
	if (status == 413)
		return DEST_SPLIT;
	if (curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &pause) == CURLE_OK)
		h->io.pause_ns = (pause < RETRY_AFTER_MAX ? pause : RETRY_AFTER_MAX) * NS_PER_SEC;
	return status == 408 || status == 429 || status >= 500 ? DEST_RETRY : DEST_LOST;
}

static enum dest_result http_send(struct dest_io *io, struct envelope *e, int64_t deadline_ns)
{
	struct http_dest *h = (struct http_dest *)io;

	buf_reset(&h->answer.body);
	h->error[0] = '\0';
	fetch_set_body(h->easy, e->body.data, e->body.len);
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
		dest_why(io, 0, "libcurl refuses the request");
		return DEST_RETRY;
	}
	CURLcode r = perform(h, deadline_ns);
	enum dest_result result = judge(h, e, r);
	curl_multi_remove_handle(h->multi, h->easy);
	return result;
}

static void http_free(struct dest_io *io)
{
	struct http_dest *h = (struct http_dest *)io;

	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	buf_free(&h->answer.body);
	if (h->global)
		curl_global_cleanup();
}

const struct dest_ops dest_http_ops = {
    .state_size = sizeof(struct http_dest),
    .whole_spec = true,
    .lazy = true,
    .splits = true,
    .parse = http_parse,
    .send = http_send,
    .free = http_free,
};
