/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config-internal.h"

/* System call names stay names: an unknown one is no error (C-SEC-07). Everything else is a closed
 * set, and an unknown member would weaken the filter. */

static const struct json_range_u64 index_range = { 0, 5 }; /* C-SEC-14 */

static void dec_value(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	(void)arg;
	if (!json_get_u64(d, node, 0, UINT64_MAX, out))
		*(uint64_t *)out = 0;
}

static void check_rule(struct json_decoder *d, const struct json_node *node, void *item)
{
	const struct json_node *names = json_member(d->doc, node, "names");

	(void)item;
	if (names && names->type == JSON_ARRAY && names->count == 0) /* C-SEC-13 */
		json_fail(d, node, "'names' must have at least one entry");
}

/* clang-format off */
const struct json_field config_syscall_arg_fields[] = {
	REQUIRED("index",    oci_seccomp_arg, index,     json_dec_u32,     &index_range),
	REQUIRED("value",    oci_seccomp_arg, value,     dec_value,        NULL),
	OPTIONAL("valueTwo", oci_seccomp_arg, value_two, dec_value,        NULL),
	REQUIRED("op",       oci_seccomp_arg, op,        config_dec_index, oci_seccomp_ops),
	END_OF_FIELDS
};
static const struct config_array args_arg = {
	.fields = config_syscall_arg_fields, .size = sizeof(struct oci_seccomp_arg),
	.at = offsetof(struct oci_seccomp_arg, at),
	.count = COUNT_BEHIND(oci_seccomp_rule, args, n_args),
};

const struct json_field config_syscall_fields[] = {
	REQUIRED("names",    oci_seccomp_rule, names,     json_dec_strings, NULL),
	REQUIRED("action",   oci_seccomp_rule, action,    config_dec_index, oci_seccomp_actions),
	OPTIONAL("errnoRet", oci_seccomp_rule, errno_ret, json_dec_ou64,    &config_range_errno),
	OPTIONAL("args",     oci_seccomp_rule, args,      config_dec_array, &args_arg),
	END_OF_FIELDS
};
static const struct config_array syscalls_arg = {
	.fields = config_syscall_fields, .size = sizeof(struct oci_seccomp_rule),
	.at = offsetof(struct oci_seccomp_rule, at), .count = COUNT_BEHIND(oci_seccomp, rules, n_rules),
	.finish = check_rule,
};
/* clang-format on */

/* [] and absent differ (C-SEC-10). */
static void dec_flags(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	struct oci_seccomp *s = out;

	s->has_flags = true;
	config_dec_flags32(d, node, &s->flags, arg);
}

/* clang-format off */
const struct json_field config_seccomp_fields[] = {
	REQUIRED("defaultAction",    oci_seccomp, default_action,    config_dec_index, oci_seccomp_actions),
	OPTIONAL("defaultErrnoRet",  oci_seccomp, default_errno_ret, json_dec_ou64,    &config_range_errno),
	OPTIONAL("architectures",    oci_seccomp, architectures,     config_dec_names, oci_seccomp_archs),
	{ "flags", dec_flags, 0, oci_seccomp_flags, false },
	OPTIONAL("listenerPath",     oci_seccomp, listener_path,     config_dec_text,  NULL),
	OPTIONAL("listenerMetadata", oci_seccomp, listener_metadata, config_dec_text,  NULL),
	OPTIONAL("syscalls",         oci_seccomp, rules,             config_dec_array, &syscalls_arg),
	END_OF_FIELDS
};
static const struct config_object seccomp_object = OBJECT_ARG(config_seccomp_fields, oci_seccomp);
/* clang-format on */

void config_dec_seccomp(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	(void)arg;
	config_dec_object(d, node, out, &seccomp_object);
}
