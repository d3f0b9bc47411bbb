/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of network devices: kept, put back, compared.
 *
 * The kernel forgets them when a device changes its namespace. An address is kept as the message
 * that describes it and goes back with the same attributes, whatever its family (C-NETDEV-05). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/net-internal.h"

/* Flags that a caller may choose; the others are states that the kernel derives. */
#define CHOSEN_FLAGS                                                                               \
	((uint32_t)(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | \
		    IFA_F_MCAUTOJOIN))

static const struct ifaddrmsg *body(const struct net_address *a)
{
	return mnl_nlmsg_get_payload(a->message);
}

/* The attribute behind PREVIOUS, the first one if that is NULL; NULL at the end. */
static const struct nlattr *next_attribute(const struct net_address *a,
					   const struct nlattr *previous)
{
	const struct nlattr *attr =
		previous ? mnl_attr_next(previous)
			 : mnl_nlmsg_get_payload_offset(a->message, sizeof(struct ifaddrmsg));
	ptrdiff_t left = (const char *)mnl_nlmsg_get_payload_tail(a->message) - (const char *)attr;

	return mnl_attr_ok(attr, (int)left) ? attr : NULL;
}

static const struct nlattr *attribute(const struct net_address *a, uint16_t type)
{
	const struct nlattr *attr = next_attribute(a, NULL);

	while (attr && mnl_attr_get_type(attr) != type)
		attr = next_attribute(a, attr);

	return attr;
}

/* The attribute has all 32 bits, the header only 8 of them. */
static uint32_t flags_of(const struct net_address *a)
{
	const struct nlattr *attr = attribute(a, IFA_FLAGS);

	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(uint32_t))
		return mnl_attr_get_u32(attr);

	return body(a)->ifa_flags;
}

/* ---- keeping ------------------------------------------------------------------------------- */

struct collection {
	struct arena *arena;
	struct net_address *first, **end;
};

static int keep(const struct nlmsghdr *h, void *data)
{
	struct collection *c = data;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(struct ifaddrmsg))
		return MNL_CB_OK;

	struct net_address *a = ARENA_NEW(c->arena, struct net_address, 1);
	void *copy = arena_alloc(c->arena, 1, h->nlmsg_len);
	if (!a || !copy) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	a->message = memcpy(copy, h, h->nlmsg_len);
	a->index = (int)body(a)->ifa_index;
	a->carry = (flags_of(a) & IFA_F_PERMANENT) && body(a)->ifa_scope == RT_SCOPE_UNIVERSE;
	*c->end = a;
	c->end = &a->next;

	return MNL_CB_OK;
}

#define DUMP_TRIES 10 /* others may change addresses all the time */

int net_addresses(struct mnl_socket *s, struct arena *a, struct net_address **ret, struct err *err)
{
	for (int i = 0; i < DUMP_TRIES; i++) {
		struct net_request r;
		struct collection c = { .arena = a, .end = &c.first };
		struct ifaddrmsg *m = net_request(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(*m));

		m->ifa_family = AF_UNSPEC;
		if (net_ask(s, &r, keep, &c) == 0) {
			*ret = c.first;
			return 0;
		}
		if (errno != EINTR)
			break;
	}

	return err_sys(err, "list the network addresses");
}

/* ---- putting back -------------------------------------------------------------------------- */

/* As the kernel does when a device is renamed (inetdev_changename): what stands behind the device's
 * name stays, and the name is cut when both do not fit. */
static void put_label(struct net_request *r, const struct nlattr *attr, const char *from,
		      const char *to)
{
	char label[IFNAMSIZ];
	const char *old = mnl_attr_get_str(attr);
	size_t len = strlen(from);

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return;
	if (strncmp(old, from, len) != 0 || (old[len] && old[len] != ':')) {
		net_put_text(r, IFA_LABEL, old);
		return;
	}

	size_t rest = strnlen(old + len, sizeof(label) - 1);
	(void)snprintf(label, sizeof(label), "%.*s%s", (int)(sizeof(label) - 1 - rest), to,
		       old + len);
	net_put_text(r, IFA_LABEL, label);
}

int net_address_add(struct mnl_socket *s, const struct net_address *a, int index, const char *from,
		    const char *to)
{
	struct net_request r;
	struct ifaddrmsg *m = net_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m));

	*m = *body(a);
	m->ifa_index = (unsigned)index;
	m->ifa_flags = 0; /* in the attribute */
	net_put_u32(&r, IFA_FLAGS, flags_of(a) & CHOSEN_FLAGS);
	for (const struct nlattr *attr = next_attribute(a, NULL); attr;
	     attr = next_attribute(a, attr)) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_ADDRESS:
		case IFA_LOCAL:
		case IFA_BROADCAST:
		case IFA_CACHEINFO: /* lifetimes; the time stamps in it are ignored */
		case IFA_RT_PRIORITY:
		case IFA_PROTO:
			net_put(&r, mnl_attr_get_type(attr), mnl_attr_get_payload(attr),
				mnl_attr_get_payload_len(attr));
			break;
		case IFA_LABEL:
			put_label(&r, attr, from, to);
			break;
		}
	}

	return net_ask(s, &r, NULL, NULL);
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool same_attribute(const struct net_address *a, const struct net_address *b, uint16_t type)
{
	const struct nlattr *x = attribute(a, type), *y = attribute(b, type);

	if (!x || !y)
		return x == y;

	return mnl_attr_get_payload_len(x) == mnl_attr_get_payload_len(y) &&
	       memcmp(mnl_attr_get_payload(x), mnl_attr_get_payload(y),
		      mnl_attr_get_payload_len(x)) == 0;
}

bool net_address_in(const struct net_address *list, const struct net_address *a, int index)
{
	for (const struct net_address *b = list; b; b = b->next) {
		if (b->index == index && body(b)->ifa_family == body(a)->ifa_family &&
		    body(b)->ifa_prefixlen == body(a)->ifa_prefixlen &&
		    body(b)->ifa_scope == body(a)->ifa_scope &&
		    !((flags_of(a) ^ flags_of(b)) & (CHOSEN_FLAGS | IFA_F_PERMANENT)) &&
		    same_attribute(a, b, IFA_ADDRESS) && same_attribute(a, b, IFA_LOCAL) &&
		    same_attribute(a, b, IFA_BROADCAST))
			return true;
	}

	return false;
}

const char *net_address_text(const struct net_address *a, char buf[NET_ADDRESS_SHOWN])
{
	const struct nlattr *attr = attribute(a, IFA_LOCAL);
	int family = body(a)->ifa_family;
	size_t size = family == AF_INET ? 4 : 16;
	char text[INET6_ADDRSTRLEN];

	if (!attr)
		attr = attribute(a, IFA_ADDRESS);
	if ((family != AF_INET && family != AF_INET6) || !attr ||
	    mnl_attr_get_payload_len(attr) != size ||
	    !inet_ntop(family, mnl_attr_get_payload(attr), text, sizeof(text)))
		(void)snprintf(buf, NET_ADDRESS_SHOWN, "of family %d", family);
	else
		(void)snprintf(buf, NET_ADDRESS_SHOWN, "%s/%u", text, body(a)->ifa_prefixlen);

	return buf;
}
