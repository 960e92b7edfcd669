/* SPDX-License-Identifier: MIT */
/* The table of schemes, and the error for an unknown one. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/credentials.h"
#include "base/suggest.h"
#include "dest/ops.h"

const struct dest_scheme dest_table[] = {
    {"null", "null", "discards records", &dest_null_ops},
    {"stdout", "stdout", "standard output", &dest_stdout_ops},
    {"stderr", "stderr", "standard error", &dest_stderr_ops},
    {"file", "file:PATH", "appends to a file, or makes one whole file after another", &dest_file_ops},
    {"udp", "udp:HOST:PORT", "one datagram per envelope", &dest_udp_ops},
    {"tcp", "tcp:HOST:PORT", "a stream of envelopes", &dest_tcp_ops},
    {"unix", "unix:PATH", "a stream of envelopes over a UNIX socket; @NAME is abstract", &dest_unix_ops},
    {"unixgram", "unixgram:PATH", "one datagram per envelope over a UNIX socket", &dest_unixgram_ops},
    {"http", "http://HOST[:PORT]/PATH", "one POST per envelope", &dest_http_ops},
    {"https", "https://HOST[:PORT]/PATH", "one POST per envelope, over TLS", &dest_http_ops},
    {"kafka", "kafka:HOST:PORT[,HOST:PORT...]", "one message per envelope on -topic", &dest_kafka_ops},
    {"s3", "s3://BUCKET[/PREFIX]", "objects of an S3 store, from a spool on disk", &dest_s3_ops},
    {"nats", "nats:HOST:PORT[,HOST:PORT...]",
     "one message per envelope on the subject -topic of a JetStream stream", &dest_nats_ops},
    {"valkey", "valkey:HOST:PORT", "one command per envelope on the key -topic, of Redis as well",
     &dest_valkey_ops},
    {NULL},
};

const struct dest_scheme *dest_scheme_find(const char *spec)
{
	size_t len = strcspn(spec, ":");

	for (const struct dest_scheme *s = dest_table; s->scheme; s++)
		if (strlen(s->scheme) == len && memcmp(s->scheme, spec, len) == 0)
			return s;
	return NULL;
}

/* Append what was probably meant: a path and an address lack their scheme, else one is misspelt. */
static void suggest_scheme(const char *spec, const char *shown, char *error, size_t size)
{
	const char *colon = strrchr(spec, ':');
	size_t len = strcspn(spec, ":");
	char near[SUGGEST_TEXT_MAX];
	struct suggest s;

	suggest_begin(&s, spec, len);
	for (const struct dest_scheme *d = dest_table; d->scheme; d++)
		suggest_offer(&s, d->scheme);
	if (strcmp(spec, "-") == 0)
		snprintf(error, size, "; did you mean stdout?");
	else if (*spec == '/' || *spec == '.' || (!*suggest_text(&s, near) && !colon && strpbrk(spec, "/.")))
		snprintf(error, size, "; did you mean file:%s?", shown);
	else if (s.best)
		snprintf(error, size, "; did you mean %s%s?", s.best, shown + strcspn(shown, ":"));
	else if (colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0')
		snprintf(error, size, "; did you mean tcp:%s?", shown);
}

void dest_scheme_error(const char *spec, char *error, size_t size)
{
	_cleanup_free_ char *hidden = credentials_hide(spec);
	const char *shown = hidden ? hidden : "";
	size_t n = snprintf(error, size, "destination \"%.160s\": unknown scheme; possible are", shown);

	for (const struct dest_scheme *s = dest_table; s->scheme && n < size; s++)
		n += snprintf(error + n, size - n, "%s %s", s == dest_table ? "" : ",", s->syntax);
	if (n < size)
		suggest_scheme(spec, shown, error + n, size - n);
}
