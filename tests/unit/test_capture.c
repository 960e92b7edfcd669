/* SPDX-License-Identifier: MIT */
/* Captures: written and read back, in every variant of pcap, truncated and damaged anywhere. */
#include "unit.h"

#include <byteswap.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "message.h"
#include "record/encoder.h"
#include "replay_records.h"
#include "source/pcap.h"
#include "stats/stats.h"

#define OWN_CAPTURE "tests/data/linux-6.18-ipv4.pcap"
#define OWN_PACKETS 3 /* two batches and NLMSG_DONE */
#define OWN_RECORDS 18

static uint8_t own[16384];
static size_t own_len;

static void swap_words(uint8_t *p, size_t len)
{
	for (uint32_t w; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		memcpy(p, &(uint32_t){bswap_32(w)}, sizeof(w));
	}
}

/* The capture was made on a little-endian machine: elsewhere its headers are converted, and its messages are not. */
static void own_headers(void)
{
	struct pcap_packet_header h;

	if (memcmp(own, &(uint32_t){PCAP_MAGIC_NS}, sizeof(uint32_t)) == 0)
		return;
	swap_words(own, sizeof(struct pcap_file_header));
	for (size_t at = sizeof(struct pcap_file_header); at < own_len; at += sizeof(h) + h.captured) {
		swap_words(own + at, sizeof(h));
		memcpy(&h, own + at, sizeof(h));
	}
}

static int read_own(void **state)
{
	_cleanup_fclose_ FILE *f = fopen(OWN_CAPTURE, "re");

	if (!f)
		return -1;
	own_len = fread(own, 1, sizeof(own), f);
	own_headers();
	return own_len == sizeof(own);
}

struct encoded {
	struct record_sink sink;
	struct encoder wire, jsonl;
	struct buf b;
	uint64_t last_time;
};

/* Encode each record, so that every field is read even after a damaged message. */
static int encode(struct record_sink *sink, struct record *r)
{
	struct encoded *e = (struct encoded *)sink;

	buf_reset(&e->b);
	e->wire.ops->row(&e->wire, &e->b, r);
	e->jsonl.ops->row(&e->jsonl, &e->b, r);
	e->last_time = r->timestamp_ns;
	return 0;
}

static struct encoded encoded_new(void)
{
	struct encoded e = {.sink = {encode}};
	char error[100];

	assert_int_equal(encoder_init(&e.wire, "protobufList", NULL, error, sizeof(error)), 0);
	assert_int_equal(encoder_init(&e.jsonl, "jsonl", NULL, error, sizeof(error)), 0);
	return e;
}

static int replay_bytes(struct encoded *e, const uint8_t *data, size_t len, struct replay_result *result,
			char *error, size_t size)
{
	_cleanup_fclose_ FILE *f = fmemopen((void *)data, len ? len : 1, "r");
	struct record r = {0};

	assert_non_null(f);
	if (!len)
		getc(f);
	*result = (struct replay_result){0};
	return replay_stream(f, "memory", &decode_all, &r, &e->sink, result, error, size);
}

static void every_flavour_of_pcap(void **state)
{
	struct encoded e = encoded_new();
	struct replay_result result;
	char error[200];

	for (int flavour = 0; flavour < 4; flavour++) {
		bool swapped = flavour & 1, microseconds = flavour & 2;
		uint8_t copy[sizeof(own)];
		uint32_t nanoseconds = 0;

		memcpy(copy, own, own_len);
		if (microseconds)
			memcpy(copy, &(uint32_t){PCAP_MAGIC_US}, 4);
		for (size_t at = sizeof(struct pcap_file_header), step; at < own_len; at += step) {
			struct pcap_packet_header h;

			memcpy(&h, copy + at, sizeof(h));
			step = sizeof(h) + h.captured;
			if (h.captured > 100)
				nanoseconds = h.fraction;
			if (microseconds)
				h.fraction /= 1000;
			memcpy(copy + at, &h, sizeof(h));
			if (swapped)
				swap_words(copy + at, sizeof(h));
		}
		if (swapped)
			swap_words(copy, sizeof(struct pcap_file_header));
		assert_int_equal(replay_bytes(&e, copy, own_len, &result, error, sizeof(error)), 0);
		assert_int_equal(result.packets, OWN_PACKETS);
		assert_int_equal(result.messages, OWN_RECORDS);
		assert_int_equal(result.records, OWN_RECORDS);
		assert_int_equal(result.damaged, 0);
		assert_int_equal(e.last_time % 1000000000,
				 microseconds ? nanoseconds / 1000 * 1000 : nanoseconds);
	}
	buf_free(&e.b);
}

