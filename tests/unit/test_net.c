/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c - kernel/net: C-NS-10, C-NETDEV-05, I-30. Devices are moved by the tests of
 * integration/test_netdevices.py, which have the tools to make and to look at them. */
#include "kernel_util.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "kernel/net-internal.h"

static bool is_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };

	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0);
	return (r.ifr_flags & IFF_UP) != 0;
}

static void bring_up(void)
{
	struct err err = ERR_INIT;

	need_namespaces(CLONE_NEWNET);
	size_t fds = open_fds();
	REQUIRE(!is_up());
	REQUIRE_OK(net_loopback_up(&err), err);
	REQUIRE(is_up());
	REQUIRE_OK(net_loopback_up(&err), err); /* again: no failure */
	REQUIRE(open_fds() == fds);
}

static void loopback_of_a_new_namespace_comes_up(void **state)
{
	(void)state;
	in_child(bring_up);
}

/* The network namespace stays the host's, where a new user namespace has no rights. */
static void without_rights(void)
{
	struct err err = ERR_INIT;

	if (unshare(CLONE_NEWUSER) < 0)
		skip_child("no right to make user namespaces");
	size_t fds = open_fds();
	REQUIRE(net_loopback_up(&err) < 0);
	REQUIRE(err.sys == EPERM);
	REQUIRE(strstr(err.msg, "'lo'"));
	REQUIRE(open_fds() == fds);
}

static void the_kernels_refusal_is_a_failure(void **state)
{
	(void)state;
	in_child(without_rights);
}

/* S-12, I-30: what does not fit is never sent, and nothing is written beyond the buffer. */
static void attributes_that_do_not_fit_are_refused(void **state)
{
	static const char data[70000];
	(void)state;

	for (size_t len = 0; len <= sizeof(data); len += len < 2000 ? 1 : 9973) {
		struct {
			struct net_request r;
			char behind[256];
		} guarded;
		memset(guarded.behind, 'x', sizeof(guarded.behind));
		struct ifinfomsg *m = net_request(&guarded.r, RTM_NEWLINK, 0, sizeof(*m));
		m->ifi_index = 1;
		net_put(&guarded.r, IFLA_IFALIAS, data, len);
		size_t attr = (len + sizeof(struct nlattr) + 3) / 4 * 4;
		size_t total = NLMSG_LENGTH(sizeof(*m)) + attr;
		assert_int_equal(guarded.r.failed, total > NET_REQUEST_MAX);
		if (!guarded.r.failed)
			assert_int_equal(guarded.r.head.nlmsg_len, total);
		else
			assert_int_equal(net_ask(NULL, &guarded.r, NULL, NULL), -1);
		for (size_t i = 0; i < sizeof(guarded.behind); i++)
			assert_int_equal(guarded.behind[i], 'x');
	}
}

