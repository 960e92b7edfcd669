/* SPDX-License-Identifier: MIT */
#include "dest/pem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/input.h"
#include "base/secret_file.h"

static int refuse(struct dest_io *io, const char *flag, const char *path, const char *what)
{
	dest_why(io, 0, "cannot use -%s %s: %s", flag, path, what);
	return -EINVAL;
}

static int read_one(struct dest_io *io, const char *flag, const char *name, struct buf *b)
{
	char path[PATH_MAX];

	if (!name || !*name)
		return 0;
	int r = input_read(secret_file_path(name, path), b);
	if (r < 0)
		return refuse(io, flag, name, input_strerror(-r));
	if (!buf_cstr(b))
		return refuse(io, flag, name, "out of memory");
	if (!strstr(buf_cstr(b), "-----BEGIN "))
		return refuse(io, flag, name, "it is not PEM");
	return 0;
}

/* A key that everybody can read is none: the error says what to do about it. */
static int check_key(struct dest_io *io, const char *name)
{
	char error[DEST_WHY_MAX / 2];

	if (!name || !*name)
		return 0;
	_cleanup_close_ int fd = secret_file_open(name, error, sizeof(error));
	if (fd >= 0)
		return 0;
	dest_why(io, 0, "cannot use -tlsKey %s", error);
	return -EINVAL;
}

int pem_read(struct dest_io *io, struct pem_files *pem)
{
	const struct dest_config *c = io->config;
	int r = check_key(io, c->tls_key);

	if (r == 0)
		r = read_one(io, "tlsCa", c->tls_ca, &pem->ca);
	if (r == 0)
		r = read_one(io, "tlsCert", c->tls_cert, &pem->cert);
	if (r == 0)
		r = read_one(io, "tlsKey", c->tls_key, &pem->key);
	return r;
}

void pem_free(struct pem_files *pem)
{
	if (pem->key.data)
		explicit_bzero(pem->key.data, pem->key.len);
	buf_free(&pem->ca);
	buf_free(&pem->cert);
	buf_free(&pem->key);
}

const char *pem_usual_ca(void)
{
	const char *path = getenv("SSL_CERT_FILE");

	return path && *path ? path : NULL;
}

/* Part of OpenSSL's words, and what the peer does then. The first that fits counts. */
static const struct {
	const char *part, *does;
} errors[] = {
    {"certificate has expired", "has a certificate that has expired"},
    {"certificate verify failed", "has a certificate for another name, or by no authority of -tlsCa"},
    {"hostname mismatch", "has a certificate for another name"},
    {":depth=",
     "has a certificate for another name, or by no authority of -tlsCa"}, /* libnats has other words */
    {"alert bad certificate", "asks for a certificate that it trusts: -tlsCert and -tlsKey"},
    {"alert certificate required", "asks for a certificate that it trusts: -tlsCert and -tlsKey"},
    {"alert unknown ca", "does not trust the authority of -tlsCert"},
    {"alert certificate expired", "says that -tlsCert has expired"},
};

const char *pem_peer_does(const char *reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (strstr(reason, errors[i].part))
			return errors[i].does;
	}
	return NULL;
}
