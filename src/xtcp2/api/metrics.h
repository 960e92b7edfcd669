/* SPDX-License-Identifier: MIT */
#ifndef API_METRICS_H
#define API_METRICS_H
/*
 * stats.def as Prometheus text or OpenMetrics: the documented families (xtcp2_...), those of the
 * sockets (xtcp2_tcp_..., tally/figures.def), process figures (resident memory, CPU, descriptors,
 * threads: process_...), build information, and the compatibility family
 * xtcp_counts{function,variable,type}.
 */
#include <stdbool.h>

#include "base/buf.h"

struct tally;

/* Append the whole document. tally: NULL for none. Main thread. */
void metrics_render(struct buf *b, const struct tally *tally, bool openmetrics);

#endif
