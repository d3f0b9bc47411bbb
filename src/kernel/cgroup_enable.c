/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers: switched on for the children of a directory, or the reason why they cannot be. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"

/* A dozen names of at most 32 bytes (MAX_CGROUP_TYPE_NAMELEN), and room for the future. */
#define CONTROLLERS_MAX 1024

/* LIST has NAME among its blank-separated words. */
static bool has_word(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		list += strspn(list, " \n");
		size_t n = strcspn(list, " \n");
		if (n == len && strncmp(list, name, n) == 0)
			return true;
		list += n;
	}

	return false;
}

enum why {
	WHY_UNKNOWN,
	WHY_V1,
	WHY_DISABLED,
	WHY_ABSENT
};

/* A line of /proc/cgroups: NAME HIERARCHY N_CGROUPS ENABLED. */
static enum why why_of_line(const char *line, const char *name)
{
	unsigned hierarchy;
	unsigned cgroups;
	unsigned enabled;
	size_t len = strlen(name);

	if (strncmp(line, name, len) != 0 || line[len] != '\t')
		return WHY_ABSENT;
	if (sscanf(line + len, "%u %u %u", &hierarchy, &cgroups, &enabled) != 3)
		return WHY_UNKNOWN;
	if (!enabled)
		return WHY_DISABLED;

	return hierarchy ? WHY_V1 : WHY_UNKNOWN;
}

/* What the kernel says about controller NAME. */
static enum why ask_why(const char *name)
{
	char text[4096];

	/* "io" has its version 1 name there. */
	if (strcmp(name, "io") == 0)
		name = "blkio";
	if (file_read_small_at(AT_FDCWD, "/proc/cgroups", text, sizeof(text)) < 0)
		return WHY_UNKNOWN;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';

		enum why why = why_of_line(line, name);
		if (why != WHY_ABSENT)
			return why;
	}

	return WHY_ABSENT;
}

/* The controller is not among those that WHERE could pass on (D-09). Kernels from 6.15 list only
 * controllers with a version 1 in /proc/cgroups, so being absent there is a reason only at the
 * root, where nobody can have withheld it. */
static int fail_missing(const char *name, const char *where, bool is_root, struct err *err)
{
	enum why why = is_root ? ask_why(name) : WHY_UNKNOWN;

	switch (why) {
	case WHY_V1:
		return err_set(err, ERR_SYSTEM,
			       "the %s controller is bound to the cgroup v1 hierarchy; boot with "
			       "cgroup_no_v1=%s or systemd.unified_cgroup_hierarchy=1, or leave "
			       "the limit out",
			       name, name);
	case WHY_DISABLED:
		return err_set(err, ERR_SYSTEM,
			       "the %s controller is disabled; boot without cgroup_disable=%s",
			       name, name);
	case WHY_ABSENT:
		return err_set(err, ERR_SYSTEM, "the %s controller is not built into this kernel",
			       name);
	case WHY_UNKNOWN:
		break;
	}

	return err_set(err, ERR_SYSTEM,
		       "the %s controller is not delegated to '%s'; add it to "
		       "cgroup.subtree_control of the cgroup above (systemd: Delegate=%s)",
		       name, where, name);
}

static int fail_enable(const char *name, const char *where, struct err *err)
{
	int reason = errno;

	switch (reason) {
	case EBUSY:
		(void)err_set(err, ERR_SYSTEM,
			      "'%s' has processes of its own, and a cgroup with processes cannot "
			      "pass the %s controller on (no internal processes rule); move them "
			      "to a cgroup below it, or choose another linux.cgroupsPath",
			      where, name);
		break;
	case EOPNOTSUPP:
		(void)err_set(err, ERR_SYSTEM,
			      "'%s' is a threaded cgroup, which cannot pass the %s controller on",
			      where, name);
		break;
	case EINVAL:
		(void)err_set(err, ERR_SYSTEM,
			      "the kernel refuses to pass the %s controller on to the children of "
			      "'%s'%s",
			      name, where,
			      strcmp(name, "cpu") == 0 ? " (because of real-time processes in it?)"
						       : "");
		break;
	default:
		return err_sys(err, "pass the %s controller on to the children of '%s'", name,
			       where);
	}
	err->sys = reason;
	errno = reason;

	return -1;
}

/* The no internal processes rule (cgroup-v2.rst), from which the root of all cgroups is exempt: it
 * has no cgroup.type. The kernel itself says EBUSY only for some controllers. The others (pids,
 * cpu) it enables, which makes the children threaded and of no use to us. */
static bool has_processes(int dirfd)
{
	char text[32];

	return faccessat(dirfd, "cgroup.type", F_OK, 0) == 0 &&
	       file_read_small_at(dirfd, "cgroup.procs", text, sizeof(text)) > 0;
}

static int enable_one(const char *name, int dirfd, const char *where, bool is_root,
		      const char *available, struct err *err)
{
	char word[64];
	struct err reason = ERR_INIT;

	if (!has_word(available, name))
		return fail_missing(name, where, is_root, err);
	if (snprintf(word, sizeof(word), "+%s", name) >= (int)sizeof(word))
		return fail_missing(name, where, is_root, err);
	if (has_processes(dirfd))
		reason.sys = EBUSY;
	else if (file_write_at(dirfd, "cgroup.subtree_control", word, &reason) == 0)
		return 0;

	errno = reason.sys;
	return fail_enable(name, where, err);
}

void cgroup_enable_rest(int dirfd)
{
	char available[CONTROLLERS_MAX];
	char enabled[CONTROLLERS_MAX];
	char word[64];
	struct err err = ERR_INIT;

	if (file_read_small_at(dirfd, "cgroup.controllers", available, sizeof(available)) <= 1 ||
	    file_read_small_at(dirfd, "cgroup.subtree_control", enabled, sizeof(enabled)) < 0)
		return;

	bool asked = false;
	char *rest = available;
	for (char *name; (name = strsep(&rest, " \n"));) {
		if (!*name || has_word(enabled, name))
			continue;
		if (!asked && has_processes(dirfd))
			return;
		asked = true;
		if (snprintf(word, sizeof(word), "+%s", name) < (int)sizeof(word) &&
		    file_write_at(dirfd, "cgroup.subtree_control", word, &err) < 0)
			log_debug("the %s controller is not passed on, continuing: %s", name,
				  err.msg);
	}
}

int cgroup_enable(const struct cgroup_plan *p, int dirfd, const char *where, bool is_root,
		  struct err *err)
{
	char available[CONTROLLERS_MAX];
	char enabled[CONTROLLERS_MAX] = "";
	const char *last = NULL;
	bool known = false;

	for (size_t i = 0; i < p->n_settings; i++) {
		const struct cgroup_setting *s = &p->settings[i];

		/* Settings of one controller mostly stand together. */
		if (s->optional || !s->controller || (last && strcmp(s->controller, last) == 0))
			continue;
		last = s->controller;
		if (!known && (file_read_small_at(dirfd, "cgroup.subtree_control", enabled,
						  sizeof(enabled)) < 0 ||
			       file_read_small_at(dirfd, "cgroup.controllers", available,
						  sizeof(available)) < 0))
			return err_sys(err, "read the controllers of cgroup '%s'", where);
		known = true;
		if (has_word(enabled, s->controller))
			continue;
		if (enable_one(s->controller, dirfd, where, is_root, available, err) < 0)
			return config_wrap(p->config, s->at, err, "%s", s->field);
	}

	return 0;
}
