/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup that another program (systemd) has made for us. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

/* One line per hierarchy; the paths of version 1 are there too on a hybrid host. */
#define PROC_CGROUP_MAX (64 * 1024)

/* PATH ends with the components of TAIL. systemd puts a '_' before a name that looks like a file of
 * a cgroup ("cgroup.x.scope"). */
static bool ends_with(const char *path, const char *tail)
{
	const char *p = path + strlen(path), *t = tail + strlen(tail);

	while (t > tail) {
		if (p == path)
			return false;
		if (*--p == *--t)
			continue;
		if (*t != '/' || *p != '_' || p == path || *--p != '/')
			return false;
	}

	return true;
}

/* C-PIDS-05: somebody is in there already, and a limit of one process is a sensible limit. What is
 * configured is written when the container's process is born. */
static int lift_pids(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < p->n_settings; i++) {
		if (strcmp(p->settings[i].file, "pids.max") == 0)
			return file_write_at(cg->fd, "pids.max", "max", err) < 0 &&
					       err->sys != ENOENT
				       ? -1
				       : 0;
	}

	return 0;
}

int cgroup_adopt(const struct cgroup_hierarchy *h, const struct cgroup_plan *p, int procfd,
		 pid_t pid, const char *tail, struct cgroup *ret, struct err *err)
{
	char text[PROC_CGROUP_MAX], name[sizeof("/cgroup") + 3 * sizeof(pid)];
	bool frozen;

	(void)snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	if (procfs_read(procfd, name, text, sizeof(text), err) < 0)
		return -1;
	const char *path = cgroup_find_own(text);
	if (!path || !ends_with(path, tail))
		return err_set(err, ERR_SYSTEM,
			       "the unit's process is in cgroup '%.300s' and not in '%s': does "
			       "systemd use cgroup v2 here, and the same hierarchy?",
			       path ? path : "(outside of ours)", tail);

	int rc = cgroup_open(h, path, 0, true, ret, err);
	if (rc == 0)
		return err_set(err, ERR_SYSTEM, "cgroup '%s' is gone already", path);
	if (rc < 0 || cgroup_is_frozen(ret, &frozen, err) < 0)
		return -1;
	/* A process that is born there would not run, and we would wait for it. */
	if (frozen)
		return err_set(err, ERR_STATE,
			       "cgroup '%s' is frozen, because one above it is (systemctl thaw)",
			       path);

	if (cgroup_require(p, ret->fd, path, err) < 0)
		return -1;

	return lift_pids(ret, p, err);
}
