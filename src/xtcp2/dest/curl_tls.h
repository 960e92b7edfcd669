/* SPDX-License-Identifier: MIT */
#ifndef DEST_CURL_TLS_H
#define DEST_CURL_TLS_H
/* TLS of a libcurl handle by -tlsCa, -tlsCert and -tlsKey, SSL_CERT_FILE and SSL_CERT_DIR. */
#include <curl/curl.h>

#include "dest/ops.h"

/* Whom to trust and what to show. libcurl copies all of it. Return 0, or -EINVAL with a clause in why. */
int curl_tls_set(struct dest_io *io, CURL *easy);

/* Return what to do about a request's failure, "; ..."; "" when TLS is not the cause. */
const char *curl_tls_hint(CURLcode code);

#endif
