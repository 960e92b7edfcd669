/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STATE_TIME_WAIT 6 /* TCP_TIME_WAIT of netinet/tcp.h, which linux/tcp.h excludes */

#define INFO_KNOWN 280 /* bytes that records have fields for: struct tcp_info of 6.18 */

#define SINCE "counts the time since an event"
#define SPENT "counts the time in a state that lasts"

/* A field of struct tcp_info. Bit-fields are `width` bits from bit `shift` of the byte or word, as the
 * compiler lays them. */
struct place {
	const char *field;
	uint16_t offset, size;
	uint8_t shift, width;
	const char *moves;
};

/* MEMBER: where the kernel's header says. AT: members younger than the build machine's headers may be. */
/* Releases of clang-format differ over braces in a macro. */
/* clang-format off */
#define MEMBER(name, member, ...)                                                                            \
	{                                                                                                    \
		"tcp_info_" name, offsetof(struct tcp_info, member), sizeof(((struct tcp_info *)0)->member), \
		    0, 0, __VA_ARGS__                                                                        \
	}
#define AT(name, ...)                         \
	{                                     \
		"tcp_info_" name, __VA_ARGS__ \
	}
/* clang-format on */

static const struct place places[] = {
    MEMBER("state", tcpi_state, NULL),
    MEMBER("ca_state", tcpi_ca_state, NULL),
    MEMBER("retransmits", tcpi_retransmits, NULL),
    MEMBER("probes", tcpi_probes, NULL),
    MEMBER("backoff", tcpi_backoff, NULL),
    MEMBER("options", tcpi_options, NULL),
    AT("send_scale", 6, 1, 0, 4, NULL),
    AT("rcv_scale", 6, 1, 4, 4, NULL),
    AT("delivery_rate_app_limited", 7, 1, 0, 1, NULL),
    AT("fast_open_client_failed", 7, 1, 1, 2, NULL),
    MEMBER("rto", tcpi_rto, NULL),
    MEMBER("ato", tcpi_ato, NULL),
    MEMBER("snd_mss", tcpi_snd_mss, NULL),
    MEMBER("rcv_mss", tcpi_rcv_mss, NULL),
    MEMBER("unacked", tcpi_unacked, NULL),
    MEMBER("sacked", tcpi_sacked, NULL),
    MEMBER("lost", tcpi_lost, NULL),
    MEMBER("retrans", tcpi_retrans, NULL),
    MEMBER("fackets", tcpi_fackets, NULL),
    MEMBER("last_data_sent", tcpi_last_data_sent, SINCE),
    MEMBER("last_ack_sent", tcpi_last_ack_sent, SINCE),
    MEMBER("last_data_recv", tcpi_last_data_recv, SINCE),
    MEMBER("last_ack_recv", tcpi_last_ack_recv, SINCE),
    MEMBER("pmtu", tcpi_pmtu, NULL),
    MEMBER("rcv_ssthresh", tcpi_rcv_ssthresh, NULL),
    MEMBER("rtt", tcpi_rtt, NULL),
    MEMBER("rtt_var", tcpi_rttvar, NULL),
    MEMBER("snd_ssthresh", tcpi_snd_ssthresh, NULL),
    MEMBER("snd_cwnd", tcpi_snd_cwnd, NULL),
    MEMBER("adv_mss", tcpi_advmss, NULL),
    MEMBER("reordering", tcpi_reordering, NULL),
    MEMBER("rcv_rtt", tcpi_rcv_rtt, NULL),
    MEMBER("rcv_space", tcpi_rcv_space, NULL),
    MEMBER("total_retrans", tcpi_total_retrans, NULL),
    MEMBER("pacing_rate", tcpi_pacing_rate, NULL),
    MEMBER("max_pacing_rate", tcpi_max_pacing_rate, NULL),
    MEMBER("bytes_acked", tcpi_bytes_acked, NULL),
    MEMBER("bytes_received", tcpi_bytes_received, NULL),
    MEMBER("segs_out", tcpi_segs_out, NULL),
    MEMBER("segs_in", tcpi_segs_in, NULL),
    MEMBER("not_sent_bytes", tcpi_notsent_bytes, NULL),
    MEMBER("min_rtt", tcpi_min_rtt, NULL),
    MEMBER("data_segs_in", tcpi_data_segs_in, NULL),
    MEMBER("data_segs_out", tcpi_data_segs_out, NULL),
    MEMBER("delivery_rate", tcpi_delivery_rate, NULL),
    MEMBER("busy_time", tcpi_busy_time, SPENT),
    MEMBER("rwnd_limited", tcpi_rwnd_limited, SPENT),
    MEMBER("sndbuf_limited", tcpi_sndbuf_limited, SPENT),
    MEMBER("delivered", tcpi_delivered, NULL),
    MEMBER("delivered_ce", tcpi_delivered_ce, NULL),
    MEMBER("bytes_sent", tcpi_bytes_sent, NULL),
    MEMBER("bytes_retrans", tcpi_bytes_retrans, NULL),
    MEMBER("dsack_dups", tcpi_dsack_dups, NULL),
    MEMBER("reord_seen", tcpi_reord_seen, NULL),
    MEMBER("rcv_ooopack", tcpi_rcv_ooopack, NULL),
    MEMBER("snd_wnd", tcpi_snd_wnd, NULL),
    AT("rcv_wnd", 232, 4, 0, 0, NULL),
    AT("rehash", 236, 4, 0, 0, NULL),
    AT("total_rto", 240, 2, 0, 0, NULL),
    AT("total_rto_recoveries", 242, 2, 0, 0, NULL),
    AT("total_rto_time", 244, 4, 0, 0, SPENT),
    AT("received_ce", 248, 4, 0, 0, NULL),
    AT("delivered_e1_bytes", 252, 4, 0, 0, NULL),
    AT("delivered_e0_bytes", 256, 4, 0, 0, NULL),
    AT("delivered_ce_bytes", 260, 4, 0, 0, NULL),
    AT("received_e1_bytes", 264, 4, 0, 0, NULL),
    AT("received_e0_bytes", 268, 4, 0, 0, NULL),
    AT("received_ce_bytes", 272, 4, 0, 0, NULL),
};

