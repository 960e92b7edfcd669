/* SPDX-License-Identifier: MIT */
#include "tools/reference.h"

int main(int argc, char **argv)
{
	return reference_main(REFERENCE_HTTP_VERIFY,
			      "clickhouse_protobuflist_db [FLAGS]: inserts envelopes over HTTP and counts "
			      "the rows in the table.",
			      argc, argv);
}
