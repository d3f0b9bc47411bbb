/* SPDX-License-Identifier: Apache-2.0 */
/* linux.netDevices: the plan's check, the move, its undoing.
 *
 * A device is known by its index: names change on the way, and only the kernel knows what it made
 * of a template (C-NETDEV-04). So the index in the target namespace is ours to choose: the old one,
 * or one beyond all others where that is taken. That also finds a device of which the kernel
 * reports a failure after it has moved, because its new name was taken. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "kernel/net-internal.h"
#include "kernel/procfs.h"

struct net_moved {
	const struct oci_net_device *config;
	struct net_link old;           /* as it was */
	struct net_address *addresses; /* of all devices, as they were */
	int new_index;
	bool tried; /* it may be in the target namespace */
};

static bool is_template(const char *name)
{
	return strchr(name, '%') != NULL;
}

static int open_home(int procfd, int *ret_fd, struct err *err)
{
	*ret_fd = openat(procfd, "self/ns/net", O_RDONLY | O_CLOEXEC);

	return *ret_fd < 0 ? err_sys(err, "open the runtime's own network namespace") : 0;
}

/* ---- plan ---------------------------------------------------------------------------------- */

static int check_device(const struct oci_config *c, const struct oci_net_device *d,
			struct mnl_socket *home, struct mnl_socket *target, struct err *err)
{
	struct net_link l;

	if (net_link_find(home, d->host_name, 0, &l) < 0) {
		if (errno == ENODEV)
			return config_fail(
				c, d->at, err,
				"linux.netDevices: there is no network device '%s' on the host",
				d->host_name);
		err_sys(err, "look for network device '%s'", d->host_name);
		return config_wrap(c, d->at, err, "linux.netDevices");
	}
	/* The kernel also finds a device by its alternative names. */
	if (strcmp(l.name, d->host_name) != 0)
		return config_fail(
			c, d->at, err,
			"linux.netDevices: '%s' is another name of the network device '%s', use that",
			d->host_name, l.name);
	if (l.immutable)
		return config_fail(
			c, d->at, err,
			"linux.netDevices: network device '%s' cannot leave its network namespace",
			d->host_name);
	if (!target || is_template(d->name))
		return 0;
	if (net_link_find(target, d->name, 0, &l) == 0)
		return config_fail(
			c, d->at, err,
			"linux.netDevices: the network namespace that is joined has a device '%s' already",
			d->name);
	if (errno == ENODEV)
		return 0;
	err_sys(err, "look for network device '%s' in the namespace that is joined", d->name);
	return config_wrap(c, d->at, err, "linux.netDevices");
}

int net_devices_check(const struct oci_config *c, const struct ns_plan *ns, int procfd,
		      struct err *err)
{
	const struct oci_linux *l = &c->linux_;
	AUTO_FD home = -1;
	AUTO_NET_SOCKET here = NULL;
	AUTO_NET_SOCKET there = NULL;

