/* SPDX-License-Identifier: Apache-2.0 */
/* filter-internal.h - what the parts of kernel/filter share
 *
 * filter.c          config to struct filter_profile, the order of attempts, loading
 * filter_library.c  the program that libseccomp makes: the reference, and the fall-back
 * filter_eval.c     an interpreter, for decisions before the clone and for the tests */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "kernel/filter.h"
#include "oci/config.h"

#define FILTER_X32_BIT   0x40000000U /* in numbers of x32, whose audit architecture is x86_64's */
#define FILTER_ARCHS_MAX 32          /* the names of oci_seccomp_archs are fewer */

/* One rule of the profile: for each of its names, ACTION when all conditions hold. */
struct filter_rule {
	const struct json_strings *names;
	uint32_t at;
	uint32_t action; /* SECCOMP_RET_x with its data */
	const struct oci_seccomp_arg *args;
	size_t n_args; /* each index at most once */
};

/* The profile with everything translated but the names of calls. */
struct filter_profile {
	const struct oci_config *config;
	uint32_t default_action;
	uint32_t archs[FILTER_ARCHS_MAX]; /* libseccomp's tokens, the native one first, each once */
	size_t n_archs;
	struct filter_rule *rules; /* without those that only repeat the default action */
	size_t n_rules;
};

/* Number of the call NAME on architecture ARCH (a token of libseccomp), for x32 with its bit, or -1
 * when it has none. Calls that i386 also reaches by socketcall and ipc: the direct number. */
int filter_number(uint32_t arch, const char *name) MUST_CHECK;

/* AUDIT_ARCH_x that the kernel reports for calls of ARCH. */
uint32_t filter_audit_arch(uint32_t arch);

/* The largest number of ARCH that the profile names, or -1 when it names none. */
int filter_newest_number(const struct filter_profile *p, uint32_t arch) MUST_CHECK;

/* libseccomp's token of the architecture that this program was built for. */
uint32_t filter_native_arch(void);

/* True when libseccomp knows NAME for any architecture. */
bool filter_knows_name(const char *name) MUST_CHECK;

/* Has libseccomp make the program for the profile, with its binary tree when TREE. */
int filter_library_build(const struct filter_profile *p, bool tree, struct arena *a,
			 struct filter *ret, struct err *err) MUST_CHECK;

/* The answer of the program; it must be well formed, as the kernel's check would have it. */
uint32_t filter_run(const struct filter *f, const struct seccomp_data *data);
