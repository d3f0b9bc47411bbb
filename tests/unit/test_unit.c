/* SPDX-License-Identifier: Apache-2.0 */
/* test_unit.c - kernel/unit: names, slices, and what is asked of systemd */
#include "base_util.h"

#include <inttypes.h>

#include "cgroup_util.h"
#include "kernel/unit-internal.h"
#include "kernel/unit.h"

/* ---- slices --------------------------------------------------------------------------------- */

static void slices_are_expanded(void **state)
{
	static const struct {
		const char *slice, *path; /* NULL: refused */
	} cases[] = {
		/* clang-format off */
		{ "a.slice", "/a.slice" },
		{ "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice" },
		{ "system.slice", "/system.slice" },
		{ "kubepods-burstable-pod1234.slice",
		  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice" },
		{ "machine-libpod_pod_1.slice", "/machine.slice/machine-libpod_pod_1.slice" },
		{ "-.slice", "" },
		{ ".slice", NULL }, { "slice", NULL }, { "", NULL }, { "a", NULL }, { "a.scope", NULL },
		{ "-a.slice", NULL }, { "a-.slice", NULL }, { "a--b.slice", NULL }, { "--.slice", NULL },
		{ "a/b.slice", NULL }, { "../b.slice", NULL }, { "a b.slice", NULL }, { "a\nb.slice", NULL },
		{ "a%b.slice", NULL }, { "a@b.slice", NULL },
		/* clang-format on */
	};
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why;
		const char *path = unit_expand_slice(cases[i].slice, &a, &why);

		if (!cases[i].path != !path || (path && strcmp(path, cases[i].path) != 0))
			fail_msg("'%s' is '%s'", cases[i].slice, path ? path : why);
		assert_true(path || why);
	}

	char longest[UNIT_NAME_MAX + 8];
	const char *why;
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + sizeof(longest) - 7, ".slice", 7);
	assert_null(unit_expand_slice(longest, &a, &why));
}

/* ---- names ---------------------------------------------------------------------------------- */

/* "slice name path" of a cgroupsPath for the container "web+1", or the message. */
static void assert_name(const char *cgroups_path, bool user, const char *expected)
{
	AUTO_STR linux_ = STR_INIT;
	AUTO_STR found = STR_INIT;
	struct unit_plan u;
	struct planned t;

	if (cgroups_path)
		str_addf(&linux_, "\"cgroupsPath\":\"%s\"", cgroups_path);
	plan(&t, "", linux_.len ? linux_.s : "");
	assert_int_equal(cgroup_plan_build_unit(t.c, &t.arena, &t.p, &t.err), 0);
	assert_null(t.p.path);
	if (unit_plan_build(t.c, "web+1", user, &t.p, &t.arena, &u, &t.err) < 0)
		str_add(&found, t.err.msg);
	else
		str_addf(&found, "%s %s %s", u.slice, u.name, u.path);
	if (!strstr(str_text(&found), expected))
		fail_msg("'%s' gives '%s', not '%s'", cgroups_path, found.s, expected);
	plan_done(&t);
}

static void cgroups_path_names_slice_and_scope(void **state)
{
	(void)state;

	/* engine-contracts 11 */
	assert_name("system.slice:docker:1234", false,
		    "system.slice docker-1234.scope /system.slice/docker-1234.scope");
	assert_name("machine.slice:libpod:12", false,
		    "machine.slice libpod-12.scope /machine.slice/libpod-12.scope");
	assert_name("a-b.slice:cri-containerd:12", false,
		    "a-b.slice cri-containerd-12.scope /a.slice/a-b.slice/cri-containerd-12.scope");
	assert_name("-:x:y", false, "-.slice x-y.scope /x-y.scope");
	assert_name("-.slice:x:y", false, "-.slice x-y.scope /x-y.scope");
}

static void defaults_fill_what_is_empty(void **state)
{
	(void)state;

	assert_name(NULL, false, "system.slice cruntime-web\\x2b1.scope /system.slice/");
	assert_name("", false, "system.slice cruntime-web\\x2b1.scope /system.slice/");
	assert_name(NULL, true, "user.slice cruntime-web\\x2b1.scope /user.slice/");
	assert_name(":docker:12", false, "system.slice docker-12.scope /");
	assert_name(":docker:12", true, "user.slice docker-12.scope /");
	assert_name("a.slice::12", false, "a.slice 12.scope /a.slice/12.scope");
	assert_name("a.slice:docker:", false, "a.slice docker-web\\x2b1.scope /");
}

