/* SPDX-License-Identifier: MIT */
#include "tools/reference.h"

int main(int argc, char **argv)
{
	return reference_main(REFERENCE_STDOUT,
			      "clickhouse_protobuflist [FLAGS]: writes envelopes to standard output.", argc,
			      argv);
}
