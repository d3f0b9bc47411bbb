/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a further process: everything that can be decided before the clone */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/exec.h"
#include "container/texts.h"
#include "exec-internal.h"
#include "kernel/procfs.h"
#include "plan-internal.h"

/* ---- the process ------------------------------------------------------------------------------
 */

/* FILE says it all: what else is asked for would silently not be done. */
static int check_alone(const struct exec_options *o, struct err *err)
{
	const struct {
		bool given;
		const char *name;
	} others[] = {
		{ o->args.n > 0, "a program" },
		{ o->cwd, "--cwd" },
		{ o->env.n > 0, "--env" },
		{ o->user, "--user" },
		{ o->additional_gids.n > 0, "--additional-gids" },
		{ o->capabilities.n > 0, "--cap" },
		{ o->no_new_privileges, "--no-new-privs" },
		{ o->process_label, "--process-label" },
		{ o->apparmor, "--apparmor" },
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (others[i].given)
			return err_set(err, ERR_USAGE,
				       "--process describes the whole process, %s does not go "
				       "with it",
				       others[i].name);
	}
	return 0;
}

static int load_process(const struct exec_options *o, const struct opened *opened, struct plan *p,
			struct err *err)
{
	if (o->process_file && check_alone(o, err) < 0)
		return -1;
	if (config_load_saved(opened->store.dir, "config.json", &p->config, err) < 0)
		return err_wrap(err, "saved config");
	if (!o->process_file)
		return exec_build_process(o, p->config, err);
	if (config_load_process(o->process_file, p->config, err) < 0)
		return err->sys ? err_wrap(err, "--process") : -1;
	/* conmon passes both. */
	p->config->process.terminal |= o->terminal;
	return 0;
}

static int check_terminal(const struct plan *p, struct err *err)
{
	bool terminal = p->config->process.terminal;

	if (terminal && p->options->detach && !p->options->console_socket)
		return err_set(err, ERR_USAGE, "%s", TEXT_TTY_DETACHED);
	if (!terminal && p->options->console_socket)
		return err_set(err, ERR_USAGE, "%s", TEXT_SOCKET_WITHOUT_TTY);
	return 0;
}

/* ---- the container ----------------------------------------------------------------------------
 */

/* Whether the container's first process is in another namespace than we are. */
static int is_foreign(int procfd, pid_t pid, enum oci_ns ns, bool *ret, struct err *err)
{
	char own[sizeof("self/ns/") + 8], name[3 * sizeof(pid) + sizeof("/ns/") + 8];
	struct stat ours, theirs;

	(void)snprintf(own, sizeof(own), "self/ns/%s", ns_proc_name(ns));
	(void)snprintf(name, sizeof(name), "%d/ns/%s", (int)pid, ns_proc_name(ns));
	*ret = false;
	if (fstatat(procfd, own, &ours, 0) < 0) {
		if (errno == ENOENT)
			return 0; /* this kernel has no such namespaces */
		return err_sys(err, "examine the runtime's own %s namespace", ns_name(ns));
	}
	if (fstatat(procfd, name, &theirs, 0) < 0)
		return err_sys(err, "examine the %s namespace of process %d", ns_name(ns),
			       (int)pid);
	*ret = ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
	return 0;
}

/* A mount namespace of its own has the container's root as its root. In any other one it is where
 * the first process was put. */
static int open_root(struct plan *p, pid_t pid, struct err *err)
{
	char name[3 * sizeof(pid) + sizeof("/root")];

	if (config_ns_new(p->config, OCI_NS_MOUNT))
		return 0;
	(void)snprintf(name, sizeof(name), "%d/root", (int)pid);
	p->target.root = openat(p->procfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->target.root < 0)
		return err_sys(err, "open the root directory of process %d", (int)pid);
	return 0;
}

/* What waits for `start` is undumpable (I-14). The kernel then asks for rights where the runtime
 * was executed, and the owner of the container's user namespace has them only inside of that. */
static int fail_closed(const struct opened *o, struct err *err)
{
	bool waiting = o->status == STATUS_CREATED;

	/* So is one that is about to end, to everybody. */
	if (proc_wait_end(&o->proc, waiting ? 0 : DEATH_WAIT_MS) == 1)
		return err_set(err, ERR_STATE, "%s", TEXT_EXEC_STOPPED);
	if (err->sys != EACCES || !waiting)
		return -1;
	return err_set(err, ERR_STATE,
		       "cannot exec before start without root's rights on the host: the waiting "
		       "process is closed to everybody else");
}

static int find_target(struct plan *p, const struct opened *o, struct err *err)
{
	const struct proc *first = &o->proc;
	bool foreign;

	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (is_foreign(p->procfd, first->pid, (enum oci_ns)i, &foreign, err) < 0)
			return fail_closed(o, err);
		if (foreign)
			p->target.ns_flags |= ns_flag((enum oci_ns)i);
	}
	p->user_ns = p->target.ns_flags & ns_flag(OCI_NS_USER);
	p->target.pidfd = first->pidfd;
	return open_root(p, first->pid, err);
}

/* A label that was given as an option has no position in config.json. */
static int name_label(const struct exec_options *o, struct err *err)
{
	if (o->apparmor && strstr(err->msg, "process.apparmorProfile"))
		return err_wrap(err, "--apparmor '%s'", o->apparmor);
	if (o->process_label && strstr(err->msg, "process.selinuxLabel"))
		return err_wrap(err, "--process-label '%s'", o->process_label);
	return -1;
}

/* ---- all together ------------------------------------------------------------------------------
 */

static int build(struct plan *p, const struct exec_options *o, const struct opened *opened,
		 struct err *err)
{
	if (load_process(o, opened, p, err) < 0 || check_terminal(p, err) < 0 ||
	    procfs_open(&p->procfd, err) < 0 || procfs_self(p->procfd, &p->self, err) < 0 ||
	    plan_build_env(p, err) < 0 || find_target(p, opened, err) < 0)
		return -1;
	/* For a relative listenerPath; the bundle may be gone. */
	p->bundlefd = open(p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (plan_build_process_parts(p, err) < 0)
		return name_label(o, err);
	return plan_connect_sockets(p, err);
}

int exec_plan_build(const struct exec_options *o, const struct opened *opened, struct plan *ret,
		    struct err *err)
{
	plan_init(ret, &o->shared);
	ret->exec = true;
	ret->bundle = opened->record.bundle;
	if (build(ret, o, opened, err) == 0)
		return 0;
	plan_done(ret);
	return -1;
}
