/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oci/config-internal.h"

/* ---- root, hooks and the document ---------------------------------------------------------- */

/* clang-format off */
static const struct json_field root_fields[] = {
	REQUIRED("path",     oci_config, root_path,     json_dec_string, NULL),
	OPTIONAL("readonly", oci_config, root_readonly, json_dec_bool,   NULL),
	END_OF_FIELDS
};
static const struct config_object root_object = {
	root_fields, offsetof(struct oci_config, has_root), offsetof(struct oci_config, root_at)
};

static const struct json_range_i64 timeout_range = { 1, INT64_MAX };
/* clang-format on */

static void dec_timeout(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	const struct json_range_i64 *r = arg;
	int64_t v;

	if (json_get_i64(d, node, r->min, r->max, &v))
		*(int64_t *)out = v;
}

/* clang-format off */
static const struct json_field hook_fields[] = {
	REQUIRED("path",    oci_hook, path,      json_dec_string,  NULL),
	OPTIONAL("args",    oci_hook, args,      json_dec_strings, NULL),
	OPTIONAL("env",     oci_hook, env,       json_dec_strings, NULL),
	OPTIONAL("timeout", oci_hook, timeout_s, dec_timeout,      &timeout_range),
	END_OF_FIELDS
};
static const struct config_array hooks_arg = {
	.fields = hook_fields, .size = sizeof(struct oci_hook), .at = offsetof(struct oci_hook, at),
	.count = COUNT_BEHIND(oci_hooks, v, n),
};

/* OUT is the whole array of hook points. */
#define HOOKS(key, point) \
	{ key, config_dec_array, (point) * sizeof(struct oci_hooks) + offsetof(struct oci_hooks, v), \
	  &hooks_arg, false }
static const struct json_field hooks_fields[] = {
	HOOKS("prestart",        HOOK_PRESTART),
	HOOKS("createRuntime",   HOOK_CREATE_RUNTIME),
	HOOKS("createContainer", HOOK_CREATE_CONTAINER),
	HOOKS("startContainer",  HOOK_START_CONTAINER),
	HOOKS("poststart",       HOOK_POSTSTART),
	HOOKS("poststop",        HOOK_POSTSTOP),
	END_OF_FIELDS
};

static const struct config_text version_text = { offsetof(struct oci_config, oci_version_at) -
						 offsetof(struct oci_config, oci_version) };
static const struct config_text hostname_text = { offsetof(struct oci_config, hostname_at) -
						  offsetof(struct oci_config, hostname) };
static const struct config_text domainname_text = { offsetof(struct oci_config, domainname_at) -
						    offsetof(struct oci_config, domainname) };

static const struct config_part_arg version_part = { config_dec_text, &version_text, PART_TOP };
static const struct config_part_arg hostname_part = { config_dec_text, &hostname_text, PART_TOP };
static const struct config_part_arg domain_part = { config_dec_text, &domainname_text, PART_TOP };
static const struct config_part_arg root_part = { config_dec_object, &root_object, PART_ROOT };
static const struct config_part_arg process_part = { config_dec_process, NULL, PART_PROCESS };
static const struct config_part_arg mounts_part = { config_dec_array, &config_mounts_arg, PART_MOUNTS };
static const struct config_part_arg hooks_part = { json_dec_object, hooks_fields, PART_HOOKS };
static const struct config_part_arg annotations_part = { json_dec_map, NULL, PART_ANNOTATIONS };

const struct json_field config_fields[] = {
	REQUIRED("ociVersion",  oci_config, oci_version, config_dec_part,  &version_part),
	/* offset 0: the members of `root` are members of the document's struct */
	{ "root", config_dec_part, 0, &root_part, true },
	OPTIONAL("process",     oci_config, process,     config_dec_part,  &process_part),
	OPTIONAL("hostname",    oci_config, hostname,    config_dec_part,  &hostname_part),
	OPTIONAL("domainname",  oci_config, domainname,  config_dec_part,  &domain_part),
	OPTIONAL("mounts",      oci_config, mounts,      config_dec_part,  &mounts_part),
	OPTIONAL("linux",       oci_config, linux_,      config_dec_linux, NULL),
	OPTIONAL("hooks",       oci_config, hooks,       config_dec_part,  &hooks_part),
	OPTIONAL("annotations", oci_config, annotations, config_dec_part,  &annotations_part),
	END_OF_FIELDS
};

