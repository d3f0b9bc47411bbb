/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c - kernel/net: C-NS-10 */
#include "kernel_util.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "kernel/net.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_of_a_new_namespace_comes_up),
		cmocka_unit_test(the_kernels_refusal_is_a_failure),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
