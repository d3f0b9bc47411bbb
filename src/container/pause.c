/* SPDX-License-Identifier: Apache-2.0 */
/* pause, resume, update: a container is held, goes on, gets other limits */
#include "base/fd.h"
#include "base/log.h"
#include "container/container.h"
#include "container/texts.h"
#include "verbs-internal.h"

/* A process that sleeps in the kernel without being interruptible is frozen when it wakes up.
 * Shorter than other commands wait for the lock that is held meanwhile. */
#define FREEZE_WAIT_MS 8000

/* Opens a container that has processes. */
static int open_alive(int rootfd, const char *id, const char *verb, const char *stopped,
		      struct opened *o, struct err *err)
{
	if (opened_begin(rootfd, id, true, o, err) < 0)
		return -1;
	if (o->status == STATUS_UNKNOWN)
		return err_wrap(err, "damaged state (delete --force removes the container)");
	if (o->status == STATUS_CREATING)
		return err_set(err, ERR_STATE, "cannot %s a container that is still being created",
			       verb);
	if (o->status == STATUS_STOPPED)
		return err_set(err, ERR_STATE, "%s", stopped);

	return 0;
}

int container_pause(int rootfd, const char *id, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;

	if (open_alive(rootfd, id, "pause", TEXT_NOT_RUNNING, &o, err) < 0)
		return -1;
	if (o.status == STATUS_PAUSED)
		return err_set(err, ERR_STATE, "%s", TEXT_NOT_RUNNING);

	int rc = opened_need_cgroup(&o, "pause", &h, &cg, err);
	if (rc == 0)
		rc = cgroup_freeze(&cg, FREEZE_WAIT_MS, err);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc;
}

int container_resume(int rootfd, const char *id, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;

	if (open_alive(rootfd, id, "resume", TEXT_NOT_PAUSED, &o, err) < 0)
		return -1;
	if (o.status != STATUS_PAUSED)
		return err_set(err, ERR_STATE, "%s", TEXT_NOT_PAUSED);

	int rc = opened_need_cgroup(&o, "resume", &h, &cg, err);
	if (rc == 0)
		rc = cgroup_thaw(&cg, FREEZE_WAIT_MS, err);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc;
}

static int update_cgroup(const struct opened *o, const struct oci_config *resources,
			 struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;

	if (resources->linux_.resources.has_devices)
		log_debug("the devices of an update are left alone");
	if (!cgroup_update_wants(resources))
		return 0;

	int rc = opened_need_cgroup(o, "update", &h, &cg, err);
	if (rc == 0)
		rc = cgroup_update(&h, &cg, resources, err);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc;
}

/* The class of service first: it knows what it had. */
static int update_with_schemata(struct opened *o, const struct oci_config *resources,
				const char *schemata, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_FD root = -1;
	char *old;

	int rc = rdt_open(&root, err);
	if (rc == 0)
		return err_set(err, ERR_STATE, "resctrl is not mounted");
	if (rc < 0 || rdt_update(root, &o->record.rdt, schemata, &o->arena, &old, err) < 0)
		return -1;
	if (update_cgroup(o, resources, err) == 0)
		return 0;
	if (rdt_restore(root, &o->record.rdt, old, &ignored) < 0)
		log_warn("schemata of the container's class of service: %s, continuing",
			 ignored.msg);
	return -1;
}

int container_update(int rootfd, const char *id, const struct oci_config *resources,
		     const char *schemata, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;

	if (open_alive(rootfd, id, "update", TEXT_NOT_RUNNING, &o, err) < 0)
		return -1;
	return schemata ? update_with_schemata(&o, resources, schemata, err) :
			  update_cgroup(&o, resources, err);
}
