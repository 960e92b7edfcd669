-- SPDX-License-Identifier: MIT
-- The way in over Kafka. The macros kafka_brokers, kafka_topic and kafka_group come from
-- the server's configuration (<macros>; xtcp2-clickhouse sets them from its flags).

-- A Kafka table cannot get a column, and holds nothing: xtcp2-clickhouse drops the one of an earlier version and its views before
-- it runs these statements. Elsewhere, do so by hand (docs/upgrading.md). The group's offsets are at the brokers.
-- A message is one envelope of 100 to 10,000 rows. The block is kept small because the
-- engine sets aside room for a full block of each column: with its default of 65,505 rows
-- that is gigabytes. A poll takes few messages at a time for the same reason: behind a
-- backlog, a thousand of 768 KiB would be held at once. kafka_schema names the row, not the envelope, and without the package.
-- The columns are those of the other way in.
CREATE TABLE IF NOT EXISTS xtcp.xtcp_flat_records_kafka AS xtcp.xtcp_flat_records_in
ENGINE = Kafka
SETTINGS
    kafka_broker_list = '{kafka_brokers}',
    kafka_topic_list = '{kafka_topic}',
    kafka_group_name = '{kafka_group}',
    kafka_format = 'ProtobufList',
    kafka_schema = 'xtcp_flat_record.proto:XtcpFlatRecord',
    kafka_num_consumers = 1,
    kafka_max_block_size = 1024,
    kafka_poll_max_batch_size = 16,
    kafka_flush_interval_ms = 2000,
    kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_flat_records_mv TO xtcp.xtcp_flat_records AS
SELECT * REPLACE (fromUnixTimestamp64Nano(timestamp_ns, 'UTC') AS timestamp_ns)
FROM xtcp.xtcp_flat_records_kafka
WHERE empty(_error) AND schema_version <= 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_flat_records_newer_mv TO xtcp.xtcp_flat_records_newer AS
SELECT * REPLACE (fromUnixTimestamp64Nano(timestamp_ns, 'UTC') AS timestamp_ns)
FROM xtcp.xtcp_flat_records_kafka
WHERE empty(_error) AND schema_version > 1;

-- The messages that could not be read; 10-records.sql has their table.
CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_flat_records_errors_mv TO xtcp.xtcp_flat_records_errors AS
SELECT
    _topic AS topic,
    _partition AS partition,
    _offset AS offset,
    _error AS error,
    _raw_message AS raw
FROM xtcp.xtcp_flat_records_kafka
WHERE notEmpty(_error);
