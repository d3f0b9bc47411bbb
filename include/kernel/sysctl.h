/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/sysctl.h - linux.sysctl (I-11; which keys are allowed: oci/validate) */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Writes each key below PROCFD's sys/ (a trusted procfs of the host: net, ipc and uts keys act on the
 * writer's namespaces). No symbolic links, no crossing of mounts; missing key or refused value is a
 * failure that names the key and its position (C-SYSCTL-07). */
int sysctl_apply(int procfd, const struct oci_config *c, struct err *err) MUST_CHECK;

/* Path below /proc/sys for KEY by the rule of sysctl(8): if the first separator is a dot, dots and
 * slashes change places ("net.ipv4.conf.eno2/100.x" <-> "net/ipv4/conf/eno2.100/x", C-SYSCTL-02).
 * Returns 0 or -1 (empty or ".." segments, does not fit). */
int sysctl_path(const char *key, char *buf, size_t size) MUST_CHECK;
