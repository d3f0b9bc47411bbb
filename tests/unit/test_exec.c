/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of `process` of the saved config: options, and --process FILE. */
#include "config_util.h"

#include <linux/capability.h>

#include "container/exec.h"

#define BIT(cap) (UINT64_C(1) << (cap))

/* ---- user ------------------------------------------------------------------------------------ */

/* S-05, S-23, S-77, I-16: the exact ids, or refused; never root by accident (CVE-2016-3697,
 * CVE-2026-30892). */
static void user_is_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t uid, gid; /* -1: refused */
	} cases[] = {
		/* clang-format off */
		{ "0",                 0,          0 },
		{ "1",                 1,          0 },
		{ "5",                 5,          0 },
		{ "1000",              1000,       0 },
		{ "0:0",               0,          0 },
		{ "1000:1000",         1000,       1000 },
		{ "0:5",               0,          5 },
		{ "65534:65534",       65534,      65534 },
		{ "2147483648",        2147483648, 0 },
		{ "4294967294",        4294967294, 0 },
		{ "1:4294967294",      1,          4294967294 },
		{ "4294967295",        -1, 0 },
		{ "1:4294967295",      -1, 0 },
		{ "4294967296",        -1, 0 },
		{ "4294967297",        -1, 0 },
		{ "4294967301",        -1, 0 },
		{ "1:4294967296",      -1, 0 },
		{ "18446744073709551616", -1, 0 },
		{ "1000000000000000000000000000000000000000000000000000000", -1, 0 },
		{ "-1",                -1, 0 },
		{ "-0",                -1, 0 },
		{ "1:-1",              -1, 0 },
		{ "01",                -1, 0 },
		{ "00",                -1, 0 },
		{ "1:01",              -1, 0 },
		{ "+1",                -1, 0 },
		{ " 1",                -1, 0 },
		{ "1 ",                -1, 0 },
		{ "1\n",               -1, 0 },
		{ "1:",                -1, 0 },
		{ ":1",                -1, 0 },
		{ ":",                 -1, 0 },
		{ "1:1:1",             -1, 0 },
		{ "1:1:",              -1, 0 },
		{ "1.5",               -1, 0 },
		{ "1e3",               -1, 0 },
		{ "0x10",              -1, 0 },
		{ "root",              -1, 0 },
		{ "root:root",         -1, 0 },
		{ "1:root",            -1, 0 },
		{ "1000a",             -1, 0 },
		{ "\"0\"",             -1, 0 },
		{ "1,2",               -1, 0 },
		{ "1/1",               -1, 0 },
		{ "",                  -1, 0 },
		/* clang-format on */
	};
	(void)state;
	assert_true(ARRAY_LEN(cases) >= 40);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t uid = 77, gid = 77;
		struct err err = ERR_INIT;

		int r = exec_parse_user(cases[i].text, &uid, &gid, &err);

		if (r != (cases[i].uid < 0 ? -1 : 0))
			fail_msg("'%s' gives %d", cases[i].text, r);
		assert_int_equal(uid, r < 0 ? 77 : (uint32_t)cases[i].uid);
		assert_int_equal(gid, r < 0 ? 77 : (uint32_t)cases[i].gid);
		assert_int_equal(err.kind, r < 0 ? ERR_USAGE : ERR_NONE);
	}
}

/* ---- options --------------------------------------------------------------------------------- */

#define OWN_PROCESS                                                                                \
	"\"env\":[\"A=1\",\"HOME=/h\"],\"terminal\":true,\"noNewPrivileges\":true,"                \
	"\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":[9],\"umask\":18},"                      \
	"\"consoleSize\":{\"height\":3,\"width\":4},"                                              \
	"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]},"               \
	"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":2}],\"oomScoreAdj\":5"

static const char *const program[] = { "ls", "-l", NULL };

static struct exec_options some_options(void)
{
	return (struct exec_options){ .args = { (const char **)(uintptr_t)program, 2 } };
}

/* Of documents, which have to live as long as their configs. */
static struct arena texts = ARENA_INIT;

static int free_texts(void **state)
{
	(void)state;
	arena_done(&texts);
	return 0;
}

