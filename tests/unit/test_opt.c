/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables and the command line: cli-reference 1, S-76. */
#include "base_util.h"

#include "cli/cli.h"
#include "cli/opt.h"

struct options {
	struct str_list env;
	bool all, force;
	const char *bundle;
	unsigned number;
	int format;
};

static const char *const formats[] = { "table", "json", NULL };

/* clang-format off */
static const struct opt table[] = {
	{ "all",      'a', OPT_FLAG,   offsetof(struct options, all),    NULL,  "help a", NULL },
	{ "force",    'f', OPT_FLAG,   offsetof(struct options, force),  NULL,  "help f", NULL },
	{ "bundle",   'b', OPT_STRING, offsetof(struct options, bundle), "DIR", "help b", NULL },
	{ "preserve", 0,   OPT_NUMBER, offsetof(struct options, number), "N",   "help p", NULL },
	{ "format",   0,   OPT_CHOICE, offsetof(struct options, format), "F",   "help o", formats },
	{ "env",      'e', OPT_LIST,   offsetof(struct options, env),    "E",   "help e", NULL },
	OPT_HELP_ROW,
	OPT_END,
};
/* clang-format on */

#define MAX_WORDS 16

struct parsed {
	struct options o;
	struct err err;
	char text[256];
	char *words[MAX_WORDS];
	size_t n;
	int result;
};

/* Parses LINE, cut at single blanks; "''" stands for the empty string. */
static struct parsed *parse(const char *line, bool stop_at_operand)
{
	static struct parsed p;
	static struct arena arena = ARENA_INIT; /* what the last call has found */

	arena_done(&arena);
	memset(&p, 0, sizeof(p));
	(void)snprintf(p.text, sizeof(p.text), "%s", line);
	char *next = p.text;
	while (next && *next) {
		char *word = strsep(&next, " ");

		assert_true(p.n < MAX_WORDS);
		if (strcmp(word, "''") == 0)
			word[0] = '\0';
		p.words[p.n++] = word;
	}

	struct opt_scan s = {
		.table = table,
		.stop_at_operand = stop_at_operand,
		.base = &p.o,
		.arena = &arena,
		.argv = p.words,
		.argc = p.n,
	};
	p.result = opt_parse(&s, &p.err);
	p.n = s.argc;

	return &p;
}

static void all_spellings_of_a_value_are_accepted(void **state)
{
	static const char *const lines[] = {
		"--bundle dir", "--bundle=dir", "-bundle dir",      "-bundle=dir",
		"-b dir",       "-bdir",        "-b=dir",           "-ab dir",
		"-abdir",       "-b x -b dir",  "--bundle=x -bdir",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct parsed *p = parse(lines[i], false);

		assert_int_equal(p->result, 0);
		assert_int_equal(p->n, 0);
		assert_string_equal(p->o.bundle, "dir");
	}
}

static void flags_take_true_and_false(void **state)
{
	(void)state;

	assert_true(parse("--all", false)->o.all);
	assert_true(parse("-all", false)->o.all);
	assert_true(parse("--all=true", false)->o.all);
	assert_false(parse("--all --all=false", false)->o.all);
	assert_int_equal(parse("--all=maybe", false)->result, -1);
	assert_int_equal(parse("--all=", false)->result, -1);
	assert_int_equal(parse("--all=1", false)->result, -1);
}

