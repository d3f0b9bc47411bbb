/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/rootfs.h - the container's file tree, from root.path to pivot_root
 *
 * Order in the child (each a step of container/init.h):
 *   attach    whole mount namespace private (I-02, S-44), the root tree attached on its own path,
 * so that createContainer hooks find the mounts below it (R-HOOK-20) mounts    config order devices
 * nodes and links of /dev console   (with a terminal) pivot     pivot_root(".", "."), old root
 * detached protect   read-only paths, then masked paths, then read-only tmpfs mounts,
 * root.readonly, rootfsPropagation: after sysctl, because they hide it (C-MASK-08) The container's
 * mount namespace never propagates to the host: the tree is built private or slave;
 * rootfsPropagation "shared" makes a new peer group at the end.
 *
 * Without a new mount namespace (inherited or joined) nothing is mounted: the process is chrooted
 * into root.path; config_validate() has refused mounts, masks and read-only settings. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/mount.h"
#include "oci/config.h"

struct rootfs_plan {
	const struct oci_config *config;
	const char *path;  /* absolute path of root.path on the host */
	uint64_t dev, ino; /* what the child must find there again */
	int fd;            /* owned: O_PATH|O_DIRECTORY of it in the parent's mount namespace */
	int tree;          /* owned: detached recursive copy (privileged parent), or -1 */
	bool new_mount_ns;
	bool no_pivot;
	struct mount_context context; /* filled by plan_build and rootfs_plan_cgroup() */
	struct mount_plan *mounts;
	size_t n_mounts;
	struct idmap_ns *maps; /* owned: of the id-mapped mounts */
	int *late; /* n_mounts numbers of the child's: mounts that become read-only at the end */
};

struct rootfs_request {
	const struct oci_config *config;
	int bundlefd;
	const char *bundle; /* absolute */
	int procfd;         /* trusted procfs (kernel/procfs.h) */
	int user_ns;        /* the user namespace that the container joins, or -1 */
	bool no_pivot;
};

/* Opens root.path (a directory; a symbolic link is followed once, C-ROOT-04) and all bind sources.
 */
int rootfs_plan_build(const struct rootfs_request *r, struct arena *a, struct rootfs_plan *ret,
		      struct err *err) MUST_CHECK;

/* Plans one bind more, which has been added to the config's mounts since: what could not be opened
 * before the container's directories were made. Its source is relative to DIRFD. Once at most. */
int rootfs_plan_append(struct rootfs_plan *p, int dirfd, int procfd, struct arena *a,
		       struct err *err) MUST_CHECK;

/* Once the cgroup directory exists (O_PATH or readable DIRFD, may be -1 when there is none):
 * prepares the bind for a `cgroup` mount without a cgroup namespace. */
int rootfs_plan_cgroup(struct rootfs_plan *p, int cgroup_dirfd, struct err *err) MUST_CHECK;
void rootfs_plan_done(struct rootfs_plan *p);

/* ---- in the child -------------------------------------------------------------------------- */

struct rootfs {
	int fd;      /* owned: O_PATH of the root in the child's mount namespace */
	bool fd_lent; /* it is the plan's tree, which the child has a copy of */
	int dev;     /* owned: O_PATH of the container's /dev, or -1 until rootfs_devices() */
	bool own_ns; /* the mount namespace is the container's own: only then anything is mounted */
	bool host_dev; /* /dev is the host's (a bind, R-LNX-08, or it came with the root): nothing
			* is made in it */
};
#define ROOTFS_INIT                                                                                \
	{                                                                                          \
		.fd = -1, .dev = -1                                                                \
	}

int rootfs_attach(const struct rootfs_plan *p, struct rootfs *r, struct err *err) MUST_CHECK;
int rootfs_mounts(const struct rootfs_plan *p, struct rootfs *r, struct err *err) MUST_CHECK;
int rootfs_devices(const struct rootfs_plan *p, struct rootfs *r, struct err *err) MUST_CHECK;
/* Binds the pty peer SLAVE on /dev/console (I-07: created O_EXCL|O_NOFOLLOW or an existing
 * non-link, bound by descriptor). */
int rootfs_console(struct rootfs *r, int slave, struct err *err) MUST_CHECK;
int rootfs_pivot(const struct rootfs_plan *p, struct rootfs *r, struct err *err) MUST_CHECK;
int rootfs_protect(const struct rootfs_plan *p, struct rootfs *r, struct err *err) MUST_CHECK;
void rootfs_done(struct rootfs *r);
