/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "oci/config-internal.h"

/* ---- device rules -------------------------------------------------------------------------- */

#define ACCESS_ALL 7U

static void dec_rule_type(struct json_decoder *d, const struct json_node *node, void *out,
			  const void *arg)
{
	const char *s = json_get_string(d, node);

	(void)arg;
	if (!s || !*s) /* Go programs write "" for "not set" */
		return;
	if (strlen(s) != 1 || !strchr("abc", *s))
		json_fail_type(d, node, "\"a\", \"b\" or \"c\"");
	else
		*(char *)out = *s;
}

/* The bits of BPF_DEVCG_ACC_x. */
static void dec_rule_access(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	const char *s = json_get_string(d, node);
	unsigned access = 0;

	(void)arg;
	if (!s || !*s)
		return;
	for (const char *p = s; *p; p++) {
		const char *letter = strchr("mrw", *p);
		if (!letter) {
			json_fail_type(d, node, "letters of \"rwm\"");
			return;
		}
		access |= 1U << (letter - "mrw");
	}
	*(unsigned *)out = access;
}

static void dec_rule_number(struct json_decoder *d, const struct json_node *node, void *out,
			    const void *arg)
{
	const struct json_range_i64 *r = arg;
	int64_t v;

	if (json_get_i64(d, node, r->min, r->max, &v))
		*(int64_t *)out = v;
}

/* Absent means all, which is what an OPTIONAL filter can only mean (C-CGD-02, C-CGD-03). */
static void rule_defaults(void *item)
{
	struct oci_device_rule *rule = item;

	rule->type = 'a';
	rule->major = rule->minor = -1;
	rule->access = ACCESS_ALL;
}

/* -1 is a wildcard too (C-CGD-09); the BPF context has 32 bits. */
static const struct json_range_i64 rule_number_range = { -1, UINT32_MAX };

/* clang-format off */
const struct json_field config_device_rule_fields[] = {
	REQUIRED("allow",  oci_device_rule, allow,  json_dec_bool,   NULL),
	OPTIONAL("type",   oci_device_rule, type,   dec_rule_type,   NULL),
	OPTIONAL("major",  oci_device_rule, major,  dec_rule_number, &rule_number_range),
	OPTIONAL("minor",  oci_device_rule, minor,  dec_rule_number, &rule_number_range),
	OPTIONAL("access", oci_device_rule, access, dec_rule_access, NULL),
	END_OF_FIELDS
};
static const struct config_array device_rules_arg = {
	.fields = config_device_rule_fields, .size = sizeof(struct oci_device_rule),
	.at = offsetof(struct oci_device_rule, at),
	.count = COUNT_BEHIND(oci_resources, devices, n_devices), .init = rule_defaults,
};
/* clang-format on */

static void dec_device_rules(struct json_decoder *d, const struct json_node *node, void *out,
			     const void *arg)
{
	struct oci_resources *r = out;

	r->has_devices = true;
	config_dec_array(d, node, &r->devices, arg);
}

/* ---- memory, cpu, pids --------------------------------------------------------------------- */

static const struct json_range_i64 limit_range = { -1, INT64_MAX }; /* C-MEM-04, C-PIDS-03 */
static const struct json_range_u64 percent_range = { 0, 100 };
static const struct json_range_i64 idle_range = { 0, 1 };

static void dec_cpu_list(struct json_decoder *d, const struct json_node *node, void *out,
			 const void *arg)
{
	(void)arg;
	config_dec_text(d, node, out, NULL);
	if (node->type == JSON_STRING && node->text[strspn(node->text, "0123456789, -")])
		json_fail(d, node, "a list of CPUs or memory nodes has digits, ',' and '-' only");
}

/* clang-format off */
const struct json_field config_memory_fields[] = {
	OPTIONAL("limit",             oci_memory, limit,               json_dec_oi64,  &limit_range),
	OPTIONAL("reservation",       oci_memory, reservation,         json_dec_oi64,  &limit_range),
	OPTIONAL("swap",              oci_memory, swap,                json_dec_oi64,  &limit_range),
	OPTIONAL("kernel",            oci_memory, kernel,              json_dec_oi64,  NULL),
	OPTIONAL("kernelTCP",         oci_memory, kernel_tcp,          json_dec_oi64,  NULL),
	OPTIONAL("swappiness",        oci_memory, swappiness,          json_dec_ou64,  &percent_range),
	OPTIONAL("disableOOMKiller",  oci_memory, disable_oom_killer,  json_dec_obool, NULL),
	OPTIONAL("useHierarchy",      oci_memory, use_hierarchy,       json_dec_obool, NULL),
	OPTIONAL("checkBeforeUpdate", oci_memory, check_before_update, json_dec_obool, NULL),
	END_OF_FIELDS
};
static const struct config_object memory_object = OBJECT_ARG(config_memory_fields, oci_memory);