static void other_files_are_refused(void **state)
{
	static const struct {
		uint32_t magic, linktype;
		size_t len;
		const char *error;
	} cases[] = {
	    {PCAP_MAGIC_US, 253, 23, "memory: too short for a pcap file"},
	    {PCAP_MAGIC_US, 253, 0, "memory: too short for a pcap file"},
	    {PCAPNG_MAGIC, 253, 24,
	     "memory: this is pcapng, only pcap can be read: convert it with editcap -F pcap"},
	    {0x464c457f, 253, 24, "memory: not a pcap file"},
	    {PCAP_MAGIC_NS, 1, 24, "memory: link type 1, only netlink captures (253) can be read"},
	};
	struct encoded e = encoded_new();
	struct replay_result result;
	char error[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pcap_file_header h = {.magic = cases[i].magic, .linktype = cases[i].linktype};

		assert_int_equal(replay_bytes(&e, (uint8_t *)&h, cases[i].len, &result, error, sizeof(error)),
				 -EBADMSG);
		assert_string_equal(error, cases[i].error);
	}
	struct record r = {0};
	assert_int_equal(
	    replay_file("tests/data/none.pcap", &decode_all, &r, &e.sink, &result, error, sizeof(error)),
	    -ENOENT);
	assert_string_equal(error, "tests/data/none.pcap: No such file or directory");
}

/* Cut after every byte: the records before the cut are read, the cut is counted. */
static void cut_anywhere(void **state)
{
	struct encoded e = encoded_new();
	struct replay_result result;
	uint64_t last = 0, clean = 0;
	char error[200];

	for (size_t len = sizeof(struct pcap_file_header); len <= own_len; len++) {
		assert_int_equal(replay_bytes(&e, own, len, &result, error, sizeof(error)), 0);
		assert_true(result.records >= last && result.records <= OWN_RECORDS);
		assert_true(result.damaged <= 1);
		last = result.records;
		clean += !result.damaged;
	}
	assert_int_equal(last, OWN_RECORDS);
	assert_int_equal(clean, OWN_PACKETS + 1);
	buf_free(&e.b);
}

/* Flip one bit in every byte: at most the original number of records, and no report of a sanitizer. */
static void flipped_anywhere(void **state)
{
	struct encoded e = encoded_new();
	struct replay_result result;
	uint64_t counted = 0;
	char error[200];

	for (size_t at = sizeof(struct pcap_file_header); at < own_len; at++) {
		uint8_t copy[sizeof(own)];

		memcpy(copy, own, own_len);
		copy[at] ^= 1 << (at % 8);
		assert_int_equal(replay_bytes(&e, copy, own_len, &result, error, sizeof(error)), 0);
		assert_true(result.records <= OWN_RECORDS);
		counted += result.damaged + result.decode.bad_family + result.decode.bad_attributes +
			   result.decode.unknown_attributes;
	}
	assert_true(counted > own_len / 100);
	buf_free(&e.b);
}

/* Cut each message after every byte, in memory of exactly that size, so that a sanitizer sees overreads. */
static int cut_message(struct record_sink *sink, struct record *r)
{
	const struct nlmsghdr *nlh =
	    (const struct nlmsghdr *)(r->inet_diag_msg_socket_source.p -
				      offsetof(struct inet_diag_msg, id.idiag_src) - NLMSG_HDRLEN);
	struct decode_counts counts = {0};

	for (size_t len = 0; len <= nlh->nlmsg_len; len++) {
		_cleanup_free_ void *copy = malloc(len ? len : 1);
		struct record cut = {0};

		memcpy(copy, nlh, len);
		if (!decode_inet_diag(copy, len, &decode_all, &cut, &counts))
			encode(sink, &cut);
	}
	assert_true(counts.short_messages > 0);
	return 0;
}

