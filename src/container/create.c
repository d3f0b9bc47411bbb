/* SPDX-License-Identifier: Apache-2.0 */
/* create: from a plan to a process that waits for `start` (architecture: steps 4-10) */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "caller-internal.h"
#include "container/hooks.h"
#include "container/init.h"
#include "container/ready.h"
#include "container/spawn.h"
#include "container/status.h"
#include "create-internal.h"
#include "kernel/idmap.h"
#include "kernel/limits.h"
#include "kernel/procfs.h"
#include "kernel/tty.h"

#define KILL_WAIT_MS 10000 /* for the kernel to tear down what SIGKILL hit */

/* ---- record ------------------------------------------------------------------------------------
 */

/* Pipes of the caller, which are ours now: an image of the container knows them by these names, and
 * `restore` puts others in their place. */
static int note_stdio(struct creation *c, struct err *err)
{
	struct json_strings *s = &c->record.stdio;
	char text[64];

	s->v = ARENA_NEW(&c->plan.arena, const char *, 4);
	if (!s->v)
		return err_oom(err);
	for (; s->n < 3; s->n++) {
		char name[] = "self/fd/0";
		name[sizeof(name) - 2] = (char)('0' + s->n);
		ssize_t len = readlinkat(c->plan.procfd, name, text, sizeof(text) - 1);
		text[len > 0 ? len : 0] = '\0';
		s->v[s->n] = str_starts(text, "pipe:") ? arena_strdup(&c->plan.arena, text) : "";
		if (!s->v[s->n])
			return err_oom(err);
	}
	return 0;
}

static int init_record(struct creation *c, struct err *err)
{
	const struct oci_config *config = c->plan.config;

	str_add_now(&c->created);
	if (!str_text(&c->created))
		return err_oom(err);
	c->record = (struct record){
		.phase = PHASE_CREATING,
		.id = c->plan.id,
		.bundle = c->plan.bundle,
		.rootfs = c->plan.rootfs.path,
		.oci_version = config->oci_version,
		.created = c->created.s,
		.owner = geteuid(),
		.cgroup = c->plan.options->no_cgroup ? NULL : c->plan.cgroup.path,
		.unit = c->plan.unit.name,
		.bus = c->plan.bus.address,
		.rdt = rdt_planned(&c->plan.rdt),
		.own_pid_ns = config_ns_new(config, OCI_NS_PID),
		.has_poststart = config->hooks[HOOK_POSTSTART].n,
		.has_poststop = config->hooks[HOOK_POSTSTOP].n,
		.has_process = config->process.present,
		.notifies = config_notifies(config),
		.annotations = config->annotations,
	};
	return config->process.terminal ? 0 : note_stdio(c, err);
}

/* ---- undo ---------------------------------------------------------------------------------------
 */

static int state_text(const struct creation *c, enum status status, struct str *out,
		      struct err *err)
{
	struct oci_state state;

	status_fill(&c->record, status, c->proc.pid, &state);
	state_print(out, &state, 0);
	return str_text(out) ? 0 : err_oom(err);
}

/* Walks back what was made, in reverse; a failure here is only worth a record, the first one
 * counts. */
static void create_undo(struct creation *c)
{
	struct err err = ERR_INIT;
	AUTO_STR text = STR_INIT;
	bool clean;

	if (c->proc.pidfd >= 0) {
		(void)!proc_signal(&c->proc, SIGKILL);
		(void)!proc_reap(&c->proc);
	}
	/* Descriptors may be what has run out, and the rest needs a few. */
	fd_close(&c->listener);
	fd_close(&c->sync);
	fd_close(&c->master);
	rootfs_plan_done(&c->plan.rootfs);
	ns_plan_done(&c->plan.ns);
	scope_release(&c->scope);
	clean = create_give_back(c);
	if (c->cgroup.fd >= 0 && cgroup_remove(&c->hierarchy, &c->cgroup, KILL_WAIT_MS, &err) < 0) {
		log_warn("%s, continuing", err.msg);
		clean = false;
	}
	if (c->scope.asked && scope_stop(&c->record, &err) < 0) {
		log_warn("%s, continuing", err.msg);
		clean = false;
	}
	/* After the container is gone, and only when its hooks had begun (R-HOOK-13). */
	if (c->record.hooks_began && c->record.has_poststop &&
	    state_text(c, STATUS_STOPPED, &text, &err) == 0)
		hooks_run_all(c->plan.config, HOOK_POSTSTOP,
			      &(const struct hook_context){ .state = text.s,
							     .cwdfd = c->plan.bundlefd });
	/* conmon takes an existing pid file as success (engine-contracts 4). */
	if (c->pid_file_written)
		(void)unlink(c->plan.options->pid_file);
	/* A cgroup that stays is what `delete --force` finds by the record. */
	if (clean && c->store.dir >= 0 && store_remove(&c->store, &err) < 0)
		log_warn("%s, continuing", err.msg);
}

