/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tools/mmdb.h"
#include "base/clock.h"
#include "enrich/asn.h"
#include "enrich/asn_db.h"
#include "stats/stats.h"

static const struct mmdb_network networks[] = {
    {"127.1.0.0/16", 64500, "First"},
    {"127.2.0.0/16", 4200000000, "An organization whose name is longer than twenty-nine bytes"},
    {"127.3.4.5/32", 64502, "One address"},
    {"2001:db8:1::/48", 64503, "Of IPv6"},
};

static char directory[64], path[96];

static int make_directory(void **state)
{
	strcpy(directory, "/tmp/test_asn.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/asn.mmdb", directory);
	return 0;
}

static int remove_directory(void **state)
{
	unlink(path);
	return rmdir(directory);
}

/* The file, in place of the one before it. */
static void put_file(const struct mmdb_network *n, size_t count, size_t cut)
{
	struct buf b = {0};
	char other[128];

	assert_true(mmdb_make(&b, n, count));
	snprintf(other, sizeof(other), "%s.new", path);
	_cleanup_fclose_ FILE *f = fopen(other, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b.data, 1, b.len - cut, f), b.len - cut);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(rename(other, path), 0);
	buf_free(&b);
}

static uint64_t number_of(struct asn_cache *c, const char *text)
{
	struct record r = {.inet_diag_msg_socket_dest_asn = 0};
	uint8_t address[16];
	bool six = strchr(text, ':') != NULL;

	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, text, address), 1);
	r.inet_diag_msg_socket_destination = (struct str){(const char *)address, six ? 16 : 4};
	asn_to_record(c, &r);
	return r.inet_diag_msg_socket_dest_asn;
}

static void numbers_by_address(void **state)
{
	static const struct {
		const char *address;
		uint64_t number;
	} rows[] = {{"127.1.0.0", 64500},     {"127.1.255.255", 64500}, {"127.2.9.9", 4200000000},
		    {"127.3.4.5", 64502},     {"127.3.4.4", 0},		{"0.0.0.0", 0},
		    {"2001:db8:1::7", 64503}, {"2001:db8:2::", 0},	{"::ffff:127.3.4.5", 0}};
	uint64_t found = stat_get(STAT_ASN_FOUND), cached = stat_get(STAT_ASN_CACHED);

	put_file(networks, ARRAY_SIZE(networks), 0);
	struct asn *a = asn_new(path, NS_PER_SEC);
	struct asn_cache *c = asn_cache_new(a);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			assert_int_equal(number_of(c, rows[i].address), rows[i].number);
		/* What is known stays known over a poll. */
		asn_cache_flush(c);
	}
	assert_int_equal(stat_get(STAT_ASN_FOUND) - found, 5);
	assert_int_equal(stat_get(STAT_ASN_CACHED) - cached, 2 * ARRAY_SIZE(rows));
	/* The bytes of one family are another address in the other. */
	assert_int_equal(number_of(c, "7f01::"), 0);
	assert_int_equal(number_of(c, "127.1.0.0"), 64500);
	assert_int_equal(number_of(c, "7f01::"), 0);
	asn_cache_free(c);
	asn_free(a);
}

/* More addresses than the cache has room for, with one of each kind in one slot. */
static void a_full_cache_tells_the_truth(void **state)
{
	char text[INET_ADDRSTRLEN];

	put_file(networks, ARRAY_SIZE(networks), 0);
	struct asn *a = asn_new(path, NS_PER_SEC);
	struct asn_cache *c = asn_cache_new(a);
	for (unsigned i = 0; i < 5 * ASN_CACHE; i++) {
		snprintf(text, sizeof(text), "127.%u.%u.%u", i % 3 + 1, i >> 8 & 255, i & 255);
		uint64_t want = i % 3 == 0			 ? 64500
				: i % 3 == 1			 ? 4200000000
				: strcmp(text, "127.3.4.5") == 0 ? 64502
								 : 0;
		assert_int_equal(number_of(c, text), want);
	}
	asn_cache_free(c);
	asn_free(a);
}

/* Wait for the thread to have read at least so many files of that kind. */
static void wait_for_more(enum stat_id id, uint64_t value)
{
	int64_t until = clock_mono_ns() + 20 * NS_PER_SEC;

	while (stat_get(id) < value && clock_mono_ns() < until)
		usleep(1000);
	assert_true(stat_get(id) >= value);
}

/* The same, and no more. */
static void wait_for(enum stat_id id, uint64_t value)
{
	wait_for_more(id, value);
	assert_int_equal(stat_get(id), value);
}

