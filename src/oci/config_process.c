/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "oci/config-internal.h"

#define GROUPS_MAX        65536 /* NGROUPS_MAX of the kernel since 2.6.4: setgroups(2) refuses more */
#define UNKNOWN_CAPS_KEPT 64

/* ---- user ---------------------------------------------------------------------------------- */

static void dec_additional_gids(struct json_decoder *d, const struct json_node *node, void *out,
				const void *arg)
{
	struct oci_user *user = out;
	size_t n = 0, i = 0;
	uint32_t *v = json_get_array(d, node, sizeof(*v), &n);

	if (!v)
		return;
	if (n > GROUPS_MAX) {
		json_fail(d, node, "%zu groups, the kernel takes %d", n, GROUPS_MAX);
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark = json_enter(d, "[%zu]", i);
		json_dec_u32(d, m, &v[i++], arg);
		json_leave(d, mark);
	}
	user->additional_gids = v;
	user->n_additional_gids = n;
}

/* runc and crun mask a umask of 65535 to 0777 (C-USER-03); a value that says something else than
 * what would be applied is refused here. */
static const struct json_range_u64 umask_range = { 0, 0777 };

/* clang-format off */
/* uid and gid are REQUIRED by the text, not by the schema: a forgotten uid must not be root. */
const struct json_field config_user_fields[] = {
	REQUIRED("uid",            oci_user, uid,   json_dec_u32,  &config_range_id),
	REQUIRED("gid",            oci_user, gid,   json_dec_u32,  &config_range_id),
	OPTIONAL("umask",          oci_user, umask, json_dec_ou64, &umask_range),
	{ "additionalGids", dec_additional_gids, 0, &config_range_id, false },
	END_OF_FIELDS
};
/* clang-format on */

/* ---- capabilities -------------------------------------------------------------------------- */

static void remember_unknown(struct oci_caps *caps, const char *name, uint32_t at)
{
	struct json_strings *u = &caps->unknown;

	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->v[i], name) == 0)
			return;
	}
	if (u->v && u->at && u->n < UNKNOWN_CAPS_KEPT) {
		u->v[u->n] = name;
		u->at[u->n++] = at;
	}
}

/* Names are exact (C-CAP-09); unknown ones must be ignored by the text since 1.1 (C-CAP-02). */
static void dec_cap_set(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	const struct config_walk *walk = d->user;
	struct json_strings names = { .n = 0 };
	uint64_t set = 0;

	(void)arg;
	json_dec_strings(d, node, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		uint64_t bit;
		if (names_find(oci_capabilities, names.v[i], &bit))
			set |= UINT64_C(1) << bit;
		else
			remember_unknown(&walk->config->process.caps, names.v[i], names.at[i]);
	}
	*(uint64_t *)out = set;
}

/* clang-format off */
const struct json_field config_capabilities_fields[] = {
	OPTIONAL("bounding",    oci_caps, bounding,    dec_cap_set, NULL),
	OPTIONAL("effective",   oci_caps, effective,   dec_cap_set, NULL),
	OPTIONAL("permitted",   oci_caps, permitted,   dec_cap_set, NULL),
	OPTIONAL("inheritable", oci_caps, inheritable, dec_cap_set, NULL),
	OPTIONAL("ambient",     oci_caps, ambient,     dec_cap_set, NULL),
	END_OF_FIELDS
};
/* clang-format on */

static void dec_caps(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	struct oci_caps *caps = out;

	(void)arg;
	caps->present = node->type == JSON_OBJECT;
	caps->unknown.v = ARENA_NEW(d->arena, const char *, UNKNOWN_CAPS_KEPT + 1);
	caps->unknown.at = ARENA_NEW(d->arena, uint32_t, UNKNOWN_CAPS_KEPT);
	if (!caps->unknown.v || !caps->unknown.at)
		config_oom(d);
	json_decode(d, node, config_capabilities_fields, caps);
}

/* ---- rlimits ------------------------------------------------------------------------------- */

static void dec_rlimit_type(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	struct oci_rlimit *limit = out;
	uint64_t v;

	if (!config_get_name(d, node, arg, &v))
		return;
	limit->resource = (int)v;
	limit->name = node->text;
}

static void dec_u64(struct json_decoder *d, const struct json_node *node, void *out,
		    const void *arg)
{
	(void)arg;
	if (!json_get_u64(d, node, 0, UINT64_MAX, out))
		*(uint64_t *)out = 0;
}

/* clang-format off */
const struct json_field config_rlimit_fields[] = {
	{ "type", dec_rlimit_type, 0, oci_rlimits, true },
	REQUIRED("soft", oci_rlimit, soft, dec_u64, NULL),
	REQUIRED("hard", oci_rlimit, hard, dec_u64, NULL),
	END_OF_FIELDS
};
static const struct config_array rlimits_arg = {
	.fields = config_rlimit_fields, .size = sizeof(struct oci_rlimit),
	.at = offsetof(struct oci_rlimit, at), .count = COUNT_BEHIND(oci_process, rlimits, n_rlimits),
};
/* clang-format on */

/* ---- scheduling ---------------------------------------------------------------------------- */