static struct oci_config *load(const char *process)
{
	struct oci_config *c = NULL;
	struct err err = ERR_INIT;
	char *json = config_with(IN_PROCESS, process);
	char *text = arena_strdup(&texts, json);

	free(json);
	assert_non_null(text);
	assert_int_equal(config_parse("config.json", text, strlen(text), true, &c, &err), 0);
	return c;
}

/* C-PROC-18 */
static void process_is_inherited_but_for_program_and_terminal(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	struct exec_options o = some_options();
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(exec_build_process(&o, c, &err), 0);

	assert_int_equal(c->process.args.n, 2);
	assert_string_equal(c->process.args.v[0], "ls");
	assert_null(c->process.args.v[2]);
	assert_false(c->process.terminal);
	assert_int_equal(c->process.console_height, 0);
	assert_string_equal(c->process.cwd, "/");
	assert_int_equal(c->process.env.n, 2);
	assert_int_equal(c->process.user.uid, 7);
	assert_int_equal(c->process.user.gid, 8);
	assert_int_equal(c->process.user.n_additional_gids, 1);
	assert_true(c->process.no_new_privileges);
	assert_int_equal(c->process.caps.bounding, BIT(CAP_KILL));
	assert_int_equal(c->process.n_rlimits, 1);
	assert_int_equal(c->process.oom_score_adj.v, 5);
}

static void options_change_the_process(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	static const char *env[] = { "B=2", "A=3" }, *gids[] = { "0", "4294967294" };
	struct exec_options o = some_options();
	struct err err = ERR_INIT;
	(void)state;
	o.terminal = true;
	o.cwd = "/tmp";
	o.user = "1:2";
	o.env = (struct str_list){ env, 2 };
	o.additional_gids = (struct str_list){ gids, 2 };

	assert_int_equal(exec_build_process(&o, c, &err), 0);

	assert_true(c->process.terminal);
	assert_string_equal(c->process.cwd, "/tmp");
	assert_int_equal(c->process.user.uid, 1);
	assert_int_equal(c->process.user.gid, 2);
	/* The groups of the config's user are not those of another one; the umask stays. */
	assert_int_equal(c->process.user.n_additional_gids, 2);
	assert_int_equal(c->process.user.additional_gids[1], 4294967294);
	assert_int_equal(c->process.user.umask.v, 18);
	assert_int_equal(c->process.env.n, 4);
	assert_string_equal(c->process.env.v[2], "B=2");
	assert_string_equal(c->process.env.v[3], "A=3");
}

static void groups_are_added_to_those_of_the_same_user(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	static const char *gids[] = { "10" };
	struct exec_options o = some_options();
	struct err err = ERR_INIT;
	(void)state;
	o.additional_gids = (struct str_list){ gids, 1 };

	assert_int_equal(exec_build_process(&o, c, &err), 0);

	assert_int_equal(c->process.user.n_additional_gids, 2);
	assert_int_equal(c->process.user.additional_gids[0], 9);
	assert_int_equal(c->process.user.additional_gids[1], 10);
}

/* D-18, S-13, CVE-2022-29162 */
static void capabilities_are_added_to_three_sets(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	static const char *caps[] = { "CAP_CHOWN", "CAP_NONE", "cap_kill" };
	struct exec_options o = some_options();
	struct err err = ERR_INIT;
	(void)state;
	o.capabilities = (struct str_list){ caps, 3 };

	assert_int_equal(exec_build_process(&o, c, &err), 0);

	assert_int_equal(c->process.caps.bounding, BIT(CAP_KILL) | BIT(CAP_CHOWN));
	assert_int_equal(c->process.caps.effective, BIT(CAP_CHOWN));
	assert_int_equal(c->process.caps.permitted, BIT(CAP_CHOWN));
	assert_int_equal(c->process.caps.inheritable, 0);
	assert_int_equal(c->process.caps.ambient, BIT(CAP_KILL));
}

