/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/features.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "oci/names.h"

/* Everything here is a promise (D-19), so what is refused by this version is left out, and nothing
 * appears that the spec defined after OCI_VERSION_MAX (F-03). AppArmor and SELinux are "enabled"
 * when the program can use them, whatever the host has (F-04). */

/* libseccomp learned these with 2.6.0. */
static bool needs_libseccomp_2_6(const char *arch)
{
	static const char *const names[] = {
		"SCMP_ARCH_LOONGARCH64",
		"SCMP_ARCH_M68K",
		"SCMP_ARCH_SH",
		"SCMP_ARCH_SHEB",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(arch, names[i]) == 0)
			return true;
	}
	return false;
}

/* 2.6 or newer; false for NULL and for what is no version. */
static bool is_libseccomp_2_6(const char *version)
{
	unsigned minor = 0;

	if (!version || !str_starts(version, "2."))
		return false;
	for (const char *p = version + 2; *p >= '0' && *p <= '9' && minor < 1000; p++)
		minor = minor * 10 + (unsigned)(*p - '0');
	return minor >= 6;
}

static void put_names(struct json_writer *w, const char *key, const struct name_value *table)
{
	json_open(w, key, '[');
	for (const struct name_value *n = table; n->name; n++)
		json_put_string(w, NULL, n->name);
	json_close(w, ']');
}

static void put_mount_options(struct json_writer *w)
{
	json_open(w, "mountOptions", '[');
	for (const struct mount_option *o = oci_mount_options; o->name; o++)
		json_put_string(w, NULL, o->name);
	json_close(w, ']');
}

static void put_seccomp(struct json_writer *w, const struct features_input *in)
{
	bool has_new_archs = is_libseccomp_2_6(in->libseccomp_version);

	json_open(w, "seccomp", '{');
	json_put_bool(w, "enabled", true);
	put_names(w, "actions", oci_seccomp_actions);
	put_names(w, "operators", oci_seccomp_ops);
	json_open(w, "archs", '[');
	for (const struct name_value *a = oci_seccomp_archs; a->name; a++) {
		if (has_new_archs || !needs_libseccomp_2_6(a->name))
			json_put_string(w, NULL, a->name);
	}
	json_close(w, ']');
	put_names(w, "knownFlags", oci_seccomp_flags);
	json_open(w, "supportedFlags", '[');
	for (size_t i = 0; in->seccomp_supported_flags && in->seccomp_supported_flags[i]; i++) {
		const char *name = in->seccomp_supported_flags[i];
		uint64_t known;
		if (names_find(oci_seccomp_flags, name, &known))
			json_put_string(w, NULL, name);
	}
	json_close(w, ']');
	json_close(w, '}');
}

/* "KEY": { "enabled": ENABLED } */
static void put_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_open(w, key, '{');
	json_put_bool(w, "enabled", enabled);
	json_close(w, '}');
}

/* F-16 */
static void put_memory_policy(struct json_writer *w)
{
	json_open(w, "memoryPolicy", '{');
	put_names(w, "modes", oci_memory_policies);
	put_names(w, "flags", oci_memory_policy_flags);
	json_close(w, '}');
}

/* F-15 */
static void put_intel_rdt(struct json_writer *w)
{
	json_open(w, "intelRdt", '{');
	json_put_bool(w, "enabled", true);
	json_put_bool(w, "schemata", true);
	json_put_bool(w, "monitoring", true);
	json_close(w, '}');
}

static void put_linux(struct json_writer *w, const struct features_input *in)
{
	json_open(w, "linux", '{');
	put_names(w, "namespaces", oci_namespaces);
	put_names(w, "capabilities", oci_capabilities);
	json_open(w, "cgroup", '{');
	json_put_bool(w, "v1", false);
	json_put_bool(w, "v2", true);
	json_put_bool(w, "systemd", true);
	json_put_bool(w, "systemdUser", true);
	json_put_bool(w, "rdma", true);
	json_close(w, '}');
	put_seccomp(w, in);
	put_enabled(w, "apparmor", true);
	put_enabled(w, "selinux", true);
	put_intel_rdt(w);
	put_memory_policy(w);
	put_enabled(w, "netDevices", true); /* F-18 */
	json_open(w, "mountExtensions", '{');
	put_enabled(w, "idmap", true);
	json_close(w, '}');
	json_close(w, '}');
}

static void put_optional(struct json_writer *w, const char *key, const char *value)
{
	if (value && *value)
		json_put_string(w, key, value);
}

void features_print(struct str *out, const struct features_input *in)
{
	static const char *const hooks[] = { "prestart",
					     "createRuntime",
					     "createContainer",
					     "startContainer",
					     "poststart",
					     "poststop",
					     NULL };
	static const char *const unsafe[] = { "org.systemd.property.", NULL };
	struct json_writer w = { .out = out, .indent = 2 };

	json_open(&w, NULL, '{');
	json_put_string(&w, "ociVersionMin", OCI_VERSION_MIN);
	json_put_string(&w, "ociVersionMax", OCI_VERSION_MAX);
	json_put_strings(&w, "hooks", hooks);
	put_mount_options(&w);
	put_linux(&w, in);
	json_open(&w, "annotations", '{');
	put_optional(&w, "io.cruntime.commit", in->commit);
	put_optional(&w, "io.cruntime.version", in->version);
	put_optional(&w, "io.github.seccomp.libseccomp.version", in->libseccomp_version);
	json_put_string(&w, "org.opencontainers.runc.checkpoint.enabled",
			in->checkpoint ? "true" : "false");
	json_close(&w, '}');
	/* C-ANN-05; with the systemd cgroup driver only, and from a short list of names. */
	json_put_strings(&w, "potentiallyUnsafeConfigAnnotations", unsafe);
	json_close(&w, '}');
}
