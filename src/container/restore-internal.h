/* SPDX-License-Identifier: Apache-2.0 */
/* restore-internal.h - restore, by file: restore.c the verb, restore_check.c what is not let in */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "create-internal.h"

/* The processes of C, which are there and do not run yet, have nothing that the config does not
 * grant, and are where it wants them. HELPER: criu, which is in the cgroup as well. */
int restore_check(const struct creation *c, pid_t helper, struct err *err) MUST_CHECK;
