/* SPDX-License-Identifier: MIT */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H
/*
 * jsonl: one object a record and line, for people and jq. Names are those of
 * fields.def; every field that is known is there, zeros included, and what is
 * not known is left out. Numbers are numbers (64-bit ones too), timestamp_ns is
 * an integer, addresses and states and the congestion enum are text, bytes hex.
 *
 * protoJson: the canonical JSON of proto3, one Envelope a line: lowerCamelCase
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
