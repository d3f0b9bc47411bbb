/* SPDX-License-Identifier: Apache-2.0 */
/* test_caps.c - kernel/caps */
#include "kernel_util.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "kernel/caps.h"
#include "kernel/procfs.h"

#define BIT(cap)  (UINT64_C(1) << (cap))
#define CHOWN     BIT(CAP_CHOWN)
#define KILL      BIT(CAP_KILL)
#define NET_ADMIN BIT(CAP_NET_ADMIN)
#define SETPCAP   BIT(CAP_SETPCAP)

static struct oci_config config_with(struct oci_caps caps)
{
	struct oci_config c = CONFIG_BY_HAND;

	c.process.present = true;
	c.process.caps = caps;
	c.process.caps.present = true;
	return c;
}

/* C-CAP-03 */
static void absent_capabilities_are_empty_sets(void **state)
{
	const struct oci_config c = CONFIG_BY_HAND;
	struct caps_plan p = { .bounding = 1, .ambient = 1 };
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), 0);
	assert_int_equal(p.bounding | p.effective | p.permitted | p.inheritable | p.ambient, 0);
}

/* I-17, CVE-2022-29162: nothing is invented. */
static void sets_are_taken_as_they_are(void **state)
{
	const struct oci_config c = config_with((struct oci_caps){
		.bounding = CHOWN | KILL, .permitted = KILL | NET_ADMIN, .effective = KILL });
	struct err err = ERR_INIT;
	struct caps_plan p;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), 0);
	assert_int_equal(p.bounding, CHOWN | KILL);
	assert_int_equal(p.permitted, KILL | NET_ADMIN);
	assert_int_equal(p.effective, KILL);
	assert_int_equal(p.inheritable, 0);
	assert_int_equal(p.ambient, 0);
}

/* C-CAP-05 */
static void effective_but_not_permitted_is_refused(void **state)
{
	const struct oci_config c =
		config_with((struct oci_caps){ .effective = KILL | CHOWN, .permitted = CHOWN });
	struct err err = ERR_INIT;
	struct caps_plan p;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), -1);
	assert_non_null(strstr(err.msg, "CAP_KILL"));
	assert_null(strstr(err.msg, "CAP_CHOWN"));
}

static void inheritable_but_not_bounding_is_refused(void **state)
{
	const struct oci_config c = config_with((struct oci_caps){ .inheritable = KILL });
	struct err err = ERR_INIT;
	struct caps_plan p;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), -1);
	assert_non_null(strstr(err.msg, "CAP_KILL"));
}

/* C-CAP-06 */
static void ambient_needs_permitted_and_inheritable(void **state)
{
	const uint64_t all = CHOWN | KILL | NET_ADMIN;
	const struct oci_config c = config_with((struct oci_caps){ .bounding = all,
								   .permitted = CHOWN | KILL,
								   .inheritable = KILL | NET_ADMIN,
								   .ambient = all });
	struct err err = ERR_INIT;
	struct caps_plan p;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), 0);
	assert_int_equal(p.ambient, KILL);
}

/* C-CAP-08 */
static void capabilities_of_newer_kernels_are_left_out(void **state)
{
	const struct oci_config c = config_with((struct oci_caps){
		.bounding = KILL | BIT(62), .permitted = KILL | BIT(62), .effective = BIT(62) });
	struct err err = ERR_INIT;
	struct caps_plan p;
	(void)state;

	assert_int_equal(caps_plan_build(&c, NULL, &p, &err), 0);
	assert_int_equal(p.bounding, KILL);
	assert_int_equal(p.permitted, KILL);
	assert_int_equal(p.effective, 0);
}

/* Root, or everything of a new user namespace. */
static void need_caps(void)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		skip_child("no right to make user namespaces");
}

