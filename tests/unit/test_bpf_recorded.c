/* SPDX-License-Identifier: MIT */
/*
 * The records of the BPF source, made of the memory of sockets of real kernels, against what inet_diag of these kernels said
 * of the same sockets before and after (tests/data/README.md). Needs no kernel and no rights. A recording of the other byte
 * order is converted, value by value.
 */
#include "unit.h"

#include <byteswap.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <string.h>

#include "record/decode.h"
#include "record/format.h"
#include "source/bpf/pass.h"
#include "source/byte_order.h"

#define MESSAGE_MAX 2048

#define THIS_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* Values recorded in the other byte order: two IPv6 addresses, and from here on a word for each member. */
#define FOREIGN_BEGIN 32
static_assert(FOREIGN_BEGIN + 8 * M_MAX_ <= WALK_RAW - WALK_SPARE, "a word for each member");

/* What a recording must have: a socket of the name that the recorder gives it, with a field that is not 0 there. */
static const struct {
	const char *name, *field;
	uint64_t bits; /* of a number; 0: any */
	bool rare;     /* takes a module that not each kernel has: in one of the recordings */
} cases[] = {
    {"IPv4 listener", "inet_diag_msg_wqueue"},
    {"full listener", "tcp_info_unacked"},
    {"IPv6 listener", "skv6only"},
    {"connection beyond the queue", "inet_diag_msg_timer"},
    {"deferred connection", "tcp_info_snd_mss"},
    {"without a descriptor, request, state 3", "inet_diag_msg_expires"},
    {"half closed", "shutdown_state"},
    {"without a descriptor, small, state 6", "inet_diag_msg_expires"},
    {"without a descriptor, whole, subflow, state 1", "ulp_name"},
    {"cubic", "tcp_info_delivery_rate_app_limited"},
    {"cubic", "tcp_info_delivery_rate"},
    {"reno", "tcp_info_rtt"},
    {"IPv6", "inet_diag_msg_socket_destination"},
    {"IPv4-mapped", "tcp_info_bytes_acked"},
    {"with options", "tcp_info_max_pacing_rate"},
    {"small window", "tcp_info_send_scale"},
    {"sender at a closed window", "tcp_info_not_sent_bytes"},
    {"sender at a closed window", "tcp_info_rwnd_limited"},
    {"fast open with data", "tcp_info_options", 32},
    {"all lost", "tcp_info_retransmits"},
    {"all lost", "tcp_info_ca_state", 4},
    {"lost and repeated", "tcp_info_total_retrans"},
    {"the first lost", "tcp_info_sacked"},
    {"the first lost", "tcp_info_rcv_ooopack"},
    {"queued below", "sk_mem_info_wmem_alloc", .rare = true},
    {"kTLS", "ulp_name", .rare = true},
    {"dctcp", "dctcp_info_enabled", .rare = true},
    {"vegas", "vegas_info_rtt", .rare = true},
    {"bbr", "bbr_info_cwnd_gain", .rare = true},
};

struct message {
	size_t len;
	_Alignas(4) uint8_t bytes[MESSAGE_MAX];
};

struct recorded {
	char name[80];
	struct walk_slot slot;
	struct message before, after;
};

static const char *const member_names[] = {
#define MEMBER(id, PART, NEED, path) [M_##id] = #id,
#include "source/bpf/fields.def"
#undef MEMBER
};

/* One recording being read, and what was compared of it. */
static struct {
	FILE *file;
	char kernel[64];
	bool foreign;		       /* recorded by a machine of the other byte order */
	struct member members[M_MAX_]; /* then: as recorded */
	struct walker walker;
	struct source source;
	struct recorded socket;
	struct decode_options options;
	unsigned sockets, equal, between, differing;
	bool seen[ARRAY_SIZE(cases)];
	char line[8192];
} t;

static bool anywhere[ARRAY_SIZE(cases)]; /* cases that one of the recordings had */

/* --- the file --- */

