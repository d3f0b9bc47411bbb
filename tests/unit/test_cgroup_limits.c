/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers and limits in the kernel. Machines differ in the controllers that version 2 has, so
 * tests take the first one that is there and are skipped without any. */
#include "cgroup_lab.h"

#include <sched.h>
#include <sys/mount.h>

#include "kernel/cgroup-internal.h"

/* ---- controllers ---------------------------------------------------------------------------- */

struct limit {
	const char *controller, *resources, *file, *reads;
};
/* In the order of preference; 1 GiB, a number of pages on every machine. */
static const struct limit limits[] = {
	{ "pids", "\"pids\":{\"limit\":77}", "pids.max", "77\n" },
	{ "hugetlb", "\"unified\":{\"hugetlb.2MB.max\":\"4194304\"}", "hugetlb.2MB.max",
	  "4194304\n" },
	{ "memory", "\"memory\":{\"limit\":1073741824}", "memory.max", "1073741824\n" },
};

static bool has_controller(const struct lab *l, const char *name)
{
	AUTO_STR text = STR_INIT;
	AUTO_STR word = STR_INIT;

	str_addf(&text, " %s", read_file_at(l->h.fd, "cgroup.controllers"));
	str_addf(&word, " %s", name);
	const char *found = strstr(str_text(&text), str_text(&word));

	return found && strchr(" \n", found[strlen(str_text(&word))]);
}

static const struct limit *any_limit(const struct lab *l)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		if (has_controller(l, limits[i].controller))
			return &limits[i];
	}
	skip();

	return NULL;
}

static void apply_in(const struct lab *l, const char *name, const char *resources,
		     struct cgroup *cg)
{
	struct planned t;

	plan_in(l, &t, name, resources);
	if (cgroup_create(&l->h, &t.p, cg, &t.err) < 0 || cgroup_apply(cg, &t.p, &t.err) < 0)
		fail_msg("%s", t.err.msg);
	plan_done(&t);
}

/* C-CGP-06, C-PIDS-01, C-UNI-01, C-UNI-02 */
static void controllers_are_enabled_on_the_way_down(void **state)
{
	struct lab *l = need(state);
	const struct limit *limit = any_limit(l);
	struct cgroup cg = CGROUP_INIT;

	apply_in(l, "a/b", limit->resources, &cg);
	assert_string_equal(read_file_at(cg.fd, limit->file), limit->reads);
	assert_non_null(strstr(read_file_at(l->fd, "a/cgroup.subtree_control"), limit->controller));
	assert_string_equal(read_file_at(cg.fd, "cgroup.subtree_control"), "");
	remove_now(l, &cg);
}

/* C-CGP-06: what was there is passed on, whether or not the config asks for a limit */
static void all_controllers_are_passed_on_without_limits(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	apply_in(l, "a/b", "", &cg);
	char *available = strdup(read_file_at(l->fd, "cgroup.controllers"));
	assert_string_equal(read_file_at(l->fd, "cgroup.subtree_control"), available);
	assert_string_equal(read_file_at(cg.fd, "cgroup.controllers"), available);
	assert_string_equal(read_file_at(cg.fd, "cgroup.subtree_control"), "");
	free(available);
	remove_now(l, &cg);
}

/* C-CGP-06: a threaded child would be of no use, and the parent's processes go on */
static void a_parent_with_processes_keeps_its_controllers(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	make_dir(l, "p");
	(void)child_in(l, "p", NULL);

	apply_in(l, "p/new", "", &cg);
	assert_string_equal(read_file_at(l->fd, "p/cgroup.subtree_control"), "");
	assert_string_equal(read_file_at(l->fd, "p/new/cgroup.type"), "domain\n");
	remove_now(l, &cg);
}

/* C-CGP-06 */
static void a_parent_with_processes_is_explained(void **state)
{
	struct lab *l = need(state);
	const struct limit *limit = any_limit(l);

	make_dir(l, "p");
	(void)child_in(l, "p", NULL);

	assert_refusal(l, "p/new", limit->resources, "no internal processes rule");
	assert_string_equal(read_file_at(l->fd, "p/cgroup.type"), "domain\n");
	assert_false(exists(l, "p/new"));
}

