/* SPDX-License-Identifier: MIT */
#ifndef API_EXPOSITION_H
#define API_EXPOSITION_H
/*
 * The two formats in which Prometheus reads metrics, chosen by the header Accept: the text format 0.0.4, and
 * OpenMetrics 1.0.0 (https://github.com/prometheus/OpenMetrics), which names units and families without the suffix of
 * their samples, and ends with a line of its own. Samples look the same in both.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct exposition {
	struct buf *out;
	bool openmetrics;
};

enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO,    /* a gauge in the text format */
	EXPOSITION_UNTYPED, /* "unknown" in OpenMetrics */
	EXPOSITION_MAX_
};

/* Content types of the two. */
#define EXPOSITION_TEXT_TYPE	    "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/*
 * Return whether a reader with this header Accept (NULL for none) prefers OpenMetrics to text: it names
 * application/openmetrics-text in version 1.0.0 or any, and gives text/plain no more weight. Pure.
 */
bool exposition_wants_openmetrics(const char *accept);

/*
 * Begin a family: HELP, TYPE, and UNIT for a name that ends in one. name is without the _total of a counter and the
 * _info of an info; help is ASCII without a backslash, a quote or a line feed. Its samples follow.
 */
void exposition_family(struct exposition *e, const char *name, enum exposition_type type, const char *help);

/* Append name="value" with what the format wants escaped. */
void exposition_label(struct exposition *e, const char *name, struct str value);

/* End the document. */
void exposition_end(struct exposition *e);

#endif
