/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/config-internal.h"

/* ---- id mappings, also those of linux ------------------------------------------------------ */

/* clang-format off */
const struct json_field config_id_map_fields[] = {
	REQUIRED("containerID", oci_id_map, container_id, json_dec_u32, NULL),
	REQUIRED("hostID",      oci_id_map, host_id,      json_dec_u32, NULL),
	REQUIRED("size",        oci_id_map, size,         json_dec_u32, NULL),
	END_OF_FIELDS
};

/* ---- options ------------------------------------------------------------------------------- */

/* Words of mount(8) that are not for the kernel (C-MOUNT-23). What it says they imply is kept: a mount
 * that "user" allows to anybody is nosuid, nodev and noexec unless a later option says otherwise. */
#define OWNER_IMPLIES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define USER_IMPLIES  (OWNER_IMPLIES | MOUNT_ATTR_NOEXEC)
static const struct name_value mount8_words[] = {
	{ "_netdev", 0 },
	{ "auto",    0 },
	{ "group",   OWNER_IMPLIES },
	{ "noauto",  0 },
	{ "nofail",  0 },
	{ "nogroup", 0 },
	{ "noowner", 0 },
	{ "nouser",  0 },
	{ "nousers", 0 },
	{ "owner",   OWNER_IMPLIES },
	{ "user",    USER_IMPLIES },
	{ "users",   USER_IMPLIES },
	{ NULL,      0 },
};
/* clang-format on */

static bool is_mount8_word(const char *option, uint64_t *ret_implied)
{
	*ret_implied = 0;
	return names_find(mount8_words, option, ret_implied) || str_starts(option, "x-") ||
	       str_starts(option, "comment=");
}

static int by_name(const void *key, const void *row)
{
	const struct mount_option *o = row;

	return strcmp(key, o->name);
}

static const struct mount_option *find_option(const char *name)
{
	static size_t n;

	while (oci_mount_options[n].name)
		n++;
	return bsearch(name, oci_mount_options, n, sizeof(oci_mount_options[0]), by_name);
}

/* Adds SET and CLEAR to what earlier options ask; the later wins (C-MOUNT-16). */
static void merge(uint64_t *set, uint64_t *clear, uint64_t more_set, uint64_t more_clear)
{
	*set = (*set & ~more_clear) | more_set;
	*clear = (*clear & ~more_set) | more_clear;
}

/* Access times: see the comment at oci_mount_options. */
static void apply_attr(uint64_t *set, uint64_t *clear, const struct mount_option *o)
{
	uint64_t taken_back = o->clear & MOUNT_ATTR__ATIME;
	bool chosen = *clear & MOUNT_ATTR__ATIME || *set & MOUNT_ATTR__ATIME;

	if (taken_back == 0 || taken_back == MOUNT_ATTR__ATIME) {
		merge(set, clear, o->set, o->clear);
		/* A set bit of the field must not drop the field from clear: mount_setattr(2) wants
		 * all of it there. */
		*clear |= taken_back;
		return;
	}
	if (chosen && (*set & MOUNT_ATTR__ATIME) != taken_back)
		return;
	merge(set, clear, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME);
}

static void apply_rattr(struct oci_mount_options *m, const struct mount_option *o)
{
	uint64_t bits = o->set | o->clear;

	if (bits & MOUNT_ATTR__ATIME)
		bits |= MOUNT_ATTR__ATIME;
	m->attr_set &= ~bits;
	m->attr_clear &= ~bits;
	apply_attr(&m->rattr_set, &m->rattr_clear, o);
}

/* "key" or "key=value" for fsconfig(2), in the order given. */
static void add_data(struct json_decoder *d, const struct json_node *node,
		     struct oci_mount_options *m)
{
	const char *eq = strchr(node->text, '=');
	struct json_pair *p = &m->data[m->n_data];

	p->at = node->at;
	p->key = node->text;
	if (eq == node->text) {
		json_fail(d, node, "the option has no name before '='");
		return;
	}
	if (eq) {
		p->key = arena_strndup(d->arena, node->text, (size_t)(eq - node->text));
		p->value = eq + 1;
	}
	/* The kernel would take "ro=0" for "ro". */
	if (eq && p->key && find_option(p->key)) {
		json_fail(d, node, "the option '%s' takes no value", p->key);
		return;
	}
	if (p->key)
		m->n_data++;
	else
		config_oom(d);
}

