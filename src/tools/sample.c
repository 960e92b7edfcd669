/* SPDX-License-Identifier: MIT */
#include "tools/sample.h"

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "version.h"

/* Namespaces, peers and listening ports of the made-up host. */
#define NAMESPACES 20
#define PEERS	   200
#define PORTS	   8

/* One thread at a time uses the records: the addresses live here. */
static _Thread_local uint8_t source[16], destination[16];
static _Thread_local char netns_name[32];

/* Hash two numbers: splitmix64's finisher. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void sample_identity(const struct sample *s, uint32_t poll, uint32_t index, struct record *r)
{
	uint32_t netns = index % NAMESPACES;

	snprintf(netns_name, sizeof(netns_name), "/run/netns/ns%u", netns);
	r->schema_version = RECORD_SCHEMA_VERSION;
	r->daemon_version = str_of(XTCP2_VERSION);
	r->timestamp_ns = s->now_ns;
	r->hostname = str_of(s->hostname);
	r->netns = str_of(netns_name);
	r->netns_inode = 4026532000 + netns;
	r->netns_cookie = 1 + netns;
	r->record_counter = (uint64_t)poll * s->sockets + index;
	r->netlinker_id = index % 4;
}

static void sample_diag(uint32_t index, struct record *r)
{
	uint64_t id = mix(index, 1);
	bool v6 = id % 4 == 0;
	uint32_t peer = id / 4 % PEERS, len = v6 ? 16 : 4;

	memset(source, 0, sizeof(source));
	memset(destination, 0, sizeof(destination));
	memcpy(source, v6 ? (uint8_t[]){0x20, 1, 0xd, 0xb8} : (uint8_t[]){192, 0, 2, 1}, 4);
	memcpy(destination, v6 ? (uint8_t[]){0x20, 1, 0xd, 0xb8} : (uint8_t[]){198, 51, 100, 0}, 4);
	destination[len - 1] = (uint8_t)peer;
	r->inet_diag_msg_family = v6 ? AF_INET6 : AF_INET;
	r->inet_diag_msg_state = index % 50 ? TCP_ESTABLISHED : TCP_CLOSE_WAIT;
	r->inet_diag_msg_socket_source_port = 32768 + index % 28000;
	r->inet_diag_msg_socket_destination_port = 4000 + id % PORTS;
	r->inet_diag_msg_socket_source = (struct str){(char *)source, len};
	r->inet_diag_msg_socket_destination = (struct str){(char *)destination, len};
	r->inet_diag_msg_socket_cookie = 1000 + index;
	r->inet_diag_msg_inode = 50000 + index;
	r->inet_diag_attributes =
	    1 << INET_DIAG_INFO | 1 << INET_DIAG_CONG | 1 << INET_DIAG_SKMEMINFO | 1 << INET_DIAG_TOS;
	r->type_of_service = 0;
	r->sk_mem_info_rcv_buf = 131072;
	r->sk_mem_info_snd_buf = 87040;
}

/* The bytes sent grow with the polls; a few peers are far away and lose segments. */
static void sample_info(uint32_t poll, uint32_t index, struct record *r)
{
	uint64_t rate = 1000 + mix(index, 2) % 9000, noise = mix(index, 3 + poll) % 1000;
	uint32_t far = mix(index, 4) % 10 == 0;

	r->tcp_info_state = r->inet_diag_msg_state;
	r->tcp_info_send_scale = r->tcp_info_rcv_scale = 7;
	r->tcp_info_rto = far ? 400000 : 204000;
	r->tcp_info_snd_mss = r->tcp_info_rcv_mss = r->tcp_info_adv_mss = 1448;
	r->tcp_info_pmtu = 1500;
	r->tcp_info_rtt = (far ? 80000 : 200) + noise;
	r->tcp_info_rtt_var = noise / 2;
	r->tcp_info_min_rtt = far ? 80000 : 200;
	r->tcp_info_snd_cwnd = 10 + noise % 90;
	r->tcp_info_snd_ssthresh = 0x7fffffff;
	r->tcp_info_last_data_sent = noise;
	r->tcp_info_bytes_sent = r->tcp_info_bytes_acked = rate * poll;
	r->tcp_info_bytes_received = rate * poll / 3;
	r->tcp_info_segs_out = r->tcp_info_data_segs_out = rate * poll / 1448;
	r->tcp_info_segs_in = r->tcp_info_data_segs_in = rate * poll / 4000;
	r->tcp_info_total_retrans = far ? poll / 2 : 0;
	r->tcp_info_bytes_retrans = UINT64_C(1448) * r->tcp_info_total_retrans;
	r->tcp_info_pacing_rate = 2500000 + noise * 1000;
	r->tcp_info_max_pacing_rate = 0; /* no limit */
	r->tcp_info_delivery_rate = rate * 100;
	r->tcp_info_busy_time = (uint64_t)poll * 1000;
	r->tcp_info_delivered = r->tcp_info_segs_out;
	r->tcp_info_len = 240;
}

void sample_record(struct sample *s, uint32_t poll, uint32_t index, struct record *r)
{
	static const char *const algorithms[] = {"cubic", "cubic", "cubic", "bbr", "dctcp"};
	static const uint32_t numbers[] = {RECORD_CC_CUBIC, RECORD_CC_CUBIC, RECORD_CC_CUBIC, RECORD_CC_BBR1,
					   RECORD_CC_DCTCP};
	size_t cc = mix(index, 5) % ARRAY_SIZE(algorithms);

	memset(r, 0, sizeof(*r));
	r->sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO) | RECORD_HAS(CONG) |
		      RECORD_HAS(SKMEMINFO) | RECORD_HAS(TOS) | RECORD_OWNED;
	sample_identity(s, poll, index, r);
	sample_diag(index, r);
	sample_info(poll, index, r);
	r->congestion_algorithm_string = str_of(algorithms[cc]);
	r->congestion_algorithm_enum = numbers[cc];
}
