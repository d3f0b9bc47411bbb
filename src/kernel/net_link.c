/* SPDX-License-Identifier: Apache-2.0 */
/* One network device: look it up, move it, bring it up. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/net-internal.h"

/* kernel 6.15: IFLA_NETNS_IMMUTABLE, newer than the oldest supported headers */
#define ATTR_NETNS_IMMUTABLE 67

static int read_attribute(const struct nlattr *attr, void *data)
{
	struct net_link *l = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 ||
		    mnl_attr_get_payload_len(attr) > sizeof(l->name))
			return MNL_CB_ERROR;
		memcpy(l->name, mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
		break;
	case IFLA_MASTER:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			return MNL_CB_ERROR;
		l->master = mnl_attr_get_u32(attr);
		break;
	case ATTR_NETNS_IMMUTABLE:
		if (mnl_attr_validate(attr, MNL_TYPE_U8) < 0)
			return MNL_CB_ERROR;
		l->immutable = mnl_attr_get_u8(attr) != 0;
		break;
	}

	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *h, void *data)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	struct net_link *l = data;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return MNL_CB_OK;
	*l = (struct net_link){ .index = m->ifi_index, .flags = m->ifi_flags };
	/* Devices that no message can move, before the kernel had a word for it. */
	l->immutable = m->ifi_flags & IFF_LOOPBACK;

	return mnl_attr_parse(h, sizeof(*m), read_attribute, l);
}

int net_link_find(struct mnl_socket *s, const char *name, int index, struct net_link *ret)
{
	struct net_request r;
	struct net_link found = { .index = 0 };
	struct ifinfomsg *m = net_request(&r, RTM_GETLINK, 0, sizeof(*m));

	if (name)
		net_put_text(&r, IFLA_IFNAME, name);
	else
		m->ifi_index = index;
	net_put_u32(&r, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (net_ask(s, &r, read_link, &found) < 0)
		return -1;
	if (!found.index) {
		errno = ENODEV;
		return -1;
	}

	*ret = found;
	return 0;
}

static int read_index(const struct nlmsghdr *h, void *data)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	int *last = data;

	if (mnl_nlmsg_get_payload_len(h) >= sizeof(*m) && m->ifi_index > *last)
		*last = m->ifi_index;

	return MNL_CB_OK;
}

#define DUMP_TRIES 10

int net_link_last(struct mnl_socket *s, int *ret)
{
	for (int i = 0; i < DUMP_TRIES; i++) {
		struct net_request r;
		int last = 0;
		struct ifinfomsg *m = net_request(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(*m));

		m->ifi_family = AF_UNSPEC;
		net_put_u32(&r, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		if (net_ask(s, &r, read_index, &last) == 0) {
			*ret = last;
			return 0;
		}
		if (errno != EINTR)
			return -1;
	}

	return -1;
}

int net_link_move(struct mnl_socket *s, int index, int netns, const char *name, int new_index)
{
	struct net_request r;
	struct ifinfomsg *m = net_request(&r, RTM_NEWLINK, 0, sizeof(*m));

	m->ifi_index = index;
	net_put_u32(&r, IFLA_NET_NS_FD, (uint32_t)netns);
	net_put_text(&r, IFLA_IFNAME, name);
	if (new_index)
		net_put_u32(&r, IFLA_NEW_IFINDEX, (uint32_t)new_index);

	return net_ask(s, &r, NULL, NULL);
}

int net_link_up(struct mnl_socket *s, int index)
{
	struct net_request r;
	struct ifinfomsg *m = net_request(&r, RTM_NEWLINK, 0, sizeof(*m));

	m->ifi_index = index;
	m->ifi_flags = IFF_UP;
	m->ifi_change = IFF_UP;

	return net_ask(s, &r, NULL, NULL);
}

int net_link_set_master(struct mnl_socket *s, int index, uint32_t master)
{
	struct net_request r;
	struct ifinfomsg *m = net_request(&r, RTM_NEWLINK, 0, sizeof(*m));

	m->ifi_index = index;
	net_put_u32(&r, IFLA_MASTER, master);

	return net_ask(s, &r, NULL, NULL);
}
