/* SPDX-License-Identifier: MIT */
#ifndef RUN_STATE_H
#define RUN_STATE_H
/* The daemon's parts, shared by the files of this folder. Main thread only. */
#include "api/grpc_server.h"
#include "api/http.h"
#include "base/loop.h"
#include "enrich/attribute.h"
#include "enrich/cri.h"
#include "enrich/docker.h"
#include "poll/close_sender.h"
#include "poll/poll.h"
#include "run/directories.h"
#include "run/reload.h"
#include "run/setup.h"
#include "run/sockets.h"
#include "run/taps.h"
#include "run/trial.h"
#include "run/web.h"

struct daemon {
	struct config *config;
	struct loop *loop;
	struct loop_watch signals, watchdog, reconcile, dest_ended;
	struct source_config source;
	const struct source_ops *reads; /* the source that does, of source_table ... */
	const char *source_name;	/* ... and its name there */
	struct privilege_user user;	/* the user it becomes once everything is open */
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
	struct attributor attributor; /* what is NULL is not asked for */
	struct tally *tally;	      /* NULL without -promListen, and with -promLabels off */
	struct docker *docker;	      /* NULL without -enrichContainer */
	struct cri *cri;	      /* NULL without places, or without -criSocket */
	struct web web;
	struct grpc_server *grpc;
	struct taps taps;
	struct grpc_backend control; /* the functions that the gRPC server calls */
	struct handover *received;   /* from the previous process; borrowed */
	char *name;		     /* argv[0], to start over with; borrowed */
	struct sockets sockets;	     /* the listening sockets of the servers */
	struct trial *trial;	     /* of the configuration `tried`, for `attempt`; NULL for none */
	struct config *tried;	     /* owned */
	struct backend_attempt *attempt;
	struct reload reload;
	struct config *successor; /* the configuration for the next process; owned; NULL for none */
	uint64_t loops;
	size_t started;	 /* number of parts whose start function was called */
	bool trial_only; /* -check: has no effect outside this process */
	bool up;	 /* all parts have started */
	int undelivered; /* exit status by the ledger, at the end */
	bool scan_due;	 /* a directory changed while a cycle ran */
};

#endif