static void a_file_that_is_replaced(void **state)
{
	static const struct mmdb_network other[] = {{"127.1.0.0/16", 7, "Another"}};
	uint64_t good = stat_get(STAT_ASN_FILES_OK), bad = stat_get(STAT_ASN_FILES_BAD);

	/* It is missing at first. */
	struct asn *a = asn_new(path, NS_PER_MS);
	struct asn_cache *c = asn_cache_new(a), *idle = asn_cache_new(a);
	assert_int_equal(number_of(c, "127.1.2.3"), 0);
	assert_int_equal(stat_get(STAT_ASN_FILES_BAD), bad + 1);
	put_file(networks, ARRAY_SIZE(networks), 0);
	wait_for(STAT_ASN_FILES_OK, good + 1);
	asn_cache_flush(c);
	assert_int_equal(number_of(c, "127.1.2.3"), 64500);
	assert_int_equal(number_of(idle, "127.1.2.3"), 64500);
	put_file(other, 1, 0);
	wait_for(STAT_ASN_FILES_OK, good + 2);
	/* Within a poll it is the same file. */
	assert_int_equal(number_of(c, "127.2.2.3"), 4200000000);
	asn_cache_flush(c);
	assert_int_equal(number_of(c, "127.1.2.3"), 7);
	assert_int_equal(number_of(c, "127.2.2.3"), 0);
	/* A bad one is told once, and the one before it stays; so it does when the file is gone. */
	put_file(networks, ARRAY_SIZE(networks), 40);
	wait_for(STAT_ASN_FILES_BAD, bad + 2);
	unlink(path);
	wait_for(STAT_ASN_FILES_BAD, bad + 3);
	asn_cache_flush(c);
	assert_int_equal(number_of(c, "127.1.2.3"), 7);
	put_file(networks, ARRAY_SIZE(networks), 0);
	wait_for(STAT_ASN_FILES_OK, good + 3);
	assert_int_equal(stat_get(STAT_ASN_FILES_BAD), bad + 3);
	asn_cache_free(c);
	asn_cache_free(idle);
	asn_free(a);
}

/* Read bytes as a file, and look some addresses up in it. */
/* Without a descriptor to spare the file is tried again, though it stays the same. */
static void a_file_that_comes_during_a_shortage(void **state)
{
	struct rlimit before, few;
	char later[sizeof(path) + 8];

	snprintf(later, sizeof(later), "%s.later", path);
	put_file(networks, ARRAY_SIZE(networks), 0);
	assert_int_equal(rename(path, later), 0);
	stat_set(STAT_ASN_FILES_OK, 0);
	stat_set(STAT_ASN_FILES_BAD, 0);
	struct asn *a = asn_new(path, NS_PER_MS);
	assert_int_equal(stat_get(STAT_ASN_FILES_BAD), 1);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	/* Of the two that the thread needs there is one. */
	int lowest = dup(STDIN_FILENO);
	close(lowest);
	few.rlim_cur = (rlim_t)lowest + 1;
	setrlimit(RLIMIT_NOFILE, &few);
	assert_int_equal(rename(later, path), 0);
	wait_for_more(STAT_ASN_FILES_BAD, 2);
	setrlimit(RLIMIT_NOFILE, &before);
	wait_for(STAT_ASN_FILES_OK, 1);
	asn_free(a);
}

static void try_bytes(const uint8_t *data, size_t len)
{
	char text[ASN_DB_TEXT_MAX];
	uint32_t number;
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	struct asn_db *db = asn_db_read(fd, len, text);
	if (!db)
		return;
	for (uint8_t i = 0; i < 4; i++)
		asn_db_find(db, (const uint8_t[]){127, i, 4, 5}, 4, &number);
	asn_db_find(db, "\x20\x01\x0d\xb8\x00\x01\0\0\0\0\0\0\0\0\0", 16, &number);
	asn_db_free(db);
}

static void damaged_files(void **state)
{
	struct buf b = {0};

	assert_true(mmdb_make(&b, networks, ARRAY_SIZE(networks)));
	for (size_t len = 0; len < b.len; len += 1 + len / 64)
		try_bytes(b.data, len);
	for (size_t at = 0; at < b.len; at++) {
		uint8_t was = b.data[at];
		b.data[at] = (uint8_t)(was ^ (at * 37 % 255 + 1));
		try_bytes(b.data, b.len);
		b.data[at] = was;
	}
	/* A file that grows while it is read. */
	char text[ASN_DB_TEXT_MAX];
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	errno = 0;
	assert_null(asn_db_read(fd, b.len - 1, text));
	assert_int_equal(errno, asn_db_built() ? EAGAIN : ENOTSUP);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(numbers_by_address, make_directory, remove_directory),
	    cmocka_unit_test_setup_teardown(a_full_cache_tells_the_truth, make_directory, remove_directory),
	    cmocka_unit_test_setup_teardown(a_file_that_is_replaced, make_directory, remove_directory),
	    cmocka_unit_test_setup_teardown(a_file_that_comes_during_a_shortage, make_directory,
					    remove_directory),
	    cmocka_unit_test(damaged_files),
	};
	const struct CMUnitTest without[] = {cmocka_unit_test(damaged_files)};

	return asn_db_built() ? cmocka_run_group_tests_name("asn", tests, NULL, NULL)
			      : cmocka_run_group_tests_name("asn", without, NULL, NULL);
}
