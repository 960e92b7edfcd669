/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: layout
 *
 * Every member of fields.def is looked up in the kernel's BTF: its offset in
 * the object, its width, and for a bit-field its place in the word. From the
 * offsets in struct tcp_sock follow the ranges that the walk copies: members
 * in order, neighbours joined where the gap between them costs less than a
 * read of its own. Then each member knows where it lies in the copy.
 *
 * A member is read as a 64-bit word, a shift and a mask, whatever its size and
 * whether it is a bit-field, without a branch. One that a kernel lacks has
 * mask 0.
 */
#include "source/bpf/layout.h"

#include <assert.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "record/kernel_abi.h"

/*
 * Members closer than this are copied with what lies between: up to here that costs less than another read. The gap
 * grows where a kernel spreads its members over more ranges than there are.
 */
#define GAP_MIN 48
#define GAP_MAX 240

/* Bytes of a cache line, of which a socket's memory is loaded ahead. */
#define LINE 64

/* The deepest path. */
#define DEPTH_MAX 8

/* Structures that the paths and set_walk() begin with, those of modules included. */
#define STRUCTS_MAX 48

enum part { PART_COMMON, PART_FULL, PART_V6, PART_CA, PART_TIME_WAIT, PART_REQUEST };
enum need { MAY, NEEDED };

static const struct {
	const char *name;
	enum part part;
	enum need need;
	const char *paths;
} wanted[] = {
#define MEMBER(id, PART, NEED, path) [M_##id] = {#id, PART_##PART, NEED, path},
#include "source/bpf/fields.def"
#undef MEMBER
};
static_assert(ARRAY_SIZE(wanted) == M_MAX_, "a row for each member");

/* Where a member is in its object, in bits. */
struct place {
	uint32_t bit, bits;
	bool found;
};

/*
 * A BTF and the structures found in it so far, NULL for those that are not there: libbpf finds a name by passing over all types,
 * some 100,000, and there are two hundred paths.
 */
struct types {
	const struct btf *btf;
	struct {
		char name[48];
		const struct btf_type *type;
	} known[STRUCTS_MAX];
	size_t count;
};

/* --- BTF --- */

static const struct btf_type *plain_type(const struct btf *btf, uint32_t id)
{
	int resolved = btf__resolve_type(btf, id);

	return resolved < 0 ? NULL : btf__type_by_id(btf, resolved);
}

