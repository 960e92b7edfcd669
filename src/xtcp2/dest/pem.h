/* SPDX-License-Identifier: MIT */
#ifndef DEST_PEM_H
#define DEST_PEM_H
/* The files of -tlsCa, -tlsCert and -tlsKey, read into memory while the rights for it are there. */
#include "base/buf.h"
#include "dest/ops.h"

struct pem_files {
	struct buf ca, cert, key; /* empty where the option is */
};

/* Read the files that the options of io name. Return 0, or -EINVAL with a clause in io->why. */
int pem_read(struct dest_io *io, struct pem_files *pem);
void pem_free(struct pem_files *pem);

/* Return the file of authorities that the environment names (SSL_CERT_FILE, as OpenSSL has it), NULL for none. */
const char *pem_usual_ca(void);

/* Return what the peer does that OpenSSL says this of, "has a certificate ..."; NULL when it is not about certificates. Pure. */
const char *pem_peer_does(const char *reason);

#endif
