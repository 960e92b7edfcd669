/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_RECORDING_H
#define CLICKHOUSE_RECORDING_H
/*
 * Recordings that the engine's function file() cannot read: in the format ProtobufList it takes a file for one envelope, and
 * does not end when there are more.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * Return whether the statement reads such a file, and append a sentence about it to error. Only file('PATH', ProtobufList) with an
 * absolute path of one file is recognised. Opens the file; does not block.
 */
bool recording_is_read(struct str statement, struct buf *error);

#endif
