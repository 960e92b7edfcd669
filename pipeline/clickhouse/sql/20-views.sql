-- SPDX-License-Identifier: MIT
-- Views for people: addresses, states and algorithms by name, times in units. Every
-- other column keeps its name. Their rows are sockets: what -changed adds, sockets that are
-- gone and ends of polls, is left out. Numbers follow the kernel (net/tcp_states.h) and
-- enum CongestionAlgorithm of the schema.

-- Every row of a poll, marks of -changed included: what the views of whole snapshots are made of.
CREATE OR REPLACE VIEW xtcp.sockets_and_gone AS
SELECT
    timestamp_ns AS time,
    hostname,
    netns,
    container_name,
    transform(inet_diag_msg_state,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ['ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE',
         'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING', 'NEW_SYN_RECV', 'BOUND_INACTIVE'],
        'UNKNOWN') AS state,
    replaceOne(toString(source_ip), '::ffff:', '') AS source,
    inet_diag_msg_socket_source_port AS source_port,
    replaceOne(toString(destination_ip), '::ffff:', '') AS destination,
    inet_diag_msg_socket_destination_port AS destination_port,
    source_ip,
    destination_ip,
    congestion_algorithm_string AS congestion_algorithm,
    tcp_info_rtt / 1000 AS rtt_ms,
    tcp_info_min_rtt / 1000 AS min_rtt_ms,
    tcp_info_snd_cwnd AS cwnd,
    tcp_info_bytes_sent AS bytes_sent,
    tcp_info_bytes_received AS bytes_received,
    tcp_info_total_retrans AS retransmits,
    transform(congestion_algorithm_enum,
        [1, 2, 3, 4, 5, 6, 7],
        ['CUBIC', 'DCTCP', 'VEGAS', 'PRAGUE', 'BBR1', 'BBR2', 'BBR3'],
        'UNSPECIFIED') AS congestion_algorithm_enum_name,
    * EXCEPT (timestamp_ns, hostname, netns, container_name)
FROM xtcp.xtcp_flat_records;

-- Sockets: the records of polls, and the final ones of closed sockets (event = 1).
CREATE OR REPLACE VIEW xtcp.sockets AS
SELECT * FROM xtcp.sockets_and_gone
WHERE event < 2;

-- One row per poll and host. full_poll is the poll that it builds on: itself, but with -changed the last one that sent every
-- socket. `ended` is the daemon's own word for that, which only -changed sends.
CREATE OR REPLACE VIEW xtcp.polls AS
SELECT
    hostname,
    run_id,
    poll,
    any(poll - since_full) AS full_poll,
    min(timestamp_ns) AS begin,
    max(timestamp_ns) AS end,
    countIf(event = 0) AS records,
    max(event) = 3 AS ended,
    max(poll_sockets) AS sockets_said
FROM xtcp.xtcp_flat_records
WHERE event != 1 AND poll > 0
GROUP BY hostname, run_id, poll;

-- The sockets of each host's last poll that had begun after `since` and ended by `until`. One that may still be on its way
-- yields to the one before: it has not said that it ended, and its last record is younger than `calm`.
CREATE OR REPLACE VIEW xtcp.sockets_as_of AS
WITH last AS
    (
        SELECT
            hostname,
            argMax(run_id, (settled, end)) AS run,
            argMax(poll, (settled, end)) AS last_poll,
            argMax(full_poll, (settled, end)) AS first_poll
        FROM
        (
            SELECT
                hostname,
                run_id,
                poll,
                any(poll - since_full) AS full_poll,
                max(timestamp_ns) AS end,
                max(event) = 3 OR end <= {calm:DateTime64(9)} AS settled
            FROM xtcp.xtcp_flat_records
            WHERE event != 1 AND poll > 0
                AND timestamp_ns > {since:DateTime64(9)}
                AND timestamp_ns < {until:DateTime64(9)} + INTERVAL 1 MINUTE
            GROUP BY hostname, run_id, poll
            HAVING end <= {until:DateTime64(9)}
        )
        GROUP BY hostname
    )
