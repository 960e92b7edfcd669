/* SPDX-License-Identifier: MIT */
/* One record: the structures that inet_diag would send, made of a socket's bytes, through the same decoder. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "enrich/container.h"
#include "source/bpf/ask.h"
#include "source/bpf/pass.h"
#include "source/bpf/tcp_info.h"
#include "source/known_sockets.h"

bool pass_is_socket(const struct layout *l, const struct walk_slot *slot)
{
	uint64_t family = member_of(l, slot->raw, M_FAMILY);

	if ((family != AF_INET && family != AF_INET6) || !slot->net_cookie)
		return false;
	return slot->kind != WALK_FULL || (member_of(l, slot->raw, M_PROTOCOL) == IPPROTO_TCP &&
					   member_of(l, slot->raw, M_TYPE) == SOCK_STREAM);
}

/* Set the fields of the namespace where they differ from the last record's. */
static int set_netns(struct poll_pass *p, const struct walk_slot *slot)
{
	if (p->named_cookie == slot->net_cookie)
		return 0;
	p->named = names_find(&p->source->names, p->table, slot->net_cookie, slot->net_inode);
	if (!p->named)
		return -ENOMEM;
	p->named_cookie = slot->net_cookie;
	p->record->netns = p->named->ns ? p->named->netns : str_of(p->named->held);
	p->record->netns_inode = slot->net_inode;
	p->record->netns_cookie = slot->net_cookie;
	p->record->nsid = p->named->nsid;
	container_to_record(p->named->container, p->record);
	return 0;
}

static bool asked_for(const struct source *s, int attribute)
{
	return s->config.ext >> (attribute - 1) & 1;
}

/* One attribute with the bytes that inet_diag would have sent. */
static void put(struct poll_pass *p, int type, const void *value, size_t len)
{
	decode_value(&p->source->config.decode, type, value, len, p->record, &p->source->decode);
}

static void put_byte(struct poll_pass *p, int type, uint64_t value)
{
	uint8_t byte = (uint8_t)value;

	put(p, type, &byte, sizeof(byte));
}

/* net/ipv4/inet_diag.c: inet_diag_msg_attrs_fill() */
static void put_common(struct poll_pass *p, const struct walk_slot *slot, const struct abi_inet_diag_msg *msg)
{
	const struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	uint16_t options = sockopt_of(l, slot);

	put_byte(p, INET_DIAG_SHUTDOWN, member_of(l, slot->raw, M_SHUTDOWN));
	if (asked_for(s, INET_DIAG_TOS))
		put_byte(p, INET_DIAG_TOS, member_of(l, slot->raw, M_TOS));
	if (msg->idiag_family == AF_INET6 && asked_for(s, INET_DIAG_TCLASS))
		put_byte(p, INET_DIAG_TCLASS, member_of(l, slot->raw, M_TCLASS));
	if (msg->idiag_family == AF_INET6 &&
	    (msg->idiag_state == STATE_LISTEN || msg->idiag_state == STATE_CLOSE))
		put_byte(p, INET_DIAG_SKV6ONLY, member_of(l, slot->raw, M_IPV6ONLY));
	if (asked_for(s, INET_DIAG_TCLASS)) {
		uint32_t class_id = member_of(l, slot->raw, M_CLASSID);
		if (!class_id)
			class_id = member_of(l, slot->raw, M_PRIORITY);
		put(p, INET_DIAG_CLASS_ID, &class_id, sizeof(class_id));
	}
	if (member_exists(l, M_CGROUP))
		put(p, INET_DIAG_CGROUP_ID, &slot->cgroup_id, sizeof(slot->cgroup_id));
	put(p, INET_DIAG_SOCKOPT, &options, sizeof(options));
}

static void put_memory(struct poll_pass *p, const struct walk_slot *slot)
{
	uint32_t mem[ABI_SK_MEMINFO_VARS];

	skmeminfo_of(&p->source->walker->layout, slot, mem);
	if (asked_for(p->source, INET_DIAG_MEMINFO)) {
		const struct inet_diag_meminfo few = {
		    .idiag_rmem = mem[0], .idiag_wmem = mem[5], .idiag_fmem = mem[4], .idiag_tmem = mem[2]};
		put(p, INET_DIAG_MEMINFO, &few, sizeof(few));
	}
	if (asked_for(p->source, INET_DIAG_SKMEMINFO))
		put(p, INET_DIAG_SKMEMINFO, mem, sizeof(mem));
}

