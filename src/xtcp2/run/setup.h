/* SPDX-License-Identifier: MIT */
#ifndef RUN_SETUP_H
#define RUN_SETUP_H
/* From the configuration's texts to what the parts take. 0 or -errno; what a user got wrong goes to refuse(). */
#include "base/privilege.h"
#include "config/config.h"
#include "dest/dest.h"
#include "netns/netns.h"
#include "source/source.h"

/* Fills in the host name when it is empty. */
int setup_hostname(struct config *config);

/* Parses -deserializers and -states. */
int setup_source(const struct config *config, struct source_config *source);

/* Parses -marshal, -columns and -dest; NULL when they are refused. */
struct dest *setup_dest(const struct config *config);

/*
 * Finds who the daemon is to run as: the user it has, unless it was started as
 * root. What is made before setup_privileges() and used or removed after it
 * has to belong to this user.
 */
int setup_user(const struct config *config, struct privilege_user *user);

/* Makes the directory of captures, for the user, when captures are asked for and it is missing. */
int setup_capture_directory(const struct config *config, const struct privilege_user *user);

/*
 * Says which capabilities are missing and what that costs, becomes the user,
 * drops all that is not needed, and sets own_only when other namespaces cannot
 * be entered. Before threads are started.
 */
int setup_privileges(const struct config *config, const struct privilege_user *user,
		     struct netns_options *options);

/* The same for work that needs no capability at all. */
int setup_no_privileges(const struct config *config, const struct privilege_user *user);

#endif
