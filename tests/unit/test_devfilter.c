/* SPDX-License-Identifier: Apache-2.0 */
/* Device rules as a program: compared with a plain model of the rules, and tried in the kernel. */
#include "base_util.h"

#include <inttypes.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/file.h"
#include "kernel/cgroup.h"
#include "kernel/devfilter.h"

#define M   BPF_DEVCG_ACC_MKNOD
#define R   BPF_DEVCG_ACC_READ
#define W   BPF_DEVCG_ACC_WRITE
#define ANY -1

/* clang-format off */
#define ALLOW(t, ma, mi, acc) { .allow = true, .type = t, .major = ma, .minor = mi, .access = acc }
#define DENY(t, ma, mi, acc) { .allow = false, .type = t, .major = ma, .minor = mi, .access = acc }
#define DENY_ALL DENY('a', ANY, ANY, R | W | M)
/* clang-format on */

struct built {
	struct arena arena;
	struct devfilter f;
};

static void build(struct built *b, struct oci_device_rule *rules, size_t n)
{
	struct oci_resources r = {
		.present = true, .has_devices = true, .devices = rules, .n_devices = n
	};
	struct err err = ERR_INIT;

	*b = (struct built){ .arena = ARENA_INIT };
	if (devfilter_build(&r, &b->arena, &b->f, &err) < 0)
		fail_msg("%s", err.msg);
}
#define BUILD(b, ...)                                                                              \
	struct oci_device_rule rules_[] = { __VA_ARGS__ };                                         \
	build((b), rules_, ARRAY_LEN(rules_))

static bool ask(const struct built *b, char type, unsigned major, unsigned minor, unsigned access)
{
	return devfilter_verdict(&b->f, type, major, minor, access);
}

/* ---- a model that is easy to believe -------------------------------------------------------- */

static bool names(const struct oci_device_rule *r, char type, unsigned major, unsigned minor)
{
	return (r->type == 'a' || r->type == type) && (r->major == ANY || r->major == major) &&
	       (r->minor == ANY || r->minor == minor);
}

static bool is_default(char type, unsigned major, unsigned minor)
{
	static const unsigned minors1[] = { 3, 5, 7, 8, 9 };

	if (type != 'c')
		return false;
	if (major == 136 || (major == 5 && minor <= 2))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(minors1); i++) {
		if (major == 1 && minor == minors1[i])
			return true;
	}

	return false;
}

static bool bit_allowed(const struct oci_device_rule *v, size_t n, char type, unsigned major,
			unsigned minor, unsigned bit)
{
	bool allowed = false;

	for (size_t i = 0; i < n; i++) {
		if (names(&v[i], type, major, minor) && (v[i].access & bit))
			allowed = v[i].allow;
	}

	return allowed || bit == M || is_default(type, major, minor);
}

static bool model(const struct oci_device_rule *v, size_t n, char type, unsigned major,
		  unsigned minor, unsigned access)
{
	for (unsigned bit = 1; bit <= W; bit <<= 1) {
		if ((access & bit) && !bit_allowed(v, n, type, major, minor, bit))
			return false;
	}

	return true;
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* C-CGD-06, C-CGD-04 */
static void no_list_allows_the_default_devices_only(void **state)
{
	struct built b;

	(void)state;
	build(&b, NULL, 0);

	assert_true(b.f.has_deny);
	assert_true(ask(&b, 'c', 1, 3, R | W | M));
	assert_true(ask(&b, 'c', 136, 17, R | W));
	assert_true(ask(&b, 'c', 5, 2, R | W));
	assert_false(ask(&b, 'c', 1, 11, R));
	assert_false(ask(&b, 'b', 1, 3, R));
	assert_true(ask(&b, 'b', 8, 0, M));
	assert_false(ask(&b, 'b', 8, 0, M | R));
	arena_done(&b.arena);
}

/* C-CGD-04 */
static void default_devices_cannot_be_denied(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, DENY('c', 1, 3, R | W | M), DENY_ALL, DENY('c', 5, ANY, R));

	assert_true(ask(&b, 'c', 1, 3, R | W | M));
	assert_true(ask(&b, 'c', 5, 0, R));
	assert_false(ask(&b, 'c', 5, 3, R));
	arena_done(&b.arena);
}

/* C-CGD-01 */
static void the_last_rule_for_a_device_wins(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, DENY_ALL, ALLOW('b', 8, ANY, R | W), DENY('b', 8, 1, R | W), ALLOW('b', 8, 1, R));

	assert_true(ask(&b, 'b', 8, 0, R | W));
	assert_true(ask(&b, 'b', 8, 1, R));
	assert_false(ask(&b, 'b', 8, 1, W));
	assert_false(ask(&b, 'b', 8, 1, R | W));
	arena_done(&b.arena);
}

