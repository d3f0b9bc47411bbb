/* SPDX-License-Identifier: Apache-2.0 */
/* test_sysctl.c - kernel/sysctl: C-SYSCTL-02, C-SYSCTL-06, C-SYSCTL-07, C-SYSCTL-09, I-11 */
#include "kernel_util.h"

#include "base/fd.h"
#include "kernel/sysctl.h"
#include "oci/sysctl_key.h"

static void the_first_separator_decides_what_a_dot_means(void **state)
{
	static const struct {
		const char *key, *path;
	} rows[] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/ip_forward", "net/ipv4/ip_forward" },
		{ "net.ipv4.conf.eno2/100.rp_filter", "net/ipv4/conf/eno2.100/rp_filter" },
		{ "net/ipv4/conf/eno2.100/rp_filter", "net/ipv4/conf/eno2.100/rp_filter" },
		{ "kernel.sem", "kernel/sem" },
		{ "plain", "plain" },
	};
	char buf[64];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sysctl_key_path(rows[i].key, buf, sizeof(buf)), 0);
		assert_string_equal(buf, rows[i].path);
	}
}

/* C-SYSCTL-06, S-28 */
static void keys_that_leave_their_place_are_refused(void **state)
{
	static const char *const keys[] = {
		"",
		".",
		"/",
		"..",
		"net..ipv4",
		".net.ipv4",
		"net.ipv4.",
		"/net/ipv4",
		"net/",
		"net//ipv4",
		"net/../kernel/pid_max",
		"net/./ipv4",
		"net.//.kernel.pid_max", /* becomes net/../kernel/pid_max */
	};
	char buf[64];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_int_equal(sysctl_key_path(keys[i], buf, sizeof(buf)), -1);
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	char buf[10];
	(void)state;

	assert_int_equal(sysctl_key_path("kernel.se", buf, sizeof(buf)), 0);
	assert_int_equal(sysctl_key_path("kernel.sem", buf, sizeof(buf)), -1);
}

static struct oci_config config_with(struct json_pair *pairs, size_t n)
{
	struct oci_config c = CONFIG_BY_HAND;

	c.linux_.sysctl = (struct json_map){ .v = pairs, .n = n };
	return c;
}

static void read_sysctl(const char *path, char *buf, size_t size)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	ssize_t n = read(fd, buf, size - 1);
	REQUIRE(n > 0);
	buf[n] = '\0';
}

static void write_in_namespaces(void)
{
	struct json_pair pairs[] = {
		{ .key = "net.ipv4.ip_unprivileged_port_start", .value = "77" },
		{ .key = "kernel/sem", .value = "251 32001 33 129" },
	};
	const struct oci_config c = config_with(pairs, ARRAY_LEN(pairs));
	struct err err = ERR_INIT;
	char text[64];

	int procfd = trusted_procfs();
	if (geteuid() != 0)
		skip_child("needs root");
	need_namespaces(CLONE_NEWNET | CLONE_NEWIPC);
	REQUIRE_OK(sysctl_apply(procfd, &c, &err), err);
	read_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof(text));
	REQUIRE(strcmp(text, "77\n") == 0);
	read_sysctl("/proc/sys/kernel/sem", text, sizeof(text));
	REQUIRE(strcmp(text, "251\t32001\t33\t129\n") == 0);
}

static void keys_act_on_the_namespaces_of_the_writer(void **state)
{
	(void)state;
	in_child(write_in_namespaces);
}

static void bad_entries(void)
{
	static const struct json_pair bad[] = {
		{ .key = "net.ipv4.nosuch", .value = "1" },
		{ .key = "net.ipv4.ip_unprivileged_port_start", .value = "abc" },
		{ .key = "net.ipv4.conf", .value = "1" },
		{ .key = "net/../kernel/pid_max", .value = "1" },
	};
	struct err err = ERR_INIT;

	int procfd = trusted_procfs();
	need_namespaces(CLONE_NEWNET);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json_pair pair = bad[i];
		const struct oci_config c = config_with(&pair, 1);

		REQUIRE(sysctl_apply(procfd, &c, &err) < 0);
		REQUIRE(strstr(err.msg, bad[i].key));
		REQUIRE(strstr(err.msg, "config.json:1:1"));
	}
}

/* C-SYSCTL-07 */
static void missing_keys_and_bad_values_fail_with_their_position(void **state)
{
	(void)state;
	in_child(bad_entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_separator_decides_what_a_dot_means),
		cmocka_unit_test(keys_that_leave_their_place_are_refused),
		cmocka_unit_test(keys_that_do_not_fit_are_refused),
		cmocka_unit_test(keys_act_on_the_namespaces_of_the_writer),
		cmocka_unit_test(missing_keys_and_bad_values_fail_with_their_position),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
