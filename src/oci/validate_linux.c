/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/sysctl_key.h"
#include "oci/validate-internal.h"

/* ---- namespaces ---------------------------------------------------------------------------- */

/* C-NS-05 */
void check_namespace_paths(struct json_decoder *d, const struct oci_config *c)
{
	for (unsigned i = 0; i < OCI_NS_COUNT; i++) {
		const struct oci_namespace *ns = &c->linux_.ns[i];

		if (ns->path && *ns->path != '/')
			complain(d, ns->at, "linux.namespaces",
				 "the path of the \"%s\" namespace is not absolute",
				 names_of(oci_namespaces, i));
	}
}

/* C-UMAP-02, C-UMAP-03; with a joined namespace engines send its mappings too (C-UMAP-04). */
void check_user_namespace(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;
	const struct oci_namespace *user = &l->ns[OCI_NS_USER];

	if (!user->present && l->n_uid_map > 0)
		complain(d, l->uid_map[0].at, "linux.uidMappings",
			 "needs a namespace of type \"user\"");
	if (!user->present && l->n_gid_map > 0)
		complain(d, l->gid_map[0].at, "linux.gidMappings",
			 "needs a namespace of type \"user\"");
	if (config_ns_new(c, OCI_NS_USER) && (l->n_uid_map == 0 || l->n_gid_map == 0))
		complain(d, user->at, "linux.namespaces",
			 "a new user namespace needs 'uidMappings' and 'gidMappings'");
	if (config_ns_join(c, OCI_NS_USER) && (l->n_uid_map == 0) != (l->n_gid_map == 0))
		complain(d, user->at, "linux.namespaces",
			 "'uidMappings' and 'gidMappings' must be given together");
}

#define ID_MAP_LINES_MAX 340 /* UID_GID_MAP_MAX_EXTENTS, kernel 4.15 */

static bool overlap(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

void check_id_map(struct json_decoder *d, const char *path, const struct oci_id_map *v, size_t n)
{
	if (n > ID_MAP_LINES_MAX) {
		complain(d, v[0].at, path, "%zu lines, the kernel takes %d", n, ID_MAP_LINES_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct oci_id_map *m = &v[i];
		size_t mark = json_enter(d, "%s%s[%zu]", d->path[0] ? "." : "", path, i);

		if (m->size == 0)
			complain(d, m->at, "size", "must not be 0");
		if ((uint64_t)m->container_id + m->size > UINT32_MAX ||
		    (uint64_t)m->host_id + m->size > UINT32_MAX)
			complain(d, m->at, "", "the range goes beyond the largest id");
		for (size_t j = 0; j < i; j++) {
			if (overlap(m->container_id, v[j].container_id, m->size, v[j].size))
				complain(d, m->at, "containerID", "overlaps with entry %zu", j);
			if (overlap(m->host_id, v[j].host_id, m->size, v[j].size))
				complain(d, m->at, "hostID", "overlaps with entry %zu", j);
		}
		json_leave(d, mark);
	}
}

static bool maps_zero(const struct oci_id_map *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].container_id == 0)
			return true;
	}
	return n == 0; /* a rule of its own */
}

/* C-UMAP-09: the container is built as its root. */
void check_root_is_mapped(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;

	if (!config_ns_new(c, OCI_NS_USER))
		return;
	if (!maps_zero(l->uid_map, l->n_uid_map))
		complain(d, l->uid_map[0].at, "linux.uidMappings",
			 "id 0 of the container must be mapped");
	if (!maps_zero(l->gid_map, l->n_gid_map))
		complain(d, l->gid_map[0].at, "linux.gidMappings",
			 "id 0 of the container must be mapped");
}

void check_id_maps(struct json_decoder *d, const struct oci_config *c)
{
	check_id_map(d, "linux.uidMappings", c->linux_.uid_map, c->linux_.n_uid_map);
	check_id_map(d, "linux.gidMappings", c->linux_.gid_map, c->linux_.n_gid_map);
}

/* C-TIME-02, C-TIME-03: the offsets of a namespace are fixed once a process is in it. */
void check_time_offsets(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;

	if ((l->monotonic.set || l->boottime.set) && !config_ns_new(c, OCI_NS_TIME))
		complain(d, l->time_offsets_at, "linux.timeOffsets", "needs a new time namespace");
}

/* ---- devices, paths ------------------------------------------------------------------------ */

