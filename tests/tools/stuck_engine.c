/* SPDX-License-Identifier: MIT */
/*
 * A libchdb.so that answers every statement with nothing and never closes its first connection, as the engine does while a
 * consumer of Kafka waits for brokers that are gone.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define ANSWERS(type, name, value)    \
	type chdb_##name(void);       \
	type chdb_##name(void)        \
	{                             \
		return (type)(value); \
	}

/* Handles that nobody looks into. */
static char result, connections[64], *handles[64];
static size_t count;

ANSWERS(void *, query_with_params_n, &result)
ANSWERS(void *, stream_query_with_params_n, &result)
ANSWERS(void *, stream_fetch_result, &result)
ANSWERS(void, stream_cancel_query, 0)
ANSWERS(void *, stream_insert_with_params_n, NULL)
ANSWERS(int, stream_append, 0)
ANSWERS(void *, stream_done, &result)
ANSWERS(void, stream_cancel_insert, 0)
ANSWERS(const char *, stream_insert_error, NULL)
ANSWERS(void, destroy_insert_stream, 0)
ANSWERS(void, destroy_query_result, 0)
ANSWERS(const char *, result_buffer, "")
ANSWERS(size_t, result_length, 0)
ANSWERS(double, result_elapsed, 0)
ANSWERS(uint64_t, result_storage_rows_read, 0)
ANSWERS(uint64_t, result_storage_bytes_read, 0)
ANSWERS(uint64_t, result_rows_written, 0)
ANSWERS(uint64_t, result_bytes_written, 0)
ANSWERS(const char *, result_error, NULL)
ANSWERS(int, classify_query_n, 1)
ANSWERS(void, set_signal_handlers_enabled, 0)
ANSWERS(int, shutdown, 0)

void *chdb_connect(void);
void *chdb_connect(void)
{
	size_t i = count++ % 64;

	handles[i] = &connections[i];
	return &handles[i];
}

void chdb_close_conn(void *connection);
void chdb_close_conn(void *connection)
{
	if (connection != &handles[0])
		return;
	fputs("engine: does not close\n", stderr);
	for (;;)
		pause();
}
