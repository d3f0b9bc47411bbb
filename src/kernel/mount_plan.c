/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, the part of the parent: sources of binds, and the attributes of their copies
 *
 * Propagation of a bind. The copy of a mount that is shared on the host starts as its peer: what is
 * mounted below it in the container would appear on the host. That is what "shared" asks for, and
 * nothing else does. So:
 *   no propagation option   the whole tree becomes private;
 *   a recursive one first   it covers the whole tree itself;
 *   shared first            the top becomes (stays) shared, the mounts below stay what they are;
 *   another one first       the whole tree becomes slave, so that the mounts below do not stay
 *                           peers, then the option is applied to the top. */
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "kernel/mount-internal.h"

/* The root of every procfs instance has this inode number (kernel: PROC_ROOT_INO). */
#define PROC_ROOT_INODE 1

static bool is_cgroup_type(const char *type)
{
	return type && (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0);
}

/* The kernel wants the whole group of access time flags cleared when one of them changes. */
static uint64_t whole_atime(uint64_t set, uint64_t clear)
{
	return ((set | clear) & MOUNT_ATTR__ATIME) ? clear | MOUNT_ATTR__ATIME : clear;
}

int mount_change(int fd, bool all, uint64_t set, uint64_t clear, uint64_t propagation,
		 struct err *err)
{
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = whole_atime(set, clear),
		.propagation = propagation & ~(uint64_t)MS_REC,
	};
	unsigned flags = AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0);

	if (sys_mount_setattr(fd, "", flags, &attr) == 0)
		return 0;
	if (errno == EPERM && attr.attr_clr)
		return err_sys(err, "set mount attributes: flags that are set on the host's mount "
				    "(ro, nosuid, nodev, noexec, atime) cannot be cleared in a "
				    "user namespace; name them in the options too");
	if (errno == ENOSYS)
		return err_sys(err, "set mount attributes (needs mount_setattr, kernel 5.12)");

	return err_sys(err, "set mount attributes");
}

uint64_t mount_fresh_attrs(const struct mount_plan *p)
{
	const struct oci_mount_options *o = &p->config->options;
	uint64_t attrs = (o->rattr_set & ~whole_atime(o->attr_set, o->attr_clear)) | o->attr_set;

	if (p->finish_read_only)
		attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;

	return attrs;
}

/* The propagation that goes to the whole tree together with the recursive attributes, and whether
 * the first option is thereby done. */
static uint64_t base_propagation(const struct oci_mount_options *o, bool *ret_first_done)
{
	*ret_first_done = false;
	if (o->n_propagation == 0)
		return MS_PRIVATE;

	uint64_t first = o->propagation[0];
	if ((first & MS_REC) || !o->recursive) {
		*ret_first_done = true;
		return first & ~(uint64_t)MS_REC;
	}
	if (first & MS_SHARED)
		return 0;
	*ret_first_done = (first & MS_SLAVE) != 0;

	return MS_SLAVE;
}

int mount_dress_tree(const struct mount_plan *p, int tree, struct err *err)
{
	const struct oci_mount_options *o = &p->config->options;
	bool first_done;
	uint64_t base = base_propagation(o, &first_done);
	uint64_t all_set = o->rattr_set;
	uint64_t all_clear = o->rattr_clear;
	bool one_call = !o->recursive && !all_set && !all_clear;

	if (one_call) {
		all_set = o->attr_set;
		all_clear = o->attr_clear;
	}
	if ((all_set || all_clear || base) &&
	    mount_change(tree, o->recursive, all_set, all_clear, base, err) < 0)
		return -1;
	/* The decoder drops what a later recursive option overrides, so what is left came later. */
	if (!one_call && (o->attr_set || o->attr_clear) &&
	    mount_change(tree, false, o->attr_set, o->attr_clear, 0, err) < 0)
		return -1;
	for (size_t i = first_done ? 1 : 0; i < o->n_propagation; i++) {
		if (mount_change(tree, (o->propagation[i] & MS_REC) != 0, 0, 0, o->propagation[i],
				 err) < 0)
			return -1;
	}

	return 0;
}

