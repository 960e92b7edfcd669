/* SPDX-License-Identifier: MIT */
/* Conditions between options; options.def has the range of each option. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/listen.h"
#include "base/properties.h"
#include "base/sockaddr.h"
#include "config/internal.h"

/* A receive buffer below this cannot hold the kernel's smallest dump message batch. */
#define PACKET_SIZE_MIN 4096

/* Tell whether other hosts can reach the TCP port of gRPC. A name other than localhost may be any address. */
static bool grpc_is_public(const struct config *c)
{
	struct sockaddr_storage address;
	char host[LISTEN_HOST_MAX];

	if (!c->grpc_port || !*c->grpc_listen || listen_host(c->grpc_listen, host) < 0)
		return false;
	if (sockaddr_parse(host, 0, &address) > 0)
		return !sockaddr_is_loopback(&address);
	return strcmp(host, "localhost") != 0;
}

int config_settle(struct config *c, char *error, size_t size)
{
	char host[LISTEN_HOST_MAX], port[LISTEN_PORT_MAX];
	struct sockaddr_storage address;

	/* "::1" ends like an address with a port, but is one without. */
	if (!*c->grpc_listen || sockaddr_parse(c->grpc_listen, 0, &address) > 0)
		return 0;
	if (listen_split(c->grpc_listen, host, port) == 0) {
		char *copy = strdup(*host ? host : "*");
		if (!copy)
			return config_error(error, size, "-grpcListen: out of memory");
		free(c->grpc_listen);
		c->grpc_listen = copy;
		c->grpc_port = (uint32_t)atoi(port);
		return 0;
	}
	if (listen_host(c->grpc_listen, host) < 0)
		return config_error(
		    error, size,
		    "-grpcListen %.80s: must be HOST, HOST:PORT, * or [IPv6]:PORT, the port up to 65535",
		    c->grpc_listen);
	return 0;
}

/* Options of nats: and valkey:. */
static int check_bus(const struct config *c, char *error, size_t size)
{
	bool nats = strncmp(c->dest, "nats:", 5) == 0, valkey = strncmp(c->dest, "valkey:", 7) == 0;

	if (!nats && (c->dest_tls || *c->nats_credentials_file))
		return config_error(error, size, "-%s: is for -dest nats:HOST:PORT",
				    c->dest_tls ? "destTls" : "natsCredentialsFile");
	if (!nats && !valkey && *c->dest_user)
		return config_error(error, size,
				    "-destUser: is for -dest nats:HOST:PORT and valkey:HOST:PORT");
	if (*c->dest_user && !*c->dest_password_file)
		return config_error(error, size, "-destUser: needs -destPasswordFile");
	if (nats && !c->dest_tls && (*c->tls_ca || *c->tls_cert))
		return config_error(error, size, "-%s: nats: uses it with -destTls",
				    *c->tls_ca ? "tlsCa" : "tlsCert");
	return 0;
}

/* The files of TLS come together, and with a destination that reads them. */
static int check_tls(const struct config *c, char *error, size_t size)
{
	struct properties p = {0};
	char why[REASON_MAX];

	if (!*c->tls_cert != !*c->tls_key)
		return config_error(error, size, "-tlsCert and -tlsKey: give both or none");
	if (strncmp(c->dest, "kafka:", 6) != 0 || !(*c->tls_ca || *c->tls_cert) || *c->kafka_config_file)
		return 0;
	properties_add_text(&p, c->kafka_config, why, sizeof(why));
	const char *protocol = properties_find(&p, "security.protocol");
	bool plain = !protocol || !strcasestr(protocol, "ssl");
	properties_free(&p);
	return plain ? config_error(
			   error, size,
			   "-%s: kafka: uses it with security.protocol=SSL or SASL_SSL in -kafkaConfig",
			   *c->tls_ca ? "tlsCa" : "tlsCert")
		     : 0;
}

static int check_grpc(const struct config *c, char *error, size_t size)
{
	bool asks = *c->grpc_tls_client_ca || *c->grpc_token_file;

	if (!c->grpc_tls &&
	    (*c->grpc_tls_cert || *c->grpc_tls_key || *c->grpc_tls_client_ca || *c->grpc_tls_admins))
		return config_error(error, size, "-grpcTls: is off, but options of TLS are given");
	if (c->grpc_tls && (!*c->grpc_tls_cert || !*c->grpc_tls_key))
		return config_error(error, size, "-grpcTls: needs -grpcTlsCert and -grpcTlsKey");
	if (*c->grpc_tls_admins && !*c->grpc_tls_client_ca)
		return config_error(error, size,
				    "-grpcTlsAdmins: needs -grpcTlsClientCa, who vouches for the names");
	if (c->grpc_insecure || !grpc_is_public(c))
		return 0;
	if (!c->grpc_tls)
		return config_error(
		    error, size,
		    "-grpcListen %s: other hosts may reach it: give -grpcTls, or -grpcInsecure to let anybody read records from there in the clear",
		    c->grpc_listen);
	if (!asks)
		return config_error(
		    error, size,
		    "-grpcListen %s: other hosts may reach it and -grpcTls does not say who they are: give -grpcTlsClientCa or -grpcTokenFile, or -grpcInsecure to let anybody read records from there",
		    c->grpc_listen);
	return 0;
}

