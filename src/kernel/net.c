/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/net.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/net-internal.h"

#define LOOPBACK_INDEX 1 /* the first device of every network namespace (net/core/dev.c) */
#define REQUEST_SEQ    1 /* one request at a time, and each is answered in full */

/* The kernel makes no part of a dump larger than this (netlink_dump). */
#define ANSWER_MAX 32768

void net_close(struct mnl_socket **s)
{
	int saved = errno;

	/* Nobody could do anything about a failure of close. */
	if (*s)
		(void)mnl_socket_close(*s);
	*s = NULL;
	errno = saved;
}

int net_open(struct mnl_socket **ret, struct err *err)
{
	/* No bind: the kernel gives the socket its address with the first message. */
	*ret = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	return *ret ? 0 : err_sys(err, "open a netlink socket");
}

int net_open_in(int netns, int home, struct mnl_socket **ret, struct err *err)
{
	struct err back = ERR_INIT;

	if (ns_enter(netns, OCI_NS_NETWORK, err) < 0)
		return -1;
	int rc = net_open(ret, err);
	if (ns_enter(home, OCI_NS_NETWORK, &back) < 0) {
		*err = back;
		return err_wrap(err, "go back to the runtime's own network namespace");
	}

	return rc;
}

void *net_request(struct net_request *r, int type, int flags, size_t size)
{
	*r = (struct net_request){ .failed = false };
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->bytes);

	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = REQUEST_SEQ;

	return mnl_nlmsg_put_extra_header(h, size);
}

void net_put(struct net_request *r, uint16_t type, const void *data, size_t len)
{
	if (len > NET_REQUEST_MAX ||
	    !mnl_attr_put_check(&r->head, sizeof(r->bytes), type, len, data))
		r->failed = true;
}

void net_put_text(struct net_request *r, uint16_t type, const char *text)
{
	net_put(r, type, text, strlen(text) + 1);
}

void net_put_u32(struct net_request *r, uint16_t type, uint32_t value)
{
	net_put(r, type, &value, sizeof(value));
}

static int talk(struct mnl_socket *s, const struct net_request *r, void *buf, size_t size,
		mnl_cb_t each, void *data)
{
	int more = MNL_CB_OK;

	if (mnl_socket_sendto(s, r->bytes, r->head.nlmsg_len) < 0)
		return -1;
	while (more == MNL_CB_OK) {
		ssize_t n = RETRY(mnl_socket_recvfrom(s, buf, size));
		if (n < 0)
			return -1;
		/* An acknowledgement and the end of a dump give MNL_CB_STOP, an error -1. */
		more = mnl_cb_run(buf, (size_t)n, REQUEST_SEQ, 0, each, data);
	}

	return more == MNL_CB_STOP ? 0 : -1;
}

/* A stack frame of its own: what only wants an acknowledgement touches less memory. */
static __attribute__((noinline)) int
talk_at_length(struct mnl_socket *s, const struct net_request *r, mnl_cb_t each, void *data)
{
	union {
		struct nlmsghdr align;
		char bytes[ANSWER_MAX];
	} buf;

	return talk(s, r, buf.bytes, sizeof(buf.bytes), each, data);
}

int net_ask(struct mnl_socket *s, struct net_request *r, mnl_cb_t each, void *data)
{
	union {
		struct nlmsghdr align;
		char bytes[2 * NET_REQUEST_MAX]; /* an acknowledgement repeats the request */
	} buf;

	if (r->failed) {
		errno = EMSGSIZE;
		return -1;
	}
	/* Every request but a dump, which ends by itself, is to be acknowledged. */
	if ((r->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		r->head.nlmsg_flags |= NLM_F_ACK;
	if (each)
		return talk_at_length(s, r, each, data);

	return talk(s, r, buf.bytes, sizeof(buf.bytes), NULL, NULL);
}

int net_loopback_up(struct err *err)
{
	AUTO_NET_SOCKET s = NULL;

	if (net_open(&s, err) < 0)
		return -1;
	if (net_link_up(s, LOOPBACK_INDEX) < 0)
		return err_sys(err, "bring 'lo' up");

	return 0;
}