/* The last word, of 6.18 and 6.19, and of later kernels. */
static const struct place ecn_u16[] = {
    AT("accecn_fail_mode", 276, 2, 0, 0, NULL),
    AT("accecn_opt_seen", 278, 2, 0, 0, NULL),
};
static const struct place ecn_packed[] = {
    AT("ecn_mode", 276, 4, 0, 2, NULL),
    AT("accecn_opt_seen", 276, 4, 2, 2, NULL),
    AT("accecn_fail_mode", 276, 4, 4, 4, NULL),
    AT("options2", 276, 4, 8, 24, NULL),
};

static const char *state_name(unsigned state)
{
	static const char *const names[] = {
	    "?",     "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",	 "TIME_WAIT",
	    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",	 "NEW_SYN_RECV", "BOUND_INACTIVE",
	};

	return names[state < ARRAY_SIZE(names) ? state : 0];
}

static struct oracle_value *add(struct oracle *o, const char *field)
{
	struct oracle_value *v = &o->values[o->count];

	if (o->count == ORACLE_VALUES_MAX)
		return v - 1; /* cannot be: the tables above and below are shorter */
	o->count++;
	*v = (struct oracle_value){.field = field};
	return v;
}

static void add_number(struct oracle *o, const char *field, uint64_t number)
{
	struct oracle_value *v = add(o, field);

	snprintf(v->text, sizeof(v->text), "%llu", (unsigned long long)number);
}

static uint64_t load(const uint8_t *at, size_t size)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (size) {
	case 8:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	case 4:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	case 2:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	default:
		return *at;
	}
}

/* Records leave out a rate without limit and a round trip that was not measured: all ones to the kernel. */
static bool no_value(const struct place *f, uint64_t number)
{
	static const char *const fields[] = {"tcp_info_pacing_rate", "tcp_info_max_pacing_rate",
					     "tcp_info_min_rtt"};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(f->field, fields[i]))
			return number == 0 || number == (f->size == 8 ? UINT64_MAX : UINT32_MAX);
	return false;
}

