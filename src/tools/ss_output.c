/* SPDX-License-Identifier: MIT */
#include "ss_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define WORD_MAX 256

struct word {
	const char *name, *field;
	enum {
		PLAIN,	    /* decimal */
		HEX,	    /* 0x10 */
		THOUSANDTHS /* ss shows field / 1000 with %g */
	} form;
	char after; /* the value begins after this character of the word's value, 0: at its begin */
};

/* Words "name:value". A name that stands twice has two values, parted by `after`. */
static const struct word words[] = {
    {"uid", "inet_diag_msg_uid", PLAIN, 0},
    {"ino", "inet_diag_msg_inode", PLAIN, 0},
    {"sk", "inet_diag_msg_socket_cookie", HEX, 0},
    {"tos", "type_of_service", HEX, 0},
    {"tclass", "traffic_class", HEX, 0},
    {"class_id", "class_id", HEX, 0},
    {"v6only", "skv6only", PLAIN, 0},
    {"wscale", "tcp_info_send_scale", PLAIN, 0},
    {"wscale", "tcp_info_rcv_scale", PLAIN, ','},
    {"rto", "tcp_info_rto", THOUSANDTHS, 0},
    {"backoff", "tcp_info_backoff", PLAIN, 0},
    {"rtt", "tcp_info_rtt", THOUSANDTHS, 0},
    {"rtt", "tcp_info_rtt_var", THOUSANDTHS, '/'},
    {"ato", "tcp_info_ato", THOUSANDTHS, 0},
    {"mss", "tcp_info_snd_mss", PLAIN, 0},
    {"pmtu", "tcp_info_pmtu", PLAIN, 0},
    {"rcvmss", "tcp_info_rcv_mss", PLAIN, 0},
    {"advmss", "tcp_info_adv_mss", PLAIN, 0},
    {"cwnd", "tcp_info_snd_cwnd", PLAIN, 0},
    {"ssthresh", "tcp_info_snd_ssthresh", PLAIN, 0},
    {"bytes_sent", "tcp_info_bytes_sent", PLAIN, 0},
    {"bytes_retrans", "tcp_info_bytes_retrans", PLAIN, 0},
    {"bytes_acked", "tcp_info_bytes_acked", PLAIN, 0},
    {"bytes_received", "tcp_info_bytes_received", PLAIN, 0},
    {"segs_out", "tcp_info_segs_out", PLAIN, 0},
    {"segs_in", "tcp_info_segs_in", PLAIN, 0},
    {"data_segs_out", "tcp_info_data_segs_out", PLAIN, 0},
    {"data_segs_in", "tcp_info_data_segs_in", PLAIN, 0},
    {"delivered", "tcp_info_delivered", PLAIN, 0},
    {"delivered_ce", "tcp_info_delivered_ce", PLAIN, 0},
    {"unacked", "tcp_info_unacked", PLAIN, 0},
    {"retrans", "tcp_info_retrans", PLAIN, 0},
    {"retrans", "tcp_info_total_retrans", PLAIN, '/'},
    {"lost", "tcp_info_lost", PLAIN, 0},
    {"sacked", "tcp_info_sacked", PLAIN, 0},
    {"fackets", "tcp_info_fackets", PLAIN, 0},
    {"dsack_dups", "tcp_info_dsack_dups", PLAIN, 0},
    {"reordering", "tcp_info_reordering", PLAIN, 0},
    {"reord_seen", "tcp_info_reord_seen", PLAIN, 0},
    {"rcv_rtt", "tcp_info_rcv_rtt", THOUSANDTHS, 0},
    {"rcv_space", "tcp_info_rcv_space", PLAIN, 0},
    {"rcv_ssthresh", "tcp_info_rcv_ssthresh", PLAIN, 0},
    {"notsent", "tcp_info_not_sent_bytes", PLAIN, 0},
    {"minrtt", "tcp_info_min_rtt", THOUSANDTHS, 0},
    {"rcv_ooopack", "tcp_info_rcv_ooopack", PLAIN, 0},
    {"snd_wnd", "tcp_info_snd_wnd", PLAIN, 0},
    {"rcv_wnd", "tcp_info_rcv_wnd", PLAIN, 0},
    {"rehash", "tcp_info_rehash", PLAIN, 0},
};

/* skmem:(r0,rb131072,...): each value's letters, in the order in which ss prints them. */
static const struct {
	const char *letters, *field;
} memory[] = {
    {"r", "sk_mem_info_rmem_alloc"}, {"rb", "sk_mem_info_rcv_buf"},  {"t", "sk_mem_info_wmem_alloc"},
    {"tb", "sk_mem_info_snd_buf"},   {"f", "sk_mem_info_fwd_alloc"}, {"w", "sk_mem_info_wmem_queued"},
    {"o", "sk_mem_info_optmem"},     {"bl", "sk_mem_info_backlog"},  {"d", "sk_mem_info_drops"},
};

/* Names of words whose value goes on counting while the socket rests. */
static const char *const moving[] = {"lastsnd",	     "lastrcv",	       "lastack", "busy",
				     "rwnd_limited", "sndbuf_limited", "timer"};

struct walk {
	ss_value_fn *value;
	ss_number_fn *number;
	void *data;
};

/* Return whether the word is "name:..."; set *value to the text after the colon. */
static bool named(const char *word, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0 || word[len] != ':')
		return false;
	*value = word + len + 1;
	return true;
}