static void other_paths_are_refused_with_their_place(void **state)
{
	(void)state;

	assert_name("/docker/1234", false, "config.json:1:");
	assert_name("/docker/1234", false, "not of the form \"slice:prefix:name\"");
	assert_name("a.slice:docker", false, "not of the form");
	assert_name("a.slice:b:c:d", false, "not of the form");
	assert_name("a:b:c", false, "'a' is no slice: a slice is called NAME.slice");
	assert_name("a--b.slice:b:c", false, "a part of it between dashes is empty");
	assert_name("../a.slice:b:c", false, "is no slice");
	assert_name("a.slice:b:c/../d", false, "no name of a unit");
	assert_name("a.slice:b:c d", false, "no name of a unit");
	assert_name("a.slice:b@:c", false, "no name of a unit");
	assert_name("a.slice:b:%h", false, "no name of a unit");
	assert_name("a.slice:b:c.slice", false, "names a slice");

	char longest[400];
	(void)snprintf(longest, sizeof(longest), "a.slice:b:%0300d", 1);
	assert_name(longest, false, "allowed: 255");
}

/* ---- properties ----------------------------------------------------------------------------- */

static void add_property(struct str *out, const struct unit_property *p)
{
	str_addf(out, "%s%s=", out->len ? " " : "", p->name);
	if (p->type == 's')
		str_addf(out, "'%s'", p->text);
	else if (p->type == 'd')
		str_addf(out, "%s,%" PRIu64, p->text, p->number);
	else if (p->type == 't' && p->number == UINT64_MAX)
		str_add(out, "infinity");
	else if (p->type != 'y')
		str_addf(out, "%" PRIu64, p->number);
	for (size_t i = 0; p->type == 'y' && i < p->len; i++)
		str_addf(out, "%02x", (unsigned char)p->text[i]);
	if (p->since)
		str_addf(out, "@%u", p->since);
}

