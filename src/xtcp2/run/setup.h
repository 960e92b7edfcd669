/* SPDX-License-Identifier: MIT */
#ifndef RUN_SETUP_H
#define RUN_SETUP_H
/* Conversion of configuration strings. Functions return 0 or -errno and report user errors to refuse(). */
#include "base/privilege.h"
#include "config/config.h"
#include "dest/dest.h"
#include "netns/netns.h"
#include "source/source.h"

/* Parse -deserializers and -states. */
int setup_source(const struct config *config, struct source_config *source);

/* Parse -marshal, -columns and -dest; return NULL if they are refused. */
struct dest *setup_dest(const struct config *config);

/*
 * Determine the user to run as: the current one, unless the daemon was started as
 * root. Files made before setup_privileges() and used or removed after it must
 * belong to this user.
 */
int setup_user(const struct config *config, struct privilege_user *user);

/* Create the directory of captures for the user if captures are enabled and it is missing. */
int setup_capture_directory(const struct config *config, const struct privilege_user *user);
/* Create it again if it is gone, with the privileges that are left. Failure is logged. */
void setup_capture_again(const struct config *config);

/*
 * Log missing capabilities and their effect, become the user, drop all capabilities
 * that are not needed, and set own_only if other namespaces cannot be entered. Call
 * this before threads are started.
 */
int setup_privileges(const struct config *config, const struct privilege_user *user,
		     struct netns_options *options);

/* Like setup_privileges(), but keep no capability. */
int setup_no_privileges(const struct config *config, const struct privilege_user *user);

#endif