static const struct btf_type *find_struct(struct types *types, const char *name, size_t len)
{
	char copy[sizeof(types->known->name)];

	snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
	for (size_t i = 0; i < types->count; i++) {
		if (strcmp(types->known[i].name, copy) == 0)
			return types->known[i].type;
	}
	int id = btf__find_by_name_kind(types->btf, copy, BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(types->btf, id);
	if (types->count < STRUCTS_MAX) {
		strcpy(types->known[types->count].name, copy);
		types->known[types->count++].type = type;
	}
	return type;
}

/* Find a member by name, in anonymous structures and unions as well. Return its type, NULL for none. */
static const struct btf_type *find_member(const struct btf *btf, const struct btf_type *t, const char *name,
					  size_t len, struct place *place, int depth)
{
	const struct btf_member *m = btf_members(t);

	if (depth > DEPTH_MAX)
		return NULL;
	for (uint32_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *n = btf__name_by_offset(btf, m->name_off);
		uint32_t bit = btf_member_bit_offset(t, i);
		if (n && n[0] && strlen(n) == len && strncmp(n, name, len) == 0) {
			place->bit += bit;
			place->bits = btf_member_bitfield_size(t, i);
			if (!place->bits)
				place->bits = 8 * (uint32_t)btf__resolve_size(btf, m->type);
			return plain_type(btf, m->type);
		}
		const struct btf_type *inner = plain_type(btf, m->type);
		if (n && n[0] == '\0' && inner && btf_is_composite(inner)) {
			struct place below = {.bit = place->bit + bit};
			const struct btf_type *found = find_member(btf, inner, name, len, &below, depth + 1);
			if (found) {
				*place = below;
				return found;
			}
		}
	}
	return NULL;
}

/* Step into element `index` of an array. */
static const struct btf_type *element(const struct btf *btf, const struct btf_type *t, unsigned index,
				      struct place *place)
{
	if (!t || !btf_is_array(t) || index >= btf_array(t)->nelems)
		return NULL;
	uint32_t size = (uint32_t)btf__resolve_size(btf, btf_array(t)->type);
	place->bit += 8 * size * index;
	place->bits = 8 * size;
	return plain_type(btf, btf_array(t)->type);
}

/* One path: "struct.member.member[2].member". */
static struct place find_path(struct types *types, const char *path, size_t len)
{
	struct place place = {0};
	const char *end = path + len;
	size_t n = strcspn(path, ".");
	const struct btf_type *t = find_struct(types, path, n);

	for (const char *p = path + n + 1; t && p < end; p += n + 1) {
		n = strcspn(p, ".[|");
		t = find_member(types->btf, t, p, n, &place, 0);
		if (t && p + n < end && p[n] == '[') {
			t = element(types->btf, t, (unsigned)strtoul(p + n + 1, NULL, 10), &place);
			n += strcspn(p + n, "]") + 1;
		}
	}
	place.found = t != NULL;
	return place;
}

/* The first of the paths separated by '|' that exists. */
static struct place find_paths(struct types *types, const char *paths)
{
	struct place place = {0};

	for (const char *p = paths; *p && !place.found;) {
		size_t n = strcspn(p, "|");
		place = find_path(types, p, n);
		p += n + (p[n] == '|');
	}
	return place;
}

/* A private structure of a congestion control is in the BTF of its module where that is one. */
static struct place find_in_module(struct types *vmlinux, const char *paths)
{
	struct place place = find_paths(vmlinux, paths);
	char module[64];

	if (place.found)
		return place;
	snprintf(module, sizeof(module), "tcp_%.*s", (int)strcspn(paths, "."), paths);
	struct btf *btf = btf__load_module_btf(module, (struct btf *)vmlinux->btf);
	if (btf) {
		place = find_paths(&(struct types){.btf = btf}, paths);
		btf__free(btf);
	}
	return place;
}

/* An enumerator to be found. */
struct enumerator {
	const char *name;
	int value;
	bool found;
};

static void find_in_enum(const struct btf *btf, const struct btf_type *t, struct enumerator *list,
			 size_t count)
{
	const struct btf_enum *e = btf_enum(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++, e++) {
		const char *name = btf__name_by_offset(btf, e->name_off);
		for (size_t n = 0; n < count; n++) {
			if (!list[n].found && strcmp(name, list[n].name) == 0) {
				list[n].value = e->val;
				list[n].found = true;
			}
		}
	}
}

/* Find all of the list in one pass over the types. */
static void find_enumerators(const struct btf *btf, struct enumerator *list, size_t count)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		if (btf_is_enum(t))
			find_in_enum(btf, t, list, count);
	}
}

static uint32_t size_of(struct types *types, const char *name)
{
	const struct btf_type *t = find_struct(types, name, strlen(name));

	return t ? t->size : 0;
}

static uint16_t offset_of(struct types *types, const char *path)
{
	struct place place = find_paths(types, path);

	return place.found ? place.bit / 8 : 0;
}

/* --- ranges --- */