/* cli-reference 1: a comma separates nothing. */
static void list_keeps_every_value_in_order(void **state)
{
	struct parsed *p = parse("-e A=1 --env=B,2 -a -eC --env D id -e x", true);
	static const char *const expected[] = { "A=1", "B,2", "C", "D" };
	(void)state;

	assert_int_equal(p->result, 0);
	assert_int_equal(p->o.env.n, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(p->o.env.v[i], expected[i]);
	assert_int_equal(p->n, 3);
	assert_int_equal(parse("--env=", false)->result, -1);
	assert_int_equal(parse("--env", false)->result, -1);
	assert_int_equal(parse("id", false)->o.env.n, 0);
}

static void short_flags_cluster(void **state)
{
	struct parsed *p = parse("-af", false);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_true(p->o.all);
	assert_true(p->o.force);
}

static void a_value_may_look_like_an_option(void **state)
{
	struct parsed *p = parse("--bundle --all id", false);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_string_equal(p->o.bundle, "--all");
	assert_false(p->o.all);
	assert_string_equal(p->words[0], "id");
}

static void options_may_follow_operands(void **state)
{
	struct parsed *p = parse("one --all two -b dir three", false);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_true(p->o.all);
	assert_int_equal(p->n, 3);
	assert_string_equal(p->words[0], "one");
	assert_string_equal(p->words[1], "two");
	assert_string_equal(p->words[2], "three");
}

/* exec, ps, kill: what follows the id is not ours, not even "--". */
static void options_can_end_at_the_first_operand(void **state)
{
	struct parsed *p = parse("--all id --force -- -x", true);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_true(p->o.all);
	assert_false(p->o.force);
	assert_int_equal(p->n, 4);
	assert_string_equal(p->words[1], "--force");
	assert_string_equal(p->words[2], "--");
	assert_string_equal(p->words[3], "-x");
}

static void two_dashes_end_the_options(void **state)
{
	struct parsed *p = parse("--all -- --force -", false);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_false(p->o.force);
	assert_int_equal(p->n, 2);
	assert_string_equal(p->words[0], "--force");
	assert_string_equal(p->words[1], "-");
}

static void empty_operands_are_kept(void **state)
{
	struct parsed *p = parse("'' --all ''", false);
	(void)state;

	assert_int_equal(p->result, 0);
	assert_int_equal(p->n, 2);
	assert_string_equal(p->words[0], "");
}

static void help_ends_parsing(void **state)
{
	(void)state;

	assert_int_equal(parse("--help --nonsense", false)->result, 1);
	assert_int_equal(parse("-h", false)->result, 1);
	assert_int_equal(parse("-ah", false)->result, 1);
	assert_int_equal(parse("id --help", false)->result, 1);
	assert_int_equal(parse("id --help", true)->result, 0);
	assert_int_equal(parse("--nonsense --help", false)->result, -1);
}

/* S-76: each with a message that names the option. */
static void wrong_options_are_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		/* clang-format off */
		{ "--nonsense", "unknown option '--nonsense'" },
		{ "--nonsense=x", "unknown option '--nonsense'" },
		{ "-x", "unknown option '-x'" },
		{ "-ax", "unknown option '-ax'" },
		{ "--bundel=x", "unknown option '--bundel', did you mean '--bundle'?" },
		{ "--bund x", "unknown option '--bund', did you mean '--bundle'?" },
		{ "--b x", "unknown option '--b'" },
		{ "--", NULL },
		{ "--bundle", "option '--bundle' requires an argument" },
		{ "-b", "option '-b' requires an argument" },
		{ "-ab", "option '-b' requires an argument" },
		{ "--bundle=", "option '--bundle': the value is empty" },
		{ "--bundle ''", "option '--bundle': the value is empty" },
		{ "--preserve=-1",
		  "option '--preserve': expected a number from 0 to 1048576, found '-1'" },
		{ "--preserve 1x",
		  "option '--preserve': expected a number from 0 to 1048576, found '1x'" },
		{ "--preserve 1048577",
		  "option '--preserve': expected a number from 0 to 1048576, found '1048577'" },
		{ "--preserve 99999999999999999999",
		  "option '--preserve': expected a number from 0 to 1048576, "
		  "found '99999999999999999999'" },
		{ "--preserve 1048576", NULL },
		{ "--format=xml", "option '--format': expected table or json, found 'xml'" },
		{ "--format JSON", "option '--format': expected table or json, found 'JSON'" },
		{ "--format json", NULL },
		/* clang-format on */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct parsed *p = parse(cases[i].line, false);

		if (!cases[i].message) {
			assert_int_equal(p->result, 0);
			continue;
		}
		assert_int_equal(p->result, -1);
		assert_int_equal(p->err.kind, ERR_USAGE);
		assert_string_equal(p->err.msg, cases[i].message);
	}
}

static void help_lists_every_option(void **state)
{
	AUTO_STR out = STR_INIT;
	(void)state;

	opt_help(&out, table);

	assert_string_equal(str_text(&out),
			    "  -a, --all                  help a\n"
			    "  -f, --force                help f\n"
			    "  -b, --bundle DIR           help b\n"
			    "      --preserve N           help p\n"
			    "      --format F             help o\n"
			    "  -e, --env E                help e\n"
			    "  -h, --help                 show this text and exit\n");
}

/* ---- the real tables ---- */

static void check_help_text(const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > 80 || line[len] != '\n')
			fail_msg("not a line of at most 80 columns: %.*s", (int)len, line);
		line += len + 1;
	}
	assert_non_null(strstr(text, "\nExample:\n  "));
}

static void help_fits_80_columns_and_ends_with_an_example(void **state)
{
	AUTO_STR main_text = STR_INIT;
	(void)state;

	cli_help(&main_text);
	check_help_text(str_text(&main_text));
	for (const struct command *const *c = cli_commands; *c; c++) {
		AUTO_STR text = STR_INIT;

		cli_help_command(&text, *c);
		check_help_text(str_text(&text));
	}
}