static void a_request_that_failed_stays_failed(void **state)
{
	struct net_request r;
	char big[NET_REQUEST_MAX] = { 0 };
	(void)state;

	struct ifinfomsg *m = net_request(&r, RTM_NEWLINK, 0, sizeof(*m));
	m->ifi_index = 1;
	net_put(&r, IFLA_IFALIAS, big, sizeof(big));
	net_put_u32(&r, IFLA_MASTER, 1);
	net_put_text(&r, IFLA_IFNAME, "x");
	assert_true(r.failed);
	errno = 0;
	assert_int_equal(net_ask(NULL, &r, NULL, NULL), -1);
	assert_int_equal(errno, EMSGSIZE);
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* Adds ADDRESS/24 to lo by our own function, from a message that a test made by hand. */
static void add(struct mnl_socket *s, const char *text, int family, const char *label)
{
	struct net_request r;
	unsigned char bytes[16];
	struct ifaddrmsg *m = net_request(&r, RTM_NEWADDR, 0, sizeof(*m));

	m->ifa_family = (unsigned char)family;
	m->ifa_prefixlen = 24;
	m->ifa_index = 99; /* is replaced */
	REQUIRE(inet_pton(family, text, bytes) == 1);
	net_put(&r, IFA_LOCAL, bytes, family == AF_INET ? 4 : 16);
	net_put(&r, IFA_ADDRESS, bytes, family == AF_INET ? 4 : 16);
	if (label)
		net_put_text(&r, IFA_LABEL, label);
	const struct net_address a = { .message = &r.head, .index = 99 };
	REQUIRE(net_address_add(s, &a, 1, "old", "a-longer-name") == 0);
}

static const char *label_of(const struct net_address *list, const char *text)
{
	char shown[NET_ADDRESS_SHOWN];

	for (const struct net_address *a = list; a; a = a->next) {
		const struct nlattr *attr =
			mnl_nlmsg_get_payload_offset(a->message, sizeof(struct ifaddrmsg));
		if (strcmp(net_address_text(a, shown), text) != 0)
			continue;
		while (mnl_attr_get_type(attr) != IFA_LABEL)
			attr = mnl_attr_next(attr);
		return mnl_attr_get_str(attr);
	}
	return "";
}

static void labels(void)
{
	static const struct {
		const char *address, *label, *result;
	} cases[] = {
		{ "192.0.2.1", "old", "a-longer-name" },
		{ "192.0.2.2", "old:1", "a-longer-name:1" },
		{ "192.0.2.3", "old:web", "a-longer-na:web" }, /* 15 bytes */
		{ "192.0.2.4", "older", "older" },
		{ "192.0.2.5", "other", "other" },
		{ "192.0.2.6", "old:23456789012", "a-l:23456789012" },
	};
	AUTO_ARENA arena = ARENA_INIT;
	struct net_address *list;
	struct err err = ERR_INIT;
	AUTO_NET_SOCKET s = NULL;

	need_namespaces(CLONE_NEWNET);
	REQUIRE_OK(net_open(&s, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		add(s, cases[i].address, AF_INET, cases[i].label);
	REQUIRE_OK(net_addresses(s, &arena, &list, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[64];
		(void)snprintf(text, sizeof(text), "%s/24", cases[i].address);
		REQUIRE(strcmp(label_of(list, text), cases[i].result) == 0);
	}
}

/* C-NETDEV-05 */
static void labels_follow_the_name_of_the_device(void **state)
{
	(void)state;
	in_child(labels);
}

static void compared(void)
{
	AUTO_ARENA arena = ARENA_INIT;
	struct net_address *list;
	struct err err = ERR_INIT;
	AUTO_NET_SOCKET s = NULL;
	unsigned n = 0;

	need_namespaces(CLONE_NEWNET);
	REQUIRE_OK(net_open(&s, &err), err);
	REQUIRE_OK(net_loopback_up(&err), err); /* 127.0.0.1 and ::1, of host scope */
	add(s, "192.0.2.1", AF_INET, NULL);
	add(s, "2001:db8::1", AF_INET6, NULL);
	REQUIRE_OK(net_addresses(s, &arena, &list, &err), err);
	for (struct net_address *a = list; a; a = a->next) {
		char shown[NET_ADDRESS_SHOWN];
		bool global = strstr(net_address_text(a, shown), "192.0.2.1/24") ||
			      strstr(shown, "2001:db8::1/24");
		REQUIRE(a->carry == global);
		REQUIRE(net_address_in(list, a, 1));
		REQUIRE(!net_address_in(list, a, 2));
		REQUIRE(!net_address_in(a->next, a, 1));
		n++;
	}
	REQUIRE(n == 4);
}

/* C-NETDEV-05: permanent and global ones go with the device */
static void addresses_are_found_again(void **state)
{
	(void)state;
	in_child(compared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_of_a_new_namespace_comes_up),
		cmocka_unit_test(the_kernels_refusal_is_a_failure),
		cmocka_unit_test(attributes_that_do_not_fit_are_refused),
		cmocka_unit_test(a_request_that_failed_stays_failed),
		cmocka_unit_test(labels_follow_the_name_of_the_device),
		cmocka_unit_test(addresses_are_found_again),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