static unsigned long long number(const char *text, const char *name)
{
	char key[32];

	snprintf(key, sizeof(key), " %s=", name);
	const char *at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + strlen(key), NULL, 10);
}

static void copy_word(char *to, size_t size, const char *text, const char *name)
{
	char key[32];

	snprintf(key, sizeof(key), " %s=", name);
	const char *at = strstr(text, key);
	assert_non_null(at);
	at += strlen(key);
	size_t len = strcmp(name, "name") == 0 ? strcspn(at, "\n") : strcspn(at, " \n");
	assert_true(len < size);
	memset(to, 0, size);
	memcpy(to, at, len);
}

/* Bytes in hexadecimal, *N for N zeros, up to the end of the line. Return how many. */
static size_t bytes_of(const char *text, uint8_t *to, size_t size)
{
	size_t n = 0;

	memset(to, 0, size);
	for (;;) {
		text += strspn(text, " ");
		if (*text == '*') {
			char *end;
			n += strtoul(text + 1, &end, 10);
			text = end;
		} else if (*text && *text != '\n') {
			unsigned byte;
			assert_int_equal(sscanf(text, "%2x", &byte), 1);
			assert_true(n < size);
			to[n++] = (uint8_t)byte;
			text += 2;
		} else {
			break;
		}
		assert_true(n <= size);
	}
	return n;
}

static void take_layout(const char *line)
{
	struct layout *l = &t.walker.layout;
	const char *flags = strstr(line, " inet_flag=");

	l->hz = number(line, "hz");
	l->tcp_info_len = number(line, "tcp_info");
	l->accecn = number(line, "accecn");
	l->ecn_packed = number(line, "ecn_packed");
	l->delack_timer = number(line, "delack_timer");
	l->orphan_uid = number(line, "orphan_uid");
	t.options =
	    (struct decode_options){.attributes = UINT64_MAX, .accecn_u16 = l->accecn && !l->ecn_packed};
	t.source.config.decode = t.options;
	assert_non_null(flags);
	flags += strlen(" inet_flag=");
	for (size_t i = 0; i < sizeof(l->inet_flag); i++) {
		char *end;
		l->inet_flag[i] = strtoul(flags, &end, 10);
		flags = end + 1;
	}
}

static bool is_v6_address(enum member_id id)
{
	return id == M_V6_RCV_SADDR || id == M_V6_DADDR;
}

/* Where the value of a member is put that was recorded in the other byte order: it has a word of its own, an IPv6 address two. */
static uint16_t foreign_at(enum member_id id)
{
	return is_v6_address(id) ? (id == M_V6_DADDR) * 16 : FOREIGN_BEGIN + 8 * id;
}

static void take_member(const char *line)
{
	char name[64];
	unsigned at, shift;
	uint64_t mask;

	assert_int_equal(sscanf(line, "member %63s %u %u %" SCNx64, name, &at, &shift, &mask), 4);
	for (int id = 0; id < M_MAX_; id++) {
		if (strcmp(member_names[id], name) != 0)
			continue;
		t.members[id] = (struct member){at, shift, mask};
		t.walker.layout.members[id] =
		    t.foreign ? (struct member){foreign_at(id), 0, mask} : t.members[id];
	}
}

/* One value in memory of the other byte order. */
static uint64_t foreign_value(const uint8_t *raw, enum member_id id)
{
	const struct member *m = &t.members[id];
	uint64_t word;

	memcpy(&word, raw + m->at, sizeof(word));
	word = bswap_64(word) >> m->shift & m->mask;
	/* What the network has is the same bytes on each machine. */
	if (id == M_RCV_SADDR || id == M_DADDR)
		return bswap_32((uint32_t)word);
	return id == M_DPORT ? bswap_16((uint16_t)word) : word;
}

/* The memory of a socket as this machine would hold the same values. */
static void convert_raw(uint8_t raw[WALK_RAW])
{
	uint8_t old[WALK_RAW];

	memcpy(old, raw, WALK_RAW);
	memset(raw, 0, WALK_RAW);
	for (int id = 0; id < M_MAX_; id++) {
		uint64_t value = foreign_value(old, id);
		if (!t.members[id].mask)
			continue;
		if (is_v6_address(id))
			memcpy(raw + foreign_at(id), old + t.members[id].at, 16);
		else
			memcpy(raw + foreign_at(id), &value, sizeof(value));
	}
}

