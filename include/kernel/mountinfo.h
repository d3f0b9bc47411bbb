/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/mountinfo.h - tables of mounts (proc(5), mountinfo) */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

/* The path of the first mount of a whole file system of TYPE in TEXT, which is changed; NULL when
 * there is none. A bind mount of a part would put paths elsewhere and does not count. */
char *mountinfo_find_in(char *text, const char *type) MUST_CHECK;

/* The same in the caller's table of mounts; *ret, in A, is NULL when there is none. */
int mountinfo_find(const char *type, struct arena *a, const char **ret, struct err *err) MUST_CHECK;

/* The table of process PID, through PROCFD (kernel/procfs.h). */
int mountinfo_read(int procfd, pid_t pid, struct arena *a, char **ret, struct err *err) MUST_CHECK;

/* Where the mount with this number (statx(2), STATX_MNT_ID) is, in A; *ret NULL: not in TEXT. */
int mountinfo_point(const char *text, uint64_t id, struct arena *a, const char **ret,
		    struct err *err) MUST_CHECK;
