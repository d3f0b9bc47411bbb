/* SPDX-License-Identifier: Apache-2.0 */
/* cli/criu.h - where the criu(8) program is */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"

/* --criu, else the first in PATH, else in the directories of system programs, which the PATH of an
 * engine may lack. *ret is NULL when there is none. */
int cli_find_criu(struct cli *c, const char **ret, struct err *err) MUST_CHECK;
