/* SPDX-License-Identifier: MIT */
#include "enrich/lldp.h"

#include <dlfcn.h>
#include <errno.h>
#include <lldpctl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/unix_socket.h"

/*
 * The library belongs to the package of lldpd, which sends frames once it is installed: so xtcp2 does not need it to start, and
 * loads it when it is asked for. LLDPCTL_DIRECTORY is where it was at build time, "" for a place where the loader looks by itself.
 */
#define LLDPCTL_NAME "liblldpctl.so.4"

/* clang-format off */
#define LLDPCTL_FUNCTIONS(F) \
	F(lldpctl_log_callback) F(lldpctl_new_name) F(lldpctl_release) F(lldpctl_last_error) F(lldpctl_strerror) \
	F(lldpctl_get_interfaces) F(lldpctl_get_port) \
	F(lldpctl_atom_get) F(lldpctl_atom_get_str) F(lldpctl_atom_dec_ref) \
	F(lldpctl_atom_iter) F(lldpctl_atom_iter_next) F(lldpctl_atom_iter_value)
/* clang-format on */

static struct {
	void *handle;
#define F(name) __typeof__(&(name)) name;
	LLDPCTL_FUNCTIONS(F)
#undef F
} lib;

/* The library writes to stderr otherwise. */
static void on_log(int severity, const char *message)
{
	log_debug("lldp", "liblldpctl: %s", message);
}

