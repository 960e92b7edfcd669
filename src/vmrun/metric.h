/* SPDX-License-Identifier: MIT */
#ifndef XTCP2_VMRUN_METRIC_H
#define XTCP2_VMRUN_METRIC_H

/*
 * Numbers of a daemon's /metrics, for checks that wait for one to grow: one process that asks again and again, where a shell
 * would begin several for each question.
 */

#include <stddef.h>

/*
 * Sum the samples of the metric in a text in Prometheus' format: those whose labels contain each of the texts of `labels`, which
 * ends with NULL. 0 without any.
 */
double metric_sum(const char *text, const char *name, char *const *labels);

/*
 * Ask http://ADDRESS/metrics, ADDRESS such as 127.0.0.1:9088, until the sum is above the bound. Blocks without a limit: who calls
 * has one. Return 0, or -EINVAL for no address.
 */
int metric_wait_above(const char *address, double bound, const char *name, char *const *labels);

#endif
