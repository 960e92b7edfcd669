/* SPDX-License-Identifier: MIT */
#include "vmrun/crc32c.h"

#include <stdbool.h>

/* The reflected Castagnoli polynomial. */
#define CRC32C_POLY UINT32_C(0x82f63b78)

/* Four tables process four bytes per step: a kernel image takes some 10 ms. */
#define CRC32C_TABLES 4

static uint32_t table[CRC32C_TABLES][256];
static bool ready;

static void fill(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ CRC32C_POLY : c >> 1;
		table[0][i] = c;
	}
	for (int t = 1; t < CRC32C_TABLES; t++) {
		for (uint32_t i = 0; i < 256; i++)
			table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
	}
	ready = true;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;

	if (!ready)
		fill();
	crc = ~crc;
	for (; n >= 4; n -= 4, p += 4) {
		crc ^= p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^ table[1][crc >> 16 & 0xff] ^
		      table[0][crc >> 24];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
