/* SPDX-License-Identifier: MIT */
#ifndef RUN_FACTS_H
#define RUN_FACTS_H
/* The parts that read facts about the host for its records: uplinks, autonomous systems. Main thread. */

struct asn;
struct config;
struct daemon;

int daemon_uplinks_start(struct daemon *d);
void daemon_uplinks_stop(struct daemon *d);

/* Refuse options that the build has no library for. 0 or -EINVAL, logged. */
int facts_check(const struct config *config);

/* Set *asn to what -asnFile names, for asn_free(); NULL for nothing. 0 or -EINVAL, logged. */
int facts_asn_open(const struct config *config, struct asn **asn);
int daemon_asn_start(struct daemon *d);
void daemon_asn_stop(struct daemon *d);

#endif
