/* SPDX-License-Identifier: MIT */
#include "run/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/input.h"
#include "base/log.h"
#include "enrich/asn.h"
#include "poll/shipper.h"
#include "run/facts.h"
#include "run/ledger.h"
#include "run/setup.h"
#include "run/syscalls.h"
#include "source/capture.h"
#include "stats/stats.h"

static bool is_damaged(const struct replay_result *r)
{
	return r->damaged || r->decode.short_messages || r->decode.bad_family || r->decode.bad_attributes;
}

/* Log the contents of the file and the number of records that the stopped destination has taken. */
static void report(const char *path, const struct replay_result *r, const struct dest *dest)
{
	log_info("replay", "%s: %llu packets, %llu messages, %llu records, %llu sent to %s", path,
		 (unsigned long long)r->packets, (unsigned long long)r->messages,
		 (unsigned long long)r->records, (unsigned long long)stat_get(STAT_DEST_SENT_RECORDS),
		 dest_public_name(dest));
	if (is_damaged(r))
		log_warn("replay",
			 "%s is damaged: %llu packets or messages cut short, %llu too short for a socket, "
			 "%llu of an unknown family, %llu bad attributes",
			 path, (unsigned long long)r->damaged, (unsigned long long)r->decode.short_messages,
			 (unsigned long long)r->decode.bad_family,
			 (unsigned long long)r->decode.bad_attributes);
	if (r->decode.unknown_attributes || r->decode.info_tails)
		log_notice("replay",
			   "%s comes from a newer kernel: %llu unknown attributes, %llu longer tcp_info",
			   path, (unsigned long long)r->decode.unknown_attributes,
			   (unsigned long long)r->decode.info_tails);
}

/* Replay f into the started destination. 0 or -errno, logged. */
static int replay_into(const struct config *config, FILE *f, const struct source_config *source,
		       struct dest *dest, struct replay_result *result)
{
	char error[512] = "";
	struct shipper shipper;
	_cleanup_free_ struct record *record = calloc(1, sizeof(*record));

	if (!record || shipper_init(&shipper, config, dest, error, sizeof(error)) < 0) {
		log_err("replay", "%s", record ? error : "no memory");
		return -EINVAL;
	}
	record_constants(record, config);
	record->hostname = str_of(config->hostname); /* the capture's host is not this one */
	record->run_id = 0;			     /* the same capture gives the same records */
	struct asn *asn;
	int r = facts_asn_open(config, &asn);
	if (r == 0)
		r = shipper_set_asn(&shipper, asn);
	if (r == 0)
		r = replay_stream(f, config->replay, &source->decode, record, &shipper.sink, result, error,
				  sizeof(error));
	shipper_flush(&shipper);
	shipper_free(&shipper);
	asn_free(asn);
	if (r < 0)
		log_err("replay", "%s", error[0] ? error : strerror(-r));
	return r;
}

/* Open the files that may need root, and drop all privileges before untrusted bytes are read. */
static FILE *replay_open(const struct config *config, const struct privilege_user *user, struct dest *dest)
{
	FILE *f = input_fopen(config->replay);

	if (!f) {
		log_err("replay", "%s: %s", config->replay, input_strerror(errno));
		return NULL;
	}
	dest_prepare(dest, user->uid, user->gid, -1);
	if (setup_capture_directory(config, user) == 0 && setup_no_privileges(config, user) == 0 &&
	    syscalls_restrict(config->seccomp, false) == 0)
		return f;
	fclose(f);
	return NULL;
}

int replay_run(const struct config *config)
{
	struct source_config source = {0};
	struct privilege_user user;

	if (setup_source(config, &source) < 0 || facts_check(config) < 0 || setup_user(config, &user) < 0)
		return 2;
	struct dest *dest = setup_dest(config);
	if (!dest)
		return 2;
	struct replay_result result = {0};
	int status = 1;
	_cleanup_fclose_ FILE *f = replay_open(config, &user, dest);
	int r = f ? dest_start(dest) : 0;
	if (r < 0) {
		log_err("replay", "cannot start the destination: %s", strerror(-r));
	} else if (f) {
		r = replay_into(config, f, &source, dest, &result);
		bool left = dest_stop(dest, clock_mono_ns() + config->flush_timeout_ns) > 0;
		if (r == 0)
			report(config->replay, &result, dest);
		if (left)
			log_err("replay", "%llu records did not reach %s within -flushTimeout",
				(unsigned long long)stat_get(STAT_RECORDS_DEADLINE), dest_public_name(dest));
		if (ledger_verdict(dest)[0])
			log_warn("replay", "%llu lost%s", (unsigned long long)ledger_lost(),
				 ledger_verdict(dest));
		/* The intact records of a damaged capture were sent; the exit status reports the missing ones. */
		status = r < 0 || is_damaged(&result) ? 1 : ledger_status(dest);
	}
	dest_free(dest);
	return status;
}