/* net/ipv4/inet_diag.c: the rest of inet_sk_diag_fill(), which bound sockets do not get */
static void put_tcp(struct poll_pass *p, const struct walk_slot *slot, const struct abi_inet_diag_msg *msg)
{
	struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	struct abi_tcp_info info;
	union tcp_cc_info cong;
	uint16_t len = 0;

	if (asked_for(s, INET_DIAG_INFO)) {
		tcp_info_of(l, slot, &info);
		put(p, INET_DIAG_INFO, &info, l->tcp_info_len);
	}
	if (asked_for(s, INET_DIAG_CONG) && slot->cong[0])
		put(p, INET_DIAG_CONG, slot->cong, sizeof(slot->cong));
	if (asked_for(s, INET_DIAG_INFO) && slot->ulp[0]) {
		s->ulp.nla = (struct nlattr){.nla_len = sizeof(s->ulp), .nla_type = INET_ULP_INFO_NAME};
		memcpy(s->ulp.name, slot->ulp, sizeof(s->ulp.name));
		put(p, INET_DIAG_ULP_INFO, &s->ulp, sizeof(s->ulp));
	}
	if (asked_for(s, INET_DIAG_VEGASINFO) && msg->idiag_state < STATE_TIME_WAIT) {
		int type = cong_info_of(l, slot, &cong, &len);
		if (type)
			put(p, type, &cong, len);
	}
}

/* A socket without a cookie is asked for; one that cannot be keeps 0. Listeners got theirs before (read_listeners). */
static void find_cookie(struct poll_pass *p, const struct walk_slot *slot, struct abi_inet_diag_msg *msg)
{
	struct netns *ns = p->named->ns;
	int r = -ENOENT;

	if (ns && !slot->bound && msg->idiag_state != STATE_LISTEN) {
		r = ask_cookie(ns, msg);
		p->source->count[STAT_BPF_ASKED]++;
	}
	if (r < 0)
		p->source->count[STAT_BPF_NO_COOKIE]++;
}

static uint32_t inode_of(const struct layout *l, const struct walk_slot *slot)
{
	return (uint32_t)(member_exists(l, M_INO) ? member_of(l, slot->raw, M_INO) : slot->inode);
}

void pass_prefetch(const struct poll_pass *p, const struct walk_slot *slot)
{
	const struct attributor *a = p->source->config.attributor;

	names_expect(&p->source->names, slot->net_cookie);
	record_expect(p->sink, member_of(&p->source->walker->layout, slot->raw, M_COOKIE));
	if (a && a->told && slot->kind == WALK_FULL)
		owner_table_prefetch(a->told, inode_of(&p->source->walker->layout, slot));
}

int pass_take_socket(struct poll_pass *p, const struct walk_slot *slot)
{
	struct source *s = p->source;
	const struct layout *l = &s->walker->layout;
	uint64_t cookie = member_of(l, slot->raw, M_COOKIE);
	struct abi_inet_diag_msg msg;

	if (!pass_is_socket(l, slot)) {
		s->count[STAT_BPF_INVALID]++;
		return 0;
	}
	p->result->messages++;
	if (!cookie_set_add(&s->seen, cookie)) {
		s->count[STAT_RECORDS_DUPLICATE]++;
		return 0;
	}
	int r = set_netns(p, slot);
	if (r < 0)
		return r;
	inet_diag_msg_of(l, slot, &msg);
	if (!cookie) {
		find_cookie(p, slot, &msg);
		cookie = diag_cookie(msg.id.idiag_cookie);
		cookie_set_add(&s->seen, cookie);
	}
	decode_base(p->record, &msg);
	if (slot->kind == WALK_FULL) {
		put_common(p, slot, &msg);
		put_memory(p, slot);
		if (!slot->bound)
			put_tcp(p, slot, &msg);
	}
	if (s->config.attributor)
		attribute(s->config.attributor, p->named->container, p->deadline_ns, &s->room, p->record);
	if (s->config.known && cookie)
		known_sockets_put(s->config.known, p->record);
	return p->sink->emit(p->sink, p->record);
}