int mount_clone(int dirfd, const char *source, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

	return sys_open_tree(dirfd, source, flags | (recursive ? AT_RECURSIVE : 0));
}

static int fail_clone(const char *source, bool recursive, struct err *err)
{
	if (errno == EINVAL && !recursive)
		return err_sys(err,
			       "bind '%s': it is unbindable, or mounts below it are locked and "
			       "only 'rbind' takes them along",
			       source);

	return err_sys(err, "bind '%s'", source);
}

/* Opens the source: as a detached copy when we may, else as what the child must find again. */
static int open_source(struct mount_plan *p, int bundlefd, struct err *err)
{
	const struct oci_mount *m = p->config;
	struct stat st;

	AUTO_FD tree = mount_clone(bundlefd, m->source, m->options.recursive);
	if (tree < 0 && errno != EPERM)
		return fail_clone(m->source, m->options.recursive, err);
	if (tree < 0 && p->maps >= 0)
		return err_sys(err, "id-mapped mounts need CAP_SYS_ADMIN on the host");

	AUTO_FD path = -1;
	if (tree < 0) {
		path = openat(bundlefd, m->source, O_PATH | O_CLOEXEC);
		if (path < 0)
			return err_sys(err, "open '%s'", m->source);
	}
	if (fstat(tree >= 0 ? tree : path, &st) < 0)
		return err_sys(err, "look at '%s'", m->source);
	if (tree >= 0 && (mount_dress_tree(p, tree, err) < 0 || mount_map(p, tree, err) < 0))
		return -1;

	p->source_is_dir = S_ISDIR(st.st_mode);
	p->source_dev = st.st_dev;
	p->source_ino = st.st_ino;
	p->tree = fd_take(&tree);
	p->source = fd_take(&path);

	return 0;
}

/* What PATH is called in directory DIR, from the '/' on; NULL when it is not below it. Lexical. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len : NULL;
}

static int plan_source_inside(struct mount_plan *p, const struct mount_request *r, struct err *err)
{
	char clean[PATH_MAX];

	if (path_normalise(p->source_path, clean, sizeof(clean)) < 0)
		return 0; /* has "..", so it is no path that anybody made from the root's */
	const char *inside = below(clean, r->root);
	for (size_t i = 0; inside && i < p->index; i++) {
		const char *target = r->earlier[i].target;
		if (strcmp(inside, target) != 0 && !below(inside, target))
			continue;
		p->source_inside = arena_strdup(r->arena, inside);
		return p->source_inside ? 0 : err_oom(err);
	}

	return 0;
}

static int plan_bind(struct mount_plan *p, const struct mount_request *r, struct err *err)
{
	const struct oci_mount *m = p->config;

	if (!m->source)
		return err_set(err, ERR_CONFIG, "a bind mount needs a source");
	if (m->options.n_data > 0)
		return err_set(err, ERR_CONFIG, "option '%s' has no meaning for a bind mount",
			       m->options.data[0].key);

	p->source_path = m->source;
	if (m->source[0] != '/') {
		p->source_path = arena_printf(r->arena, "%s/%s", r->bundle, m->source);
		if (!p->source_path)
			return err_oom(err);
	}

	if (plan_source_inside(p, r, err) < 0)
		return -1;

	return p->source_inside ? 0 : open_source(p, r->bundlefd, err);
}

/* Files of /proc that managers bind views of their own onto (lxcfs; C-MOUNT-05). */
static bool may_be_covered(const char *name)
{
	static const char *const names[] = {
		"cpuinfo",
		"diskstats",
		"loadavg",
		"meminfo",
		"net/dev",
		"slabinfo",
		"stat",
		"swaps",
		"sys/crypto/fips_enabled",
		"sys/kernel/ns_last_pid",
		"uptime",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}

	return false;
}