static void apply_known(struct oci_mount_options *m, const struct mount_option *o)
{
	switch (o->kind) {
	case MOPT_ATTR:
		apply_attr(&m->attr_set, &m->attr_clear, o);
		return;
	case MOPT_RATTR:
		apply_rattr(m, o);
		return;
	case MOPT_PROPAGATION:
		m->propagation[m->n_propagation++] = o->set;
		return;
	case MOPT_SB:
		m->sb_flags[m->n_sb_flags++] = o->name;
		return;
	case MOPT_BIND:
		m->bind = true;
		return;
	case MOPT_RBIND:
		m->bind = m->recursive = true;
		return;
	case MOPT_REMOUNT:
		m->remount = true;
		return;
	case MOPT_TMPCOPYUP:
		m->tmpcopyup = true;
		return;
	case MOPT_IDMAP:
		m->idmap = true;
		m->ridmap = false;
		return;
	case MOPT_RIDMAP:
		m->ridmap = true;
		m->idmap = false;
		return;
	case MOPT_NONE:
		return;
	}
}

static void apply_option(struct json_decoder *d, const struct json_node *node,
			 struct oci_mount_options *m)
{
	const char *text = json_get_string(d, node);
	uint64_t implied;

	if (!text || !*text) /* podman sends an empty option */
		return;

	const struct mount_option *known = find_option(text);
	if (known)
		apply_known(m, known);
	else if (is_mount8_word(text, &implied))
		merge(&m->attr_set, &m->attr_clear, implied, 0);
	else
		add_data(d, node, m);
}

void config_dec_mount_options(struct json_decoder *d, const struct json_node *node, void *out,
			      const void *arg)
{
	struct oci_mount_options *m = out;
	size_t i = 0;

	(void)arg;
	if (node->type != JSON_ARRAY) {
		json_fail_type(d, node, "an array of strings");
		return;
	}
	m->sb_flags = ARENA_NEW(d->arena, const char *, node->count);
	m->propagation = ARENA_NEW(d->arena, uint64_t, node->count);
	m->data = ARENA_NEW(d->arena, struct json_pair, node->count);
	if (!m->sb_flags || !m->propagation || !m->data) {
		config_oom(d);
		return;
	}
	for (const struct json_node *o = json_first(d->doc, node); o; o = json_next(d->doc, o)) {
		size_t mark = json_enter(d, "[%zu]", i++);
		apply_option(d, o, m);
		json_leave(d, mark);
	}
}

/* ---- mounts -------------------------------------------------------------------------------- */

static void dec_uid_map(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	struct oci_mount *m = out;

	m->has_uid_map = true;
	config_dec_array(d, node, &m->uid_map, arg);
}

static void dec_gid_map(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	struct oci_mount *m = out;

	m->has_gid_map = true;
	config_dec_array(d, node, &m->gid_map, arg);
}

/* clang-format off */
static const struct config_array uid_map_arg = {
	.fields = config_id_map_fields, .size = sizeof(struct oci_id_map),
	.at = offsetof(struct oci_id_map, at), .count = COUNT_BEHIND(oci_mount, uid_map, n_uid_map),
};
static const struct config_array gid_map_arg = {
	.fields = config_id_map_fields, .size = sizeof(struct oci_id_map),
	.at = offsetof(struct oci_id_map, at), .count = COUNT_BEHIND(oci_mount, gid_map, n_gid_map),
};

const struct json_field config_mount_fields[] = {
	REQUIRED("destination", oci_mount, destination, json_dec_string,          NULL),
	OPTIONAL("type",        oci_mount, type,        config_dec_text,          NULL),
	OPTIONAL("source",      oci_mount, source,      config_dec_text,          NULL),
	OPTIONAL("options",     oci_mount, options,     config_dec_mount_options, NULL),
	{ "uidMappings", dec_uid_map, 0, &uid_map_arg, false },
	{ "gidMappings", dec_gid_map, 0, &gid_map_arg, false },
	END_OF_FIELDS
};
const struct config_array config_mounts_arg = {
	.fields = config_mount_fields, .size = sizeof(struct oci_mount),
	.at = offsetof(struct oci_mount, at), .count = COUNT_BEHIND(oci_config, mounts, n_mounts),
};
/* clang-format on */
