/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <jansson.h>
#include <string.h>

#include "api/recent.h"
#include "api/recent_groups.h"
#include "api/recent_sockets.h"
#include "base/cleanup.h"
#include "record/wire.h"
#include "tally/tally.h"

/* A poll's side: what the tap was set to, and whether a cycle runs then. */
static struct {
	struct poll_tap *tap;
	bool running;
} poll_side;

static bool set_tap(void *data, struct poll_tap *tap)
{
	poll_side.tap = tap;
	return poll_side.running;
}

static struct record socket_record(uint64_t cookie, int64_t seconds)
{
	return (struct record){
	    .sections = RECORD_HAS(META) | RECORD_HAS(DIAG) | RECORD_HAS(TCP_INFO),
	    .timestamp_ns = seconds * NS_PER_SEC,
	    .netns = str_of("self"),
	    .tcp_info_len = 240,
	    .inet_diag_msg_family = 2,
	    .inet_diag_msg_state = 1,
	    .inet_diag_msg_socket_cookie = cookie,
	    .inet_diag_msg_socket_source = {"\x0a\0\0\1", 4},
	    .inet_diag_msg_socket_destination = {"\x0a\0\0\2", 4},
	    .inet_diag_msg_socket_source_port = 1000,
	    .inet_diag_msg_socket_destination_port = 2000,
	};
}

