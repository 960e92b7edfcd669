/* SPDX-License-Identifier: MIT */
/* Names of nsids; the kernel's messages about nsids are scripted. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "netns/nsid.h"
#include "source/nsid_names.h"
#include "unit.h"

/* A change of an nsid; `lost` stands for changes that were dropped. */
struct change {
	int32_t nsid;
	bool gone, lost;
};

static struct change script[8];
static size_t script_len, script_at;

static void say(struct change change)
{
	script[script_len++] = change;
}

static void taken_back(int32_t nsid)
{
	say((struct change){.nsid = nsid, .gone = true});
}

static void given(int32_t nsid)
{
	say((struct change){.nsid = nsid});
}

int __wrap_nsid_watch_socket(void);
int __wrap_nsid_watch_read(int fd, int32_t *nsid, bool *gone);

int __wrap_nsid_watch_socket(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int __wrap_nsid_watch_read(int fd, int32_t *nsid, bool *gone)
{
	(void)fd;
	if (script_at == script_len) {
		script_at = script_len = 0;
		return 0;
	}
	const struct change *c = &script[script_at++];
	*nsid = c->nsid;
	*gone = c->gone;
	return c->lost ? -ENOBUFS : 1;
}

static struct netns space(char *name, int32_t nsid, ino_t ino)
{
	return (struct netns){.name = name, .nsid = nsid, .ino = ino, .cookie = 10 * ino};
}

/* A table with the names "old" for nsid 3 and "far" for 70, which needed growth. */
static struct nsid_names *two_names(void)
{
	struct nsid_names *p = nsid_names_new();
	struct netns old = space("old", 3, 100), far = space("far", 70, 200);

	assert_non_null(p);
	assert_true(nsid_names_reserve(p, 3));
	assert_true(nsid_names_reserve(p, 70));
	nsid_names_learn(p, &old);
	nsid_names_learn(p, &far);
	assert_true(nsid_names_holds(p, &old));
	return p;
}

static void assert_name(const struct nsid_names *p, int32_t nsid, const char *name)
{
	const char *got = nsid_names_get(p, nsid)->name;

	if (name && got)
		assert_string_equal(got, name);
	else
		assert_true(name == got);
}

static void a_name_outlives_its_number_until_what_waited_is_read(void **state)
{
	struct nsid_names *p = two_names();
	struct netns old = space("old", 3, 100);

	taken_back(3);
	uint32_t reading = nsid_names_read(p);
	assert_name(p, 3, "old");
	assert_false(nsid_names_holds(p, &old));
	nsid_names_settle(p, reading - 1);
	assert_name(p, 3, "old");
	nsid_names_settle(p, reading);
	assert_name(p, 3, NULL);
	assert_name(p, 70, "far");
	nsid_names_free(p);
}

static void an_event_of_either_side_has_no_name(void **state)
{
	struct nsid_names *p = two_names();
	struct netns new = space("new", 3, 101);

	taken_back(3);
	given(3);
	uint32_t reading = nsid_names_read(p);
	assert_name(p, 3, NULL);
	/* Not yet: events of the old namespace may still wait. */
	nsid_names_learn(p, &new);
	assert_name(p, 3, NULL);
	nsid_names_settle(p, reading);
	nsid_names_learn(p, &new);
	assert_name(p, 3, "new");
	assert_true(nsid_names_holds(p, &new));
	assert_int_equal(nsid_names_get(p, 3)->cookie, 1010);
	nsid_names_free(p);
}

static void a_number_given_for_the_first_time_changes_nothing(void **state)
{
	struct nsid_names *p = two_names();

	given(3);
	given(4000);
	taken_back(4000);
	nsid_names_settle(p, nsid_names_read(p));
	assert_name(p, 3, "old");
	assert_name(p, 4000, NULL);
	nsid_names_free(p);
}

static void lost_changes_put_every_name_in_doubt(void **state)
{
	struct nsid_names *p = two_names();
	struct netns old = space("old", 3, 100);

	say((struct change){.lost = true});
	uint32_t reading = nsid_names_read(p);
	assert_name(p, 3, NULL);
	assert_name(p, 70, NULL);
	nsid_names_settle(p, reading);
	assert_false(nsid_names_holds(p, &old));
	nsid_names_learn(p, &old);
	assert_name(p, 3, "old");
	nsid_names_free(p);
}

static void a_number_without_measure_is_not_followed(void **state)
{
	struct nsid_names *p = two_names();

	assert_false(nsid_names_reserve(p, -1));
	assert_false(nsid_names_reserve(p, INT32_MAX));
	assert_name(p, INT32_MAX, NULL);
	assert_name(p, -1, NULL);
	nsid_names_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_outlives_its_number_until_what_waited_is_read),
	    cmocka_unit_test(an_event_of_either_side_has_no_name),
	    cmocka_unit_test(a_number_given_for_the_first_time_changes_nothing),
	    cmocka_unit_test(lost_changes_put_every_name_in_doubt),
	    cmocka_unit_test(a_number_without_measure_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
