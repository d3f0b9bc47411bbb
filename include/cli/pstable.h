/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pstable.h - tables of processes: that of ps(1), cut down to some, and our own */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "kernel/process.h"

/* Appends the header line of TABLE and those rows whose column PID is one of PIDS[n]. A row with
 * "-" in that column is a thread (ps -m) and follows the row of its process. A table without a
 * column PID is refused. TABLE is not trusted to be well-formed. */
int pstable_filter(const char *table, const pid_t *pids, size_t n, struct str *out,
		   struct err *err) MUST_CHECK;

/* Our own: a header, and a line for each process. RSS is in KiB, %CPU the share of one processor
 * over the life of the process, NSPID the pid inside the container. */
void pstable_add_header(struct str *out);
void pstable_add(const struct process_facts *f, struct str *out);
