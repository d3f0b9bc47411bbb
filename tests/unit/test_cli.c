/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the command line: state root, ids of bundles, names of users, ps. */
#include "base_util.h"

#include <sys/types.h>

#include "cli/bundle.h"
#include "cli/env.h"
#include "cli/passwd.h"
#include "cli/pstable.h"

/* D-23; an empty XDG_RUNTIME_DIR is what rootful podman sets (engine-contracts 4). */
static void default_root_depends_on_who_calls(void **state)
{
	static const struct {
		uid_t euid;
		bool initial_userns;
		const char *xdg, *root;
	} cases[] = {
		/* clang-format off */
		{ 0,    true,  NULL,             "/run/cruntime" },
		{ 0,    true,  "",               "/run/cruntime" },
		{ 0,    true,  "/run/user/0",    "/run/cruntime" },
		{ 0,    false, "/run/user/1000", "/run/user/1000/cruntime" },
		{ 0,    false, "",               "/run/cruntime" },
		{ 0,    false, NULL,             "/run/cruntime" },
		{ 1000, true,  "/run/user/1000", "/run/user/1000/cruntime" },
		{ 1000, false, "/run/user/1000", "/run/user/1000/cruntime" },
		{ 1000, true,  "",               NULL },
		{ 1000, true,  NULL,             NULL },
		{ 1000, true,  "run/user",       NULL },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR root = STR_INIT;
		struct err err = ERR_INIT;

		int r = env_default_root(cases[i].euid, cases[i].initial_userns, cases[i].xdg,
					 &root, &err);

		assert_int_equal(r, cases[i].root ? 0 : -1);
		if (cases[i].root)
			assert_string_equal(str_text(&root), cases[i].root);
		else
			assert_non_null(strstr(err.msg, "--root"));
	}
}

/* The addresses with blanks between. */
static void assert_manager(bool user, const struct env_bus *env, const char *expected)
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STR found = STR_INIT;
	struct unit_manager m;
	struct err err = ERR_INIT;

	assert_int_equal(env_manager_of(user, env, &a, &m, &err), 0);
	assert_int_equal(m.user, user);
	for (size_t i = 0; m.addresses[i]; i++)
		str_addf(&found, "%s%s", i ? " " : "", m.addresses[i]);
	assert_string_equal(str_text(&found), expected);
}

static void the_environment_says_where_systemd_listens(void **state)
{
	static const char both[] =
		"unix:path=/run/dbus/system_bus_socket unix:path=/run/systemd/private";
	(void)state;

	assert_manager(false, &(struct env_bus){ .system = NULL }, both);
	assert_manager(false, &(struct env_bus){ .system = "", .session = "x", .xdg = "/y" }, both);
	assert_manager(false, &(struct env_bus){ .system = "unix:path=/a" }, "unix:path=/a");
	assert_manager(true, &(struct env_bus){ .system = "unix:path=/a" }, "");
	assert_manager(true, &(struct env_bus){ .xdg = "run" }, "");
	assert_manager(true, &(struct env_bus){ .xdg = "/run/user/1 ;2" },
		       "unix:path=/run/user/1%20%3b2/bus "
		       "unix:path=/run/user/1%20%3b2/systemd/private");
	assert_manager(true, &(struct env_bus){ .session = "unix:path=/s", .xdg = "/x" },
		       "unix:path=/s unix:path=/x/bus unix:path=/x/systemd/private");
}

static void root_option_becomes_absolute(void **state)
{
	AUTO_STR absolute = STR_INIT;
	AUTO_STR relative = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(env_root("/some/dir/", &absolute, &err), 0);
	assert_string_equal(str_text(&absolute), "/some/dir");

	assert_int_equal(chdir("/tmp"), 0);
	assert_int_equal(env_root("dir", &relative, &err), 0);
	assert_string_equal(str_text(&relative), "/tmp/dir");
}

