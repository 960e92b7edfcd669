/* SPDX-License-Identifier: MIT */
#include "vmrun/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vmrun/console.h"
#include "vmrun/qmp.h"

/* Time for QEMU to end after "quit", before it is killed. */
#define QUIT_MS 2000

#define READ_MAX 65536

/* Read the available bytes. Return their number, 0 at the end of the stream, or -EAGAIN. */
static ssize_t read_some(struct vm *vm, int fd, int channel)
{
	static char chunk[READ_MAX];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	if (n > 0 && channel >= 0)
		vm->ops->bytes(channel, chunk, n, vm->data);
	else if (n > 0)
		line_reader_feed(vm->errors, chunk, n);
	return n;
}

static void on_channel(struct loop_watch *w, uint32_t events)
{
	struct vm *vm = w->data;

	if (read_some(vm, w->fd, (int)(w - vm->watch)) == 0)
		loop_remove(vm->loop, w);
}

static void on_errors(struct loop_watch *w, uint32_t events)
{
	struct vm *vm = w->data;

	if (read_some(vm, w->fd, -1) == 0)
		loop_remove(vm->loop, w);
}

static void on_qmp(const char *event, const json_t *message, void *data)
{
	struct vm *vm = data;

	vm->ops->qmp(event, message, vm->data);
}

static void on_error_line(const char *line, size_t len, void *data)
{
	struct vm *vm = data;

	if (len)
		vm->ops->error_line(line, vm->data);
}

/* The process has ended: first deliver its last output, which is still in the sockets. */
static void on_exit_ready(struct loop_watch *w, uint32_t events)
{
	struct vm *vm = w->data;
	int status;

	loop_remove(vm->loop, w);
	for (int c = 0; c < CHANNEL_QMP; c++) {
		while (vm->watch[c].fd >= 0 && read_some(vm, vm->watch[c].fd, c) > 0)
			;
	}
	while (read_some(vm, vm->error_watch.fd, -1) > 0)
		;
	line_reader_finish(vm->errors);
	if (child_reap(&vm->child, true, &status))
		vm->ops->exited(status, vm->data);
	loop_stop(vm->loop);
}

static int watch(struct vm *vm, struct loop_watch *w, int fd, const char *name, loop_fn fn)
{
	*w = (struct loop_watch){.fd = fd, .name = name, .fn = fn, .data = vm};
	return loop_add(vm->loop, w, EPOLLIN);
}

/* Add the runner's ends to the loop. */
static int attach(struct vm *vm, int ends[static CHANNELS], int errors)
{
	static const char *const names[] = {"console", "shell", "result", "artifact", "qmp"};
	_Static_assert(ARRAY_SIZE(names) == CHANNELS, "a channel has no name");
	int r = 0;

	for (int c = 0; c < CHANNEL_QMP; c++) {
		fcntl(ends[c], F_SETFL, O_NONBLOCK);
		int error = watch(vm, &vm->watch[c], take_fd(ends[c]), names[c], on_channel);
		r = r < 0 ? r : error;
	}
	fcntl(errors, F_SETFL, O_NONBLOCK);
	int error = watch(vm, &vm->error_watch, errors, "stderr", on_errors);
	r = r < 0 ? r : error;
	error = watch(vm, &vm->exit_watch, vm->child.pidfd, "process", on_exit_ready);
	r = r < 0 ? r : error;
	vm->qmp = qmp_open(vm->loop, ends[CHANNEL_QMP], on_qmp, vm);
	if (!vm->qmp)
		return -errno;
	ends[CHANNEL_QMP] = -1;
	return r;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

int vm_start(struct vm *vm, struct loop *loop, char *const argv[], const struct vm_ops *ops, void *data)
{
	int ours[CHANNELS], theirs[CHANNELS], errors[2] = {-1, -1}, r = 0;

	*vm = (struct vm){.loop = loop, .ops = ops, .data = data, .exit_watch.fd = -1, .error_watch.fd = -1};
	for (int c = 0; c < CHANNELS; c++)
		ours[c] = theirs[c] = vm->watch[c].fd = -1;
	vm->errors = line_reader_new(on_error_line, vm);
	if (!vm->errors)
		return -ENOMEM;
	for (int c = 0; r == 0 && c < CHANNELS; c++) {
		int pair[2];
		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
		if (r == 0) {
			ours[c] = pair[0];
			theirs[c] = pair[1];
		}
	}
	if (r == 0 && pipe2(errors, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0)
		r = child_spawn(&vm->child, argv, theirs, CHANNELS, errors[1]);
	if (r == 0)
		r = attach(vm, ours, take_fd(errors[0]));
	close_all(ours, CHANNELS);
	close_all(theirs, CHANNELS);
	close_all(errors, 2);
	return r;
}

int vm_write(struct vm *vm, enum channel channel, const void *bytes, size_t n)
{
	ssize_t sent = send(vm->watch[channel].fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent == (ssize_t)n ? 0 : sent < 0 ? -errno : -EAGAIN;
}

static void on_pump_timer(struct loop_watch *w, uint32_t events)
{
	loop_timer_read(w);
	loop_stop(w->data);
}

void vm_pump(struct vm *vm, int64_t ms)
{
	struct loop_watch timer = {.fd = -1, .name = "pump", .fn = on_pump_timer, .data = vm->loop};

	if (loop_timer_open(vm->loop, &timer) < 0)
		return;
	loop_timer_set(&timer, ms > 0 ? ms * NS_PER_MS : 1, 0);
	loop_run(vm->loop);
	loop_timer_close(vm->loop, &timer);
}

void vm_stop(struct vm *vm)
{
	if (!vm->child.pid)
		return;
	vm->killed = true;
	int64_t deadline = clock_mono_ns() + QUIT_MS * NS_PER_MS, left;
	if (!vm->qmp || qmp_command(vm->qmp, "quit", NULL, NULL, NULL) < 0)
		child_kill(&vm->child);
	while (vm->child.pid && (left = deadline - clock_mono_ns()) > 0)
		vm_pump(vm, left / NS_PER_MS);
	child_kill(&vm->child);
	while (vm->child.pid)
		vm_pump(vm, QUIT_MS);
}

void vm_close(struct vm *vm)
{
	int status;

	child_kill(&vm->child);
	loop_remove(vm->loop, &vm->exit_watch);
	child_reap(&vm->child, true, &status);
	for (int c = 0; c < CHANNEL_QMP; c++) {
		if (vm->watch[c].fd >= 0) {
			loop_remove(vm->loop, &vm->watch[c]);
			close(vm->watch[c].fd);
		}
	}
	if (vm->error_watch.fd >= 0) {
		loop_remove(vm->loop, &vm->error_watch);
		close(vm->error_watch.fd);
	}
	qmp_close(vm->qmp);
	line_reader_free(vm->errors);
}
