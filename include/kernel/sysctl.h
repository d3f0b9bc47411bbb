/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/sysctl.h - linux.sysctl (I-11; which keys are allowed: oci/validate) */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

/* Writes each key below PROCFD's sys/ (a trusted procfs of the host: net, ipc and uts keys act on
 * the writer's namespaces). No symbolic links, no crossing of mounts; missing key or refused value
 * is a failure that names the key and its position (C-SYSCTL-07). */
int sysctl_apply(int procfd, const struct oci_config *c, struct err *err) MUST_CHECK;

/* Parent: a namespace that is joined by path may be the caller's own; its settings are the host's
 * (I-11). OWN[ns] says for which namespaces that is so. */
int sysctl_check(const struct oci_config *c, const bool own[OCI_NS_COUNT],
		 struct err *err) MUST_CHECK;
