/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/procfs.h - a /proc that can be trusted (I-09)
 *
 * Writes to /proc (maps, oom score, sysctls, attributes) go through a descriptor of the host's
 * procfs that is checked to be the root of a procfs, never through whatever is mounted in the
 * container (CVE-2019-16884, CVE-2025-52881, CVE-2015-1334). Opened by the parent, inherited by the
 * child, close-on-exec, closed before execve. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* O_PATH|O_DIRECTORY descriptor of /proc: fstatfs is PROC_SUPER_MAGIC and the inode is 1. */
int procfs_open(int *ret_fd, struct err *err) MUST_CHECK;

/* Opens NAME ("self/oom_score_adj", "sys/net/ipv4/ip_forward") with openat2 RESOLVE_BENEATH |
 * NO_XDEV | NO_MAGICLINKS; "self" is the only symbolic link that is followed (the caller writes it
 * as first component), everything below it is opened with NO_SYMLINKS. -1 with errno and *err. */
int procfs_open_file(int procfd, const char *name, int flags, int *ret_fd,
		     struct err *err) MUST_CHECK;

/* One write(2) of VALUE to NAME, and a bounded read of NAME into BUF. */
int procfs_write(int procfd, const char *name, const char *value, struct err *err) MUST_CHECK;
int procfs_read(int procfd, const char *name, char *buf, size_t size, struct err *err) MUST_CHECK;

/* What /proc/self/status says of the runtime itself. Sets are bit masks: signal N is bit N - 1. */
struct procfs_self {
	uint64_t ignored;             /* signals */
	uint64_t permitted, bounding; /* capabilities */
};
int procfs_self(int procfd, struct procfs_self *ret, struct err *err) MUST_CHECK;

/* True for root of the initial user namespace: effective user 0, and /proc/self/uid_map maps every
 * id to itself. Rootless engines call us as user 0 of a namespace of theirs (engine-contracts 4).
 */
bool procfs_is_initial_root(int procfd);