/* Limits below which a daemon would do little else than begin files. */
#define ROTATE_BYTES_MIN 4096
#define ROTATE_EVERY_MIN NS_PER_SEC

/* Options of files need a destination that makes files. */
static int check_files(const struct config *c, char *error, size_t size)
{
	bool rotates = c->file_rotate_bytes || c->file_rotate_every_ns,
	     parquet = strcasecmp(c->marshal, "parquet") == 0;
	bool keeps = c->file_keep_bytes || c->file_keep_age_ns;

	if ((rotates || keeps) && strncmp(c->dest, "file:", 5) != 0)
		return config_error(error, size, "-file%s: is for -dest file:PATH",
				    c->file_rotate_bytes      ? "RotateBytes"
				    : c->file_rotate_every_ns ? "RotateEvery"
				    : c->file_keep_bytes      ? "KeepBytes"
							      : "KeepAge");
	if (keeps && !rotates && !parquet && !strchr(c->dest, '%'))
		return config_error(
		    error, size,
		    "-fileKeep%s: needs files that end: give -fileRotateBytes, -fileRotateEvery, or a "
		    "path with the time, such as file:tcp-%%Y%%m%%d.csv",
		    c->file_keep_bytes ? "Bytes" : "Age");
	if ((c->file_rotate_bytes && c->file_rotate_bytes < ROTATE_BYTES_MIN) ||
	    (c->file_rotate_every_ns && c->file_rotate_every_ns < ROTATE_EVERY_MIN))
		return config_error(error, size,
				    "-fileRotateBytes and -fileRotateEvery: must be 0 or at least %d and 1s",
				    ROTATE_BYTES_MIN);
	if (parquet && c->dest_queue_bytes < 2 * c->parquet_group_bytes)
		return config_error(error, size,
				    "-destQueueBytes %" PRIu64
				    ": must hold two row groups of -parquetGroupBytes %" PRIu64,
				    c->dest_queue_bytes, c->parquet_group_bytes);
	if (parquet && c->dest_write_files)
		return config_error(error, size,
				    "-destWriteFiles: cannot copy envelopes of -marshal parquet");
	return 0;
}

int config_check(const struct config *c, char *error, size_t size)
{
	char frequency[DURATION_TEXT_MAX], timeout[DURATION_TEXT_MAX];

	if (c->frequency_ns <= c->timeout_ns)
		return config_error(error, size, "-frequency %s: must be longer than -timeout, which is %s",
				    duration_format(c->frequency_ns, frequency),
				    duration_format(c->timeout_ns, timeout));
	if (c->packet_size && c->packet_size < PACKET_SIZE_MIN)
		return config_error(error, size, "-packetSize %" PRIu64 ": must be 0 or at least %d",
				    c->packet_size, PACKET_SIZE_MIN);
	if (c->dest_queue_bytes < c->envelope_flush_bytes)
		return config_error(error, size,
				    "-destQueueBytes %" PRIu64
				    ": must hold one envelope of -envelopeFlushBytes %" PRIu32,
				    c->dest_queue_bytes, c->envelope_flush_bytes);
	if (c->prom_path[0] != '/')
		return config_error(error, size, "-promPath %.80s: must begin with /", c->prom_path);
	if (strcmp(c->prom_path, "/healthz") == 0 || strcmp(c->prom_path, "/readyz") == 0)
		return config_error(error, size, "-promPath %s: is taken by the health check", c->prom_path);
	if (c->healthcheck && !*c->prom_listen)
		return config_error(error, size, "-healthcheck: needs -promListen, which is empty");
	if ((c->write_files || c->dest_write_files) && !*c->capture_path)
		return config_error(
		    error, size, "-capturePath: must name a directory for -writeFiles and -destWriteFiles");
	if (c->enrich_container && !*c->docker_socket)
		return config_error(error, size, "-dockerSocket: must name a socket for -enrichContainer");
	if (c->enrich_lldp && *c->lldpd_socket != '/')
		return config_error(error, size,
				    "-lldpdSocket %.80s: must be a path that begins with / for -enrichLldp",
				    c->lldpd_socket);
	if (*c->cri_socket && *c->cri_socket != '/' && strcmp(c->cri_socket, "auto") != 0)
		return config_error(error, size,
				    "-criSocket %.80s: must be auto, a path that begins with /, or empty",
				    c->cri_socket);
	if (*c->s3_endpoint && strncmp(c->s3_endpoint, "http://", 7) != 0 &&
	    strncmp(c->s3_endpoint, "https://", 8) != 0)
		return config_error(error, size, "-s3Endpoint %.80s: must begin with http:// or https://",
				    c->s3_endpoint);
	if (strncmp(c->dest, "s3:", 3) == 0 && (!*c->s3_spool || !*c->s3_region))
		return config_error(error, size, "-%s: must not be empty with -dest s3:",
				    *c->s3_spool ? "s3Region" : "s3Spool");
	if (c->migrate)
		return config_error(error, size,
				    "-migrate: must be the first flag; those of the earlier xtcp2 follow");
	if (!*c->dest)
		return config_error(error, size, "-dest: must not be empty; null discards records");
	int r = check_files(c, error, size);
	if (r == 0)
		r = check_bus(c, error, size);
	if (r == 0)
		r = check_tls(c, error, size);
	return r < 0 ? r : check_grpc(c, error, size);
}