void create_end(struct creation *c)
{
	AUTO_FD_BATCH batch = fd_batch_begin();

	fd_close(&c->listener);
	fd_close(&c->sync);
	fd_close(&c->master);
	proc_done(&c->proc);
	scope_release(&c->scope);
	net_move_done(&c->net);
	cgroup_done(&c->cgroup);
	cgroup_hierarchy_done(&c->hierarchy);
	store_unlock(&c->store);
	store_done(&c->store);
	plan_done(&c->plan);
	str_done(&c->created);
}

/* ---- steps -------------------------------------------------------------------------------------
 */

/* Looks, makes nothing. What is not there now and is written down as "to be created" may be removed
 * by `delete --force` after a create that was killed between its mkdir and its next record (S-79).
 */
static int find_cgroup(struct creation *c, bool *ret_new, struct err *err)
{
	struct cgroup cg = CGROUP_INIT;

	if (c->plan.options->no_cgroup)
		return 0;
	if (cgroup_hierarchy_open(&c->hierarchy, err) < 0) {
		/* A host without version 2 can still run what asks for nothing of it. */
		if (c->plan.unit.name || c->plan.cgroup.path_given || c->plan.cgroup.has_limits)
			return -1;
		log_debug("%s, running without an own cgroup", err->msg);
		*err = (struct err)ERR_INIT;
		return 0;
	}
	/* The path of a unit's cgroup is systemd's choice. */
	if (c->plan.unit.name)
		return 0;
	int rc = cgroup_open(&c->hierarchy, c->plan.cgroup.path, 0, false, &cg, err);
	cgroup_done(&cg);
	*ret_new = rc == 0;
	return rc < 0 ? -1 : 0;
}

static int bind_ready(struct creation *c, struct err *err)
{
	AUTO_FD dir = -1;

	if (ready_prepare(c->store.dir, &dir, err) < 0)
		return -1;
	return plan_bind_ready(&c->plan, dir, err);
}

static int claim(struct creation *c, int rootfd, struct err *err)
{
	const struct json_doc *doc = &c->plan.config->doc;
	bool new_cgroup = false;

	if (find_cgroup(c, &new_cgroup, err) < 0 ||
	    store_claim(rootfd, c->plan.id, &c->store, err) < 0 || init_record(c, err) < 0)
		return -1;
	c->record.cgroup_created = new_cgroup;
	if (store_write(&c->store, &c->record, err) < 0 ||
	    store_save_config(&c->store, doc->text, doc->len, err) < 0)
		return -1;
	if (plan_has_ready(&c->plan) && bind_ready(c, err) < 0)
		return -1;
	if (c->plan.options->restore)
		return 0;
	return fd_listen_unix_at(c->store.dir, "start.sock", SOCK_SEQPACKET, &c->listener, err);
}

static int make_cgroup(struct creation *c, struct err *err)
{
	int rc = 0;

	if (c->plan.unit.name)
		rc = scope_start(&c->scope, &c->plan, &c->record, &c->hierarchy, &c->cgroup, err);
	else if (c->hierarchy.fd >= 0)
		rc = cgroup_create(&c->hierarchy, &c->plan.cgroup, &c->cgroup, err);
	if (rc < 0)
		return -1;
	c->record.cgroup = c->cgroup.fd >= 0 ? c->cgroup.path : NULL;
	c->record.cgroup_ino = c->cgroup.ino;
	c->record.cgroup_created = c->cgroup.created;
	if (store_write(&c->store, &c->record, err) < 0)
		return -1;
	return rootfs_plan_cgroup(&c->plan.rootfs, c->cgroup.fd, err);
}

/* The child is born into a pid namespace where others may already be: they must not read our memory
 * or descriptors through /proc (CVE-2016-9962). Only where the maps can still be written: the
 * kernel gives the files of an undumpable process to the initial root (C-UMAP-10). */
static int hide(const struct plan *p, struct err *err)
{
	if (config_ns_new(p->config, OCI_NS_PID) || !procfs_is_initial_root(p->procfd))
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, "make the runtime undumpable");
	return 0;
}

int create_note_process(struct creation *c, struct err *err)
{
	char state;

	c->record.pid = c->proc.pid;
	if (proc_stat(c->proc.pid, &c->proc.start_time, &state) < 0)
		return err_sys(err, "read the start time of process %d", c->proc.pid);
	c->record.start_time = c->proc.start_time;
	return 0;
}

