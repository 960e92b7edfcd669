/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/ticker.h"
#include "enrich/default_route.h"
#include "enrich/lldp.h"
#include "enrich/nic.h"
#include "enrich/uplinks.h"

static void texts_are_utf8_and_fit(void **state)
{
	static const struct {
		const char *from, *to;
		size_t size;
	} rows[] = {
	    {"leaf 7", "leaf 7", 8},
	    {"a\nb\x1b[1m", "a?b?[1m", 16},
	    {"caf\xc3\xa9", "caf\xc3\xa9", 16},
	    {"caf\xc3\xa9", "caf", 5},
	    {"\xff\xfe!", "?\?!", 16},
	    {"cut\xc3", "cut?", 16},
	    {"longer than", "longer t", 9},
	    {"", "", 1},
	};
	char to[16];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(to, 'x', sizeof(to));
		uplink_text(to, rows[i].size, rows[i].from, strlen(rows[i].from));
		assert_string_equal(to, rows[i].to);
	}
}

static void a_record_has_them_or_not(void **state)
{
	struct uplink_facts facts = {0};
	struct record r = {.sections = RECORD_HAS(META) | RECORD_HAS(ENRICH)};

	uplink_to_record(&facts, &r);
	assert_int_equal(r.sections, RECORD_HAS(META));
	strcpy(facts.up[0].ifname, "eth0");
	facts.up[0].speed_mbps = 25000;
	strcpy(facts.up[1].neighbour.port_id, "Ethernet7");
	uplink_to_record(&facts, &r);
	assert_int_equal(r.sections, RECORD_HAS(META) | RECORD_HAS(ENRICH));
	assert_int_equal(r.uplink1_nic_speed_mbps, 25000);
	assert_memory_equal(r.uplink2_lldp_port_id.p, "Ethernet7", r.uplink2_lldp_port_id.len);
	assert_int_equal(r.uplink2_ifname.len, 0);
}

/* Default routes */

/* Messages of rtnetlink, appended one after another. */
static struct {
	_Alignas(8) uint8_t bytes[4096];
	size_t len;
} batch;

static void put(const void *data, size_t len)
{
	memcpy(batch.bytes + batch.len, data, len);
	batch.len += NLMSG_ALIGN(len);
}

static void put_attr(uint16_t type, const void *data, uint16_t len)
{
	put(&(struct nlattr){.nla_len = NLA_HDRLEN + len, .nla_type = type}, NLA_HDRLEN);
	put(data, len);
}

/* Append a route; hops with ifindexes a and b where b is not 0. */
static void put_route(uint8_t dst_len, uint8_t table, uint32_t metric, int a, int b, uint8_t flags_b)
{
	size_t at = batch.len;
	struct nlmsghdr h = {.nlmsg_type = RTM_NEWROUTE};
	const struct rtmsg m = {
	    .rtm_family = AF_INET, .rtm_dst_len = dst_len, .rtm_table = table, .rtm_type = RTN_UNICAST};
	const struct rtnexthop hops[] = {
	    {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = a},
	    {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = b, .rtnh_flags = flags_b},
	};

	put(&h, sizeof(h));
	put(&m, sizeof(m));
	if (metric)
		put_attr(RTA_PRIORITY, &metric, sizeof(metric));
	if (b)
		put_attr(RTA_MULTIPATH, hops, sizeof(hops));
	else
		put_attr(RTA_OIF, &a, sizeof(a));
	h.nlmsg_len = (uint32_t)(batch.len - at);
	memcpy(batch.bytes + at, &h, sizeof(h));
}

static void default_routes_by_metric(void **state)
{
	struct default_routes r = {.count = 0};

	batch.len = 0;
	put_route(0, RT_TABLE_MAIN, 200, 7, 0, 0);
	put_route(24, RT_TABLE_MAIN, 0, 9, 0, 0);
	put_route(0, 100, 0, 8, 0, 0);
	put_route(0, RT_TABLE_MAIN, 100, 3, 4, 0);
	put_route(0, RT_TABLE_MAIN, 100, 5, 6, RTNH_F_LINKDOWN);
	put_route(0, RT_TABLE_MAIN, 300, 3, 0, 0);
	default_routes_take(&r, batch.bytes, batch.len);
	assert_int_equal(r.count, 4);
	static const int want[] = {3, 4, 5, 7};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(r.at[i].ifindex, want[i]);
}

