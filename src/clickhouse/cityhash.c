/* SPDX-License-Identifier: MIT */
#include "clickhouse/cityhash.h"

#include <endian.h>
#include <string.h>

/* The constants of CityHash: primes between 2^63 and 2^64. */
#define K0   UINT64_C(0xc3a5c85c97cb3127)
#define K1   UINT64_C(0xb492b66fbe98f273)
#define K2   UINT64_C(0x9ae16a3b2f90404f)
#define K3   UINT64_C(0xc949d7c7509e6557)
#define KMUL UINT64_C(0x9ddfea08eb382d69)

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* Rotate right by 1 to 63 bits. */
static uint64_t rotate(uint64_t v, unsigned by)
{
	return v >> by | v << (64 - by);
}

static uint64_t mix(uint64_t v)
{
	return v ^ v >> 47;
}

/* 16 bytes to 8: the Murmur-inspired hash of CityHash. */
static uint64_t fold(uint64_t low, uint64_t high)
{
	uint64_t a = mix((low ^ high) * KMUL), b = mix((high ^ a) * KMUL);

	return b * KMUL;
}

/* The hash of 0 to 16 bytes. */
static uint64_t hash_short(const uint8_t *p, size_t len)
{
	if (len > 8) {
		uint64_t a = load64(p), b = load64(p + len - 8);
		return fold(a, rotate(b + len, (unsigned)len)) ^ b;
	}
	if (len >= 4)
		return fold(len + ((uint64_t)load32(p) << 3), load32(p + len - 4));
	if (len > 0) {
		uint32_t y = p[0] + ((uint32_t)p[len >> 1] << 8);
		uint32_t z = (uint32_t)len + ((uint32_t)p[len - 1] << 2);
		return mix(y * K2 ^ z * K3) * K2;
	}
	return K2;
}

/* 32 bytes and two seeds to 16 bytes. */
static struct hash128 weak(const uint8_t *p, uint64_t a, uint64_t b)
{
	uint64_t w = load64(p), x = load64(p + 8), y = load64(p + 16), z = load64(p + 24);
	uint64_t first = a + w;

	b = rotate(b + first + z, 21);
	a = first + x + y;
	b += rotate(a, 44);
	return (struct hash128){a + z, b + first};
}

/* The hash of fewer than 128 bytes. */
static struct hash128 hash_murmur(const uint8_t *p, size_t len, struct hash128 seed)
{
	uint64_t a = seed.low, b = seed.high, c, d;

	if (len <= 16) {
		a = mix(a * K1) * K1;
		c = b * K1 + hash_short(p, len);
		d = mix(a + (len >= 8 ? load64(p) : c));
	} else {
		c = fold(load64(p + len - 8) + K1, a);
		d = fold(b + len, c + load64(p + len - 16));
		a += d;
		for (size_t at = 0; at + 16 < len || at == 0; at += 16) {
			a = (a ^ mix(load64(p + at) * K1) * K1) * K1;
			b ^= a;
			c = (c ^ mix(load64(p + at + 8) * K1) * K1) * K1;
			d ^= c;
		}
	}
	a = fold(a, c);
	b = fold(d, b);
	return (struct hash128){a ^ b, fold(b, a)};
}

/* 56 bytes of state. */
struct state {
	struct hash128 v, w;
	uint64_t x, y, z;
};

static void take64(struct state *s, const uint8_t *p)
{
	s->x = rotate(s->x + s->y + s->v.low + load64(p + 16), 37) * K1;
	s->y = rotate(s->y + s->v.high + load64(p + 48), 42) * K1;
	s->x ^= s->w.high;
	s->y ^= s->v.low;
	s->z = rotate(s->z ^ s->w.low, 33);
	s->v = weak(p, s->v.high * K1, s->x + s->w.low);
	s->w = weak(p + 32, s->z + s->w.high, s->y);
	uint64_t z = s->z;
	s->z = s->x;
	s->x = z;
}

/* The hash of 128 bytes and more. */
static struct hash128 hash_long(const uint8_t *p, size_t len, struct hash128 seed)
{
	struct state s = {.x = seed.low, .y = seed.high, .z = len * K1};
	size_t at = 0;

	s.v.low = rotate(s.y ^ K1, 49) * K1 + load64(p);
	s.v.high = rotate(s.v.low, 42) * K1 + load64(p + 8);
	s.w.low = rotate(s.y + s.z, 35) * K1 + s.x;
	s.w.high = rotate(s.x + load64(p + 88), 53) * K1;
	for (; len - at >= 128; at += 128) {
		take64(&s, p + at);
		take64(&s, p + at + 64);
	}
	s.y += rotate(s.w.low, 37) * K0 + s.z;
	s.x += rotate(s.v.low + s.z, 49) * K0;
	/* The rest in pieces of 32 bytes from the end, the last of which may reach back. */
	for (size_t done = 0; done < len - at;) {
		done += 32;
		s.y = rotate(s.y - s.x, 42) * K0 + s.v.high;
		s.w.low += load64(p + len - done + 16);
		s.x = rotate(s.x, 49) * K0 + s.w.low;
		s.w.low += s.v.low;
		s.v = weak(p + len - done, s.v.low, s.v.high);
	}
	s.x = fold(s.x, s.v.low);
	s.y = fold(s.y, s.w.low);
	return (struct hash128){fold(s.x + s.v.high, s.w.high) + s.y, fold(s.x + s.w.high, s.y + s.v.high)};
}

struct hash128 cityhash128(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len >= 16) {
		struct hash128 seed = {load64(p) ^ K3, load64(p + 8)};
		return len - 16 < 128 ? hash_murmur(p + 16, len - 16, seed)
				      : hash_long(p + 16, len - 16, seed);
	}
	if (len >= 8)
		return hash_murmur(p, 0, (struct hash128){load64(p) ^ len * K0, load64(p + len - 8) ^ K1});
	return hash_murmur(p, len, (struct hash128){K0, K1});
}
