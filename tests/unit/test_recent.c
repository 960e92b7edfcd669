/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <jansson.h>
#include <string.h>

#include "api/recent.h"
#include "api/recent_netns.h"
#include "api/recent_sockets.h"
#include "base/cleanup.h"
#include "record/wire.h"

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

static json_t *json_of(struct recent *r, const char *order, uint64_t after)
{
	_cleanup_buf_ struct buf b = {0};

	buf_byte(&b, '{');
	recent_json(r, order, after, &b);
	buf_byte(&b, '}');
	json_t *root = json_loadb((const char *)b.data, b.len, 0, NULL);
	if (!root)
		fail_msg("no JSON: %s", buf_cstr(&b));
	return root;
}

static json_int_t number(json_t *root, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(root, a), b));
}

static double cell(json_t *root, size_t row, const char *name)
{
	json_t *rows = json_object_get(json_object_get(root, "sockets"), "rows");

	return json_number_value(json_object_get(json_array_get(rows, row), name));
}

static void nothing_happens_until_somebody_looks(void **state)
{
	struct recent *r = recent_new(set_tap, NULL);

	poll_side.tap = NULL;
	poll_side.running = false;
	recent_poll_done(r, 1, 0, 0);
	assert_null(poll_side.tap);
	recent_look(r, 0, 5);
	assert_non_null(poll_side.tap);
	recent_poll_done(r, 2, 5 + RECENT_LOOK_NS, 0);
	assert_non_null(poll_side.tap);
	recent_poll_done(r, 3, 6 + RECENT_LOOK_NS, 0);
	assert_null(poll_side.tap);
	recent_free(r);
}

static void a_cycle_that_began_before_is_not_shown(void **state)
{
	struct recent *r = recent_new(set_tap, NULL);
	struct record a = socket_record(1, 1);

	poll_side.running = true;
	recent_look(r, 0, 0);
	recent_poll_done(r, 1, 1, 0);
	json_t *root = json_of(r, "rtt", 0);
	assert_true(json_is_null(json_object_get(root, "sockets")));
	json_decref(root);
	give(&a);
	recent_poll_done(r, 2, 2, 0);
	root = json_of(r, "rtt", 0);
	assert_int_equal(number(root, "sockets", "count"), 1);
	json_decref(root);
	recent_end(r);
	recent_free(r);
}

static void rates_orders_and_sums(void **state)
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
		recent_poll_done(r, (uint64_t)poll + 7, 1, (poll + 10) * NS_PER_SEC);
	}
	json_t *root = json_of(r, "send_rate", 0);
	assert_int_equal(number(root, "sockets", "count"), 61);
	assert_int_equal(number(root, "sockets", "hidden"), 1);
	assert_int_equal(json_array_size(json_object_get(json_object_get(root, "sockets"), "rows")),
			 RECENT_TOP);
	for (size_t i = 0; i < RECENT_TOP; i++)
		assert_int_equal(cell(root, i, "send_rate"), (60 - i) * 50);
	json_t *netns = json_array_get(json_object_get(root, "namespaces"), 0);
	assert_string_equal(json_string_value(json_object_get(netns, "name")), "self");
	assert_int_equal(json_integer_value(json_object_get(netns, "sockets")), 61);
	assert_int_equal(json_number_value(json_object_get(netns, "retrans_rate")), 120);
	assert_float_equal(json_number_value(json_object_get(netns, "rtt_us")), 969.5, 0.01);
	assert_int_equal(json_array_size(json_object_get(root, "times")), 2);
	assert_true(json_is_null(json_array_get(json_object_get(netns, "retrans_series"), 0)));
	json_decref(root);

	root = json_of(r, "rtt", 7);
	assert_int_equal(cell(root, 0, "rtt"), 999);
	assert_int_equal(json_array_size(json_object_get(root, "times")), 1);
	json_decref(root);
	recent_end(r);
	recent_free(r);
}

