/* SPDX-License-Identifier: MIT */
#include "api/grpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
			  size_t stream_bytes)
{
	const struct str set = {(const char *)xtcp2_descriptor_set, (uint32_t)xtcp2_descriptor_set_len};

	memcpy(s->services, service_rows, sizeof(service_rows));
	s->records = record_service_new(loop, backend, stream_bytes);
	s->health = s->records ? health_new(loop, backend->ready, backend->data, s->services) : NULL;
	s->reflection = s->health ? reflection_new(set, s->services) : NULL;
	if (!s->reflection)
		return -errno;
	s->services[SERVICE_RECORD].data = s->records;
	s->services[SERVICE_CONFIG].data = (void *)(uintptr_t)backend;
	s->services[SERVICE_HEALTH].data = s->health;
	s->services[SERVICE_REFLECTION].data = s->reflection;
	s->services[SERVICE_REFLECTION_ALPHA].data = s->reflection;
	s->grpc = grpc_new(loop, s->services, stream_bytes);
	return s->grpc ? 0 : -errno;
}

struct grpc_server *grpc_server_new(struct loop *loop, const struct grpc_backend *backend,
				    const struct grpc_server_options *options, char *error, size_t size)
{
	struct grpc_server *s = calloc(1, sizeof(*s));
	int r = s ? services_start(s, loop, backend, options->stream_bytes) : -ENOMEM;

	if (r < 0)
		snprintf(error, size, "gRPC cannot start: %s", strerror(-r));
	if (r == 0 && options->listen) {
		r = h2_server_listen(grpc_transport(s->grpc), options->listen, options->port, error, size);
		if (r == 0)
			log_info("grpc", "listening on %s port %u", options->listen,
				 h2_server_port(grpc_transport(s->grpc)));
	}
	if (r < 0) {
		grpc_server_free(s, 0);
		return NULL;
	}
	return s;
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
	free(s);
}
