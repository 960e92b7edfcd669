/* SPDX-License-Identifier: MIT */
#ifndef VMRUN_CRC32C_H
#define VMRUN_CRC32C_H
/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4): the check sum of result records
 * and artifacts. Start with 0 and feed pieces in order: crc32c(crc32c(0, a), b)
 * equals the sum over a followed by b. Not thread-safe on its first call.
 */
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t n);

#endif
