/* SPDX-License-Identifier: MIT */
#include "look/parquet_out.h"

#include <errno.h>
#include <stdlib.h>

#include "parquet/parquet.h"
#include "version.h"

struct parquet_out {
	struct parquet *parquet;
	struct buf footer; /* that ends the file behind the last row group */
};

struct parquet_out *parquet_out_new(const struct encoder *encoder)
{
	struct parquet_out *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->parquet = parquet_new(encoder, "xtcp2 version " XTCP2_VERSION);
	if (!p->parquet) {
		free(p);
		errno = ENOMEM;
		return NULL;
	}
	parquet_begin(p->parquet);
	return p;
}

void parquet_out_free(struct parquet_out *p)
{
	if (!p)
		return;
	parquet_free(p->parquet);
	buf_free(&p->footer);
	free(p);
}

/* Put the row group into out. 0, or -ENOMEM with out empty and the footer as before. */
static int put_group(struct parquet_out *p, struct buf *out)
{
	struct buf footer = {0};

	if (parquet_group(p->parquet, out, &footer) < 0) {
		buf_reset(out);
		buf_free(&footer);
		parquet_undo(p->parquet);
		return -ENOMEM;
	}
	parquet_keep(p->parquet);
	buf_free(&p->footer);
	p->footer = footer;
	return 0;
}

int parquet_out_add(struct parquet_out *p, const struct record *r, struct buf *out)
{
	if (parquet_groups(p->parquet) == PARQUET_OUT_GROUPS)
		return -EFBIG;
	if (parquet_add(p->parquet, r) < 0) {
		parquet_undo(p->parquet);
		return -ENOMEM;
	}
	return parquet_rows(p->parquet) < PARQUET_OUT_ROWS ? 0 : put_group(p, out);
}

int parquet_out_end(struct parquet_out *p, struct buf *out)
{
	int r = 0;

	if (parquet_rows(p->parquet) > 0 || parquet_groups(p->parquet) == 0)
		r = put_group(p, out);
	buf_append(out, p->footer.data, p->footer.len);
	return buf_ok(out) ? r : -ENOMEM;
}
