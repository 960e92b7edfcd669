-- SPDX-License-Identifier: MIT
-- The state of the path over Kafka, as one line: rows stored, network namespaces in them, messages
-- that could not be read, exceptions of the consumers (the engine keeps the last ten of each),
-- messages they have read, and the first line of a newest exception.
SELECT
    (SELECT count() FROM xtcp.xtcp_flat_records) + (SELECT count() FROM xtcp.xtcp_flat_records_newer) AS rows,
    (SELECT uniqExact(netns_cookie) FROM xtcp.xtcp_flat_records) AS namespaces,
    (SELECT count() FROM xtcp.xtcp_flat_records_errors) AS errors,
    (SELECT sum(length(exceptions.text)) FROM system.kafka_consumers) AS exceptions,
    (SELECT sum(num_messages_read) FROM system.kafka_consumers) AS messages,
    (SELECT max(splitByChar('\n', exceptions.text[-1])[1]) FROM system.kafka_consumers) AS exception
FORMAT TabSeparated