static void take_slot(const char *line)
{
	struct walk_slot *slot = &t.socket.slot;

	t.socket = (struct recorded){0};
	slot->kind = number(line, "kind");
	slot->bound = number(line, "bound");
	slot->jiffies = number(line, "jiffies");
	slot->mono_ns = number(line, "mono_ns");
	slot->inode = number(line, "inode");
	slot->cgroup_id = number(line, "cgroup");
	slot->net_cookie = 1;
	copy_word(slot->cong, sizeof(slot->cong), line, "cong");
	copy_word(slot->ulp, sizeof(slot->ulp), line, "ulp");
	copy_word(t.socket.name, sizeof(t.socket.name), line, "name");
}

static void convert_socket(struct recorded *s)
{
	bool accecn_u16 = t.options.accecn_u16;

	convert_raw(s->slot.raw);
	byte_order_convert(s->before.bytes, s->before.len, accecn_u16);
	byte_order_convert(s->after.bytes, s->after.len, accecn_u16);
}

/* --- the comparison --- */

static void show(const struct record *r, const struct record_field *f, struct buf *b)
{
	b->len = 0;
	if (record_field_present(r, f))
		format_field(b, r, f);
	else
		buf_str(b, "absent");
}

static bool is_number(const struct record_field *f)
{
	return f->kind == FIELD_U32 || f->kind == FIELD_U64;
}

/* Whether a counter or a timer that ran had this value on its way from one to the other. */
static bool lies_between(const struct record *a, const struct record *r, const struct record *b,
			 const struct record_field *f)
{
	if (!is_number(f) || !record_field_present(a, f) || !record_field_present(r, f) ||
	    !record_field_present(b, f))
		return false;
	uint64_t x = record_field_number(a, f), y = record_field_number(b, f), v = record_field_number(r, f);
	return x < y ? x <= v && v <= y : y <= v && v <= x;
}

/* The kernel's answers are equal and the record is another: a formula is wrong. */
static void compare_field(const struct record *before, const struct record *made, const struct record *after,
			  const struct record_field *f)
{
	struct buf was = {0}, is = {0}, becomes = {0};

	show(before, f, &was);
	show(made, f, &is);
	show(after, f, &becomes);
	if (!strcmp(buf_cstr(&was), buf_cstr(&becomes)) && !strcmp(buf_cstr(&is), buf_cstr(&was))) {
		t.equal++;
	} else if (lies_between(before, made, after, f)) {
		t.between++;
	} else {
		t.differing++;
		print_error("kernel %s, \"%s\", %s: %s where inet_diag said %s and then %s\n", t.kernel,
			    t.socket.name, f->name, buf_cstr(&is), buf_cstr(&was), buf_cstr(&becomes));
	}
	buf_free(&was);
	buf_free(&is);
	buf_free(&becomes);
}

static void decode(const struct message *m, struct record *record)
{
	struct decode_counts counts = {0};

	record->sections = 0;
	assert_int_equal(decode_inet_diag((const struct nlmsghdr *)(const void *)m->bytes, m->len, &t.options,
					  record, &counts),
			 0);
	assert_int_equal(counts.bad_attributes, 0);
}

static bool has_case(const struct record *r, size_t i)
{
	const struct record_field *f = record_field_find(cases[i].field, strlen(cases[i].field));

	assert_non_null(f);
	if (!record_field_present(r, f) || record_field_zero(r, f))
		return false;
	return !cases[i].bits || (record_field_number(r, f) & cases[i].bits) == cases[i].bits;
}

