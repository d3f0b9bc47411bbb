/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "oci/config-internal.h"

/* ---- namespaces ---------------------------------------------------------------------------- */

struct namespace_item {
	uint32_t at;
	bool typed;
	uint64_t type;
	const char *path;
};

static void dec_namespace_type(struct json_decoder *d, const struct json_node *node, void *out,
			       const void *arg)
{
	struct namespace_item *item = out;

	item->typed = config_get_name(d, node, arg, &item->type);
}

/* clang-format off */
const struct json_field config_namespace_fields[] = {
	{ "type", dec_namespace_type, 0, oci_namespaces, true },
	/* "" counts as absent (C-NS-07) */
	OPTIONAL("path", namespace_item, path, config_dec_text, NULL),
	END_OF_FIELDS
};
/* clang-format on */

static void dec_namespaces(struct json_decoder *d, const struct json_node *node, void *out,
			   const void *arg)
{
	struct oci_namespace *ns = out;
	size_t i = 0;

	(void)arg;
	if (node->type != JSON_ARRAY) {
		json_fail_type(d, node, "an array");
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		struct namespace_item item = { .at = m->at };
		size_t mark = json_enter(d, "[%zu]", i++);

		json_decode(d, m, config_namespace_fields, &item);
		if (item.typed && ns[item.type].present) /* C-NS-02 */
			json_fail(d, m, "a second namespace of type \"%s\"",
				  names_of(oci_namespaces, item.type));
		else if (item.typed)
			ns[item.type] = (struct oci_namespace){ true, item.at, item.path };
		json_leave(d, mark);
	}
}

/* ---- time offsets -------------------------------------------------------------------------- */

static void dec_i64(struct json_decoder *d, const struct json_node *node, void *out,
		    const void *arg)
{
	(void)arg;
	if (!json_get_i64(d, node, INT64_MIN, INT64_MAX, out))
		*(int64_t *)out = 0;
}

static const struct json_range_u64 nanosecs_range = { 0, 999999999 }; /* C-TIME-04 */

/* clang-format off */
const struct json_field config_time_offset_fields[] = {
	OPTIONAL("secs",     oci_time_offset, secs,     dec_i64,      NULL),
	OPTIONAL("nanosecs", oci_time_offset, nanosecs, json_dec_u32, &nanosecs_range),
	END_OF_FIELDS
};
#define TIME_OFFSET_ARG \
	{ config_time_offset_fields, offsetof(struct oci_time_offset, set), \
	  offsetof(struct oci_time_offset, at) }
static const struct config_object time_offset_object = TIME_OFFSET_ARG;
const struct json_field config_time_offsets_fields[] = {
	OPTIONAL("monotonic", oci_linux, monotonic, config_dec_object, &time_offset_object),
	OPTIONAL("boottime",  oci_linux, boottime,  config_dec_object, &time_offset_object),
	END_OF_FIELDS
};
/* clang-format on */

static void dec_time_offsets(struct json_decoder *d, const struct json_node *node, void *out,
			     const void *arg)
{
	struct oci_linux *l = out;
	char shown[JSON_SHOWN];

	(void)arg;
	json_decode(d, node, config_time_offsets_fields, l);
	if (node->count > 0)
		l->time_offsets_at = node->at;

	/* The keys of this map are clocks, that is values: one that the kernel cannot set is
	 * refused (C-TIME-06). */
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		if (node->type == JSON_OBJECT && strcmp(m->key, "monotonic") != 0 &&
		    strcmp(m->key, "boottime") != 0)
			json_fail_at(
				d, m->key_at,
				"unknown clock \"%s\", allowed are \"monotonic\", \"boottime\"",
				json_shown(m->key, shown));
	}
}

/* ---- devices ------------------------------------------------------------------------------- */

/* A device before its optional numbers are known to be complete. */
struct device_item {
	struct oci_device device;
	struct opt_u64 major, minor, mode;
};

