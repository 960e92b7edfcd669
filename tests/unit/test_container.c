/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "enrich/container.h"

#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void containers_are_found(void **state)
{
	static const struct {
		const char *text, *runtime, *id;
	} rows[] = {
	    {"0::/system.slice/docker-" HEX64 ".scope\n", "docker", HEX64},
	    {"0::/docker/" HEX64 "\n", "docker", HEX64},
	    {"12:pids:/docker/" HEX64 "\n11:cpu:/docker/" HEX64 "\n", "docker", HEX64},
	    {"1:name=systemd:/user.slice\n0::/docker/" HEX64, "docker", HEX64},
	    {"0::/docker/" OTHER64 "/docker/" HEX64 "\n", "docker", HEX64},
	    {"0::/docker/" HEX64 "/init.scope\n", "docker", HEX64},
	    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
	     "cri-containerd-" HEX64 ".scope\n",
	     "containerd", HEX64},
	    {"0::/kubepods-besteffort-pod1.slice:cri-containerd:" HEX64 "\n", "containerd", HEX64},
	    {"0::/default/" HEX64 "\n", "containerd", HEX64},
	    {"0::/kubepods.slice/crio-" HEX64 ".scope\n", "cri-o", HEX64},
	    {"0::/kubepods/burstable/pod0b1c2d3e-1111-2222-3333-444455556666/" HEX64 "\n", "kubernetes",
	     HEX64},
	    {"0::/machine.slice/libpod-" HEX64 ".scope/container\n", "podman", HEX64},
	    {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope\n", "podman",
	     HEX64},
	    {"0::/lxc.payload.web/system.slice/ssh.service\n", "lxc", "web"},
	    {"0::/lxc/web\n", "lxc", "web"},
	    {"0::/lxc.payload.web/system.slice/docker-" HEX64 ".scope\n", "docker", HEX64},
	    {"0::/../" HEX64 "\n", "", HEX64},
	    /* Under any parent: docker run --cgroup-parent, by both drivers, ECS with Docker and without, a runner's job. */
	    {"0::/some/parent/" HEX64 "\n", "", HEX64},
	    {"0::/some.slice/docker-" HEX64 ".scope\n", "docker", HEX64},
	    {"12:pids:/ecs/0123456789abcdef0123456789abcdef/" HEX64 "\n", "", HEX64},
	    {"12:pids:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2531612879\n",
	     "containerd", "0123456789abcdef0123456789abcdef-2531612879"},
	    {"0::/actions_job/" HEX64 "\n", "", HEX64},
	    {"0::/kubepods/pod1/crio-" HEX64 "\n", "cri-o", HEX64},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct container c = {0};
		if (!container_parse(rows[i].text, &c))
			fail_msg("nothing found in %s", rows[i].text);
		assert_string_equal(c.runtime, rows[i].runtime);
		assert_string_equal(c.id, rows[i].id);
	}
}

static void what_is_no_container_is_none(void **state)
{
	static const char *const texts[] = {
	    "",
	    "0::/\n",
	    "0::/init.scope\n",
	    "0::/system.slice/docker.service\n",
	    "0::/system.slice/docker-0123.scope\n",
	    "0::/system.slice/docker-" HEX64 "0.scope\n",
	    "0::/system.slice/"
	    "docker-0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef.scope\n",
	    "0::/machine.slice/libpod-conmon-" HEX64 ".scope\n",
	    "0::/kubepods.slice/crio-conmon-" HEX64 ".scope\n",
	    "0::/lxc.monitor.web\n",
	    "0::/some/0123456789abcdef0123456789abcdef\n",
	    "0::/some/0123456789abcdef0123456789abcdef-1\n",
	    "0::/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1x\n",
	    "0::/lxc.payload.a\tb\n",
	    "0::/docker\n" HEX64 "\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct container c = {0};
		if (container_parse(texts[i], &c))
			fail_msg("%s found in %s", c.id, texts[i]);
	}
}

static void long_names_are_left_out(void **state)
{
	char name[CONTAINER_NAME_MAX + 2];
	struct container c = {.runtime = "docker", .id = HEX64};

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct container *named = container_named(&c, name, name + 1);
	assert_string_equal(named->name, "");
	assert_string_equal(named->image, name + 1);
	assert_ptr_equal(container_ref(named), named);
	container_unref(named);
	assert_string_equal(named->id, HEX64);
	container_unref(named);
	container_unref(NULL);
}

#define ROUNDS 5000000

static void *take_and_drop(void *container)
{
	for (int i = 0; i < ROUNDS; i++)
		container_unref(container_ref(container));
	return NULL;
}

/* The thread of close events drops its references while the main thread drops those of the namespaces. */
static void references_on_two_threads(void **state)
{
	struct container *c = container_named(&(struct container){.runtime = "docker", .id = HEX64}, "", "");
	pthread_t other;

	/* Enough that a lost count does not free it here. */
	c->refs += 4 * ROUNDS;
	assert_int_equal(pthread_create(&other, NULL, take_and_drop, c), 0);
	take_and_drop(c);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(c->refs, 4 * ROUNDS + 1);
	c->refs = 1;
	container_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(containers_are_found),
	    cmocka_unit_test(what_is_no_container_is_none),
	    cmocka_unit_test(long_names_are_left_out),
	    cmocka_unit_test(references_on_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
