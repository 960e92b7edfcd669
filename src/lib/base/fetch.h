/* SPDX-License-Identifier: MIT */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H
/*
 * The settings that all HTTP requests over libcurl share. For programs that link
 * libcurl; one handle is used by one thread at a time.
 */
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* The body of an answer, owned by the caller: its first `max` bytes, or with `whole` no longer body than that. */
struct fetch_answer {
	struct buf body;
	size_t max;
	bool whole;
};

static inline size_t fetch_collect(char *data, size_t size, size_t count, void *answer)
{
	struct fetch_answer *a = answer;
	size_t n = size * count, room = a->body.len < a->max ? a->max - a->body.len : 0;

	if (n > room && a->whole)
		return 0;
	buf_append(&a->body, data, n < room ? n : room);
	return buf_ok(&a->body) ? n : 0;
}

/*
 * Return a handle whose answers are appended to *answer, for curl_easy_cleanup(); NULL without memory. A request
 * takes at most timeout_ms, 0 for no limit. No signals: time-outs must not disturb other threads.
 */
static inline CURL *fetch_new(struct fetch_answer *answer, long timeout_ms)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, fetch_collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	return curl;
}

/* Refuse every scheme but http and https. */
static inline CURLcode fetch_only_http(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* Keep a hanging name look-up from delaying the end of the handle. libcurl before 7.87 waits for it. */
static inline void fetch_leave_lookups(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* Return the header fields of a POST, for curl_slist_free_all(): its content type, and no wait for "100 Continue". */
static inline struct curl_slist *fetch_post_headers(const char *content_type)
{
	char type[128];

	snprintf(type, sizeof(type), "Content-Type: %s", content_type);
	struct curl_slist *headers = curl_slist_append(NULL, type);
	struct curl_slist *more = headers ? curl_slist_append(headers, "Expect:") : NULL;
	if (!more)
		curl_slist_free_all(headers);
	return more;
}

/* Set the body of a POST, borrowed until the end of the request. */
static inline void fetch_set_body(CURL *curl, const void *body, size_t len)
{
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
}

#endif