static void wrong_options_are_refused(void **state)
{
	static const char *no_value[] = { "A" }, *no_name[] = { "=1" }, *group[] = { "x" };
	static const char *empty[] = { "", NULL };
	const struct {
		struct exec_options o;
		const char *message;
	} cases[] = {
		/* clang-format off */
		{ { .args = { empty, 0 } },                        "a program to run is needed" },
		{ { .args = { empty, 1 } },                        "the name of the program is empty" },
		{ { .cwd = "tmp" },                                "--cwd 'tmp': expected an absolute path" },
		{ { .user = "root" },                              "--user 'root': expected UID or UID:GID, numbers from 0 to 4294967294" },
		{ { .env = { no_value, 1 } },                      "--env 'A': expected NAME=VALUE" },
		{ { .env = { no_name, 1 } },                       "--env '=1': expected NAME=VALUE" },
		{ { .additional_gids = { group, 1 } },             "--additional-gids 'x': expected a number from 0 to 4294967294" },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_CONFIG c = load("");
		struct exec_options o = cases[i].o;
		struct err err = ERR_INIT;

		if (!o.args.v)
			o.args = some_options().args;
		assert_int_equal(exec_build_process(&o, c, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

/* R-LIFE-09: a container that was created without `process`. */
static void container_without_process_gets_one(void **state)
{
	static const char json[] = "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}}";
	AUTO_CONFIG c = NULL;
	struct exec_options o = some_options();
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(config_parse("c", json, strlen(json), true, &c, &err), 0);

	assert_int_equal(exec_build_process(&o, c, &err), 0);

	assert_true(c->process.present);
	assert_string_equal(c->process.cwd, "/");
	assert_int_equal(c->process.caps.bounding, 0);
}

/* ---- --process FILE -------------------------------------------------------------------------- */

static int load_process(const struct scratch *s, const char *json, struct oci_config *c,
			struct err *err)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/p", s->path);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(json, f);
	fclose(f);
	return config_load_process(path, c, err);
}

/* C-PROC-18: what FILE does not mention stays a restriction. */
static void file_replaces_the_program_and_keeps_restrictions(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	struct err err = ERR_INIT;

	assert_int_equal(load_process(*state, "{\"cwd\":\"/x\",\"args\":[\"a\"]}", c, &err), 0);

	assert_string_equal(c->process.cwd, "/x");
	assert_string_equal(c->process.args.v[0], "a");
	assert_int_equal(c->process.env.n, 0);
	assert_int_equal(c->process.user.uid, 0);
	assert_int_equal(c->process.user.n_additional_gids, 0);
	assert_false(c->process.user.umask.set);
	assert_false(c->process.terminal);
	assert_true(c->process.no_new_privileges);
	assert_int_equal(c->process.caps.ambient, BIT(CAP_KILL));
	assert_int_equal(c->process.n_rlimits, 1);
	assert_int_equal(c->process.oom_score_adj.v, 5);
}

static void file_changes_the_restrictions_that_it_mentions(void **state)
{
	AUTO_CONFIG c =
		load(OWN_PROCESS ",\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"1\"}");
	struct err err = ERR_INIT;

	assert_int_equal(load_process(*state,
				      "{\"cwd\":\"/\",\"args\":[\"a\"],\"noNewPrivileges\":false,"
				      "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]},"
				      "\"rlimits\":[],\"execCPUAffinity\":{\"final\":\"0\"}}",
				      c, &err),
			 0);

	assert_false(c->process.no_new_privileges);
	assert_int_equal(c->process.caps.bounding, BIT(CAP_CHOWN));
	assert_int_equal(c->process.caps.ambient, 0);
	assert_int_equal(c->process.n_rlimits, 0);
	assert_null(c->process.exec_cpu_initial);
	assert_string_equal(c->process.exec_cpu_final, "0");
}

static void null_in_the_file_means_absent(void **state)
{
	AUTO_CONFIG c = load(OWN_PROCESS);
	struct err err = ERR_INIT;

	assert_int_equal(load_process(*state,
				      "{\"cwd\":\"/\",\"args\":[\"a\"],\"capabilities\":null}", c,
				      &err),
			 0);

	assert_int_equal(c->process.caps.bounding, BIT(CAP_KILL));
}

static void wrong_files_are_refused_with_positions(void **state)
{
	static const struct {
		const char *json, *place;
	} cases[] = {
		/* clang-format off */
		{ "",                                    "/p:1:1: syntax error: the document is empty" },
		{ "{\n \"cwd\": \"/\",",                 "/p:2:13: syntax error" },
		{ "[]",                                  "/p:1:1: expected an object as the document" },
		{ "{\"args\":[\"a\"]}",                  "/p:1:1: process.cwd: required, but missing" },
		{ "{\"cwd\":\"/\"}",                     "/p:1:1: process.args: at least one argument is required" },
		{ "{\"cwd\":\"/\",\"args\":[]}",         "/p:1:19: process.args: at least one argument is required" },
		{ "{\"cwd\":\"x\",\n\"args\":[\"a\"]}",  "/p:1:8: process.cwd: expected an absolute path" },
		{ "{\"cwd\":\"/\",\n\"args\":[\"\"]}",   "/p:2:9: process.args[0]: must not be empty" },
		{ "{\"cwd\":\"/\",\"args\":[\"a\"],\n\"env\":[\"A\"]}", "/p:2:8: process.env[0]: expected NAME=value" },
		{ "{\"cwd\":\"/\",\"args\":[\"a\"],\n\"user\":{\"uid\":4294967295,\"gid\":0}}", "/p:2:15: process.user.uid: expected an integer" },
		{ "{\"cwd\":\"/\",\"args\":[\"a\"],\n\"user\":{\"uid\":1}}", "/p:2:8: process.user.gid: required, but missing" },
		{ "{\"cwd\":\"/\",\"args\":\"a\"}",      "/p:1:19: process.args: expected an array" },
		{ "{\"cwd\":\"/\",\"args\":[\"a\"],\"cwd\":\"/\"}", "/p:1:25: duplicate key" },
		{ "{\"cwd\":\"/\",\"args\":[\"a\"],\"execCPUAffinity\":{\"final\":\"1-\"}}", "process.execCPUAffinity.final: expected a list" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_CONFIG c = load(OWN_PROCESS);
		struct err err = ERR_INIT;

		assert_int_equal(load_process(*state, cases[i].json, c, &err), -1);
		if (!strstr(err.msg, cases[i].place))
			fail_msg("'%s' gives '%s'", cases[i].json, err.msg);
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

/* Later layers say where a value came from: FILE, or the config that it was inherited from. */
static void positions_know_their_document(void **state)
{
	AUTO_CONFIG c = load("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":2}]");
	struct err err = ERR_INIT;
	uint32_t cwd_before = c->process.cwd_at;

	assert_int_equal(load_process(*state, "{\n\n\"cwd\":\"/\",\"args\":[\"a\"]}", c, &err), 0);

	(void)config_fail(c, c->process.cwd_at, &err, "x");
	assert_non_null(strstr(err.msg, "/p:3:7: x"));
	(void)config_fail(c, cwd_before, &err, "x");
	assert_true(str_starts(err.msg, "config.json:1:"));
	(void)config_fail(c, c->process.rlimits[0].at, &err, "x");
	assert_true(str_starts(err.msg, "config.json:1:"));
	(void)err_set(&err, ERR_SYSTEM, "y");
	(void)config_wrap(c, c->process.cwd_at, &err, "x");
	assert_non_null(strstr(err.msg, "/p:3:7): y"));
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_is_exact_or_refused),
		cmocka_unit_test(process_is_inherited_but_for_program_and_terminal),
		cmocka_unit_test(options_change_the_process),
		cmocka_unit_test(groups_are_added_to_those_of_the_same_user),
		cmocka_unit_test(capabilities_are_added_to_three_sets),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(container_without_process_gets_one),
		WITH_SCRATCH(file_replaces_the_program_and_keeps_restrictions),
		WITH_SCRATCH(file_changes_the_restrictions_that_it_mentions),
		WITH_SCRATCH(null_in_the_file_means_absent),
		WITH_SCRATCH(wrong_files_are_refused_with_positions),
		WITH_SCRATCH(positions_know_their_document),
	};

	return cmocka_run_group_tests_name("exec", tests, NULL, free_texts);
}
