/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/cgroup-internal.h - what the cgroup_*.c files share */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "kernel/cgroup.h"

/* Opens the directory PATH ("/a/b" or "a") beneath DIRFD without following anything or leaving the
 * mount (I-22). -1 with errno. */
int cgroup_dir_open(int dirfd, const char *path) MUST_CHECK;

/* A stream over the directory FD, from its start and independent of FD. NULL with errno. */
DIR *cgroup_dir_stream(int fd) MUST_CHECK;
void cgroup_dir_stream_close(DIR **dir);
#define AUTO_DIR AUTO(cgroup_dir_stream_close) DIR *

/* The name of its next sub-cgroup; NULL at the end (errno 0) or on failure. */
const char *cgroup_dir_next(DIR *dir) MUST_CHECK;

/* A boolean line of cgroup.events, KEY is "populated" or "frozen": 0 or 1; -1 with errno, ENOENT or
 * ENODEV when the cgroup is gone. */
int cgroup_event(int fd, const char *key) MUST_CHECK;
/* The same in the text of that file. */
bool cgroup_event_in(const char *text, const char *key);

/* The cgroup was removed: what open and read of its files say. */
static inline bool cgroup_is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ENODEV;
}

/* No right to make or change cgroups here. */
static inline bool cgroup_is_forbidden(int errnum)
{
	return errnum == EACCES || errnum == EPERM || errnum == EROFS;
}

/* The caller's cgroup in TEXT, which has the form of /proc/self/cgroup and is changed; NULL: it has
 * none that can be named. */
char *cgroup_find_own(char *text);

/* Fills p->settings, p->n_settings and p->has_limits from R, which belongs to p->config or was made
 * of a part of it. */
int cgroup_convert(const struct oci_resources *r, struct arena *a, struct cgroup_plan *p,
		   struct err *err) MUST_CHECK;

/* Makes sure that the directory DIRFD, called WHERE in messages, passes the controllers that the
 * plan cannot do without on to its children. On failure err->sys is the kernel's errno, if any. */
int cgroup_enable(const struct cgroup_plan *p, int dirfd, const char *where, bool is_root,
		  struct err *err) MUST_CHECK;

/* Lets DIRFD pass on all controllers that it has, as far as it can, for what needs no limit in the
 * config: statistics, a later update, and cgroups that the container makes itself (systemd or an
 * engine inside). A cgroup with processes is left alone (see has_processes). */
void cgroup_enable_rest(int dirfd);

/* One setting of P, or the reason with its field and position. A file that the cgroup does not have
 * is success where the setting can do without. */
int cgroup_write_setting(const struct cgroup *cg, const struct cgroup_plan *p,
			 const struct cgroup_setting *s, struct err *err) MUST_CHECK;

/* SIGKILL to every process for kernels without cgroup.kill (before 5.14), frozen meanwhile so that
 * none can fork away. */
int cgroup_kill_each(const struct cgroup *cg, struct err *err) MUST_CHECK;

/* cgroup.kill, or the above. */
int cgroup_kill(const struct cgroup *cg, struct err *err) MUST_CHECK;
