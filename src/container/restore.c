/* SPDX-License-Identifier: Apache-2.0 */
/* restore: an image becomes a running container; criu-internal.h has the idea
 *
 * The container is made as by `create`, by the same functions: plan, claim, record, cgroup with its
 * limits and device program. Then, instead of the clone, criu runs in that cgroup and in a mount
 * namespace of its own, so that the root that it asks for is seen by nobody else and ends with it.
 * What it restores is held until it was compared with the config and is in the record. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "caller-internal.h"
#include "container/relay.h"
#include "criu-internal.h"
#include "kernel/net.h"
#include "kernel/ns.h"
#include "kernel/rootfs.h"
#include "kernel/tty.h"
#include "restore-internal.h"

#define LOG_NAME "restore.log"

struct restore {
	const struct restore_options *options; /* lent */
	struct image image;
	struct criu_request request;
	struct creation *c; /* lent */
	struct criu criu;
	bool refused; /* by us, in answer to a notification */
	bool has_console, committed;
};

/* ---- mounts ------------------------------------------------------------------------------------
 */

/* What `create` would mount, in a mount namespace that ends with this: it leaves the directories
 * and files to mount on behind, in the root and in the sources of binds. */
static int make_mount_points(void *arg, struct err *err)
{
	const struct rootfs_plan *p = arg;
	struct rootfs r = ROOTFS_INIT;

	if (rootfs_attach(p, &r, err) < 0 || rootfs_mounts(p, &r, err) < 0)
		return -1;
	rootfs_done(&r);
	return 0;
}