static int spawn(struct creation *c, struct err *err)
{
	int pair[2];

	caller_wipe_environment();
	if (hide(&c->plan, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "make a socket pair");
	c->sync = pair[0];
	AUTO_FD child_end = pair[1];
	struct init in = { .plan = &c->plan,
			   .sync = child_end,
			   .listener = c->listener,
			   .start = -1,
			   .root = ROOTFS_INIT,
			   .slave = -1,
			   .notify = NOTIFY_INIT,
			   .messenger = MESSENGER_INIT };
	struct scope_place in_scope = { .record = &c->record,
					.cgroup = &c->cgroup,
					.procfd = c->plan.procfd };
	const struct spawn_place place = { .cgroupfd = c->cgroup.fd,
					   .attach = c->record.unit ? scope_attach : NULL,
					   .arg = &in_scope };
	int rc = spawn_container(&c->plan, &place, c->sync, child_end, init_main, &in, &c->proc,
				 err);
	if (rc < 0)
		return -1;
	scope_release(&c->scope);
	fd_close(&c->listener); /* the child's copy serves `start`, and ends with the child */
	return create_note_process(c, err);
}

/* The child ended without a word: killed from outside, by the OOM killer, or by a bug. */
static int report_death(struct creation *c, struct err *err)
{
	int code = proc_reap(&c->proc);

	proc_done(&c->proc);
	c->proc = (struct proc)PROC_INIT;
	if (code > 128)
		return err_set(
			err, ERR_SYSTEM,
			"the container's process was killed by signal %d (%s) during set-up%s",
			code - 128, err_text_signal(code - 128),
			code - 128 == SIGKILL ? "; is its memory limit too small to start?" : "");
	return err_set(err, ERR_SYSTEM, "the container's process ended with code %d during set-up",
		       code);
}

/* Sends TYPE to a child that waits for it. One that is gone may have said why. */
static int answer(struct creation *c, enum sync_type type, struct err *err)
{
	struct err why = ERR_INIT;
	enum sync_type last;

	if (sync_send(c->sync, type, -1, err) == 0)
		return 0;
	if (err->sys != EPIPE)
		return -1;
	if (sync_recv(c->sync, &last, NULL, &why) == 0 && last == SYNC_FAILED) {
		*err = why;
		return -1;
	}
	return report_death(c, err);
}

/* What only the parent may do: the child waits for GO. */
static int equip(struct creation *c, struct err *err)
{
	const struct plan *p = &c->plan;

	if (config_ns_new(p->config, OCI_NS_USER) &&
	    idmap_write(p->procfd, c->proc.pid, p->config, err) < 0)
		return -1;
	if (config_ns_join(p->config, OCI_NS_USER) &&
	    idmap_check(p->procfd, c->proc.pid, p->config, err) < 0)
		return -1;
	if (limits_oom_score(p->procfd, c->proc.pid, p->config, err) < 0 ||
	    limits_raise(c->proc.pid, p->config, err) < 0)
		return -1;
	if (c->cgroup.fd >= 0 && cgroup_apply(&c->cgroup, &p->cgroup, err) < 0)
		return -1;
	if (c->cgroup.fd < 0 && p->cgroup.has_limits)
		return err_set(err, ERR_BUG, "limits are configured, but there is no cgroup");
	if (create_take_host(c, err) < 0)
		return -1;
	return answer(c, SYNC_GO, err);
}

/* ---- the child's messages
 * ------------------------------------------------------------------------ */

/* Bit SYNC_x of what may come next. */
#define MAY(type) (1u << (type))

struct phase {
	struct creation *c;
	unsigned allowed;
};

/* Written ahead: a create that is killed from now on owes the poststop hooks. */
static int note_hooks(struct creation *c, struct err *err)
{
	if (c->record.hooks_began)
		return 0;
	c->record.hooks_began = true;
	return store_write(&c->store, &c->record, err);
}

int create_host_hooks(struct creation *c, struct err *err)
{
	const struct oci_config *config = c->plan.config;
	AUTO_STR text = STR_INIT;

	if (!config->hooks[HOOK_PRESTART].n && !config->hooks[HOOK_CREATE_RUNTIME].n)
		return 0;
	if (note_hooks(c, err) < 0 || state_text(c, STATUS_CREATING, &text, err) < 0)
		return -1;
	const struct hook_context ctx = { .state = text.s, .cwdfd = c->plan.bundlefd };
	if (hooks_run(config, HOOK_PRESTART, &ctx, err) < 0 ||
	    hooks_run(config, HOOK_CREATE_RUNTIME, &ctx, err) < 0)
		return -1;
	return 0;
}

static int run_host_hooks(struct creation *c, struct err *err)
{
	return create_host_hooks(c, err) < 0 ? -1 : answer(c, SYNC_HOOKS_DONE, err);
}

/* The child is not yet reaped, so its number is still its own. */
static int set_priorities(struct creation *c, struct err *err)
{
	if (init_set_priorities(c->plan.config, c->proc.pid, err) < 0)
		return -1;
	return answer(c, SYNC_PRIORITIES_DONE, err);
}

static int handle(struct phase *ph, enum sync_type type, int take_fd, struct err *err)
{
	AUTO_FD fd = take_fd;

	if (type == SYNC_FAILED)
		return -1;
	if (type == SYNC_EOF)
		return report_death(ph->c, err);
	if (!(ph->allowed & MAY(type)))
		return err_set(err, ERR_BUG,
			       "message %d from the container's set-up came out of turn", type);
	ph->allowed &= ~MAY(type);
	if (type == SYNC_CONSOLE)
		return caller_take_console(&ph->c->plan, fd_take(&fd), &ph->c->master, err);
	if (type == SYNC_HOST_HOOKS)
		return run_host_hooks(ph->c, err);
	if (type == SYNC_PRIORITIES)
		return set_priorities(ph->c, err);
	return 0;
}

static int follow_setup(struct creation *c, struct err *err)
{
	struct phase ph = { .c = c, .allowed = MAY(SYNC_READY) };
	enum sync_type type = SYNC_EOF;
	int fd;

	if (c->plan.config->process.present && c->plan.config->process.terminal)
		ph.allowed |= MAY(SYNC_CONSOLE);
	if (c->plan.config->hooks[HOOK_PRESTART].n || c->plan.config->hooks[HOOK_CREATE_RUNTIME].n)
		ph.allowed |= MAY(SYNC_HOST_HOOKS);
	if (c->plan.user_ns && init_has_priorities(c->plan.config))
		ph.allowed |= MAY(SYNC_PRIORITIES);
	/* createContainer hooks run in the child, without a message. */
	if (c->plan.config->hooks[HOOK_CREATE_CONTAINER].n && note_hooks(c, err) < 0)
		return -1;
	while (type != SYNC_READY) {
		if (sync_recv(c->sync, &type, &fd, err) < 0 || handle(&ph, type, fd, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- results for the caller ------------------------------------------------------------------
 */

int create_commit(struct creation *c, struct err *err)
{
	c->record.phase = PHASE_CREATED;
	if (caller_send_pidfd(&c->plan, &c->proc, err) < 0 ||
	    store_write(&c->store, &c->record, err) < 0 ||
	    caller_write_pid_file(c->plan.options->pid_file, c->proc.pid, err) < 0)
		return -1;
	c->pid_file_written = c->plan.options->pid_file;
	return 0;
}

/* ---- all together
 * -------------------------------------------------------------------------------- */

/* The usual source: one clone, then what the child asks for. */
static int populate(struct creation *c, void *arg UNUSED, struct err *err)
{
	if (spawn(c, err) < 0 || equip(c, err) < 0 || follow_setup(c, err) < 0 ||
	    create_commit(c, err) < 0)
		return -1;
	return answer(c, SYNC_COMMIT, err);
}

int create_populated(int rootfd, const struct create_options *o, bool detached,
		     int (*fill)(struct creation *c, void *arg, struct err *err), void *arg,
		     struct creation *ret, struct err *err)
{
	struct creation *c = ret;

	*c = (struct creation){
		.store = STORE_INIT,
		.hierarchy = CGROUP_HIERARCHY_INIT,
		.cgroup = CGROUP_INIT,
		.scope = SCOPE_INIT,
		.listener = -1,
		.proc = PROC_INIT,
		.sync = -1,
		.net = NET_MOVE_INIT,
		.master = -1,
		.created = STR_INIT,
	};
	if (plan_build(o, detached, &c->plan, err) < 0)
		return -1;
	if (claim(c, rootfd, err) == 0 && make_cgroup(c, err) == 0 && fill(c, arg, err) == 0)
		return 0;
	create_undo(c);
	create_end(c);
	return -1;
}

int create_begin(int rootfd, const struct create_options *o, bool detached, struct creation *ret,
		 struct err *err)
{
	return create_populated(rootfd, o, detached, populate, NULL, ret, err);
}

int container_create(int rootfd, const struct create_options *o, struct err *err)
{
	struct creation c;

	if (create_begin(rootfd, o, true, &c, err) < 0)
		return -1;
	create_end(&c);
	return 0;
}