/* Bits come from different rules. */
static void each_bit_of_an_access_needs_a_rule(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, DENY_ALL, ALLOW('c', 10, 200, W), ALLOW('c', 10, ANY, R));

	assert_true(ask(&b, 'c', 10, 200, R | W));
	assert_false(ask(&b, 'c', 10, 201, R | W));
	assert_true(ask(&b, 'c', 10, 201, R | M));
	assert_true(ask(&b, 'c', 10, 202, 0));
	arena_done(&b.arena);
}

/* C-CGD-05: docker run --privileged, ctr */
static void allowing_everything_last_needs_no_program(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, DENY_ALL, DENY('c', 1, 11, R), ALLOW('a', ANY, ANY, R | W | M),
	      ALLOW('c', 10, 229, R | W | M));

	assert_int_equal(b.f.n_insns, 0);
	assert_false(b.f.has_deny);
	assert_true(ask(&b, 'b', 8, 0, R | W | M));
	arena_done(&b.arena);
}

static void a_denial_after_allowing_everything_counts(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, ALLOW('a', ANY, ANY, R | W | M), DENY('b', 8, ANY, W));

	assert_true(b.f.has_deny);
	assert_true(ask(&b, 'c', 1, 11, R | W));
	assert_true(ask(&b, 'b', 8, 0, R));
	assert_false(ask(&b, 'b', 8, 0, R | W));
	arena_done(&b.arena);
}

/* C-CGD-09, C-CGD-10: the kernel has 12 bits of major and 20 of minor, and no rule may reach
 * another device by overflow. */
static void numbers_that_no_device_has_match_nothing(void **state)
{
	struct built b;

	(void)state;
	BUILD(&b, DENY_ALL, ALLOW('c', 0x1000, 5, R), ALLOW('c', 0, 0x100000, R),
	      ALLOW('b', UINT32_MAX, UINT32_MAX, R), ALLOW('c', 0xfff, 0xfffff, R));

	assert_false(ask(&b, 'c', 0, 5, R));
	assert_false(ask(&b, 'c', 1, 0, R));
	assert_false(ask(&b, 'b', 0xfff, 0xfffff, R));
	assert_true(ask(&b, 'c', 0xfff, 0xfffff, R));
	arena_done(&b.arena);
}

static void repeated_rules_cost_nothing(void **state)
{
	static struct oci_device_rule many[700];
	struct built few, lots;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct oci_device_rule)ALLOW('c', 10, 229, R | W);
	build(&few, many, 1);
	build(&lots, many, ARRAY_LEN(many));

	assert_int_equal(lots.f.n_insns, few.f.n_insns);
	arena_done(&few.arena);
	arena_done(&lots.arena);
}

static void fill_distinct(struct oci_device_rule *v, size_t n, unsigned access)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (struct oci_device_rule)ALLOW('c', 200 + (int64_t)i / 9, (int64_t)i, access);
}

static void too_many_rules_are_refused(void **state)
{
	static struct oci_device_rule v[DEVFILTER_MAX_RULES + 1];
	struct oci_resources r = { .devices = v, .n_devices = ARRAY_LEN(v) };
	AUTO_ARENA arena = ARENA_INIT;
	struct devfilter f;
	struct err err = ERR_INIT;

	(void)state;
	fill_distinct(v, ARRAY_LEN(v), R);

	assert_int_equal(devfilter_build(&r, &arena, &f, &err), -1);
	assert_non_null(strstr(err.msg, "linux.resources.devices: more than 4096 rules"));
}

/* Jumps to the exits still reach them. */
static void the_longest_program_is_right(void **state)
{
	static struct oci_device_rule v[DEVFILTER_MAX_RULES];
	struct built b;

	(void)state;
	fill_distinct(v, ARRAY_LEN(v), R);
	build(&b, v, ARRAY_LEN(v));

	assert_true(b.f.n_insns >= 3 * ARRAY_LEN(v));
	for (unsigned i = 0; i < ARRAY_LEN(v); i += 97) {
		assert_true(ask(&b, 'c', 200 + i / 9, i, R));
		assert_false(ask(&b, 'c', 200 + i / 9, i, R | W));
		assert_false(ask(&b, 'b', 200 + i / 9, i, R));
	}
	arena_done(&b.arena);
}

/* ---- random lists --------------------------------------------------------------------------- */

static uint32_t seed = 20240607;
static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const int64_t majors[] = { ANY, 0, 1, 5, 8, 136, 2048, 0xfff };
static const int64_t minors[] = { ANY, 0, 1, 3, 5, 11, 0xfffff };

