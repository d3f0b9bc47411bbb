/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/process.h - what /proc says about a process, for people */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

struct process_facts {
	pid_t pid, ppid;     /* as the reader of PROCFD counts; ppid 0: the parent is outside of it */
	pid_t inner;         /* in the innermost pid namespace that the process is in */
	uid_t uid;           /* effective, on the host */
	char state;          /* R, S, D, T, Z …: proc_pid_stat(5) */
	uint64_t rss_bytes;  /* resident memory */
	uint64_t cpu_ms;     /* of all its threads, user and system */
	uint64_t age_ms;     /* since its start; 0 when it cannot be told */
	const char *command; /* arguments with blanks between them; "[name]" without any. What a terminal
			      * could take for a command is '?' */
};

/* PROCFD: kernel/procfs.h. The command lives in A. Returns 1, 0 when the process is gone, -1. */
int process_read(int procfd, pid_t pid, struct arena *a, struct process_facts *ret,
		 struct err *err) MUST_CHECK;