SELECT * EXCEPT (run, first_poll, last_poll)
FROM
(
    SELECT s.*, last.run, last.first_poll, last.last_poll
    FROM xtcp.sockets_and_gone AS s
    INNER JOIN last ON s.hostname = last.hostname AND s.run_id = last.run
    WHERE s.event IN (0, 2) AND s.poll BETWEEN last.first_poll AND last.last_poll
        AND s.time > {since:DateTime64(9)} AND s.time <= {until:DateTime64(9)}
    ORDER BY s.poll DESC
    LIMIT 1 BY s.hostname, s.inet_diag_msg_socket_cookie
)
WHERE event = 0;

-- The sockets of each host's last poll. A poll that began less than 5 s ago may still be on its way: then it is the one before.
-- Hosts whose last record is 90 minutes older than the newest of all are not there; -fullEvery is at most 60. A clock
-- that is ahead does not hide its host.
CREATE OR REPLACE VIEW xtcp.sockets_now AS
SELECT * FROM xtcp.sockets_as_of(
    since = (SELECT least(max(timestamp_ns), now64(9, 'UTC')) FROM xtcp.xtcp_flat_records) - INTERVAL 90 MINUTE,
    until = toDateTime64('2200-01-01 00:00:00', 9, 'UTC'),
    calm = now64(9, 'UTC') - INTERVAL 5 SECOND);

-- The same for a moment of the past: FROM xtcp.sockets_at(at = now() - INTERVAL 1 DAY). Of each host the last poll that had
-- ended by then, and had begun not more than 90 minutes before.
CREATE OR REPLACE VIEW xtcp.sockets_at AS
SELECT * FROM xtcp.sockets_as_of(
    since = {at:DateTime64(9)} - INTERVAL 90 MINUTE,
    until = {at:DateTime64(9)},
    calm = {at:DateTime64(9)});

-- Every snapshot in a span of time, whole also of a daemon with -changed: FROM xtcp.snapshots(since = ..., until = ...). A row
-- is one socket in the poll `snapshot`; `time` is when it was sent, earlier if it has not changed since.
CREATE OR REPLACE VIEW xtcp.snapshots AS
SELECT * FROM
(
    SELECT p.poll AS snapshot, p.end AS snapshot_time, s.*
    FROM
    (
        SELECT
            hostname,
            run_id,
            poll,
            any(poll - since_full) AS full_poll,
            max(timestamp_ns) AS end
        FROM xtcp.xtcp_flat_records
        WHERE event != 1 AND poll > 0 AND timestamp_ns BETWEEN {since:DateTime64(9)} AND {until:DateTime64(9)}
        GROUP BY hostname, run_id, poll
    ) AS p
    INNER JOIN xtcp.sockets_and_gone AS s ON s.hostname = p.hostname AND s.run_id = p.run_id
    WHERE s.event IN (0, 2) AND s.poll BETWEEN p.full_poll AND p.poll
        AND s.time BETWEEN {since:DateTime64(9)} - INTERVAL 90 MINUTE AND {until:DateTime64(9)}
    ORDER BY s.poll DESC
    LIMIT 1 BY s.hostname, s.run_id, p.poll, s.inet_diag_msg_socket_cookie
)
WHERE event = 0;

-- Retransmissions of the last hour, by container: of each socket what its counters have grown by from its first record of
-- that hour to its last, its final one included. Sockets outside of containers are summed up by namespace.
CREATE OR REPLACE VIEW xtcp.retransmits_by_container AS
WITH (SELECT least(max(timestamp_ns), now64(9, 'UTC')) FROM xtcp.xtcp_flat_records) AS newest
SELECT
    hostname,
    container,
    sum(segments) AS retransmits,
    sum(resent) AS bytes_retransmitted,
    sum(sent) AS bytes_sent,
    round(100 * bytes_retransmitted / nullIf(bytes_sent, 0), 3) AS retransmitted_percent,
    count() AS sockets
