/* SPDX-License-Identifier: MIT */
#ifndef RUN_SECTIONS_H
#define RUN_SECTIONS_H
/* The lists of the later stages (destinations, formats) for -help, the man page and the completions. */
#include "config/doc.h"

/* Return the lists, which end with title NULL. Static storage, filled at the first call; start-up only. */
const struct doc_section *help_sections(void);

#endif