/* Give a record as a worker does. */
static void give(const struct record *r)
{
	_cleanup_buf_ struct buf wire = {0}, row = {0};
	uint8_t size[10];
	size_t n = 0;

	wire_encode(&wire, r);
	buf_byte(&row, 0x52);
	for (uint64_t v = wire.len; n == 0 || v; v >>= 7)
		size[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	buf_append(&row, size, n);
	buf_append(&row, wire.data, wire.len);
	poll_side.tap->batch(poll_side.tap, row.data, row.len, 1);
}

static json_t *json_loaded(struct buf *b)
{
	json_t *root = json_loadb((const char *)b->data, b->len, JSON_DECODE_ANY, NULL);

	if (!root)
		fail_msg("no JSON: %s", buf_cstr(b));
	return root;
}

static json_t *json_of(struct recent *r, const char *order)
{
	_cleanup_buf_ struct buf b = {0};

	recent_json(r, order, &b);
	return json_loaded(&b);
}

static json_int_t number(json_t *root, const char *name)
{
	return json_integer_value(json_object_get(root, name));
}

static double cell(json_t *root, size_t row, const char *name)
{
	return json_number_value(json_object_get(json_array_get(json_object_get(root, "rows"), row), name));
}

static void nothing_happens_until_somebody_looks(void **state)
{
	struct recent *r = recent_new(set_tap, NULL);

	poll_side.tap = NULL;
	poll_side.running = false;
	recent_poll_done(r, 0);
	assert_null(poll_side.tap);
	recent_look(r, 0, 5);
	assert_non_null(poll_side.tap);
	recent_poll_done(r, 5 + RECENT_LOOK_NS);
	assert_non_null(poll_side.tap);
	recent_poll_done(r, 6 + RECENT_LOOK_NS);
	assert_null(poll_side.tap);
	recent_free(r);
}

static void a_cycle_that_began_before_is_not_shown(void **state)
{
	struct recent *r = recent_new(set_tap, NULL);
	struct record a = socket_record(1, 1);

	poll_side.running = true;
	recent_look(r, 0, 0);
	recent_poll_done(r, 1);
	json_t *root = json_of(r, "rtt");
	assert_true(json_is_null(root));
	json_decref(root);
	give(&a);
	recent_poll_done(r, 2);
	root = json_of(r, "rtt");
	assert_int_equal(number(root, "count"), 1);
	json_decref(root);
	recent_end(r);
	recent_free(r);
}

static void rates_and_orders(void **state)
{
	struct recent *r = recent_new(set_tap, NULL);
	poll_side.running = false;
	recent_look(r, 0, 0);

	for (int64_t poll = 0; poll < 2; poll++) {
		for (uint64_t i = 1; i <= 60; i++) {
			struct record a = socket_record(i, 10 + poll * 2);
			a.tcp_info_rtt = (uint32_t)(1000 - i);
			a.tcp_info_bytes_acked = (uint64_t)poll * i * 100;
			a.tcp_info_total_retrans = (uint32_t)(poll * 4);
			give(&a);
		}
		struct record listener = socket_record(99, 10);
		listener.inet_diag_msg_state = 10;
		give(&listener);
		struct record final = socket_record(98, 10);
		final.event = 1;
		give(&final);
		recent_poll_done(r, 1);
	}
	json_t *root = json_of(r, "send_rate");
	assert_int_equal(number(root, "count"), 61);
	assert_int_equal(number(root, "hidden"), 1);
	assert_int_equal(json_array_size(json_object_get(root, "rows")), RECENT_TOP);
	for (size_t i = 0; i < RECENT_TOP; i++)
		assert_int_equal(cell(root, i, "send_rate"), (60 - i) * 50);
	json_decref(root);

	root = json_of(r, "rtt");
	assert_int_equal(cell(root, 0, "rtt"), 999);
	json_decref(root);
	recent_end(r);
	recent_free(r);
}

static void beyond_the_bound_sockets_have_no_rate_and_are_counted(void **state)
{
	struct recent_sockets *s = recent_sockets_new(0);
	_cleanup_buf_ struct buf b = {0};

	/* From the second poll on the first 2,000 sockets are gone, and as many others there, which get their room. */
	static const char *const unrated[] = {"\"unrated\":1000,", "\"unrated\":3000,", "\"unrated\":1000,"};
	for (uint64_t poll = 0; poll < ARRAY_SIZE(unrated); poll++) {
		for (uint64_t i = 1; i <= RECENT_SOCKETS_MAX + 1000; i++) {
			struct record a = socket_record(i + (poll ? 2000 : 0), (int64_t)poll + 1);
			recent_sockets_take(s, &a, str_of("x"));
		}
		recent_sockets_turn(s);
		buf_reset(&b);
		recent_sockets_json(s, "", &b);
		if (!strstr(buf_cstr(&b), unrated[poll]))
			fail_msg("poll %u: %.80s", (unsigned)poll, buf_cstr(&b));
	}
	recent_sockets_free(s);
}

/* A poll of so many namespaces "n0", "n1" ..., each with one connection that has sent so many bytes by then. */
static void tally_poll(struct tally *t, struct tally_part *part, int count, int64_t seconds, uint64_t sent)
{
	char name[32];

	tally_begin(t, seconds * NS_PER_SEC);
	for (int i = 0; i < count; i++) {
		struct record r = socket_record((uint64_t)i + 1, seconds);
		snprintf(name, sizeof(name), "n%d", i);
		r.netns = str_of(name);
		r.tcp_info_bytes_sent = sent;
		r.tcp_info_bytes_retrans = sent / 10;
		r.tcp_info_total_retrans = (uint32_t)(sent / 100);
		r.tcp_info_bytes_received = r.tcp_info_segs_in = (uint32_t)sent;
		r.tcp_info_rtt = 500;
		tally_add(part, &r, true);
	}
	tally_end(t, true);
}

static json_t *groups_json(struct recent_groups *g, uint64_t after)
{
	_cleanup_buf_ struct buf b = {0};

	buf_byte(&b, '{');
	recent_groups_json(g, after, &b);
	buf_byte(&b, '}');
	return json_loaded(&b);
}

static void groups_have_rates_and_series_and_are_bounded(void **state)
{
	const struct tally_options options = {.labels = "netns", .top = 100, .sockets = 1024};
	char error[128];
	struct tally *t = tally_new(&options, error, sizeof(error));
	struct tally_part *part = tally_part_new(t);
	struct recent_groups *g = recent_groups_new(t);

	for (int64_t poll = 1; poll <= 3; poll++) {
		tally_poll(t, part, RECENT_GROUPS_MAX + 8, poll * 2, (uint64_t)poll * 1000);
		recent_groups_turn(g, (uint64_t)poll, poll * 2 * NS_PER_SEC, poll * NS_PER_SEC);
	}
	json_t *root = groups_json(g, 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(root, "labels"), 0)), "netns");
	assert_int_equal(json_array_size(json_object_get(root, "times")), 2);
	json_t *list = json_object_get(root, "groups"), *one = json_array_get(list, 0);
	assert_int_equal(json_array_size(list), RECENT_GROUPS_MAX + 1);
	assert_int_equal(number(one, "sockets"), 1);
	assert_int_equal(number(one, "connected"), 1);
	assert_int_equal(json_number_value(json_object_get(one, "rtt_us")), 500);
	assert_int_equal(json_number_value(json_object_get(one, "send_rate")), 500);
	assert_int_equal(json_number_value(json_object_get(one, "retrans_rate")), 5);
	assert_int_equal(json_number_value(json_object_get(one, "retrans_pct")), 10);
	json_t *series = json_object_get(one, "retrans_series");
	assert_int_equal(json_array_size(series), 2);
	assert_int_equal(json_number_value(json_array_get(series, 1)), 5);
	json_t *others = json_array_get(list, RECENT_GROUPS_MAX);
	assert_string_equal(json_string_value(json_object_get(others, "name")), "");
	assert_int_equal(number(others, "sockets"), 8);
	json_decref(root);

	/* Those that are gone have a row until their points are over. */
	for (int64_t poll = 4; poll < RECENT_POINTS + 5; poll++) {
		tally_poll(t, part, 1, poll * 2, (uint64_t)poll * 1000);
		recent_groups_turn(g, (uint64_t)poll, poll * 2 * NS_PER_SEC, poll * NS_PER_SEC);
	}
	root = groups_json(g, 0);
	assert_int_equal(json_array_size(json_object_get(root, "groups")), 1);
	assert_int_equal(json_array_size(json_object_get(root, "times")), RECENT_POINTS);
	json_decref(root);
	recent_groups_free(g);
	tally_free(t);
}

static void connections_of_the_page_itself_are_hidden(void **state)
{
	struct recent_sockets *s = recent_sockets_new(9088);
	struct record own = socket_record(1, 1), other = socket_record(2, 1);
	_cleanup_buf_ struct buf b = {0};

	own.inet_diag_msg_socket_source = own.inet_diag_msg_socket_destination =
	    (struct str){"\x7f\0\0\1", 4};
	own.inet_diag_msg_socket_destination_port = 9088;
	other.inet_diag_msg_socket_destination_port = 9088;
	recent_sockets_take(s, &own, str_of("x"));
	recent_sockets_take(s, &other, str_of("x"));
	recent_sockets_turn(s);
	recent_sockets_json(s, "", &b);
	assert_non_null(strstr(buf_cstr(&b), "\"count\":2,\"hidden\":1,"));
	recent_sockets_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_happens_until_somebody_looks),
	    cmocka_unit_test(a_cycle_that_began_before_is_not_shown),
	    cmocka_unit_test(rates_and_orders),
	    cmocka_unit_test(beyond_the_bound_sockets_have_no_rate_and_are_counted),
	    cmocka_unit_test(groups_have_rates_and_series_and_are_bounded),
	    cmocka_unit_test(connections_of_the_page_itself_are_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