static void assert_properties(const char *resources, const char *expected)
{
	AUTO_STR linux_ = STR_INIT;
	AUTO_STR found = STR_INIT;
	struct unit_properties u;
	struct planned t;

	str_addf(&linux_, "\"resources\":{%s}", resources);
	plan(&t, "", str_text(&linux_));
	assert_int_equal(t.rc, 0);
	assert_int_equal(unit_translate(t.p.settings, t.p.n_settings, &t.arena, &u, &t.err), 0);
	for (size_t i = 0; i < u.n; i++)
		add_property(&found, &u.v[i]);
	if (strcmp(str_text(&found), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", resources, found.s, expected);
	plan_done(&t);
}

static void settings_become_properties(void **state)
{
	(void)state;

	assert_properties("", "");
	assert_properties("\"memory\":{\"limit\":1048576,\"swap\":2097152,\"reservation\":4096}",
			  "MemoryMax=1048576 MemorySwapMax=1048576 MemoryLow=4096");
	assert_properties("\"memory\":{\"limit\":-1}", "MemoryMax=infinity MemorySwapMax=infinity");
	assert_properties("\"cpu\":{\"shares\":512}", "CPUWeight=59");
	assert_properties("\"cpu\":{\"shares\":1024}", "CPUWeight=100");
	assert_properties("\"cpu\":{\"idle\":1}", "CPUWeight=0@252");
	assert_properties("\"cpu\":{\"idle\":0,\"shares\":512}", "CPUWeight=59");
	assert_properties("\"cpu\":{\"cpus\":\"0-2,9\",\"mems\":\"0\"}",
			  "AllowedCPUs=0702 AllowedMemoryNodes=01");
	assert_properties("\"pids\":{\"limit\":7}", "TasksMax=7");
	assert_properties("\"pids\":{\"limit\":-1}", "TasksMax=infinity");
	/* */
	assert_properties("\"pids\":{\"limit\":0}", "TasksMax=1");
	assert_properties("\"blockIO\":{\"weight\":500}", "IOWeight=4950");
}

static void quotas_are_whole_percents(void **state)
{
	(void)state;

	assert_properties("\"cpu\":{\"quota\":50000,\"period\":100000}",
			  "CPUQuotaPerSecUSec=500000 CPUQuotaPeriodUSec=100000");
	assert_properties("\"cpu\":{\"quota\":150000}", "CPUQuotaPerSecUSec=1500000");
	assert_properties("\"cpu\":{\"quota\":-1,\"period\":50000}",
			  "CPUQuotaPerSecUSec=infinity CPUQuotaPeriodUSec=50000");
	assert_properties("\"cpu\":{\"quota\":1500,\"period\":100000}",
			  "CPUQuotaPerSecUSec=20000 CPUQuotaPeriodUSec=100000");
	assert_properties("\"cpu\":{\"quota\":1000,\"period\":1000000}",
			  "CPUQuotaPerSecUSec=10000 CPUQuotaPeriodUSec=1000000");
	assert_properties("\"cpu\":{\"quota\":9223372036854775807,\"period\":1000}",
			  "CPUQuotaPerSecUSec=infinity CPUQuotaPeriodUSec=1000");
}

static void unified_keys_become_properties_where_there_is_one(void **state)
{
	(void)state;

	/* C-UNI-08: what comes later counts, for systemd too. */
	assert_properties(
		"\"memory\":{\"limit\":1048576},\"unified\":{\"memory.max\":\"8192\","
		"\"memory.high\":\"1M\",\"memory.min\":\"max\",\"memory.oom.group\":\"1\","
		"\"misc.max\":\"x 1\"}",
		"MemoryMax=1048576 MemoryMax=8192 MemoryHigh=1048576 MemoryMin=infinity");
	assert_properties("\"unified\":{\"memory.max\":\"0\",\"cpu.max\":\"max\","
			  "\"memory.high\":\"much\"}",
			  "MemoryMax=1 CPUQuotaPerSecUSec=infinity");
	assert_properties("\"unified\":{\"io.weight\":\"default 50\\n8:0 70\","
			  "\"io.max\":\"8:0 rbps=1024\\n8:0 wiops=max\\n8:0 rbps=1 wbps=2\"}",
			  "IOWeight=50 IODeviceWeight=/dev/block/8:0,70 "
			  "IOReadBandwidthMax=/dev/block/8:0,1024 "
			  "IOWriteIOPSMax=/dev/block/8:0,18446744073709551615");
}

/* ---- annotations ---------------------------------------------------------------------------- */

static void assert_annotation(const char *name, const char *value, const char *expected)
{
	AUTO_STR top = STR_INIT;
	AUTO_STR found = STR_INIT;
	struct unit_properties u;
	struct planned t;

	str_addf(&top, ",\"annotations\":{\"some.other\":\"x\",\"org.systemd.property.%s\":\"%s\"}",
		 name, value);
	plan(&t, str_text(&top), "");
	if (unit_annotations(t.c, &t.arena, &u, &t.err) < 0)
		str_add(&found, t.err.msg);
	else
		add_property(&found, &u.v[0]);
	if (!strstr(str_text(&found), expected))
		fail_msg("%s %s gives '%s', not '%s'", name, value, found.s, expected);
	plan_done(&t);
}

static void harmless_annotations_are_taken(void **state)
{
	(void)state;

	/* podman sends these two (engine-contracts 7). */
	assert_annotation("KillSignal", "15", "KillSignal=15");
	assert_annotation("TimeoutStopUSec", "uint64 10000000", "TimeoutStopUSec=10000000");
	assert_annotation("TimeoutStopUSec", "@t 10", "TimeoutStopUSec=10");
	assert_annotation("TimeoutStopSec", "90", "TimeoutStopUSec=90000000");
	assert_annotation("RuntimeMaxSec", " 3 ", "RuntimeMaxUSec=3000000");
	assert_annotation("SendSIGHUP", "true", "SendSIGHUP=1");
	assert_annotation("CollectMode", "'inactive'", "CollectMode='inactive'");
	assert_annotation("CollectMode", "\\\"inactive-or-failed\\\"",
			  "CollectMode='inactive-or-failed'");
}

static void other_annotations_are_refused(void **state)
{
	static const char *const names[] = {
		"ExecStopPost", "MemoryMax",   "Slice",       "Delegate",  "DeviceAllow",
		"PIDs",         "Requires",    "Conflicts",   "OnFailure", "",
		"killsignal",   "Description", "KillSignal.x"
	};
	(void)state;

	/* S-29 */
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_annotation(names[i], "1",
				  "may not be set by an annotation; allowed: CollectMode");
	assert_annotation("MemoryMax", "1", "config.json:1:");
}

static void values_of_annotations_are_checked(void **state)
{
	(void)state;

	assert_annotation("KillSignal", "0", "expected the number of a signal");
	assert_annotation("KillSignal", "65", "expected the number of a signal");
	assert_annotation("KillSignal", "'TERM'", "expected the number of a signal");
	assert_annotation("TimeoutStopUSec", "-1", "expected whole microseconds");
	assert_annotation("TimeoutStopSec", "1.5", "expected whole seconds");
	assert_annotation("TimeoutStopSec", "18446744073709551615", "expected whole seconds");
	assert_annotation("TimeoutStopUSec", "", "expected whole microseconds");
	assert_annotation("CollectMode", "inactive", "expected 'inactive' or");
	assert_annotation("CollectMode", "'x'", "expected 'inactive' or");
	assert_annotation("CollectMode", "'", "expected 'inactive' or");
	assert_annotation("CollectMode", "'in'active'", "expected 'inactive' or");
	assert_annotation("SendSIGHUP", "1", "expected true or false");
	assert_annotation("SendSIGHUP", "<true>", "expected true or false");
}

static void a_description_tells_containers_apart(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	assert_string_equal(unit_description(&a, "web", "2026-01-02T03:04:05.6Z"),
			    "cruntime container web, created 2026-01-02T03:04:05.6Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_expanded),
		cmocka_unit_test(cgroups_path_names_slice_and_scope),
		cmocka_unit_test(defaults_fill_what_is_empty),
		cmocka_unit_test(other_paths_are_refused_with_their_place),
		cmocka_unit_test(settings_become_properties),
		cmocka_unit_test(quotas_are_whole_percents),
		cmocka_unit_test(unified_keys_become_properties_where_there_is_one),
		cmocka_unit_test(harmless_annotations_are_taken),
		cmocka_unit_test(other_annotations_are_refused),
		cmocka_unit_test(values_of_annotations_are_checked),
		cmocka_unit_test(a_description_tells_containers_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
