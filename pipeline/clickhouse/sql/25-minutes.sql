-- SPDX-License-Identifier: MIT
-- Rollups: what is kept of records, per minute, beyond their own 14 days. Both tables are filled by every insert into
-- xtcp_flat_records, from the same few columns. docs/clickhouse.md defines the figures, docs/scale.md has the cost.

-- Connections alone: listeners have no remote port, and what is in TIME_WAIT has no tcp_info. The port is the smaller of both: clients' are large,
-- so it is the service's. The prefix is a /24, or a /48 of IPv6.
CREATE TABLE IF NOT EXISTS xtcp.xtcp_minutes_in
(
    minute DateTime('UTC'),
    hostname LowCardinality(String),
    container LowCardinality(String),
    remote IPv6,
    port UInt16,
    cookie UInt64,
    bytes_sent UInt64,
    bytes_received UInt64,
    bytes_retransmitted UInt64,
    retransmits UInt32,
    rtt UInt32
)
ENGINE = Null;

-- Counters count since a connection began: the sum over records says nothing. What a connection adds in a minute is its last
-- reading less that of its minute before. This table keeps the last reading of each connection and minute, as the maximum,
-- so that records that come twice, late or in another order change nothing.
CREATE TABLE IF NOT EXISTS xtcp.xtcp_socket_minutes
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    hostname LowCardinality(String),
    container LowCardinality(String) COMMENT 'name of the container, else its id, else netns and the namespace',
    remote IPv6 COMMENT 'prefix of the remote address' CODEC(ZSTD(1)),
    port UInt16 COMMENT 'the smaller of both ports' CODEC(ZSTD(1)),
    cookie UInt64 CODEC(Delta, ZSTD(1)),
    bytes_sent SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    bytes_received SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    bytes_retransmitted SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    retransmits SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (hostname, toStartOfHour(minute), container, remote, port, cookie, minute)
TTL toDate(minute) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, merge_selector_base = 20;

-- Round-trip times of the records of each minute and group of connections. The state is a sketch: a quantile of any sum of
-- states is off by 1 % at most.
CREATE TABLE IF NOT EXISTS xtcp.xtcp_minutes
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    hostname LowCardinality(String),
    container LowCardinality(String),
    remote IPv6 CODEC(ZSTD(1)),
    port UInt16 CODEC(ZSTD(1)),
    records SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    rtt AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (hostname, toStartOfHour(minute), container, remote, port, minute)
TTL toDate(minute) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, merge_selector_base = 20;

CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_minutes_in_mv TO xtcp.xtcp_minutes_in AS
SELECT
    toStartOfMinute(toDateTime(timestamp_ns, 'UTC')) AS minute,
    hostname,
    multiIf(container_name != '', container_name, container_id != '', left(container_id, 12), 'netns ' || netns) AS container,
    CAST(toFixedString(if(length(inet_diag_msg_socket_destination) = 16, substring(inet_diag_msg_socket_destination, 1, 6),
        unhex('00000000000000000000FFFF') || substring(inet_diag_msg_socket_destination, 1, 3)), 16), 'IPv6') AS remote,
    least(inet_diag_msg_socket_source_port, inet_diag_msg_socket_destination_port) AS port,
    inet_diag_msg_socket_cookie AS cookie,
    tcp_info_bytes_sent AS bytes_sent,
    tcp_info_bytes_received AS bytes_received,
    tcp_info_bytes_retrans AS bytes_retransmitted,
    tcp_info_total_retrans AS retransmits,
    tcp_info_rtt AS rtt
FROM xtcp.xtcp_flat_records
WHERE event < 2 AND tcp_info_len > 0 AND inet_diag_msg_socket_destination_port > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_socket_minutes_mv TO xtcp.xtcp_socket_minutes AS
SELECT * EXCEPT (rtt)
FROM xtcp.xtcp_minutes_in;

CREATE MATERIALIZED VIEW IF NOT EXISTS xtcp.xtcp_minutes_mv TO xtcp.xtcp_minutes AS
SELECT
    minute,
    hostname,
    container,
    remote,
    port,
    count() AS records,
    quantilesDDStateIf(0.01, 0.5, 0.9, 0.99)(rtt, rtt > 0) AS rtt
FROM xtcp.xtcp_minutes_in
GROUP BY minute, hostname, container, remote, port;

-- Each connection in each minute in which it has records, and what it added since its last reading, that of an earlier minute.
-- A connection without one has begun since, so all that it has is new; but in the first minute of a host nothing is, as
-- its connections are older than their records. Earlier readings are looked for in 90 minutes: -changed repeats them in 60.
CREATE OR REPLACE VIEW xtcp.minutes_by_socket AS
SELECT
    minute,
    hostname,
    container,
    remote,
    port,
    cookie,
    if(minute = first, 0, sent - if(sent_before <= sent, sent_before, 0)) AS bytes_sent,
    if(minute = first, 0, received - if(received_before <= received, received_before, 0)) AS bytes_received,
    if(minute = first, 0, resent - if(resent_before <= resent, resent_before, 0)) AS bytes_retransmitted,
    if(minute = first, 0, segments - if(segments_before <= segments, segments_before, 0)) AS retransmits