/* Load the library, if it is not. 0, or -ENOENT with the reason. */
static int load(char reason[static LLDP_REASON_MAX])
{
	void *handle = lib.handle;

	if (handle)
		return 0;
	handle = dlopen(LLDPCTL_NAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle && *LLDPCTL_DIRECTORY)
		handle = dlopen(LLDPCTL_DIRECTORY "/" LLDPCTL_NAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		snprintf(reason, LLDP_REASON_MAX, "%s", dlerror());
		return -ENOENT;
	}
#define F(name)                                                                          \
	if (!(lib.name = (__typeof__(lib.name))dlsym(handle, #name))) {                  \
		snprintf(reason, LLDP_REASON_MAX, LLDPCTL_NAME " does not have " #name); \
		dlclose(handle);                                                         \
		return -ENOENT;                                                          \
	}
	LLDPCTL_FUNCTIONS(F)
#undef F
	lib.handle = handle;
	lib.lldpctl_log_callback(on_log);
	return 0;
}

/* As lldpctl_atom_foreach(), through the loaded functions. */
#define atom_for_each(list, atom)                                        \
	for (lldpctl_atom_iter_t *iter = lib.lldpctl_atom_iter(list);    \
	     iter && ((atom) = lib.lldpctl_atom_iter_value(list, iter)); \
	     iter = lib.lldpctl_atom_iter_next(list, iter), lib.lldpctl_atom_dec_ref(atom))

/* One reading. */
struct reading {
	const struct ticker *ticker;
	const char *socket;
	int fd;
	int64_t until_ns;
	size_t received;
	int error; /* -errno of the connection; the library knows only that it has failed */
};

bool lldp_built(void)
{
	return true;
}

static int connect_to(struct reading *r)
{
	if (r->fd >= 0)
		return 0;
	r->fd = unix_socket_connect(r->socket);
	return r->fd < 0 ? r->fd : 0;
}

/* Keep the error for the reason, and say to the library that its callback has failed. */
static ssize_t failed(struct reading *r, int error)
{
	r->error = error;
	return LLDPCTL_ERR_CALLBACK_FAILURE;
}

static ssize_t send_bytes(lldpctl_conn_t *conn, const uint8_t *data, size_t length, void *user_data)
{
	struct reading *r = user_data;
	int error = connect_to(r);

	while (error == 0) {
		ssize_t n = send(r->fd, data, length, MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			error = ticker_wait(r->ticker, r->fd, POLLOUT, r->until_ns);
		else if (errno != EINTR)
			error = -errno;
	}
	return failed(r, error);
}

static ssize_t receive_bytes(lldpctl_conn_t *conn, uint8_t *data, size_t length, void *user_data)
{
	struct reading *r = user_data;
	int error = connect_to(r);

	while (error == 0) {
		ssize_t n = recv(r->fd, data, length, 0);
		if (n == 0)
			error = -ECONNRESET;
		else if (n > 0 && (r->received += (size_t)n) > LLDP_BYTES_MAX)
			error = -EMSGSIZE;
		else if (n > 0)
			return n;
		else if (errno == EAGAIN)
			error = ticker_wait(r->ticker, r->fd, POLLIN, r->until_ns);
		else if (errno != EINTR)
			error = -errno;
	}
	return failed(r, error);
}

static void copy_text(lldpctl_atom_t *atom, lldpctl_key_t key, char *to, size_t size)
{
	const char *text = lib.lldpctl_atom_get_str(atom, key);

	if (text)
		uplink_text(to, size, text, strlen(text));
}

static void take_management(lldpctl_atom_t *chassis, struct uplink_neighbour *n)
{
	lldpctl_atom_t *list = lib.lldpctl_atom_get(chassis, lldpctl_k_chassis_mgmt), *address;

	if (!list)
		return;
	atom_for_each (list, address) {
		if (!n->mgmt_ip[0])
			copy_text(address, lldpctl_k_mgmt_ip, n->mgmt_ip, sizeof(n->mgmt_ip));
	}
	lib.lldpctl_atom_dec_ref(list);
}

static void take_neighbour(lldpctl_atom_t *port, struct uplink_neighbour *n)
{
	lldpctl_atom_t *chassis = lib.lldpctl_atom_get(port, lldpctl_k_port_chassis);

	copy_text(port, lldpctl_k_port_id, n->port_id, sizeof(n->port_id));
	copy_text(port, lldpctl_k_port_descr, n->port_descr, sizeof(n->port_descr));
	if (!chassis)
		return;
	copy_text(chassis, lldpctl_k_chassis_name, n->chassis_name, sizeof(n->chassis_name));
	copy_text(chassis, lldpctl_k_chassis_id, n->chassis_id, sizeof(n->chassis_id));
	take_management(chassis, n);
	lib.lldpctl_atom_dec_ref(chassis);
}

/* Take the first neighbour of an interface: a cable has one. Return whether the interface could be asked about. */
static bool take_interface(lldpctl_atom_t *interface, struct uplink_neighbour *n)
{
	lldpctl_atom_t *port = lib.lldpctl_get_port(interface), *neighbours, *neighbour;
	bool first = true;

	if (!port)
		return false;
	*n = (struct uplink_neighbour){0};
	neighbours = lib.lldpctl_atom_get(port, lldpctl_k_port_neighbors);
	if (neighbours) {
		atom_for_each (neighbours, neighbour) {
			if (first)
				take_neighbour(neighbour, n);
			first = false;
		}
		lib.lldpctl_atom_dec_ref(neighbours);
	}
	lib.lldpctl_atom_dec_ref(port);
	return true;
}

static struct uplink *uplink_of(struct uplink up[UPLINKS_MAX], const char *name)
{
	for (size_t i = 0; name && i < UPLINKS_MAX; i++) {
		if (up[i].ifname[0] && strcmp(up[i].ifname, name) == 0)
			return &up[i];
	}
	return NULL;
}

/* Return whether all answers came. */
static bool take_all(lldpctl_conn_t *conn, struct uplink up[UPLINKS_MAX])
{
	lldpctl_atom_t *interfaces = lib.lldpctl_get_interfaces(conn), *interface;
	bool all = true;

	if (!interfaces)
		return false;
	for (size_t i = 0; i < UPLINKS_MAX; i++)
		up[i].neighbour = (struct uplink_neighbour){0};
	atom_for_each (interfaces, interface) {
		struct uplink *u =
		    uplink_of(up, lib.lldpctl_atom_get_str(interface, lldpctl_k_interface_name));
		if (u && all)
			all = take_interface(interface, &u->neighbour);
	}
	lib.lldpctl_atom_dec_ref(interfaces);
	return all;
}

int lldp_read(const struct ticker *ticker, const char *socket, int64_t until_ns,
	      struct uplink up[UPLINKS_MAX], char reason[static LLDP_REASON_MAX])
{
	struct reading r = {.ticker = ticker, .socket = socket, .fd = -1, .until_ns = until_ns};
	int error = load(reason);

	if (error < 0)
		return error;
	error = connect_to(&r);
	if (error < 0) {
		snprintf(reason, LLDP_REASON_MAX, "%s", strerror(-error));
		return error;
	}
	/* In the type of older releases the bytes are const. */
	lldpctl_recv_callback receive = (lldpctl_recv_callback)receive_bytes;
	lldpctl_conn_t *conn = lib.lldpctl_new_name(socket, send_bytes, receive, &r);
	if (!conn) {
		close(r.fd);
		snprintf(reason, LLDP_REASON_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (!take_all(conn, up)) {
		error = r.error ? r.error : -EPROTO;
		const char *why = r.error == -ETIMEDOUT ? "no answer in time"
				  : r.error		? strerror(-r.error)
							: lib.lldpctl_strerror(lib.lldpctl_last_error(conn));
		snprintf(reason, LLDP_REASON_MAX, "%s", why);
	}
	lib.lldpctl_release(conn);
	close(r.fd);
	return error;
}
