/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of cgroup files as properties of a unit (systemd.resource-control(5)).
 *
 * A property is what systemd writes when it thinks that it has to, so each must lead to the very
 * text that we write. Where it cannot, the nearest larger one is taken, and our write comes after
 * systemd's: quotas are kept in whole percents, and 0 tasks are not possible. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kernel/unit.h"
#include "oci/bitlist.h"

#define INFINITE     UINT64_MAX
/* The quota of a second is stored as "CPUQuota=N%". */
#define PERCENT_USEC 10000

struct translation {
	struct arena *a;
	struct unit_properties *out;
};

static void add(struct translation *t, const struct unit_property *p)
{
	t->out->v[t->out->n++] = *p;
}

/* "max", or a number with the suffixes that the kernel takes too (memparse). */
static bool parse_limit(const char *value, uint64_t *ret)
{
	int64_t n;

	if (strcmp(value, "max") == 0)
		*ret = INFINITE;
	else if (parse_u64(value, ret) < 0) {
		if (parse_size(value, &n) < 0 || n < 0)
			return false;
		*ret = (uint64_t)n;
	}

	return true;
}

/* ---- simple numbers ------------------------------------------------------------------------- */

static const struct number {
	const char *file, *name;
	uint64_t min;
} numbers[] = {
	/* clang-format off */
	{ "memory.max",      "MemoryMax",     1 },
	{ "memory.high",     "MemoryHigh",    1 },
	{ "memory.low",      "MemoryLow",     0 },
	{ "memory.min",      "MemoryMin",     0 },
	{ "memory.swap.max", "MemorySwapMax", 0 },
	{ "pids.max",        "TasksMax",      1 },
	{ "cpu.weight",      "CPUWeight",     1 },
	/* clang-format on */
};

static bool translate_number(struct translation *t, const struct cgroup_setting *s)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t n;

		if (strcmp(numbers[i].file, s->file) != 0 || !parse_limit(s->value, &n))
			continue;
		add(t,
		    &(struct unit_property){ .name = numbers[i].name,
					     .type = 't',
					     .number = n < numbers[i].min ? numbers[i].min : n });
		return true;
	}

	return false;
}

/* ---- cpu ------------------------------------------------------------------------------------ */

static uint64_t quota_of_second(uint64_t quota, uint64_t period)
{
	unsigned __int128 usec = (unsigned __int128)quota * 1000000;

	usec = (usec + period - 1) / period;
	usec = (usec + PERCENT_USEC - 1) / PERCENT_USEC * PERCENT_USEC;

	return usec >= INFINITE ? INFINITE : (uint64_t)usec;
}

/* "50000 100000", "max 100000", "50000" */
static bool translate_bandwidth(struct translation *t, const char *value)
{
	uint64_t quota, period = 100000;
	size_t len = strcspn(value, " ");
	const char *rest = value + len + (value[len] == ' ');
	const char *first = arena_strndup(t->a, value, len);

	if (!first || !parse_limit(first, &quota) ||
	    (*rest && (parse_u64(rest, &period) < 0 || period == 0)))
		return false;
	if (quota != INFINITE)
		quota = quota_of_second(quota, period);
	add(t,
	    &(struct unit_property){ .name = "CPUQuotaPerSecUSec", .type = 't', .number = quota });
	if (*rest)
		add(t, &(struct unit_property){
			       .name = "CPUQuotaPeriodUSec", .type = 't', .number = period });

	return true;
}

/* An idle unit has the weight 0; one that is idle no longer gets its weight by another setting. */
static bool translate_idle(struct translation *t, const char *value)
{
	if (strcmp(value, "1") == 0)
		add(t, &(struct unit_property){ .name = "CPUWeight", .type = 't', .since = 252 });

	return true;
}