static int by_offset(const void *a, const void *b)
{
	const struct walk_range *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* The bytes of a member: from a multiple of 8 on, so that pointers stay aligned in the copy. */
static struct walk_range bytes_of(const struct place *place)
{
	uint16_t from = place->bit / 8 & ~7u, end = (place->bit + place->bits + 7) / 8;

	return (struct walk_range){.from = from, .len = (end - from + 7) & ~7u};
}

/* Join what is close; the first range is all of struct sock_common. Return the bytes of all, 0 for too many. */
static size_t join(struct walk_layout *walk, const struct walk_range *all, size_t count, uint16_t common,
		   unsigned gap)
{
	struct walk_range *last = walk->ranges;
	size_t to;

	memset(walk->ranges, 0, sizeof(walk->ranges));
	*last = (struct walk_range){.from = 0, .len = (common + 7) & ~7u};
	for (size_t i = 0; i < count; i++) {
		uint16_t end = all[i].from + all[i].len;
		if (all[i].from <= last->from + last->len + (last == walk->ranges ? 0 : gap)) {
			if (end > last->from + last->len)
				last->len = end - last->from;
			continue;
		}
		if (++last == walk->ranges + WALK_RANGES)
			return 0;
		*last = all[i];
	}
	to = 0;
	for (struct walk_range *r = walk->ranges; r <= last; r++) {
		r->to = to;
		to += r->len;
	}
	return to;
}

/* The cache lines of the ranges: objects of sockets begin at one. */
static void set_lines(struct walk_layout *walk)
{
	unsigned last = UINT16_MAX;

	walk->line_count = 0;
	for (size_t i = 0; i < WALK_RANGES; i++) {
		const struct walk_range *r = &walk->ranges[i];
		for (unsigned line = r->from / LINE; line * LINE < r->from + r->len; line++) {
			if (line != last && walk->line_count < WALK_LINES)
				walk->lines[walk->line_count++] = line * LINE;
			last = line;
		}
	}
}

/* A range of its own behind `to`. */
static size_t append(struct walk_range *range, const struct place *place, size_t to)
{
	*range = bytes_of(place);
	range->to = to;
	return to + range->len;
}

/* Where byte `at` of a struct sock is in the copy; the spare bytes where it is not copied. */
static uint16_t copied(const struct walk_layout *walk, uint16_t at)
{
	for (size_t i = 0; i < WALK_RANGES; i++) {
		const struct walk_range *r = &walk->ranges[i];
		if (r->len && at >= r->from && at < r->from + r->len)
			return r->to + at - r->from;
	}
	return WALK_RAW - WALK_SPARE;
}

static uint16_t raw_offset(const struct layout *l, enum part part, uint16_t byte)
{
	switch (part) {
	case PART_COMMON:
	case PART_FULL:
		return copied(&l->walk, byte);
	case PART_V6:
		return l->walk.v6.to + byte - l->walk.v6.from;
	case PART_CA:
		return l->walk.ca_priv.to + byte;
	default:
		return byte; /* copied from the first byte on */
	}
}

static struct member member_at(uint16_t at, uint32_t bit, uint32_t bits)
{
	struct member m = {.at = at, .mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	m.shift = bit;
#else
	m.shift = bits >= 64 ? 0 : 64 - bit - bits;
#endif
	return m;
}

static int place_members(struct layout *l, struct types *types, const struct place *places)
{
	struct walk_range all[M_MAX_];
	struct place ca = find_paths(types, "inet_connection_sock.icsk_ca_priv");
	size_t count = 0;

	for (int id = 0; id < M_MAX_; id++) {
		if (places[id].found && wanted[id].part == PART_FULL)
			all[count++] = bytes_of(&places[id]);
	}
	qsort(all, count, sizeof(*all), by_offset);
	size_t end = 0;
	for (unsigned gap = GAP_MIN; !end && gap <= GAP_MAX; gap += GAP_MIN)
		end = join(&l->walk, all, count, size_of(types, "sock_common"), gap);
	if (end && places[M_TCLASS].found)
		end = append(&l->walk.v6, &places[M_TCLASS], end);
	if (end && ca.found)
		end = append(&l->walk.ca_priv, &ca, end);
	l->walk.time_wait_len = size_of(types, "tcp_timewait_sock");
	l->walk.request_len = size_of(types, "request_sock");
	if (!end || end > WALK_RAW - WALK_SPARE || l->walk.time_wait_len > WALK_RAW - WALK_SPARE ||
	    l->walk.request_len > WALK_RAW - WALK_SPARE) {
		snprintf(l->error, sizeof(l->error),
			 "struct tcp_sock of this kernel is too wide to copy (%zu bytes)", end);
		return -EOPNOTSUPP;
	}
	for (int id = 0; id < M_MAX_; id++) {
		const struct place *p = &places[id];
		if (p->found)
			l->members[id] =
			    member_at(raw_offset(l, wanted[id].part, p->bit / 8), p->bit % 8, p->bits);
		else
			l->members[id] = (struct member){.at = WALK_RAW - WALK_SPARE};
	}
	return 0;
}

static int find_members(struct layout *l, struct types *types, struct place *places)
{
	for (int id = 0; id < M_MAX_; id++) {
		places[id] = wanted[id].part == PART_CA ? find_in_module(types, wanted[id].paths)
							: find_paths(types, wanted[id].paths);
		if (!places[id].found && wanted[id].need == NEEDED) {
			snprintf(l->error, sizeof(l->error), "this kernel has no %s", wanted[id].paths);
			return -EOPNOTSUPP;
		}
	}
	/* Only the way to the inode where that is not in the socket itself. */
	if (places[M_INO].found)
		places[M_SOCKET].found = false;
	return 0;
}

/* --- the rest --- */

static void set_walk(struct layout *l, struct types *types, const struct place *places)
{
	struct walk_layout *w = &l->walk;

	w->family = l->members[M_FAMILY].at;
	w->state = l->members[M_STATE].at;
	w->cookie = l->members[M_COOKIE].at;
	w->net = l->members[M_NET].at;
	w->node_next = l->members[M_NODE].at;
	w->cgroup = l->members[M_CGROUP].at;
	w->ca_ops = l->members[M_CA_OPS].at;
	w->ulp_ops = l->members[M_ULP_OPS].at;
	w->socket = member_exists(l, M_INO) ? 0 : l->members[M_SOCKET].at;
	w->time_wait_state = l->members[M_TW_SUBSTATE].at;
	w->node = places[M_NODE].bit / 8;
	w->bind_node = places[M_BIND_NODE].bit / 8;
	w->ehash_stride = size_of(types, "inet_ehash_bucket");
	w->lhash_stride = size_of(types, "inet_listen_hashbucket");
	w->lhash_head = offset_of(types, "inet_listen_hashbucket.nulls_head");
	w->bhash_stride = size_of(types, "inet_bind_hashbucket");
	w->bhash_head = offset_of(types, "inet_bind_hashbucket.chain");
	w->bind2_node = offset_of(types, "inet_bind2_bucket.node");
	w->bind2_owners = offset_of(types, "inet_bind2_bucket.owners");
	/* Linux 6.2; the structure is that of the cast in walk.bpf.c. */
	w->direct = btf__find_by_name_kind(types->btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0 &&
		    find_paths(types, "bpf_raw_tracepoint_args.args").found;
	set_lines(w);
}

static const char *const sockopts[] = {
    "INET_FLAGS_RECVERR",	  "INET_FLAGS_IS_ICSK",	      "INET_FLAGS_FREEBIND",
    "INET_FLAGS_HDRINCL",	  "INET_FLAGS_MC_LOOP",	      "INET_FLAGS_TRANSPARENT",
    "INET_FLAGS_MC_ALL",	  "INET_FLAGS_NODEFRAG",      "INET_FLAGS_BIND_ADDRESS_NO_PORT",
    "INET_FLAGS_RECVERR_RFC4884", "INET_FLAGS_DEFER_CONNECT",
};
static_assert(ARRAY_SIZE(sockopts) == ARRAY_SIZE(((struct layout *)0)->inet_flag), "a bit for each option");

static void set_enumerators(struct layout *l, const struct btf *btf)
{
	struct enumerator list[2 + ARRAY_SIZE(sockopts)] = {{.name = "IDIAG_TIMER_DELACK"},
							    {.name = "TCP_BOUND_INACTIVE"}};
	const struct enumerator *flags = list + 2;

	for (size_t i = 0; i < ARRAY_SIZE(sockopts); i++)
		list[2 + i].name = sockopts[i];
	find_enumerators(btf, list, ARRAY_SIZE(list));
	l->delack_timer = list[0].found;
	l->bound_inactive = list[1].found;
	for (size_t i = 0; i < ARRAY_SIZE(sockopts) && member_exists(l, M_INET_FLAGS); i++) {
		if (flags[i].found)
			l->inet_flag[i] = flags[i].value;
	}
}

static int set_features(struct layout *l, struct types *types)
{
	struct timespec tick;
	uint32_t len = size_of(types, "tcp_info");

	if (!find_paths(types, "inet_listen_hashbucket.nulls_head").found ||
	    !size_of(types, "inet_ehash_bucket")) {
		snprintf(l->error, sizeof(l->error),
			 "the table of listeners of this kernel is another (Linux 5.19)");
		return -EOPNOTSUPP;
	}
	/* The resolution of a coarse clock is one tick. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0 || tick.tv_nsec <= 0)
		return -EINVAL;
	l->hz = (uint32_t)((NS_PER_SEC + tick.tv_nsec / 2) / tick.tv_nsec);
	l->tcp_info_len = len < sizeof(struct abi_tcp_info) ? len : sizeof(struct abi_tcp_info);
	l->accecn = member_exists(l, M_RECEIVED_CE);
	l->ecn_packed = find_paths(types, "tcp_info.tcpi_ecn_mode").found;
	l->orphan_uid = member_exists(l, M_INO);
	set_enumerators(l, types->btf);
	return 0;
}

int layout_read(struct layout *layout)
{
	struct place places[M_MAX_];

	*layout = (struct layout){0};
	struct btf *btf = btf__load_vmlinux_btf();
	if (!btf) {
		int r = -errno;
		snprintf(layout->error, sizeof(layout->error), "no /sys/kernel/btf/vmlinux: %s",
			 strerror(-r));
		return r ? r : -ENOENT;
	}
	struct types types = {.btf = btf};
	int r = find_members(layout, &types, places);
	if (r == 0)
		r = place_members(layout, &types, places);
	if (r == 0) {
		set_walk(layout, &types, places);
		r = set_features(layout, &types);
	}
	btf__free(btf);
	return r;
}