static void messages_cut_anywhere(void **state)
{
	struct encoded e = encoded_new();
	struct replay_result result;
	char error[200];

	e.sink.emit = cut_message;
	assert_int_equal(replay_bytes(&e, own, own_len, &result, error, sizeof(error)), 0);
	buf_free(&e.b);
}

static int cancel(struct record_sink *sink, struct record *r)
{
	return -ECANCELED;
}

static void sink_stops_replay(void **state)
{
	struct encoded e = encoded_new();
	struct replay_result result;
	char error[200];

	e.sink.emit = cancel;
	assert_int_equal(replay_bytes(&e, own, own_len, &result, error, sizeof(error)), -ECANCELED);
	assert_int_equal(result.records, 1);
}

static void remove_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

static size_t count_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void captures_are_whole_or_not_there(void **state)
{
	char base[] = "/tmp/test_capture.XXXXXX", directory[64], path[128];
	struct message m;
	struct encoded e = encoded_new();
	struct replay_result result;
	struct record r = {0};
	char error[200];

	assert_non_null(mkdtemp(base));
	snprintf(directory, sizeof(directory), "%s/made", base);
	struct capture *c = capture_new(directory, 2);
	assert_non_null(c);
	message_begin(&m, AF_INET, 1);
	message_attr(&m, INET_DIAG_MD5SIG, "canary", 6);
	message_attr(&m, INET_DIAG_CONG, "cubic", 6);

	int first = capture_begin(c, 4026531840, AF_INET);
	int second = capture_begin(c, 4026531840, AF_INET6);
	assert_int_equal(capture_begin(c, 4026531840, AF_INET), -1);
	capture_write(c, -1, 0, &m, 1);
	capture_write(c, first, INT64_C(1700000000123456789), &m, m.header.nlmsg_len);
	m.header.nlmsg_type = TCPDIAG_GETSOCK; /* the answer to the older request */
	capture_write(c, first, INT64_C(1700000000123456789), &m, m.header.nlmsg_len);
	capture_write(c, second, 0, &m, m.header.nlmsg_len);
	snprintf(path, sizeof(path), "%s/netns-4026531840-ipv4-0.pcap", directory);
	assert_int_equal(access(path, F_OK), -1);
	uint64_t files = stat_get(STAT_CAPTURE_FILES);
	capture_end(c, first);
	assert_int_equal(stat_get(STAT_CAPTURE_FILES), files + 1);
	capture_free(c); /* the second has not ended and is removed */
	assert_int_equal(count_entries(directory), 1);

	assert_int_equal(replay_file(path, &decode_all, &r, &e.sink, &result, error, sizeof(error)), 0);
	assert_int_equal(result.records, 2);
	assert_int_equal(result.damaged, 0);
	assert_true(e.last_time == UINT64_C(1700000000123456789));
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	uint8_t bytes[1024];
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	assert_non_null(memmem(bytes, n, "cubic", 5));
	assert_null(memmem(bytes, n, "canary", 6));
	buf_free(&e.b);
	remove_directory(directory);
	remove_directory(base);
}

static void capture_errors(void **state)
{
	assert_null(capture_new("/proc/none/such", 1));
	assert_null(capture_new("/tmp", 1000000));
	assert_int_equal(errno, EINVAL);
	capture_free(NULL);
	struct capture *c = capture_new("/proc/self", 1); /* not writable */
	uint64_t errors = stat_get(STAT_CAPTURE_ERRORS);
	assert_non_null(c);
	assert_int_equal(capture_begin(c, 1, AF_INET), -1);
	assert_int_equal(stat_get(STAT_CAPTURE_ERRORS), errors + 1);
	capture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_flavour_of_pcap),
	    cmocka_unit_test(other_files_are_refused),
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(flipped_anywhere),
	    cmocka_unit_test(messages_cut_anywhere),
	    cmocka_unit_test(sink_stops_replay),
	    cmocka_unit_test(captures_are_whole_or_not_there),
	    cmocka_unit_test(capture_errors),
	};

	return cmocka_run_group_tests(tests, read_own, NULL);
}
