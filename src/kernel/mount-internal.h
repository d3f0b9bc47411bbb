/* SPDX-License-Identifier: Apache-2.0 */
/* What mount_plan.c, mount_fs.c and mount.c share. "All" is a call on a mount and everything below
 * it (AT_RECURSIVE), "top" one on the mount alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/err.h"
#include "kernel/mount.h"

/* mount_setattr(2) on the mount that FD is the root of. Locked flags (a user namespace may not
 * clear what the host has set) are explained. */
int mount_change(int fd, bool all, uint64_t set, uint64_t clear, uint64_t propagation,
		 struct err *err) MUST_CHECK;

/* Gives the detached copy TREE of a bind source the attributes and the propagation of P. */
int mount_dress_tree(const struct mount_plan *p, int tree, struct err *err) MUST_CHECK;

/* Finds the maps of an id-mapped mount: p->maps. Others are left alone. */
int mount_plan_maps(const struct mount_request *r, struct mount_plan *p, struct err *err) MUST_CHECK;

/* Gives the detached MOUNT of P its maps, if it has any. */
int mount_map(const struct mount_plan *p, int mount, struct err *err) MUST_CHECK;

/* Whether the new file system of P gets the option context= (C-MASK-11). */
bool mount_takes_context(const struct oci_config *c, const struct mount_plan *p);

/* Labels the new file system MOUNT where it could not be told before, and reads the label back. */
int mount_label(const struct oci_config *c, const struct mount_plan *p, int mount,
		struct err *err) MUST_CHECK;

/* Attributes of a mount that was never visible to anybody: what options and recursive options add
 * up to, without MOUNT_ATTR_RDONLY if that comes later. */
uint64_t mount_fresh_attrs(const struct mount_plan *p);

/* Opens SOURCE below DIRFD as a detached copy. -1 with errno. */
int mount_clone(int dirfd, const char *source, bool recursive) MUST_CHECK;

/* A new file system of P's type, detached, attributes and propagation set. TARGET: the directory it
 * will go to, TARGETFD its descriptor (tmpfs takes its mode and, with tmpcopyup, its content). */
int mount_make_fs(const struct oci_config *c, const struct mount_plan *p,
		  const struct mount_context *ctx, int targetfd, const struct stat *target,
		  int *ret_fd, struct err *err) MUST_CHECK;

/* Makes the new file system of P at once, attached, if nothing speaks against it and the kernel
 * does not refuse (mount_direct.c). */
bool mount_directly(const struct oci_config *c, const struct mount_plan *p, int targetfd,
		    const struct stat *target) MUST_CHECK;

/* A tmpfs looks like the directory that it covers, not world-writable as the kernel would make it
 * (C-MOUNT-27), unless the config says otherwise. */
bool mount_takes_mode_of_target(const struct mount_plan *p);

/* Changes options of the file system that FD is on: remount with options of the superblock. */
int mount_reconfigure(const struct mount_plan *p, int fd, struct err *err) MUST_CHECK;
