/* SPDX-License-Identifier: MIT */
/* xtcp2 ss: one look at the sockets. Exit status: 0 read, 1 nothing could be read or written, 2 bad usage. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/flags.h"
#include "filter/filter.h"
#include "look/look.h"
#include "look/output.h"
#include "look/reader.h"
#include "record/states.h"

/* As ss(8) without flags: connections, not listeners, and not those that only the kernel still holds. */
#define STATES_SHOWN "established,syn_sent,fin_wait1,fin_wait2,close_wait,last_ack,closing"

static const char usual_columns[] =
    "state,owner,netns,container,local,remote,rtt,retrans,sendq,recvq,cwnd,cc";
static const char usual_order[] = "remote,local,state,owner,rtt,retrans,sendq,recvq,netns,container,cwnd,cc";

static bool all, listening, kernel = true;
static struct output_options output = {.format = "auto",
				       .columns = "",
				       .sort = "",
				       .group = "",
				       .usual = usual_columns,
				       .usual_order = usual_order};
static const char *directories = "/run/netns,/run/docker/netns", *docker_socket = "/run/docker.sock";

static const struct flag flags[] = {
    {"a", FLAG_BOOL, &all, "sockets in every state"},
    {"l", FLAG_BOOL, &listening, "listening sockets only"},
    OUTPUT_FLAGS(output),
    {"kernelFilter", FLAG_BOOL, &kernel, "let the kernel leave out what the filter does not take"},
    {"netnsDirs", FLAG_FILE, &directories, "directories where namespaces are bind-mounted, comma-separated"},
    {"dockerSocket", FLAG_FILE, &docker_socket,
     "UNIX socket of the Docker or Podman API, for names of containers; empty for none"},
    {0},
};

/* A filter that speaks of states has the last word about them. */
static uint32_t states_of(const struct filter *filter)
{
	const char *names = listening				 ? "listen"
			    : all || filter_names_states(filter) ? "default"
								 : STATES_SHOWN;
	uint32_t states = 0;
	char bad[64];

	tcp_states_parse(names, &states, bad, sizeof(bad));
	return states;
}

static int take(void *data, struct record *record)
{
	return output_record(data, record);
}

static int look(const char *text, const struct filter *filter)
{
	struct reader_options options = {.program = "xtcp2 ss",
					 .filter = text,
					 .directories = directories,
					 .docker = docker_socket,
					 .states = states_of(filter),
					 .kernel = kernel};
	char error[512];
	struct output *o = output_new(&output, "xtcp2 ss", error, sizeof(error));

	if (!o) {
		fprintf(stderr, "xtcp2 ss: %s\n", error);
		return 2;
	}
	struct reader *reader = reader_new(&options);
	int r = reader ? reader_poll(reader, take, o) : -1;
	bool written = output_end(o);
	output_free(o);
	reader_free(reader);
	return r < 0 || !written;
}

int look_ss(int argc, char **argv)
{
	_cleanup_buf_ struct buf words = {0};
	char error[512];

	signal(SIGPIPE, SIG_IGN); /* a reader that has enough (head) is a normal end */
	argv[0] = "xtcp2 ss";
	flags_parse_words(flags, argc, argv, "prints the TCP sockets of all network namespaces of this host",
			  "[FILTER]", &words);
	const char *text = words.len ? buf_cstr(&words) : "";
	struct filter *filter = filter_new(text, error, sizeof(error));
	if (*error) {
		fprintf(stderr, "xtcp2 ss: filter: %s\n", error);
		return 2;
	}
	int status = look(text, filter);
	filter_free(filter);
	return status;
}