static void a_cgroup_that_passes_controllers_on_takes_no_processes(void **state)
{
	struct lab *l = need(state);
	const struct limit *limit = any_limit(l);
	struct cgroup cg = CGROUP_INIT;

	apply_in(l, "a/b", limit->resources, &cg);
	assert_refusal(l, "a", "", "passes controllers on");
	remove_now(l, &cg);
}

/* D-09: the reason is named, with the field; nothing is left */
static void a_missing_controller_is_explained(void **state)
{
	struct lab *l = need(state);

	assert_refusal(l, "a/b", "\"unified\":{\"nonsense.max\":\"1\"}",
		       "the nonsense controller is not built into this kernel");
	assert_false(exists(l, "a"));
	if (has_controller(l, "memory"))
		return;

	const char *said = refusal(l, "a/b", "\"memory\":{\"limit\":4096}");
	assert_non_null(strstr(said, "linux.resources.memory.limit"));
	assert_non_null(strstr(said, "config.json:1:"));
	assert_non_null(strstr(said, "the memory controller is "));
	assert_false(exists(l, "a"));
}

/* D-09: docker, ctr and podman send these always */
static void settings_that_ask_for_nothing_need_no_controller(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	/* Where nothing can be passed on. */
	make_dir(l, "p");
	(void)child_in(l, "p", NULL);

	apply_in(l, "p/a",
		 "\"memory\":{\"limit\":-1,\"swap\":-1},\"cpu\":{\"shares\":1024,\"quota\":-1},"
		 "\"pids\":{\"limit\":-1},\"blockIO\":{},\"unified\":{\"rdma.max\":\"max\"}",
		 &cg);
	assert_string_equal(read_file_at(cg.fd, "cgroup.controllers"), "");
	remove_now(l, &cg);
}

/* ... and are written where somebody has set something else. */
static void a_pre_existing_limit_is_lifted(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	if (!has_controller(l, "pids"))
		skip();
	struct cgroup first = CGROUP_INIT;
	apply_in(l, "a", "\"pids\":{\"limit\":5}", &first);
	cgroup_done(&first);

	apply_in(l, "a", "\"pids\":{\"limit\":-1}", &cg);
	assert_string_equal(read_file_at(cg.fd, "pids.max"), "max\n");
	cgroup_done(&cg);
}

/* C-UNI-06, C-UNI-03 */
static void an_unknown_file_is_an_error(void **state)
{
	struct lab *l = need(state);
	const struct limit *limit = any_limit(l);
	AUTO_STR resources = STR_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct planned t;

	str_addf(&resources, "\"unified\":{\"%s.foo\":\"1\"}", limit->controller);
	plan_in(l, &t, "a", str_text(&resources));
	assert_int_equal(cgroup_create(&l->h, &t.p, &cg, &t.err), 0);
	assert_int_equal(cgroup_apply(&cg, &t.p, &t.err), -1);
	assert_non_null(strstr(t.err.msg, "this kernel does not offer it"));
	assert_non_null(strstr(t.err.msg, "linux.resources.unified."));
	plan_done(&t);
	remove_now(l, &cg);
}

