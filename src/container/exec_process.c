/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "container/exec.h"
#include "oci/names.h"

#define ID_MAX     (UINT32_MAX - 1) /* 4294967295 means "no change" to setresuid(2) (S-77) */
#define GROUPS_MAX 65536            /* NGROUPS_MAX */

/* ---- user -------------------------------------------------------------------------------------
 */

static int parse_id(const char *text, uint32_t *ret)
{
	uint32_t id;

	if (parse_u32(text, &id) < 0 || id > ID_MAX)
		return -1;
	*ret = id;
	return 0;
}

int exec_parse_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	char uid_text[sizeof("4294967295")];
	size_t len = strcspn(text, ":");
	uint32_t uid, gid = 0;

	if (len < sizeof(uid_text)) {
		memcpy(uid_text, text, len);
		uid_text[len] = '\0';
		if (parse_id(uid_text, &uid) == 0 &&
		    (!text[len] || parse_id(text + len + 1, &gid) == 0)) {
			*ret_uid = uid;
			*ret_gid = gid;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "--user '%.60s': expected UID or UID:GID, numbers from 0 to %u", text,
		       ID_MAX);
}

static int add_groups(const struct str_list *add, struct oci_user *u, struct arena *a,
		      struct err *err)
{
	size_t n = u->n_additional_gids;

	if (add->n == 0)
		return 0;
	if (n + add->n > GROUPS_MAX)
		return err_set(err, ERR_USAGE, "--additional-gids: %zu groups, the kernel takes %d",
			       n + add->n, GROUPS_MAX);
	uint32_t *gids = ARENA_NEW(a, uint32_t, n + add->n);
	if (!gids)
		return err_oom(err);
	if (n)
		memcpy(gids, u->additional_gids, n * sizeof(*gids));
	for (size_t i = 0; i < add->n; i++) {
		if (parse_id(add->v[i], &gids[n + i]) < 0)
			return err_set(err, ERR_USAGE,
				       "--additional-gids '%.60s': expected a number from 0 to %u",
				       add->v[i], ID_MAX);
	}
	u->additional_gids = gids;
	u->n_additional_gids = n + add->n;
	return 0;
}

/* Another user has none of the groups of the config's one. */
static int set_user(const struct exec_options *o, struct oci_config *c, struct err *err)
{
	struct oci_user *u = &c->process.user;

	if (o->user) {
		if (exec_parse_user(o->user, &u->uid, &u->gid, err) < 0)
			return -1;
		u->n_additional_gids = 0;
	}
	return add_groups(&o->additional_gids, u, &c->arena, err);
}

/* ---- environment, capabilities ----------------------------------------------------------------
 */

static int add_env(const struct str_list *add, struct oci_config *c, struct err *err)
{
	struct json_strings *env = &c->process.env;

	if (add->n == 0)
		return 0;
	const char **v = ARENA_NEW(&c->arena, const char *, env->n + add->n + 1);
	if (!v)
		return err_oom(err);
	if (env->n)
		memcpy(v, env->v, env->n * sizeof(*v));
	for (size_t i = 0; i < add->n; i++) {
		const char *text = add->v[i];
		if (text[0] == '=' || !strchr(text, '='))
			return err_set(err, ERR_USAGE, "--env '%.60s': expected NAME=VALUE", text);
		v[env->n + i] = text;
	}
	/* The positions end with the config's entries: nothing is said about others any more. */
	env->v = v;
	env->n += add->n;
	return 0;
}

/* Never inheritable or ambient (D-18, I-17, CVE-2022-29162). Unknown names: C-CAP-02. */
static void add_caps(const struct str_list *add, struct oci_caps *caps)
{
	for (size_t i = 0; i < add->n; i++) {
		uint64_t cap;

		if (!names_find(oci_capabilities, add->v[i], &cap)) {
			log_warn("unknown capability '%.60s' is not granted", add->v[i]);
			continue;
		}
		caps->present = true;
		caps->bounding |= UINT64_C(1) << cap;
		caps->effective |= UINT64_C(1) << cap;
		caps->permitted |= UINT64_C(1) << cap;
	}
}

/* ---- all together ------------------------------------------------------------------------------
 */

/* Without a position in config.json; lsm_check() refuses what cannot be in force (D-28). */
static void set_labels(const struct exec_options *o, struct oci_process *p)
{
	if (o->process_label) {
		p->selinux_label = o->process_label;
		p->selinux_at = 0;
	}
	if (o->apparmor) {
		p->apparmor_profile = o->apparmor;
		p->apparmor_at = 0;
	}
}

static int set_args(const struct exec_options *o, struct oci_config *c, struct err *err)
{
	if (o->args.n == 0)
		return err_set(err, ERR_USAGE, "a program to run is needed");
	if (!*o->args.v[0])
		return err_set(err, ERR_USAGE, "the name of the program is empty");
	c->process.args = (struct json_strings){ .v = o->args.v, .n = o->args.n };
	return 0;
}

static int set_cwd(const struct exec_options *o, struct oci_process *p, struct err *err)
{
	if (o->cwd) {
		if (o->cwd[0] != '/')
			return err_set(err, ERR_USAGE, "--cwd '%.60s': expected an absolute path",
				       o->cwd);
		p->cwd = o->cwd;
		p->cwd_at = 0; /* no position in config.json */
	} else if (!p->cwd) {
		p->cwd = "/"; /* the container has no process (R-LIFE-09) */
	}
	return 0;
}

int exec_build_process(const struct exec_options *o, struct oci_config *c, struct err *err)
{
	struct oci_process *p = &c->process;

	p->present = true;
	p->terminal = o->terminal;
	p->console_height = p->console_width = 0;
	p->no_new_privileges |= o->no_new_privileges;
	add_caps(&o->capabilities, &p->caps);
	set_labels(o, p);
	if (set_args(o, c, err) < 0 || set_cwd(o, p, err) < 0 ||
	    set_user(o, c, err) < 0)
		return -1;
	return add_env(&o->env, c, err);
}
