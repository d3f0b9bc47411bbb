/* SPDX-License-Identifier: Apache-2.0 */
/* kill: a signal to the container's process, or to all of its cgroup */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "container/container.h"
#include "container/texts.h"
#include "oci/names.h"
#include "verbs-internal.h"

/* Every process of the cgroup. An empty or vanished one is success (engine-contracts 5). */
static int signal_all(const struct opened *o, int sig, struct err *err)
{
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	struct cgroup cg = CGROUP_INIT;
	int rc = opened_cgroup(o, &h, &cg, err);

	if (rc == 1)
		rc = cgroup_signal(&cg, sig, err);
	else if (rc == 0 && o->proc.pidfd >= 0 && proc_signal(&o->proc, sig) < 0 && errno != ESRCH)
		rc = err_sys(err, "signal the container's process %d", o->proc.pid);
	cgroup_done(&cg);
	cgroup_hierarchy_done(&h);
	return rc < 0 ? -1 : 0;
}

/* The signal that ends the image's program, else TERM (C-ANN-03). */
static int stop_signal(const struct record *r, int *ret, struct err *err)
{
	static const char key[] = "org.opencontainers.image.stopSignal";
	const char *name = "TERM";
	char shown[JSON_SHOWN];

	for (size_t i = 0; i < r->annotations.n; i++) {
		if (strcmp(r->annotations.v[i].key, key) == 0)
			name = r->annotations.v[i].value;
	}
	if (signal_parse(name, ret) < 0 || *ret == 0)
		return err_set(err, ERR_CONFIG,
			       "annotation %s: unknown signal \"%s\", name one on the command line",
			       key, json_shown(name, shown));
	return 0;
}

int container_kill(int rootfd, const char *id, int sig, bool all, struct err *err)
{
	AUTO_OPENED o = OPENED_INIT;

	if (opened_begin(rootfd, id, false, &o, err) < 0)
		return -1;
	if (o.status == STATUS_UNKNOWN)
		return err_wrap(err, "damaged state (delete --force removes the container)");
	if (sig == KILL_STOP_SIGNAL && stop_signal(&o.record, &sig, err) < 0)
		return -1;
	if (all)
		return signal_all(&o, sig, err);
	if (o.status == STATUS_CREATING)
		return err_set(err, ERR_STATE,
			       "cannot signal a container that is still being created");
	/* Without an own pid namespace the end of the first process ends no other: SIGKILL takes
	 * the whole cgroup, also when the first process is dead already (D-15, R-LIFE-15). */
	if (sig == SIGKILL && !o.record.own_pid_ns && o.record.cgroup)
		return signal_all(&o, sig, err);
	if (o.status == STATUS_STOPPED)
		return err_set(err, ERR_STATE, "%s", TEXT_NOT_RUNNING);
	if (proc_signal(&o.proc, sig) == 0)
		return 0;
	if (errno == ESRCH)
		return err_set(err, ERR_STATE, "%s", TEXT_NOT_RUNNING);
	return err_sys(err, "send signal %d to process %d", sig, o.proc.pid);
}
