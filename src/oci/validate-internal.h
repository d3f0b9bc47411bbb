/* SPDX-License-Identifier: Apache-2.0 */
/* oci/validate-internal.h - the rules of config_validate(), one function each
 *
 * A rule sees a config whose parts that it needs (column `needs` of the table in validate.c) were
 * decoded without an error; other parts may be incomplete. */
#pragma once

#include "oci/config-internal.h"

/* Reports "NAME:LINE:COL: PATH: text"; PATH is appended to the path that json_enter() made. */
void complain(struct json_decoder *d, uint32_t at, const char *path, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Reports every entry whose name occurred before. Sorts NAMES, so that many stay near linear. */
struct named {
	const char *name;
	uint32_t at;
};
void complain_duplicates(struct json_decoder *d, struct named *names, size_t n, const char *path,
			 const char *what);

/* "NAME=value" with a name. */
void check_env(struct json_decoder *d, const struct json_strings *env);

/* What map_write() in the kernel refuses (C-UMAP-01, S-74). */
void check_id_map(struct json_decoder *d, const char *path, const struct oci_id_map *v, size_t n);

typedef void rule_fn(struct json_decoder *d, const struct oci_config *c);

/* validate_linux.c */
rule_fn check_namespace_paths, check_user_namespace, check_id_maps, check_root_is_mapped;
rule_fn check_time_offsets;
rule_fn check_devices, check_cgroups_path, check_masked_paths, check_rootfs_propagation;
rule_fn check_sysctl, check_sysctl_owner, check_sysctl_domainname;

/* validate_mounts.c */
rule_fn check_mounts_namespace, check_mounts, check_mount_maps;
/* validate_host.c */
rule_fn check_net_devices, check_intel_rdt;

/* validate_process.c */
rule_fn check_scheduler, check_scheduler_hooks, check_scheduler_notify, check_memory_policy;

/* validate_resources.c */
rule_fn check_seccomp_errno, check_seccomp_listener;
