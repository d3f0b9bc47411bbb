/* SPDX-License-Identifier: Apache-2.0 */
#include "container/status.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_hierarchy(struct cgroup_hierarchy *h, struct err *err)
{
	return h->fd >= 0 ? 0 : cgroup_hierarchy_open(h, err);
}

/* A create that was killed leaves no process: it would have ended with its runtime. Processes in
 * the cgroup mean that a container runs whose state.json somebody has removed. */
static int status_without_creator(const struct record *r, struct cgroup_hierarchy *h,
				  enum status *ret, struct err *err)
{
	struct cgroup cg = CGROUP_INIT;
	AUTO_ARENA a = ARENA_INIT;
	size_t n = 0;
	pid_t *pids;
	int rc = 0;

	if (r->cgroup && r->cgroup_ino && open_hierarchy(h, err) == 0)
		rc = cgroup_open(h, r->cgroup, r->cgroup_ino, r->cgroup_created, &cg, err);
	if (rc == 1)
		rc = cgroup_pids(&cg, &a, &pids, &n, err);
	cgroup_done(&cg);
	*ret = n ? STATUS_UNKNOWN : STATUS_STOPPED;
	if (n)
		err_set(err, ERR_STATE, "state.json is missing, %zu processes are running", n);
	return rc < 0 ? -1 : 0;
}

/* Best effort: a cgroup that cannot be asked does not make a running container anything else. */
static bool is_frozen(const struct record *r, struct cgroup_hierarchy *h)
{
	struct err ignored = ERR_INIT;
	struct cgroup cg = CGROUP_INIT;
	bool frozen = false;

	if (!r->cgroup || open_hierarchy(h, &ignored) < 0)
		return false;
	if (cgroup_open(h, r->cgroup, r->cgroup_ino, r->cgroup_created, &cg, &ignored) == 1 &&
	    cgroup_is_frozen(&cg, &frozen, &ignored) < 0)
		frozen = false;
	cgroup_done(&cg);
	return frozen;
}

int status_of(const struct store *s, const struct record *r, struct cgroup_hierarchy *h,
	      enum status *ret, struct proc *ret_proc, struct err *err)
{
	AUTO_PROC p = PROC_INIT;
	struct stat st;

	if (r->phase == PHASE_CREATING && store_is_locked(s)) {
		*ret = STATUS_CREATING;
		return 0;
	}
	if (r->phase == PHASE_CREATING)
		return status_without_creator(r, h, ret, err);
	int alive = 0;
	if (r->pid > 0)
		alive = ret_proc ? proc_open(r->pid, r->start_time, &p, err) :
				   proc_is_alive(r->pid, r->start_time, err);
	if (alive < 0)
		return -1;
	if (!alive)
		*ret = STATUS_STOPPED;
	else if (is_frozen(r, h))
		*ret = STATUS_PAUSED;
	else if (fstatat(s->dir, "start.sock", &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret = STATUS_CREATED;
	else
		*ret = STATUS_RUNNING;

	if (ret_proc && alive) {
		*ret_proc = p;
		p = (struct proc)PROC_INIT;
	}
	return 0;
}

void status_fill(const struct record *r, enum status status, pid_t pid, struct oci_state *ret)
{
	*ret = (struct oci_state){
		.oci_version = r->oci_version,
		.id = r->id,
		.status = status,
		.pid = status == STATUS_STOPPED ? 0 : pid,
		.bundle = r->bundle,
		.annotations = &r->annotations,
	};
}
