/* SPDX-License-Identifier: Apache-2.0 */
#include "config_util.h"

#include <linux/mount.h>

#include "oci/template.h"

static struct oci_config *load_template(bool rootless, struct str *text)
{
	struct err err = ERR_INIT;
	struct oci_config *c = NULL;

	template_print(text, rootless, 1000, 100);
	if (config_parse("t", str_text(text), text->len, true, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static bool lists(const struct json_strings *paths, const char *path)
{
	for (size_t i = 0; i < paths->n; i++) {
		if (strcmp(paths->v[i], path) == 0)
			return true;
	}
	return false;
}

static const struct oci_mount *mount_at(const struct oci_config *c, const char *destination)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (strcmp(c->mounts[i].destination, destination) == 0)
			return &c->mounts[i];
	}
	fail_msg("no mount at '%s'", destination);
	return NULL;
}

/* cli-reference "spec": what users of runc find in it. */
static void template_is_a_confined_shell(void **state)
{
	AUTO_STR text = STR_INIT;
	AUTO_CONFIG c = load_template(false, &text);
	const uint64_t caps = UINT64_C(1) << 29 | UINT64_C(1) << 5 | UINT64_C(1) << 10;
	(void)state;

	assert_string_equal(c->process.args.v[0], "sh");
	assert_true(c->process.terminal && c->process.no_new_privileges && c->root_readonly);
	assert_string_equal(c->root_path, "rootfs");
	assert_string_equal(c->hostname, "cruntime");
	assert_true(c->process.caps.bounding == caps && c->process.caps.effective == caps &&
		    c->process.caps.permitted == caps);
	assert_true(c->process.caps.inheritable == 0 && c->process.caps.ambient == 0);
	assert_int_equal(c->process.rlimits[0].soft, 1024);
	assert_int_equal(c->n_mounts, 7);
	for (int ns = 0; ns < OCI_NS_COUNT; ns++)
		assert_int_equal(config_ns_new(c, (enum oci_ns)ns),
				 ns != OCI_NS_USER && ns != OCI_NS_TIME);
	assert_int_equal(c->linux_.resources.n_devices, 1);
	assert_false(c->linux_.resources.devices[0].allow);
	assert_int_equal(c->linux_.n_uid_map, 0);
	assert_int_equal(mount_at(c, "/dev/pts")->options.n_data, 4);
	assert_string_equal(text.s + text.len - 3, "\n}\n");
}

/* S-03: the files of /proc and /sys that tell or change something of the host. */
static void template_masks_what_docker_masks(void **state)
{
	static const char *const masked[] = {
		"/proc/asound",     "/proc/acpi",        "/proc/interrupts",
		"/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
		"/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap",
	};
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						 "/proc/sysrq-trigger" };
	(void)state;

	for (int rootless = 0; rootless < 2; rootless++) {
		AUTO_STR text = STR_INIT;
		AUTO_CONFIG c = load_template(rootless, &text);

		for (size_t i = 0; i < ARRAY_LEN(masked); i++)
			assert_true(lists(&c->linux_.masked_paths, masked[i]));
		for (size_t i = 0; i < ARRAY_LEN(read_only); i++)
			assert_true(lists(&c->linux_.readonly_paths, read_only[i]));
		assert_int_equal(c->linux_.masked_paths.n, ARRAY_LEN(masked));
		assert_int_equal(c->linux_.readonly_paths.n, ARRAY_LEN(read_only));
	}
}

static void rootless_template_maps_the_caller_to_root(void **state)
{
	AUTO_STR text = STR_INIT;
	AUTO_CONFIG c = load_template(true, &text);
	(void)state;

	assert_true(config_ns_new(c, OCI_NS_USER));
	assert_false(c->linux_.ns[OCI_NS_NETWORK].present);
	assert_int_equal(c->linux_.uid_map[0].container_id, 0);
	assert_int_equal(c->linux_.uid_map[0].host_id, 1000);
	assert_int_equal(c->linux_.uid_map[0].size, 1);
	assert_int_equal(c->linux_.gid_map[0].host_id, 100);
	assert_false(c->linux_.resources.present);
	assert_int_equal(mount_at(c, "/dev/pts")->options.n_data, 3); /* no gid=5 */
	const struct oci_mount *sys = mount_at(c, "/sys");
	assert_true(sys->options.bind && sys->options.recursive);
	assert_true(sys->options.attr_set & MOUNT_ATTR_RDONLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(template_is_a_confined_shell),
		cmocka_unit_test(template_masks_what_docker_masks),
		cmocka_unit_test(rootless_template_maps_the_caller_to_root),
	};

	return cmocka_run_group_tests_name("oci/template", tests, NULL, NULL);
}
