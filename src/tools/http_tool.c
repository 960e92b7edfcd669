/* SPDX-License-Identifier: MIT */
#include "tools/http_tool.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"

#define TIMEOUT_S 60L

void http_escape(struct buf *url, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_byte(url, (uint8_t)*text);
		else
			buf_printf(url, "%%%02X", (unsigned char)*text);
}

static size_t on_data(char *data, size_t size, size_t n, void *reply)
{
	buf_append(reply, data, size * n);
	return size * n;
}

int http_request(const struct http_call *call, struct buf *reply)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = NULL;
	_cleanup_free_ char *type = NULL;
	long status = 0;

	if (!curl ||
	    asprintf(&type, "Content-Type: %s", call->content_type ? call->content_type : "text/plain") < 0)
		return -EIO;
	curl_easy_setopt(curl, CURLOPT_URL, call->url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
	if (call->user && *call->user) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, call->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, call->password);
	}
	if (call->body) {
		headers = curl_slist_append(headers, type);
		headers = curl_slist_append(headers, "Expect:");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->len);
	}
	CURLcode r = curl_easy_perform(curl);
	if (r)
		fprintf(stderr, "%s: %s\n", call->url, curl_easy_strerror(r));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return r ? -EIO : (int)status;
}
