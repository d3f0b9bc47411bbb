/* SPDX-License-Identifier: Apache-2.0 */
/* delete: processes, cgroup, poststop hooks, state directory, in this order; the state goes last,
 * so that an interrupted delete can be repeated */
#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/container.h"
#include "container/texts.h"
#include "scope-internal.h"
#include "verbs-internal.h"

#define END_WAIT_MS 10000
/* Whoever has not ended by then may be held up by his own limits. */
#define HURRY_MS 1000

static int check_status(const struct opened *o, struct err *err)
{
	switch (o->status) {
	case STATUS_STOPPED:
	case STATUS_CREATED: /* D-15 */
		return 0;
	case STATUS_UNKNOWN:
		return err_wrap(err, "damaged state (delete --force removes the container)");
	case STATUS_CREATING:
	case STATUS_RUNNING:
	case STATUS_PAUSED:
		break;
	}
	return err_set(err, ERR_STATE, TEXT_DELETE_BUSY, o->store.id, status_name(o->status));
}

static void lift_limits(const struct opened *o)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct err ignored = ERR_INIT;

	if (opened_cgroup(o, &h, &cg, &ignored) == 1)
		cgroup_lift_limits(&cg);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
}

static int end_process(const struct opened *o, struct err *err)
{
	if (o->proc.pidfd < 0)
		return 0;
	if (proc_signal(&o->proc, SIGKILL) < 0 && errno != ESRCH)
		return err_sys(err, "kill the container's process %d", o->proc.pid);
	int rc = proc_wait_end(&o->proc, HURRY_MS);
	if (rc == 0) {
		lift_limits(o);
		rc = proc_wait_end(&o->proc, END_WAIT_MS);
	}
	if (rc == 0)
		return err_set(err, ERR_SYSTEM, "process %d did not end within %d s of SIGKILL",
			       o->proc.pid, END_WAIT_MS / 1000);
	return rc < 0 ? err_sys(err, "wait for the container's process %d", o->proc.pid) : 0;
}

/* Of a create that was killed before it could write down the inode: the directory, if it is there,
 * was made by it a moment before, and is empty; processes inside mean that somebody else made it
 * since. */
static bool is_strangers(const struct opened *o, const struct cgroup *cg)
{
	struct err ignored = ERR_INIT;
	AUTO_ARENA a = ARENA_INIT;
	pid_t *pids;
	size_t n = 0;

	return !o->record.cgroup_ino && (cgroup_pids(cg, &a, &pids, &n, &ignored) < 0 || n > 0);
}

static int remove_cgroup(const struct opened *o, struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;
	int rc = opened_cgroup(o, &h, &cg, err);

	if (rc == 1 && !is_strangers(o, &cg))
		rc = cgroup_remove(&h, &cg, END_WAIT_MS, err);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc < 0 ? -1 : 0;
}

/* When resctrl is mounted no more, nothing is left of it. */
static int remove_rdt(const struct opened *o, struct err *err)
{
	AUTO_FD root = -1;

	if (!o->record.rdt.clos)
		return 0;
	int rc = rdt_open(&root, err);
	if (rc == 1)
		rc = rdt_remove(root, &o->record.rdt, o->record.phase == PHASE_CREATING, err);
	return rc < 0 ? -1 : 0;
}

/* Hooks are owed by a container that was created, and by a create that was killed after it began
 * its hooks. */
static bool owes_poststop(const struct opened *o)
{
	return o->record.has_poststop &&
	       (o->record.phase == PHASE_CREATED || o->record.hooks_began);
}

/* Without a cgroup only state.json knows the process: no success may be claimed that nobody can see
 * (S-78). */
static int check_traceable(const struct opened *o, const struct err *damage, struct err *err)
{
	if (o->has_record || !o->record.id || o->record.cgroup)
		return 0;
	return err_set(
		err, ERR_STATE,
		"the container has no cgroup and its state.json is damaged (%.200s): end its processes and "
		"remove the directory '%s' of the state root by hand",
		damage->msg, o->store.id);
}

int opened_destroy(struct opened *o, struct err *err)
{
	if (end_process(o, err) < 0 || remove_cgroup(o, err) < 0 ||
	    scope_stop(&o->record, err) < 0 || remove_rdt(o, err) < 0)
		return -1;
	if (owes_poststop(o) && opened_hooks(o, HOOK_POSTSTOP, STATUS_STOPPED, true, err) < 0)
		return -1;
	return store_remove(&o->store, err);
}

int container_delete(int rootfd, const char *id, bool force, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;

	if (opened_begin(rootfd, id, true, &o, err) < 0) {
		bool unknown = err->kind == ERR_STATE && err->sys == ENOENT;
		return force && unknown ? 0 : -1;
	}
	if (!force && check_status(&o, err) < 0)
		return -1;
	struct err damage = *err;
	if (check_traceable(&o, &damage, err) < 0)
		return -1;
	return opened_destroy(&o, err);
}
