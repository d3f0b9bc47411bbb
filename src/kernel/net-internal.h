/* SPDX-License-Identifier: Apache-2.0 */
/* net-internal.h - what the files of kernel/net share
 *
 * net.c          sockets, requests, answers; the loopback device
 * net_link.c     one device: look it up, move it, bring it up
 * net_address.c  addresses of devices: kept, put back, compared
 * net_device.c   linux.netDevices: the plan's check, the move, its undoing
 *
 * A request has a fixed buffer and takes attributes only through net_put(), which checks that they
 * fit (I-30). Functions that ask the kernel return -1 with errno; their callers know the words. */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/net.h"

/* ---- net.c --------------------------------------------------------------------------------- */

/* A request of ours: a device and an address have a handful of short attributes. */
#define NET_REQUEST_MAX 1024

struct net_request {
	union {
		struct nlmsghdr head;
		char bytes[NET_REQUEST_MAX];
	};
	bool failed; /* an attribute did not fit: net_ask() refuses to send */
};

/* Starts a request of TYPE with the family's header of SIZE bytes, which is returned, zeroed. */
void *net_request(struct net_request *r, int type, int flags, size_t size) MUST_CHECK;
void net_put(struct net_request *r, uint16_t type, const void *data, size_t len);
void net_put_text(struct net_request *r, uint16_t type, const char *text);
void net_put_u32(struct net_request *r, uint16_t type, uint32_t value);

/* Opens a socket in the network namespace that the caller is in. */
int net_open(struct mnl_socket **ret, struct err *err) MUST_CHECK;
/* Opens one in the namespace NETNS, HOME being the caller's: enters it for the one call and goes
 * back. The caller stays in NETNS when that fails, so that failure must end the command. */
int net_open_in(int netns, int home, struct mnl_socket **ret, struct err *err) MUST_CHECK;
void net_close(struct mnl_socket **s);
#define AUTO_NET_SOCKET AUTO(net_close) struct mnl_socket *

/* Sends R and hands every message of the answer to EACH (may be NULL), until the acknowledgement or
 * the end of the dump. EINTR: the dump was overtaken by a change, all of it must be asked again. */
int net_ask(struct mnl_socket *s, struct net_request *r, mnl_cb_t each, void *data) MUST_CHECK;

/* ---- net_link.c ---------------------------------------------------------------------------- */

struct net_link {
	int index;
	unsigned flags; /* IFF_x */
	char name[IFNAMSIZ];
	uint32_t master; /* index of the bridge or bond that it is a port of, 0: none */
	bool immutable;  /* cannot leave its namespace */
};

/* By name, or by index when NAME is NULL. -1 with errno ENODEV: there is none. */
int net_link_find(struct mnl_socket *s, const char *name, int index,
		  struct net_link *ret) MUST_CHECK;
/* The largest index in use. */
int net_link_last(struct mnl_socket *s, int *ret) MUST_CHECK;

/* One message: device INDEX goes to the namespace NETNS, where it gets NAME (or what the kernel
 * makes of the template NAME) and NEW_INDEX (kernel 5.13; 0: the kernel's choice). The kernel takes
 * it down and drops its addresses. A failure may come after the move: the new name was taken. */
int net_link_move(struct mnl_socket *s, int index, int netns, const char *name,
		  int new_index) MUST_CHECK;
int net_link_up(struct mnl_socket *s, int index) MUST_CHECK;
int net_link_set_master(struct mnl_socket *s, int index, uint32_t master) MUST_CHECK;

/* ---- net_address.c ------------------------------------------------------------------------- */

/* An address as the kernel describes it: a whole RTM_NEWADDR message. */
struct net_address {
	const struct nlmsghdr *message;
	int index;  /* of its device */
	bool carry; /* permanent and of global scope: it goes with its device (C-NETDEV-05) */
	struct net_address *next;
};

/* All addresses of the namespace, all families, in the kernel's order. */
int net_addresses(struct mnl_socket *s, struct arena *a, struct net_address **ret,
		  struct err *err) MUST_CHECK;
/* Gives A to the device INDEX. A label that begins with FROM, the old name of the device, begins
 * with TO afterwards. */
int net_address_add(struct mnl_socket *s, const struct net_address *a, int index, const char *from,
		    const char *to) MUST_CHECK;
/* True when LIST has A on the device INDEX, with the same prefix, peer, broadcast address and
 * flags.
 */
bool net_address_in(const struct net_address *list, const struct net_address *a, int index);
/* "192.0.2.1/24" for messages. Returns BUF. */
#define NET_ADDRESS_SHOWN 64
const char *net_address_text(const struct net_address *a, char buf[NET_ADDRESS_SHOWN]);
