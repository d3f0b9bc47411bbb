/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "container/hooks.h"
#include "container/status.h"
#include "verbs-internal.h"

static int open_by_id(struct cgroup_hierarchy *h, int rootfd, const char *id, bool lock,
		      bool want_proc, struct opened *ret, struct err *err)
{
	struct opened *o = ret;

	*o = (struct opened)OPENED_INIT;
	if (store_check_id(id, err) < 0 || store_open(rootfd, id, lock, &o->store, err) < 0)
		return -1;
	int rc = store_read(&o->store, &o->arena, &o->record, err);
	if (rc == 0 && !o->record.id && !lock && store_is_locked(&o->store)) {
		/* Claimed a moment ago, the record is not written yet. */
		o->status = STATUS_CREATING;
		return 0;
	}
	o->has_record = rc == 1;
	if (rc == 1)
		rc = status_of(&o->store, &o->record, h, &o->status,
			       want_proc ? &o->proc : NULL, err);
	if (rc < 0) {
		opened_done(o);
		return -1;
	}
	return 0;
}

int opened_begin(int rootfd, const char *id, bool lock, struct opened *ret, struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	int rc = open_by_id(&h, rootfd, id, lock, true, ret, err);

	cgroup_hierarchy_done(&h);
	return rc;
}

int opened_look(struct cgroup_hierarchy *h, int rootfd, const char *id, struct opened *ret,
		struct err *err)
{
	return open_by_id(h, rootfd, id, false, false, ret, err);
}

void opened_done(struct opened *o)
{
	proc_done(&o->proc);
	store_done(&o->store);
	arena_done(&o->arena);
}

int opened_cgroup(const struct opened *o, struct cgroup_hierarchy *h, struct cgroup *cg,
		  struct err *err)
{
	if (!o->record.cgroup)
		return 0;
	if (cgroup_hierarchy_open(h, err) < 0)
		return -1;
	return cgroup_open(h, o->record.cgroup, o->record.cgroup_ino, o->record.cgroup_created, cg,
			   err);
}

int opened_need_cgroup(const struct opened *o, const char *verb, struct cgroup_hierarchy *h,
		       struct cgroup *cg, struct err *err)
{
	int rc = opened_cgroup(o, h, cg, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (o->record.cgroup)
		return err_set(err, ERR_STATE, "cannot %s the container: its cgroup '%s' is gone",
			       verb, o->record.cgroup);

	return err_set(err, ERR_STATE,
		       "cannot %s the container: it has no cgroup of its own (--cgroup-manager "
		       "disabled, or its creator had no right to make one)",
		       verb);
}

int opened_hooks(const struct opened *o, enum oci_hook_point point, enum status status, bool all,
		 struct err *err)
{
	AUTO_CONFIG config = NULL;
	AUTO_STR text = STR_INIT;
	struct oci_state state;
	struct err ignored = ERR_INIT;

	if (config_load(o->store.dir, "config.json", &config, all ? &ignored : err) < 0) {
		if (!all)
			return err_wrap(err, "saved config of container '%s'", o->store.id);
		log_warn("%s hooks cannot run, saved config: %s, continuing", hooks_name(point),
			 ignored.msg);
		return 0;
	}
	status_fill(&o->record, status, o->record.pid, &state);
	state_print(&text, &state, 0);
	if (!str_text(&text))
		return err_oom(err);
	/* The bundle may be gone by now (R-HOOK-27). */
	AUTO_FD cwdfd = open(o->record.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct hook_context ctx = { .state = text.s, .cwdfd = cwdfd };
	if (all)
		hooks_run_all(config, point, &ctx);
	return all ? 0 : hooks_run(config, point, &ctx, err);
}
