/* SPDX-License-Identifier: Apache-2.0 */
/* oci/sysctl_key.h - names of kernel settings in linux.sysctl (I-11, CVE-2022-0811) */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "oci/names.h"

#define SYSCTL_KEY_MAX 512 /* bytes; the longest that exist are below 100 */

/* Path below /proc/sys for KEY by the rule of sysctl(8): when the first separator is a dot, dots
 * and slashes change places ("net.ipv4.conf.eno2/100.x" is net/ipv4/conf/eno2.100/x, C-SYSCTL-02).
 * Returns 0 or -1: empty, "." or ".." segments, characters that are not printable, does not fit. */
int sysctl_key_path(const char *key, char *buf, size_t size) MUST_CHECK;

/* Which namespace owns the setting at PATH (C-SYSCTL-03). False: it is the host's. */
bool sysctl_key_owner(const char *path, enum oci_ns *ret) MUST_CHECK;