static void dec_device_type(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	const char *s = json_get_string(d, node);

	(void)arg;
	if (!s)
		return;
	if (strlen(s) != 1 || !strchr("cbup", *s))
		json_fail_type(d, node, "\"c\", \"b\", \"u\" or \"p\"");
	else
		*(char *)out = *s == 'u' ? 'c' : *s; /* unbuffered is what Linux has anyway */
}

static void dec_device_path(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	const char *s = json_get_string(d, node);
	char clean[4096];

	(void)arg;
	if (!s)
		return;
	if (*s != '/') {
		json_fail(d, node, "expected an absolute path");
	} else if (path_normalise(s, clean, sizeof(clean)) < 0 || !clean[1]) {
		json_fail(d, node, "expected a path of a file, without \"..\"");
	} else {
		char *path = arena_strdup(d->arena, clean);
		if (!path)
			config_oom(d);
		memcpy(out, &path, sizeof(path));
	}
}

/* The kernel's dev_t: 12 and 20 bits. */
static const struct json_range_u64 major_range = { 0, 4095 };
static const struct json_range_u64 minor_range = { 0, 1048575 };
static const struct json_range_u64 mode_range = { 0, S_IFMT | 0777 };

/* clang-format off */
const struct json_field config_device_fields[] = {
	REQUIRED("type",     device_item, device.type, dec_device_type, NULL),
	REQUIRED("path",     device_item, device.path, dec_device_path, NULL),
	OPTIONAL("major",    device_item, major,       json_dec_ou64,   &major_range),
	OPTIONAL("minor",    device_item, minor,       json_dec_ou64,   &minor_range),
	OPTIONAL("fileMode", device_item, mode,        json_dec_ou64,   &mode_range),
	OPTIONAL("uid",      device_item, device.uid,  json_dec_u32,    &config_range_id),
	OPTIONAL("gid",      device_item, device.gid,  json_dec_u32,    &config_range_id),
	END_OF_FIELDS
};
/* clang-format on */

static bool has_member(const struct json_decoder *d, const struct json_node *node, const char *key)
{
	const struct json_node *m = json_member(d->doc, node, key);

	return m && m->type != JSON_NULL;
}

/* podman before 4.4 sends st_mode of the host's node, type and all. */
static mode_t file_mode(struct json_decoder *d, const struct json_node *node, char type, uint64_t v)
{
	mode_t wanted = type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;

	if ((v & ~(uint64_t)0777) != 0 && (v & ~(uint64_t)0777) != wanted) {
		size_t mark = json_enter(d, ".fileMode");
		json_fail(d, json_member(d->doc, node, "fileMode"),
			  "expected an integer from 0 to 511 (0777)");
		json_leave(d, mark);
	}
	return (mode_t)(v & 0777);
}

static void dec_device(struct json_decoder *d, const struct json_node *node, struct oci_device *ret)
{
	struct device_item item = { .device.at = node->at };

	json_decode(d, node, config_device_fields, &item);
	/* Required by the text unless it is a FIFO, though not by the schema (C-DEV-03). */
	if (node->type == JSON_OBJECT && item.device.type && item.device.type != 'p') {
		if (!has_member(d, node, "major"))
			json_fail(d, node, "'major' is required for a device of this type");
		if (!has_member(d, node, "minor"))
			json_fail(d, node, "'minor' is required for a device of this type");
	}
	*ret = item.device;
	ret->major = item.device.type == 'p' ? 0 : (uint32_t)item.major.v;
	ret->minor = item.device.type == 'p' ? 0 : (uint32_t)item.minor.v;
	ret->mode = item.mode.set ? file_mode(d, node, item.device.type, item.mode.v) : 0666;
}

static void dec_devices(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	struct oci_linux *l = out;
	size_t n = 0, i = 0;
	struct oci_device *v = json_get_array(d, node, sizeof(*v), &n);

	(void)arg;
	if (!v)
		return;
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark = json_enter(d, "[%zu]", i);
		dec_device(d, m, &v[i++]);
		json_leave(d, mark);
	}
	l->devices = v;
	l->n_devices = n;
}

/* ---- network devices ----------------------------------------------------------------------- */

