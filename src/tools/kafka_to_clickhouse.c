/* SPDX-License-Identifier: MIT */
#include "tools/reference.h"

int main(int argc, char **argv)
{
	return reference_main(
	    REFERENCE_KAFKA,
	    "kafka_to_clickhouse [FLAGS]: sends envelopes to a Kafka topic that ClickHouse reads.", argc,
	    argv);
}
