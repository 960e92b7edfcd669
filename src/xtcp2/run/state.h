/* SPDX-License-Identifier: MIT */
#ifndef RUN_STATE_H
#define RUN_STATE_H
/* The daemon's parts, shared by the files of this folder. Main thread only. */
#include "api/grpc_server.h"
#include "api/http.h"
#include "base/loop.h"
#include "enrich/docker.h"
#include "poll/close_sender.h"
#include "poll/poll.h"
#include "run/directories.h"
#include "run/setup.h"
#include "run/sockets.h"
#include "run/trial.h"

struct daemon {
	struct config *config;
	struct loop *loop;
	struct loop_watch signals, watchdog, reconcile, dest_ended;
	struct source_config source;
	struct privilege_user user; /* who it runs as once everything is open */
	struct netns_options netns;
	struct directories directories;
	struct hidden *hidden; /* NULL without -hiddenThreads and -hiddenSockets */
	struct netns_table *table;
	struct dest *dest;
	int dest_fd; /* the destination's file, for the process that follows; -1 for none */
	struct poll *poll;
	struct close_events *close_events; /* the next three: NULL without -closeEvents */
	struct known_sockets *known;
	struct close_sender *close_sender;
	struct docker *docker; /* NULL without -enrichContainer */
	struct http_server *http;
	struct grpc_server *grpc;
	struct grpc_backend control; /* what the server asks of us */
	struct handover *received;   /* from the process before; borrowed */
	char *name;		     /* argv[0], to start over with; borrowed */
	struct sockets sockets;	     /* what the servers listen on */
	struct trial *trial;	     /* of the configuration `tried`, for `attempt`; NULL for none */
	struct config *tried;	     /* owned */
	struct backend_attempt *attempt;
	struct config *successor; /* start over with this one after the way down; owned; NULL for none */
	uint64_t loops;
	size_t started;	  /* parts whose start was called */
	bool trial_only;  /* nobody is to notice this daemon */
	bool up;	  /* all parts have started */
	bool unsent;	  /* at the end, within -flushTimeout */
	bool reader_gone; /* nobody is left to ship to: what is unsent is no failure of ours */
	bool scan_due;	  /* a directory changed while a cycle ran */
};

#endif
