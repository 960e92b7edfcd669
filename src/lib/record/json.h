/* SPDX-License-Identifier: MIT */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H
/*
 * jsonl: one object per record and line, for people and jq. Names are those of
 * fields.def. Every known field is written, zeros included; unknown fields are
 * omitted. Numbers are numbers (64-bit ones too), timestamp_ns is an integer,
 * addresses, states and the congestion enum are text, bytes are hex.
 *
 * protoJson: the canonical JSON of proto3, one Envelope per line: lowerCamelCase
 * names, zero values left out, 64-bit numbers as strings, bytes as base64.
 * Internal to the record stage.
 */
#include "record/encoder.h"

void jsonl_begin(struct encoder *e, struct buf *b);
void jsonl_row(struct encoder *e, struct buf *b, const struct record *r);
void jsonl_end(struct encoder *e, struct buf *b);

void proto_json_begin(struct encoder *e, struct buf *b);
void proto_json_row(struct encoder *e, struct buf *b, const struct record *r);
void proto_json_end(struct encoder *e, struct buf *b);

#endif
