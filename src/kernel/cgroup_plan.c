/* SPDX-License-Identifier: Apache-2.0 */
/* Where the container's cgroup is, whose it will be, and what is written to it
 * (cgroup_convert.c). */
#include "kernel/cgroup.h"

#include <limits.h>
#include <linux/mount.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"

/* A filter that was not asked for, or cannot be had, is no limit that a container without a cgroup
 * would miss (C-CGD-08). */
static int plan_devices(struct cgroup_plan *p, struct arena *a, struct err *err)
{
	const struct oci_resources *r = &p->config->linux_.resources;
	bool denies = false;

	if (devfilter_build(r, a, &p->devices, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_devices; i++)
		denies |= !r->devices[i].allow;
	if (denies && p->devices.has_deny && devfilter_is_enforceable())
		p->has_limits = true;

	return 0;
}

/* C-CGP-01 to -05. A relative path counts from the root too, and "slice:prefix:name" is a name
 * like any other. */
static int plan_path(struct cgroup_plan *p, const char *id, struct arena *a, struct err *err)
{
	const struct oci_config *c = p->config;
	const char *given = c->linux_.cgroups_path;
	uint32_t at = c->linux_.cgroups_path_at;
	char path[sizeof(((struct cgroup *)NULL)->path)];

	if (!given) {
		ASSERT(path_is_component(id));
		p->path = arena_printf(a, "/%s", id);
		return p->path ? 0 : err_oom(err);
	}
	if (strlen(given) >= sizeof(path) - 1)
		return config_fail(c, at, err, "linux.cgroupsPath: %zu bytes long; allowed: %zu",
				   strlen(given), sizeof(path) - 2);
	/* The kernel has the same rule for newlines: they would break /proc/PID/cgroup. */
	if (strchr(given, '\n') || path_normalise(given, path, sizeof(path)) < 0)
		return config_fail(c, at, err,
				   "linux.cgroupsPath: '%s' has a '..' or a newline in it, which "
				   "are not allowed",
				   given);
	if (strcmp(path, "/") == 0)
		return config_fail(c, at, err,
				   "linux.cgroupsPath: '%s' is the root of all cgroups, which no "
				   "container may have",
				   given);
	for (const char *s = path; *s;) {
		size_t len = strcspn(++s, "/");

		if (len > NAME_MAX)
			return config_fail(
				c, at, err,
				"linux.cgroupsPath: a component of %zu bytes; allowed: %d", len,
				NAME_MAX);
		s += len;
	}

	p->path_given = true;
	p->path = arena_strdup(a, path);
	return p->path ? 0 : err_oom(err);
}

/* The cgroup mount that the container may write to (config-linux.md, "Cgroup ownership"). */
static bool has_writable_cgroup_mount(const struct oci_config *c)
{
	char path[sizeof("/sys/fs/cgroup") + 64];

	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		uint64_t set = m->options.attr_set | m->options.rattr_set;

		if (!m->source || strcmp(m->source, "cgroup") != 0 || !m->type ||
		    !str_starts(m->type, "cgroup") || (set & MOUNT_ATTR_RDONLY))
			continue;
		if (path_normalise(m->destination, path, sizeof(path)) == 0 &&
		    strcmp(path, "/sys/fs/cgroup") == 0)
			return true;
	}

	return false;
}

/* C-CGP-08. A joined user namespace has no mapping here unless the config repeats it, and without
 * one nobody knows the host's uid. */
static void plan_owner(struct cgroup_plan *p, const struct oci_config *c)
{
	const struct oci_linux *l = &c->linux_;
	uint32_t uid = c->process.user.uid;

	if (!config_ns_new(c, OCI_NS_CGROUP) || !has_writable_cgroup_mount(c))
		return;
	if (!l->ns[OCI_NS_USER].present) {
		p->chown = true;
		p->owner_uid = uid;
		return;
	}
	for (size_t i = 0; i < l->n_uid_map; i++) {
		const struct oci_id_map *m = &l->uid_map[i];

		if (uid >= m->container_id && uid - m->container_id < m->size) {
			p->chown = true;
			p->owner_uid = m->host_id + (uid - m->container_id);
			return;
		}
	}
}

/* Everything but the path. */
static int plan_rest(struct cgroup_plan *p, struct arena *a, struct err *err)
{
	if (cgroup_convert(&p->config->linux_.resources, a, p, err) < 0 ||
	    plan_devices(p, a, err) < 0)
		return -1;
	plan_owner(p, p->config);

	return 0;
}

int cgroup_plan_build(const struct oci_config *c, const char *id, struct arena *a,
		      struct cgroup_plan *ret, struct err *err)
{
	struct cgroup_plan p = { .config = c };

	if (plan_path(&p, id, a, err) < 0 || plan_rest(&p, a, err) < 0)
		return -1;

	*ret = p;
	return 0;
}

int cgroup_plan_build_unit(const struct oci_config *c, struct arena *a, struct cgroup_plan *ret,
			   struct err *err)
{
	struct cgroup_plan p = { .config = c };

	if (plan_rest(&p, a, err) < 0)
		return -1;

	*ret = p;
	return 0;
}

void cgroup_plan_done(struct cgroup_plan *p)
{
	/* All of it belongs to the arena; what is left must not be used. */
	*p = (struct cgroup_plan){ .path = NULL };
}
