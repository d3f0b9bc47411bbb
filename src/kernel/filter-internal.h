/* SPDX-License-Identifier: Apache-2.0 */
/* filter-internal.h - what the parts of kernel/filter share
 *
 * filter.c          the interface: order of attempts, loading
 * filter_profile.c  config to struct filter_profile: actions, conditions, numbers of calls
 * filter_gen.c      our own program, for the architectures it covers; filter_emit.c writes it
 * filter_library.c  all that needs libseccomp: numbers, and the program that it makes, which is the
 *                   reference in the tests and the fall-back
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

#define FILTER_X32_BIT     0x40000000U /* in numbers of x32, whose audit architecture is x86_64's */
#define FILTER_ARM_PRIVATE 0xf0000U    /* first of arm's private calls (asm/unistd.h) */
#define FILTER_ARCHS_MAX   32          /* the names of oci_seccomp_archs are fewer */

/* One rule: ACTION when all conditions hold. */
struct filter_rule {
	uint32_t at;
	uint32_t action; /* SECCOMP_RET_x with its data */
	const struct oci_seccomp_arg *args;
	size_t n_args; /* each index at most once */
};

/* One name of one rule, in the order of the profile. */
struct filter_call {
	const char *name;
	const struct filter_rule *rule; /* NULL: only repeats the default action */
};

struct filter_profile {
	const struct oci_config *config;
	uint32_t default_action;
	uint32_t archs[FILTER_ARCHS_MAX]; /* libseccomp's tokens, the native one first, each once */
	size_t n_archs;
	struct filter_call *calls;
	size_t n_calls;
	/* [call * n_archs + arch]: the number, for x32 with its bit, or what
	 * filter_library_number() says */
	int32_t *numbers;
	int32_t newest[FILTER_ARCHS_MAX]; /* largest number named that is not above
					   * filter_last_number(), by index in `archs`, or -1 */
};

/* From the config. Warns about names that libseccomp does not know (C-SEC-07). */
int filter_profile_build(const struct oci_config *c, struct arena *a, struct filter_profile *ret,
			 struct err *err) MUST_CHECK;

/* Calls above the newest named one get ENOSYS (D-26, C-SEC-08). */
bool filter_profile_wants_enosys(const struct filter_profile *p);

/* The last number up to which new calls of ARCH can appear: behind it x86_64 has x32, which shares
 * its audit architecture, and arm its private calls. */
uint32_t filter_last_number(uint32_t arch);

/* i386 reaches some calls through socketcall(2) and ipc(2) too, and libseccomp numbers those -100 -
 * n and -200 - n. True when NUMBER is such a one; then *ret_call is the multiplexer (102 or 117),
 * *ret_n the value of its first argument and *ret_direct the call's own number or -1. */
bool filter_x86_multiplexed(int32_t number, uint32_t *ret_call, uint32_t *ret_n,
			    int32_t *ret_direct) MUST_CHECK;

/* Makes our own program. Returns 1, or 0 when the profile is not covered, or -1 on failure. */
int filter_generate(const struct filter_profile *p, struct arena *a, struct filter *ret,
		    struct err *err) MUST_CHECK;

/* ---- libseccomp ------------------------------------------------------------------------------ */

/* libseccomp's token of the architecture that this program was built for. */
uint32_t filter_library_native(void);

/* AUDIT_ARCH_x that the kernel reports for calls of ARCH. */
uint32_t filter_audit_arch(uint32_t arch);

/* Number of the call NAME on ARCH; negative when it has none there. */
int32_t filter_library_number(uint32_t arch, const char *name) MUST_CHECK;

/* True when libseccomp knows NAME for any architecture. */
bool filter_library_knows(const char *name) MUST_CHECK;

/* The complete program by libseccomp, with the ENOSYS answers in front. */
int filter_build_by_library(const struct filter_profile *p, struct arena *a, struct filter *ret,
			    struct err *err) MUST_CHECK;

/* The answer of the program; it must be well formed, as the kernel's check would have it. */
uint32_t filter_run(const struct filter *f, const struct seccomp_data *data);
