/* SPDX-License-Identifier: MIT */
#include "tools/http_tool.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/fetch.h"

#define TIMEOUT_MS 60000L

void http_escape(struct buf *url, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_byte(url, (uint8_t)*text);
		else
			buf_printf(url, "%%%02X", (unsigned char)*text);
}

int http_request(const struct http_call *call, struct buf *reply)
{
	struct fetch_answer answer = {.body = *reply, .max = BUF_MAX};
	CURL *curl = fetch_new(&answer, TIMEOUT_MS);
	struct curl_slist *headers = NULL;
	long status = 0;

	if (!curl)
		return -EIO;
	curl_easy_setopt(curl, CURLOPT_URL, call->url);
	if (call->user && *call->user) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, call->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, call->password);
	}
	if (call->body) {
		headers = fetch_post_headers(call->content_type ? call->content_type : "text/plain");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		fetch_set_body(curl, call->body, call->len);
	}
	CURLcode r = curl_easy_perform(curl);
	*reply = answer.body;
	if (r)
		fprintf(stderr, "%s: %s\n", call->url, curl_easy_strerror(r));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return r ? -EIO : (int)status;
}