/* clang-format off */
const struct json_field config_net_device_fields[] = {
	OPTIONAL("name", oci_net_device, name, json_dec_string, NULL), /* "" is no name */
	END_OF_FIELDS
};
/* clang-format on */

static void dec_net_devices(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	struct oci_linux *l = out;
	size_t n = 0;
	char shown[JSON_SHOWN];

	(void)arg;
	if (node->type != JSON_OBJECT) {
		json_fail_type(d, node, "an object");
		return;
	}
	struct oci_net_device *v = ARENA_NEW(d->arena, struct oci_net_device, node->count);
	if (!v) {
		config_oom(d);
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark = json_enter(d, ".%s", json_shown(m->key, shown));
		struct oci_net_device *dev = &v[n++];

		*dev = (struct oci_net_device){ .at = m->at, .host_name = m->key };
		json_decode(d, m, config_net_device_fields, dev);
		if (!dev->name)
			dev->name = dev->host_name;
		json_leave(d, mark);
	}
	l->net_devices = v;
	l->n_net_devices = n;
}

/* ---- propagation --------------------------------------------------------------------------- */

static void dec_propagation(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	struct oci_linux *l = out;

	(void)arg;
	l->rootfs_propagation_at = node->at;
	if (node->type != JSON_STRING || node->text[0]) /* "" counts as absent */
		config_dec_name64(d, node, &l->rootfs_propagation, oci_propagations);
}

/* ---- personality, RDT, memory policy ------------------------------------------------------- */

/* The text defines no flag, so any is an unsupported value (C-PERS-02). */
static void dec_personality_flags(struct json_decoder *d, const struct json_node *node, void *out,
				  const void *arg)
{
	struct json_strings flags = { .n = 0 };

	(void)out;
	(void)arg;
	json_dec_strings(d, node, &flags, NULL);
	if (flags.n > 0)
		json_fail_at(d, flags.at[0], "no personality flag is supported");
}

static void dec_domain(struct json_decoder *d, const struct json_node *node, void *out,
		       const void *arg)
{
	struct oci_linux *l = out;

	config_dec_name32(d, node, &l->personality, arg);
	l->personality_at = node->at;
}

/* clang-format off */
const struct json_field config_personality_fields[] = {
	{ "domain", dec_domain, 0, oci_personalities, true },
	{ "flags", dec_personality_flags, 0, NULL, false },
	END_OF_FIELDS
};
static const struct config_object personality_object = {
	config_personality_fields, offsetof(struct oci_linux, has_personality),
	offsetof(struct oci_linux, personality_at)
};

const struct json_field config_intel_rdt_fields[] = {
	OPTIONAL("closID",           oci_intel_rdt, clos_id,           config_dec_text,  NULL),
	OPTIONAL("schemata",         oci_intel_rdt, schemata,          json_dec_strings, NULL),
	OPTIONAL("l3CacheSchema",    oci_intel_rdt, l3_schema,         config_dec_text,  NULL),
	OPTIONAL("memBwSchema",      oci_intel_rdt, mb_schema,         config_dec_text,  NULL),
	OPTIONAL("enableMonitoring", oci_intel_rdt, enable_monitoring, json_dec_bool,    NULL),
	END_OF_FIELDS
};
static const struct config_object intel_rdt_object = OBJECT_ARG(config_intel_rdt_fields, oci_intel_rdt);

const struct json_field config_memory_policy_fields[] = {
	REQUIRED("mode",  oci_memory_policy, mode,  config_dec_name32,  oci_memory_policies),
	OPTIONAL("nodes", oci_memory_policy, nodes, config_dec_list,    NULL),
	OPTIONAL("flags", oci_memory_policy, flags, config_dec_flags32, oci_memory_policy_flags),
	END_OF_FIELDS
};
static const struct config_object memory_policy_object = OBJECT_ARG(config_memory_policy_fields, oci_memory_policy);

/* ---- linux --------------------------------------------------------------------------------- */