static void dec_i32(struct json_decoder *d, const struct json_node *node, void *out,
		    const void *arg)
{
	const struct json_range_i64 *r = arg;
	int64_t v;

	if (json_get_i64(d, node, r->min, r->max, &v))
		*(int32_t *)out = (int32_t)v;
}

static const struct json_range_i64 nice_range = { -20, 19 };
static const struct json_range_i64 int32_range = { INT32_MIN, INT32_MAX };
static const struct json_range_u64 io_priority_range = { 0, 7 };

/* clang-format off */
const struct json_field config_scheduler_fields[] = {
	REQUIRED("policy",   oci_scheduler, policy,      config_dec_name32,  oci_scheduler_policies),
	OPTIONAL("nice",     oci_scheduler, nice,        dec_i32,            &nice_range),
	OPTIONAL("priority", oci_scheduler, priority,    dec_i32,            &int32_range),
	OPTIONAL("flags",    oci_scheduler, flags,       config_dec_flags64, oci_scheduler_flags),
	OPTIONAL("runtime",  oci_scheduler, runtime_ns,  dec_u64,            NULL),
	OPTIONAL("deadline", oci_scheduler, deadline_ns, dec_u64,            NULL),
	OPTIONAL("period",   oci_scheduler, period_ns,   dec_u64,            NULL),
	END_OF_FIELDS
};
static const struct config_object scheduler_object = OBJECT_ARG(config_scheduler_fields, oci_scheduler);

const struct json_field config_io_priority_fields[] = {
	REQUIRED("class",    oci_io_priority, class,    config_dec_name32, oci_io_classes),
	REQUIRED("priority", oci_io_priority, priority, json_dec_u32,      &io_priority_range),
	END_OF_FIELDS
};
static const struct config_object io_priority_object = OBJECT_ARG(config_io_priority_fields, oci_io_priority);

const struct json_field config_cpu_affinity_fields[] = {
	OPTIONAL("initial", oci_process, exec_cpu_initial, config_dec_list, NULL),
	OPTIONAL("final",   oci_process, exec_cpu_final,   config_dec_list, NULL),
	END_OF_FIELDS
};
/* clang-format on */

static void dec_cpu_affinity(struct json_decoder *d, const struct json_node *node, void *out,
			     const void *arg)
{
	struct oci_process *process = out;

	process->exec_cpu_at = node->at;
	json_decode(d, node, arg, process);
}

/* ---- process ------------------------------------------------------------------------------- */

static const struct json_range_u64 console_range = { 0, UINT16_MAX }; /* struct winsize */
static const struct json_range_i64 oom_range = { -1000, 1000 };       /* C-PROC-12 */

/* clang-format off */
const struct json_field config_console_size_fields[] = {
	REQUIRED("height", oci_process, console_height, json_dec_u32, &console_range),
	REQUIRED("width",  oci_process, console_width,  json_dec_u32, &console_range),
	END_OF_FIELDS
};

#define TEXT_AT(text, position) \
	{ offsetof(struct oci_process, position) - offsetof(struct oci_process, text) }
static const struct config_text cwd_text = TEXT_AT(cwd, cwd_at);
static const struct config_text apparmor_text = TEXT_AT(apparmor_profile, apparmor_at);
static const struct config_text selinux_text = TEXT_AT(selinux_label, selinux_at);

const struct json_field config_process_fields[] = {
	OPTIONAL("terminal",        oci_process, terminal,          json_dec_bool,     NULL),
	{ "consoleSize", json_dec_object, 0, config_console_size_fields, false },
	REQUIRED("cwd",             oci_process, cwd,               config_dec_text,   &cwd_text),
	OPTIONAL("user",            oci_process, user,              json_dec_object,   config_user_fields),
	OPTIONAL("args",            oci_process, args,              json_dec_strings,  NULL),
	OPTIONAL("env",             oci_process, env,               json_dec_strings,  NULL),
	OPTIONAL("capabilities",    oci_process, caps,              dec_caps,          NULL),
	OPTIONAL("rlimits",         oci_process, rlimits,           config_dec_array,  &rlimits_arg),
	OPTIONAL("noNewPrivileges", oci_process, no_new_privileges, json_dec_bool,     NULL),
	OPTIONAL("oomScoreAdj",     oci_process, oom_score_adj,     json_dec_oi64,     &oom_range),
	OPTIONAL("scheduler",       oci_process, scheduler,         config_dec_object, &scheduler_object),
	OPTIONAL("ioPriority",      oci_process, io_priority,       config_dec_object, &io_priority_object),
	{ "execCPUAffinity", dec_cpu_affinity, 0, config_cpu_affinity_fields, false },
	OPTIONAL("apparmorProfile", oci_process, apparmor_profile,  config_dec_text,   &apparmor_text),
	OPTIONAL("selinuxLabel",    oci_process, selinux_label,     config_dec_text,   &selinux_text),
	END_OF_FIELDS
};
static const struct config_object process_object = OBJECT_ARG(config_process_fields, oci_process);
/* clang-format on */

void config_dec_process(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	(void)arg;
	config_dec_object(d, node, out, &process_object);
}