FROM
(
    SELECT
        hostname,
        multiIf(any(container_name) != '', any(container_name),
                any(container_id) != '', left(any(container_id), 12),
                'netns ' || any(netns)) AS container,
        -- All of a connection that only a final record tells of.
        min(event) = 1 AS short,
        max(tcp_info_total_retrans) - if(short, 0, min(tcp_info_total_retrans)) AS segments,
        max(tcp_info_bytes_retrans) - if(short, 0, min(tcp_info_bytes_retrans)) AS resent,
        max(tcp_info_bytes_sent) - if(short, 0, min(tcp_info_bytes_sent)) AS sent
    FROM xtcp.xtcp_flat_records
    WHERE event < 2 AND tcp_info_len > 0 AND timestamp_ns > newest - INTERVAL 1 HOUR
    GROUP BY hostname, netns_cookie, inet_diag_msg_socket_cookie
)
GROUP BY hostname, container
ORDER BY retransmits DESC;

-- Remote addresses of the sockets that there are now, the slowest on top.
CREATE OR REPLACE VIEW xtcp.worst_remotes AS
SELECT
    destination,
    count() AS sockets,
    uniqExact(hostname) AS hosts,
    round(quantileExact(0.5)(rtt_ms), 3) AS rtt_median_ms,
    round(quantileExact(0.9)(rtt_ms), 3) AS rtt_p90_ms,
    round(max(rtt_ms), 3) AS rtt_max_ms,
    sum(retransmits) AS retransmits,
    round(100 * sum(tcp_info_bytes_retrans) / nullIf(sum(bytes_sent), 0), 3) AS retransmitted_percent
FROM xtcp.sockets_now
WHERE rtt_ms > 0 AND state NOT IN ('LISTEN', 'TIME_WAIT')
GROUP BY destination
ORDER BY rtt_p90_ms DESC;

-- Connections that lived for less than 10 s: a daemon with -closeEvents tells of them. Their duration is exact where
-- duration_basis is 1, and else the least that it was.
CREATE OR REPLACE VIEW xtcp.short_lived AS
SELECT
    time,
    hostname,
    container_name,
    netns,
    comm,
    source,
    source_port,
    destination,
    destination_port,
    duration_us / 1000 AS duration_ms,
    duration_basis = 1 AS exact,
    bytes_sent,
    bytes_received,
    retransmits
FROM xtcp.sockets
WHERE event = 1 AND duration_basis > 0 AND duration_us < 10000000
ORDER BY time DESC;

-- Each run of each daemon: record_counter grows by one per worker, so a number that is missing between the first and the last is
-- a record that was lost on the way. `numbered` is how many the run had numbered when it sent the last record
-- that is here: the records of its ledger, if none is missing at its end. `expired` are those before the first one, which the
-- table no longer keeps, or that were lost. `twice` came again, as over Kafka after a crash.
CREATE OR REPLACE VIEW xtcp.losses AS
SELECT
    hostname,
    run_id,
    fromUnixTimestamp64Micro(toInt64(run_id), 'UTC') AS started,
    max(end) AS last_record,
    sum(last) AS numbered,
    sum(different) AS stored,
    sum(last - first + 1 - different) AS missing,
    sum(first - 1) AS expired,
    sum(rows - different) AS twice
FROM
(
    SELECT
        hostname,
        run_id,
        netlinker_id,
        min(record_counter) AS first,
        max(record_counter) AS last,
        count() AS rows,
        uniqExact(record_counter) AS different,
        max(timestamp_ns) AS end
    FROM xtcp.xtcp_flat_records
    WHERE run_id > 0 AND record_counter > 0
    GROUP BY hostname, run_id, netlinker_id
)
GROUP BY hostname, run_id
ORDER BY hostname, run_id;
