/* SPDX-License-Identifier: MIT */
#ifndef RUN_FACTS_H
#define RUN_FACTS_H
/* The parts that read facts about the host for its records: uplinks. Main thread. */

struct daemon;

int daemon_uplinks_start(struct daemon *d);
void daemon_uplinks_stop(struct daemon *d);

#endif
