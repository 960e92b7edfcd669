/* SPDX-License-Identifier: MIT */
#include "api/grpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/config_service.h"
#include "api/record_service.h"
#include "base/log.h"
#include "descriptor_set.h"
#include "grpc/grpc.h"
#include "grpc/health.h"
#include "grpc/reflection.h"

enum {
	SERVICE_RECORD,
	SERVICE_CONFIG,
	SERVICE_HEALTH,
	SERVICE_REFLECTION,
	SERVICE_REFLECTION_ALPHA,
	SERVICE_MAX_,
};

struct grpc_server {
	struct grpc_service services[SERVICE_MAX_ + 1]; /* ends with name NULL */
	struct access_policy *access;
	struct tls_context *tls; /* NULL without */
	struct grpc *grpc;
	struct record_service *records;
	struct health *health;
	struct reflection *reflection;
};

static const struct grpc_service service_rows[SERVICE_MAX_] = {
    [SERVICE_RECORD] = {"xtcp_flat_record.v1.XTCPFlatRecordService", record_methods},
    [SERVICE_CONFIG] = {"xtcp_config.v1.ConfigService", config_methods},
    [SERVICE_HEALTH] = {"grpc.health.v1.Health", health_methods},
    [SERVICE_REFLECTION] = {"grpc.reflection.v1.ServerReflection", reflection_methods},
    [SERVICE_REFLECTION_ALPHA] = {"grpc.reflection.v1alpha.ServerReflection", reflection_methods},
};

static int services_start(struct grpc_server *s, struct loop *loop, const struct grpc_backend *backend,
			  const struct grpc_server_options *options)
{
	const size_t handover = options->total_bytes / 4;
	const struct str set = {(const char *)xtcp2_descriptor_set, (uint32_t)xtcp2_descriptor_set_len};

	memcpy(s->services, service_rows, sizeof(service_rows));
	s->records = record_service_new(loop, backend, handover);
	s->health = s->records ? health_new(loop, backend->ready, backend->data, s->services) : NULL;
	s->reflection = s->health ? reflection_new(set, s->services) : NULL;
	if (!s->reflection)
		return -errno;
	s->services[SERVICE_RECORD].data = s->records;
	s->services[SERVICE_CONFIG].data = (void *)(uintptr_t)backend;
	s->services[SERVICE_HEALTH].data = s->health;
	s->services[SERVICE_REFLECTION].data = s->reflection;
	s->services[SERVICE_REFLECTION_ALPHA].data = s->reflection;
	s->grpc =
	    grpc_new(loop, s->services, s->access, options->stream_bytes, options->total_bytes - handover);
	return s->grpc ? 0 : -errno;
}

static int access_start(struct grpc_server *s, const struct grpc_server_options *options, char *error,
			size_t size)
{
	const struct access_options access = {
	    .socket = options->socket,
	    .readers = options->readers,
	    .admins = options->admins,
	    .token_file = options->token_file,
	    .tls_admins = options->tls_admins,
	    .certificates = options->tls && *options->tls->ca,
	    .tcp = options->listen != NULL,
	};

	s->access = access_new(&access, error, size);
	return s->access ? 0 : -EINVAL;
}

static int listen_tcp(struct grpc_server *s, const struct grpc_server_options *options, char *error,
		      size_t size)
{
	struct h2_server *h2 = grpc_transport(s->grpc);

	if (options->tls) {
		size_t n = (size_t)snprintf(error, size, "-grpcTls ");
		s->tls = tls_server_context(options->tls, error + n, size - n);
		if (!s->tls)
			return -EINVAL;
		h2_server_use_tls(h2, s->tls);
	}
	int r = options->listen_fd > 0 ? h2_server_listen_on(h2, options->listen_fd, error, size)
				       : h2_server_listen(h2, options->listen, options->port, error, size);
	if (r < 0)
		return r;
	log_info("grpc", "listening on %s port %u%s", options->listen, h2_server_port(h2),
		 options->tls ? " with TLS" : "");
	if (access_everybody(s->access) != ACCESS_NONE)
		log_notice(
		    "grpc",
		    "everybody who reaches %s port %u may read records, without a name or a password; "
		    "-grpcListen= closes the port, -grpcReaders, -grpcTokenFile or -grpcTlsClientCa restrict it",
		    options->listen, h2_server_port(h2));
	return 0;
}

