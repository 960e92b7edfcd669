/* SPDX-License-Identifier: MIT */
#include "record/message.h"

#include <errno.h>
#include <linux/inet_diag.h>

#include "xtcp_flat_record/v1/xtcp_flat_record.pb-c.h"

typedef struct XtcpFlatRecord__V1__XtcpFlatRecord message;

/* What a field of the message is in the record. */
#define FROM_U32(v)   (v)
#define FROM_U64(v)   (v)
#define FROM_TIME(v)  (v)
#define FROM_STATE(v) (v)
#define FROM_CC(v)    ((uint32_t)(v))
#define FROM_STR(v)   str_of(v)
#define FROM_BYTES(v) ((struct str){(const char *)(v).data, (uint32_t)(v).len})
#define FROM_ADDR(v)  FROM_BYTES(v)

/* No attribute: META, ENRICH and DIAG are in every record. */
#define INET_DIAG_NONE 63

void record_from_message(struct record *r, const message *m)
{
	const uint64_t attributes = m->inet_diag_attributes | UINT64_C(1) << INET_DIAG_NONE;

	r->sections = RECORD_OWNED;
#define S(name, attr)                                       \
	if (attributes & (UINT64_C(1) << INET_DIAG_##attr)) \
		r->sections |= RECORD_HAS(name);
	RECORD_SECTIONS(S)
#undef S
#define F(number, name, KIND, kernel) r->name = FROM_##KIND(m->name);
	RECORD_FIELDS(F)
#undef F
	if (m->tcp_info_options2)
		r->sections |= RECORD_PACKED_ECN;
}

/* The envelope behind its length. NULL when it is none. */
static XtcpFlatRecord__V1__Envelope *unpack(const uint8_t *data, size_t len)
{
	uint64_t size = 0;
	size_t at = 0;

	for (unsigned shift = 0; at < len && shift < 64; shift += 7) {
		size |= (uint64_t)(data[at] & 0x7f) << shift;
		if (!(data[at++] & 0x80))
			return size == len - at
				   ? xtcp_flat_record__v1__envelope__unpack(NULL, len - at, data + at)
				   : NULL;
	}
	return NULL;
}

int record_each(const uint8_t *data, size_t len, int (*row)(void *arg, const struct record *r), void *arg)
{
	XtcpFlatRecord__V1__Envelope *envelope = unpack(data, len);
	struct record r = {0};
	int rc = 0;

	if (!envelope)
		return -EBADMSG;
	for (size_t i = 0; !rc && i < envelope->n_row; i++) {
		record_from_message(&r, envelope->row[i]);
		rc = row(arg, &r);
	}
	xtcp_flat_record__v1__envelope__free_unpacked(envelope, NULL);
	return rc;
}
