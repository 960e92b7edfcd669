/* SPDX-License-Identifier: MIT */
/* Lists of pods and containers as a container runtime sends them. */
#include "enrich/cri_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/v1/cri.pb-c.h"
#include "unit.h"

#define UID    "0b1c2d3e-1111-2222-3333-444455556666"
#define POD    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FIRST  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SECOND "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* The lists own what they point to only here: texts are literals. */
static void add_pod(struct cri_list *l, char *id, char *uid, char *space, char *name)
{
	Runtime__V1__PodSandboxMetadata m = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
	Runtime__V1__PodSandbox pod = RUNTIME__V1__POD_SANDBOX__INIT, *pods[] = {&pod};
	Runtime__V1__ListPodSandboxResponse r = RUNTIME__V1__LIST_POD_SANDBOX_RESPONSE__INIT;
	uint8_t bytes[1024];

	m.name = name;
	m.namespace_ = space;
	m.uid = uid;
	pod.id = id;
	pod.metadata = &m;
	r.n_items = 1;
	r.items = pods;
	assert_true(runtime__v1__list_pod_sandbox_response__get_packed_size(&r) <= sizeof(bytes));
	size_t len = runtime__v1__list_pod_sandbox_response__pack(&r, bytes);
	assert_int_equal(cri_list_add_pods(l, bytes, len), 0);
}

static void add_container(struct cri_list *l, char *id, char *pod, char *name, char *image, char *specified)
{
	Runtime__V1__ContainerMetadata m = RUNTIME__V1__CONTAINER_METADATA__INIT;
	Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
	Runtime__V1__Container c = RUNTIME__V1__CONTAINER__INIT, *containers[] = {&c};
	Runtime__V1__ListContainersResponse r = RUNTIME__V1__LIST_CONTAINERS_RESPONSE__INIT;
	uint8_t bytes[1024];

	m.name = name;
	spec.image = image;
	spec.user_specified_image = specified;
	c.id = id;
	c.pod_sandbox_id = pod;
	c.metadata = &m;
	c.image = &spec;
	r.n_containers = 1;
	r.containers = containers;
	assert_true(runtime__v1__list_containers_response__get_packed_size(&r) <= sizeof(bytes));
	size_t len = runtime__v1__list_containers_response__pack(&r, bytes);
	assert_int_equal(cri_list_add_containers(l, bytes, len), 0);
}

/* A runtime may send answer after answer: texts have a bound of their own. */
static void texts_are_bounded(void **state)
{
	struct cri_list l = {0};

	for (int i = 0; i < 200000; i++)
		add_pod(&l, SECOND, "", "", "");
	assert_int_equal(l.pod_count, 0);
	assert_true(l.text.len <= CRI_TEXT_MAX);
	cri_list_free(&l);
}

static struct place of_container(const char *id)
{
	struct place p = {.container.runtime = ""};

	strcpy(p.container.id, id);
	return p;
}

static void a_container_has_its_name_and_its_pods(void **state)
{
	struct cri_list l = {0};
	struct place p = of_container(SECOND);
	bool news;

	add_pod(&l, POD, UID, "shop", "cart-0");
	add_container(&l, SECOND, POD, "app", "registry/app:1", "");
	add_container(&l, FIRST, POD, "side", "sha256:00", "registry/side:2");
	cri_list_settle(&l);
	assert_true(cri_list_name(&l, &p, &news));
	assert_true(news);
	assert_string_equal(p.container.name, "app");
	assert_string_equal(p.container.image, "registry/app:1");
	assert_string_equal(p.pod_uid, UID);
	assert_string_equal(p.pod_namespace, "shop");
	assert_string_equal(p.pod_name, "cart-0");
	assert_true(cri_list_name(&l, &p, &news));
	assert_false(news);

	p = of_container(FIRST);
	assert_true(cri_list_name(&l, &p, &news));
	assert_string_equal(p.container.name, "side");
	assert_string_equal(p.container.image, "registry/side:2");

	/* The pod's own container, which is no container of the list. */
	p = of_container(POD);
	assert_true(cri_list_name(&l, &p, &news));
	assert_string_equal(p.container.name, "");
	assert_string_equal(p.pod_name, "cart-0");

	/* A container that the list does not have, in a pod that it has. */
	p = of_container("unknown");
	assert_false(cri_list_name(&l, &p, &news));
	strcpy(p.pod_uid, UID);
	assert_true(cri_list_name(&l, &p, &news));
	assert_string_equal(p.pod_namespace, "shop");
	cri_list_free(&l);
}

static void an_empty_list_names_nothing(void **state)
{
	struct cri_list l = {0};
	struct place p = of_container("");
	bool news;

	cri_list_settle(&l);
	assert_false(cri_list_name(&l, &p, &news));
	assert_false(news);
	assert_int_equal(cri_list_add_pods(&l, NULL, 0), 0);
	cri_list_free(&l);
}

static void what_is_no_name_is_left_out(void **state)
{
	struct cri_list l = {0};
	struct place p = of_container(FIRST);
	bool news;

	add_pod(&l, POD, "../../etc", "sh\xffop", "cart-0");
	add_pod(&l, SECOND, UID, "shop", "Cart\n");
	add_container(&l, FIRST, POD, "app", "sha256:00", "");
	cri_list_settle(&l);
	assert_int_equal(l.pod_count, 1);
	assert_true(cri_list_name(&l, &p, &news));
	assert_string_equal(p.pod_name, "cart-0");
	assert_string_equal(p.pod_uid, "");
	assert_string_equal(p.pod_namespace, "");
	assert_string_equal(p.container.name, "app");
	assert_string_equal(p.container.image, "");
	cri_list_free(&l);
}

static void other_bytes_are_refused(void **state)
{
	static const uint8_t bytes[] = {0x0a, 0x7f, 0x01};
	struct cri_list l = {0};

	assert_int_equal(cri_list_add_pods(&l, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(cri_list_add_containers(&l, bytes, sizeof(bytes)), -EBADMSG);
	cri_list_free(&l);
}

/* Two bytes of the answer make an object of a hundred. */
static void an_answer_of_empty_pods_takes_bounded_memory(void **state)
{
	size_t len = 2u << 20;
	uint8_t *bytes = calloc(1, len);
	struct cri_list l = {0};

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i += 2)
		bytes[i] = 0x0a;
	assert_int_equal(cri_list_add_pods(&l, bytes, len), -EBADMSG);
	assert_int_equal(cri_list_add_pods(&l, bytes, 4 * CRI_LIST_MAX), 0);
	assert_int_equal(l.pod_count, 0);
	free(bytes);
	cri_list_free(&l);
}

static void pods_beyond_the_limit_have_no_names(void **state)
{
	struct cri_list l = {0};

	for (int i = 0; i < CRI_LIST_MAX + 2; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%x", (unsigned)i);
		add_pod(&l, id, UID, "shop", "cart-0");
	}
	assert_int_equal(l.pod_count, CRI_LIST_MAX);
	cri_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_container_has_its_name_and_its_pods),
	    cmocka_unit_test(an_empty_list_names_nothing),
	    cmocka_unit_test(what_is_no_name_is_left_out),
	    cmocka_unit_test(other_bytes_are_refused),
	    cmocka_unit_test(an_answer_of_empty_pods_takes_bounded_memory),
	    cmocka_unit_test(pods_beyond_the_limit_have_no_names),
	    cmocka_unit_test(texts_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