const struct json_field config_cpu_fields[] = {
	OPTIONAL("shares",          oci_cpu, shares,           json_dec_ou64, NULL),
	OPTIONAL("quota",           oci_cpu, quota,            json_dec_oi64, NULL),
	OPTIONAL("burst",           oci_cpu, burst,            json_dec_ou64, NULL),
	OPTIONAL("period",          oci_cpu, period,           json_dec_ou64, NULL),
	OPTIONAL("realtimeRuntime", oci_cpu, realtime_runtime, json_dec_oi64, NULL),
	OPTIONAL("realtimePeriod",  oci_cpu, realtime_period,  json_dec_ou64, NULL),
	OPTIONAL("cpus",            oci_cpu, cpus,             dec_cpu_list,  NULL),
	OPTIONAL("mems",            oci_cpu, mems,             dec_cpu_list,  NULL),
	OPTIONAL("idle",            oci_cpu, idle,             json_dec_oi64, &idle_range),
	END_OF_FIELDS
};
static const struct config_object cpu_object = OBJECT_ARG(config_cpu_fields, oci_cpu);

/* An empty object is a no-op (C-PIDS-04). */
const struct json_field config_pids_fields[] = {
	OPTIONAL("limit", oci_resources, pids_limit, json_dec_oi64, &limit_range),
	END_OF_FIELDS
};

/* ---- block I/O ----------------------------------------------------------------------------- */

static const struct json_range_u64 weight_range = { 0, UINT16_MAX };
static const struct json_range_i64 device_number_range = { 0, UINT32_MAX };
/* clang-format on */

static void dec_device_number(struct json_decoder *d, const struct json_node *node, void *out,
			      const void *arg)
{
	dec_rule_number(d, node, out, arg);
}

static void dec_rate(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	(void)arg;
	if (!json_get_u64(d, node, 0, UINT64_MAX, out))
		*(uint64_t *)out = 0;
}

/* clang-format off */
const struct json_field config_weight_device_fields[] = {
	REQUIRED("major",      oci_weight_device, major,       dec_device_number, &device_number_range),
	REQUIRED("minor",      oci_weight_device, minor,       dec_device_number, &device_number_range),
	OPTIONAL("weight",     oci_weight_device, weight,      json_dec_ou64,     &weight_range),
	OPTIONAL("leafWeight", oci_weight_device, leaf_weight, json_dec_ou64,     &weight_range),
	END_OF_FIELDS
};
const struct json_field config_throttle_fields[] = {
	REQUIRED("major", oci_throttle_device, major, dec_device_number, &device_number_range),
	REQUIRED("minor", oci_throttle_device, minor, dec_device_number, &device_number_range),
	REQUIRED("rate",  oci_throttle_device, rate,  dec_rate,          NULL), /* C-IO-05 */
	END_OF_FIELDS
};

static const struct config_array weight_devices_arg = {
	.fields = config_weight_device_fields, .size = sizeof(struct oci_weight_device),
	.at = offsetof(struct oci_weight_device, at),
	.count = COUNT_BEHIND(oci_block_io, weight_devices, n_weight_devices),
};
#define THROTTLE_ARG(member, number) { \
	.fields = config_throttle_fields, .size = sizeof(struct oci_throttle_device), \
	.at = offsetof(struct oci_throttle_device, at), \
	.count = COUNT_BEHIND(oci_block_io, member, number) }
static const struct config_array read_bps_arg = THROTTLE_ARG(read_bps, n_read_bps);
static const struct config_array write_bps_arg = THROTTLE_ARG(write_bps, n_write_bps);
static const struct config_array read_iops_arg = THROTTLE_ARG(read_iops, n_read_iops);
static const struct config_array write_iops_arg = THROTTLE_ARG(write_iops, n_write_iops);

const struct json_field config_block_io_fields[] = {
	OPTIONAL("weight",                  oci_block_io, weight,         json_dec_ou64,    &weight_range),
	OPTIONAL("leafWeight",              oci_block_io, leaf_weight,    json_dec_ou64,    &weight_range),
	OPTIONAL("weightDevice",            oci_block_io, weight_devices, config_dec_array, &weight_devices_arg),
	OPTIONAL("throttleReadBpsDevice",   oci_block_io, read_bps,       config_dec_array, &read_bps_arg),
	OPTIONAL("throttleWriteBpsDevice",  oci_block_io, write_bps,      config_dec_array, &write_bps_arg),
	OPTIONAL("throttleReadIOPSDevice",  oci_block_io, read_iops,      config_dec_array, &read_iops_arg),
	OPTIONAL("throttleWriteIOPSDevice", oci_block_io, write_iops,     config_dec_array, &write_iops_arg),
	END_OF_FIELDS
};
static const struct config_object block_io_object = OBJECT_ARG(config_block_io_fields, oci_block_io);
/* clang-format on */

/* ---- huge pages, network, RDMA ------------------------------------------------------------- */

