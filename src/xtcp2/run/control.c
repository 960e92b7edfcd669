/* SPDX-License-Identifier: MIT */
/* What gRPC clients may ask of the daemon, in terms of its parts. All on the main thread. */
#include "run/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run/state.h"

static const struct config *get_config(void *data)
{
	return ((struct daemon *)data)->config;
}

static int set_frequency(void *data, int64_t frequency_ns, int64_t timeout_ns)
{
	struct daemon *d = data;

	d->config->frequency_ns = frequency_ns;
	d->config->timeout_ns = timeout_ns;
	return poll_set_frequency(d->poll, frequency_ns, timeout_ns);
}

static int trigger(void *data)
{
	return poll_trigger(((struct daemon *)data)->poll);
}

static int burst(void *data, uint32_t count, int64_t interval_ns)
{
	return poll_burst(((struct daemon *)data)->poll, count, interval_ns);
}

static void reconfigure(void *data, struct config *config)
{
	struct daemon *d = data;

	if (d->successor) {
		config_free(d->successor);
		free(d->successor);
	}
	d->successor = config;
	loop_stop(d->loop);
}

static void set_tap(void *data, struct poll_tap *tap)
{
	struct daemon *d = data;

	poll_set_tap(d->poll, tap);
	closer_set_tap(d->closer, tap);
}

int control_start(struct daemon *d)
{
	const struct tls_options tls = {
	    .cert = d->config->grpc_tls_cert,
	    .key = d->config->grpc_tls_key,
	    .ca = d->config->grpc_tls_client_ca,
	};
	const struct grpc_server_options options = {
	    .listen = d->config->grpc_port && d->config->grpc_listen[0] ? d->config->grpc_listen : NULL,
	    .port = d->config->grpc_port,
	    .socket = d->config->grpc_socket,
	    .socket_owner = &d->user,
	    /* The usual place is not everybody's to write to, nor free where two daemons run. */
	    .socket_needed = strcmp(d->config->grpc_socket, option_find("grpcSocket")->default_text) != 0,
	    .stream_bytes = d->config->grpc_stream_bytes,
	    .readers = d->config->grpc_readers,
	    .admins = d->config->grpc_admins,
	    .token_file = d->config->grpc_token_file,
	    .tls = d->config->grpc_tls ? &tls : NULL,
	    .tls_admins = d->config->grpc_tls_admins,
	    .total_bytes = d->config->grpc_total_bytes,
	};
	d->control = (struct grpc_backend){
	    .data = d,
	    .config = get_config,
	    .set_frequency = set_frequency,
	    .trigger = trigger,
	    .burst = burst,
	    .reconfigure = reconfigure,
	    .set_tap = set_tap,
	    .ready = daemon_ready,
	};
	char error[400];

	if (!options.listen && !options.socket[0])
		return 0;
	d->grpc = grpc_server_new(d->loop, &d->control, &options, error, sizeof(error));
	if (!d->grpc)
		log_err("xtcp2", "%s", error);
	return d->grpc ? 0 : -EINVAL;
}
