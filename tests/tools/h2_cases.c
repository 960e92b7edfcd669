/* SPDX-License-Identifier: MIT */
/*
 * h2_cases: a server's handling of HTTP/2 that no proper client sends, one case per rule
 * of RFC 9113, each on its own connection. Prints TAP. PORT is a port of loopback, or the
 * path of a UNIX socket with a slash in it.
 *
 *   h2_cases PORT              the cases
 *   h2_cases PORT idle N       opens N connections that send only their
 *                              SETTINGS; prints "idle N" when the server has
 *                              answered all of them, or the number of the first it
 *                              has not; holds them until stdin ends
 *   h2_cases PORT stall        for each line of stdin one more stream of records
 *                              whose window is zero, held until stdin ends;
 *                              prints "stalled N" when the server has begun it
 *   h2_cases PORT flood        resets, pings and others without end and without
 *                              reading, until the server closes
 *   h2_cases PORT storm KIND N such a flood for N seconds, on a new connection
 *                              whenever the server ends one
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS     5000
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE };
enum {
	NO_ERROR,
	PROTOCOL_ERROR,
	INTERNAL_ERROR,
	FLOW_CONTROL_ERROR,
	SETTINGS_TIMEOUT,
	STREAM_CLOSED,
	FRAME_SIZE_ERROR,
	REFUSED_STREAM,
	CANCEL,
	COMPRESSION_ERROR,
	CONNECT_ERROR,
	ENHANCE_YOUR_CALM
};

/* Pieces of input. Length, flags and stream are one byte each; their other bytes are zero. */
#define FRAME(type, length, flags, stream) "\0\0" length type flags "\0\0\0" stream
#define F_DATA				   "\0"
#define F_HEADERS			   "\1"
#define F_PRIORITY			   "\2"
#define F_RESET				   "\3"
#define F_SETTINGS			   "\4"
#define F_PUSH				   "\5"
#define F_PING				   "\6"
#define F_GOAWAY			   "\7"
#define F_WINDOW			   "\10"
#define F_CONTINUE			   "\11"
#define NONE				   "\0" /* flags; stream 0 */
#define END_STREAM			   "\1"
#define ACK				   "\1"
#define END_BLOCK			   "\4"
#define END_BOTH			   "\5"
#define END_PADDED			   "\11"

#define MAGIC	  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define START	  MAGIC FRAME(F_SETTINGS, "\0", NONE, NONE)
#define PING_ASKS FRAME(F_PING, "\10", NONE, NONE) "12345678"
/* HPACK, six bytes: :method POST, :scheme http, :path "/" of the static table, :authority "a" */
#define REQUEST        \
	"\x83\x86\x84" \
	"\1\1a"
#define OPEN(stream) FRAME(F_HEADERS, "\6", END_BLOCK, stream) REQUEST

/* The expected answer: a frame of this type with this error code (if any),
 * or the end of the connection. */
struct want {
	int frame;		   /* -1: just the end */
	int code;		   /* -1: any */
	bool stream_or_connection; /* RST_STREAM and GOAWAY are both right */
	bool or_ignored;	   /* a PING that follows may be answered instead */
};
/* Release of clang-format differ over braces in a macro. */
/* clang-format off */
#define GOES_AWAY(code_) {GOAWAY, code_, false}
#define MAY_GO_AWAY(code_) {GOAWAY, code_, false, true}
#define RESETS(code_)    {RST_STREAM, code_, true}
#define ACKS             {PING, -1, false}
#define ENDS             {-1, -1, false}
#define ANSWERS          {HEADERS, -1, false}
/* clang-format on */

#define BYTES(text) text, sizeof(text) - 1