/* The mask as bytes, the lowest CPU in the lowest bit of the first. */
static bool translate_set(struct translation *t, const char *name, const char *value)
{
	struct bitlist *set = ARENA_NEW(t->a, struct bitlist, 1);
	char *bytes = arena_alloc(t->a, BITLIST_BITS / 8, 1);
	size_t at, len = 0;

	if (!set || !bytes || bitlist_parse(value, set, &at))
		return false;
	for (unsigned i = 0; i < BITLIST_BITS; i++) {
		if (!bitlist_has(set, i))
			continue;
		bytes[i / 8] = (char)(bytes[i / 8] | 1 << i % 8);
		len = i / 8 + 1;
	}
	add(t, &(struct unit_property){ .name = name, .type = 'y', .text = bytes, .len = len });

	return true;
}

/* ---- io ------------------------------------------------------------------------------------- */

/* "8:0 rbps=1000": the node by its number. */
static bool translate_device(struct translation *t, const char *name, const char *device,
			     size_t len, const char *value)
{
	const char *node = arena_printf(t->a, "/dev/block/%.*s", (int)len, device);
	uint64_t n;

	if (!node || !parse_limit(value, &n))
		return false;
	add(t, &(struct unit_property){ .name = name, .type = 'd', .text = node, .number = n });

	return true;
}

/* "100", "default 100", "8:0 100" */
static bool translate_weight(struct translation *t, const char *value)
{
	size_t len = strcspn(value, " ");
	uint64_t n;

	if (str_starts(value, "default "))
		value += strlen("default ");
	else if (value[len] == ' ')
		return translate_device(t, "IODeviceWeight", value, len, value + len + 1);
	if (parse_u64(value, &n) < 0)
		return false;
	add(t, &(struct unit_property){ .name = "IOWeight", .type = 't', .number = n });

	return true;
}

/* One key of one device; a line of a config may have several. */
static bool translate_throttle(struct translation *t, const char *value)
{
	static const struct {
		const char *key, *name;
	} keys[] = {
		{ "rbps=", "IOReadBandwidthMax" },
		{ "wbps=", "IOWriteBandwidthMax" },
		{ "riops=", "IOReadIOPSMax" },
		{ "wiops=", "IOWriteIOPSMax" },
	};
	size_t len = strcspn(value, " ");
	const char *pair = value + len + (value[len] == ' ');

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (str_starts(pair, keys[i].key) && !strchr(pair, ' '))
			return translate_device(t, keys[i].name, value, len,
						pair + strlen(keys[i].key));
	}

	return false;
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool translate_one(struct translation *t, const struct cgroup_setting *s)
{
	if (strcmp(s->file, "cpu.max") == 0)
		return translate_bandwidth(t, s->value);
	if (strcmp(s->file, "cpu.idle") == 0)
		return translate_idle(t, s->value);
	if (strcmp(s->file, "cpuset.cpus") == 0)
		return translate_set(t, "AllowedCPUs", s->value);
	if (strcmp(s->file, "cpuset.mems") == 0)
		return translate_set(t, "AllowedMemoryNodes", s->value);
	if (strcmp(s->file, "io.max") == 0)
		return translate_throttle(t, s->value);
	if (strcmp(s->file, "io.weight") == 0)
		return translate_weight(t, s->value);
	/* systemd knows the scale of io.weight alone, and makes BFQ's of it by itself. */
	if (s->or_file && strcmp(s->or_file, "io.weight") == 0)
		return translate_weight(t, s->or_value);

	return translate_number(t, s);
}

int unit_translate(const struct cgroup_setting *settings, size_t n, struct arena *a,
		   struct unit_properties *ret, struct err *err)
{
	struct unit_properties out = { .n = 0 };
	struct translation t = { .a = a, .out = &out };

	/* A bandwidth makes two. */
	out.v = ARENA_NEW(a, struct unit_property, 2 * n);
	if (!out.v)
		return err_oom(err);
	for (size_t i = 0; i < n; i++) {
		if (!translate_one(&t, &settings[i]))
			log_debug("systemd has no property for '%s' of %s", settings[i].value,
				  settings[i].file);
	}

	*ret = out;
	return 0;
}