static bool is_proc_root(const struct mount_plan *p)
{
	struct statfs fs;
	int fd = p->tree >= 0 ? p->tree : p->source;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	       p->source_ino == PROC_ROOT_INODE;
}

/* Nothing but a procfs may be what the container sees as /proc (I-03, CVE-2019-16884). */
static int check_proc(struct mount_plan *p, struct err *err)
{
	const struct oci_mount *m = p->config;
	const char *below = p->target + strlen("/proc");

	if (strncmp(p->target, "/proc", strlen("/proc")) != 0 || (*below && *below != '/'))
		return 0;

	p->in_proc = true;
	if (*below) {
		if (p->is_bind && !p->source_is_dir && may_be_covered(below + 1))
			return 0;
		return err_set(err, ERR_CONFIG,
			       "mounts inside /proc are refused, except binds of files onto "
			       "cpuinfo, meminfo, stat, uptime and the like");
	}
	if (m->options.remount || (!p->is_bind && strcmp(m->type, "proc") == 0))
		return 0;
	/* A runtime inside a container may pass its own /proc on. */
	if (p->is_bind && is_proc_root(p))
		return 0;

	return err_set(err, ERR_CONFIG, "only a proc file system may be mounted on '/proc'");
}

static int plan_mount(struct mount_plan *p, const struct mount_request *r, struct err *err)
{
	const struct oci_mount *m = p->config;
	char clean[PATH_MAX];

	if (path_normalise(m->destination, clean, sizeof(clean)) < 0)
		return err_set(err, ERR_CONFIG, "a destination may not contain '..'");
	if (strcmp(clean, "/") == 0)
		return err_set(err, ERR_CONFIG, "the container's root is no place for a mount");
	p->target = arena_strdup(r->arena, clean);
	if (!p->target)
		return err_oom(err);

	p->is_dev = strcmp(clean, "/dev") == 0;
	if (mount_plan_maps(r, p, err) < 0)
		return -1;
	if (m->options.tmpcopyup &&
	    (m->options.bind || m->options.remount || !m->type || strcmp(m->type, "tmpfs") != 0))
		return err_set(err, ERR_CONFIG, "option 'tmpcopyup' is for a new tmpfs");
	if (m->options.remount)
		return 0;
	if (m->options.bind) {
		p->is_bind = true;
		return plan_bind(p, r, err);
	}
	if (!m->type)
		return err_set(err, ERR_CONFIG, "a type, or the option 'bind', is missing");

	p->is_cgroup = is_cgroup_type(m->type);
	/* Mount points and device nodes must be made in it first (C-MOUNT-28). */
	p->finish_read_only = (mount_fresh_attrs(p) & MOUNT_ATTR_RDONLY) &&
			      (strcmp(m->type, "tmpfs") == 0 || p->is_dev);

	return 0;
}

int mount_plan_build(const struct mount_request *r, size_t index, struct mount_plan *ret,
		     struct err *err)
{
	const struct oci_mount *m = &r->config->mounts[index];

	*ret = (struct mount_plan){
		.config = m, .index = index, .tree = -1, .source = -1, .maps = -1
	};
	if (plan_mount(ret, r, err) == 0 && check_proc(ret, err) == 0)
		return 0;
	mount_plan_done(ret);

	return config_wrap(r->config, m->at, err, "mounts[%zu] '%s'", index, m->destination);
}

int mount_plan_cgroup(const struct oci_config *c, struct mount_plan *p, int cgroup_dirfd,
		      struct err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int rc = 0;

	AUTO_FD tree = sys_open_tree(cgroup_dirfd, "", flags);
	if (tree >= 0)
		rc = mount_dress_tree(p, tree, err);
	else if (errno != EPERM)
		rc = err_sys(err, "bind the container's cgroup");
	if (rc < 0)
		return config_wrap(c, p->config->at, err, "mounts[%zu] '%s'", p->index,
				   p->config->destination);

	p->tree = fd_take(&tree);
	return 0;
}

void mount_plan_done(struct mount_plan *p)
{
	fd_close(&p->tree);
	fd_close(&p->source);
}
