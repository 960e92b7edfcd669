/* SPDX-License-Identifier: MIT */
#include "dest/kafka_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/properties.h"
#include "dest/pem.h"

/* Tell whether the text is a part of the value. */
static bool is_part(const char *value, const char *text, size_t len)
{
	size_t have = strlen(value);

	for (size_t i = 0; i + len <= have; i++) {
		if (memcmp(value + i, text, len) == 0)
			return true;
	}
	return false;
}

/* Copy librdkafka's sentence without the texts in quotes that are parts of the value. */
static void say_without(const char *why, const char *value, char *out, size_t size)
{
	size_t n = 0;

	while (*why && n + 4 < size) {
		size_t len = *why == '"' ? strcspn(why + 1, "\"") : 0;
		if (*why == '"' && why[1 + len] == '"') {
			bool hide = len > 0 && is_part(value, why + 1, len);
			int w = snprintf(out + n, size - n, "\"%.*s\"", hide ? 3 : (int)len,
					 hide ? "..." : why + 1);
			n += w > 0 ? (size_t)w : 0;
			why += len + 2;
		} else {
			out[n++] = *why == '\n' ? ' ' : *why;
			why++;
		}
	}
	out[n < size ? n : size - 1] = '\0';
}

static int set_one(struct dest_io *io, rd_kafka_conf_t *conf, const struct property *p, size_t number)
{
	char why[DEST_WHY_MAX / 2], clause[DEST_WHY_MAX / 2];

	switch (rd_kafka_conf_set(conf, p->name, p->value, why, sizeof(why))) {
	case RD_KAFKA_CONF_OK:
		return 0;
	case RD_KAFKA_CONF_INVALID:
		say_without(why, p->value, clause, sizeof(clause));
		dest_why(io, 0, "has a bad value for %s in -kafkaConfig: %s", p->name, clause);
		return -EINVAL;
	default:
		dest_why(io, 0,
			 "has no property for setting %zu of -kafkaConfig: a misspelt name, or a semicolon "
			 "within the value before it, which needs a backslash",
			 number);
		return -EINVAL;
	}
}

/* A file of PEM as the value of a property that -kafkaConfig leaves open. */
static int set_pem(struct dest_io *io, rd_kafka_conf_t *conf, const struct properties *given,
		   const char *const names[2], struct buf *pem)
{
	char why[DEST_WHY_MAX / 2];

	if (pem->len == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (!properties_find(given, names[i]))
			continue;
		dest_why(io, 0, "has %s in -kafkaConfig and the option for it as well", names[i]);
		return -EINVAL;
	}
	if (rd_kafka_conf_set(conf, names[0], buf_cstr(pem), why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	dest_why(io, 0, "has no use for %s: librdkafka is built without TLS or cannot read it", names[0]);
	return -EINVAL;
}

static int set_tls(struct dest_io *io, rd_kafka_conf_t *conf, const struct properties *given)
{
	static const char *const ca[] = {"ssl.ca.pem", "ssl.ca.location"};
	static const char *const cert[] = {"ssl.certificate.pem", "ssl.certificate.location"};
	static const char *const key[] = {"ssl.key.pem", "ssl.key.location"};
	_cleanup_(pem_free) struct pem_files pem = {0};
	int r = pem_read(io, &pem);

	if (r == 0)
		r = set_pem(io, conf, given, ca, &pem.ca);
	if (r == 0)
		r = set_pem(io, conf, given, cert, &pem.cert);
	if (r == 0)
		r = set_pem(io, conf, given, key, &pem.key);
	const char *usual = pem_usual_ca();
	if (r == 0 && usual && pem.ca.len == 0 && !properties_find(given, ca[0]) &&
	    !properties_find(given, ca[1])) {
		char why[DEST_WHY_MAX / 2];
		/* A librdkafka without TLS has no use for it. */
		rd_kafka_conf_set(conf, ca[1], usual, why, sizeof(why));
	}
	return r;
}

int kafka_config_apply(struct dest_io *io, rd_kafka_conf_t *conf)
{
	const char *text = io->config->kafka_config;
	struct properties p = {0};
	char why[DEST_WHY_MAX / 2] = "out of memory";
	int r = properties_add_text(&p, text ? text : "", why, sizeof(why));

	if (r < 0)
		dest_why(io, 0, "has a bad -kafkaConfig: %s", why);
	for (size_t i = 0; r == 0 && i < p.count; i++)
		r = set_one(io, conf, &p.rows[i], i + 1);
	if (r == 0)
		r = set_tls(io, conf, &p);
	properties_free(&p);
	return r;
}
