/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_HELP_H
#define DAEMON_HELP_H
#include "config/doc.h"

/* The destinations and the formats, from their tables, as sections of -help and its kin. Static storage. */
const struct doc_section *help_sections(void);

#endif
