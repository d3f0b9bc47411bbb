/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources as lines for cgroup v2 files. */
#include "base_util.h"

#include <inttypes.h>

#include "cgroup_util.h"
#include "kernel/cgroup-internal.h"
#include "kernel/mountinfo.h"

/* The settings as "file=value" with blanks between, '?' behind those that are optional. */
static const char *lines(const struct planned *t, struct str *out)
{
	for (size_t i = 0; i < t->p.n_settings; i++) {
		const struct cgroup_setting *s = &t->p.settings[i];

		str_addf(out, "%s%s=%s%s", i > 0 ? " " : "", s->file, s->value,
			 s->optional ? "?" : "");
	}

	return str_text(out);
}

static void assert_resources(const char *resources, const char *expected)
{
	AUTO_STR linux_ = STR_INIT;
	AUTO_STR found = STR_INIT;
	struct planned t;

	str_addf(&linux_, "\"resources\":{%s}", resources);
	plan(&t, "", str_text(&linux_));
	if (t.rc < 0)
		fail_msg("%s: %s", resources, t.err.msg);
	if (strcmp(lines(&t, &found), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", resources, str_text(&found), expected);
	plan_done(&t);
}

static void assert_refused(const char *resources, const char *message)
{
	AUTO_STR linux_ = STR_INIT;
	struct planned t;

	str_addf(&linux_, "\"resources\":{%s}", resources);
	plan(&t, "", str_text(&linux_));
	assert_int_equal(t.rc, -1);
	assert_int_equal(t.err.kind, ERR_CONFIG);
	if (!strstr(t.err.msg, message) || !strstr(t.err.msg, "config.json:1:"))
		fail_msg("%s says '%s'", resources, t.err.msg);
	plan_done(&t);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static const struct row {
	const char *resources, *lines;
} rows[] = {
	/* clang-format off */
	{ "", "" },
	{ "\"memory\":{},\"cpu\":{},\"pids\":{},\"blockIO\":{},\"unified\":{}", "" },

	/* C-MEM-01 */
	{ "\"memory\":{\"limit\":67108864}", "memory.max=67108864" },
	{ "\"memory\":{\"limit\":0}", "" },
	{ "\"memory\":{\"limit\":9223372036854775807}", "memory.max=9223372036854775807" },
	/* C-MEM-02, the table: limit unset */
	{ "\"memory\":{\"swap\":-1}", "memory.swap.max=max?" },
	{ "\"memory\":{\"swap\":0}", "" },
	/* -1 */
	{ "\"memory\":{\"limit\":-1}", "memory.max=max? memory.swap.max=max?" },
	{ "\"memory\":{\"limit\":-1,\"swap\":-1}", "memory.max=max? memory.swap.max=max?" },
	{ "\"memory\":{\"limit\":-1,\"swap\":5000}", "memory.max=max? memory.swap.max=5000" },
	{ "\"memory\":{\"limit\":-1,\"swap\":0}", "memory.max=max? memory.swap.max=max?" },
	/* N */
	{ "\"memory\":{\"limit\":4096,\"swap\":-1}", "memory.max=4096 memory.swap.max=max?" },
	{ "\"memory\":{\"limit\":4096,\"swap\":4096}", "memory.max=4096 memory.swap.max=0" },
	{ "\"memory\":{\"limit\":4096,\"swap\":12288}", "memory.max=4096 memory.swap.max=8192" },
	{ "\"memory\":{\"limit\":4096,\"swap\":0}", "memory.max=4096" },
	/* C-MEM-03 */
	{ "\"memory\":{\"reservation\":8192}", "memory.low=8192" },
	{ "\"memory\":{\"reservation\":-1}", "memory.low=max?" },
	{ "\"memory\":{\"reservation\":0}", "memory.low=0?" },
	/* C-MEM-09 */
	{ "\"memory\":{\"limit\":4096,\"checkBeforeUpdate\":true}", "memory.max=4096" },

	/* C-CPU-01, C-CPU-03 */
	{ "\"cpu\":{\"shares\":0}", "" },
	{ "\"cpu\":{\"shares\":1024}", "cpu.weight=100?" },
	{ "\"cpu\":{\"shares\":512}", "cpu.weight=59" },
	{ "\"cpu\":{\"shares\":2}", "cpu.weight=1" },
	{ "\"cpu\":{\"shares\":4294967298}", "cpu.weight=10000" },
	/* C-CPU-04, C-CPU-05, C-CPU-06, C-CPU-07 */
	{ "\"cpu\":{\"quota\":50000,\"period\":100000}", "cpu.max=50000 100000" },
	{ "\"cpu\":{\"quota\":50000}", "cpu.max=50000" },
	{ "\"cpu\":{\"quota\":-1}", "cpu.max=max?" },
	{ "\"cpu\":{\"quota\":-1,\"period\":20000}", "cpu.max=max 20000?" },
	{ "\"cpu\":{\"quota\":0}", "" },
	{ "\"cpu\":{\"quota\":0,\"period\":0}", "" },
	{ "\"cpu\":{\"period\":20000}", "cpu.max=max 20000?" },
	{ "\"cpu\":{\"quota\":2000,\"period\":0}", "cpu.max=2000" },
	/* C-CPU-09 */
	{ "\"cpu\":{\"quota\":2000,\"burst\":2000}", "cpu.max=2000 cpu.max.burst=2000" },
	{ "\"cpu\":{\"burst\":0}", "cpu.max.burst=0?" },
	/* C-CPU-11 */
	{ "\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}", "cpuset.cpus=0-1 cpuset.mems=0" },
	{ "\"cpu\":{\"cpus\":\"\",\"mems\":\"\"}", "" },
	/* C-CPU-12, C-CPU-13 */
	{ "\"cpu\":{\"shares\":512,\"idle\":1}", "cpu.idle=1" },
	{ "\"cpu\":{\"idle\":0,\"shares\":512}", "cpu.idle=0? cpu.weight=59" },
	/* C-CPU-10: asks for nothing */
	{ "\"cpu\":{\"realtimeRuntime\":0,\"realtimePeriod\":0}", "" },

	/* C-PIDS-01, C-PIDS-02, X-09 */
	{ "\"pids\":{\"limit\":50}", "pids.max=50" },
	{ "\"pids\":{\"limit\":0}", "pids.max=0" },
	{ "\"pids\":{\"limit\":-1}", "pids.max=max?" },

	/* C-UNI-01, C-UNI-03, C-UNI-07, C-UNI-08; C-UNI-10: in the order of the document */
	{ "\"unified\":{\"memory.high\":\"4096\",\"io.max\":\"8:0 rbps=1\\n8:16 wbps=2\\n\"},"
	  "\"memory\":{\"limit\":4096}",
	  "memory.max=4096 memory.high=4096 io.max=8:0 rbps=1 io.max=8:16 wbps=2" },
	{ "\"unified\":{\"memory.oom.group\":\"1\",\"a.b\":\"\",\"c.d\":\"\\n\\n\"}", "memory.oom.group=1" },
	{ "\"unified\":{\"z.b\":\"1\",\"a.b\":\"2\",\"m.b\":\"3\",\"a.a\":\"4\"}",
	  "z.b=1 a.b=2 m.b=3 a.a=4" },
	{ "\"unified\":{\"memory.max\":\"max\",\"cgroup.max.depth\":\"max\"}",
	  "memory.max=max? cgroup.max.depth=max" },
	/* clang-format on */
};

static void resources_become_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_resources(rows[i].resources, rows[i].lines);
}

/* C-MEM-02: the rows with E */
static void impossible_swap_is_refused(void **state)
{
	(void)state;
	assert_refused("\"memory\":{\"limit\":4096,\"swap\":4095}", "linux.resources.memory.swap");
	assert_refused("\"memory\":{\"swap\":4096}", "linux.resources.memory.swap");
	assert_refused("\"memory\":{\"limit\":0,\"swap\":4096}", "linux.resources.memory.swap");
}

/* C-UNI-05, R-LIFE-26 */
static void unified_names_settings_only(void **state)
{
	static const char *const keys[] = {
		"../foo",      "foo",          "a/b.c",         ".max",
		"memory.",     "cgroup.procs", "cgroup.freeze", "cgroup.type",
		"cgroup.kill", "..",           "cgroup.threads"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_STR text = STR_INIT;

		str_addf(&text, "\"unified\":{\"%s\":\"1\"}", keys[i]);
		assert_refused(str_text(&text), "linux.resources.unified: ");
	}
}

static void settings_know_controller_and_field(void **state)
{
	struct planned t;

	(void)state;
	plan(&t, "",
	     "\"resources\":{\"pids\":{\"limit\":7},\"unified\":{\"io.max\":\"1\","
	     "\"cgroup.max.depth\":\"3\"}}");

	assert_int_equal(t.rc, 0);
	assert_int_equal(t.p.n_settings, 3);
	assert_string_equal(t.p.settings[0].controller, "pids");
	assert_string_equal(t.p.settings[0].field, "linux.resources.pids.limit");
	assert_string_equal(t.p.settings[1].controller, "io");
	assert_string_equal(t.p.settings[1].field, "linux.resources.unified.io.max");
	assert_null(t.p.settings[2].controller);
	assert_int_equal(strncmp(str_text(&t.text) + t.p.settings[0].at, "7}", 2), 0);
	plan_done(&t);
}

/* D-09 */
static void only_real_limits_count(void **state)
{
	static const struct {
		const char *linux_;
		bool limits;
	} cases[] = {
		{ "\"resources\":{\"cpu\":{\"shares\":1024},\"pids\":{\"limit\":-1}}", false },
		{ "\"resources\":{\"memory\":{\"limit\":-1},\"blockIO\":{}}", false },
		{ "\"resources\":{\"cpu\":{\"shares\":1025}}", true },
		{ "\"resources\":{\"pids\":{\"limit\":0}}", true },
		{ "\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}", false },
		{ "\"resources\":{\"devices\":[]}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct planned t;

		plan(&t, "", cases[i].linux_);
		assert_int_equal(t.rc, 0);
		if (t.p.has_limits != cases[i].limits)
			fail_msg("%s", cases[i].linux_);
		plan_done(&t);
	}
}

/* C-CGD-08 */
static void denied_devices_are_a_limit_where_they_can_be_denied(void **state)
{
	struct planned t;

	(void)state;
	plan(&t, "", "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}");

	assert_int_equal(t.rc, 0);
	assert_true(t.p.devices.n_insns > 0);
	assert_int_equal(t.p.has_limits, devfilter_is_enforceable());
	plan_done(&t);
}

/* ---- weight --------------------------------------------------------------------------------- */

/* Natural logarithm by its series, so that the tests need no libm. */
static long double ln(long double x)
{
	const long double ln2 = 0.693147180559945309417232121458176568L;
	long double whole = 0;

	for (; x >= 2; x /= 2)
		whole += ln2;

	long double q = (x - 1) / (x + 1);
	long double sum = 0;
	long double power = q;
	for (int i = 1; i < 50; i += 2, power *= q * q)
		sum += power / i;

	return whole + 2 * sum;
}

/* C-CPU-02: for every value there is, the weight is the first whole number that reaches the curve.
 */
static void weight_follows_the_curve(void **state)
{
	const long double noise = 1e-15L;
	uint64_t weight = 1;

	(void)state;
	for (uint64_t shares = 2; shares <= 262144; shares++) {
		long double l = ln((long double)shares) / ln(2);
		long double exact = ln(10) * ((l * l + 125 * l) / 612 - 7.0L / 34);

		while (ln((long double)weight) < exact - noise)
			weight++;
		if (cgroup_shares_to_weight(shares) != weight)
			fail_msg("shares %" PRIu64 ": %" PRIu64 ", expected %" PRIu64, shares,
				 cgroup_shares_to_weight(shares), weight);
	}
}

static void weight_has_the_known_values(void **state)
{
	static const uint64_t known[][2] = {
		{ 0, 1 },        { 1, 1 },          { 2, 1 },          { 3, 2 },
		{ 10, 4 },       { 100, 17 },       { 256, 35 },       { 512, 59 },
		{ 1000, 99 },    { 1024, 100 },     { 2048, 174 },     { 4096, 303 },
		{ 22000, 1204 }, { 262143, 10000 }, { 262144, 10000 }, { UINT64_MAX, 10000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_int_equal(cgroup_shares_to_weight(known[i][0]), known[i][1]);
}

/* ---- path, owner ---------------------------------------------------------------------------- */

/* C-CGP-01, C-CGP-02, C-CGP-03, C-CGP-05 */
static void paths_count_from_the_root(void **state)
{
	static const struct {
		const char *given, *path;
	} cases[] = {
		{ "/a/b", "/a/b" },     { "rel/y", "/rel/y" },
		{ "//a///b/", "/a/b" }, { "system.slice:docker:x", "/system.slice:docker:x" },
		{ NULL, "/web" },       { "", "/web" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR text = STR_INIT;
		struct planned t;

		if (cases[i].given)
			str_addf(&text, "\"cgroupsPath\":\"%s\"", cases[i].given);
		else
			str_add(&text, "");
		plan(&t, "", cases[i].given ? str_text(&text) : "");
		assert_int_equal(t.rc, 0);
		assert_string_equal(t.p.path, cases[i].path);
		assert_int_equal(t.p.path_given, cases[i].given && cases[i].given[0]);
		plan_done(&t);
	}
}

/* C-CGP-04, I-22, S-30 */
static void bad_paths_are_refused(void **state)
{
	static const char *const bad[] = { "/",    "//",   "/.",    "/../../zz",
					   "../x", "a/..", "a\\nb", "/a/../../x" };
	char endless[6000] = "\"cgroupsPath\":\"/";
	char wide[400] = "\"cgroupsPath\":\"/a/";
	struct planned t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_STR text = STR_INIT;

		str_addf(&text, "\"cgroupsPath\":\"%s\"", bad[i]);
		plan(&t, "", str_text(&text));
		if (t.rc != -1 || !strstr(t.err.msg, "linux.cgroupsPath: "))
			fail_msg("'%s' gives %d '%s'", bad[i], t.rc, t.err.msg);
		plan_done(&t);
	}

	size_t len = strlen(endless);
	for (; len < 5000; len += 2)
		memcpy(endless + len, "a/", 3);
	memcpy(endless + len, "\"", 2);
	plan(&t, "", endless);
	assert_non_null(strstr(t.err.msg, "allowed: 4094"));
	plan_done(&t);

	len = strlen(wide);
	memset(wide + len, 'w', 256);
	memcpy(wide + len + 256, "\"", 2);
	plan(&t, "", wide);
	assert_non_null(strstr(t.err.msg, "a component of 256 bytes"));
	plan_done(&t);
}

#define MOUNT(type, source, dest, option)                                                          \
	",\"mounts\":[{\"destination\":\"" dest "\",\"type\":\"" type "\",\"source\":\"" source    \
	"\",\"options\":[\"nosuid\",\"" option "\"]}]"
#define NEW_CGROUP_NS "\"namespaces\":[{\"type\":\"cgroup\"}]"

/* C-CGP-08 */
static void owner_needs_all_conditions(void **state)
{
	static const struct {
		const char *more, *linux_;
		bool chown;
		uid_t uid;
	} cases[] = {
		/* clang-format off */
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "rw"), NEW_CGROUP_NS, true, 1000 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup/", "nodev"), NEW_CGROUP_NS, true, 1000 },
		{ MOUNT("cgroup2", "cgroup", "/sys/fs/cgroup", "rw"), NEW_CGROUP_NS, true, 1000 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "ro"), NEW_CGROUP_NS, false, 0 },
		{ MOUNT("tmpfs", "cgroup", "/sys/fs/cgroup", "rw"), NEW_CGROUP_NS, false, 0 },
		{ MOUNT("cgroup", "other", "/sys/fs/cgroup", "rw"), NEW_CGROUP_NS, false, 0 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs", "rw"), NEW_CGROUP_NS, false, 0 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "rw"), "", false, 0 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "rw"),
		  "\"namespaces\":[{\"type\":\"cgroup\",\"path\":\"/proc/1/ns/cgroup\"}]", false, 0 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "rw"),
		  "\"namespaces\":[{\"type\":\"cgroup\"},{\"type\":\"user\"}],\"uidMappings\":["
		  "{\"containerID\":0,\"hostID\":5000,\"size\":1000},"
		  "{\"containerID\":1000,\"hostID\":70000,\"size\":10}]", true, 70000 },
		{ MOUNT("cgroup", "cgroup", "/sys/fs/cgroup", "rw"),
		  "\"namespaces\":[{\"type\":\"cgroup\"},{\"type\":\"user\"}],\"uidMappings\":["
		  "{\"containerID\":0,\"hostID\":5000,\"size\":1000}]", false, 0 },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct planned t;

		plan(&t, cases[i].more, cases[i].linux_);
		assert_int_equal(t.rc, 0);
		if (t.p.chown != cases[i].chown || t.p.owner_uid != cases[i].uid)
			fail_msg("case %zu: %d %u", i, t.p.chown, t.p.owner_uid);
		plan_done(&t);
	}
}

/* ---- parsers -------------------------------------------------------------------------------- */

static void hierarchy_is_found_among_mounts(void **state)
{
	char text[] =
		"22 1 0:5 / / rw - ext4 /dev/sda rw\n"
		"short line\n"
		"23 22 0:26 / /sys/fs/cgroup/cpu rw shared:3 - cgroup cgroup rw,cpu\n"
		"24 22 0:27 /part /bind rw shared:4 - cgroup2 cgroup2 rw\n"
		"25 22 0:27 / /mnt/my\\040groups\\134 rw shared:4 master:1 - cgroup2 none rw\n"
		"26 22 0:27 / /later rw - cgroup2 cgroup2 rw\n";
	char none[] = "22 1 0:5 / / rw - ext4 /dev/sda rw\n";
	char empty[] = "";

	(void)state;
	assert_string_equal(mountinfo_find_in(text, "cgroup2"), "/mnt/my groups\\");
	assert_null(mountinfo_find_in(none, "cgroup2"));
	assert_null(mountinfo_find_in(empty, "cgroup2"));
}

static void mounts_are_found_by_number(void **state)
{
	const char *text = "22 1 0:5 / / rw - ext4 /dev/sda rw\n"
			   "223 22 0:26 / /a rw shared:3 - tmpfs tmpfs rw\n"
			   "23 22 0:26 / /b\\040c rw - tmpfs tmpfs rw\n";
	AUTO_ARENA a = ARENA_INIT;
	struct err err = ERR_INIT;
	const char *point;

	(void)state;
	assert_int_equal(mountinfo_point(text, 23, &a, &point, &err), 0);
	assert_string_equal(point, "/b c");
	assert_int_equal(mountinfo_point(text, 22, &a, &point, &err), 0);
	assert_string_equal(point, "/");
	assert_int_equal(mountinfo_point(text, 2, &a, &point, &err), 0);
	assert_null(point);
}

static void own_cgroup_is_found(void **state)
{
	char hybrid[] = "3:cpuset:/x\n1:name=systemd:/\n0::/user.slice/a\n";
	char outside[] = "0::/../other\n";
	char v1[] = "3:cpuset:/x\n";

	(void)state;
	assert_string_equal(cgroup_find_own(hybrid), "/user.slice/a");
	assert_null(cgroup_find_own(outside));
	assert_null(cgroup_find_own(v1));
}

static void events_are_read_by_key(void **state)
{
	(void)state;
	assert_true(cgroup_event_in("populated 1\nfrozen 0\n", "populated"));
	assert_false(cgroup_event_in("populated 1\nfrozen 0\n", "frozen"));
	assert_true(cgroup_event_in("populated 0\nfrozen 1\n", "frozen"));
	assert_false(cgroup_event_in("unpopulated 1\n", "populated"));
	assert_false(cgroup_event_in("", "populated"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources_become_lines),
		cmocka_unit_test(impossible_swap_is_refused),
		cmocka_unit_test(unified_names_settings_only),
		cmocka_unit_test(settings_know_controller_and_field),
		cmocka_unit_test(only_real_limits_count),
		cmocka_unit_test(denied_devices_are_a_limit_where_they_can_be_denied),
		cmocka_unit_test(weight_follows_the_curve),
		cmocka_unit_test(weight_has_the_known_values),
		cmocka_unit_test(paths_count_from_the_root),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(owner_needs_all_conditions),
		cmocka_unit_test(hierarchy_is_found_among_mounts),
		cmocka_unit_test(mounts_are_found_by_number),
		cmocka_unit_test(own_cgroup_is_found),
		cmocka_unit_test(events_are_read_by_key),
	};

	return cmocka_run_group_tests_name("cgroup_plan", tests, NULL, NULL);
}
