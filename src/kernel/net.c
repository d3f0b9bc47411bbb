/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/net.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#define LOOPBACK_INDEX 1 /* the first device of every network namespace (net/core/dev.c) */
#define REQUEST_SEQ    1

static void close_socket(struct mnl_socket **s)
{
	int saved = errno;

	/* Nobody could do anything about a failure of close. */
	if (*s)
		(void)mnl_socket_close(*s);
	errno = saved;
}

/* No attributes are needed: whoever adds one uses mnl_attr_put_*_check only (I-30). */
static const struct nlmsghdr *make_request(void *buf)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = RTM_NEWLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = REQUEST_SEQ;

	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = LOOPBACK_INDEX;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;

	return h;
}

int net_loopback_up(struct err *err)
{
	union {
		struct nlmsghdr align;
		char bytes[1024]; /* an acknowledgement repeats the request: far below this */
	} buf = { .bytes = { 0 } };

	AUTO(close_socket) struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s)
		return err_sys(err, "open a netlink socket");

	/* No bind: the kernel gives the socket its address with the first message. */
	const struct nlmsghdr *request = make_request(buf.bytes);
	if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
		return err_sys(err, "ask the kernel to bring 'lo' up");

	ssize_t n = RETRY(mnl_socket_recvfrom(s, buf.bytes, sizeof(buf.bytes)));
	if (n < 0)
		return err_sys(err, "receive the kernel's answer about 'lo'");

	/* The acknowledgement is an error message: MNL_CB_STOP for 0, else -1 and errno. */
	int verdict = mnl_cb_run(buf.bytes, (size_t)n, REQUEST_SEQ, 0, NULL, NULL);
	if (verdict < 0)
		return err_sys(err, "bring 'lo' up");
	if (verdict != MNL_CB_STOP)
		return err_set(err, ERR_SYSTEM, "bring 'lo' up: the kernel did not acknowledge it");

	return 0;
}
