/* SPDX-License-Identifier: Apache-2.0 */
/* Which cgroup a further process of a container is born into. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

/* One line per hierarchy; the paths of version 1 are there too on a hybrid host. */
#define PROC_CGROUP_MAX (64 * 1024)

static bool has_dotdot(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && strncmp(path, "..", 2) == 0)
			return true;
		path += n + (path[n] == '/');
	}

	return false;
}

/* SUB has no leading '/'; "" is CG itself. */
static int open_below(const struct cgroup *cg, const char *sub, struct cgroup *ret, struct err *err)
{
	struct cgroup found = CGROUP_INIT;

	int n = snprintf(found.path, sizeof(found.path), "%s%s%s", cg->path, *sub ? "/" : "", sub);
	if (n < 0 || (size_t)n >= sizeof(found.path)) {
		errno = ENAMETOOLONG;
		return err_sys(err, "open cgroup '%.60s…'", sub);
	}
	found.fd = cgroup_dir_open(cg->fd, sub);
	if (found.fd < 0)
		return err_sys(err, "open cgroup '%s'", found.path);

	*ret = found;
	return 0;
}

int cgroup_open_sub(const struct cgroup *cg, const char *path, struct cgroup *ret, struct err *err)
{
	if (strchr(path, ':'))
		return err_set(err, ERR_USAGE,
			       "'%s' names controllers of cgroup v1; version 2 has one path", path);
	/* runc's words. RESOLVE_BENEATH would let ".." stay inside; nobody needs it. */
	if (has_dotdot(path))
		return err_set(err, ERR_USAGE, "'%s' is not a sub cgroup path", path);

	return open_below(cg, path + strspn(path, "/"), ret, err);
}

int cgroup_open_leaf(const struct cgroup *cg, int procfd, pid_t pid, struct cgroup *ret,
		     struct err *err)
{
	char text[PROC_CGROUP_MAX], name[sizeof("/cgroup") + 3 * sizeof(pid)];
	size_t len = strlen(cg->path);

	(void)snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	if (procfs_read(procfd, name, text, sizeof(text), err) < 0)
		return -1;
	const char *path = cgroup_find_own(text);
	if (!path || strncmp(path, cg->path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return err_set(err, ERR_STATE,
			       "the container's first process has left its cgroup '%s'", cg->path);

	return open_below(cg, path + len + (path[len] == '/'), ret, err);
}