/* "^[1-9][0-9]*[KMG]B$" (C-HUGE-01) */
static void dec_page_size(struct json_decoder *d, const struct json_node *node, void *out,
			  const void *arg)
{
	const char *s = json_get_string(d, node);

	(void)arg;
	memcpy(out, &s, sizeof(s));
	if (!s)
		return;
	const char *unit = s + strspn(s, "0123456789");
	if (*s < '1' || *s > '9' || !*unit || !strchr("KMG", *unit) || strcmp(unit + 1, "B") != 0)
		json_fail_type(d, node, "a page size such as \"64KB\", \"2MB\" or \"1GB\"");
}

/* clang-format off */
const struct json_field config_hugepage_fields[] = {
	REQUIRED("pageSize", oci_hugepage, page_size, dec_page_size, NULL),
	REQUIRED("limit",    oci_hugepage, limit,     dec_rate,      NULL),
	END_OF_FIELDS
};
static const struct config_array hugepages_arg = {
	.fields = config_hugepage_fields, .size = sizeof(struct oci_hugepage),
	.at = offsetof(struct oci_hugepage, at),
	.count = COUNT_BEHIND(oci_resources, hugepages, n_hugepages),
};

const struct json_field config_net_prio_fields[] = {
	REQUIRED("name",     oci_net_prio, name,     json_dec_string, NULL),
	REQUIRED("priority", oci_net_prio, priority, json_dec_u32,    NULL),
	END_OF_FIELDS
};
static const struct config_array net_prios_arg = {
	.fields = config_net_prio_fields, .size = sizeof(struct oci_net_prio),
	.at = offsetof(struct oci_net_prio, at),
	.count = COUNT_BEHIND(oci_resources, net_priorities, n_net_priorities),
};
const struct json_field config_network_fields[] = {
	OPTIONAL("classID",    oci_resources, net_class_id,   json_dec_ou64,    &config_range_u32),
	OPTIONAL("priorities", oci_resources, net_priorities, config_dec_array, &net_prios_arg),
	END_OF_FIELDS
};

const struct json_field config_rdma_fields[] = {
	OPTIONAL("hcaHandles", oci_rdma, hca_handles, json_dec_ou64, &config_range_u32),
	OPTIONAL("hcaObjects", oci_rdma, hca_objects, json_dec_ou64, &config_range_u32),
	END_OF_FIELDS
};
/* clang-format on */

static void dec_network(struct json_decoder *d, const struct json_node *node, void *out,
			const void *arg)
{
	struct oci_resources *r = out;

	r->network_at = node->at;
	json_decode(d, node, arg, r);
}

static void dec_rdma(struct json_decoder *d, const struct json_node *node, void *out,
		     const void *arg)
{
	struct oci_resources *r = out;
	size_t n = 0;
	char shown[JSON_SHOWN];

	(void)arg;
	if (node->type != JSON_OBJECT) {
		json_fail_type(d, node, "an object");
		return;
	}
	struct oci_rdma *v = ARENA_NEW(d->arena, struct oci_rdma, node->count);
	if (!v) {
		config_oom(d);
		return;
	}
	for (const struct json_node *m = json_first(d->doc, node); m; m = json_next(d->doc, m)) {
		size_t mark = json_enter(d, ".%s", json_shown(m->key, shown));
		struct oci_rdma *dev = &v[n++];
		unsigned before = d->n_errors;

		*dev = (struct oci_rdma){ .at = m->at, .device = m->key };
		json_decode(d, m, config_rdma_fields, dev);
		if (d->n_errors == before && !dev->hca_handles.set &&
		    !dev->hca_objects.set) /* C-RDMA-01 */
			json_fail(d, m, "needs 'hcaHandles' or 'hcaObjects'");
		json_leave(d, mark);
	}
	r->rdma = v;
	r->n_rdma = n;
}

/* ---- resources ----------------------------------------------------------------------------- */

/* clang-format off */
/* Offset 0: several of these objects fill members of struct oci_resources itself. */
const struct json_field config_resources_fields[] = {
	{ "devices", dec_device_rules, 0, &device_rules_arg, false },
	{ "pids", json_dec_object, 0, config_pids_fields, false },
	OPTIONAL("memory",         oci_resources, memory,    config_dec_object, &memory_object),
	OPTIONAL("cpu",            oci_resources, cpu,       config_dec_object, &cpu_object),
	OPTIONAL("blockIO",        oci_resources, block_io,  config_dec_object, &block_io_object),
	OPTIONAL("hugepageLimits", oci_resources, hugepages, config_dec_array,  &hugepages_arg),
	{ "network", dec_network, 0, config_network_fields, false },
	{ "rdma", dec_rdma, 0, NULL, false },
	OPTIONAL("unified",        oci_resources, unified,   json_dec_map,      NULL),
	END_OF_FIELDS
};
static const struct config_object resources_object = OBJECT_ARG(config_resources_fields, oci_resources);
/* clang-format on */

void config_dec_resources(struct json_decoder *d, const struct json_node *node, void *out,
			  const void *arg)
{
	(void)arg;
	config_dec_object(d, node, out, &resources_object);
}
