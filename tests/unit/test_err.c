/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <ctype.h>
#include <sys/wait.h>

#include "base/err.h"

static void err_set_describes_the_failure(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	int rc = err_set(&e, ERR_CONFIG, "mounts[%d]: bad", 3);

	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "mounts[3]: bad");
	assert_int_equal(e.len, strlen(e.msg));
}

static void err_set_replaces_an_earlier_failure(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	errno = EIO;
	err_sys(&e, "a long description of something else");
	err_set(&e, ERR_BUG, "x");

	assert_int_equal(e.kind, ERR_BUG);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "x");
}

static void err_sys_adds_the_reason_and_keeps_errno(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	errno = EBUSY;
	int rc = err_sys(&e, "mount '%s'", "/data");

	assert_int_equal(rc, -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_int_equal(e.sys, EBUSY);
	assert_string_equal(e.msg, "mount '/data': device or resource busy");
}

static void err_wrap_prefixes_context(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	errno = ENOENT;
	err_sys(&e, "open '/x'");
	errno = EINTR;
	int rc = err_wrap(&e, "create '%s'", "web");

	assert_int_equal(rc, -1);
	assert_int_equal(errno, EINTR);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_int_equal(e.sys, ENOENT);
	assert_string_equal(e.msg, "create 'web': open '/x': no such entry");
	assert_int_equal(e.len, strlen(e.msg));
}

static void err_wrap_may_quote_its_own_message(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	err_set(&e, ERR_STATE, "inner");
	err_wrap(&e, "outer of %s", e.msg);

	assert_string_equal(e.msg, "outer of inner: inner");
}

static void err_add_collects_lines(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(err_add(&e, ERR_CONFIG, "one\nforged"), -1);
	assert_int_equal(err_add(&e, ERR_USAGE, "two"), -1);
	assert_int_equal(err_wrap(&e, "p"), -1);

	assert_int_equal(e.kind, ERR_CONFIG);
	assert_string_equal(e.msg, "p: one?forged\ntwo");
}

/* A foreign string must not be able to add lines (podman shows one matching line only, containerd
 * the last) or drive a terminal. */
static void control_characters_of_foreign_strings_become_question_marks(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	err_set(&e, ERR_CONFIG, "'%s'",
		"a\nb\x1b[31m\x7f\tc\xc2\x9b"
		"d \xc3\xa4");

	assert_string_equal(e.msg, "'a?b?[31m??c??d \xc3\xa4'");
}

static void too_long_a_message_loses_its_tail(void **state)
{
	static char big[8192];
	struct err e = ERR_INIT;
	(void)state;

	memset(big, 'a', sizeof(big) - 1);
	err_set(&e, ERR_CONFIG, "%s", big);
	assert_int_equal(e.len, sizeof(e.msg) - 1);
	assert_int_equal(strlen(e.msg), e.len);

	err_wrap(&e, "head");
	assert_int_equal(strlen(e.msg), e.len);
	assert_memory_equal(e.msg, "head: aaa", 9);

	for (int i = 0; i < 3; i++)
		err_add(&e, ERR_CONFIG, "%s", big);
	assert_int_equal(e.len, sizeof(e.msg) - 1);
	assert_int_equal(strlen(e.msg), e.len);
}

static void err_sys_keeps_the_reason_of_an_endless_name(void **state)
{
	static char big[8192];
	struct err e = ERR_INIT;
	(void)state;

	memset(big, 'a', sizeof(big) - 1);
	errno = EACCES;
	err_sys(&e, "open '%s'", big);

	assert_int_equal(e.len, sizeof(e.msg) - 1);
	assert_string_equal(e.msg + e.len - strlen(": access denied"), ": access denied");
}

static void truncation_never_cuts_a_character(void **state)
{
	static const char *const chars[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xb3" };
	(void)state;

	for (size_t c = 0; c < ARRAY_LEN(chars); c++) {
		for (size_t shift = 0; shift < 4; shift++) {
			char big[4096] = "xxx";
			size_t n = strlen(chars[c]);
			size_t len = shift;
			struct err e = ERR_INIT;

			for (; len + n < sizeof(big); len += n)
				memcpy(big + len, chars[c], n);
			big[len] = '\0';
			err_set(&e, ERR_CONFIG, "%s", big);

			assert_int_equal((e.len - shift) % n, 0);
			assert_true(e.len > sizeof(e.msg) - 1 - n);
		}
	}
}

/* D-05, engine-contracts 3: what engines search for must not occur in an unrelated failure. */
static void err_text_has_none_of_the_engines_fragments(void **state)
{
	static const char *const fragments[] = {
		"executable file not found",
		"no such file",
		"permission denied",
		"is a directory",
		"not a directory",
		"operation not permitted",
		"os: process already finished",
		"container not running",
		"does not exist",
		"open executable",
		"not found",
		"invalid process",
	};
	(void)state;

	for (int n = 1; n < 140; n++) {
		const char *text = err_text(n);

		assert_non_null(text);
		for (size_t i = 0; i < ARRAY_LEN(fragments); i++) {
			if (strcasestr(text, fragments[i]))
				fail_msg("errno %d: '%s' contains '%s'", n, text, fragments[i]);
		}
		assert_int_equal(n == ESRCH, strcasestr(text, "no such process") != NULL);
		assert_true(text[0] != '\0' && text[strlen(text) - 1] != '.');
		/* An acronym may stay as it is. */
		assert_false(isupper((unsigned char)text[0]) && islower((unsigned char)text[1]));
	}
}

static void err_text_go_uses_the_words_of_go(void **state)
{
	(void)state;

	assert_string_equal(err_text_go(ENOENT), "no such file or directory");
	assert_string_equal(err_text_go(EACCES), "permission denied");
	assert_string_equal(err_text_go(EPERM), "operation not permitted");
	assert_string_equal(err_text_go(ENOTDIR), "not a directory");
	assert_string_equal(err_text_go(EISDIR), "is a directory");
	assert_string_equal(err_text_go(ENOEXEC), "exec format error");
	assert_string_equal(err_text_go(EINVAL), "invalid argument");
}

#ifdef __GLIBC__
/* The table exists for musl; with glibc it must say what glibc says. */
static void err_text_go_agrees_with_glibc(void **state)
{
	(void)state;

	for (int n = 1; n < 134; n++) {
		const char *libc = strerrordesc_np(n);

		if (libc && strcasecmp(libc, err_text_go(n)) != 0)
			fail_msg("errno %d: '%s', glibc '%s'", n, err_text_go(n), libc);
	}
}
#endif

static void unknown_errno_has_a_text(void **state)
{
	(void)state;

	assert_non_null(strstr(err_text(99999), "99999"));
	assert_non_null(strstr(err_text(-5), "-5"));
}

static void assertion_that_fails_aborts_with_its_place(void **state)
{
	int p[2];
	int status;
	char buf[512] = "";
	(void)state;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(read(p[0], buf, sizeof(buf) - 1) > 0);
	close(p[0]);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(buf, "1 + 1 == 3"));
	assert_non_null(strstr(buf, "test_err.c:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_describes_the_failure),
		cmocka_unit_test(err_set_replaces_an_earlier_failure),
		cmocka_unit_test(err_sys_adds_the_reason_and_keeps_errno),
		cmocka_unit_test(err_wrap_prefixes_context),
		cmocka_unit_test(err_wrap_may_quote_its_own_message),
		cmocka_unit_test(err_add_collects_lines),
		cmocka_unit_test(control_characters_of_foreign_strings_become_question_marks),
		cmocka_unit_test(too_long_a_message_loses_its_tail),
		cmocka_unit_test(err_sys_keeps_the_reason_of_an_endless_name),
		cmocka_unit_test(truncation_never_cuts_a_character),
		cmocka_unit_test(err_text_has_none_of_the_engines_fragments),
		cmocka_unit_test(err_text_go_uses_the_words_of_go),
#ifdef __GLIBC__
		cmocka_unit_test(err_text_go_agrees_with_glibc),
#endif
		cmocka_unit_test(unknown_errno_has_a_text),
		cmocka_unit_test(assertion_that_fails_aborts_with_its_place),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
