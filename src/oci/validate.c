/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/validate.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/validate-internal.h"

/* ---- helpers ------------------------------------------------------------------------------- */

void complain(struct json_decoder *d, uint32_t at, const char *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	size_t mark = json_enter(d, "%s%s", d->path[0] && path[0] ? "." : "", path);
	/* What is only counted needs no place. */
	if (d->n_errors < JSON_MAX_ERRORS)
		at = json_locate(d->doc, d->path, at);
	json_fail_at(d, at, "%s", text);
	json_leave(d, mark);
}

static int by_name_and_place(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

void complain_duplicates(struct json_decoder *d, struct named *names, size_t n, const char *path,
			 const char *what)
{
	char shown[JSON_SHOWN];

	qsort(names, n, sizeof(*names), by_name_and_place);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(names[i].name, names[i - 1].name) == 0)
			complain(d, names[i].at, path, "a second %s \"%s\"", what,
				 json_shown(names[i].name, shown));
	}
}

/* ---- ociVersion, root, names --------------------------------------------------------------- */

/* One dot-separated list of SemVer identifiers; numbers without leading zeroes where NUMERIC. */
static bool is_identifiers(const char *s, size_t len, bool no_zeroes)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.') {
			if (!isalnum((unsigned char)s[i]) && s[i] != '-')
				return false;
			continue;
		}
		size_t n = i - start;
		if (n == 0)
			return false;
		if (no_zeroes && n > 1 && s[start] == '0' && strspn(s + start, "0123456789") >= n)
			return false;
		start = i + 1;
	}
	return true;
}

/* SemVer 2.0.0; the core's numbers are few digits in every version that was and will be. */
static bool is_semver(const char *s, char *ret_major)
{
	const char *p = s;

	for (int i = 0; i < 3; i++) {
		size_t n = strspn(p, "0123456789");
		if (n == 0 || n > 9 || (n > 1 && *p == '0'))
			return false;
		p += n;
		if (i == 0)
			*ret_major = n == 1 ? *s : '?';
		if (i < 2 && *p++ != '.')
			return false;
	}
	size_t pre = *p == '-' ? strcspn(p, "+") : 0;
	if (pre > 0 && !is_identifiers(p + 1, pre - 1, true))
		return false;
	p += pre;
	return !*p || (*p == '+' && is_identifiers(p + 1, strlen(p + 1), false));
}

/* R-BUND-10 to R-BUND-12: any version with major 1; a newer minor is no reason to refuse. */
static void check_version(struct json_decoder *d, const struct oci_config *c)
{
	const char *v = c->oci_version ? c->oci_version : "";
	char shown[JSON_SHOWN];
	char major;

	if (!c->oci_version_at)
		return;
	if (!is_semver(v, &major))
		complain(d, c->oci_version_at, "ociVersion",
			 "expected a version such as \"1.2.1\", found string \"%s\"",
			 json_shown(v, shown));
	else if (major != '1')
		complain(d, c->oci_version_at, "ociVersion",
			 "version \"%s\" is not supported, expected 1.x.y", json_shown(v, shown));
}

/* C-ROOT-01, C-ROOT-02 */
static void check_root(struct json_decoder *d, const struct oci_config *c)
{
	if (c->has_root && c->root_path && !*c->root_path)
		complain(d, c->root_at, "root.path", "must not be empty");
}

/* Without a mount namespace of its own the container's read-only root would be the caller's. */
static void check_root_readonly(struct json_decoder *d, const struct oci_config *c)
{
	if (c->root_readonly && !config_ns_new(c, OCI_NS_MOUNT))
		complain(d, c->root_at, "root.readonly", "needs a new mount namespace");
}

#define UTS_NAME_MAX 64 /* __NEW_UTS_LEN */

static void check_uts_name(struct json_decoder *d, const struct oci_config *c, const char *key,
			   const char *name, uint32_t at)
{
	if (!name)
		return;
	if (strlen(name) > UTS_NAME_MAX)
		complain(d, at, key, "longer than %d bytes", UTS_NAME_MAX);
	/* By the text it would rename the caller; every runtime refuses (X-03, C-UTS-02). */
	if (!c->linux_.ns[OCI_NS_UTS].present)
		complain(d, at, key, "needs a namespace of type \"uts\"");
}

static void check_hostname(struct json_decoder *d, const struct oci_config *c)
{
	check_uts_name(d, c, "hostname", c->hostname, c->hostname_at);
	check_uts_name(d, c, "domainname", c->domainname, c->domainname_at);
}

/* C-ANN-01, and D-14: there are no handlers, so asking for one must not be ignored. */
static void check_annotations(struct json_decoder *d, const struct oci_config *c)
{
	for (size_t i = 0; i < c->annotations.n; i++) {
		const struct json_pair *p = &c->annotations.v[i];

		if (!*p->key)
			complain(d, p->at, "annotations", "a key must not be empty");
		else if (strcmp(p->key, "run.oci.handler") == 0)
			complain(d, p->at, "annotations.run.oci.handler",
				 "handlers are not supported");
	}
}

/* ---- process, hooks ------------------------------------------------------------------------ */

void check_env(struct json_decoder *d, const struct json_strings *env)
{
	char shown[JSON_SHOWN];

	for (size_t i = 0; i < env->n; i++) {
		const char *eq = strchr(env->v[i], '=');

		if (eq && eq != env->v[i])
			continue;
		size_t mark = json_enter(d, ".env[%zu]", i);
		json_fail_at(d, env->at[i], "expected NAME=value, found string \"%s\"",
			     json_shown(env->v[i], shown));
		json_leave(d, mark);
	}
}

