/* SPDX-License-Identifier: MIT */
/* The daemon's implementation of struct grpc_backend. Main thread. */
#include "run/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/config_message.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "run/bpf.h"
#include "run/handover.h"
#include "run/refusal.h"
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

static void trial_end(struct daemon *d)
{
	trial_free(take_ptr(d->trial));
	config_delete(take_ptr(d->tried));
	d->attempt = NULL;
}

static void on_tried(void *data, const char *flag, const char *sentence)
{
	struct daemon *d = data;

	bool client = d->attempt != &d->reload.attempt;

	if (sentence) {
		if (client)
			log_notice("grpc", "a client's configuration does not start: %s%s%s", flag,
				   *flag ? ": " : "", sentence);
		d->attempt->refused(d->attempt, flag, sentence);
	} else {
		log_notice("xtcp2", "%s: starting over with it",
			   client ? "a client sent a new configuration" : "the configuration has changed");
		d->attempt->taken(d->attempt, d->tried);
		d->successor = take_ptr(d->tried);
		loop_stop(d->loop);
	}
	trial_end(d);
}

int control_reconfigure(struct daemon *d, struct config *config, struct backend_attempt *attempt)
{
	struct handover left = HANDOVER_NOTHING;

	if (d->trial || d->successor)
		return -EBUSY;
	sockets_lend(&d->sockets, &left);
	bpf_lend(&d->source, &left);
	d->trial = trial_start(d->loop, config, &left, d->name, on_tried, d);
	if (!d->trial)
		return -errno;
	d->tried = config;
	d->attempt = attempt;
	return 0;
}

static int reconfigure(void *data, struct config *config, struct backend_attempt *attempt)
{
	return control_reconfigure(data, config, attempt);
}

static void give_up(void *data, struct backend_attempt *attempt)
{
	struct daemon *d = data;

	if (d->attempt == attempt)
		trial_end(d);
}

void control_set_tap(struct daemon *d, enum tap_user user, struct poll_tap *tap)
{
	struct poll_tap *all = taps_set(&d->taps, user, tap);

	poll_set_tap(d->poll, all);
	close_sender_set_tap(d->close_sender, all);
}

static void set_tap(void *data, struct poll_tap *tap)
{
	control_set_tap(data, TAP_GRPC, tap);
}

/* Refuse the option at the start of the sentence ("-grpcTlsKey /etc/key: Permission denied"), or
 * -grpcPort. */
static int refuse_server(char *sentence)
{
	size_t end = strcspn(sentence, " :");

	if (sentence[0] != '-' || !sentence[end])
		return refuse("grpcPort", ": %s", sentence);
	char separator[] = {sentence[end], '\0'};
	sentence[end] = '\0';
	return refuse(sentence + 1, "%s%s", separator, sentence + end + 1);
}

int control_start(struct daemon *d)
{
	int unix_fd = sockets_copy(&d->sockets, SOCKET_UNIX);
	const struct tls_options tls = {
	    .cert = d->config->grpc_tls_cert,
	    .key = d->config->grpc_tls_key,
	    .ca = d->config->grpc_tls_client_ca,
	};
	const struct grpc_server_options options = {
	    .listen = d->config->grpc_port && d->config->grpc_listen[0] ? d->config->grpc_listen : NULL,
	    .port = d->config->grpc_port,
	    .listen_fd = sockets_copy(&d->sockets, SOCKET_TCP),
	    /* If there is no descriptor, sockets_open() has logged why. */
	    .socket = unix_fd >= 0 ? d->config->grpc_socket : "",
	    .socket_fd = unix_fd,
	    .socket_needed = true,
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
	    .give_up = give_up,
	    .set_tap = set_tap,
	    .ready = daemon_ready,
	};
	char error[400];

	if (!options.listen && !options.socket[0])
		return 0;
	d->grpc = grpc_server_new(d->loop, &d->control, &options, error, sizeof(error));
	return d->grpc ? 0 : refuse_server(error);
}

/* The time limit for sending queued data to clients at the end. */
#define DRAIN_MS 1000

void control_end(struct daemon *d)
{
	grpc_server_free(d->grpc, DRAIN_MS);
	/* That of a client is gone with it; that of a signal is not. */
	trial_end(d);
}