/* All conversions at once; only where these controllers are on version 2. */
static void limits_arrive_in_the_kernel(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	if (!has_controller(l, "memory") || !has_controller(l, "cpu") || !has_controller(l, "pids"))
		skip();
	apply_in(
		l, "a",
		"\"memory\":{\"limit\":100001,\"reservation\":8192},"
		"\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":20000,\"burst\":1000},"
		"\"pids\":{\"limit\":0},\"unified\":{\"memory.high\":\"65536\",\"pids.max\":\"9\"}",
		&cg);
	assert_string_equal(read_file_at(cg.fd, "memory.max"), "98304\n"); /* C-MEM-13 */
	assert_string_equal(read_file_at(cg.fd, "memory.low"), "8192\n");
	assert_string_equal(read_file_at(cg.fd, "memory.high"), "65536\n");
	assert_string_equal(read_file_at(cg.fd, "cpu.weight"), "59\n");
	assert_string_equal(read_file_at(cg.fd, "cpu.max"), "50000 20000\n");
	assert_string_equal(read_file_at(cg.fd, "cpu.max.burst"), "1000\n");
	assert_string_equal(read_file_at(cg.fd, "pids.max"), "9\n"); /* C-UNI-08 */
	remove_now(l, &cg);

	/* C-CPU-13 in both directions */
	apply_in(l, "b", "\"cpu\":{\"shares\":512,\"idle\":1}", &cg);
	assert_string_equal(read_file_at(cg.fd, "cpu.idle"), "1\n");
	cgroup_done(&cg);
	apply_in(l, "b", "\"cpu\":{\"shares\":512,\"idle\":0}", &cg);
	assert_string_equal(read_file_at(cg.fd, "cpu.idle"), "0\n");
	assert_string_equal(read_file_at(cg.fd, "cpu.weight"), "59\n");
	cgroup_done(&cg);
}