static void beyond_the_bound_sockets_have_no_rate_and_are_counted(void **state)
{
	struct recent_sockets *s = recent_sockets_new(0);
	_cleanup_buf_ struct buf b = {0};
	double rates[VIEW_RATE_MAX_];

	/* From the second poll on the first 2,000 sockets are gone, and as many others there, which get their room. */
	static const char *const unrated[] = {"\"unrated\":1000,", "\"unrated\":3000,", "\"unrated\":1000,"};
	for (uint64_t poll = 0; poll < ARRAY_SIZE(unrated); poll++) {
		for (uint64_t i = 1; i <= RECENT_SOCKETS_MAX + 1000; i++) {
			struct record a = socket_record(i + (poll ? 2000 : 0), (int64_t)poll + 1);
			recent_sockets_take(s, &a, str_of("x"), rates);
		}
		recent_sockets_turn(s);
		buf_reset(&b);
		recent_sockets_json(s, "", &b);
		if (!strstr(buf_cstr(&b), unrated[poll]))
			fail_msg("poll %u: %.80s", (unsigned)poll, buf_cstr(&b));
	}
	recent_sockets_free(s);
}

static void more_namespaces_than_rows_are_added_up(void **state)
{
	struct recent_netns *n = recent_netns_new();
	const double rates[VIEW_RATE_MAX_] = {1, 2, 3};
	_cleanup_buf_ struct buf b = {0};
	char name[32];

	for (uint64_t poll = 1; poll <= 2; poll++) {
		for (int i = 0; i < RECENT_NETNS_MAX + 8; i++) {
			struct record a = socket_record(1, 1);
			snprintf(name, sizeof(name), "n%d", i);
			a.netns = str_of(name);
			recent_netns_take(n, &a, rates);
		}
		recent_netns_turn(n, poll, 0);
	}
	buf_byte(&b, '{');
	recent_netns_json(n, 0, &b);
	buf_byte(&b, '}');
	json_t *root = json_loadb((const char *)b.data, b.len, 0, NULL);
	json_t *list = json_object_get(root, "namespaces");
	assert_int_equal(json_array_size(list), RECENT_NETNS_MAX + 1);
	json_t *others = json_array_get(list, RECENT_NETNS_MAX);
	assert_string_equal(json_string_value(json_object_get(others, "name")), "");
	assert_int_equal(json_integer_value(json_object_get(others, "sockets")), 8);
	assert_int_equal(json_number_value(json_object_get(others, "recv_rate")), 16);
	json_decref(root);

	/* One that is not seen any more has its row until its points are over. */
	for (uint64_t poll = 3; poll < RECENT_POINTS + 3; poll++)
		recent_netns_turn(n, poll, 0);
	buf_reset(&b);
	recent_netns_json(n, 0, &b);
	assert_non_null(strstr(buf_cstr(&b), "\"namespaces\":[]"));
	recent_netns_free(n);
}

static void connections_of_the_page_itself_are_hidden(void **state)
{
	struct recent_sockets *s = recent_sockets_new(9088);
	struct record own = socket_record(1, 1), other = socket_record(2, 1);
	_cleanup_buf_ struct buf b = {0};
	double rates[VIEW_RATE_MAX_];

	own.inet_diag_msg_socket_source = own.inet_diag_msg_socket_destination =
	    (struct str){"\x7f\0\0\1", 4};
	own.inet_diag_msg_socket_destination_port = 9088;
	other.inet_diag_msg_socket_destination_port = 9088;
	recent_sockets_take(s, &own, str_of("x"), rates);
	recent_sockets_take(s, &other, str_of("x"), rates);
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
	    cmocka_unit_test(rates_orders_and_sums),
	    cmocka_unit_test(beyond_the_bound_sockets_have_no_rate_and_are_counted),
	    cmocka_unit_test(more_namespaces_than_rows_are_added_up),
	    cmocka_unit_test(connections_of_the_page_itself_are_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