static void root_directory_is_no_state_root(void **state)
{
	static const char *const roots[] = { "/", "//", "/.", "/./", "/..", "/../." };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		AUTO_STR root = STR_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(env_root(roots[i], &root, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

/* sd_listen_fds(3): descriptors of another process are not ours to pass on. */
static void listen_fds_are_taken_when_they_are_ours(void **state)
{
	(void)state;

	assert_int_equal(env_count_listen_fds(NULL, NULL, 7), 0);
	assert_int_equal(env_count_listen_fds("2", NULL, 7), 2);
	assert_int_equal(env_count_listen_fds("2", "", 7), 2);
	assert_int_equal(env_count_listen_fds("2", "7", 7), 2);
	assert_int_equal(env_count_listen_fds("2", "8", 7), 0);
	assert_int_equal(env_count_listen_fds("2", "x", 7), 0);
	assert_int_equal(env_count_listen_fds("", "7", 7), 0);
	assert_int_equal(env_count_listen_fds("-1", "7", 7), 0);
	assert_int_equal(env_count_listen_fds("2x", "7", 7), 0);
	assert_int_equal(env_count_listen_fds("1024", "7", 7), 1024);
	assert_int_equal(env_count_listen_fds("1025", "7", 7), 0);
}

/* D-01 */
static void operand_with_a_slash_is_a_bundle(void **state)
{
	(void)state;

	assert_true(bundle_is_operand("a/"));
	assert_true(bundle_is_operand("/a"));
	assert_true(bundle_is_operand("."));
	assert_true(bundle_is_operand(".."));
	assert_false(bundle_is_operand("a"));
	assert_false(bundle_is_operand("..."));
	assert_false(bundle_is_operand(""));
}

static void check_id(const char *path, const char *base)
{
	char id[STORE_ID_MAX + 1];
	struct err err = ERR_INIT;

	assert_int_equal(bundle_make_id(path, id, &err), 0);
	size_t len = strlen(base);
	assert_int_equal(strlen(id), len + 7);
	assert_memory_equal(id, base, len);
	assert_int_equal(id[len], '-');
	assert_int_equal(strspn(id + len + 1, "0123456789abcdef"), 6);
}

static void id_is_made_from_the_name_of_the_bundle(void **state)
{
	(void)state;

	check_id("a/demo", "demo");
	check_id("a/demo///", "demo");
	check_id("demo/", "demo");
	check_id("a/..demo/", "demo");
	check_id("a/-x y:z/", "x-y-z");
	check_id("a/\xc3\xa9t\n/", "t-");
	check_id("/", "bundle");
	check_id("a/.--/", "bundle");
}

static void id_of_dots_is_made_from_the_real_path(void **state)
{
	struct err err = ERR_INIT;
	char id[STORE_ID_MAX + 1];
	(void)state;

	assert_int_equal(chdir("/usr/bin"), 0);
	check_id(".", "bin");
	check_id("./", "bin");
	check_id("..", "usr");
	check_id("../bin/..", "usr");
	assert_int_equal(bundle_make_id("/nonexistent/..", id, &err), -1);
	assert_non_null(strstr(err.msg, "'/nonexistent/..'"));
}

static void long_name_still_makes_an_id(void **state)
{
	char path[1000] = "a/";
	char id[STORE_ID_MAX + 1];
	struct err err = ERR_INIT;
	(void)state;

	memset(path + 2, 'x', sizeof(path) - 3);
	path[sizeof(path) - 1] = '\0';

	assert_int_equal(bundle_make_id(path, id, &err), 0);
	assert_int_equal(strlen(id), STORE_ID_MAX);
}

static void two_ids_of_one_bundle_differ(void **state)
{
	char a[STORE_ID_MAX + 1];
	char b[STORE_ID_MAX + 1];
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(bundle_make_id("x/", a, &err), 0);
	assert_int_equal(bundle_make_id("x/", b, &err), 0);
	assert_string_not_equal(a, b);
}

static void user_names_come_from_passwd_text(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "\n"
				   "broken\n"
				   "odd:x\n"
				   "other:x:1\n"
				   "::2:2:::\n"
				   "cut:x:4294967296:0::/:\n"
				   "neg:x:-3:0::/:\n"
				   "e\033vil:x:4:4::/:\n"
				   "last:x:1000:1000::/:";
	AUTO_ARENA a = ARENA_INIT;
	(void)state;

	assert_string_equal(passwd_name(text, 0, &a), "root");
	assert_string_equal(passwd_name(text, 1000, &a), "last");
	assert_string_equal(passwd_name(text, 1, &a), "#1");
	assert_string_equal(passwd_name(text, 2, &a), "#2");
	assert_string_equal(passwd_name(text, 3, &a), "#3");
	assert_string_equal(passwd_name(text, 4, &a), "e?vil");
	assert_string_equal(passwd_name("", 0, &a), "#0");
	assert_string_equal(passwd_name(text, 4294967295U, &a), "#4294967295");
}

static const char ps_output[] = "UID        PID  PPID CMD\n"
				"root         1     0 init 12\n"
				"root        12     1 sh -c  x\n"
				"root         -     - \n"
				"root       112     1 12\n"
				"root         -     - \n"
				"short\n"
				"root        13    12 last";

static void ps_rows_are_chosen_by_the_pid_column(void **state)
{
	static const pid_t pids[] = { 12, 13 };
	AUTO_STR out = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(pstable_filter(ps_output, pids, 2, &out, &err), 0);

	assert_string_equal(str_text(&out), "UID        PID  PPID CMD\n"
					    "root        12     1 sh -c  x\n"
					    "root         -     - \n"
					    "root        13    12 last\n");
}

static void ps_of_nothing_is_the_header(void **state)
{
	AUTO_STR out = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(pstable_filter(ps_output, NULL, 0, &out, &err), 0);

	assert_string_equal(str_text(&out), "UID        PID  PPID CMD\n");
}

static void ps_without_pid_column_is_refused(void **state)
{
	AUTO_STR out = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(pstable_filter("PPID COMMAND\n1 PID\n", NULL, 0, &out, &err), -1);
	assert_int_equal(pstable_filter("", NULL, 0, &out, &err), -1);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_root_depends_on_who_calls),
		cmocka_unit_test(the_environment_says_where_systemd_listens),
		cmocka_unit_test(root_option_becomes_absolute),
		cmocka_unit_test(root_directory_is_no_state_root),
		cmocka_unit_test(listen_fds_are_taken_when_they_are_ours),
		cmocka_unit_test(operand_with_a_slash_is_a_bundle),
		cmocka_unit_test(id_is_made_from_the_name_of_the_bundle),
		cmocka_unit_test(id_of_dots_is_made_from_the_real_path),
		cmocka_unit_test(long_name_still_makes_an_id),
		cmocka_unit_test(two_ids_of_one_bundle_differ),
		cmocka_unit_test(user_names_come_from_passwd_text),
		cmocka_unit_test(ps_rows_are_chosen_by_the_pid_column),
		cmocka_unit_test(ps_of_nothing_is_the_header),
		cmocka_unit_test(ps_without_pid_column_is_refused),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