/* C-CPU-09: a pre-existing cgroup, both directions */
static void burst_and_quota_are_replaced_together(void **state)
{
	static const char *const resources[] = {
		"\"cpu\":{\"quota\":30000,\"burst\":20000}",
		"\"cpu\":{\"quota\":10000,\"burst\":5000}",
		"\"cpu\":{\"quota\":40000,\"burst\":40000}",
	};
	static const char *const bursts[] = { "20000\n", "5000\n", "40000\n" };
	struct lab *l = need(state);

	if (!has_controller(l, "cpu"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
		struct cgroup cg = CGROUP_INIT;

		apply_in(l, "a", resources[i], &cg);
		assert_string_equal(read_file_at(cg.fd, "cpu.max.burst"), bursts[i]);
		cgroup_done(&cg);
	}
}

static void a_value_that_the_kernel_refuses_is_explained(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct planned t;

	if (!has_controller(l, "pids"))
		skip();
	plan_in(l, &t, "a", "\"pids\":{\"limit\":5000000}");
	assert_int_equal(cgroup_create(&l->h, &t.p, &cg, &t.err), 0);
	assert_int_equal(cgroup_apply(&cg, &t.p, &t.err), -1);
	assert_non_null(strstr(t.err.msg, "allowed: 0 to 4194304"));
	plan_done(&t);
	remove_now(l, &cg);
}

/* C-CGP-08, C-CGP-09, C-CGP-10 */
static void delegated_files_get_the_owner(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct planned t;
	struct stat st;

	plan_in(l, &t, "a", "");
	t.p.chown = true;
	t.p.owner_uid = 4711;
	assert_int_equal(cgroup_create(&l->h, &t.p, &cg, &t.err), 0);
	assert_int_equal(cgroup_apply(&cg, &t.p, &t.err), 0);

	assert_int_equal(fstat(cg.fd, &st), 0);
	assert_int_equal(st.st_uid, 4711);
	assert_int_equal(st.st_gid, getegid());
	assert_int_equal(fstatat(cg.fd, "cgroup.procs", &st, 0), 0);
	assert_int_equal(st.st_uid, 4711);
	assert_int_equal(fstatat(cg.fd, "cgroup.max.depth", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	plan_done(&t);
	remove_now(l, &cg);
}

/* The same in a mount namespace where /sys/kernel/cgroup/delegate is hidden. */
static bool apply_without_the_list(const struct cgroup *cg, struct planned *t)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", "/sys/kernel/cgroup", "tmpfs", 0, NULL) < 0)
			_exit(1);
		_exit(cgroup_apply(cg, &t->p, &t->err) < 0 ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* C-CGP-09: a kernel that has no list */
static void without_a_list_three_files_get_the_owner(void **state)
{
	static const struct {
		const char *file;
		uid_t uid;
	} files[] = {
		{ ".", 4711 },
		{ "cgroup.procs", 4711 },
		{ "cgroup.threads", 4711 },
		{ "cgroup.subtree_control", 4711 },
		{ "cgroup.max.depth", 0 },
		{ "cgroup.freeze", 0 },
	};
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct planned t;
	struct stat st;

	plan_in(l, &t, "a", "");
	t.p.chown = true;
	t.p.owner_uid = 4711;
	assert_int_equal(cgroup_create(&l->h, &t.p, &cg, &t.err), 0);
	assert_true(apply_without_the_list(&cg, &t));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(fstatat(cg.fd, files[i].file, &st, 0), 0);
		if (st.st_uid != files[i].uid)
			fail_msg("'%s' belongs to %u", files[i].file, st.st_uid);
	}
	plan_done(&t);
	remove_now(l, &cg);
}

/* A directory whose controllers file promises cpu, and whose subtree_control refuses every word
 * with EINVAL: it is another file of L. The reason that cgroup_enable() gives, through the pipe
 * OUT. */
static void enable_cpu_in(const struct lab *l, int out)
{
	char dir[] = "/run/tests/cruntime-unit-XXXXXX";
	char target[sizeof(dir) + 32];
	char source[sizeof(l->h.mount_point) + sizeof(l->path) + 32];
	struct planned t;

	plan(&t, "", "\"resources\":{\"cpu\":{\"shares\":5}}");
	/* Not through the descriptor, whose mount is in the old namespace. */
	(void)snprintf(source, sizeof(source), "%s%s/cgroup.max.depth", l->h.mount_point, l->path);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run/tests", "tmpfs", 0, NULL) < 0 || !mkdtemp(dir))
		_exit(1);
	(void)snprintf(target, sizeof(target), "%s/cgroup.subtree_control", dir);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file_at(fd, "cgroup.controllers", "cpu\n");
	write_file_at(fd, "cgroup.subtree_control", "");
	if (mount(source, target, NULL, MS_BIND, NULL) < 0 ||
	    cgroup_enable(&t.p, fd, "/tests", false, &t.err) == 0)
		_exit(1);
	_exit(write(out, t.err.msg, t.err.len) == t.err.len ? 0 : 1);
}

/* C-CPU-14: what the kernel says when a real-time task is in the way */
static void a_refused_cpu_controller_is_explained(void **state)
{
	struct lab *l = need(state);
	char said[sizeof(((struct err *)NULL)->msg) + 1] = "";
	int out[2];
	int status;

	if (access("/run/tests", F_OK) < 0)
		skip();
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		enable_cpu_in(l, out[1]);
	close(out[1]);
	assert_true(read(out[0], said, sizeof(said) - 1) > 0);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (!strstr(said, "linux.resources.cpu.shares (config.json:1:") ||
	    !strstr(said, "refuses to pass the cpu controller on to the children of '/tests' "
			  "(because of real-time processes in it?)"))
		fail_msg("%s", said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(controllers_are_enabled_on_the_way_down),
		LAB_TEST(all_controllers_are_passed_on_without_limits),
		LAB_TEST(a_parent_with_processes_keeps_its_controllers),
		LAB_TEST(a_parent_with_processes_is_explained),
		LAB_TEST(a_cgroup_that_passes_controllers_on_takes_no_processes),
		LAB_TEST(a_missing_controller_is_explained),
		LAB_TEST(settings_that_ask_for_nothing_need_no_controller),
		LAB_TEST(a_pre_existing_limit_is_lifted),
		LAB_TEST(an_unknown_file_is_an_error),
		LAB_TEST(limits_arrive_in_the_kernel),
		LAB_TEST(burst_and_quota_are_replaced_together),
		LAB_TEST(a_value_that_the_kernel_refuses_is_explained),
		LAB_TEST(delegated_files_get_the_owner),
		LAB_TEST(without_a_list_three_files_get_the_owner),
		LAB_TEST(a_refused_cpu_controller_is_explained),
	};

	return cmocka_run_group_tests_name("cgroup_limits", tests, NULL, NULL);
}
