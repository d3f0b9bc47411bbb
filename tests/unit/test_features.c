/* SPDX-License-Identifier: Apache-2.0 */
#include "config_util.h"

#include "oci/features.h"
#include "oci/names.h"

#define MAPS                                                                                       \
	",\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}],"                          \
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]"

struct document {
	struct arena arena;
	struct json_doc doc;
	struct str text;
};

static int print_features(void **state)
{
	static const char *const flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC",
					     "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
					     "SECCOMP_FILTER_FLAG_NEW_LISTENER", NULL };
	static const struct features_input input = { .version = "0.1.0",
						     .commit = "abc123",
						     .libseccomp_version = "2.5.4",
						     .seccomp_supported_flags = flags };
	struct document *d = calloc(1, sizeof(*d));
	struct err err = ERR_INIT;

	if (!d)
		return -1;
	features_print(&d->text, &input);
	*state = d;
	if (json_parse(&d->doc, "f", str_text(&d->text), d->text.len, &d->arena, &err) < 0) {
		print_error("%s\n", err.msg);
		return -1;
	}
	return 0;
}

static int free_features(void **state)
{
	struct document *d = *state;

	arena_done(&d->arena);
	str_done(&d->text);
	free(d);
	return 0;
}

/* The node at "linux.seccomp.archs", NULL when there is none. */
static const struct json_node *at(const struct document *d, const char *path)
{
	const struct json_node *n = d->doc.nodes;
	char key[64];

	while (n && *path) {
		size_t len = strcspn(path, "/");
		(void)snprintf(key, sizeof(key), "%.*s", (int)len, path);
		n = json_member(&d->doc, n, key);
		path += len + (path[len] == '/');
	}
	return n;
}

static bool has(const struct document *d, const char *path, const char *item)
{
	const struct json_node *list = at(d, path);

	assert_non_null(list);
	assert_int_equal(list->type, JSON_ARRAY);
	for (const struct json_node *n = json_first(&d->doc, list); n; n = json_next(&d->doc, n)) {
		if (strcmp(n->text, item) == 0)
			return true;
	}
	return false;
}

/* F-02, R-BUND-11: both ends are versions that a config may have. */
static void announced_versions_are_accepted(void **state)
{
	const struct document *d = *state;
	static const char *const keys[] = { "ociVersionMin", "ociVersionMax" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_STR text = STR_INIT;
		str_addf(&text, "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}}",
			 at(d, keys[i])->text);
		assert_string_equal(verdict_of(str_text(&text), true), "");
	}
	assert_string_equal(at(d, "ociVersionMax")->text, OCI_VERSION_MAX);
}

/* F-06, C-MOUNT-45, D-19: every announced option is accepted on some mount. */
static void announced_mount_options_are_accepted(void **state)
{
	const struct document *d = *state;
	const struct json_node *list = at(d, "mountOptions");
	size_t n = 0;

	for (const struct json_node *o = json_first(&d->doc, list); o; o = json_next(&d->doc, o)) {
		AUTO_STR more = STR_INIT;
		bool is_tmpfs = strcmp(o->text, "tmpcopyup") == 0;
		bool is_map = strstr(o->text, "idmap");

		str_addf(&more,
			 "\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"type\":\"tmpfs\","
			 "\"options\":[%s\"%s\"]%s}]",
			 is_tmpfs ? "" : "\"bind\",", o->text, is_map ? MAPS : "");
		const char *v = verdict(IN_TOP, str_text(&more));
		if (*v)
			fail_msg("%s: %s", o->text, v);
		n++;
	}
	assert_int_equal(n, 62);
	assert_true(has(d, "mountOptions", "rro"));   /* F-21 */
	assert_true(has(d, "mountOptions", "idmap")); /* F-17 */
	assert_false(has(d, "mountOptions", "size"));
}

/* What is refused is not announced. */
static void refused_features_are_not_announced(void **state)
{
	const struct document *d = *state;
	static const char *const disabled[] = { "linux/cgroup/v1" };

	for (size_t i = 0; i < ARRAY_LEN(disabled); i++) {
		const struct json_node *n = at(d, disabled[i]);
		assert_non_null(n);
		assert_int_equal(n->type, JSON_BOOL);
		assert_false(n->boolean);
	}
	assert_true(at(d, "linux/mountExtensions/idmap/enabled")->boolean); /* F-17 */
	assert_true(at(d, "linux/cgroup/v2")->boolean);
	assert_true(at(d, "linux/cgroup/systemd")->boolean);
	assert_true(at(d, "linux/cgroup/systemdUser")->boolean);
	assert_true(at(d, "linux/cgroup/rdma")->boolean);
	assert_true(at(d, "linux/seccomp/enabled")->boolean);
	assert_string_equal(at(d, "annotations")
				    ? json_member(&d->doc, at(d, "annotations"),
						  "org.opencontainers.runc.checkpoint.enabled")
					      ->text
				    : "",
			    "false");

	const struct json_node *unsafe = at(d, "potentiallyUnsafeConfigAnnotations");
	assert_int_equal(unsafe->count, 1);
	assert_string_equal(json_first(&d->doc, unsafe)->text, "org.systemd.property.");
}