/* criu wants a root that is a mount. */
static int mount_root(void *arg, struct err *err)
{
	const struct rootfs_plan *p = arg;
	struct mount_attr attr = { .propagation = MS_SLAVE };

	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) < 0)
		return err_sys(err, "detach the mount namespace from the host's");
	AUTO_FD tree = sys_open_tree(AT_FDCWD, p->path,
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0 || sys_move_mount(tree, "", AT_FDCWD, p->path,
				       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
		return err_sys(err, "bind the root '%s' for criu", p->path);
	return 0;
}

static int put_mounts(struct restore *r, struct err *err)
{
	const struct plan *p = &r->c->plan;

	for (size_t i = 0; i < p->config->n_mounts; i++) {
		const struct oci_mount *m = &p->config->mounts[i];
		AUTO_STR source = STR_INIT;
		if (!m->options.bind || m->options.remount)
			continue;
		if (m->source[0] != '/')
			str_addf(&source, "%s/", p->bundle);
		str_add(&source, m->source);
		if (!str_text(&source))
			return err_oom(err);
		criu_put_mount(&r->request, m->destination, source.s);
	}
	return 0;
}

/* ---- namespaces and descriptors ----------------------------------------------------------------
 */

/* The namespace that the plan has opened and checked, not the path once more. */
static int put_join(struct restore *r, enum oci_ns ns, int fd, struct err *err)
{
	char file[sizeof("/proc//fd/") + 6 * sizeof(int)];

	if (ns != OCI_NS_IPC && ns != OCI_NS_UTS)
		return err_set(err, ERR_BUG, "joining a %s namespace was not refused", ns_name(ns));
	(void)snprintf(file, sizeof(file), "/proc/%d/fd/%d", getpid(), fd);
	criu_put_join(&r->request, ns_proc_name(ns), file);
	return 0;
}

static int put_namespaces(struct restore *r, struct err *err)
{
	const struct ns_plan *ns = &r->c->plan.ns;

	for (enum oci_ns i = 0; i < OCI_NS_COUNT; i++) {
		if (ns->join[i] < 0)
			continue;
		const char *key = image_ns_key(i);
		if (key ? criu_put_fd(&r->request, key, ns->join[i], err) < 0
			: put_join(r, i, ns->join[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Ours take the place of the pipes that the container was given when it was made. */
static int put_stdio(struct restore *r, struct err *err)
{
	struct json_strings stdio;

	if (image_read_stdio(&r->image, &r->c->plan.arena, &stdio, err) < 0)
		return -1;
	for (size_t i = 0; i < stdio.n; i++) {
		if (str_starts(stdio.v[i], "pipe:"))
			criu_put_inherited(&r->request, stdio.v[i], (int)i);
	}
	return 0;
}

static void put_label(struct restore *r)
{
	const struct oci_process *p = &r->c->plan.config->process;
	const char *given = r->options->image.lsm_profile;
	AUTO_STR label = STR_INIT;

	if (given)
		str_add(&label, given);
	else if (p->apparmor_profile)
		str_addf(&label, "apparmor:%s", p->apparmor_profile);
	else if (p->selinux_label)
		str_addf(&label, "selinux:%s", p->selinux_label);
	r->request.opts.failed |= label.failed;
	criu_put_lsm_profile(&r->request, label.len ? label.s : NULL);
}

static int build_request(struct restore *r, struct err *err)
{
	if (criu_request_begin(&r->request, CRIU_RESTORE, &r->options->image, err) < 0)
		return -1;
	criu_put_places(&r->request, r->image.dir, r->image.work, LOG_NAME);
	criu_put_root(&r->request, r->c->plan.rootfs.path);
	put_label(r);
	return put_mounts(r, err) < 0 || put_namespaces(r, err) < 0 ? -1 : put_stdio(r, err);
}

/* ---- what criu tells on its way ----------------------------------------------------------------
 */

static int note_process(struct restore *r, pid_t pid, struct err *err)
{
	struct creation *c = r->c;

	if (c->proc.pidfd >= 0 || pid <= 0)
		return 0;
	/* Our child, and nobody has reaped it: the number is its own. */
	c->proc.pidfd = sys_pidfd_open(pid, 0);
	if (c->proc.pidfd < 0)
		return err_sys(err, "open the restored process %d", pid);
	c->proc.pid = pid;
	r->criu.watch = c->proc.pidfd;
	return create_note_process(c, err);
}

/* The loopback of an empty network namespace is down. */
static int bring_loopback_up(void *arg, struct err *err)
{
	return ns_enter(*(const int *)arg, OCI_NS_NETWORK, err) < 0 ? -1 : net_loopback_up(err);
}

static int set_up_network(const struct creation *c, struct err *err)
{
	char name[sizeof("/ns/net") + 3 * sizeof(pid_t)];

	if (!config_ns_new(c->plan.config, OCI_NS_NETWORK))
		return 0;
	(void)snprintf(name, sizeof(name), "%d/ns/net", c->proc.pid);
	AUTO_FD fd = openat(c->plan.procfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the container's network namespace");
	return criu_run_apart(0, bring_loopback_up, &fd, err);
}

static int commit(struct restore *r, struct err *err)
{
	if (r->c->proc.pidfd < 0)
		return err_set(err, ERR_SYSTEM, "criu did not say what it has restored");
	if (r->c->plan.config->process.terminal && !r->has_console)
		return err_set(err, ERR_CONFIG,
			       "the image has no terminal, which config.json wants");
	if (restore_check(r->c, r->criu.proc.pid, err) < 0 || create_commit(r->c, err) < 0)
		return -1;
	r->committed = true;
	return 0;
}

static int take_console(struct restore *r, int fd, struct err *err)
{
	int master = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	r->has_console = true;
	return caller_take_console(&r->c->plan, master, &r->c->master, err);
}

static int take_notice(struct restore *r, const char *script, pid_t pid, int fd, struct err *err)
{
	if (strcmp(script, "orphan-pts-master") == 0)
		return take_console(r, fd, err);
	if (note_process(r, pid, err) < 0)
		return -1;
	if (strcmp(script, "setup-namespaces") == 0)
		return set_up_network(r->c, err) < 0 ? -1 : create_host_hooks(r->c, err);
	/* Everything is in place, and nothing runs. */
	if (strcmp(script, "pre-resume") == 0)
		return commit(r, err);
	return 0;
}

/* criu goes on when some of its questions are answered with no, "pre-resume" above all. SIGKILL
 * comes before anything that is held can run, and takes criu along. */
static void stop(const struct creation *c)
{
	struct err ignored = ERR_INIT;

	if (c->cgroup.fd >= 0)
		(void)!cgroup_signal(&c->cgroup, SIGKILL, &ignored);
	if (c->proc.pidfd >= 0)
		(void)!proc_signal(&c->proc, SIGKILL);
}

static int heard(void *arg, const char *script, pid_t pid, int fd, struct err *err)
{
	struct restore *r = arg;

	if (take_notice(r, script, pid, fd, err) == 0)
		return 0;
	r->refused = true;
	stop(r->c);
	return -1;
}

/* ---- the container -----------------------------------------------------------------------------
 */

static unsigned long namespaces_of_criu(const struct restore *r)
{
	/* criu leaves cgroups alone: what it restores inherits the cgroup namespace that it is in.
	 */
	bool cgroup_ns = config_ns_new(r->c->plan.config, OCI_NS_CGROUP);

	return CLONE_NEWNS | (cgroup_ns ? CLONE_NEWCGROUP : 0);
}

static int spawn(struct restore *r, struct err *err)
{
	struct creation *c = r->c;
	const struct criu_start start = { .program = r->options->image.criu,
					  .cgroupfd = c->cgroup.fd,
					  .flags = namespaces_of_criu(r),
					  .dies_with_us = true,
					  .fds = r->request.fds,
					  .n_fds = r->request.n_fds,
					  .prepare = mount_root,
					  .arg = &c->plan.rootfs };

	if (c->cgroup.fd >= 0 && cgroup_apply(&c->cgroup, &c->plan.cgroup, err) < 0)
		return -1;
	if (c->cgroup.fd < 0 && c->plan.cgroup.has_limits)
		return err_set(err, ERR_BUG, "limits are configured, but there is no cgroup");
	if (criu_run_apart(CLONE_NEWNS | CLONE_NEWCGROUP, make_mount_points, &c->plan.rootfs, err) <
		    0 ||
	    criu_spawn(&start, &r->criu, err) < 0)
		return -1;
	return create_join_rdt(c, r->criu.proc.pid, err);
}

static int converse(struct restore *r, struct err *err)
{
	if (criu_converse(&r->criu, &r->request, heard, r, err) < 0)
		return r->refused ? -1 : image_explain(&r->image, err);
	if (r->committed)
		return 0;
	return err_set(err, ERR_SYSTEM, "criu let the restored processes run without asking");
}

static int fill(struct creation *c, void *arg, struct err *err)
{
	struct restore *r = arg;

	r->c = c;
	caller_wipe_environment();
	int rc = image_check_config(c->plan.config, err);
	if (rc == 0)
		rc = build_request(r, err);
	if (rc == 0)
		rc = spawn(r, err);
	if (rc == 0)
		rc = converse(r, err);
	criu_done(&r->criu);
	return rc;
}

static int launch(int rootfd, const struct create_options *o, void *arg, struct proc *ret_proc,
		  int *ret_master, struct ready *ret_ready UNUSED, struct err *err)
{
	struct restore *r = arg;
	struct creation c;

	if (create_populated(rootfd, o, o->detach, fill, r, &c, err) < 0)
		return -1;
	if (c.master >= 0)
		tty_copy_size(STDIN_FILENO, c.master);
	*ret_proc = c.proc;
	c.proc = (struct proc)PROC_INIT;
	*ret_master = fd_take(&c.master);
	create_end(&c);
	return 0;
}

int container_restore(int rootfd, const struct restore_options *o, int *ret_code, struct err *err)
{
	struct restore r = {
		.options = o, .image = IMAGE_INIT, .request = CRIU_REQUEST_INIT, .criu = CRIU_INIT
	};
	int rc = image_open(&o->image, false, LOG_NAME, &r.image, err);

	if (rc == 0)
		rc = run_launched(rootfd, &o->shared, launch, &r, ret_code, err);
	criu_request_done(&r.request);
	image_done(&r.image);
	return rc;
}