static void add_places(struct oracle *o, const uint8_t *info, const struct place *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct place *f = &table[i];
		struct oracle_value *v = add(o, f->field);

		v->moves = f->moves;
		v->absent = (uint32_t)f->offset + f->size > o->info_len;
		if (v->absent)
			continue;
		uint64_t number = load(info + f->offset, f->size);
		if (f->width) {
			unsigned low = f->shift;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
			low = f->size * 8U - f->shift - f->width;
#endif
			number = number >> low & ((UINT64_C(1) << f->width) - 1);
		}
		if (no_value(f, number))
			continue;
		if (f->offset == 0)
			snprintf(v->text, sizeof(v->text), "%s", state_name((unsigned)number));
		else
			snprintf(v->text, sizeof(v->text), "%llu", (unsigned long long)number);
	}
}

/* Bytes past the fields, as records show bytes. */
static void add_tail(struct oracle *o, const uint8_t *info)
{
	char *to = o->tail;

	*to = '\0';
	for (uint32_t i = INFO_KNOWN; i < o->info_len; i++, to += 2)
		snprintf(to, 3, "%02x", info[i]);
}

static bool u16_ecn(void)
{
	struct utsname name;

	return uname(&name) == 0 &&
	       (!strncmp(name.release, "6.18.", 5) || !strncmp(name.release, "6.19.", 5));
}

static int add_info(int fd, struct oracle *o, uint8_t *state)
{
	uint8_t info[ORACLE_INFO_MAX] = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0)
		return -errno;
	o->info_len = len;
	add_number(o, "tcp_info_len", len);
	add_places(o, info, places, ARRAY_SIZE(places));
	if (u16_ecn())
		add_places(o, info, ecn_u16, ARRAY_SIZE(ecn_u16));
	else
		add_places(o, info, ecn_packed, ARRAY_SIZE(ecn_packed));
	add_tail(o, info);
	*state = info[0];
	struct oracle_value *v = add(o, "inet_diag_msg_state");
	snprintf(v->text, sizeof(v->text), "%s", state_name(*state));
	return 0;
}

static void add_option(struct oracle *o, int fd, int level, int option, const char *field)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, option, &value, &len) == 0)
		add_number(o, field, (uint32_t)value);
}

static void add_text(struct oracle *o, int fd, int option, const char *field)
{
	char text[16] = "";
	socklen_t len = sizeof(text);

	if (getsockopt(fd, IPPROTO_TCP, option, text, &len) == 0 && len > 0)
		snprintf(add(o, field)->text, sizeof(text), "%.15s", text);
}

static void add_memory(struct oracle *o, int fd)
{
	static const char *const names[] = {
	    "sk_mem_info_rmem_alloc", "sk_mem_info_rcv_buf",   "sk_mem_info_wmem_alloc",
	    "sk_mem_info_snd_buf",    "sk_mem_info_fwd_alloc", "sk_mem_info_wmem_queued",
	    "sk_mem_info_optmem",     "sk_mem_info_backlog",   "sk_mem_info_drops",
	};
	uint32_t memory[ARRAY_SIZE(names)];
	socklen_t len = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0)
		return;
	for (size_t i = 0; i < len / sizeof(*memory); i++)
		add_number(o, names[i], memory[i]);
}

/*
 * struct tcpvegas_info, tcp_dctcp_info or tcp_bbr_info: the algorithm's name tells which. inet_diag sends it
 * of the states before TIME_WAIT only, getsockopt(2) of all.
 */