const struct config_table config_tables[] = {
	{ "",                                     config_fields },
	{ "root",                                 root_fields },
	{ "hooks",                                hooks_fields },
	{ "hooks.prestart[]",                     hook_fields },
	{ "hooks.createRuntime[]",                hook_fields },
	{ "hooks.createContainer[]",              hook_fields },
	{ "hooks.startContainer[]",               hook_fields },
	{ "hooks.poststart[]",                    hook_fields },
	{ "hooks.poststop[]",                     hook_fields },
	{ "mounts[]",                             config_mount_fields },
	{ "mounts[].uidMappings[]",               config_id_map_fields },
	{ "mounts[].gidMappings[]",               config_id_map_fields },
	{ "process",                              config_process_fields },
	{ "process.consoleSize",                  config_console_size_fields },
	{ "process.user",                         config_user_fields },
	{ "process.capabilities",                 config_capabilities_fields },
	{ "process.rlimits[]",                    config_rlimit_fields },
	{ "process.scheduler",                    config_scheduler_fields },
	{ "process.ioPriority",                   config_io_priority_fields },
	{ "process.execCPUAffinity",              config_cpu_affinity_fields },
	{ "linux",                                config_linux_fields },
	{ "linux.namespaces[]",                   config_namespace_fields },
	{ "linux.uidMappings[]",                  config_id_map_fields },
	{ "linux.gidMappings[]",                  config_id_map_fields },
	{ "linux.timeOffsets",                    config_time_offsets_fields },
	{ "linux.timeOffsets.boottime",           config_time_offset_fields },
	{ "linux.timeOffsets.monotonic",          config_time_offset_fields },
	{ "linux.devices[]",                      config_device_fields },
	{ "linux.netDevices{}",                   config_net_device_fields },
	{ "linux.intelRdt",                       config_intel_rdt_fields },
	{ "linux.memoryPolicy",                   config_memory_policy_fields },
	{ "linux.personality",                    config_personality_fields },
	{ "linux.resources",                      config_resources_fields },
	{ "linux.resources.devices[]",            config_device_rule_fields },
	{ "linux.resources.pids",                 config_pids_fields },
	{ "linux.resources.memory",               config_memory_fields },
	{ "linux.resources.cpu",                  config_cpu_fields },
	{ "linux.resources.blockIO",              config_block_io_fields },
	{ "linux.resources.blockIO.weightDevice[]", config_weight_device_fields },
	{ "linux.resources.blockIO.throttleReadBpsDevice[]",   config_throttle_fields },
	{ "linux.resources.blockIO.throttleWriteBpsDevice[]",  config_throttle_fields },
	{ "linux.resources.blockIO.throttleReadIOPSDevice[]",  config_throttle_fields },
	{ "linux.resources.blockIO.throttleWriteIOPSDevice[]", config_throttle_fields },
	{ "linux.resources.hugepageLimits[]",     config_hugepage_fields },
	{ "linux.resources.network",              config_network_fields },
	{ "linux.resources.network.priorities[]", config_net_prio_fields },
	{ "linux.resources.rdma{}",               config_rdma_fields },
	{ "linux.seccomp",                        config_seccomp_fields },
	{ "linux.seccomp.syscalls[]",             config_syscall_fields },
	{ "linux.seccomp.syscalls[].args[]",      config_syscall_arg_fields },
	{ NULL, NULL },
};
/* clang-format on */

void config_free(struct oci_config **c)
{
	if (!*c)
		return;

	struct arena arena = (*c)->arena;
	arena_done(&arena); /* and **c in it */
	*c = NULL;
}

/* ---- messages of later layers -------------------------------------------------------------- */

/* Positions of the process's own document begin behind those of the config. */
static const struct json_doc *doc_of(const struct oci_config *c, uint32_t at)
{
	return c->process_doc.text && at >= c->process_doc.base ? &c->process_doc : &c->doc;
}

/* Of the member that TEXT begins with, "root.path", when it begins with one; AT is in its object.
 */
static void place(const struct json_doc *doc, const char *text, uint32_t at, unsigned *ret_line,
		  unsigned *ret_col)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(text, " :"), text);
	json_position(doc, json_locate(doc, path, at), ret_line, ret_col);
}

int config_wrap(const struct oci_config *c, uint32_t at, struct err *err, const char *what, ...)
{
	char text[512];
	const struct json_doc *doc = doc_of(c, at);
	unsigned line, col;
	va_list ap;

	va_start(ap, what);
	(void)vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	if (!doc->name)
		return err_wrap(err, "%s", text);
	place(doc, text, at, &line, &col);
	return err_wrap(err, "%s (%s:%u:%u)", text, doc->name, line, col);
}

int config_fail(const struct oci_config *c, uint32_t at, struct err *err, const char *fmt, ...)
{
	char text[1024];
	const struct json_doc *doc = doc_of(c, at);
	unsigned line, col;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!doc->name)
		return err_set(err, ERR_CONFIG, "%s", text);
	place(doc, text, at, &line, &col);
	return err_set(err, ERR_CONFIG, "%s:%u:%u: %s", doc->name, line, col, text);
}