static void fill_random(struct oci_device_rule *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct oci_device_rule){
			.allow = rnd(2),
			.type = "abc"[rnd(3)],
			.major = majors[rnd(ARRAY_LEN(majors))],
			.minor = minors[rnd(ARRAY_LEN(minors))],
			.access = rnd(4) ? rnd(8) : 7,
		};
	}
}

static void compare_everywhere(const struct built *b, const struct oci_device_rule *v, size_t n)
{
	for (size_t ma = 1; ma < ARRAY_LEN(majors); ma++) {
		for (size_t mi = 1; mi < ARRAY_LEN(minors); mi++) {
			for (unsigned point = 0; point < 16; point++) {
				char type = point & 8 ? 'b' : 'c';
				unsigned major = (unsigned)majors[ma];
				unsigned minor = (unsigned)minors[mi];

				if (ask(b, type, major, minor, point & 7) !=
				    model(v, n, type, major, minor, point & 7))
					fail_msg("%c %u:%u access %u, %zu rules", type, major,
						 minor, point & 7, n);
			}
		}
	}
}

/* C-CGD-01, C-CGD-02, C-CGD-03, C-CGD-04, C-CGD-05, C-CGD-06, C-CGD-10, X-22: about 10 million questions */
static void program_and_model_agree(void **state)
{
	struct oci_device_rule v[24];
	struct built b;

	(void)state;
	for (size_t round = 0; round < 15000; round++) {
		size_t n = rnd(ARRAY_LEN(v) + 1);

		fill_random(v, n);
		build(&b, v, n);
		compare_everywhere(&b, v, n);
		arena_done(&b.arena);
	}
}

/* ---- the kernel ----------------------------------------------------------------------------- */

struct live {
	struct cgroup_hierarchy h;
	char name[64];
	int cgroup;
};

/* A cgroup of our own, directly below the root of the hierarchy. */
static int live_setup(void **state)
{
	struct live *l = calloc(1, sizeof(*l));
	struct err err = ERR_INIT;

	if (!l)
		return -1;
	l->cgroup = -1;
	(void)snprintf(l->name, sizeof(l->name), "cruntime-unit-%d", getpid());
	*state = l;
	if (!devfilter_is_enforceable() || cgroup_hierarchy_open(&l->h, &err) < 0)
		return 0;
	if (mkdirat(l->h.fd, l->name, 0755) == 0)
		l->cgroup = openat(l->h.fd, l->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return 0;
}

static int live_teardown(void **state)
{
	struct live *l = *state;
	int rc = 0;

	if (l->cgroup >= 0) {
		close(l->cgroup);
		rc = unlinkat(l->h.fd, l->name, AT_REMOVEDIR);
		cgroup_hierarchy_done(&l->h);
	}
	free(l);

	return rc;
}
#define LIVE_TEST(f) cmocka_unit_test_setup_teardown(f, live_setup, live_teardown)

/* Whether a child in the cgroup can open character device MAJOR:MINOR; 2 when it could not try. */
static int child_opens(const struct live *l, unsigned major, unsigned minor, int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const char *dir = getenv("TMPDIR");
		char path[128];
		struct err err = ERR_INIT;

		(void)snprintf(path, sizeof(path), "%s/node-%d", dir ? dir : "/tmp", getpid());
		if (file_write_at(l->cgroup, "cgroup.procs", "0", &err) < 0 ||
		    mknod(path, S_IFCHR | 0600, makedev(major, minor)) < 0)
			_exit(2);
		int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
		int reason = errno;
		(void)unlink(path);
		_exit(fd >= 0 ? 1 : reason == EPERM ? 0 : 2);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));

	return WEXITSTATUS(status);
}

static void attach(const struct live *l, const struct built *b)
{
	struct err err = ERR_INIT;

	if (devfilter_attach(&b->f, l->cgroup, &err) < 0)
		fail_msg("%s", err.msg);
}

/* C-CGD-01, C-CGD-04, C-CGD-10 */
static void kernel_enforces_the_program(void **state)
{
	struct live *l = *state;
	struct built b;

	if (l->cgroup < 0)
		skip();
	BUILD(&b, DENY_ALL, ALLOW('c', 1, 11, R));
	attach(l, &b);

	assert_int_equal(child_opens(l, 1, 3, O_RDWR), 1);
	assert_int_equal(child_opens(l, 1, 11, O_RDONLY), 1);
	assert_int_equal(child_opens(l, 1, 11, O_WRONLY), 0);
	assert_int_equal(child_opens(l, 10, 183, O_RDONLY), 0);
	arena_done(&b.arena);
}

/* The programs that the kernel has on the cgroup. */
static unsigned attached(int cgroup)
{
	union bpf_attr attr;
	uint32_t ids[64];

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = ARRAY_LEN(ids);
	assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)), 0);

	return attr.query.prog_cnt;
}