static void check_table(const struct opt *opts)
{
	const struct opt *last = opts;

	for (const struct opt *o = opts; o->name; last = o++) {
		assert_true(o->type == OPT_FLAG || o->type == OPT_HELP || o->value);
		assert_true((o->type == OPT_CHOICE) == (o->choices != NULL));
		for (const struct opt *p = opts; p < o; p++) {
			assert_string_not_equal(p->name, o->name);
			assert_true(p->letter == 0 || p->letter != o->letter);
		}
	}
	for (; last->name; last++)
		assert_int_equal(last->type, OPT_HELP);
}

static void tables_are_consistent(void **state)
{
	(void)state;

	check_table(cli_global_options);
	for (const struct command *const *c = cli_commands; *c; c++) {
		check_table((*c)->opts);
		assert_true((*c)->min_operands <= (*c)->max_operands);
		assert_true((*c)->min_operands == 0 || (*c)->operands[0] != '\0');
		assert_non_null((*c)->run);
	}
}

static struct cli parse_cli(const char *line, const struct command **ret, struct err *err)
{
	static char text[256];
	static char *words[MAX_WORDS];
	struct cli c = CLI_INIT;
	int n = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (char *next = text; next && *next;)
		words[n++] = strsep(&next, " ");
	words[n] = NULL;
	*ret = NULL;
	if (cli_parse(&c, n, words, ret, err) < 0)
		assert_true(err->kind == ERR_USAGE);

	return c;
}

static void global_options_come_before_the_command(void **state)
{
	const struct command *cmd;
	struct err err = ERR_INIT;
	(void)state;

	struct cli c = parse_cli("cruntime --root /r --debug kill --all web 9", &cmd, &err);

	assert_ptr_equal(cmd, &command_kill);
	assert_string_equal(c.root, "/r");
	assert_true(c.debug);
	assert_true(c.all);
	assert_int_equal(c.n_operands, 2);
	assert_string_equal(c.operands[0], "web");
	assert_string_equal(c.operands[1], "9");

	(void)parse_cli("cruntime list --debug", &cmd, &err);
	assert_null(cmd);
	assert_string_equal(
		err.msg,
		"cruntime list: global option '--debug' belongs before the command (see 'cruntime list --help')");
}

static void operands_are_counted(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		/* clang-format off */
		{ "x state", "cruntime state: requires exactly 1 argument, ID is missing "
			     "(see 'cruntime state --help')" },
		{ "x state a b", "cruntime state: requires exactly 1 argument, 'b' is one too many "
				 "(see 'cruntime state --help')" },
		{ "x kill", "cruntime kill: requires 1 to 2 arguments, ID is missing "
			    "(see 'cruntime kill --help')" },
		{ "x kill a 9 b", "cruntime kill: requires 1 to 2 arguments, 'b' is one too many "
				  "(see 'cruntime kill --help')" },
		{ "x ps", "cruntime ps: requires at least 1 argument, ID is missing "
			  "(see 'cruntime ps --help')" },
		{ "x list a", "cruntime list: takes no arguments, 'a' is one too many "
			      "(see 'cruntime list --help')" },
		{ "x strat", "cruntime: unknown command 'strat', did you mean 'start'? "
			     "(see 'cruntime --help')" },
		{ "x foo -h", "cruntime: No help topic for 'foo': unknown command 'foo' "
			      "(see 'cruntime --help')" },
		{ "x help foo", "cruntime: No help topic for 'foo': unknown command 'foo' "
				"(see 'cruntime --help')" },
		{ "x restore a b", "cruntime restore: requires exactly 1 argument, 'b' is one too many "
				   "(see 'cruntime restore --help')" },
		/* clang-format on */
	};
	const struct command *cmd;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;

		(void)parse_cli(cases[i].line, &cmd, &err);
		assert_null(cmd);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* execve(2) with an empty argv. */
static void no_words_at_all_show_the_help(void **state)
{
	char *none[] = { NULL };
	const struct command *cmd = NULL;
	struct cli c = CLI_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(cli_parse(&c, 0, none, &cmd, &err), 0);

	assert_null(cmd);
	assert_true(str_starts(c.out.s, "Usage: cruntime "));
	str_done(&c.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_spellings_of_a_value_are_accepted),
		cmocka_unit_test(flags_take_true_and_false),
		cmocka_unit_test(list_keeps_every_value_in_order),
		cmocka_unit_test(short_flags_cluster),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(options_may_follow_operands),
		cmocka_unit_test(options_can_end_at_the_first_operand),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(empty_operands_are_kept),
		cmocka_unit_test(help_ends_parsing),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(help_lists_every_option),
		cmocka_unit_test(help_fits_80_columns_and_ends_with_an_example),
		cmocka_unit_test(tables_are_consistent),
		cmocka_unit_test(global_options_come_before_the_command),
		cmocka_unit_test(operands_are_counted),
		cmocka_unit_test(no_words_at_all_show_the_help),
	};

	return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
