/* SPDX-License-Identifier: MIT */
#ifndef RUN_SETUP_H
#define RUN_SETUP_H
/* From the configuration's texts to what the parts take. All messages go to the log; 0 or -errno. */
#include "config/config.h"
#include "dest/dest.h"
#include "netns/netns.h"
#include "source/source.h"

/* Fills in the host name when it is empty. */
int setup_hostname(struct config *config);

/* Parses -deserializers and -states. */
int setup_source(const struct config *config, struct source_config *source);

/* Parses -dest; NULL with a sentence in the log. */
struct dest *setup_dest(const struct config *config);

/*
 * Says which capabilities are missing and what that costs, drops all that are
 * not needed, and sets own_only when other namespaces cannot be entered.
 */
int setup_privileges(const struct config *config, struct netns_options *options);

/* Raises the limit of open files to the hard limit: one a namespace is needed. */
void setup_file_limit(void);

#endif
