/* SPDX-License-Identifier: Apache-2.0 */
/* oci/config-internal.h - what the files of oci/config share
 *
 * Each config_*.c decodes one section: its tables of fields, one per JSON object, and the decoders
 * that are special to it. */
#pragma once

#include <stddef.h>

#include "oci/config.h"
#include "oci/names.h"

/* clang-format off */
#define OPTIONAL(key, type, member, decode, arg) { key, decode, offsetof(struct type, member), arg, false }
#define REQUIRED(key, type, member, decode, arg) { key, decode, offsetof(struct type, member), arg, true }
#define END_OF_FIELDS { NULL, NULL, 0, NULL, false }
/* clang-format on */

/* The largest id: 4294967295 is the kernel's "no change" in setresuid(2) and chown(2) (S-77). */
#define ID_MAX_VALID ((uint64_t)UINT32_MAX - 1)
extern const struct json_range_u64 config_range_id;
extern const struct json_range_u64 config_range_u32;
extern const struct json_range_u64 config_range_errno; /* 0..4095, C-SEC-04 */

/* Parts of the document in which a decoder found an error. A rule of config_validate() that looks
 * at such a part would complain about values that were never read. */
enum config_part {
	PART_TOP = 1 << 0, /* ociVersion, hostname, domainname */
	PART_ROOT = 1 << 1,
	PART_PROCESS = 1 << 2,
	PART_MOUNTS = 1 << 3,
	PART_NAMESPACES = 1 << 4,
	PART_LINUX = 1 << 5, /* the rest of it */
	PART_RESOURCES = 1 << 6,
	PART_SECCOMP = 1 << 7,
	PART_HOOKS = 1 << 8,
	PART_ANNOTATIONS = 1 << 9,
	PART_ID_MAPS = 1 << 10,
};

/* json_decoder.user */
struct config_walk {
	struct oci_config *config;
	unsigned broken; /* enum config_part */
};

/* Runs DECODE with ARG and remembers whether PART came through. */
struct config_part_arg {
	json_decode_fn *decode;
	const void *arg;
	enum config_part part;
};
json_decode_fn config_dec_part;

/* An object with `bool present` and `uint32_t at` in its struct. */
struct config_object {
	const struct json_field *fields;
	size_t present, at; /* offsets */
};
json_decode_fn config_dec_object;
/* clang-format off */
#define OBJECT_ARG(table, type) { table, offsetof(struct type, present), offsetof(struct type, at) }
/* clang-format on */

/* An array of objects: OUT is a pointer to structs, with the count in a size_t COUNT bytes behind
 * that pointer. */
struct config_array {
	const struct json_field *fields;
	size_t size;  /* of a struct */
	size_t at;    /* offset of its uint32_t at */
	size_t count; /* distance of the count */
	/* Both may be NULL. Defaults, before the fields; what is left to do, after them. */
	void (*init)(void *item);
	void (*finish)(struct json_decoder *d, const struct json_node *node, void *item);
};
json_decode_fn config_dec_array;
#define COUNT_BEHIND(type, pointer, number)                                                        \
	(offsetof(struct type, number) - offsetof(struct type, pointer))

/* A string; "" counts as absent (NULL). ARG: distance of a uint32_t for the position, or NULL. */
json_decode_fn config_dec_text;
struct config_text {
	size_t at;
};
/* The same for a list of CPUs or memory nodes, "0-3,7"; ARG: NULL. */
json_decode_fn config_dec_list;

/* The value of the name NODE in TABLE, or a report that suggests and lists what is allowed. */
bool config_get_name(struct json_decoder *d, const struct json_node *node,
		     const struct name_value *table, uint64_t *ret) MUST_CHECK;
json_decode_fn config_dec_name32; /* uint32_t: the value; arg: the table */
json_decode_fn config_dec_name64; /* uint64_t: the value; arg: the table */
json_decode_fn config_dec_index;  /* uint32_t: the index; arg: the table */
json_decode_fn
	config_dec_flags32; /* uint32_t: array of names, their values or-ed; arg: the table */
json_decode_fn config_dec_flags64; /* uint64_t: the same */
/* struct json_strings of names that must be in the table ARG */
json_decode_fn config_dec_names;

/* OUT: pointer to struct oci_id_map; arg: struct config_array */
extern const struct json_field config_id_map_fields[];

/* Memory is out: one more error. */
void config_oom(struct json_decoder *d);

/* The sections. */
json_decode_fn config_dec_process;       /* struct oci_process */
json_decode_fn config_dec_mount_options; /* struct oci_mount_options */
json_decode_fn config_dec_resources;     /* struct oci_resources */
json_decode_fn config_dec_seccomp;       /* struct oci_seccomp */
json_decode_fn config_dec_linux;         /* struct oci_linux */
extern const struct config_array config_mounts_arg;

extern const struct json_field config_fields[]; /* the document, struct oci_config */
extern const struct json_field config_user_fields[], config_console_size_fields[];
extern const struct json_field config_process_fields[], config_capabilities_fields[];
extern const struct json_field config_rlimit_fields[], config_scheduler_fields[];
extern const struct json_field config_io_priority_fields[], config_cpu_affinity_fields[];
extern const struct json_field config_mount_fields[];
extern const struct json_field config_linux_fields[], config_namespace_fields[];
extern const struct json_field config_device_fields[], config_net_device_fields[];
extern const struct json_field config_time_offsets_fields[], config_time_offset_fields[];
extern const struct json_field config_intel_rdt_fields[], config_memory_policy_fields[];
extern const struct json_field config_personality_fields[];
extern const struct json_field config_resources_fields[], config_device_rule_fields[];
extern const struct json_field config_pids_fields[], config_memory_fields[];
extern const struct json_field config_cpu_fields[], config_block_io_fields[];
extern const struct json_field config_weight_device_fields[], config_throttle_fields[];
extern const struct json_field config_hugepage_fields[], config_network_fields[];
extern const struct json_field config_net_prio_fields[], config_rdma_fields[];
extern const struct json_field config_seccomp_fields[], config_syscall_fields[];
extern const struct json_field config_syscall_arg_fields[];