static void plain(const struct walk *w, const char *field, unsigned long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", number);
	w->value(w->data, field, text);
}

static void thousandths(const struct walk *w, const char *field, const char *shown)
{
	uint64_t number = w->number(w->data, field);
	char text[32];

	snprintf(text, sizeof(text), "%g", (double)number / 1000);
	if (strlen(text) == strcspn(shown, "/, \n") && !strncmp(text, shown, strlen(text)))
		plain(w, field, number);
	else
		w->value(w->data, field, shown);
}

static void word_value(const struct walk *w, const struct word *word, const char *value)
{
	if (word->after) {
		value = strchr(value, word->after);
		if (!value++)
			return;
	}
	if (word->form == THOUSANDTHS)
		thousandths(w, word->field, value);
	else
		plain(w, word->field, strtoull(value, NULL, word->form == HEX ? 16 : 10));
}

static void memory_values(const struct walk *w, const char *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(memory); i++) {
		list += strspn(list, "(,");
		size_t len = strlen(memory[i].letters);
		if (strncmp(list, memory[i].letters, len) != 0)
			return;
		list += len;
		plain(w, memory[i].field, strtoull(list, (char **)&list, 10));
	}
}

/* <->, -->, <--, ---: a dash at the left when receiving is shut down, at the right when sending is. */
static bool shutdown_value(const struct walk *w, const char *word)
{
	if (strlen(word) != 3 || !strchr("<-", word[0]) || word[1] != '-' || !strchr("->", word[2]))
		return false;
	plain(w, "shutdown_state", (word[0] == '-' ? 1U : 0) | (word[2] == '-' ? 2U : 0));
	return true;
}

static void any_word(const struct walk *w, const char *word)
{
	static const char *const algorithms[] = {"cubic", "reno", "bbr", "dctcp", "vegas"};
	const char *value;

	if (shutdown_value(w, word))
		return;
	if (named(word, "skmem", &value))
		memory_values(w, value);
	if (!strncmp(word, "tcp-ulp-", 8) && strlen(word) < 24)
		w->value(w->data, "ulp_name", word + 8);
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (!strcmp(word, algorithms[i]))
			w->value(w->data, "congestion_algorithm_string", word);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (named(word, words[i].name, &value))
			word_value(w, &words[i], value);
}

/* 127.0.0.1:22, [::1]:22, *:22, 0.0.0.0:*, [::ffff:127.0.0.1]:22, 127.0.0.1%lo:22 */
static void end(const struct walk *w, char *text, const char *address_field, const char *port_field)
{
	char *port = strrchr(text, ':'), *address = text;

	if (!port)
		return;
	*port++ = '\0';
	address += *address == '[';
	address[strcspn(address, "]%")] = '\0';
	if (!strncmp(address, "::ffff:", 7))
		address += 7;
	w->value(w->data, address_field, strcmp(address, "*") ? address : "::");
	w->value(w->data, port_field, strcmp(port, "*") ? port : "0");
}

static void state(const struct walk *w, char *text)
{
	if (!strcmp(text, "ESTAB"))
		text = "ESTABLISHED";
	for (char *c = text; (c = strchr(c, '-'));)
		*c = '_';
	/* FIN-WAIT-1 */
	char *number = strstr(text, "WAIT_");
	if (number)
		memmove(number + 4, number + 5, strlen(number + 5) + 1);
	w->value(w->data, "inet_diag_msg_state", text);
}

void ss_line_walk(const char *line, ss_value_fn *value, ss_number_fn *number, void *data)
{
	const struct walk w = {value, number, data};
	char word[WORD_MAX];
	size_t len;

	for (unsigned i = 0; *(line += strspn(line, " \t")); i++, line += len) {
		len = strcspn(line, " \t");
		snprintf(word, sizeof(word), "%.*s", (int)len, line);
		switch (i) {
		case 0:
			state(&w, word);
			break;
		case 1:
			plain(&w, "inet_diag_msg_rqueue", strtoull(word, NULL, 10));
			break;
		case 2:
			plain(&w, "inet_diag_msg_wqueue", strtoull(word, NULL, 10));
			break;
		case 3:
			end(&w, word, "inet_diag_msg_socket_source", "inet_diag_msg_socket_source_port");
			break;
		case 4:
			end(&w, word, "inet_diag_msg_socket_destination",
			    "inet_diag_msg_socket_destination_port");
			break;
		default:
			any_word(&w, word);
		}
	}
}

uint64_t ss_line_cookie(const char *line)
{
	const char *sk = strstr(line, " sk:");

	return sk ? strtoull(sk + 4, NULL, 16) : 0;
}

static const char *skip_moving(const char *line)
{
	const char *value;

	for (;;) {
		line += strspn(line, " \t");
		bool skip = false;
		for (size_t i = 0; i < ARRAY_SIZE(moving); i++)
			skip = skip || named(line, moving[i], &value);
		if (!skip)
			return line;
		line += strcspn(line, " \t");
	}
}

bool ss_line_rests(const char *a, const char *b)
{
	for (;;) {
		a = skip_moving(a);
		b = skip_moving(b);
		size_t len = strcspn(a, " \t");
		if (len != strcspn(b, " \t") || strncmp(a, b, len) != 0)
			return false;
		if (!len)
			return true;
		a += len;
		b += len;
	}
}