/* C-PROC-03 */
static void check_cwd(struct json_decoder *d, const struct oci_config *c)
{
	const char *cwd = c->process.cwd;

	if (c->process.present && (!cwd || *cwd != '/'))
		complain(d, c->process.cwd_at, "process.cwd", "expected an absolute path");
}

/* C-PROC-08 */
static void check_args(struct json_decoder *d, const struct oci_config *c)
{
	const struct json_strings *args = &c->process.args;

	if (!c->process.present)
		return;
	if (args->n == 0)
		complain(d, c->process.at, "process.args", "at least one argument is required");
	else if (!*args->v[0])
		complain(d, args->at[0], "process.args[0]", "must not be empty");
}

/* C-PROC-06 */
static void check_process_env(struct json_decoder *d, const struct oci_config *c)
{
	size_t mark = json_enter(d, "process");

	check_env(d, &c->process.env);
	json_leave(d, mark);
}

/* C-RLIM-02, C-RLIM-03 */
static void check_rlimits(struct json_decoder *d, const struct oci_config *c)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < c->process.n_rlimits; i++) {
		const struct oci_rlimit *r = &c->process.rlimits[i];
		size_t mark = json_enter(d, "process.rlimits[%zu]", i);

		if (seen & UINT64_C(1) << r->resource)
			complain(d, r->at, "type", "a second limit of type \"%s\"", r->name);
		if (r->soft > r->hard)
			complain(d, r->at, "soft", "the soft limit is above the hard limit");
		seen |= UINT64_C(1) << r->resource;
		json_leave(d, mark);
	}
}

/* R-HOOK-06; a hook's environment is exactly what is listed (I-26). */
static void check_hooks(struct json_decoder *d, const struct oci_config *c)
{
	static const char *const names[HOOK_POINTS] = {
		[HOOK_PRESTART] = "prestart",
		[HOOK_CREATE_RUNTIME] = "createRuntime",
		[HOOK_CREATE_CONTAINER] = "createContainer",
		[HOOK_START_CONTAINER] = "startContainer",
		[HOOK_POSTSTART] = "poststart",
		[HOOK_POSTSTOP] = "poststop",
	};

	for (size_t point = 0; point < HOOK_POINTS; point++) {
		for (size_t i = 0; i < c->hooks[point].n; i++) {
			const struct oci_hook *h = &c->hooks[point].v[i];
			size_t mark = json_enter(d, "hooks.%s[%zu]", names[point], i);

			if (*h->path != '/')
				complain(d, h->at, "path", "expected an absolute path");
			check_env(d, &h->env);
			json_leave(d, mark);
		}
	}
}

/* ---- the table ----------------------------------------------------------------------------- */

/* clang-format off */
static const struct rule {
	rule_fn *check;
	unsigned needs; /* enum config_part */
} rules[] = {
	{ check_version,            PART_TOP },
	{ check_root,               PART_ROOT },
	{ check_root_readonly,      PART_ROOT | PART_NAMESPACES },
	{ check_cwd,                PART_PROCESS },
	{ check_args,               PART_PROCESS },
	{ check_process_env,        PART_PROCESS },
	{ check_rlimits,            PART_PROCESS },
	{ check_scheduler,          PART_PROCESS },
	{ check_scheduler_hooks,    PART_PROCESS | PART_HOOKS },
	{ check_scheduler_notify,   PART_PROCESS | PART_SECCOMP },
	{ check_hostname,           PART_TOP | PART_NAMESPACES },
	{ check_mounts_namespace,   PART_MOUNTS | PART_NAMESPACES },
	{ check_mounts,             PART_MOUNTS },
	{ check_mount_maps,         PART_MOUNTS | PART_NAMESPACES },
	{ check_hooks,              PART_HOOKS },
	{ check_annotations,        PART_ANNOTATIONS },
	{ check_namespace_paths,    PART_NAMESPACES },
	{ check_user_namespace,     PART_NAMESPACES | PART_ID_MAPS },
	{ check_id_maps,            PART_ID_MAPS },
	{ check_root_is_mapped,     PART_NAMESPACES | PART_ID_MAPS },
	{ check_time_offsets,       PART_NAMESPACES | PART_LINUX },
	{ check_devices,            PART_LINUX },
	{ check_net_devices,        PART_NAMESPACES | PART_LINUX },
	{ check_intel_rdt,          PART_LINUX },
	{ check_cgroups_path,       PART_LINUX },
	{ check_masked_paths,       PART_NAMESPACES | PART_LINUX },
	{ check_rootfs_propagation, PART_NAMESPACES | PART_LINUX },
	{ check_memory_policy,      PART_LINUX },
	{ check_sysctl,             PART_LINUX },
	{ check_sysctl_owner,       PART_NAMESPACES | PART_LINUX },
	{ check_sysctl_domainname,  PART_TOP | PART_LINUX },
	{ config_validate_resources, PART_RESOURCES },
	{ check_seccomp_errno,      PART_SECCOMP },
	{ check_seccomp_listener,   PART_SECCOMP },
};
/* clang-format on */

static void run_rules(struct json_decoder *d, const struct oci_config *c, unsigned about)
{
	const struct config_walk *walk = d->user;
	unsigned broken = walk ? walk->broken : 0;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if ((rules[i].needs & about) && !(rules[i].needs & broken))
			rules[i].check(d, c);
	}
}

void config_validate(struct json_decoder *d, const struct oci_config *c)
{
	run_rules(d, c, ~0U);
}

void config_validate_process(struct json_decoder *d, const struct oci_config *c)
{
	run_rules(d, c, PART_PROCESS);
}
