/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "enrich/attribute.h"
#include "enrich/pods.h"

#define HEX64	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID	    "0b1c2d3e-1111-2222-3333-444455556666"
#define UNDERSCORED "0b1c2d3e_1111_2222_3333_444455556666"
#define STATIC	    "0123456789abcdef0123456789abcdef"

static void a_path_tells_unit_and_pod(void **state)
{
	static const struct {
		const char *path, *unit, *pod, *id;
	} rows[] = {
	    {"/", "", "", ""},
	    {"/system.slice/nginx.service", "nginx.service", "", ""},
	    {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "", ""},
	    {"/user.slice/user-0.slice/session-2.scope", "session-2.scope", "", ""},
	    /* The innermost unit: of the user's own manager. */
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "web.service", "", ""},
	    /* A unit's own subgroups have no suffix. */
	    {"/system.slice/docker.service/worker/1", "docker.service", "", ""},
	    {"0::/init.scope\n", "init.scope", "", ""},
	    {"12:pids:/system.slice/ssh.service\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
	     "ssh.service", "", ""},
	    /* The scope of a container is no unit, systemd's within it is. */
	    {"/system.slice/docker-" HEX64 ".scope", "", "", HEX64},
	    {"/system.slice/docker-" HEX64 ".scope/init.scope", "init.scope", "", HEX64},
	    {"/machine.slice/libpod-" HEX64 ".scope/container", "", "", HEX64},
	    /* Kubernetes, by systemd's driver, with and without a class; kind; by cgroupfs; a static pod; by containerd
	     * with another driver. */
	    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UNDERSCORED
	     ".slice/cri-containerd-" HEX64 ".scope",
	     "", UID, HEX64},
	    {"/kubepods.slice/kubepods-pod" UNDERSCORED ".slice/crio-" HEX64 ".scope", "", UID, HEX64},
	    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UNDERSCORED
	     ".slice/cri-containerd-" HEX64 ".scope",
	     "", UID, HEX64},
	    {"/kubepods/besteffort/pod" UID "/" HEX64, "", UID, HEX64},
	    {"/kubepods/burstable/pod" STATIC "/" HEX64, "", STATIC, HEX64},
	    {"/system.slice/containerd.service/kubepods-besteffort-pod" UNDERSCORED
	     ".slice:cri-containerd:" HEX64,
	     "containerd.service", UID, HEX64},
	    /* Not what they look like. */
	    {"/podman.service", "podman.service", "", ""},
	    {"/kubepods/podinfo/pod" UID "x", "", "", ""},
	    {"/a\tb.service", "", "", ""},
	    {"/.service", "", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct place p;
		place_parse(rows[i].path, &p);
		if (strcmp(p.unit, rows[i].unit) != 0 || strcmp(p.pod_uid, rows[i].pod) != 0 ||
		    strcmp(p.container.id, rows[i].id) != 0)
			fail_msg("%s: unit \"%s\", pod \"%s\", container \"%s\"", rows[i].path, p.unit,
				 p.pod_uid, p.container.id);
	}
}

static void a_unit_too_long_is_left_out(void **state)
{
	char path[PLACE_UNIT_MAX + 32] = "/";
	struct place p;

	memset(path + 1, 'x', PLACE_UNIT_MAX);
	strcat(path, ".service");
	place_parse(path, &p);
	assert_string_equal(p.unit, "");
}

static void the_kubelets_files_tell_names(void **state)
{
	struct place p = {.pod_uid = UID, .container.id = HEX64};

	assert_false(pods_parse_directory("shop_web_" STATIC, &p));
	assert_false(pods_parse_directory("shop_" UID, &p));
	assert_false(pods_parse_directory("sh\tp_web_" UID, &p));
	assert_true(pods_parse_directory("shop_web-7f9c.a_" UID, &p));
	assert_string_equal(p.pod_namespace, "shop");
	assert_string_equal(p.pod_name, "web-7f9c.a");
	assert_false(pods_parse_link("web_shop_app.log", &p));
	assert_false(pods_parse_link("web_shop_app-" HEX64, &p));
	assert_false(pods_parse_link("web_shop_app-x" HEX64 ".log", &p));
	assert_string_equal(p.container.name, "");
	assert_true(pods_parse_link("web-7f9c.a_shop_side-car-" HEX64 ".log", &p));
	assert_string_equal(p.container.name, "side-car");
}

static bool is(struct str s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static void the_sockets_own_container_comes_first(void **state)
{
	static const struct container of_namespace = {.id = "first", .runtime = "docker", .name = "pause"};
	struct place side = {
	    .container = {.id = HEX64, .runtime = "containerd"}, .pod_uid = UID, .pod_name = "web"};
	struct place host = {.unit = "sshd.service", .container.runtime = ""};
	struct place same = {.container = {.id = "first", .runtime = "docker"}};
	struct record r = {0};

	/* In the host's namespace, and in one that another container is known by. */
	attribute_place(&side, NULL, NULL, &r);
	assert_true(is(r.container_id, HEX64) && is(r.container_runtime, "containerd") && is(r.pod_uid, UID));
	assert_true(r.sections & RECORD_HAS(OWNER));
	attribute_place(&side, NULL, &of_namespace, &r);
	assert_true(is(r.container_id, HEX64) && is(r.container_name, ""));
	/* The same one has its name. */
	attribute_place(&same, NULL, &of_namespace, &r);
	assert_true(is(r.container_id, "first") && is(r.container_name, "pause"));
	/* Made by systemd, held by a process in the container. */
	attribute_place(&host, &side, NULL, &r);
	assert_true(is(r.container_id, HEX64) && is(r.unit, "sshd.service"));
	/* Unknown cgroups leave what the namespace says, and the next record is free of the last one's. */
	attribute_place(NULL, NULL, &of_namespace, &r);
	assert_true(is(r.container_id, "first"));
	attribute_place(&host, NULL, NULL, &r);
	assert_true(is(r.container_id, "") && is(r.unit, "sshd.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_path_tells_unit_and_pod),
	    cmocka_unit_test(a_unit_too_long_is_left_out),
	    cmocka_unit_test(the_kubelets_files_tell_names),
	    cmocka_unit_test(the_sockets_own_container_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
