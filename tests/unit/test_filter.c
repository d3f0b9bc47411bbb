/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter.c - kernel/filter. That the program equals libseccomp's: test_filter_gen.c */
#include "kernel_util.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "kernel/filter.h"

/* 437 on every architecture */
#define NEWEST_NAMED SYS_openat2

static const uint64_t no_args[6];

/* Compiles {"seccomp": {BODY}} into *F, in *A. */
static int compile_in(const char *body, struct arena *a, struct oci_config **c, struct filter *f,
		      struct err *err)
{
	char *text = arena_printf(a,
				  "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},"
				  "\"linux\":{\"seccomp\":{%s}}}",
				  body);

	if (!text || config_parse("config.json", text, strlen(text), false, c, err) < 0)
		return -1;
	return filter_compile(*c, a, f, err);
}

/* What BODY answers to NR with ARGS. */
static uint32_t answer_to(const char *body, int nr, const uint64_t args[6])
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_CONFIG c = NULL;
	struct filter f = { .insns = NULL };
	struct err err = ERR_INIT;

	if (compile_in(body, &a, &c, &f, &err) < 0) {
		print_error("%s: %s\n", body, err.msg);
		fail();
	}
	return filter_verdict(&f, nr, args);
}

#define ERRNO_(n) (SECCOMP_RET_ERRNO | (n))

static void without_a_profile_everything_is_allowed(void **state)
{
	const struct oci_config c = CONFIG_BY_HAND;
	AUTO_ARENA a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct filter f = { .n_insns = 1 };
	(void)state;

	assert_int_equal(filter_compile(&c, &a, &f, &err), 0);
	assert_null(f.insns);
	assert_int_equal(filter_verdict(&f, SYS_read, no_args), SECCOMP_RET_ALLOW);
	int listener = 0;
	assert_int_equal(filter_load(&f, &listener, &err), 0);
	assert_int_equal(listener, -1);
}

/* C-SEC-02, C-SEC-03 */
static void every_action_has_the_kernels_value(void **state)
{
	static const struct {
		const char *action;
		uint32_t value;
	} rows[] = {
		{ "\"action\":\"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW },
		{ "\"action\":\"SCMP_ACT_ERRNO\"", ERRNO_(EPERM) },
		{ "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0", ERRNO_(0) },
		{ "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":28", ERRNO_(28) },
		{ "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4095", ERRNO_(4095) },
		{ "\"action\":\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD },
		{ "\"action\":\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD },
		{ "\"action\":\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS },
		{ "\"action\":\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP },
		{ "\"action\":\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
		{ "\"action\":\"SCMP_ACT_TRACE\"", SECCOMP_RET_TRACE | EPERM },
		{ "\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":7", SECCOMP_RET_TRACE | 7 },
		{ "\"action\":\"SCMP_ACT_NOTIFY\"", SECCOMP_RET_USER_NOTIF },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char body[256];

		snprintf(
			body, sizeof(body),
			"\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],%s}]",
			rows[i].action);
		assert_int_equal(answer_to(body, SYS_read, no_args), rows[i].value);
		assert_int_equal(answer_to(body, SYS_write, no_args), SECCOMP_RET_ALLOW);
	}
}

/* C-SEC-05: same action, different errno. */
static void rules_with_different_errno_stay_apart(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,\"syscalls\":["
		"{\"names\":[\"mkdir\",\"openat2\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
		"{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":28}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_openat2, no_args), ERRNO_(38));
	assert_int_equal(answer_to(body, SYS_mkdirat, no_args), ERRNO_(28));
	assert_int_equal(answer_to(body, SYS_read, no_args), ERRNO_(13));
}

/* C-SEC-10 */
static void absent_flags_and_no_flags_differ(void **state)
{
	static const struct {
		const char *flags;
		uint32_t value;
	} rows[] = {
		{ "", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ ",\"flags\":[]", 0 },
		{ ",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]", SECCOMP_FILTER_FLAG_LOG },
		{ ",\"flags\":[\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\",\"SECCOMP_FILTER_FLAG_LOG\"]",
		  SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_LOG },
		/* of one thread nothing is to be synchronised */
		{ ",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_LOG\"]",
		  SECCOMP_FILTER_FLAG_LOG },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_ARENA a = ARENA_INIT;
		AUTO_CONFIG c = NULL;
		struct filter f = { .insns = NULL };
		struct err err = ERR_INIT;
		char body[256];

		snprintf(body, sizeof(body), "\"defaultAction\":\"SCMP_ACT_ALLOW\"%s",
			 rows[i].flags);
		assert_int_equal(compile_in(body, &a, &c, &f, &err), 0);
		assert_int_equal(f.flags, rows[i].value);
	}
}

/* C-SEC-15 */
static void conditions_on_different_arguments_must_all_hold(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"socket\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"},"
		"{\"index\":2,\"value\":9,\"op\":\"SCMP_CMP_NE\"}]}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 16, 0, 8 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 16, 0, 9 }), ERRNO_(EPERM));
	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 15, 0, 8 }), ERRNO_(EPERM));
}

/* C-SEC-15 */
static void conditions_on_one_argument_are_alternatives(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"socket\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		"{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"},"
		"{\"index\":1,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 1 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 2 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 3, 7 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_socket, (uint64_t[6]){ 3 }), ERRNO_(EPERM));
}

/* C-SEC-16: the rule by which Docker forbids new namespaces. */
static void masked_equality_has_the_mask_first(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"clone\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":2114060288,"
		"\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_clone, (uint64_t[6]){ SIGCHLD }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_clone, (uint64_t[6]){ CLONE_NEWUSER | SIGCHLD }),
			 ERRNO_(EPERM));
}

/* C-SEC-17 */
static void rules_that_repeat_the_default_change_nothing(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"openat2\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":2}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_read, no_args), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_openat2, no_args), ERRNO_(2));
}

