/* SPDX-License-Identifier: MIT */
/* udp_receiver_server: prints the size of each datagram and how many records its envelope holds. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/flags.h"
#include "base/sockaddr.h"
#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

/* The largest payload of a UDP datagram, IPv4 without jumbograms. */
#define DATAGRAM_MAX 65535

static uint32_t port = 13000, wanted;
static const char *address_text = "127.0.0.1";

static const struct flag flags[] = {
    {"port", FLAG_PORT, &port, "UDP port"},
    {"bind", FLAG_STRING, &address_text, "address, IPv4 or IPv6"},
    {"count", FLAG_U32, &wanted, "end after this many datagrams; 0 runs until SIGTERM"},
    {0},
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = 1;
}

/* Read a base-128 varint at *p; return false at the end of the data or past ten bytes. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Count the records of all varint-framed envelopes in the datagram; -1 when it is not made of them. */
static long records_of(const uint8_t *data, size_t len)
{
	const uint8_t *p = data, *end = data + len;
	long records = 0;

	while (p < end) {
		uint64_t size;
		if (!varint(&p, end, &size) || size > (size_t)(end - p))
			return -1;
		XtcpFlatRecord__V1__Envelope *envelope =
		    xtcp_flat_record__v1__envelope__unpack(NULL, size, p);
		if (!envelope)
			return -1;
		records += (long)envelope->n_row;
		xtcp_flat_record__v1__envelope__free_unpacked(envelope, NULL);
		p += size;
	}
	return records;
}

static int receiver_open(void)
{
	struct sockaddr_storage address;
	socklen_t len = sockaddr_parse(address_text, (uint16_t)port, &address);

	if (!len || port > 65535)
		return -EINVAL;
	_cleanup_close_ int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0)
		return -errno;
	return take_fd(fd);
}

int main(int argc, char **argv)
{
	static uint8_t data[DATAGRAM_MAX];
	struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART: recv(2) ends */
	unsigned long long datagrams = 0, bytes = 0, records = 0, undecodable = 0;

	flags_parse(flags, argc, argv, "receives what xtcp2 -dest udp: -marshal protobufList sends");
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	_cleanup_close_ int fd = receiver_open();
	if (fd < 0) {
		fprintf(stderr, "udp_receiver_server: cannot receive on %s port %u: %s\n", address_text, port,
			fd == -EINVAL ? "not an IP address and a port up to 65535" : strerror(-fd));
		return fd == -EINVAL ? 2 : 1;
	}
	printf("READY %s port %u\n", address_text, port);
	while (!stopped && (wanted == 0 || datagrams < wanted)) {
		ssize_t n = recv(fd, data, sizeof(data), 0);
		if (n < 0)
			continue;
		long found = records_of(data, n);
		datagrams++;
		bytes += n;
		records += found > 0 ? found : 0;
		undecodable += found < 0;
		if (found < 0)
			printf("%zd bytes, no envelope\n", n);
		else
			printf("%zd bytes, %ld records\n", n, found);
	}
	printf("DONE %llu datagrams, %llu bytes, %llu records, %llu undecodable\n", datagrams, bytes, records,
	       undecodable);
	return 0;
}
