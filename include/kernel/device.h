/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/device.h - device nodes and links of /dev (config-linux.md#devices, #default-devices)
 *
 * Everything happens relative to pinned directory descriptors (I-05): an image whose /dev is a
 * symbolic link or holds hostile entries gets no effect outside its root (CVE-2026-41579). An
 * existing node that differs from what is wanted is an error, never followed, never silently kept
 * (C-DEV-04). An existing link that differs is replaced, which has no effect outside of the
 * directory either. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* How nodes come to be. A user namespace may not mknod(2), so the host's nodes are bound there
 * (C-UMAP-08); a bind needs a mount namespace of the container's own (C-MOUNT-40). */
enum device_method {
	DEVICE_MKNOD,         /* no own mount namespace */
	DEVICE_MKNOD_OR_BIND, /* mknod; when the kernel says EPERM (the caller is in a user
			       * namespace already): bind */
	DEVICE_BIND,          /* the container has a user namespace */
};

/* Makes the six default nodes (unless linux.devices overrides the path, C-DEV-12), linux.devices,
 * and the links fd, stdin, stdout, stderr, core and ptmx. ROOTFD: the container's root; DEVFD: its
 * /dev. A node of the host is bound only after its device number was checked by descriptor. Mode
 * and owner of a bound node stay the host's. */
int device_populate(const struct oci_config *c, int rootfd, int devfd, enum device_method method,
		    struct err *err) MUST_CHECK;

/* Opens NAME in DIRFD as the target of a bind: a new empty file (MODE), or what is there unless it
 * is a symbolic link or a directory (I-07). */
int device_open_target(int dirfd, const char *name, mode_t mode, int *ret_fd,
		       struct err *err) MUST_CHECK;

/* Checks by fd that FD is the character device MAJOR:MINOR. */
bool device_is(int fd, unsigned major, unsigned minor);