/* clang-format off */
static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	struct want want;
} cases[] = {
    {"3.4 a wrong preface", BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ENDS},
    {"3.4 no SETTINGS behind the preface", BYTES(MAGIC PING_ASKS), GOES_AWAY(PROTOCOL_ERROR)},
    {"4.1 an unknown frame is ignored", BYTES(START FRAME("\x7f", "\4", "\xff", NONE) "abcd" PING_ASKS), ACKS},
    {"4.2 a frame beyond the announced size", BYTES(START "\0\x40\1" F_DATA NONE "\0\0\0\1"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"4.3 a header block that cannot be decoded", BYTES(START FRAME(F_HEADERS, "\1", END_BOTH, "\1") "\xff"), GOES_AWAY(COMPRESSION_ERROR)},
    {"4.3 a frame inside a header block", BYTES(START FRAME(F_HEADERS, "\6", NONE, "\1") REQUEST PING_ASKS), GOES_AWAY(PROTOCOL_ERROR)},
    {"5.1 DATA on an idle stream", BYTES(START FRAME(F_DATA, "\1", NONE, "\1") "x"), GOES_AWAY(PROTOCOL_ERROR)},
    {"5.1 RST_STREAM on an idle stream", BYTES(START FRAME(F_RESET, "\4", NONE, "\1") "\0\0\0\10"), GOES_AWAY(PROTOCOL_ERROR)},
    {"5.1 WINDOW_UPDATE on an idle stream", BYTES(START FRAME(F_WINDOW, "\4", NONE, "\1") "\0\0\0\1"), GOES_AWAY(PROTOCOL_ERROR)},
    {"5.1 DATA behind the end of the stream", BYTES(START FRAME(F_HEADERS, "\6", END_BOTH, "\1") REQUEST FRAME(F_DATA, "\1", END_STREAM, "\1") "x"), RESETS(STREAM_CLOSED)},
    {"5.1.1 an even stream of a client", BYTES(START OPEN("\2")), GOES_AWAY(PROTOCOL_ERROR)},
    {"5.1.1 a stream below the last one harms nobody", BYTES(START OPEN("\5") OPEN("\3") PING_ASKS), ACKS},
    {"6.1 DATA on the connection", BYTES(START FRAME(F_DATA, "\1", NONE, NONE) "x"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.1 more padding than frame", BYTES(START OPEN("\1") FRAME(F_DATA, "\2", END_PADDED, "\1") "\7x"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.2 HEADERS on the connection", BYTES(START OPEN(NONE)), GOES_AWAY(PROTOCOL_ERROR)},
    /* Libraries that know no priorities any more pass over it. */
    {"6.3 PRIORITY on the connection", BYTES(START FRAME(F_PRIORITY, "\5", NONE, NONE) "\0\0\0\1\1" PING_ASKS), MAY_GO_AWAY(PROTOCOL_ERROR)},
    {"6.3 PRIORITY of a wrong length", BYTES(START FRAME(F_PRIORITY, "\4", NONE, "\1") "\0\0\0\1"), RESETS(FRAME_SIZE_ERROR)},
    {"6.4 RST_STREAM on the connection", BYTES(START FRAME(F_RESET, "\4", NONE, NONE) "\0\0\0\10"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.4 RST_STREAM of a wrong length", BYTES(START OPEN("\1") FRAME(F_RESET, "\3", NONE, "\1") "\0\0\0"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"6.5 an acknowledgement with settings in it", BYTES(START FRAME(F_SETTINGS, "\6", ACK, NONE) "\0\1\0\0\0\1"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"6.5 SETTINGS of a stream", BYTES(START FRAME(F_SETTINGS, "\0", NONE, "\1")), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.5 SETTINGS of a wrong length", BYTES(START FRAME(F_SETTINGS, "\5", NONE, NONE) "\0\1\0\0\0"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"6.5.2 ENABLE_PUSH beyond 1", BYTES(START FRAME(F_SETTINGS, "\6", NONE, NONE) "\0\2\0\0\0\2"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.5.2 a window beyond 2^31-1", BYTES(START FRAME(F_SETTINGS, "\6", NONE, NONE) "\0\4\x80\0\0\0"), GOES_AWAY(FLOW_CONTROL_ERROR)},
    {"6.5.2 MAX_FRAME_SIZE below 16384", BYTES(START FRAME(F_SETTINGS, "\6", NONE, NONE) "\0\5\0\0\x3f\xff"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.6 PUSH_PROMISE of a client", BYTES(START FRAME(F_PUSH, "\12", END_BLOCK, "\1") "\0\0\0\2" REQUEST), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.7 PING is answered", BYTES(START PING_ASKS), ACKS},
    {"6.7 PING of a stream", BYTES(START FRAME(F_PING, "\10", NONE, "\1") "12345678"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.7 PING of a wrong length", BYTES(START FRAME(F_PING, "\7", NONE, NONE) "1234567"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"6.8 GOAWAY of a stream", BYTES(START FRAME(F_GOAWAY, "\10", NONE, "\1") "\0\0\0\0\0\0\0\0"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.9 WINDOW_UPDATE by nothing", BYTES(START FRAME(F_WINDOW, "\4", NONE, NONE) "\0\0\0\0"), GOES_AWAY(PROTOCOL_ERROR)},
    {"6.9 WINDOW_UPDATE of a wrong length", BYTES(START FRAME(F_WINDOW, "\3", NONE, NONE) "\0\0\1"), GOES_AWAY(FRAME_SIZE_ERROR)},
    {"6.9.1 a window beyond 2^31-1", BYTES(START FRAME(F_WINDOW, "\4", NONE, NONE) "\x7f\xff\xff\xff"), GOES_AWAY(FLOW_CONTROL_ERROR)},
    {"6.10 CONTINUATION out of place", BYTES(START FRAME(F_CONTINUE, "\6", END_BLOCK, "\1") REQUEST), GOES_AWAY(PROTOCOL_ERROR)},
    {"8.1.1 a content-length that lies", BYTES(START FRAME(F_HEADERS, "\12", END_BLOCK, "\1") REQUEST "\x0f\x0d\1" "5" FRAME(F_DATA, "\1", END_STREAM, "\1") "x"), RESETS(PROTOCOL_ERROR)},
    {"8.2 an upper-case field name", BYTES(START FRAME(F_HEADERS, "\12", END_BOTH, "\1") REQUEST "\0\1X\0"), RESETS(PROTOCOL_ERROR)},
    {"8.2.2 a field of HTTP/1", BYTES(START FRAME(F_HEADERS, "\26", END_BOTH, "\1") REQUEST "\0\12connection\3a,b"), RESETS(PROTOCOL_ERROR)},
    {"8.3 an unknown pseudo field", BYTES(START FRAME(F_HEADERS, "\14", END_BOTH, "\1") REQUEST "\0\2:x\1y"), RESETS(PROTOCOL_ERROR)},
    {"8.3 a pseudo field behind a field", BYTES(START FRAME(F_HEADERS, "\12", END_BOTH, "\1") "\x83\x86\1\1a\0\1a\0\x84"), RESETS(PROTOCOL_ERROR)},
    {"8.3.1 no :path", BYTES(START FRAME(F_HEADERS, "\5", END_BOTH, "\1") "\x83\x86\1\1a"), RESETS(PROTOCOL_ERROR)},
    {"8.1 a request that is not gRPC gets an answer", BYTES(START FRAME(F_HEADERS, "\6", END_BOTH, "\1") "\x82\x86\x84\1\1a"), ANSWERS},
};
/* clang-format on */

/* Return a connection to a port of loopback, or to the UNIX socket of that path. */
static int dial(const char *at)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	bool local = strchr(at, '/');

	port.sin_port = htons((uint16_t)strtoul(at, NULL, 10));
	snprintf(path.sun_path, sizeof(path.sun_path), "%s", at);
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, local ? (struct sockaddr *)&path : (struct sockaddr *)&port,
			      local ? sizeof(path) : sizeof(port)) < 0) {
		perror("h2_cases: connect");
		exit(1);
	}
	return fd;
}

/* Read exactly n bytes. Return false at the end of the connection or after the time limit. */
static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		if (poll(&pfd, 1, ANSWER_MS) <= 0)
			return false;
		ssize_t r = recv(fd, p, n, 0);
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

/* Return whether the frame is the expected one. */
static bool matches(const struct want *w, int type, int flags, const uint8_t *payload, size_t len)
{
	if (w->or_ignored && type == PING)
		return flags & 1;
	if (w->frame < 0 || (type != w->frame && !(w->stream_or_connection && type == GOAWAY)))
		return false;
	if (type == PING)
		return flags & 1;
	size_t at = type == GOAWAY ? 4 : 0;
	if (w->code < 0 || type == HEADERS)
		return true;
	return len >= at + 4 && payload[at + 3] == w->code;
}

static bool run_case(const char *at, const char *bytes, size_t len, const struct want *want)
{
	int fd = dial(at);
	bool seen = false, ended = false;

	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		ended = true;
	while (!seen && !ended) {
		uint8_t head[9], payload[16384];
		ended = !read_all(fd, head, sizeof(head));
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		if (ended || size > sizeof(payload) || !read_all(fd, payload, size))
			ended = true;
		else
			seen = matches(want, head[3], head[4], payload, size);
	}
	close(fd);
	return want->frame < 0 ? ended : seen;
}

static int run_cases(const char *at)
{
	printf("1..%zu\n", ARRAY_SIZE(cases));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		printf("%s %zu - %s\n",
		       run_case(at, cases[i].bytes, cases[i].len, &cases[i].want) ? "ok" : "not ok", i + 1,
		       cases[i].name);
	return 0;
}

static int run_idle(const char *at, size_t count)
{
	struct rlimit files = {count + 64, count + 64};
	uint8_t answer[9];
	char ignored;
	bool answered = true;

	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < count && answered; i++) {
		int fd = dial(at); /* stays open until the process ends */
		if (send(fd, START, sizeof(START) - 1, MSG_NOSIGNAL) < 0 ||
		    !read_all(fd, answer, sizeof(answer)) || answer[3] != SETTINGS) {
			printf("connection %zu was not answered\n", i + 1);
			answered = false;
		}
	}
	if (answered)
		printf("idle %zu\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &ignored, 1) > 0)
		;
	return answered ? 0 : 1;
}

#define RECORDS_PATH	"/xtcp_flat_record.v1.XTCPFlatRecordService/FlatRecords"
#define GRPC_TYPE	"application/grpc"
/* HPACK literals of an indexed name: :path is 4, content-type 31. */
#define RECORDS_REQUEST "\x83\x86\1\1a\4\x36" RECORDS_PATH "\x0f\x10\x10" GRPC_TYPE
#define OPEN_RECORDS	FRAME(F_HEADERS, "\x50", END_BLOCK, "\1") RECORDS_REQUEST

static int run_stall(const char *at)
{
	static const char frames[] =
	    MAGIC FRAME(F_SETTINGS, "\6", NONE, NONE) "\0\4\0\0\0\0" FRAME(F_HEADERS, "\x50", END_BLOCK, "\1")
		RECORDS_REQUEST FRAME(F_DATA, "\5", END_STREAM, "\1") "\0\0\0\0";
	static_assert(sizeof(RECORDS_PATH) - 1 == 0x36 && sizeof(RECORDS_REQUEST) - 1 == 0x50,
		      "the lengths in the frames above");
	char line[64];

	for (size_t count = 1; fgets(line, sizeof(line), stdin); count++) {
		int fd = dial(at), type = -1; /* stays open until the process ends */
		if (send(fd, frames, sizeof(frames), 0) != sizeof(frames))
			return 1;
		while (type != HEADERS) {
			uint8_t head[9], payload[16384];
			if (!read_all(fd, head, sizeof(head)) || head[0] || head[1] > 0x3f ||
			    !read_all(fd, payload, (size_t)head[1] << 8 | head[2])) {
				printf("stream %zu was not begun\n", count);
				return 1;
			}
			type = head[3];
		}
		printf("stalled %zu\n", count);
		fflush(stdout);
	}
	return 0;
}

/* Return whether the server sent GOAWAY with ENHANCE_YOUR_CALM before it closed. */
static bool told_to_calm(int fd)
{
	static const struct want calm = GOES_AWAY(ENHANCE_YOUR_CALM);
	uint8_t head[9], payload[16384];

	while (read_all(fd, head, sizeof(head))) {
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		if (size > sizeof(payload) || !read_all(fd, payload, size))
			return false;
		if (matches(&calm, head[3], head[4], payload, size))
			return true;
	}
	return false;
}

/* Frames that are cheap to send repeatedly. */
static struct flood {
	const char *name;
	char piece[16384];
	size_t len;
} floods[] = {
#define PIECE(text) text, sizeof(text) - 1
    {"resets", PIECE(OPEN("\1") FRAME(F_RESET, "\4", NONE, "\1") "\0\0\0\10")},
    {"pings", PIECE(PING_ASKS)},
    {"settings", PIECE(FRAME(F_SETTINGS, "\0", NONE, NONE))},
    {"priorities", PIECE(FRAME(F_PRIORITY, "\5", NONE, "\1") "\0\0\0\0\1")},
    /* on one stream, whose request is that of records */
    {"empty data", PIECE(FRAME(F_DATA, "\0", NONE, "\1"))},
    {"header fields", .len = 0}, /* bomb_make() */
};

/*
 * Make a HEADERS frame that unpacks to megabytes: a field of 2,000 bytes for the dynamic
 * table, and references to it of one byte each.
 */
static void bomb_make(struct flood *f)
{
	static const char start[] = FRAME(F_HEADERS, "\0", END_BOTH, "\1") REQUEST "\x40\1a\x7f\xd1\x0e";
	const size_t field = 2000, refs = 12000;
	size_t n = sizeof(start) - 1;

	memcpy(f->piece, start, n);
	memset(f->piece + n, 'x', field);
	memset(f->piece + n + field, 0xbe, refs);
	f->len = n + field + refs;
	f->piece[1] = (char)((f->len - 9) >> 8);
	f->piece[2] = (char)(f->len - 9);
}

/* Send the piece again and again until the peer hangs up or does not read any more;
 * false when it just goes on. */
static bool flood_with(int fd, const struct flood *f, uint32_t rounds, bool reads)
{
	static char copy[65536];
	bool stopped = send(fd, START, sizeof(START) - 1, MSG_NOSIGNAL) < 0;

	bool one = strcmp(f->name, "empty data") == 0; /* all on the stream that is opened here */
	if (one)
		send(fd, OPEN_RECORDS, sizeof(OPEN_RECORDS) - 1, MSG_NOSIGNAL);
	uint32_t id = 1;
	while (rounds > 0 && !stopped) {
		size_t n = 0;
		for (; rounds > 0 && n + f->len <= sizeof(copy); n += f->len, rounds--, id += one ? 0 : 2) {
			memcpy(copy + n, f->piece, f->len);
			for (size_t at = n; at + 9 <= n + f->len && at < n + f->len;) {
				uint32_t stream = htonl(id);
				if (copy[at + 8]) /* on a stream: a new one each time */
					memcpy(copy + at + 5, &stream, sizeof(stream));
				at += 9 + ((size_t)(uint8_t)copy[at + 1] << 8 | (uint8_t)copy[at + 2]);
			}
		}
		struct pollfd pfd = {.fd = fd, .events = POLLOUT};
		stopped = poll(&pfd, 1, 1000) <= 0 || (pfd.revents & (POLLERR | POLLHUP)) ||
			  send(fd, copy, n, MSG_NOSIGNAL) < 0;
		while (reads && recv(fd, copy, sizeof(copy), MSG_DONTWAIT) > 0)
			;
	}
	return stopped;
}

static int run_flood(const char *at)
{
	printf("1..%zu\n", ARRAY_SIZE(floods));
	/* nghttp2 has a lower limit for resets, and answers with an internal error. */
	for (size_t i = 0; i < ARRAY_SIZE(floods); i++) {
		int fd = dial(at);
		bool stopped = flood_with(fd, &floods[i], 1000000, false);
		printf("%s %zu - a flood of %s is stopped\n",
		       stopped && (i == 0 || told_to_calm(fd)) ? "ok" : "not ok", i + 1, floods[i].name);
		close(fd);
	}
	return 0;
}

static int run_storm(const char *at, const char *name, long seconds)
{
	struct timespec now;
	size_t connections = 0, kind = 0;

	while (kind < ARRAY_SIZE(floods) && strcmp(floods[kind].name, name) != 0)
		kind++;
	if (kind == ARRAY_SIZE(floods))
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (time_t end = now.tv_sec + seconds; now.tv_sec < end; connections++) {
		int fd = dial(at);
		flood_with(fd, &floods[kind], 100000, true);
		close(fd);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	printf("%zu connections\n", connections);
	return 0;
}

int main(int argc, char **argv)
{
	const char *at = argc > 1 ? argv[1] : "";

	bomb_make(&floods[ARRAY_SIZE(floods) - 1]);
	if (argc == 2)
		return run_cases(at);
	if (argc == 3 && strcmp(argv[2], "flood") == 0)
		return run_flood(at);
	if (argc == 3 && strcmp(argv[2], "stall") == 0)
		return run_stall(at);
	if (argc == 5 && strcmp(argv[2], "storm") == 0)
		return run_storm(at, argv[3], strtol(argv[4], NULL, 10));
	if (argc == 4 && strcmp(argv[2], "idle") == 0)
		return run_idle(at, strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: h2_cases PORT [flood | storm KIND N | stall | idle N]\n");
	return 2;
}
