/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/net.h - network namespaces from inside (rtnetlink(7)); only module that knows libmnl
 *
 * linux.netDevices (C-NETDEV): devices of the runtime's own network namespace are given to the
 * container's, between the clone and GO, so before any hook. The parent does it with two sockets,
 * one in each namespace. From then on they are the container's: nobody takes them back, and when
 * the namespace ends the kernel destroys a virtual device and returns a physical one to the initial
 * namespace (C-NETDEV-11). Only a create that fails afterwards puts them back as they were. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/ns.h"
#include "oci/config.h"

/* Brings `lo` of the caller's network namespace up: one RTM_NEWLINK with IFF_UP, acknowledged
 * (C-NS-10). Messages use checked attribute puts only (I-30). */
int net_loopback_up(struct err *err) MUST_CHECK;

/* Plan: what can be known before the clone. Root of the initial user namespace is needed
 * (C-NETDEV-10), a network namespace that is not the caller's own (C-NETDEV-09); every device is
 * there and may leave (C-NETDEV-01, C-NETDEV-08); its new name is free in a namespace that is
 * joined. Nothing is changed. PROCFD: a trusted procfs. */
int net_devices_check(const struct oci_config *c, const struct ns_plan *ns, int procfd,
		      struct err *err) MUST_CHECK;

struct mnl_socket;
struct net_moved;

/* Devices on their way; keeps the target namespace alive. */
struct net_move {
	struct arena arena;
	int home, target; /* owned: network namespaces, -1 when there are no devices */
	struct mnl_socket *home_socket, *target_socket; /* owned */
	struct net_moved *v;                            /* in the order of the config */
	size_t n;
};
#define NET_MOVE_INIT                                                                              \
	{                                                                                          \
		.home = -1, .target = -1                                                           \
	}

/* Moves the devices of the config to the network namespace TAKE_NETNS under their new names, puts
 * their permanent global addresses back, sets them up and reads all of that back. A failure leaves
 * *m for net_devices_undo(). M must be NET_MOVE_INIT. */
int net_devices_move(const struct oci_config *c, int procfd, int take_netns, struct net_move *m,
		     struct err *err) MUST_CHECK;

/* Brings back what net_devices_move() has moved: name, index, addresses, bridge, up or down
 * (C-NETDEV-13). The process of the container has ended before, so nobody uses them. Needs no new
 * descriptor. All devices are tried; *err has the first failure. */
int net_devices_undo(struct net_move *m, struct err *err) MUST_CHECK;
void net_move_done(struct net_move *m);
