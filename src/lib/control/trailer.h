/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_TRAILER_H
#define CONTROL_TRAILER_H

/* The trailer of a stream of records that counts those the client had no room for. */
#define RECORD_MISSED_TRAILER "xtcp2-missed-records"

#endif
