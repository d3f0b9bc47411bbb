/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pstable.h - the table of ps(1), cut down to some processes */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the header line of TABLE and those rows whose column PID is one of PIDS[n]. A row with
 * "-" in that column is a thread (ps -m) and follows the row of its process. A table without a
 * column PID is refused. TABLE is not trusted to be well-formed. */
int pstable_filter(const char *table, const pid_t *pids, size_t n, struct str *out,
		   struct err *err) MUST_CHECK;
