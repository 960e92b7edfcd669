-- SPDX-License-Identifier: MIT
-- Views for people: addresses, states and algorithms by name, times in units. Every
-- other column keeps its name. Numbers follow the kernel (net/tcp_states.h) and
-- enum CongestionAlgorithm of the schema.

CREATE OR REPLACE VIEW xtcp.sockets AS
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
