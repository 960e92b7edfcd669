/* SPDX-License-Identifier: MIT */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H
/*
 * Addresses to listen on, as users write them: "127.0.0.1:9088", ":9088" or
 * "*:9088" (all addresses of both families, as "[::]:9088"), "[::1]:9088", "localhost:9088". Port 0 lets
 * the kernel choose.
 */
#include <stddef.h>
#include <stdint.h>

#define LISTEN_HOST_MAX 256
#define LISTEN_PORT_MAX 6

/* Cut the text in two, without a look-up; host is "" for all addresses. 0 or -EINVAL. */
int listen_split(const char *address, char host[static LISTEN_HOST_MAX], char port[static LISTEN_PORT_MAX]);

/* Take the brackets off a host without a port; "" for "*". 0 or -EINVAL. */
int listen_host(const char *text, char host[static LISTEN_HOST_MAX]);

/*
 * Open a listening TCP socket, non-blocking and close-on-exec, owned by the caller.
 * Looking up a name may block: for start-up only. IPv4 is tried first. On failure
 * return -errno, with one line in error (size bytes) that names address and reason.
 */
int listen_open(const char *address, char *error, size_t size);

/* Return the port of a bound socket; 0 when it has none. */
uint16_t listen_port(int fd);

#endif