	if (l->n_net_devices == 0)
		return 0;
	if (!procfs_is_initial_root(procfd))
		return config_fail(
			c, l->net_devices[0].at, err,
			"linux.netDevices: only root of the host may move network devices, "
			"this runtime is rootless");
	if (ns->own[OCI_NS_NETWORK])
		return config_fail(
			c, l->net_devices[0].at, err,
			"linux.netDevices: the network namespace that is joined is the runtime's own");
	if (net_open(&here, err) < 0)
		return -1;
	if (ns->join[OCI_NS_NETWORK] >= 0 &&
	    (open_home(procfd, &home, err) < 0 ||
	     net_open_in(ns->join[OCI_NS_NETWORK], home, &there, err) < 0))
		return -1;
	for (size_t i = 0; i < l->n_net_devices; i++) {
		if (check_device(c, &l->net_devices[i], here, there, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- move ---------------------------------------------------------------------------------- */

static int choose_index(struct mnl_socket *target, int old, int *ret)
{
	struct net_link l;
	int last;

	if (net_link_find(target, NULL, old, &l) < 0) {
		*ret = old;
		return errno == ENODEV ? 0 : -1;
	}
	if (net_link_last(target, &last) < 0)
		return -1;
	*ret = last < INT_MAX ? last + 1 : 0;
	return 0;
}

/* In the target namespace: by its index, or before kernel 5.13, which chooses another one when the
 * old one is taken there, by its name. */
static int locate(const struct net_move *m, const struct net_moved *d, struct net_link *ret)
{
	if (d->new_index && net_link_find(m->target_socket, NULL, d->new_index, ret) == 0)
		return 0;
	if (is_template(d->config->name)) {
		errno = ENODEV;
		return -1;
	}
	return net_link_find(m->target_socket, d->config->name, 0, ret);
}

static int move_failed(const struct oci_net_device *d, struct err *err)
{
	if (errno == EEXIST)
		return err_set(err, ERR_SYSTEM,
			       "the container's network namespace has a device '%s' already",
			       d->name);
	if (errno == EINVAL)
		return err_set(
			err, ERR_SYSTEM,
			"the kernel refuses to move it: it cannot leave its network namespace");
	return err_sys(err, "move it to the container's network namespace as '%s'", d->name);
}

static int give_addresses(const struct net_move *m, const struct net_moved *d, const char *name,
			  struct err *err)
{
	char shown[NET_ADDRESS_SHOWN];

	for (const struct net_address *a = d->addresses; a; a = a->next) {
		if (a->index == d->old.index && a->carry &&
		    net_address_add(m->target_socket, a, d->new_index, d->old.name, name) < 0)
			return err_sys(err, "give it its address %s back",
				       net_address_text(a, shown));
	}
	return 0;
}

/* The kernel takes the device down before it leaves (C-NETDEV-07) and drops its addresses. */
static int move_one(struct net_move *m, struct net_moved *d, struct err *err)
{
	struct net_link l;

	if (net_link_find(m->home_socket, d->config->host_name, 0, &d->old) < 0)
		return err_sys(err, "find it");
	if (choose_index(m->target_socket, d->old.index, &d->new_index) < 0)
		return err_sys(err, "look into the container's network namespace");
	d->tried = true;
	if (net_link_move(m->home_socket, d->old.index, m->target, d->config->name, d->new_index) <
	    0)
		return move_failed(d->config, err);
	if (locate(m, d, &l) < 0)
		return err_sys(err, "find it in the container's network namespace");
	d->new_index = l.index;
	if (!is_template(d->config->name) && strcmp(l.name, d->config->name) != 0)
		return err_set(err, ERR_SYSTEM, "its name is '%s' after the move, not '%s'", l.name,
			       d->config->name);
	if (give_addresses(m, d, l.name, err) < 0)
		return -1;
	return net_link_up(m->target_socket, l.index) < 0 ? err_sys(err, "set it up") : 0;
}

static int read_back(const struct net_moved *d, struct mnl_socket *target,
		     const struct net_address *now, struct err *err)
{
	char shown[NET_ADDRESS_SHOWN];
	struct net_link l;

	if (net_link_find(target, NULL, d->new_index, &l) < 0)
		return err_sys(err, "find it in the container's network namespace");
	if (!(l.flags & IFF_UP))
		return err_set(err, ERR_SYSTEM, "it is not up after it was set up");
	for (const struct net_address *a = d->addresses; a; a = a->next) {
		if (a->index == d->old.index && a->carry && !net_address_in(now, a, d->new_index))
			return err_set(err, ERR_SYSTEM, "it lacks its address %s after the move",
				       net_address_text(a, shown));
	}
	return 0;
}

static int open_both(struct net_move *m, int procfd, struct err *err)
{
	if (open_home(procfd, &m->home, err) < 0 || net_open(&m->home_socket, err) < 0)
		return -1;
	return net_open_in(m->target, m->home, &m->target_socket, err);
}

static int move_all(const struct oci_config *c, struct net_move *m, struct err *err)
{
	struct net_address *before, *after;

	if (net_addresses(m->home_socket, &m->arena, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		struct net_moved *d = &m->v[i];
		d->config = &c->linux_.net_devices[i];
		d->addresses = before;
		if (move_one(m, d, err) < 0)
			return config_wrap(c, d->config->at, err, "linux.netDevices '%s'",
					   d->config->host_name);
	}
	if (net_addresses(m->target_socket, &m->arena, &after, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		if (read_back(&m->v[i], m->target_socket, after, err) < 0)
			return config_wrap(c, m->v[i].config->at, err, "linux.netDevices '%s'",
					   m->v[i].config->host_name);
	}
	return 0;
}

int net_devices_move(const struct oci_config *c, int procfd, int take_netns, struct net_move *m,
		     struct err *err)
{
	m->target = take_netns;
	m->v = ARENA_NEW(&m->arena, struct net_moved, c->linux_.n_net_devices);
	if (!m->v)
		return err_oom(err);
	if (open_both(m, procfd, err) < 0)
		return -1;
	m->n = c->linux_.n_net_devices;
	return move_all(c, m, err);
}

/* ---- undo ---------------------------------------------------------------------------------- */

static int restore(const struct net_move *m, const struct net_moved *d, int index, struct err *err)
{
	char shown[NET_ADDRESS_SHOWN];
	const char *name = d->old.name;

	if (d->old.master && net_link_set_master(m->home_socket, index, d->old.master) < 0)
		return err_sys(err, "make network device '%s' a port again", name);
	/* All of them, also those that did not go with it; the kernel makes some of them anew. */
	for (const struct net_address *a = d->addresses; a; a = a->next) {
		if (a->index == d->old.index &&
		    net_address_add(m->home_socket, a, index, name, name) < 0 && errno != EEXIST)
			return err_sys(err, "give network device '%s' its address %s back", name,
				       net_address_text(a, shown));
	}
	if ((d->old.flags & IFF_UP) && net_link_up(m->home_socket, index) < 0)
		return err_sys(err, "set network device '%s' up again", name);
	return 0;
}

static int bring_back(const struct net_move *m, const struct net_moved *d, struct err *err)
{
	const char *name = d->old.name;
	struct net_link l;

	if (net_link_find(m->home_socket, NULL, d->old.index, &l) == 0 && strcmp(l.name, name) == 0)
		return 0; /* it never left */
	if (locate(m, d, &l) < 0)
		return err_sys(err, "find network device '%s' to bring it back", name);
	/* The old index may have been taken since. */
	if (net_link_move(m->target_socket, l.index, m->home, name, d->old.index) < 0 &&
	    (errno != EBUSY || net_link_move(m->target_socket, l.index, m->home, name, 0) < 0))
		return err_sys(err, "bring network device '%s' back", name);
	if (net_link_find(m->home_socket, name, 0, &l) < 0)
		return err_sys(err, "find network device '%s' after it was brought back", name);
	return restore(m, d, l.index, err);
}

int net_devices_undo(struct net_move *m, struct err *err)
{
	struct err later = ERR_INIT;
	int rc = 0;

	for (size_t i = m->n; i-- > 0;) {
		if (!m->v[i].tried || bring_back(m, &m->v[i], rc < 0 ? &later : err) == 0)
			continue;
		rc = -1;
	}
	m->n = 0;
	return rc;
}

void net_move_done(struct net_move *m)
{
	net_close(&m->home_socket);
	net_close(&m->target_socket);
	fd_close(&m->home);
	fd_close(&m->target);
	arena_done(&m->arena);
}