/* F-14, F-04: what this program can do, whatever the kernel has. */
static void security_modules_are_announced(void **state)
{
	const struct document *d = *state;

	assert_true(at(d, "linux/apparmor/enabled")->boolean);
	assert_true(at(d, "linux/selinux/enabled")->boolean);
}

/* F-16, F-03: the announced version of the spec defines them. */
static void memory_policies_are_announced(void **state)
{
	const struct document *d = *state;

	assert_true(strcmp(at(d, "ociVersionMax")->text, "1.3.0") >= 0);
	assert_int_equal(at(d, "linux/memoryPolicy/modes")->count, 7);
	assert_int_equal(at(d, "linux/memoryPolicy/flags")->count, 3);
	assert_true(has(d, "linux/memoryPolicy/modes", "MPOL_WEIGHTED_INTERLEAVE"));
	assert_true(has(d, "linux/memoryPolicy/flags", "MPOL_F_STATIC_NODES"));
}

/* F-15, F-18, F-03: the announced version of the spec defines them. */
static void rdt_and_network_devices_are_announced(void **state)
{
	static const char *const newer[] = { "linux/netDevices/enabled", "linux/intelRdt/schemata",
					     "linux/intelRdt/monitoring" };
	const struct document *d = *state;

	assert_true(at(d, "linux/intelRdt/enabled")->boolean);
	for (size_t i = 0; i < ARRAY_LEN(newer); i++) {
		const struct json_node *n = at(d, newer[i]);
		assert_true(n && n->type == JSON_BOOL && n->boolean);
	}
}

/* F-05, F-07, F-08, F-11, F-12, F-13 */
static void lists_are_complete(void **state)
{
	const struct document *d = *state;

	assert_int_equal(at(d, "hooks")->count, 6);
	assert_int_equal(at(d, "linux/namespaces")->count, 8);
	assert_true(has(d, "linux/namespaces", "time"));
	assert_int_equal(at(d, "linux/capabilities")->count, 41);
	assert_int_equal(at(d, "linux/seccomp/actions")->count, 9);
	assert_true(has(d, "linux/seccomp/actions", "SCMP_ACT_NOTIFY"));
	assert_int_equal(at(d, "linux/seccomp/operators")->count, 7);
	assert_int_equal(at(d, "linux/seccomp/knownFlags")->count, 4);
	assert_int_equal(at(d, "linux/seccomp/supportedFlags")->count, 3);
	assert_true(has(d, "linux/seccomp/supportedFlags", "SECCOMP_FILTER_FLAG_LOG"));
	assert_false(has(d, "linux/seccomp/archs", "SCMP_ARCH_SHEB")); /* libseccomp 2.6 */
	assert_int_equal(at(d, "linux/seccomp/archs")->count, 19);
}

static void newer_libseccomp_brings_its_architectures(void **state)
{
	static const char *const versions[] = { "2.6.0", "2.10.1", "2.5.99", "3.0.0", "", NULL };
	static const bool has_sheb[] = { true, true, false, false, false, false };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		const struct features_input input = { .libseccomp_version = versions[i] };
		AUTO_STR text = STR_INIT;
		features_print(&text, &input);
		assert_true(!!strstr(str_text(&text), "SCMP_ARCH_SHEB") == has_sheb[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announced_versions_are_accepted),
		cmocka_unit_test(announced_mount_options_are_accepted),
		cmocka_unit_test(refused_features_are_not_announced),
		cmocka_unit_test(security_modules_are_announced),
		cmocka_unit_test(memory_policies_are_announced),
		cmocka_unit_test(rdt_and_network_devices_are_announced),
		cmocka_unit_test(lists_are_complete),
		cmocka_unit_test(newer_libseccomp_brings_its_architectures),
	};

	return cmocka_run_group_tests_name("oci/features", tests, print_features, free_features);
}
