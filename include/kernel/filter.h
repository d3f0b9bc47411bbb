/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/filter.h - linux.seccomp as a BPF program (seccomp(2)); only module that knows libseccomp
 *
 * plan: the profile is compiled to bytes in the parent; unknown actions, operators, flags and
 * architectures were refused by oci/config, unknown system calls are skipped with one warning
 * (C-SEC-07). apply: the child loads the bytes, nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

struct sock_filter;
struct filter {
	const struct sock_filter *insns; /* NULL: no profile */
	size_t n_insns;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_x for seccomp(2) */
	bool notifies;  /* SCMP_ACT_NOTIFY is among the actions: it is loaded with a listener */
};

/* Compiles the profile. Flags absent means SPEC_ALLOW, an empty list none (C-SEC-10). A flag that
 * the running kernel does not know is refused, never dropped (C-SEC-11); TSYNC is not passed on,
 * because the one thread that the filter is for is the one that loads it. Calls above the newest
 * one that the profile names get ENOSYS when the default action is errno EPERM (D-26, C-SEC-08).
 * Several rules for one call: the first without conditions decides, else the first whose conditions
 * hold (C-SEC-18). More than BPF_MAXINSNS instructions are refused (C-SEC-29). no_new_privs is
 * never set implicitly (C-SEC-20). The program is our own (D-11); for architectures that it does
 * not cover libseccomp makes it. */
int filter_compile(const struct oci_config *c, struct arena *a, struct filter *ret,
		   struct err *err) MUST_CHECK;

/* Loads it into the calling thread, no other, and reads back that mode 2 is in force (I-10), where
 * the filter still allows prctl; makes no other system call afterwards. Needs no_new_privs or
 * CAP_SYS_ADMIN. *RET_LISTENER: for a filter that notifies the descriptor on which an agent
 * receives the calls (seccomp_unotify(2), kernel 5.0), close-on-exec and owned by the caller; else
 * -1. */
int filter_load(const struct filter *f, int *ret_listener, struct err *err) MUST_CHECK;

/* For a program that no agent listens to: the kernel answers ENOSYS to calls that would notify. */
int filter_load_unheard(const struct filter *f, struct err *err) MUST_CHECK;

/* Interprets the program: the SECCOMP_RET_x value, with its data, for system call NR of the native
 * architecture with ARGS; ALLOW without a profile. For refusing, before any side effect, a profile
 * under which the container could not even be started (execve killed or refused). */
uint32_t filter_verdict(const struct filter *f, int nr, const uint64_t args[6]);

/* "2.5.4"; and the flags that the running kernel knows, NULL-terminated, static. */
const char *filter_library_version(void);
const char *const *filter_supported_flags(void);
