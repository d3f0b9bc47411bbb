/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups in the kernel: made or refused, with and without rights, and found again. */
#include "cgroup_lab.h"

/* ---- create --------------------------------------------------------------------------------- */

/* C-CGP-01, R-LIFE-20 */
static void create_makes_all_components_and_remove_takes_them(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct stat st;

	mode_t old = umask(077);
	create_in(l, "a/b/c", &cg);
	umask(old);

	assert_true(cg.created);
	assert_int_equal(cg.n_made, 3);
	assert_int_equal(fstat(cg.fd, &st), 0);
	assert_int_equal(st.st_ino, cg.ino);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(strncmp(cg.path, l->path, strlen(l->path)), 0);
	assert_true(is_cloexec(cg.fd));
	remove_now(l, &cg);
	assert_false(exists(l, "a"));
}

static void an_undone_create_keeps_a_parent_that_others_use(void **state)
{
	struct lab *l = need(state);
	struct cgroup one = CGROUP_INIT;
	struct cgroup two = CGROUP_INIT;

	create_in(l, "a/one", &one);
	create_in(l, "a/two", &two);
	remove_now(l, &one);
	assert_true(exists(l, "a/two"));
	assert_false(exists(l, "a/one"));

	remove_now(l, &two);
	assert_true(exists(l, "a")); /* it was there before two */
}

/* D-16, R-LIFE-21, X-25 */
static void a_pre_existing_cgroup_is_used_and_kept(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;

	make_dir(l, "x");
	create_in(l, "x", &cg);
	assert_false(cg.created);

	pid_t pid = child_in(l, "x", NULL);
	remove_now(l, &cg);
	assert_int_equal(end_signal(pid), SIGKILL);
	assert_true(exists(l, "x"));
}

/* D-16, R-LIFE-26 */
static void a_cgroup_in_use_is_refused(void **state)
{
	struct lab *l = need(state);

	make_dir(l, "x");
	make_dir(l, "x/y");
	pid_t pid = child_in(l, "x/y", NULL);

	assert_refusal(l, "x", "", "container's cgroup is not empty");
	assert_refusal(l, "x", "", "linux.cgroupsPath");
	assert_true(exists(l, "x/y"));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
}

/* D-16, R-LIFE-26, R-LIFE-23 */
static void a_frozen_cgroup_is_refused(void **state)
{
	struct lab *l = need(state);

	make_dir(l, "x");
	write_at(l, "x/cgroup.freeze", "1");

	assert_refusal(l, "x", "", "container's cgroup unexpectedly frozen; thaw '");
	assert_refusal(l, "x/new/one", "",
		       "container's cgroup unexpectedly frozen, because one above it is");
	assert_false(exists(l, "x/new"));
}

/* C-CGP-06: threaded cgroups */
static void a_cgroup_for_threads_is_refused(void **state)
{
	struct lab *l = need(state);

	make_dir(l, "x");
	make_dir(l, "x/threads");
	write_at(l, "x/threads/cgroup.type", "threaded");

	assert_refusal(l, "x/threads", "", "cgroup.type says 'threaded'");
	assert_refusal(l, "x/threads/new", "", "cgroup.type says 'domain invalid'");
	assert_false(exists(l, "x/threads/new"));
}

/* I-22: a file in the way */
static void a_control_file_is_no_directory(void **state)
{
	struct lab *l = need(state);

	assert_refusal(l, "cgroup.procs", "", "no directory");
	assert_refusal(l, "new/cgroup.procs", "", "no directory");
	assert_false(exists(l, "new"));
}

/* ---- rights --------------------------------------------------------------------------------- */

/* Runs as uid 65534 in a child: 0 no cgroup, 1 a cgroup beside our own, 2 an error, 3 else. */
static int create_as_nobody(const struct lab *l, const char *own, const char *linux_)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct cgroup cg = CGROUP_INIT;
		struct planned t;
		char expected[256];

		if (own)
			write_at(l, own, "0");
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(3);
		plan(&t, "", linux_);
		if (t.rc < 0)
			_exit(3);
		if (cgroup_create(&l->h, &t.p, &cg, &t.err) < 0)
			_exit(strstr(t.err.msg, "access denied") ? 2 : 3);
		if (cg.fd < 0)
			_exit(0);
		(void)snprintf(expected, sizeof(expected), "%s/d/web", l->path);
		if (strcmp(cg.path, expected) != 0 || cgroup_apply(&cg, &t.p, &t.err) < 0)
			_exit(3);
		_exit(cgroup_remove(&l->h, &cg, WAIT_MS, &t.err) < 0 ? 3 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));

	return WEXITSTATUS(status);
}

