/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_HTTP_TOOL_H
#define TOOLS_HTTP_TOOL_H
/* One HTTP request for the small tools, on libcurl. */
#include "base/buf.h"

/* Append text, percent-encoded, to a URL. */
void http_escape(struct buf *url, const char *text);

struct http_call {
	const char *url;
	const char *user, *password; /* basic auth; user "" for none */
	const char *content_type;
	const void *body; /* POST when there is one, else GET */
	size_t len;
};

/* Make the request; blocks up to 60 s. Return the status, with the answer appended to reply; without an
 * answer -EIO, with a line on stderr. */
int http_request(const struct http_call *call, struct buf *reply);

#endif
