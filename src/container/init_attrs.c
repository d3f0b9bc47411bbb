/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of container/init.h for what schedulers and security modules read: labels, priorities, CPUs,
 * memory policy, personality */
#include <errno.h>

#include "container/sync.h"
#include "init-internal.h"
#include "kernel/lsm.h"
#include "kernel/mempolicy.h"
#include "kernel/sched.h"

/* ---- labels -----------------------------------------------------------------------------------
 */

int step_key_label(struct init *in, struct err *err)
{
	const struct oci_config *c = in->plan->config;

	if (lsm_apply_keys(in->plan->procfd, &c->process, err) < 0)
		return config_wrap(c, c->process.selinux_at, err, "process.selinuxLabel");
	return 0;
}

/* The last step that needs the host's procfs. From here to the program nothing but startContainer
 * hooks is executed, and those are the image's: they are confined as well. */
int step_label(struct init *in, struct err *err)
{
	const struct oci_config *c = in->plan->config;
	const struct oci_process *p = &c->process;

	if (lsm_apply_selinux(in->plan->procfd, p, err) < 0)
		return config_wrap(c, p->selinux_at, err, "process.selinuxLabel");
	if (lsm_apply_apparmor(in->plan->procfd, p, err) < 0)
		return config_wrap(c, p->apparmor_at, err, "process.apparmorProfile");
	return 0;
}

/* ---- scheduling -------------------------------------------------------------------------------
 */

/* The process was born inside the cgroup, so the cpuset is already the container's. */
int step_affinity(struct init *in, struct err *err)
{
	(void)in;
	(void)err;
	sched_affinity_all();
	return 0;
}

bool init_has_priorities(const struct oci_config *c)
{
	return c->process.scheduler.present || c->process.io_priority.present;
}

int init_set_priorities(const struct oci_config *c, pid_t pid, struct err *err)
{
	const struct oci_process *p = &c->process;

	if (sched_apply(pid, &p->scheduler, err) < 0)
		return config_wrap(c, p->scheduler.at, err, "process.scheduler");
	if (ioprio_apply(pid, &p->io_priority, err) < 0)
		return config_wrap(c, p->io_priority.at, err, "process.ioPriority");
	return 0;
}

/* By itself if it may: a rootless caller need not be the owner of this process any more. What it may
 * not, from inside a user namespace, its parent may. */
int step_priorities(struct init *in, struct err *err)
{
	if (init_set_priorities(in->plan->config, 0, err) == 0)
		return 0;
	if (!in->plan->user_ns || err->sys != EPERM)
		return -1;
	if (sync_send(in->sync, SYNC_PRIORITIES, -1, err) < 0)
		return -1;
	return sync_expect(in->sync, SYNC_PRIORITIES_DONE, err);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

int step_memory_policy(struct init *in, struct err *err)
{
	const struct oci_config *c = in->plan->config;

	if (mempolicy_apply(&c->linux_.memory_policy, err) < 0)
		return config_wrap(c, c->linux_.memory_policy.at, err, "linux.memoryPolicy");
	return 0;
}

int step_personality(struct init *in, struct err *err)
{
	const struct oci_config *c = in->plan->config;

	if (personality_apply(&c->linux_, err) < 0)
		return config_wrap(c, c->linux_.personality_at, err, "linux.personality");
	return 0;
}
