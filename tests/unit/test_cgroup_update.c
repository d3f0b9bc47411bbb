/* SPDX-License-Identifier: Apache-2.0 */
/* Updates as lists of writes with their way back, and these lists in files. C-CGP-17 is the rule of
 * all: the conversion is that of a new container, and what is not named stays. */
#include "cgroup_fake.h"

#include "kernel/cgroup_update-internal.h"

struct updated {
	struct oci_config *c;
	struct arena arena;
	struct cgroup_update u;
	struct err err;
	int rc;
};

/* The plan for the DOCUMENT, which must be a valid one. */
static void update(struct updated *t, const struct scratch *s, const char *document)
{
	const struct cgroup cg = fake_cgroup(s);

	*t = (struct updated){ .arena = ARENA_INIT, .err = ERR_INIT };
	if (config_parse_resources("resources.json", document, strlen(document), &t->c, &t->err) <
	    0)
		fail_msg("%s: %s", document, t->err.msg);
	t->rc = cgroup_update_plan(&cg, t->c, &t->arena, &t->u, &t->err);
}

static void update_done(struct updated *t)
{
	arena_done(&t->arena);
	config_free(&t->c);
}

/* The changes as "file=value (undo)", separated by "; "; '-' for none. */
static void assert_changes(const struct scratch *s, const char *document, const char *expected)
{
	AUTO_STR found = STR_INIT;
	struct updated t;

	update(&t, s, document);
	if (t.rc < 0)
		fail_msg("%s: %s", document, t.err.msg);
	for (size_t i = 0; i < t.u.n; i++) {
		const struct cgroup_change *c = &t.u.v[i];

		str_addf(&found, "%s%s=%s (%s)", i > 0 ? "; " : "", c->s.file,
			 c->s.value ? c->s.value : "-", c->undo ? c->undo : "-");
	}
	if (strcmp(str_text(&found), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", document, found.s, expected);
	update_done(&t);
}

static void assert_refused(const struct scratch *s, const char *document, const char *message)
{
	struct updated t;

	update(&t, s, document);
	assert_int_equal(t.rc, -1);
	if (strncmp(t.err.msg, "resources.json:1:", strlen("resources.json:1:")) != 0 ||
	    !strstr(t.err.msg, message))
		fail_msg("%s says '%s'", document, t.err.msg);
	update_done(&t);
}

static void memory_is(const struct scratch *s, const char *max, const char *swap)
{
	fake_file(s, "memory.max", max);
	fake_file(s, "memory.swap.max", swap);
}

static void cpu_is(const struct scratch *s, const char *max, const char *burst)
{
	fake_file(s, "cpu.max", max);
	fake_file(s, "cpu.max.burst", burst);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* C-MEM-02, C-CGP-17: swap in the document is a total, and stays one when only memory changes. */
static void a_total_with_swap_stays(void **state)
{
	const struct scratch *s = *state;

	memory_is(s, "8192\n", "8192\n");
	assert_changes(s, "{\"memory\":{\"limit\":12288}}",
		       "memory.max=12288 (8192); memory.swap.max=4096 (8192)");
	assert_changes(s, "{\"memory\":{\"limit\":16384}}",
		       "memory.max=16384 (8192); memory.swap.max=0 (8192)");
	assert_refused(s, "{\"memory\":{\"limit\":20480}}",
		       "memory.limit: is above the 16384 bytes of memory plus swap");
	assert_changes(s, "{\"memory\":{\"swap\":12288}}", "memory.swap.max=4096 (8192)");
	assert_changes(s, "{\"memory\":{\"swap\":16384}}", "");
	assert_refused(s, "{\"memory\":{\"swap\":4096}}",
		       "memory.swap: is memory plus swap, and so cannot be below the 8192 bytes");
	assert_changes(s, "{\"memory\":{\"limit\":4096,\"swap\":0}}",
		       "memory.swap.max=12288 (8192); memory.max=4096 (8192)");
	assert_changes(s, "{\"memory\":{\"limit\":8192}}", "");
}

static void no_total_needs_none(void **state)
{
	const struct scratch *s = *state;

	memory_is(s, "8192\n", "max\n");
	assert_changes(s, "{\"memory\":{\"limit\":4096}}", "memory.max=4096 (8192)");
	assert_changes(s, "{\"memory\":{\"swap\":8192}}", "memory.swap.max=0 (max)");
	assert_changes(s, "{\"memory\":{\"swap\":-1}}", "");

	memory_is(s, "max\n", "4096\n");
	assert_changes(s, "{\"memory\":{\"limit\":4096}}", "memory.max=4096 (max)");
	assert_refused(s, "{\"memory\":{\"swap\":8192}}", "the container has no limit on memory");
	assert_changes(s, "{\"memory\":{\"limit\":-1,\"swap\":8192}}",
		       "memory.swap.max=8192 (4096)");
	assert_changes(s, "{\"memory\":{\"limit\":-1}}", "memory.swap.max=max (4096)");
	assert_changes(s, "{\"memory\":{\"limit\":0,\"swap\":0}}", "");
}

/* C-MEM-11: never less room for swap than memory that has to go there */
static void swap_that_grows_comes_first(void **state)
{
	const struct scratch *s = *state;

	memory_is(s, "8192\n", "0\n");
	assert_changes(s, "{\"memory\":{\"limit\":4096,\"swap\":8192}}",
		       "memory.swap.max=4096 (0); memory.max=4096 (8192)");
	memory_is(s, "8192\n", "8192\n");
	assert_changes(s, "{\"memory\":{\"limit\":4096,\"swap\":4096}}",
		       "memory.max=4096 (8192); memory.swap.max=0 (8192)");
}

/* C-MEM-09 */
static void usage_is_checked_on_demand(void **state)
{
	const struct scratch *s = *state;

	memory_is(s, "16384\n", "16384\n");
	fake_file(s, "memory.current", "8192\n");
	fake_file(s, "memory.swap.current", "4096\n");
	assert_refused(s, "{\"memory\":{\"limit\":4096,\"checkBeforeUpdate\":true}}",
		       "memory.limit: rejecting memory limit: the container uses 8192 bytes now");
	assert_refused(s, "{\"memory\":{\"limit\":4096,\"swap\":8192,\"checkBeforeUpdate\":true}}",
		       "memory.swap: rejecting memory+swap limit: the container uses 12288 bytes");
	assert_refused(s, "{\"memory\":{\"limit\":12288,\"swap\":12288,\"checkBeforeUpdate\":true}}",
		       "memory.swap: the container uses 4096 bytes of swap now");
	assert_changes(s, "{\"memory\":{\"limit\":8192,\"swap\":12288,\"checkBeforeUpdate\":true}}",
		       "memory.max=8192 (16384); memory.swap.max=4096 (16384)");
	assert_changes(s, "{\"memory\":{\"limit\":4096,\"swap\":-1}}",
		       "memory.swap.max=max (16384); memory.max=4096 (16384)");
	assert_changes(s, "{\"memory\":{\"limit\":-1,\"checkBeforeUpdate\":true}}",
		       "memory.swap.max=max (16384); memory.max=max (16384)");
}

/* ---- cpu ------------------------------------------------------------------------------------ */

/* C-CPU-05, C-CPU-06, C-CPU-07 */
static void quota_and_period_keep_each_other(void **state)
{
	const struct scratch *s = *state;

	cpu_is(s, "30000 50000\n", "0\n");
	assert_changes(s, "{\"cpu\":{\"quota\":20000}}", "cpu.max=20000 50000 (30000 50000)");
	assert_changes(s, "{\"cpu\":{\"period\":200000}}", "cpu.max=30000 200000 (30000 50000)");
	assert_changes(s, "{\"cpu\":{\"quota\":-1}}", "cpu.max=max 50000 (30000 50000)");
	assert_changes(s, "{\"cpu\":{\"quota\":-1,\"period\":60000}}",
		       "cpu.max=max 60000 (30000 50000)");
	assert_changes(s, "{\"cpu\":{\"quota\":0,\"period\":0}}", "");
	assert_changes(s, "{\"cpu\":{\"quota\":30000,\"period\":50000}}", "");

	cpu_is(s, "max 100000\n", "0\n");
	assert_changes(s, "{\"cpu\":{\"period\":50000}}", "cpu.max=max 50000 (max 100000)");
}

/* C-CPU-09: the burst in force is never above the quota. */
static void burst_comes_before_a_quota_below_it(void **state)
{
	const struct scratch *s = *state;

	cpu_is(s, "30000 100000\n", "20000\n");
	assert_changes(s, "{\"cpu\":{\"quota\":10000,\"burst\":5000}}",
		       "cpu.max.burst=5000 (20000); cpu.max=10000 100000 (30000 100000)");
	assert_changes(s, "{\"cpu\":{\"quota\":60000,\"burst\":50000}}",
		       "cpu.max=60000 100000 (30000 100000); cpu.max.burst=50000 (20000)");
	assert_changes(s, "{\"cpu\":{\"burst\":30000}}", "cpu.max.burst=30000 (20000)");
	assert_refused(s, "{\"cpu\":{\"burst\":30001}}",
		       "cpu.burst: is above the quota of 30000 microseconds in force");
	assert_refused(s, "{\"cpu\":{\"quota\":10000}}",
		       "cpu.quota: is below the burst of 20000 microseconds in force");
	assert_changes(s, "{\"cpu\":{\"quota\":-1}}", "cpu.max=max 100000 (30000 100000)");
}

/* C-CPU-12, C-CPU-13 */
static void idle_and_weight_depend_on_the_state(void **state)
{
	const struct scratch *s = *state;

	fake_file(s, "cpu.idle", "0\n");
	fake_file(s, "cpu.weight", "59\n");
	assert_changes(s, "{\"cpu\":{\"shares\":1024}}", "cpu.weight=100 (59)");
	assert_changes(s, "{\"cpu\":{\"idle\":1}}", "cpu.weight=- (59); cpu.idle=1 (0)");
	assert_changes(s, "{\"cpu\":{\"idle\":1,\"shares\":1024}}",
		       "cpu.weight=- (59); cpu.idle=1 (0)");
	assert_changes(s, "{\"cpu\":{\"idle\":0,\"shares\":512}}", "");

	fake_file(s, "cpu.idle", "1\n");
	fake_file(s, "cpu.weight", "0\n");
	assert_changes(s, "{\"cpu\":{\"idle\":0,\"shares\":512}}",
		       "cpu.idle=0 (1); cpu.weight=59 (-)");
	assert_refused(s, "{\"cpu\":{\"shares\":512}}", "cpu.shares: an idle container has none");
}

/* ---- files with several lines --------------------------------------------------------------- */

static void a_line_is_put_back_by_its_device(void **state)
{
	const struct scratch *s = *state;

	fake_file(s, "io.max", "8:0 rbps=1 wbps=2 riops=max wiops=max\n8:16 rbps=3 wbps=max\n");
	assert_changes(s, "{\"unified\":{\"io.max\":\"8:16 rbps=9\\n8:32 wbps=7\"}}",
		       "io.max=8:16 rbps=9 (8:16 rbps=3 wbps=max); "
		       "io.max=8:32 wbps=7 (8:32 rbps=max wbps=max riops=max wiops=max)");
	fake_file(s, "rdma.max", "mlx5_1 hca_handle=2 hca_object=max\n");
	assert_changes(s, "{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3},\"rxe0\":{\"hcaObjects\":1}}}",
		       "rdma.max=mlx5_1 hca_handle=3 (mlx5_1 hca_handle=2 hca_object=max); "
		       "rdma.max=rxe0 hca_object=1 (rxe0 hca_handle=max hca_object=max)");
	fake_file(s, "io.weight", "default 100\n8:0 50\n");
	assert_changes(s, "{\"blockIO\":{\"weight\":1000}}", "io.weight=10000 (default 100)");
	assert_changes(s, "{\"unified\":{\"io.weight\":\"100\"}}", "");
	assert_changes(s, "{\"unified\":{\"io.weight\":\"8:0 60\"}}", "io.weight=8:0 60 (8:0 50)");
	assert_changes(s, "{\"unified\":{\"io.weight\":\"8:16 60\"}}",
		       "io.weight=8:16 60 (8:16 default)");
}

static void other_files_are_put_back_whole(void **state)
{
	const struct scratch *s = *state;

	fake_file(s, "pids.max", "100\n");
	fake_file(s, "cpuset.cpus", "\n");
	fake_file(s, "memory.high", "max\n");
	assert_changes(s, "{\"pids\":{\"limit\":-1},\"cpu\":{\"cpus\":\"0-1\"}}",
		       "cpuset.cpus=0-1 (\n); pids.max=max (100)");
	assert_changes(s, "{\"pids\":{\"limit\":0}}", "pids.max=0 (100)");
	/* C-UNI-08, also when it wants what is there now */
	assert_changes(s,
		       "{\"unified\":{\"pids.max\":\"100\",\"memory.high\":\"max\"},"
		       "\"pids\":{\"limit\":7}}",
		       "pids.max=7 (100); pids.max=100 (100)");
}

/* C-CPU-11, I-10: the kernel takes processors that a cgroup above does not have, and uses others. */
static void a_cpuset_without_effect_is_refused(void **state)
{
	const struct scratch *s = *state;
	const struct oci_config c = { .doc = { .name = "config.json", .text = "{}", .len = 2 } };
	const struct cgroup_plan plan = { .config = &c };
	struct cgroup_setting set = { .file = "cpuset.cpus", .value = "1", .field = "cpu.cpus" };
	const struct cgroup cg = fake_cgroup(s);
	struct err err = ERR_INIT;

	fake_file(s, "cpuset.cpus", "");
	assert_int_equal(cgroup_write_setting(&cg, &plan, &set, &err), 0); /* an old kernel's */
	fake_file(s, "cpuset.cpus.effective", "0,2\n");
	assert_int_equal(cgroup_write_setting(&cg, &plan, &set, &err), -1);
	assert_non_null(strstr(err.msg, "'1' in 'cpuset.cpus' has no effect"));
	assert_non_null(strstr(err.msg, "offers '0,2' only"));
	set.value = "0-1";
	assert_int_equal(cgroup_write_setting(&cg, &plan, &set, &err), -1);
	set.value = "0-7"; /* a part of it is no more than was asked for */
	assert_int_equal(cgroup_write_setting(&cg, &plan, &set, &err), 0);
}

/* What starves is let go before its cgroup is removed; somebody else's cgroup stays as it is. */
static void limits_that_starve_are_lifted(void **state)
{
	const struct scratch *s = *state;
	struct cgroup cg = fake_cgroup(s);

	fake_file(s, "cpu.max", "123");
	fake_file(s, "cpu.weight", "00001");
	cg.created = false;
	cgroup_lift_limits(&cg);
	assert_file(s, "cpu.max", "123");
	cg.created = true;
	cgroup_lift_limits(&cg);
	assert_file(s, "cpu.max", "max");
	assert_file(s, "cpu.weight", "10000");
}

/* engine-contracts 10; a missing controller does not matter where nothing is asked for. */
static void nothing_changes_nothing(void **state)
{
	static const char *const documents[] = {
		"{}",
		"{\"memory\":{},\"cpu\":{},\"pids\":{},\"blockIO\":{},\"unified\":{}}",
		"{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}",
		"{\"memory\":{\"checkBeforeUpdate\":true,\"limit\":0},\"cpu\":{\"shares\":0}}",
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		struct updated t;

		update(&t, s, documents[i]);
		assert_int_equal(t.rc, 0);
		assert_int_equal(t.u.n, 0);
		assert_false(cgroup_update_wants(t.c));
		update_done(&t);
	}
}

/* Values are checked by the rules of config.json, with positions in the document. */
static void documents_are_checked_like_a_config(void **state)
{
	static const struct {
		const char *document, *message;
	} cases[] = {
		/* clang-format off */
		{ "{\"memory\":{\"limit\":-2}}", "resources.json:1:20: memory.limit: expected an integer from -1" },
		{ "{\"memory\":\n {\"swappiness\":60}}", "resources.json:2:16: memory.swappiness: cgroup v2 has no such setting" },
		{ "{\"memory\":{\"limit\":2,\"swap\":1}}", "memory.swap: is memory plus swap, so it cannot be below 'limit'" },
		{ "{\"memory\":{\"limit\":\"1G\"}}", "memory.limit: expected an integer" },
		{ "{\"memory\":{\"kernel\":1}}", "memory.kernel: cgroup v2" },
		{ "{\"cpu\":{\"realtimeRuntime\":5}}", "cpu.realtimeRuntime: cgroup v2" },
		{ "{\"cpu\":{\"idle\":2}}", "cpu.idle: expected an integer from 0 to 1" },
		{ "{\"pids\":{\"limit\":-5}}", "pids.limit: expected an integer from -1" },
		{ "{\"blockIO\":{\"leafWeight\":5}}", "blockIO.leafWeight: cgroup v2" },
		{ "{\"network\":{\"classID\":5}}", "network.classID: cgroup v2" },
		{ "{\"unified\":{\"cgroup.procs\":\"1\"}}", "unified.cgroup.procs: is no setting" },
		{ "{\"devices\":[{\"allow\":1}]}", "devices[0].allow: expected true or false" },
		{ "{\"pids\":{\"limit\":1},\"pids\":{\"limit\":2}}", "resources.json:1:21: " },
		{ "[]", "resources.json:1:1: expected an object" },
		{ "{} x", "resources.json:1:4: " },
		{ "", "resources.json:1:1: " },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_CONFIG c = NULL;
		struct err err = ERR_INIT;
		int rc = config_parse_resources("resources.json", cases[i].document,
						strlen(cases[i].document), &c, &err);

		if (rc != -1 || !strstr(err.msg, cases[i].message))
			fail_msg("'%s' gives %d '%s'", cases[i].document, rc, err.msg);
	}
}

/* What was made of options has no lines and columns. */
static void documents_without_a_name_have_no_positions(void **state)
{
	static const char document[] = "{\"cpu\":{\"quota\":5}}";
	AUTO_CONFIG c = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(config_parse_resources(NULL, document, strlen(document), &c, &err), -1);
	assert_string_equal(err.msg, "cpu.quota: expected -1, 0 or at least 1000 microseconds");
}

/* ---- in files ------------------------------------------------------------------------------- */

static int apply(const struct scratch *s, struct updated *t)
{
	const struct cgroup cg = fake_cgroup(s);

	return cgroup_update_apply(&cg, &t->u, &t->err);
}

static void changes_are_written(void **state)
{
	const struct scratch *s = *state;
	struct updated t;

	fake_file(s, "pids.max", "100");
	fake_file(s, "cpu.max", "50000 100000");
	update(&t, s, "{\"pids\":{\"limit\":555},\"cpu\":{\"quota\":60000}}");
	assert_int_equal(apply(s, &t), 0);
	assert_file(s, "pids.max", "555");
	assert_file(s, "cpu.max", "60000 100000");
	update_done(&t);
}

/* The last write fails: its file has gone since the plan was made. */
static void a_failing_write_takes_all_back(void **state)
{
	const struct scratch *s = *state;
	struct updated t;

	fake_file(s, "pids.max", "100");
	fake_file(s, "cpu.max", "50000 100000");
	fake_file(s, "memory.high", "900");
	update(&t, s,
	       "{\"pids\":{\"limit\":555},\"cpu\":{\"quota\":60000},"
	       "\"unified\":{\"memory.high\":\"800\"}}");
	assert_int_equal(t.u.n, 3);
	assert_int_equal(unlinkat(s->fd, "memory.high", 0), 0);
	assert_int_equal(apply(s, &t), -1);
	assert_file(s, "pids.max", "100");
	assert_file(s, "cpu.max", "50000 100000");
	assert_int_equal(strncmp(t.err.msg, "unified.memory.high (resources.json:1:", 38), 0);
	assert_non_null(strstr(t.err.msg, "; nothing is changed, what was written before it is put "
					  "back"));
	update_done(&t);
}

/* ... and one of those before it cannot be put back. */
static void what_is_not_put_back_is_said(void **state)
{
	const struct scratch *s = *state;
	struct updated t;

	fake_file(s, "pids.max", "100");
	fake_file(s, "memory.high", "900");
	update(&t, s, "{\"pids\":{\"limit\":555},\"unified\":{\"memory.high\":\"800\"}}");
	assert_int_equal(t.u.n, 2);
	t.u.v[0].s.file = "gone";
	t.u.v[0].s.dispensable = true;
	assert_int_equal(unlinkat(s->fd, "memory.high", 0), 0);
	assert_int_equal(apply(s, &t), -1);
	assert_non_null(strstr(t.err.msg, "; 1 of the values before it are not back: open 'gone'"));
	update_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_cpuset_without_effect_is_refused),
		SCRATCH_TEST(limits_that_starve_are_lifted),
		SCRATCH_TEST(a_total_with_swap_stays),
		SCRATCH_TEST(no_total_needs_none),
		SCRATCH_TEST(swap_that_grows_comes_first),
		SCRATCH_TEST(usage_is_checked_on_demand),
		SCRATCH_TEST(quota_and_period_keep_each_other),
		SCRATCH_TEST(burst_comes_before_a_quota_below_it),
		SCRATCH_TEST(idle_and_weight_depend_on_the_state),
		SCRATCH_TEST(a_line_is_put_back_by_its_device),
		SCRATCH_TEST(other_files_are_put_back_whole),
		SCRATCH_TEST(nothing_changes_nothing),
		cmocka_unit_test(documents_are_checked_like_a_config),
		cmocka_unit_test(documents_without_a_name_have_no_positions),
		SCRATCH_TEST(changes_are_written),
		SCRATCH_TEST(a_failing_write_takes_all_back),
		SCRATCH_TEST(what_is_not_put_back_is_said),
	};

	return cmocka_run_group_tests_name("cgroup_update", tests, NULL, NULL);
}
