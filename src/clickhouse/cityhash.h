/* SPDX-License-Identifier: MIT */
#ifndef CLICKHOUSE_CITYHASH_H
#define CLICKHOUSE_CITYHASH_H
/*
 * CityHash128 as of its version 1.0.2, which ClickHouse has kept for the checksums of
 * its compressed blocks; later versions of CityHash give other values. Pure.
 */
#include <stddef.h>
#include <stdint.h>

struct hash128 {
	uint64_t low, high;
};

struct hash128 cityhash128(const void *data, size_t len);

#endif