static int on_record(struct record_sink *sink, struct record *made)
{
	static struct record before, after;

	decode(&t.socket.before, &before);
	decode(&t.socket.after, &after);
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *f = &record_fields[i];
		enum record_section section = record_field_section(f);
		/* The attributes that were sent depend on who asks. */
		if (section != RECORD_SECTION_META && section != RECORD_SECTION_ENRICH &&
		    section != RECORD_SECTION_OWNER && strcmp(f->name, "inet_diag_attributes") != 0)
			compare_field(&before, made, &after, f);
	}
	t.sockets++;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		t.seen[i] |= !strcmp(cases[i].name, t.socket.name) && has_case(made, i);
	return 0;
}

/* The socket is read: make its record, as a poll does. */
static void take_socket(void)
{
	struct record_sink sink = {.emit = on_record};
	struct record record = {0};
	struct dump_result result = {0};
	struct name name = {.cookie = 1};
	struct poll_pass pass = {.source = &t.source,
				 .record = &record,
				 .sink = &sink,
				 .result = &result,
				 .named = &name,
				 .named_cookie = name.cookie};

	assert_int_equal(cookie_set_reset(&t.source.seen), 0);
	assert_int_equal(pass_take_socket(&pass, &t.socket.slot), 0);
	assert_int_equal(result.messages, 1);
}

static void take_line(const char *line)
{
	struct recorded *s = &t.socket;

	if (!strncmp(line, "kernel ", 7)) {
		snprintf(t.kernel, sizeof(t.kernel), "%.*s", (int)strcspn(line + 7, "\n"), line + 7);
		t.foreign = (strstr(t.kernel, " s390x") != NULL) != THIS_IS_BIG;
	} else if (!strncmp(line, "layout ", 7)) {
		take_layout(line);
	} else if (!strncmp(line, "member ", 7)) {
		take_member(line);
	} else if (!strncmp(line, "socket ", 7)) {
		take_slot(line);
	} else if (!strncmp(line, "raw ", 4)) {
		bytes_of(line + 4, s->slot.raw, sizeof(s->slot.raw));
	} else if (!strncmp(line, "before ", 7)) {
		s->before.len = bytes_of(line + 7, s->before.bytes, sizeof(s->before.bytes));
	} else if (!strncmp(line, "change ", 7)) {
		s->after.len = bytes_of(line + 7, s->after.bytes, sizeof(s->after.bytes));
		assert_int_equal(s->after.len, s->before.len);
		for (size_t i = 0; i < s->after.len; i++)
			s->after.bytes[i] ^= s->before.bytes[i];
		if (t.foreign)
			convert_socket(s);
		take_socket();
	} else {
		assert_int_equal(*line, '#');
	}
}

static void replay(const char *series)
{
	char path[100];

	memset(&t, 0, sizeof(t));
	t.source.walker = &t.walker;
	t.source.config.ext = UINT8_MAX;
	snprintf(path, sizeof(path), "tests/data/sockets-%s.txt", series);
	t.file = fopen(path, "re");
	if (!t.file)
		fail_msg("%s: %s", path, strerror(errno));
	for (int id = 0; id < M_MAX_; id++)
		t.walker.layout.members[id].at = WALK_RAW - WALK_SPARE;
	while (fgets(t.line, sizeof(t.line), t.file))
		take_line(t.line);
	fclose(t.file);
	cookie_set_free(&t.source.seen);
	print_message("kernel %s: %u sockets, %u values equal, %u that ran between two answers\n", t.kernel,
		      t.sockets, t.equal, t.between);
	assert_int_equal(t.differing, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		anywhere[i] |= t.seen[i];
		if (!t.seen[i] && !cases[i].rare)
			fail_msg("%s has no socket \"%s\" with %s", path, cases[i].name, cases[i].field);
	}
	/* What runs is little, or equal says nothing. */
	assert_true(t.between * 20 < t.equal);
}

static void test_recordings(void **state)
{
	static const char *const series[] = {"6.18", "7.3", "6.1", "6.12-s390x"};

	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		replay(series[i]);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (!anywhere[i])
			fail_msg("no recording has a socket \"%s\" with %s", cases[i].name, cases[i].field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recordings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
