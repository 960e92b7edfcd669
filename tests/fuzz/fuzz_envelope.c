/* SPDX-License-Identifier: MIT */
/*
 * The body of a Kafka message, as consumers of the topic read it. Each row is written in every format,
 * and read back from its own wire bytes.
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "record/encoder.h"
#include "record/wire_decode.h"

/* Most rows written: enough for a message of the topic's limit, without slow inputs. */
#define ROWS_MAX 64

static void check_row(const struct record *r)
{
	static struct buf wire;
	struct record again;

	fuzz_write_record(r);
	buf_reset(&wire);
	wire_encode(&wire, r);
	int rc = wire_decode(&again, (struct str){(const char *)wire.data, (uint32_t)wire.len});
	assert(buf_ok(&wire) && rc == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope_reader e = envelope_of((struct str){(const char *)data, (uint32_t)size});
	struct record r;

	for (unsigned rows = 0; rows < ROWS_MAX && envelope_next(&e, &r); rows++)
		check_row(&r);
	/* Decode the bytes as one row, as gRPC streams them: the decoder is then reached by shorter
	 * inputs. */
	if (wire_decode(&r, (struct str){(const char *)data, (uint32_t)size}) == 0)
		check_row(&r);
	return 0;
}
