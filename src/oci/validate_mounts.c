/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "oci/validate-internal.h"

/* C-MOUNT-40: they would be made in the namespace of somebody else. */
void check_mounts_namespace(struct json_decoder *d, const struct oci_config *c)
{
	if (c->n_mounts == 0 || config_ns_new(c, OCI_NS_MOUNT))
		return;
	complain(d, c->mounts[0].at, "mounts",
		 config_ns_join(c, OCI_NS_MOUNT)
			 ? "need a new mount namespace: they would change the joined one"
			 : "need a new mount namespace: they would change the caller's");
}

/* True when PATH can only mean the root directory. */
static bool is_root_path(const char *path)
{
	size_t depth = 0;

	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && strncmp(path, "..", 2) == 0)
			depth -= depth > 0;
		else if (n > 0 && !(n == 1 && *path == '.'))
			depth++;
		path += n + (path[n] == '/');
	}
	return depth == 0;
}

/* C-MOUNT-06, C-MOUNT-07, C-MOUNT-25 */
static void check_bind(struct json_decoder *d, const struct oci_mount *m)
{
	const struct oci_mount_options *o = &m->options;
	char shown[JSON_SHOWN];

	if (!m->source && !o->remount)
		complain(d, m->at, "source", "required for a bind mount");
	for (size_t i = 0; i < o->n_data; i++)
		complain(d, o->data[i].at, "options",
			 "file system option \"%s\" on a bind mount has no meaning",
			 json_shown(o->data[i].key, shown));
}

/* C-MOUNT-09 */
static void check_file_system(struct json_decoder *d, const struct oci_mount *m)
{
	if (!m->type)
		complain(d, m->at, "type",
			 "required unless the options have \"bind\", \"rbind\" or \"remount\"");
	else if (strcmp(m->type, "bind") == 0)
		complain(d, m->at, "type",
			 "\"bind\" is no file system, add the option \"bind\" or \"rbind\"");
}

void check_mounts(struct json_decoder *d, const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		size_t mark = json_enter(d, "mounts[%zu]", i);

		if (!*m->destination)
			complain(d, m->at, "destination", "must not be empty");
		else if (is_root_path(m->destination)) /* C-MOUNT-04 */
			complain(d, m->at, "destination", "the root directory cannot be a target");
		if (m->options.bind)
			check_bind(d, m);
		else if (!m->options.remount)
			check_file_system(d, m);
		if (m->options.tmpcopyup && (!m->type || strcmp(m->type, "tmpfs") != 0))
			complain(d, m->at, "options", "\"tmpcopyup\" needs the type \"tmpfs\"");
		json_leave(d, mark);
	}
}

/* ---- id-mapped mounts ----------------------------------------------------------------------- */

static void check_maps_together(struct json_decoder *d, const struct oci_mount *m)
{
	if (m->n_uid_map > 0 && m->n_gid_map == 0)
		complain(d, m->uid_map[0].at, "uidMappings",
			 "'uidMappings' and 'gidMappings' must be given together");
	if (m->n_gid_map > 0 && m->n_uid_map == 0)
		complain(d, m->gid_map[0].at, "gidMappings",
			 "'uidMappings' and 'gidMappings' must be given together");
	check_id_map(d, "uidMappings", m->uid_map, m->n_uid_map);
	check_id_map(d, "gidMappings", m->gid_map, m->n_gid_map);
}

/* What could never work; "mapped" is config_mount_is_mapped(). */
static const char *no_map(const struct oci_config *c, const struct oci_mount *m)
{
	const struct oci_namespace *user = &c->linux_.ns[OCI_NS_USER];

	if (m->n_uid_map == 0 && m->n_gid_map == 0 && !user->present) /* C-MOUNT-33 */
		return "an id-mapped mount needs 'uidMappings' and 'gidMappings', or a namespace "
		       "of type \"user\" whose mappings it can take";
	if (m->options.remount)
		return "a mount that exists already cannot be id-mapped any more";
	if (m->options.bind)
		return NULL;
	/* C-MOUNT-37: it would belong to that namespace, and its ids be right without a map. */
	if (user->present)
		return "in a container with a user namespace only bind mounts can be id-mapped";
	if (m->type && (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0))
		return "a cgroup file system cannot be id-mapped";
	return NULL;
}

/* C-MOUNT-31 to C-MOUNT-37 */
void check_mount_maps(struct json_decoder *d, const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		size_t mark = json_enter(d, "mounts[%zu]", i);

		check_maps_together(d, m);
		const char *why = config_mount_is_mapped(m) ? no_map(c, m) : NULL;
		if (why)
			complain(d, m->at, "options", "%s", why);
		json_leave(d, mark);
	}
}