/*
 * With -grpcReaders or -grpcAdmins, any user must be able to connect; the peer's
 * credentials are checked for each connection in any case.
 */
#define SOCKET_MODE_OWN	   0660
#define SOCKET_MODE_GROUPS 0666

static int listen_unix(struct grpc_server *s, const struct grpc_server_options *options, char *error,
		       size_t size)
{
	mode_t mode = access_has_groups(s->access) ? SOCKET_MODE_GROUPS : SOCKET_MODE_OWN;
	char why[300];
	struct h2_server *h2 = grpc_transport(s->grpc);
	int r = options->socket_fd > 0 ? h2_server_listen_on(h2, options->socket_fd, why, sizeof(why))
				       : h2_server_listen_unix(h2, options->socket, mode,
							       options->socket_owner, why, sizeof(why));

	if (r == 0)
		log_info("grpc", "listening on %s", options->socket);
	else if (options->socket_needed)
		snprintf(error, size, "-grpcSocket %s", why);
	else
		log_notice("grpc", "no UNIX socket, so no control over gRPC: -grpcSocket %s", why);
	return options->socket_needed ? r : 0;
}

struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_backend *backend,
				    const struct grpc_server_options *options, char *error, size_t size)
{
	struct grpc_server *s = calloc(1, sizeof(*s));
	int r = s ? access_start(s, options, error, size) : -ENOMEM;

	if (r == 0) {
		r = services_start(s, loop, backend, options);
		if (r < 0)
			snprintf(error, size, "gRPC cannot start: %s", strerror(-r));
	}
	if (r < 0) {
		if (options->listen_fd > 0)
			close(options->listen_fd);
		if (options->socket_fd > 0)
			close(options->socket_fd);
	}
	if (r == 0 && options->listen)
		r = listen_tcp(s, options, error, size);
	if (r == 0 && options->socket && *options->socket)
		r = listen_unix(s, options, error, size);
	if (r < 0) {
		grpc_server_free(s, 0);
		return NULL;
	}
	return s;
}

bool grpc_server_may_read(const struct grpc_server *s, bool loopback, const char *authorization, char *why,
			  size_t size, bool *token)
{
	struct access_answer answer;

	*token = false;
	if (!s) {
		snprintf(why, size, "gRPC is off (-grpcPort 0), and with it reading records");
		return false;
	}
	if (!loopback) {
		snprintf(why, size,
			 "records are read from this host only, such as through ssh -L, or over gRPC");
		return false;
	}
	const struct access_peer peer = access_of_plain(s->access, loopback);
	access_check(s->access, &peer, authorization, ACCESS_READ, &answer);
	snprintf(why, size, "%s", answer.access < ACCESS_READ ? answer.text : "");
	*token = answer.unauthenticated;
	return answer.access >= ACCESS_READ;
}

void grpc_server_poll_done(struct grpc_server *s)
{
	if (s)
		record_service_poll_done(s->records);
}

struct h2_server *grpc_server_transport(struct grpc_server *s)
{
	return grpc_transport(s->grpc);
}

void grpc_server_free(struct grpc_server *s, int drain_ms)
{
	if (!s)
		return;
	if (s->records)
		grpc_server_poll_done(s);
	grpc_free(s->grpc, drain_ms);
	reflection_free(s->reflection);
	health_free(s->health);
	record_service_free(s->records);
	tls_context_free(s->tls);
	access_free(s->access);
	free(s);
}