/* C-SEC-18 */
static void contradicting_rules_keep_their_order(void **state)
{
	static const char conditions[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_KILL\",\"args\":["
		"{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_NE\"}]}]";
	static const char without[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_KILL\",\"args\":["
		"{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_TRAP\"}]";
	(void)state;

	assert_int_equal(answer_to(conditions, SYS_socket, (uint64_t[6]){ 8 }), SECCOMP_RET_KILL);
	assert_int_equal(answer_to(conditions, SYS_socket, (uint64_t[6]){ 9 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(conditions, SYS_socket, (uint64_t[6]){ 16 }), ERRNO_(EPERM));
	assert_int_equal(answer_to(without, SYS_socket, (uint64_t[6]){ 8 }), SECCOMP_RET_ALLOW);
}

/* D-26, C-SEC-08; the newest call named has number 437. */
static void calls_that_are_newer_than_the_profile_get_enosys(void **state)
{
	static const char *const eperm[] = {
		"\"defaultAction\":\"SCMP_ACT_ERRNO\"",
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1",
	};
	static const struct {
		const char *action;
		uint32_t value;
	} others[] = {
		{ "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13", ERRNO_(13) },
		{ "\"defaultAction\":\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL },
		{ "\"defaultAction\":\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
		{ "\"defaultAction\":\"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW },
	};
	static const char rules[] =
		"\"syscalls\":[{\"names\":[\"read\",\"openat2\"],\"action\":\"SCMP_ACT_TRAP\"}]";
	char body[256];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(eperm); i++) {
		snprintf(body, sizeof(body), "%s,%s", eperm[i], rules);
		assert_int_equal(answer_to(body, NEWEST_NAMED, no_args), SECCOMP_RET_TRAP);
		assert_int_equal(answer_to(body, NEWEST_NAMED - 1, no_args), ERRNO_(EPERM));
		assert_int_equal(answer_to(body, NEWEST_NAMED + 1, no_args), ERRNO_(ENOSYS));
		assert_int_equal(answer_to(body, 999, no_args), ERRNO_(ENOSYS));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		snprintf(body, sizeof(body), "%s,%s", others[i].action, rules);
		assert_int_equal(answer_to(body, 999, no_args), others[i].value);
	}

	/* Who names nothing knows nothing about new calls either. */
	assert_int_equal(answer_to(eperm[0], 999, no_args), ERRNO_(EPERM));
}

/* A rule that repeats the default names its calls all the same. */
static void calls_of_superfluous_rules_are_known(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"openat2\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]";
	(void)state;

	assert_int_equal(answer_to(body, SYS_openat2, no_args), ERRNO_(EPERM));
	assert_int_equal(answer_to(body, SYS_openat2 + 1, no_args), ERRNO_(ENOSYS));
}

/* C-SEC-06: an architecture for which libseccomp makes the program. */
static void architectures_that_we_do_not_cover_come_from_libseccomp(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_MIPSEL64\","
		"\"SCMP_ARCH_S390X\"],\"syscalls\":[{\"names\":[\"read\",\"openat2\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"socketcall\"],\"action\":\"SCMP_ACT_TRAP\"},"
		"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_LE\"}]}]";
	const size_t fds = open_fds();
	(void)state;

	assert_int_equal(answer_to(body, SYS_read, no_args), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_write, (uint64_t[6]){ 1 }), SECCOMP_RET_ALLOW);
	assert_int_equal(answer_to(body, SYS_write, (uint64_t[6]){ 2 }), ERRNO_(EPERM));
	assert_int_equal(answer_to(body, SYS_close, no_args), ERRNO_(EPERM));
	assert_int_equal(answer_to(body, SYS_openat2 + 1, no_args), ERRNO_(ENOSYS));
	assert_int_equal(open_fds(), fds);
}

/* C-SEC-07; warnings go to standard error when there is no log. */
static void one_warning_lists_the_unknown_names(void **state)
{
	static const char body[] =
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"no1\",\"read\","
		"\"no2\",\"no3\",\"no4\",\"no5\",\"no6\",\"no7\",\"no8\",\"no9\",\"no10\",\"stat64\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"}]";
	char text[1024] = "";
	int ends[2], saved = dup(STDERR_FILENO);
	(void)state;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	uint32_t answer = answer_to(body, SYS_read, no_args);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);

	assert_int_equal(answer, SECCOMP_RET_ALLOW);
	assert_non_null(strstr(text, "'no1', 'no2', 'no3'"));
	assert_non_null(strstr(text, "and 2 more"));
	assert_null(strstr(text, "no9"));
	assert_null(strstr(text, "stat64")); /* known, for another architecture */
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

/* C-SEC-29 */
static void a_program_above_the_kernels_limit_is_refused(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_CONFIG c = NULL;
	AUTO_STR body = STR_INIT;
	struct filter f = { .insns = NULL };
	struct err err = ERR_INIT;
	(void)state;

	str_add(&body, "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[");
	for (unsigned i = 0; i < 5000; i++)
		str_addf(&body,
			 "%s{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
			 "{\"index\":1,\"value\":%u,\"op\":\"SCMP_CMP_EQ\"}]}",
			 i > 0 ? "," : "", 7 * i);
	str_add(&body, "]");
	assert_int_equal(compile_in(str_text(&body), &a, &c, &f, &err), -1);
	assert_non_null(strstr(err.msg, "instructions"));
	assert_non_null(strstr(err.msg, "4096"));
	assert_non_null(strstr(err.msg, "linux.seccomp"));
	assert_null(f.insns);
}

/* ---- in the kernel --------------------------------------------------------------------------- */

static void need_load(const char *body)
{
	static struct arena a;
	static struct oci_config *c;
	struct filter f = { .insns = NULL };
	struct err err = ERR_INIT;

	REQUIRE_OK(compile_in(body, &a, &c, &f, &err), err);
	int listener;
	REQUIRE_OK(filter_load(&f, &listener, &err), err);
	REQUIRE(listener == -1);
}

static void no_new_privs(void)
{
	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

static void in_force(void)
{
	no_new_privs();
	need_load(
		"\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\","
		"\"SCMP_ARCH_X32\"],\"syscalls\":["
		"{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77},"
		"{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":78,\"args\":["
		"{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GT\"}]}]");
	REQUIRE(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
	REQUIRE(syscall(SYS_getppid) == -1 && errno == 77);
	REQUIRE(syscall(SYS_personality, 6UL) == -1 && errno == 78);
	REQUIRE(syscall(SYS_personality, 0x100000000UL) == -1 && errno == 78);
	REQUIRE(syscall(SYS_personality, 5UL) >= 0);
	REQUIRE(syscall(SYS_getpid) == getpid());
}

static void a_loaded_filter_is_in_force(void **state)
{
	(void)state;
	in_child(in_force);
}

static void enosys(void)
{
	no_new_privs();
	/* what sanitizers do at the end is among it */
	need_load(
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\",\"write\","
		"\"read\",\"openat2\",\"sigaltstack\",\"mmap\",\"munmap\"],\"action\":\"SCMP_ACT_ALLOW\"}]");
	REQUIRE(syscall(SYS_getppid) == -1 && errno == EPERM);
	REQUIRE(syscall(1000) == -1 && errno == ENOSYS);
	/* prctl is not allowed: the load did not need it to succeed */
	REQUIRE(prctl(PR_GET_SECCOMP) == -1 && errno == EPERM);
}

static void new_calls_get_enosys_from_the_kernel(void **state)
{
	(void)state;
	in_child(enosys);
}

/* C-SEC-20 */
static void without_no_new_privs(void)
{
	if (geteuid() != 0)
		skip_child("needs root");
	need_load("\"defaultAction\":\"SCMP_ACT_ALLOW\"");
	REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void loading_does_not_set_no_new_privs(void **state)
{
	(void)state;
	in_child(without_no_new_privs);
}

static void refused(void)
{
	static struct arena a;
	struct oci_config *c;
	struct filter f = { .insns = NULL };
	struct err err = ERR_INIT;

	REQUIRE_OK(compile_in("\"defaultAction\":\"SCMP_ACT_ALLOW\"", &a, &c, &f, &err), err);
	if (geteuid() == 0)
		REQUIRE(setresuid(1000, 1000, 1000) == 0);
	int listener;
	REQUIRE(filter_load(&f, &listener, &err) < 0);
	REQUIRE(err.sys == EACCES);

	no_new_privs();
	f.flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; /* C-SEC-12 */
	REQUIRE(filter_load(&f, &listener, &err) < 0);
	REQUIRE(err.sys == EINVAL && listener == -1);
	REQUIRE(prctl(PR_GET_SECCOMP) == 0);
}

static void what_the_kernel_does_not_take_is_a_failure(void **state)
{
	(void)state;
	in_child(refused);
}

/* C-SEC-09, and what `features` prints */
static void the_kernels_flags_are_probed(void **state)
{
	const char *const *flags = filter_supported_flags();
	bool log = false;
	(void)state;

	for (size_t i = 0; flags[i]; i++) {
		assert_int_equal(strncmp(flags[i], "SECCOMP_FILTER_FLAG_", 20), 0);
		log = log || strcmp(flags[i], "SECCOMP_FILTER_FLAG_LOG") == 0;
	}
	assert_true(log); /* kernel 4.14 */
	assert_ptr_equal(filter_supported_flags(), flags);
}

static void the_librarys_version_has_three_numbers(void **state)
{
	unsigned v[3];
	(void)state;

	assert_int_equal(sscanf(filter_library_version(), "%u.%u.%u", &v[0], &v[1], &v[2]), 3);
	assert_true(v[0] == 2 && v[1] >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_profile_everything_is_allowed),
		cmocka_unit_test(every_action_has_the_kernels_value),
		cmocka_unit_test(rules_with_different_errno_stay_apart),
		cmocka_unit_test(absent_flags_and_no_flags_differ),
		cmocka_unit_test(conditions_on_different_arguments_must_all_hold),
		cmocka_unit_test(conditions_on_one_argument_are_alternatives),
		cmocka_unit_test(masked_equality_has_the_mask_first),
		cmocka_unit_test(rules_that_repeat_the_default_change_nothing),
		cmocka_unit_test(contradicting_rules_keep_their_order),
		cmocka_unit_test(calls_that_are_newer_than_the_profile_get_enosys),
		cmocka_unit_test(calls_of_superfluous_rules_are_known),
		cmocka_unit_test(architectures_that_we_do_not_cover_come_from_libseccomp),
		cmocka_unit_test(one_warning_lists_the_unknown_names),
		cmocka_unit_test(a_program_above_the_kernels_limit_is_refused),
		cmocka_unit_test(a_loaded_filter_is_in_force),
		cmocka_unit_test(new_calls_get_enosys_from_the_kernel),
		cmocka_unit_test(loading_does_not_set_no_new_privs),
		cmocka_unit_test(what_the_kernel_does_not_take_is_a_failure),
		cmocka_unit_test(the_kernels_flags_are_probed),
		cmocka_unit_test(the_librarys_version_has_three_numbers),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