#define ID_MAP_ARG(member, number) { \
	.fields = config_id_map_fields, .size = sizeof(struct oci_id_map), \
	.at = offsetof(struct oci_id_map, at), .count = COUNT_BEHIND(oci_linux, member, number) }
static const struct config_array uid_map_arg = ID_MAP_ARG(uid_map, n_uid_map);
static const struct config_array gid_map_arg = ID_MAP_ARG(gid_map, n_gid_map);
static const struct config_part_arg uid_map_part = { config_dec_array, &uid_map_arg, PART_ID_MAPS };
static const struct config_part_arg gid_map_part = { config_dec_array, &gid_map_arg, PART_ID_MAPS };

static const struct config_part_arg namespaces_part = { dec_namespaces, NULL, PART_NAMESPACES };
static const struct config_part_arg resources_part = { config_dec_resources, NULL, PART_RESOURCES };
static const struct config_part_arg seccomp_part = { config_dec_seccomp, NULL, PART_SECCOMP };

/* All others, so that one wrong field does not silence the rules about namespaces and limits. */
#define REST(decode, arg) (&(const struct config_part_arg){ decode, arg, PART_LINUX })

#define TEXT_AT(text, position) \
	{ offsetof(struct oci_linux, position) - offsetof(struct oci_linux, text) }
static const struct config_text cgroups_path_text = TEXT_AT(cgroups_path, cgroups_path_at);
static const struct config_text mount_label_text = TEXT_AT(mount_label, mount_label_at);

const struct json_field config_linux_fields[] = {
	OPTIONAL("namespaces",    oci_linux, ns,             config_dec_part, &namespaces_part),
	OPTIONAL("uidMappings",   oci_linux, uid_map,        config_dec_part, &uid_map_part),
	OPTIONAL("gidMappings",   oci_linux, gid_map,        config_dec_part, &gid_map_part),
	{ "timeOffsets", config_dec_part, 0, REST(dec_time_offsets, NULL), false },
	{ "devices",     config_dec_part, 0, REST(dec_devices, NULL), false },
	{ "netDevices",  config_dec_part, 0, REST(dec_net_devices, NULL), false },
	OPTIONAL("cgroupsPath",   oci_linux, cgroups_path,   config_dec_part, REST(config_dec_text, &cgroups_path_text)),
	OPTIONAL("resources",     oci_linux, resources,      config_dec_part, &resources_part),
	{ "rootfsPropagation", config_dec_part, 0, REST(dec_propagation, NULL), false },
	OPTIONAL("seccomp",       oci_linux, seccomp,        config_dec_part, &seccomp_part),
	OPTIONAL("sysctl",        oci_linux, sysctl,         config_dec_part, REST(json_dec_map, NULL)),
	OPTIONAL("maskedPaths",   oci_linux, masked_paths,   config_dec_part, REST(json_dec_strings, NULL)),
	OPTIONAL("readonlyPaths", oci_linux, readonly_paths, config_dec_part, REST(json_dec_strings, NULL)),
	OPTIONAL("mountLabel",    oci_linux, mount_label,    config_dec_part, REST(config_dec_text, &mount_label_text)),
	OPTIONAL("intelRdt",      oci_linux, intel_rdt,      config_dec_part, REST(config_dec_object, &intel_rdt_object)),
	OPTIONAL("memoryPolicy",  oci_linux, memory_policy,  config_dec_part, REST(config_dec_object, &memory_policy_object)),
	{ "personality", config_dec_part, 0, REST(config_dec_object, &personality_object), false },
	END_OF_FIELDS
};
/* clang-format on */

void config_dec_linux(struct json_decoder *d, const struct json_node *node, void *out,
		      const void *arg)
{
	struct config_walk *walk = d->user;
	struct oci_linux *l = out;

	(void)arg;
	l->present = node->type == JSON_OBJECT;
	if (!l->present)
		walk->broken |=
			PART_LINUX | PART_NAMESPACES | PART_RESOURCES | PART_SECCOMP | PART_ID_MAPS;
	json_decode(d, node, config_linux_fields, l);
}
