/* SPDX-License-Identifier: Apache-2.0 */
/* oci/config.h - config.json of runtime-spec 1.3 as typed, validated, read-only data
 *
 * config_load() turns bytes into a tree of the structs below, or into a list of everything that is
 * wrong with them. Names are translated on the way (CAP_NET_ADMIN is a bit, "rbind,ro" a set of
 * attributes), so later layers see kernel values. All memory belongs to one arena. After
 * config_load() the tree is const everywhere.
 *
 * `at` members are byte offsets in the document, for messages of later layers: config_wrap().
 * Optional scalars carry presence (struct opt_*); absent arrays have n == 0, absent strings are
 * NULL, absent objects have present == false. A field of the spec is applied in full by later
 * layers, or refused, never ignored (I-12). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "oci/names.h"

/* ---- process ------------------------------------------------------------------------------- */

struct oci_user {
	uint32_t uid, gid; /* in the container's user namespace; 4294967295 is refused (S-77) */
	uint32_t *additional_gids;
	size_t n_additional_gids;
	struct opt_u64 umask; /* 0..0777; absent: 0022 (D-17) */
};

/* Bits 1 << CAP_x. An absent set is empty (I-17, C-CAP-03, C-CAP-04). */
struct oci_caps {
	bool present;
	uint64_t bounding, effective, permitted, inheritable, ambient;
	struct json_strings unknown; /* names that no kernel known to us has: warn (C-CAP-02); each
				      * once, at most 64 */
};

struct oci_rlimit {
	uint32_t at;
	int resource; /* RLIMIT_x */
	const char *name;
	uint64_t soft, hard; /* 18446744073709551615 = RLIM_INFINITY */
};

