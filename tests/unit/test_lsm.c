/* SPDX-License-Identifier: Apache-2.0 */
/* test_lsm.c - kernel/lsm with a fake attr directory: C-PROC-15, C-PROC-16, D-28, I-09, I-10, S-04
 *
 * A plain directory stands for the procfs: what is written to a file of it is read back, as from the
 * kernel's. The real AppArmor is met in tests/integration/test_apparmor.py. */
#include "kernel_util.h"

#include <sys/mount.h>

#include "base/fd.h"
#include "kernel/lsm.h"

/* "self" as in a procfs: digits. */
static void make_attr(int dir, const char *file)
{
	char path[64];

	REQUIRE(symlinkat("42", dir, "self") == 0 || errno == EEXIST);
	REQUIRE(mkdirat(dir, "42", 0755) == 0 || errno == EEXIST);
	REQUIRE(mkdirat(dir, "42/attr", 0755) == 0 || errno == EEXIST);
	REQUIRE(mkdirat(dir, "42/attr/apparmor", 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "42/attr/%s", file);
	AUTO_FD fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	REQUIRE(fd >= 0);
}

static const char *content(int dir, const char *file)
{
	static char buf[256];
	char path[64];

	snprintf(path, sizeof(path), "42/attr/%s", file);
	AUTO_FD fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	REQUIRE(n >= 0);
	buf[n] = '\0';
	return buf;
}

static int scratch_fd;
static const char *scratch_path;

static void selinux(void)
{
	const struct oci_process p = { .selinux_label = "u:r:t:s0:c2,c1" };
	struct err err = ERR_INIT;

	make_attr(scratch_fd, "exec");
	make_attr(scratch_fd, "keycreate");
	REQUIRE_OK(lsm_apply_selinux(scratch_fd, &p, &err), err);
	REQUIRE(strcmp(content(scratch_fd, "exec"), "u:r:t:s0:c2,c1") == 0);
	REQUIRE(strcmp(content(scratch_fd, "keycreate"), "") == 0);
	REQUIRE_OK(lsm_apply_keys(scratch_fd, &p, &err), err);
	REQUIRE(strcmp(content(scratch_fd, "keycreate"), "u:r:t:s0:c2,c1") == 0);
}

/* C-PROC-16 */
static void labels_go_to_exec_and_keycreate(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	in_child(selinux);
}

static void nothing(void)
{
	const struct oci_process p = { .present = true };
	struct err err = ERR_INIT;

	REQUIRE_OK(lsm_apply_selinux(scratch_fd, &p, &err), err);
	REQUIRE_OK(lsm_apply_apparmor(scratch_fd, &p, &err), err);
	REQUIRE_OK(lsm_apply_keys(scratch_fd, &p, &err), err);
}

static void without_a_label_nothing_is_opened(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	in_child(nothing);
}

/* A file that has something else than what was written. */
static void not_in_force(void)
{
	const struct oci_process p = { .selinux_label = "u:r:t", .apparmor_profile = "prof" };
	const char *longer = "u:r:t2:s0-and-more";
	struct err err = ERR_INIT;

	make_attr(scratch_fd, "exec");
	AUTO_FD fd = openat(scratch_fd, "42/attr/exec", O_WRONLY | O_CLOEXEC);
	REQUIRE(write(fd, longer, strlen(longer)) > 0);
	REQUIRE(lsm_apply_selinux(scratch_fd, &p, &err) < 0);
	REQUIRE(strstr(err.msg, "label 'u:r:t' is not in force: `/proc/self/attr/exec` has "
				"'u:r:t2:s0-and-more'"));

	/* A plain file gives back the command, the kernel would give the name. */
	make_attr(scratch_fd, "apparmor/exec");
	REQUIRE(lsm_apply_apparmor(scratch_fd, &p, &err) < 0);
	REQUIRE(strstr(err.msg, "profile 'prof' is not in force: `/proc/self/attr/apparmor/exec` has "
				"'exec prof'"));
	REQUIRE(strcmp(content(scratch_fd, "apparmor/exec"), "exec prof") == 0);
}

/* I-10 */
static void what_is_not_in_force_is_a_failure(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	in_child(not_in_force);
}

static void fall_back(void)
{
	const struct oci_process p = { .apparmor_profile = "unconfined" };
	struct err err = ERR_INIT;

	make_attr(scratch_fd, "exec");
	REQUIRE_OK(lsm_apply_apparmor(scratch_fd, &p, &err), err);
	REQUIRE(strcmp(content(scratch_fd, "exec"), "exec unconfined") == 0);
	REQUIRE(unlinkat(scratch_fd, "42/attr/exec", 0) == 0);
	REQUIRE(lsm_apply_apparmor(scratch_fd, &p, &err) < 0);
	REQUIRE(strstr(err.msg, "open `/proc/self/attr/exec`"));
}

/* C-PROC-15: kernels before 5.8 have no directory of AppArmor's own. */
static void the_old_name_is_tried_second(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	in_child(fall_back);
}

static void redirected(void)
{
	const struct oci_process p = { .selinux_label = "u:r:t", .apparmor_profile = "p" };
	struct err err = ERR_INIT;

	/* As CVE-2023-28642 did it: the attribute is a link to a file that takes everything. */
	make_attr(scratch_fd, "fake");
	REQUIRE(symlinkat("fake", scratch_fd, "42/attr/exec") == 0);
	REQUIRE(symlinkat("../fake", scratch_fd, "42/attr/apparmor/exec") == 0);
	REQUIRE(lsm_apply_selinux(scratch_fd, &p, &err) < 0 && err.sys == ELOOP);
	REQUIRE(lsm_apply_apparmor(scratch_fd, &p, &err) < 0 && err.sys == ELOOP);
	REQUIRE(strcmp(content(scratch_fd, "fake"), "") == 0);
}

/* S-04, I-09 */
static void a_link_is_not_followed(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	in_child(redirected);
}

static void other_mount(void)
{
	const struct oci_process p = { .selinux_label = "u:r:t" };
	struct err err = ERR_INIT;

	need_namespaces(CLONE_NEWNS);
	make_attr(scratch_fd, "exec");
	REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	/* The same directory, as a place of this mount namespace. */
	REQUIRE(chdir(scratch_path) == 0);
	scratch_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(mount("none", "42/attr", "tmpfs", 0, NULL) == 0);
	AUTO_FD fd = open("42/attr/exec", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	REQUIRE(fd >= 0);
	REQUIRE(lsm_apply_selinux(scratch_fd, &p, &err) < 0 && err.sys == EXDEV);
}

/* S-04, S-19, I-09: tmpfs over attr */
static void a_mount_over_the_attributes_is_not_entered(void **state)
{
	const struct scratch *s = *state;

	scratch_fd = s->fd;
	scratch_path = s->path;
	in_child(other_mount);
}

/* D-28 */
static void a_label_without_its_module_is_refused_with_a_position(void **state)
{
	struct oci_config c = CONFIG_BY_HAND;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(lsm_check(&c, &c.process, &err), 0);
	if (!lsm_apparmor_enabled()) {
		c.process.apparmor_profile = "p";
		assert_int_equal(lsm_check(&c, &c.process, &err), -1);
		assert_non_null(strstr(err.msg, "config.json:1:1: process.apparmorProfile: this "
						"kernel has no AppArmor"));
		c.process.apparmor_profile = NULL;
	}
	if (!lsm_selinux_enabled()) {
		c.process.selinux_label = "l";
		assert_int_equal(lsm_check(&c, &c.process, &err), -1);
		assert_non_null(strstr(err.msg, "config.json:1:1: process.selinuxLabel: this "
						"kernel has no SELinux"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(labels_go_to_exec_and_keycreate),
		SCRATCH_TEST(without_a_label_nothing_is_opened),
		SCRATCH_TEST(what_is_not_in_force_is_a_failure),
		SCRATCH_TEST(the_old_name_is_tried_second),
		SCRATCH_TEST(a_link_is_not_followed),
		SCRATCH_TEST(a_mount_over_the_attributes_is_not_entered),
		cmocka_unit_test(a_label_without_its_module_is_refused_with_a_position),
	};

	return cmocka_run_group_tests_name("kernel/lsm", tests, NULL, NULL);
}
