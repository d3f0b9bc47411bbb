/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel/mountinfo.h"
#include "kernel/rdt-internal.h"

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif
#define MONITORS "mon_groups"

int rdt_open(int *ret_root, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	struct statfs fs;
	const char *path;

	if (mountinfo_find("resctrl", &scratch, &path, err) < 0)
		return -1;
	if (!path)
		return 0;

	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(err, "open the resctrl file system '%s'", path);
	/* Something else may be mounted on top of it. */
	if (fs.f_type != RDTGROUP_SUPER_MAGIC)
		return err_set(err, ERR_SYSTEM, "'%s' is no resctrl file system", path);
	*ret_root = fd_take(&fd);
	return 1;
}

/* The class NAME, which is one plain component or "". */
static int open_class(int root, const char *name, int *ret_fd)
{
	*ret_fd = openat(root, *name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? -1 : 0;
}

static int open_monitors(int dir)
{
	return openat(dir, MONITORS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- plan ---------------------------------------------------------------------------------- */

/* All lines in the order in which they count (C-RDT-07). */
static int join_lines(const struct oci_intel_rdt *r, struct arena *a, const char **ret,
		      struct err *err)
{
	AUTO_STR b = STR_INIT;

	if (r->l3_schema)
		str_addf(&b, "%s\n", r->l3_schema);
	if (r->mb_schema)
		str_addf(&b, "%s\n", r->mb_schema);
	for (size_t i = 0; i < r->schemata.n; i++)
		str_addf(&b, "%s\n", r->schemata.v[i]);
	if (!str_text(&b))
		return err_oom(err);
	*ret = b.len ? arena_strdup(a, str_text(&b)) : NULL;
	return b.len && !*ret ? err_oom(err) : 0;
}

static int plan_existing(const struct rdt_plan *p, int dir, struct err *err)
{
	struct stat st;

	/* "info" and "mon_groups" are directories as well. */
	if (faccessat(dir, "tasks", F_OK, 0) < 0 || faccessat(dir, "schemata", F_OK, 0) < 0)
		return err_set(err, ERR_CONFIG, "'%s' is no class of service of resctrl", p->clos);
	if (!p->keep)
		return err_set(
			err, ERR_CONFIG,
			"resctrl has a class of service '%s' already, and not for this container",
			p->clos);
	if (p->schemata && rdt_check_schemata(p->root, dir, p->schemata, err) < 0)
		return -1;
	if (!p->monitor)
		return 0;

	AUTO_FD monitors = open_monitors(dir);
	if (monitors >= 0 && fstatat(monitors, p->monitor, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(
			err, ERR_CONFIG,
			"the class of service has a monitoring group '%s' already, and not for this container",
			p->monitor);
	return 0;
}

static int plan_class(struct rdt_plan *p, struct err *err)
{
	AUTO_FD dir = -1;

	if (open_class(p->root, p->clos, &dir) == 0)
		return plan_existing(p, dir, err);
	if (errno != ENOENT)
		return err_sys(err, "open class of service '%s'", p->clos);
	if (p->keep && !p->schemata) /* C-RDT-06 */
		return err_set(
			err, ERR_CONFIG,
			"closID: resctrl has no class of service '%s', and no schema says how to make one",
			p->clos);
	p->is_new = true;
	return 0;
}

static int plan_monitor(struct rdt_plan *p, struct err *err)
{
	AUTO_FD monitors = p->monitor ? open_monitors(p->root) : -1;

	if (p->monitor && monitors < 0)
		return err_set(
			err, ERR_CONFIG,
			"enableMonitoring: the resctrl of this host has no monitoring groups");
	return 0;
}

int rdt_plan_build_at(int take_root, const struct oci_config *c, const char *id, struct arena *a,
		      struct rdt_plan *ret, struct err *err)
{
	const struct oci_intel_rdt *r = &c->linux_.intel_rdt;
	AUTO_FD root = take_root;
	struct rdt_plan p = { .root = root, .keep = r->clos_id != NULL };

	p.clos = arena_strdup(a, !r->clos_id ? id : strcmp(r->clos_id, "/") == 0 ? "" : r->clos_id);
	p.monitor = r->enable_monitoring ? arena_strdup(a, id) : NULL;
	if (!p.clos || (r->enable_monitoring && !p.monitor))
		return err_oom(err);
	ASSERT(!*p.clos || path_is_component(p.clos));
	if (join_lines(r, a, &p.schemata, err) < 0 || plan_monitor(&p, err) < 0 ||
	    plan_class(&p, err) < 0)
		return config_wrap(c, r->at, err, "linux.intelRdt");
	p.root = fd_take(&root);
	*ret = p;
	return 0;
}

int rdt_plan_build(const struct oci_config *c, const char *id, struct arena *a,
		   struct rdt_plan *ret, struct err *err)
{
	const struct oci_intel_rdt *r = &c->linux_.intel_rdt;
	int root = -1;

	if (!r->present) /* C-RDT-02 */
		return 0;
	int rc = rdt_open(&root, err);
	if (rc < 0)
		return config_wrap(c, r->at, err, "linux.intelRdt");
	if (rc == 0)
		return config_fail(
			c, r->at, err,
			"linux.intelRdt: this host has no resctrl file system mounted (a kernel and a processor with "
			"RDT have one: mount -t resctrl resctrl /sys/fs/resctrl)");
	return rdt_plan_build_at(root, c, id, a, ret, err);
}

void rdt_plan_done(struct rdt_plan *p)
{
	fd_close(&p->root);
}

struct rdt_group rdt_planned(const struct rdt_plan *p)
{
	return (struct rdt_group){
		.clos = p->root >= 0 ? p->clos : NULL,
		.monitor = p->monitor,
		.clos_made = p->is_new,
		.keep = p->keep,
	};
}

/* ---- apply --------------------------------------------------------------------------------- */

static int add_pid(int root, int dir, pid_t pid, struct err *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	return file_write_at(dir, "tasks", text, err) < 0 ? rdt_explain(root, err) : 0;
}

static int inode_of(int dir, const char *name, uint64_t *ret, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "examine '%s' of resctrl", name);
	*ret = st.st_ino;
	return 0;
}

/* ENOSPC: the processor has only so many classes and monitors. */
static int make_dir(int root, int dir, const char *name, const char *what, uint64_t *ret_inode,
		    struct err *err)
{
	if (mkdirat(dir, name, 0755) < 0) {
		int saved = errno;
		err_sys(err, "make %s '%s' of resctrl", what, name);
		(void)rdt_explain(root, err);
		errno = saved;
		return -1;
	}
	return inode_of(dir, name, ret_inode, err);
}

static int make_class(const struct rdt_plan *p, struct rdt_group *g, struct err *err)
{
	if (!p->is_new ||
	    make_dir(p->root, p->root, p->clos, "class of service", &g->clos_inode, err) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	/* Another container with the same closID was faster, or it is a stranger's (C-RDT-05). */
	g->clos_made = false;
	return p->keep ? 0 : -1;
}

static int make_monitor(const struct rdt_plan *p, int dir, struct rdt_group *g, struct err *err)
{
	AUTO_FD monitors = open_monitors(dir);

	if (monitors < 0)
		return err_sys(err, "open the monitoring groups of resctrl");
	if (make_dir(p->root, monitors, p->monitor, "monitoring group", &g->monitor_inode, err) ==
	    0)
		return 0;
	g->monitor = NULL; /* not ours */
	return -1;
}

static int join_monitor(int root, int dir, const char *name, pid_t pid, struct err *err)
{
	AUTO_FD monitors = open_monitors(dir);
	AUTO_FD group = -1;

	if (monitors < 0 || open_class(monitors, name, &group) < 0)
		return err_sys(err, "open monitoring group '%s' of resctrl", name);
	return add_pid(root, group, pid, err);
}

int rdt_join(int root, const struct rdt_group *g, pid_t pid, struct err *err)
{
	AUTO_FD dir = -1;

	if (!g->clos)
		return 0;
	if (open_class(root, g->clos, &dir) < 0)
		return err_sys(err, "open class of service '%s' of resctrl", g->clos);
	/* The class first: a monitoring group takes only processes of its own class. */
	if (add_pid(root, dir, pid, err) < 0)
		return -1;
	return g->monitor ? join_monitor(root, dir, g->monitor, pid, err) : 0;
}

int rdt_apply(const struct rdt_plan *p, pid_t pid, struct rdt_group *g, struct err *err)
{
	AUTO_FD dir = -1;
	int rc = 0;

	if (p->root < 0)
		return 0;
	if (make_class(p, g, err) < 0)
		return -1;
	if (open_class(p->root, p->clos, &dir) < 0)
		return err_sys(err, "open class of service '%s' of resctrl", p->clos);
	if (p->schemata)
		rc = g->clos_made ? rdt_write_schemata(p->root, dir, p->schemata, err)
				  : rdt_check_schemata(p->root, dir, p->schemata, err);
	if (rc < 0 || (p->monitor && make_monitor(p, dir, g, err) < 0))
		return -1;
	return rdt_join(p->root, g, pid, err);
}

/* ---- remove -------------------------------------------------------------------------------- */

static bool has_tasks(int dir, const char *name)
{
	AUTO_FD group = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char text[16];

	return group >= 0 && file_read_small_at(group, "tasks", text, sizeof(text)) > 0;
}

/* INODE 0: a create that was killed had not written it down. Then, and with ONLY_EMPTY, what has
 * processes in it belongs to somebody. */
static int remove_dir(int dir, const char *name, uint64_t inode, bool only_empty, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "examine '%s' of resctrl", name);
	if ((inode && st.st_ino != inode) || ((!inode || only_empty) && has_tasks(dir, name)))
		return 0;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove '%s' of resctrl", name);
	return 0;
}

static int remove_monitor(int root, const struct rdt_group *g, struct err *err)
{
	AUTO_FD dir = -1;

	if (open_class(root, g->clos, &dir) < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(err, "open class of service '%s' of resctrl", g->clos);
	AUTO_FD monitors = open_monitors(dir);
	return monitors < 0 ? 0 : remove_dir(monitors, g->monitor, g->monitor_inode, false, err);
}

int rdt_remove(int root, const struct rdt_group *g, bool unfinished, struct err *err)
{
	int rc = 0;

	if (g->clos && g->monitor)
		rc = remove_monitor(root, g, err);
	if (rc == 0 && g->clos && g->clos_made && (!g->keep || unfinished))
		rc = remove_dir(root, g->clos, g->clos_inode, g->keep, err);
	return rc;
}

int rdt_restore(int root, const struct rdt_group *g, const char *old, struct err *err)
{
	AUTO_FD dir = -1;

	if (open_class(root, g->clos, &dir) < 0)
		return err_sys(err, "open class of service '%s' of resctrl", g->clos);
	return file_write_at(dir, "schemata", old, err);
}

int rdt_update(int root, const struct rdt_group *g, const char *wanted, struct arena *a,
	       char **ret_old, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_FD dir = -1;
	size_t len;

	if (!g->clos)
		return err_set(err, ERR_STATE,
			       "the container was created without linux.intelRdt, so it has no class "
			       "of service whose schemata could change");
	if (!*g->clos)
		return err_set(err, ERR_STATE,
			       "the container is in the root's class of service, which is the whole "
			       "host's: its schemata are not changed");
	if (open_class(root, g->clos, &dir) < 0)
		return err_sys(err, "open class of service '%s' of resctrl", g->clos);
	if (file_read_at(dir, "schemata", RDT_SCHEMATA_MAX, a, ret_old, &len, err) < 0)
		return -1;
	if (rdt_write_schemata(root, dir, wanted, err) == 0)
		return 0;
	if (file_write_at(dir, "schemata", *ret_old, &ignored) < 0)
		return err_wrap(err, "the former schemata could not be restored (%.200s)",
				ignored.msg);
	return err_wrap(err, "class of service '%s' (its former schemata are in force)", g->clos);
}
