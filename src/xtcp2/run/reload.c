/* SPDX-License-Identifier: MIT */
#include "run/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/config_message.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/secret_file.h"
#include "run/control.h"
#include "run/origin.h"
#include "run/state.h"

/* Append a line per file: a certificate that was renewed is another file, or the same at another time. */
static void files_look(const struct config *c, struct buf *b)
{
	for (const struct option_info *o = option_table; o->flag; o++) {
		_cleanup_buf_ struct buf name = {0};
		char path[PATH_MAX];
		struct stat st;

		config_get_text(c, o, &name);
		if (o->type != OPTION_FILE || !name.len || !buf_cstr(&name) ||
		    stat(secret_file_path(buf_cstr(&name), path), &st) < 0)
			continue;
		buf_printf(b, "%s %ju %ju %jd %jd.%09ld\n", path, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
			   (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
}

/* Tell whether a start with next would be the same as this daemon. */
static bool is_same(const struct daemon *d, const struct config *next)
{
	_cleanup_buf_ struct buf now = {0}, then = {0}, look = {0};
	struct config copy;

	if (config_copy(&copy, next) < 0)
		return false;
	config_to_private_json(d->config, &now);
	config_to_private_json(&copy, &then);
	config_free(&copy);
	files_look(next, &look);
	return buf_ok(&now) && buf_ok(&then) && now.len > 0 && now.len == then.len &&
	       memcmp(now.data, then.data, now.len) == 0 && look.len == d->reload.seen.len &&
	       (look.len == 0 || memcmp(look.data, d->reload.seen.data, look.len) == 0);
}

/* The signal stays pending, also over an exec, until the loop reads it. */
static void signal_again(struct reload *r)
{
	if (r->again)
		kill(getpid(), SIGHUP);
	r->again = false;
}

/* The next process says READY=1. */
static void taken(struct backend_attempt *attempt, const struct config *config)
{
	signal_again((struct reload *)(void *)attempt);
}

static void refused(struct backend_attempt *attempt, const char *flag, const char *sentence)
{
	struct reload *r = (struct reload *)(void *)attempt;

	log_err("xtcp2", "the configuration read again does not start, the one before stays: %s%s%s%s",
		*flag ? "-" : "", flag, *flag ? ": " : "", sentence);
	notify_send("READY=1");
	signal_again(r);
}

/* Let the service manager wait (Type=notify-reload). */
static void notify_reloading(void)
{
	char state[80];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ns() / 1000);
	notify_send(state);
}

void reload_files(struct daemon *d)
{
	dest_reopen(d->dest);
	if (d->config->write_files || d->config->dest_write_files)
		setup_capture_again(d->config);
}

void reload_all(struct daemon *d)
{
	struct config *next;
	char error[512] = "out of memory";

	if (d->trial || d->successor) {
		d->reload.again = true;
		return;
	}
	notify_reloading();
	reload_files(d);
	next = calloc(1, sizeof(*next));
	int r = next ? config_init(next) : -ENOMEM;
	if (r == 0)
		r = origin_load(d->received->origin, next, error, sizeof(error));
	if (r < 0) {
		log_err("xtcp2", "the configuration cannot be read again, the one before stays: %s", error);
	} else if (is_same(d, next)) {
		log_notice("xtcp2", "files are open anew; the configuration is the same");
	} else {
		r = control_reconfigure(d, next, &d->reload.attempt);
		if (r == 0)
			return;
		log_err("xtcp2", "the configuration read again cannot be tried: %s", strerror(-r));
	}
	config_delete(next);
	notify_send("READY=1");
}

int reload_start(struct daemon *d)
{
	d->reload.attempt = (struct backend_attempt){.taken = taken, .refused = refused};
	files_look(d->config, &d->reload.seen);
	return buf_ok(&d->reload.seen) ? 0 : -ENOMEM;
}

void reload_stop(struct daemon *d)
{
	buf_free(&d->reload.seen);
}