static int by_path(const void *a, const void *b)
{
	const struct oci_device *x = *(const struct oci_device *const *)a;
	const struct oci_device *y = *(const struct oci_device *const *)b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static bool same_device(const struct oci_device *a, const struct oci_device *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor &&
	       a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

/* S-75: two different entries for one path cannot both be what the container sees. The same entry
 * twice is what containerd sends for a device of a privileged container. */
void check_devices(struct json_decoder *d, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;
	const struct oci_device **v = ARENA_NEW(d->arena, const struct oci_device *, l->n_devices);
	char shown[JSON_SHOWN];

	if (!v) {
		config_oom(d);
		return;
	}
	for (size_t i = 0; i < l->n_devices; i++)
		v[i] = &l->devices[i];
	qsort(v, l->n_devices, sizeof(*v), by_path);
	for (size_t i = 1; i < l->n_devices; i++) {
		if (strcmp(v[i]->path, v[i - 1]->path) == 0 && !same_device(v[i], v[i - 1]))
			complain(d, v[i]->at, "linux.devices",
				 "a second and different device at \"%s\"",
				 json_shown(v[i]->path, shown));
	}
}

static void check_path_list(struct json_decoder *d, const struct oci_config *c, const char *key,
			    const struct json_strings *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		size_t mark = json_enter(d, "linux.%s[%zu]", key, i);

		if (*paths->v[i] != '/') /* C-MASK-03 */
			json_fail_at(d, paths->at[i], "expected an absolute path");
		else if (strspn(paths->v[i], "/") == strlen(paths->v[i]))
			json_fail_at(d, paths->at[i], "the root directory cannot be meant");
		json_leave(d, mark);
	}
	if (paths->n > 0 && !config_ns_new(c, OCI_NS_MOUNT)) { /* C-MASK-06 */
		size_t mark = json_enter(d, "linux.%s", key);
		json_fail_at(d, paths->at[0], "needs a new mount namespace");
		json_leave(d, mark);
	}
}

void check_masked_paths(struct json_decoder *d, const struct oci_config *c)
{
	check_path_list(d, c, "maskedPaths", &c->linux_.masked_paths);
	check_path_list(d, c, "readonlyPaths", &c->linux_.readonly_paths);
}

void check_rootfs_propagation(struct json_decoder *d, const struct oci_config *c)
{
	if (c->linux_.rootfs_propagation && !config_ns_new(c, OCI_NS_MOUNT))
		complain(d, c->linux_.rootfs_propagation_at, "linux.rootfsPropagation",
			 "needs a new mount namespace");
}

#define CGROUPS_PATH_MAX 4000 /* /proc/PID/cgroup shows PATH_MAX bytes */
#define CGROUP_NAME_MAX  255

static bool is_printable(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return false;
	}
	return true;
}

/* I-22, S-30, C-CGP-04: never leaves the hierarchy, never its root. */
void check_cgroups_path(struct json_decoder *d, const struct oci_config *c)
{
	const char *path = c->linux_.cgroups_path;
	const char *key = "linux.cgroupsPath";
	uint32_t at = c->linux_.cgroups_path_at;
	size_t segments = 0;

	if (!path)
		return;
	if (!is_printable(path))
		complain(d, at, key, "control characters are not allowed");
	if (strlen(path) > CGROUPS_PATH_MAX)
		complain(d, at, key, "longer than %d bytes", CGROUPS_PATH_MAX);
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if ((n == 1 && *p == '.') || (n == 2 && strncmp(p, "..", 2) == 0)) {
			complain(d, at, key, "\".\" and \"..\" are not allowed");
			return;
		}
		if (n > CGROUP_NAME_MAX) {
			complain(d, at, key, "a name is longer than %d bytes", CGROUP_NAME_MAX);
			return;
		}
		segments += n > 0;
		p += n + (p[n] == '/');
	}
	if (segments == 0)
		complain(d, at, key, "is the root of the hierarchy, which no container may use");
}

/* ---- sysctl -------------------------------------------------------------------------------- */

static void complain_sysctl(struct json_decoder *d, const struct json_pair *p, const char *text)
{
	char shown[JSON_SHOWN];
	size_t mark = json_enter(d, "linux.sysctl.%s", json_shown(p->key, shown));

	json_fail_at(d, p->at, "%s", text);
	json_leave(d, mark);
}

/* Form of keys and values, and that no two of them are the same setting. */
void check_sysctl(struct json_decoder *d, const struct oci_config *c)
{
	const struct json_map *map = &c->linux_.sysctl;
	struct named *names = ARENA_NEW(d->arena, struct named, map->n);
	size_t n = 0;
	char path[SYSCTL_KEY_MAX];

	if (!names) {
		config_oom(d);
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		const struct json_pair *p = &map->v[i];

		if (sysctl_key_path(p->key, path, sizeof(path)) < 0) {
			complain_sysctl(d, p, "is no name of a kernel setting");
			continue;
		}
		if (strchr(p->value, '\n'))
			complain_sysctl(d, p, "a value must not contain a newline");
		names[n].at = p->at;
		names[n].name = arena_strdup(d->arena, path);
		if (!names[n++].name) {
			config_oom(d);
			return;
		}
	}
	complain_duplicates(d, names, n, "linux.sysctl", "value for");
}

/* I-11: only what belongs to a namespace that the container does not share with the caller. */
void check_sysctl_owner(struct json_decoder *d, const struct oci_config *c)
{
	const struct json_map *map = &c->linux_.sysctl;
	char path[SYSCTL_KEY_MAX], text[80];

	for (size_t i = 0; i < map->n; i++) {
		const struct json_pair *p = &map->v[i];

		if (sysctl_key_path(p->key, path, sizeof(path)) < 0)
			continue;
		enum oci_ns owner;
		if (strcmp(path, "kernel/hostname") == 0) { /* C-SYSCTL-04 */
			complain_sysctl(d, p, "not allowed, use the field 'hostname'");
		} else if (!sysctl_key_owner(path, &owner)) {
			complain_sysctl(d, p, "belongs to the host, not to a namespace");
		} else if (!c->linux_.ns[owner].present) {
			(void)snprintf(text, sizeof(text),
				       "would change the host: needs a namespace of type \"%s\"",
				       names_of(oci_namespaces, owner));
			complain_sysctl(d, p, text);
		}
	}
}

/* C-SYSCTL-05 */
void check_sysctl_domainname(struct json_decoder *d, const struct oci_config *c)
{
	const struct json_map *map = &c->linux_.sysctl;
	char path[SYSCTL_KEY_MAX];

	for (size_t i = 0; c->domainname && i < map->n; i++) {
		const struct json_pair *p = &map->v[i];

		if (sysctl_key_path(p->key, path, sizeof(path)) == 0 &&
		    strcmp(path, "kernel/domainname") == 0 && strcmp(p->value, c->domainname) != 0)
			complain_sysctl(d, p, "differs from the field 'domainname'");
	}
}
