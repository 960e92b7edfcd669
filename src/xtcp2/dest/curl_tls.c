/* SPDX-License-Identifier: MIT */
#include "dest/curl_tls.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "dest/pem.h"

/* A blob that libcurl copies; nothing for an empty file. */
static CURLcode set_blob(CURL *easy, CURLoption option, struct buf *pem)
{
	struct curl_blob blob = {.data = pem->data, .len = pem->len, .flags = CURL_BLOB_COPY};

	return pem->len ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

int curl_tls_set(struct dest_io *io, CURL *easy)
{
	_cleanup_(pem_free) struct pem_files pem = {0};
	const char *usual = pem_usual_ca(), *directory = getenv("SSL_CERT_DIR");
	int r = pem_read(io, &pem);

	if (r < 0)
		return r;
	CURLcode code = set_blob(easy, CURLOPT_CAINFO_BLOB, &pem.ca);
	if (code == CURLE_OK)
		code = set_blob(easy, CURLOPT_SSLCERT_BLOB, &pem.cert);
	if (code == CURLE_OK)
		code = set_blob(easy, CURLOPT_SSLKEY_BLOB, &pem.key);
	if (code == CURLE_OK && pem.ca.len == 0 && usual)
		code = curl_easy_setopt(easy, CURLOPT_CAINFO, usual);
	if (code == CURLE_OK && (pem.ca.len > 0 || directory))
		code = curl_easy_setopt(easy, CURLOPT_CAPATH, pem.ca.len > 0 ? NULL : directory);
	if (code == CURLE_OK)
		return 0;
	dest_why(io, 0, "cannot be used with -tlsCa, -tlsCert and -tlsKey: %s", curl_easy_strerror(code));
	return -EINVAL;
}

const char *curl_tls_hint(CURLcode code)
{
	if (code == CURLE_SSL_CONNECT_ERROR)
		return "; does it speak TLS? http: is without";
	if (code == CURLE_SSL_CACERT_BADFILE)
		return "; install ca-certificates, or name the authorities to trust by -tlsCa";
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return "; trusted is the authority of -tlsCa, or those of the system";
	return "";
}
