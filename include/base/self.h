/* SPDX-License-Identifier: Apache-2.0 */
/* base/self.h - our own program file, out of the reach of containers (I-15)
 *
 * A process that enters a container can be made to execute itself there (entry point
 * /proc/self/exe, or a script with that interpreter) or be looked at by a neighbour; whoever then
 * opens /proc/PID/exe for writing replaces the runtime on the host (CVE-2019-5736). So such a
 * process runs from a file that cannot be written through: the kernel refuses with EROFS or EPERM,
 * whatever rights the opener has. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

/* Returns 0 when /proc/self/exe is read-only already: the program is on a read-only mount, or this
 * is the second pass. Else executes the program again with ARGV and the same environment, and
 * returns only on failure: from a detached read-only copy of its mount (open_tree, kernel 5.2;
 * nobody can remount it, it is in no mount namespace), or, without the right to mount, from a
 * sealed memory file. */
int self_protect(char **argv, struct err *err) MUST_CHECK;
