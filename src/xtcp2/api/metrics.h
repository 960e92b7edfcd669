/* SPDX-License-Identifier: MIT */
#ifndef API_METRICS_H
#define API_METRICS_H
/*
 * stats.def as Prometheus text: the documented families (xtcp2_...), process
 * figures (resident memory, CPU, descriptors, threads: process_...), build
 * information, and the compatibility family xtcp_counts{function,variable,type}.
 */
#include "base/buf.h"

void metrics_render(struct buf *b);

#endif
