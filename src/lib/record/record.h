/* SPDX-License-Identifier: MIT */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H
/*
 * One socket as one flat record. The struct is expanded from fields.def and is
 * reused for socket after socket: a section whose bit is clear in `sections`
 * holds stale bytes and must not be read. Strings, bytes and addresses are
 * borrowed: they point into the receive buffer, into the poll's constants or at
 * the namespace, and live until the sink's emit() returns.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "record/fields.def"

enum record_section {
#define S(name, attr) RECORD_SECTION_##name,
	RECORD_SECTIONS(S)
#undef S
	    RECORD_SECTION_MAX_
};

#define RECORD_HAS(section) (UINT32_C(1) << RECORD_SECTION_##section)

/* In the same word as the sections: presence of the KOWN and KECN7 fields. */
#define RECORD_OWNED	  (UINT32_C(1) << 31) /* a process holds the socket: uid and inode are known */
#define RECORD_PACKED_ECN (UINT32_C(1) << 30) /* tcp_info ends as in Linux 7.0 */
_Static_assert(RECORD_SECTION_MAX_ <= 30, "section bits");

/* The numbers of enum CongestionAlgorithm in xtcp_flat_record.proto. */
enum record_cc {
	RECORD_CC_UNSPECIFIED,
	RECORD_CC_CUBIC,
	RECORD_CC_DCTCP,
	RECORD_CC_VEGAS,
	RECORD_CC_PRAGUE,
	RECORD_CC_BBR1,
	RECORD_CC_BBR2,
	RECORD_CC_BBR3,
	RECORD_CC_MAX_
};

#define RECORD_CTYPE_U32   uint32_t
#define RECORD_CTYPE_U64   uint64_t
#define RECORD_CTYPE_TIME  int64_t
#define RECORD_CTYPE_STR   struct str
#define RECORD_CTYPE_BYTES struct str
#define RECORD_CTYPE_ADDR  struct str
#define RECORD_CTYPE_STATE uint32_t
#define RECORD_CTYPE_CC	   uint32_t

struct record {
	uint32_t sections; /* RECORD_HAS(...) bits and the two above */
#define F(number, name, KIND, kernel, ...) RECORD_CTYPE_##KIND name;
	RECORD_FIELDS(F)
#undef F
};

/* Values of event. */
enum record_event {
	RECORD_EVENT_POLL,
	RECORD_EVENT_CLOSED,
	RECORD_EVENT_GONE,
	RECORD_EVENT_POLL_END,
};

/* The value of schema_version in every record of this build. */
#define RECORD_SCHEMA_VERSION 1

/*
 * Take one record from its producer (a netlink worker, a replay). Called on the
 * producer's thread; must not keep pointers into the record. Return 0, or -errno
 * to make the producer stop.
 */
struct record_sink {
	int (*emit)(struct record_sink *sink, struct record *record);
	/* The record of the socket with this cookie comes soon: begin to load what it will take. NULL: nothing to load. */
	void (*expect)(struct record_sink *sink, uint64_t cookie);
};

static inline void record_expect(struct record_sink *sink, uint64_t cookie)
{
	if (sink->expect)
		sink->expect(sink, cookie);
}

#endif