static void weak_runtime(void)
{
	const uint64_t all = KILL | SETPCAP | CHOWN;
	const struct caps_plan weak = { .bounding = KILL | CHOWN | SETPCAP,
					.permitted = KILL | SETPCAP,
					.effective = KILL | SETPCAP };
	const struct oci_config c = config_with((struct oci_caps){ .bounding = all | NET_ADMIN,
								   .permitted = all,
								   .effective = all,
								   .inheritable = CHOWN,
								   .ambient = CHOWN });
	struct err err = ERR_INIT;
	struct caps_plan p;

	need_caps();
	REQUIRE_OK(caps_drop_bounding(&weak, &err), err);
	REQUIRE_OK(caps_apply(&weak, &err), err);
	AUTO_FD procfd = -1;
	struct procfs_self self;
	REQUIRE_OK(procfs_open(&procfd, &err), err);
	REQUIRE_OK(procfs_self(procfd, &self, &err), err);
	REQUIRE_OK(caps_plan_build(&c, &self, &p, &err), err);
	REQUIRE(p.bounding == all);
	REQUIRE(p.permitted == (KILL | SETPCAP) && p.effective == p.permitted);
	REQUIRE(p.inheritable == 0 && p.ambient == 0);
}

/* C-CAP-10 */
static void what_the_runtime_lacks_is_left_out(void **state)
{
	(void)state;
	in_child(weak_runtime);
}

static uint64_t status_set(const char *name)
{
	static char text[8192];
	uint64_t v;

	AUTO_FD fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	REQUIRE(n > 0);
	text[n] = '\0';

	const char *line = strstr(text, name);
	REQUIRE(line && sscanf(line + strlen(name), ":\t%" SCNx64, &v) == 1);
	return v;
}

static void change_user(void)
{
	const struct caps_plan p = { .bounding = CHOWN | KILL | NET_ADMIN,
				     .permitted = CHOWN | KILL,
				     .effective = CHOWN,
				     .inheritable = KILL,
				     .ambient = KILL };
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		skip_child("needs root");
	REQUIRE(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0);
	REQUIRE_OK(caps_drop_bounding(&p, &err), err);
	REQUIRE(prctl(PR_GET_SECUREBITS) == 0);
	REQUIRE_OK(caps_keep(&err), err);
	REQUIRE(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	REQUIRE_OK(caps_apply(&p, &err), err);

	REQUIRE(status_set("CapBnd") == p.bounding);
	REQUIRE(status_set("CapPrm") == p.permitted);
	REQUIRE(status_set("CapEff") == p.effective);
	REQUIRE(status_set("CapInh") == p.inheritable);
	REQUIRE(status_set("CapAmb") == p.ambient);
}

/* C-CAP-07 */
static void the_sets_survive_the_change_of_user(void **state)
{
	(void)state;
	in_child(change_user);
}

static void drop_everything(void)
{
	const struct caps_plan p = { .bounding = 0 };
	struct err err = ERR_INIT;

	need_caps();
	REQUIRE_OK(caps_drop_bounding(&p, &err), err);
	REQUIRE_OK(caps_apply(&p, &err), err);
	REQUIRE(status_set("CapBnd") == 0 && status_set("CapPrm") == 0);
	REQUIRE(status_set("CapInh") == 0 && status_set("CapAmb") == 0);

	/* What is not there cannot be had, and that is an error. */
	const struct caps_plan more = { .permitted = KILL };
	REQUIRE(caps_apply(&more, &err) < 0 && err.sys == EPERM);
	const struct caps_plan bounding = { .bounding = KILL };
	REQUIRE(caps_drop_bounding(&bounding, &err) < 0);
}

static void empty_sets_drop_everything(void **state)
{
	(void)state;
	in_child(drop_everything);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_capabilities_are_empty_sets),
		cmocka_unit_test(sets_are_taken_as_they_are),
		cmocka_unit_test(effective_but_not_permitted_is_refused),
		cmocka_unit_test(inheritable_but_not_bounding_is_refused),
		cmocka_unit_test(ambient_needs_permitted_and_inheritable),
		cmocka_unit_test(capabilities_of_newer_kernels_are_left_out),
		cmocka_unit_test(what_the_runtime_lacks_is_left_out),
		cmocka_unit_test(the_sets_survive_the_change_of_user),
		cmocka_unit_test(empty_sets_drop_everything),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