static void add_congestion(struct oracle *o, int fd, uint8_t state)
{
	union tcp_cc_info info;
	socklen_t len = sizeof(info);
	char name[16] = "";
	socklen_t name_len = sizeof(name);

	if (state >= STATE_TIME_WAIT || getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &name_len) < 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, &info, &len) < 0 || len == 0)
		return;
	if (!strcmp(name, "vegas")) {
		add_number(o, "vegas_info_enabled", info.vegas.tcpv_enabled);
		add_number(o, "vegas_info_rtt_cnt", info.vegas.tcpv_rttcnt);
		add_number(o, "vegas_info_rtt", info.vegas.tcpv_rtt);
		add_number(o, "vegas_info_min_rtt", info.vegas.tcpv_minrtt);
	} else if (!strcmp(name, "dctcp")) {
		add_number(o, "dctcp_info_enabled", info.dctcp.dctcp_enabled);
		add_number(o, "dctcp_info_ce_state", info.dctcp.dctcp_ce_state);
		add_number(o, "dctcp_info_alpha", info.dctcp.dctcp_alpha);
		add_number(o, "dctcp_info_ab_ecn", info.dctcp.dctcp_ab_ecn);
		add_number(o, "dctcp_info_ab_tot", info.dctcp.dctcp_ab_tot);
	} else if (!strcmp(name, "bbr")) {
		add_number(o, "bbr_info_bw_lo", info.bbr.bbr_bw_lo);
		add_number(o, "bbr_info_bw_hi", info.bbr.bbr_bw_hi);
		if (info.bbr.bbr_min_rtt == 0 || info.bbr.bbr_min_rtt == UINT32_MAX)
			add(o, "bbr_info_min_rtt");
		else
			add_number(o, "bbr_info_min_rtt", info.bbr.bbr_min_rtt);
		add_number(o, "bbr_info_pacing_gain", info.bbr.bbr_pacing_gain);
		add_number(o, "bbr_info_cwnd_gain", info.bbr.bbr_cwnd_gain);
	}
}

/* One end; an IPv4-mapped address is IPv4. */
static void add_end(struct oracle *o, const struct sockaddr_in6 *v6, const char *address, const char *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)v6;
	struct oracle_value *v = add(o, address);

	if (v6->sin6_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, v->text, sizeof(v->text));
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], v->text, sizeof(v->text));
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, v->text, sizeof(v->text));
	add_number(o, port, ntohs(v4->sin_port)); /* in the same place in both families */
}

static void add_identity(struct oracle *o, int fd)
{
	struct sockaddr_in6 end = {0}; /* room for either family */
	socklen_t len = sizeof(end);
	struct stat st;

	add_option(o, fd, SOL_SOCKET, SO_DOMAIN, "inet_diag_msg_family");
	if (getsockname(fd, (struct sockaddr *)&end, &len) == 0)
		add_end(o, &end, "inet_diag_msg_socket_source", "inet_diag_msg_socket_source_port");
	len = sizeof(end);
	if (getpeername(fd, (struct sockaddr *)&end, &len) == 0)
		add_end(o, &end, "inet_diag_msg_socket_destination", "inet_diag_msg_socket_destination_port");
	if (fstat(fd, &st) == 0)
		add_number(o, "inet_diag_msg_inode", st.st_ino);
	add_number(o, "inet_diag_msg_uid", geteuid());
	add_number(o, "inet_diag_msg_socket_cookie", o->cookie);
}

int oracle_read(int fd, struct oracle *o)
{
	socklen_t len = sizeof(o->cookie);

	memset(o, 0, sizeof(*o));
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &o->cookie, &len) < 0)
		return -errno;
	uint8_t state = 0;
	int r = add_info(fd, o, &state);
	if (r < 0)
		return r;
	add_identity(o, fd);
	add_memory(o, fd);
	add_congestion(o, fd, state);
	add_text(o, fd, TCP_CONGESTION, "congestion_algorithm_string");
	add_text(o, fd, TCP_ULP, "ulp_name");
	add_option(o, fd, IPPROTO_IP, IP_TOS, "type_of_service");
	add_option(o, fd, IPPROTO_IPV6, IPV6_TCLASS, "traffic_class");
	add_option(o, fd, SOL_SOCKET, SO_PRIORITY, "class_id");
	add_option(o, fd, SOL_SOCKET, SO_BINDTOIFINDEX, "inet_diag_msg_socket_interface");
	return 0;
}
