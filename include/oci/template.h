/* SPDX-License-Identifier: Apache-2.0 */
/* oci/template.h - the config.json that `spec` writes */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

/* Appends a config that runs `sh` on a terminal in all namespaces but user and time, with the masks
 * and limits that Docker's users expect (S-03). ROOTLESS: no network namespace, user namespace with
 * UID/GID mapped to 0, /sys as a recursive bind, devpts without gid, no resources. */
void template_print(struct str *out, bool rootless, uid_t uid, gid_t gid);
