/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/device.h - device nodes and links of /dev (config-linux.md#devices, #default-devices)
 *
 * Everything happens relative to pinned directory descriptors (I-05): an image whose /dev is a symbolic
 * link or holds hostile entries gets no effect outside its root (CVE-2026-41579). An existing entry
 * that differs from what is wanted is an error, never followed, never silently kept (C-DEV-04). */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Makes the six default nodes (unless linux.devices overrides the path, C-DEV-12), linux.devices, and
 * the links fd, stdin, stdout, stderr, core and ptmx. ROOTFD: the container's root; DEVFD: its
 * /dev. BIND: bind the host's nodes instead of mknod, which a user namespace may not do
 * (C-UMAP-08); the host's node is checked by its device number before use. */
int device_populate(const struct oci_config *c, int rootfd, int devfd, bool bind, struct err *err)
	MUST_CHECK;

/* Checks by fd that FD is the character device MAJOR:MINOR. */
bool device_is(int fd, unsigned major, unsigned minor);