static void without_rights_and_limits_there_is_no_cgroup(void **state)
{
	struct lab *l = need(state);
	AUTO_STR path = STR_INIT;

	assert_int_equal(create_as_nobody(l, NULL, "\"resources\":{\"cpu\":{\"shares\":1024}}"), 0);
	/* podman's rootless default: a filter that nobody can load there (C-CGD-08) */
	assert_int_equal(create_as_nobody(l, NULL,
					  "\"resources\":{\"devices\":[{\"allow\":false,"
					  "\"access\":\"rwm\"}]}"),
			 0);
	str_addf(&path, "\"cgroupsPath\":\"%s/x\"", l->path);
	assert_int_equal(create_as_nobody(l, NULL, str_text(&path)), 2);
}

static void without_rights_a_limit_is_an_error(void **state)
{
	struct lab *l = need(state);

	assert_int_equal(
		create_as_nobody(l, NULL,
				 "\"resources\":{\"unified\":{\"cgroup.max.depth\":\"1\"}}"),
		2);
}

static void with_delegation_the_cgroup_is_beside_the_own_one(void **state)
{
	struct lab *l = need(state);

	make_dir(l, "d");
	make_dir(l, "d/own");
	assert_int_equal(fchownat(l->fd, "d", 65534, 65534, 0), 0);
	assert_int_equal(fchownat(l->fd, "d/cgroup.procs", 65534, 65534, 0), 0);

	assert_int_equal(create_as_nobody(l, "d/own/cgroup.procs", ""), 1);
	assert_int_equal(
		create_as_nobody(l, "d/own/cgroup.procs",
				 "\"resources\":{\"unified\":{\"cgroup.max.depth\":\"1\"}}"),
		1);
}

/* ---- open ----------------------------------------------------------------------------------- */

static void a_recorded_cgroup_is_known_by_its_inode(void **state)
{
	struct lab *l = need(state);
	struct cgroup made = CGROUP_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;

	create_in(l, "a", &made);
	assert_int_equal(cgroup_open(&l->h, made.path, made.ino, true, &cg, &err), 1);
	assert_true(cg.created);
	assert_int_equal(cg.n_made, 1);
	cgroup_done(&cg);
	assert_int_equal(cgroup_open(&l->h, made.path, made.ino + 1, true, &cg, &err), 0);
	assert_int_equal(cgroup_open(&l->h, made.path, 0, true, &cg, &err), 1);
	cgroup_done(&cg);

	cgroup_done(&made);
	assert_int_equal(unlinkat(l->fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(cgroup_open(&l->h, made.path, made.ino, true, &cg, &err), 0);
}

/* I-22, S-78: state files can be damaged */
static void a_bad_recorded_path_is_refused(void **state)
{
	static const char *const bad[] = { "", "/", "a", "/a/../b", "/a//b", "/a/", "/." };
	struct lab *l = need(state);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cgroup cg = CGROUP_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(cgroup_open(&l->h, bad[i], 0, true, &cg, &err), -1);
		assert_int_equal(cg.fd, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(create_makes_all_components_and_remove_takes_them),
		LAB_TEST(an_undone_create_keeps_a_parent_that_others_use),
		LAB_TEST(a_pre_existing_cgroup_is_used_and_kept),
		LAB_TEST(a_cgroup_in_use_is_refused),
		LAB_TEST(a_frozen_cgroup_is_refused),
		LAB_TEST(a_cgroup_for_threads_is_refused),
		LAB_TEST(a_control_file_is_no_directory),
		LAB_TEST(without_rights_and_limits_there_is_no_cgroup),
		LAB_TEST(without_rights_a_limit_is_an_error),
		LAB_TEST(with_delegation_the_cgroup_is_beside_the_own_one),
		LAB_TEST(a_recorded_cgroup_is_known_by_its_inode),
		LAB_TEST(a_bad_recorded_path_is_refused),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