FROM
(
    SELECT
        *,
        lagInFrame(sent) OVER connection AS sent_before,
        lagInFrame(received) OVER connection AS received_before,
        lagInFrame(resent) OVER connection AS resent_before,
        lagInFrame(segments) OVER connection AS segments_before
    FROM
    (
        SELECT
            minute,
            hostname,
            container,
            remote,
            port,
            cookie,
            max(bytes_sent) AS sent,
            max(bytes_received) AS received,
            max(bytes_retransmitted) AS resent,
            max(retransmits) AS segments
        FROM xtcp.xtcp_socket_minutes
        WHERE minute BETWEEN toStartOfMinute({since:DateTime}) - INTERVAL 90 MINUTE AND {until:DateTime}
        GROUP BY minute, hostname, container, remote, port, cookie
    )
    WINDOW connection AS
        (PARTITION BY hostname, container, remote, port, cookie ORDER BY minute ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
) AS readings
INNER JOIN
(
    SELECT hostname, min(minute) AS first
    FROM xtcp.xtcp_socket_minutes
    WHERE minute BETWEEN toStartOfMinute({since:DateTime}) - INTERVAL 90 MINUTE AND {until:DateTime}
    GROUP BY hostname
) AS hosts USING (hostname)
WHERE minute >= toStartOfMinute({since:DateTime});

-- Both tables as one, for sums over any columns: sum() of the counters, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(rtt) of the state.
-- A union and no join: a condition on these columns reaches the tables.
CREATE OR REPLACE VIEW xtcp.minutes_to_sum AS
SELECT
    minute,
    hostname,
    container,
    replaceOne(toString(prefix), '::ffff:', '') || if(startsWith(toString(prefix), '::ffff:'), '/24', '/48') AS remote,
    port,
    sum(sockets) AS sockets,
    sum(records) AS records,
    sum(bytes_sent) AS bytes_sent,
    sum(bytes_received) AS bytes_received,
    sum(bytes_retransmitted) AS bytes_retransmitted,
    sum(retransmits) AS retransmits,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(rtt) AS rtt
FROM
(
    SELECT
        minute,
        hostname,
        container,
        remote AS prefix,
        port,
        count() AS sockets,
        0 AS records,
        sum(bytes_sent) AS bytes_sent,
        sum(bytes_received) AS bytes_received,
        sum(bytes_retransmitted) AS bytes_retransmitted,
        sum(retransmits) AS retransmits,
        quantilesDDStateIf(0.01, 0.5, 0.9, 0.99)(0::UInt32, 0) AS rtt
    FROM xtcp.minutes_by_socket(since = {since:DateTime}, until = {until:DateTime})
    GROUP BY minute, hostname, container, remote, port
    UNION ALL
    SELECT
        minute,
        hostname,
        container,
        remote AS prefix,
        port,
        0,
        records,
        0,
        0,
        0,
        0,
        rtt
    FROM xtcp.xtcp_minutes
    WHERE minute BETWEEN toStartOfMinute({since:DateTime}) AND {until:DateTime}
)
GROUP BY minute, hostname, container, prefix, port;

-- For people: one row per minute and group of connections.
CREATE OR REPLACE VIEW xtcp.minutes AS
SELECT
    * EXCEPT (rtt),
    finalizeAggregation(rtt) AS rtt_us,
    rtt_us[1] / 1000 AS rtt_p50_ms,
    rtt_us[2] / 1000 AS rtt_p90_ms,
    rtt_us[3] / 1000 AS rtt_p99_ms
FROM xtcp.minutes_to_sum(since = {since:DateTime}, until = {until:DateTime});

-- One row per minute and hostname, container, remote prefix or port: FROM xtcp.minutes_by(by = 'port', since = ..., until = ...).
CREATE OR REPLACE VIEW xtcp.minutes_by AS
SELECT
    minute,
    multiIf(
        {by:String} = 'hostname', hostname,
        {by:String} = 'container', container,
        {by:String} = 'remote', remote,
        {by:String} = 'port', toString(port),
        throwIf(1, 'by is hostname, container, remote or port')::String) AS name,
    sum(groups.sockets) AS sockets,
    sum(groups.records) AS records,
    sum(groups.bytes_sent) AS bytes_sent,
    sum(groups.bytes_received) AS bytes_received,
    sum(groups.bytes_retransmitted) AS bytes_retransmitted,
    sum(groups.retransmits) AS retransmits,
    quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(rtt) AS rtt_us,
    rtt_us[1] / 1000 AS rtt_p50_ms,
    rtt_us[2] / 1000 AS rtt_p90_ms,
    rtt_us[3] / 1000 AS rtt_p99_ms
FROM xtcp.minutes_to_sum(since = {since:DateTime}, until = {until:DateTime}) AS groups
GROUP BY minute, name;