/* C-CGD-07 */
static void a_second_filter_replaces_the_first(void **state)
{
	struct live *l = *state;
	struct built none, some;

	if (l->cgroup < 0)
		skip();
	build(&none, NULL, 0);
	struct oci_device_rule rule = ALLOW('c', 1, 11, R);
	build(&some, &rule, 1);

	attach(l, &none);
	assert_int_equal(child_opens(l, 1, 11, O_RDONLY), 0);
	attach(l, &some);
	assert_int_equal(child_opens(l, 1, 11, O_RDONLY), 1);
	assert_int_equal(attached(l->cgroup), 1);

	devfilter_detach(l->cgroup);
	assert_int_equal(attached(l->cgroup), 0);
	arena_done(&none.arena);
	arena_done(&some.arena);
}

/* Opens null, which is always allowed, and 1:11, which never is, until the pipe STOP is closed. The
 * exit status is 0 when it was always so, 1 when there was a moment without a filter, 2 else. */
static void watch_filter(const struct live *l, int stop)
{
	const char *dir = getenv("TMPDIR");
	char path[128];
	char byte;
	int verdict = 0;
	struct err err = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s/node-%d", dir ? dir : "/tmp", getpid());
	if (file_write_at(l->cgroup, "cgroup.procs", "0", &err) < 0 ||
	    mknod(path, S_IFCHR | 0600, makedev(1, 11)) < 0 || fcntl(stop, F_SETFL, O_NONBLOCK) < 0)
		_exit(2);
	do {
		if (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
			verdict = 1;
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0)
			verdict = 2;
		close(null);
	} while (verdict == 0 && read(stop, &byte, 1) < 0);
	(void)unlink(path);
	_exit(verdict);
}

/* C-CGD-07: in one step; a process in the cgroup never sees both or none. */
static void a_replaced_filter_leaves_no_gap(void **state)
{
	struct live *l = *state;
	struct built one, two;
	int stop[2];
	int status;

	if (l->cgroup < 0)
		skip();
	struct oci_device_rule rule = ALLOW('c', 1, 12, R);
	build(&one, NULL, 0);
	build(&two, &rule, 1);
	attach(l, &one);

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(stop[1]);
		watch_filter(l, stop[0]);
	}
	close(stop[0]);
	for (int i = 0; i < 100; i++) {
		attach(l, i % 2 ? &one : &two);
		assert_int_equal(attached(l->cgroup), 1);
	}
	close(stop[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	devfilter_detach(l->cgroup);
	arena_done(&one.arena);
	arena_done(&two.arena);
}

/* Engines have sent seven hundred. */
static void kernel_takes_thousands_of_rules(void **state)
{
	static const unsigned access[] = { R | W | M, R };
	static struct oci_device_rule v[DEVFILTER_MAX_RULES];
	struct live *l = *state;
	struct built b;

	if (l->cgroup < 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(access); i++) {
		fill_distinct(v, ARRAY_LEN(v), access[i]);
		build(&b, v, ARRAY_LEN(v));
		attach(l, &b);
		arena_done(&b.arena);
	}
}

static void a_program_that_the_kernel_refuses_is_explained(void **state)
{
	static const struct bpf_insn bad[] = { { .code = BPF_JMP | BPF_EXIT } };
	struct live *l = *state;
	struct devfilter f = { .insns = bad, .n_insns = ARRAY_LEN(bad) };
	struct err err = ERR_INIT;

	if (l->cgroup < 0)
		skip();

	assert_int_equal(devfilter_attach(&f, l->cgroup, &err), -1);
	assert_non_null(strstr(err.msg, "the kernel says 'R0 !read_ok'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_list_allows_the_default_devices_only),
		cmocka_unit_test(default_devices_cannot_be_denied),
		cmocka_unit_test(the_last_rule_for_a_device_wins),
		cmocka_unit_test(each_bit_of_an_access_needs_a_rule),
		cmocka_unit_test(allowing_everything_last_needs_no_program),
		cmocka_unit_test(a_denial_after_allowing_everything_counts),
		cmocka_unit_test(numbers_that_no_device_has_match_nothing),
		cmocka_unit_test(repeated_rules_cost_nothing),
		cmocka_unit_test(too_many_rules_are_refused),
		cmocka_unit_test(the_longest_program_is_right),
		cmocka_unit_test(program_and_model_agree),
		LIVE_TEST(kernel_enforces_the_program),
		LIVE_TEST(a_second_filter_replaces_the_first),
		LIVE_TEST(a_replaced_filter_leaves_no_gap),
		LIVE_TEST(kernel_takes_thousands_of_rules),
		LIVE_TEST(a_program_that_the_kernel_refuses_is_explained),
	};

	return cmocka_run_group_tests_name("devfilter", tests, NULL, NULL);
}
