/* SPDX-License-Identifier: Apache-2.0 */
/* oci/names.h - the spec's names and the kernel's numbers, each in exactly one table
 *
 * The decoder reads these tables, `features` prints them and tests feed every row back, so what is
 * announced, accepted and applied cannot drift apart. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct name_value {
	const char *name;
	uint64_t value;
};

/* The kinds of namespaces, as indexes. */
enum oci_ns {
	OCI_NS_USER,
	OCI_NS_MOUNT,
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_NS_COUNT
};

/* Ended by a row with name NULL; *_count excludes it. */
extern const struct name_value oci_capabilities[]; /* CAP_x -> bit number, 41 of them */
extern const struct name_value oci_rlimits[];      /* RLIMIT_x -> resource */
extern const struct name_value oci_namespaces[];   /* "pid" -> enum oci_ns */
extern const struct name_value oci_signals[]; /* "SIGTERM" -> 15; real-time ones are computed */
extern const struct name_value oci_seccomp_actions[]; /* SCMP_ACT_x -> SECCOMP_RET_x */
extern const struct name_value oci_seccomp_ops[];     /* SCMP_CMP_x -> enum scmp_compare value */
extern const struct name_value oci_seccomp_archs[];   /* SCMP_ARCH_x -> AUDIT_ARCH_x; X32 apart */
extern const struct name_value oci_seccomp_flags[];   /* SECCOMP_FILTER_FLAG_x -> flag */
extern const struct name_value oci_scheduler_policies[];
extern const struct name_value oci_scheduler_flags[];
extern const struct name_value oci_io_classes[];
extern const struct name_value oci_memory_policies[];
extern const struct name_value oci_memory_policy_flags[];
extern const struct name_value oci_personalities[];
extern const struct name_value oci_propagations[]; /* "rslave" -> MS_SLAVE | MS_REC */

/* Mount options: what each name sets and clears. */
enum mount_option_kind {
	MOPT_ATTR,        /* set/clear: MOUNT_ATTR_x of the mount */
	MOPT_RATTR,       /* the same, recursive */
	MOPT_PROPAGATION, /* set: MS_x */
	MOPT_SB,          /* superblock flag: name is handed to fsconfig(FSCONFIG_SET_FLAG) */
	MOPT_NONE, /* recognised, means nothing to the kernel: defaults, silent, loud, iversion … */
	MOPT_BIND,
	MOPT_RBIND,
	MOPT_REMOUNT,
	MOPT_TMPCOPYUP,
	MOPT_IDMAP,
	MOPT_RIDMAP,
};
struct mount_option {
	const char *name;
	enum mount_option_kind kind;
	uint64_t set, clear;
};
extern const struct mount_option oci_mount_options[]; /* ended by name NULL; sorted by name */

/* Value of NAME in TABLE. */
bool names_find(const struct name_value *table, const char *name, uint64_t *ret) MUST_CHECK;
/* Name of VALUE, or NULL. */
const char *names_of(const struct name_value *table, uint64_t value);
size_t names_count(const struct name_value *table);

/* A signal as users and engines write it: "9", "KILL", "SIGKILL", "sigkill", "RTMIN+1",
 * "SIGRTMAX-2"; numbers 0..64. Returns 0 or -1. */
int signal_parse(const char *s, int *ret) MUST_CHECK;
