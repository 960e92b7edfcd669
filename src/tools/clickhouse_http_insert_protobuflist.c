/* SPDX-License-Identifier: MIT */
#include "tools/reference.h"

int main(int argc, char **argv)
{
	return reference_main(REFERENCE_HTTP,
			      "clickhouse_http_insert_protobuflist [FLAGS]: inserts envelopes over "
			      "ClickHouse's HTTP interface.",
			      argc, argv);
}