struct oci_scheduler {
	bool present;
	uint32_t at;
	uint32_t policy; /* SCHED_x */
	int32_t nice, priority;
	uint64_t flags; /* SCHED_FLAG_x */
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct oci_io_priority {
	bool present;
	uint32_t at;
	uint32_t class;    /* 1 RT, 2 BE, 3 IDLE */
	uint32_t priority; /* 0..7 */
};

struct oci_process {
	bool present;
	uint32_t at;
	bool terminal;
	uint32_t console_height, console_width; /* 0 0 when absent */
	const char *cwd;
	uint32_t cwd_at;
	struct oci_user user;
	struct json_strings args, env;
	struct oci_caps caps;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	struct opt_i64 oom_score_adj;
	struct oci_scheduler scheduler;
	struct oci_io_priority io_priority;
	const char *exec_cpu_initial, *exec_cpu_final; /* execCPUAffinity; NULL when absent */
	uint32_t exec_cpu_at;
	const char *apparmor_profile, *selinux_label; /* NULL when absent or empty */
	uint32_t apparmor_at, selinux_at;
};

/* ---- mounts -------------------------------------------------------------------------------- */

struct oci_id_map {
	uint32_t container_id, host_id, size;
	uint32_t at;
};

/* What the options of one mount ask for. Opposites: the later option has won (C-MOUNT-16). */
struct oci_mount_options {
	bool bind;      /* bind or rbind */
	bool recursive; /* rbind */
	bool remount;
	bool tmpcopyup;
	bool idmap, ridmap;            /* at most one: the later has won */
	uint64_t attr_set, attr_clear; /* MOUNT_ATTR_x of the mount itself */
	uint64_t rattr_set,
		rattr_clear;   /* the same, recursive (rro, rnosuid, …). A later recursive
				* option takes its bits out of attr_x, so applying rattr first
				* and attr second gives what the order of the options asks. A
				* choice of access times has all of MOUNT_ATTR__ATIME in clear */
	const char **sb_flags; /* for FSCONFIG_SET_FLAG: "sync", "lazytime", "dirsync", "mand" … */
	size_t n_sb_flags;
	uint64_t *propagation; /* MS_SHARED etc., | MS_REC for the r-forms, in the order given */
	size_t n_propagation;
	struct json_pair *data; /* file system options in order; value NULL for a bare flag */
	size_t n_data;
};

struct oci_mount {
	uint32_t at;
	const char *destination;   /* as written */
	const char *type, *source; /* NULL when absent */
	struct oci_mount_options options;
	struct oci_id_map *uid_map, *gid_map;
	size_t n_uid_map, n_gid_map;
	bool has_uid_map, has_gid_map; /* an empty array is not an absent one (C-MOUNT-33) */
};

/* ---- linux --------------------------------------------------------------------------------- */

struct oci_namespace {
	bool present;
	uint32_t at;
	const char *path; /* NULL: a new one ("" counts as absent, C-NS-07) */
};

struct oci_device {
	uint32_t at;
	char type; /* 'c' 'b' 'p'; 'u' is read as 'c' */
	const char *path;      /* normalised */
	uint32_t major, minor; /* 0 0 for 'p' */
	mode_t mode;           /* default 0666 */
	uint32_t uid, gid;
};

struct oci_device_rule {
	uint32_t at;
	bool allow;
	char type;            /* 'a' 'b' 'c' */
	int64_t major, minor; /* -1: any */
	unsigned access;      /* bits: 1 mknod, 2 read, 4 write: BPF_DEVCG_ACC_x */
};

struct oci_memory {
	bool present;
	uint32_t at;
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
	bool present;
	uint32_t at;
	struct opt_u64 shares, period, burst, realtime_period;
	struct opt_i64 quota, realtime_runtime, idle;
	const char *cpus, *mems; /* NULL when absent or empty */
};

struct oci_weight_device {
	uint32_t at;
	int64_t major, minor;
	struct opt_u64 weight, leaf_weight;
};
struct oci_throttle_device {
	uint32_t at;
	int64_t major, minor;
	uint64_t rate;
};
struct oci_block_io {
	bool present;
	uint32_t at;
	struct opt_u64 weight, leaf_weight;
	struct oci_weight_device *weight_devices;
	size_t n_weight_devices;
	struct oci_throttle_device *read_bps, *write_bps, *read_iops, *write_iops;
	size_t n_read_bps, n_write_bps, n_read_iops, n_write_iops;
};

struct oci_hugepage {
	uint32_t at;
	const char *page_size; /* "2MB" */
	uint64_t limit;
};

struct oci_rdma {
	uint32_t at;
	const char *device;
	struct opt_u64 hca_handles, hca_objects;
};

struct oci_net_prio {
	uint32_t at;
	const char *name;
	uint32_t priority;
};

struct oci_resources {
	bool present;
	uint32_t at;
	bool has_devices; /* an empty list is not an absent one */
	struct oci_device_rule *devices;
	size_t n_devices;
	struct opt_i64 pids_limit;
	struct oci_memory memory;
	struct oci_cpu cpu;
	struct oci_block_io block_io;
	struct oci_hugepage *hugepages;
	size_t n_hugepages;
	struct opt_u64 net_class_id;
	struct oci_net_prio *net_priorities;
	size_t n_net_priorities;
	uint32_t network_at;
	struct oci_rdma *rdma;
	size_t n_rdma;
	struct json_map unified;
};

/* ---- linux.seccomp: names stay names, because libseccomp resolves them per architecture ------ */

struct oci_seccomp_arg {
	uint32_t at;
	uint32_t index; /* 0..5 */
	uint64_t value, value_two;
	uint32_t op; /* index into oci_seccomp_ops (of libseccomp's enum: its `value`) */
};
struct oci_seccomp_rule {
	uint32_t at;
	struct json_strings names; /* at least one */
	uint32_t action;           /* index into oci_seccomp_actions */
	struct opt_u64 errno_ret;  /* 0..4095, only with ERRNO and TRACE */
	struct oci_seccomp_arg *args;
	size_t n_args;
};
struct oci_seccomp {
	bool present;
	uint32_t at;
	uint32_t default_action;
	struct opt_u64 default_errno_ret;
	struct json_strings architectures; /* SCMP_ARCH_x, checked */
	bool has_flags;                    /* [] and absent differ (C-SEC-10) */
	uint32_t flags;                    /* SECCOMP_FILTER_FLAG_x */
	const char *listener_path, *listener_metadata;
	struct oci_seccomp_rule *rules;
	size_t n_rules;
};

struct oci_net_device {
	uint32_t at;
	const char *host_name, *name; /* name defaults to host_name */
};

struct oci_time_offset {
	bool set;
	uint32_t at;
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_intel_rdt {
	bool present;
	uint32_t at;
	const char *clos_id, *l3_schema, *mb_schema;
	struct json_strings schemata;
	bool enable_monitoring;
};

struct oci_memory_policy {
	bool present;
	uint32_t at;
	uint32_t mode;  /* MPOL_x */
	uint32_t flags; /* MPOL_F_x */
	const char *nodes;
};

struct oci_linux {
	bool present;
	struct oci_namespace ns[OCI_NS_COUNT];
	struct oci_id_map *uid_map, *gid_map;
	size_t n_uid_map, n_gid_map;
	struct oci_time_offset monotonic, boottime;
	uint32_t time_offsets_at; /* 0 when absent */
	struct oci_device *devices;
	size_t n_devices;
	struct oci_net_device *net_devices;
	size_t n_net_devices;
	const char *cgroups_path; /* NULL when absent or empty */
	uint32_t cgroups_path_at;
	struct oci_resources resources;
	struct json_map sysctl; /* keys as written, with dots or slashes */
	struct oci_seccomp seccomp;
	uint64_t rootfs_propagation; /* MS_x [| MS_REC], 0 when absent */
	uint32_t rootfs_propagation_at;
	struct json_strings masked_paths, readonly_paths;
	const char *mount_label; /* NULL when absent or empty */
	uint32_t mount_label_at;
	struct oci_intel_rdt intel_rdt;
	struct oci_memory_policy memory_policy;
	bool has_personality;
	uint32_t personality; /* PER_LINUX, PER_LINUX32 */
	uint32_t personality_at;
};

/* ---- hooks --------------------------------------------------------------------------------- */

enum oci_hook_point {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_POINTS
};

struct oci_hook {
	uint32_t at;
	const char *path;         /* absolute */
	struct json_strings args; /* n == 0: argv is [path] (R-HOOK-08) */
	struct json_strings env;  /* exactly the environment of the hook (I-26) */
	int64_t timeout_s;        /* 0: none; else >= 1 */
};
struct oci_hooks {
	struct oci_hook *v;
	size_t n;
};

/* ---- the document --------------------------------------------------------------------------- */

struct oci_config {
	struct arena arena; /* owns everything below */
	struct json_doc
		doc; /* text kept: it is what `create` saves, and line:column come from it */
	bool resources_only; /* of config_parse_resources(): all but linux_.resources is empty */
	struct json_doc
		process_doc; /* where `process` came from, if not from doc: config_load_process() */
	const char *oci_version;
	uint32_t oci_version_at;
	bool has_root;
	uint32_t root_at;
	const char *root_path;
	bool root_readonly;
	struct oci_process process;
	const char *hostname, *domainname; /* NULL when absent or empty */
	uint32_t hostname_at, domainname_at;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_linux linux_;
	struct oci_hooks hooks[HOOK_POINTS];
	struct json_map annotations;
};

/* Reads, parses, decodes and validates NAME (usually "config.json") below DIRFD. On failure *ret is
 * not usable and err holds all messages (D-03). Warnings (unknown capability) go to log_warn().
 * The caller frees with config_free(). */
int config_load(int dirfd, const char *name, struct oci_config **ret, struct err *err) MUST_CHECK;

/* The same from memory; TEXT must live until config_free(). VALIDATE false skips config_validate():
 * for our own saved copy, which was validated at create. */
int config_parse(const char *name, const char *text, size_t len, bool validate,
		 struct oci_config **ret, struct err *err) MUST_CHECK;

/* A document that is a linux.resources object, for `update`: decoded as strictly, and checked by
 * the same rules, except that a swap limit may rely on the memory limit that is in force. NAME
 * NULL: the text was made from options, and messages have no position in it. TEXT must live until
 * config_free(). */
int config_parse_resources(const char *name, const char *text, size_t len, struct oci_config **ret,
			   struct err *err) MUST_CHECK;

/* The copy that `create` saved below DIRFD: parsed, not validated again. */
int config_load_saved(int dirfd, const char *name, struct oci_config **ret,
		      struct err *err) MUST_CHECK;

/* exec --process: reads NAME, relative to the caller's directory, as the process object of C (which
 * is not const yet) and validates it. What describes the program (args, env, cwd, user, terminal)
 * is FILE's alone; a restriction that FILE does not mention (capabilities, noNewPrivileges,
 * rlimits, labels, scheduling, oomScoreAdj) stays that of the container (C-PROC-18, I-20).
 * Positions of both documents go on working. */
int config_load_process(const char *name, struct oci_config *c, struct err *err) MUST_CHECK;

void config_free(struct oci_config **c);
#define AUTO_CONFIG AUTO(config_free) struct oci_config *

/* True when linux.seccomp has SCMP_ACT_NOTIFY as an action, of a rule or by default. */
bool config_notifies(const struct oci_config *c);

/* Prefixes "WHAT (config.json:LINE:COL): " to err, for failures of later layers. Returns -1. */
int config_wrap(const struct oci_config *c, uint32_t at, struct err *err, const char *what, ...)
	PRINTF_LIKE(4, 5);
/* Sets "config.json:LINE:COL: FMT". Returns -1. */
int config_fail(const struct oci_config *c, uint32_t at, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* The tables of fields, one per JSON object, for the test that compares them with the spec's
 * schema. Ended by a row with schema_path NULL. */
struct config_table {
	const char *schema_path; /* "" for the document, "linux.resources.memory"; the objects in an
				  * array are "process.rlimits[]", those in a map
				  * "linux.netDevices{}" */
	const struct json_field *fields;
};
extern const struct config_table config_tables[];

/* True when the mount shows its files with other owners (C-MOUNT-31, C-MOUNT-35: mappings count
 * also without the option). Empty mappings without the option are an older engine's "none". */
static inline bool config_mount_is_mapped(const struct oci_mount *m)
{
	return m->options.idmap || m->options.ridmap || m->n_uid_map > 0 || m->n_gid_map > 0;
}

/* True when namespace NS is listed without a path (a new one), or with one. */
static inline bool config_ns_new(const struct oci_config *c, enum oci_ns ns)
{
	return c->linux_.ns[ns].present && !c->linux_.ns[ns].path;
}
static inline bool config_ns_join(const struct oci_config *c, enum oci_ns ns)
{
	return c->linux_.ns[ns].present && c->linux_.ns[ns].path;
}