/* No length in a message leads out of it. */
static void damaged_routes(void **state)
{
	batch.len = 0;
	put_route(0, RT_TABLE_MAIN, 100, 3, 4, 0);
	put_route(0, RT_TABLE_MAIN, 0, 5, 0, 0);
	for (size_t at = 0; at < batch.len; at++) {
		for (int value = 0; value < 256; value += 51) {
			struct default_routes r = {.count = 0};
			_cleanup_free_ uint8_t *copy = malloc(batch.len);
			memcpy(copy, batch.bytes, batch.len);
			copy[at] = (uint8_t)value;
			default_routes_take(&r, copy, batch.len);
			assert_true(r.count <= DEFAULT_ROUTE_MAX);
		}
	}
	for (size_t len = 0; len < batch.len; len++) {
		struct default_routes r = {.count = 0};
		_cleanup_free_ uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, batch.bytes, len);
		default_routes_take(&r, copy, len);
	}
}

/* Cards, in a sysfs of the test's own */

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int make_root(void **state)
{
	snprintf(root, sizeof(root), "/tmp/test_uplinks.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Make a file below the root, and its directories; a text that begins with "->" makes a link. */
static void make(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	if (strncmp(text, "->", 2) == 0) {
		assert_int_equal(symlink(text + 2, path), 0);
		return;
	}
	_cleanup_fclose_ FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
}

static void make_sysfs(void)
{
	static const char *const files[][2] = {
	    {"bus/pci/x", ""},
	    {"bus/virtio/x", ""},
	    {"drivers/ice/x", ""},
	    {"devices/pci0/0000:3b:00.0/vendor", "0x8086\n"},
	    {"devices/pci0/0000:3b:00.0/device", "0x1592\n"},
	    {"devices/pci0/0000:3b:00.0/subsystem", "->../../../bus/pci"},
	    {"devices/pci0/0000:3b:00.0/driver", "->../../../drivers/ice"},
	    {"devices/pci0/0000:3b:00.0/net/xe1/device", "->../../../0000:3b:00.0"},
	    {"devices/pci0/0000:3b:00.0/net/xe1/ifindex", "2\n"},
	    {"devices/pci0/0000:3b:00.0/net/xe1/speed", "100000\n"},
	    {"devices/pci0/0000:3b:00.0/net/xe1/operstate", "up\n"},
	    {"devices/pci0/0000:00:03.0/vendor", "0x1af4\n"},
	    {"devices/pci0/0000:00:03.0/device", "0x1000\n"},
	    {"devices/pci0/0000:00:03.0/subsystem", "->../../../bus/pci"},
	    {"devices/pci0/0000:00:03.0/virtio0/vendor", "0x0001\n"},
	    {"devices/pci0/0000:00:03.0/virtio0/subsystem", "->../../../../bus/virtio"},
	    {"devices/pci0/0000:00:03.0/virtio0/net/xe10/device", "->../../../virtio0"},
	    {"devices/pci0/0000:00:03.0/virtio0/net/xe10/ifindex", "3\n"},
	    {"devices/pci0/0000:00:03.0/virtio0/net/xe10/speed", "-1\n"},
	    {"devices/pci0/0000:00:03.0/virtio0/net/xe10/operstate", "down\n"},
	    {"class/net/xe1", "->../../devices/pci0/0000:3b:00.0/net/xe1"},
	    {"class/net/xe10", "->../../devices/pci0/0000:00:03.0/virtio0/net/xe10"},
	    {"class/net/bond0/lower_xe10", "->../xe10"},
	    {"class/net/bond0/lower_xe1", "->../xe1"},
	    {"class/net/bond0.7/lower_bond0", "->../bond0"},
	    {"class/net/veth5/ifindex", "9\n"},
	    {"class/net/br0/bridge/x", ""},
	    {"class/net/br0/lower_veth5", "->../veth5"},
	    {"class/net/br0/lower_bond0.7", "->../bond0.7"},
	    {"class/net/br1/bridge/x", ""},
	    {"class/net/br1/lower_veth5", "->../veth5"},
	    {"class/net/loop1/lower_loop1", "->../loop1"},
	    {"pci.ids",
	     "# comment\n0001  Other\n\t1592  Of another vendor\n8086  Intel Corporation\n"
	     "\t1591  Next to it\n\t1592  Ethernet Controller E810-C for QSFP\n\t\t8086 0001  A board\n"
	     "9999  Last\n\t1592  Of another vendor\n"},
	    {"udev/n3", "E:ID_MODEL=x\nE:ID_MODEL_FROM_DATABASE=Virtio network device\nE:OTHER=y\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		make(files[i][0], files[i][1]);
}

static void members_of_uplinks(void **state)
{
	const struct nic_paths paths = {.sys = root};
	static const struct {
		const char *name, *members;
	} rows[] = {
	    {"xe1", "xe1"}, {"bond0", "xe1 xe10"}, {"bond0.7", "xe1 xe10"}, {"br0", "xe1 xe10"},
	    {"br1", "br1"}, {"veth5", "veth5"},	   {"missing", "missing"},  {"loop1", "loop1"},
	};

	make_sysfs();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nic_names names = {.count = 0};
		char all[256] = "";
		nic_members(&paths, rows[i].name, &names);
		for (size_t j = 0; j < names.count; j++)
			sprintf(all + strlen(all), "%s%s", j ? " " : "", names.name[j]);
		assert_string_equal(all, rows[i].members);
	}
	struct nic_names up = {.count = 0};
	nic_physical(&paths, &up);
	assert_int_equal(up.count, 1);
	assert_string_equal(up.name[0], "xe1");
}

static void facts_of_a_card(void **state)
{
	char udev[PATH_MAX + 8], ids[PATH_MAX + 16];
	const char *const pci_ids[] = {"/nonexistent", ids, NULL};
	const struct nic_paths paths = {.sys = root, .udev = udev, .pci_ids = pci_ids};
	struct uplink ice = {.ifname = "xe1"}, virtio = {.ifname = "xe10"}, other = {.ifname = "xe1"}, again;

	make_sysfs();
	snprintf(udev, sizeof(udev), "%s/udev", root);
	snprintf(ids, sizeof(ids), "%s/pci.ids", root);
	nic_read(&paths, 2, NULL, &ice);
	assert_string_equal(ice.driver, "ice");
	assert_string_equal(ice.bus_info, "0000:3b:00.0");
	assert_int_equal(ice.pci_vendor, 0x8086);
	assert_int_equal(ice.pci_device, 0x1592);
	assert_int_equal(ice.speed_mbps, 100000);
	assert_string_equal(ice.model, "Ethernet Controller E810-C for QSFP");
	nic_read(&paths, 3, NULL, &virtio);
	assert_int_equal(virtio.pci_vendor, 0x1af4);
	assert_int_equal(virtio.pci_device, 0x1000);
	assert_int_equal(virtio.speed_mbps, 0);
	assert_string_equal(virtio.model, "Virtio network device");
	/* sysfs of another namespace. */
	nic_read(&paths, 4, NULL, &other);
	assert_int_equal(other.pci_vendor, 0);
	assert_string_equal(other.driver, "");
	/* The model of the same card is not searched for again. */
	ids[0] = '\0';
	again = (struct uplink){.ifname = "xe1"};
	nic_read(&paths, 2, &ice, &again);
	assert_string_equal(again.model, ice.model);
}

/* lldpd */

/* A lldpd that sends some bytes to whoever connects, or nothing. */
struct impostor {
	char path[80];
	int fd;
	const void *bytes;
	size_t len;
	pthread_t thread;
};

static void impostor_open(struct impostor *s)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(s->path, sizeof(s->path), "%s/lldpd", root);
	memcpy(a.sun_path, s->path, strlen(s->path));
	unlink(s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
}

static void *impostor_main(void *data)
{
	struct impostor *s = data;
	_cleanup_close_ int fd = accept(s->fd, NULL, NULL);

	send(fd, s->bytes, s->len, MSG_NOSIGNAL);
	return NULL;
}

static int read_of(const char *path, int64_t ns, bool stop)
{
	char reason[LLDP_REASON_MAX] = "";
	_cleanup_close_ int fd = eventfd(stop, EFD_CLOEXEC);
	const struct ticker ticker = {.stop_fd = fd};
	struct uplink up[UPLINKS_MAX] = {{.ifname = "xe1"}};

	int r = lldp_read(&ticker, path, clock_mono_ns() + ns, up, reason);
	assert_true(r == 0 || r == -ECANCELED || reason[0]);
	return r;
}

static void a_missing_lldpd(void **state)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/none", root);
	assert_int_equal(read_of(path, NS_PER_SEC, false), lldp_built() ? -ENOENT : -ENOTSUP);
}

static void a_mute_lldpd(void **state)
{
	struct impostor s = {.fd = -1};

	if (!lldp_built())
		skip();
	impostor_open(&s);
	int64_t begin = clock_mono_ns();
	assert_int_equal(read_of(s.path, 50 * NS_PER_MS, false), -ETIMEDOUT);
	assert_true(clock_mono_ns() - begin >= 50 * NS_PER_MS);
	/* The end of the daemon waits for no answer: the deadline is past the test's own. */
	assert_int_equal(read_of(s.path, 3600 * NS_PER_SEC, true), -ECANCELED);
	close(s.fd);
}

static void a_lldpd_that_sends_garbage(void **state)
{
	static uint8_t random[65536];
	static const struct {
		uint32_t type;
		size_t len;
	} zeros = {0, 0}, huge = {2, SIZE_MAX}, large = {2, 1 << 30}, empty = {2, 0};
	const struct {
		const void *bytes;
		size_t len;
	} rows[] = {{"", 0},
		    {"x", 1},
		    {random, sizeof(random)},
		    {&zeros, sizeof(zeros)},
		    {&huge, sizeof(huge)},
		    {&large, sizeof(large)},
		    {&empty, sizeof(empty)}};

	if (!lldp_built())
		skip();
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct impostor s = {.bytes = rows[i].bytes, .len = rows[i].len};
		impostor_open(&s);
		assert_int_equal(pthread_create(&s.thread, NULL, impostor_main, &s), 0);
		assert_true(read_of(s.path, 20 * NS_PER_SEC, false) < 0);
		pthread_join(s.thread, NULL);
		close(s.fd);
	}
}

/* The whole: stopped while a reading waits for a mute lldpd. */
static void the_end_does_not_wait(void **state)
{
	struct impostor s = {.fd = -1};
	struct uplink_facts facts = {0};

	impostor_open(&s);
	const struct uplinks_options options = {.nic = true,
						.lldp = true,
						.lldp_socket = s.path,
						.interfaces = "lo",
						.count = 2,
						.every_ns = NS_PER_SEC};
	struct uplinks *u = uplinks_new(&options);
	assert_non_null(u);
	int64_t begin = clock_mono_ns();
	uplinks_free(u);
	if (lldp_built())
		assert_true(clock_mono_ns() - begin < UPLINKS_ANSWER_NS);
	u = uplinks_new(&(struct uplinks_options){
	    .nic = true, .lldp_socket = "", .interfaces = "none, lo,lo", .count = 2, .every_ns = NS_PER_SEC});
	assert_non_null(u);
	uplinks_copy(u, &facts);
	uplinks_free(u);
	assert_int_equal(facts.version, 1);
	assert_string_equal(facts.up[0].ifname, "lo");
	assert_string_equal(facts.up[1].ifname, "");
	close(s.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_utf8_and_fit),
	    cmocka_unit_test(a_record_has_them_or_not),
	    cmocka_unit_test(default_routes_by_metric),
	    cmocka_unit_test(damaged_routes),
	    cmocka_unit_test_setup_teardown(members_of_uplinks, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(facts_of_a_card, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(a_missing_lldpd, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(a_mute_lldpd, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(a_lldpd_that_sends_garbage, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(the_end_does_not_wait, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("uplinks", tests, NULL, NULL);
}
