/* SPDX-License-Identifier: Apache-2.0 */
/* blockIO, hugepageLimits and rdma as lines, and these lines in files. */
#include "cgroup_fake.h"

#include <dirent.h>

/* The plan of the RESOURCES, which must be possible. */
static void plan_of(struct planned *t, const char *resources)
{
	AUTO_STR linux_ = STR_INIT;

	str_addf(&linux_, "\"resources\":{%s}", resources);
	plan(t, "", str_text(&linux_));
	if (t->rc < 0)
		fail_msg("%s: %s", resources, t->err.msg);
}

/* The settings as "file=value" with blanks between: '?' behind those that are optional, "|file" and
 * "=value" of the second choice, '~' behind those that a kernel may lack. */
static void assert_lines(const char *resources, const char *expected)
{
	AUTO_STR found = STR_INIT;
	struct planned t;

	plan_of(&t, resources);
	for (size_t i = 0; i < t.p.n_settings; i++) {
		const struct cgroup_setting *s = &t.p.settings[i];

		str_addf(&found, "%s%s=%s", i > 0 ? "; " : "", s->file, s->value);
		if (s->or_file)
			str_addf(&found, "|%s=%s", s->or_file, s->or_value);
		str_addf(&found, "%s%s", s->optional ? "?" : "", s->dispensable ? "~" : "");
	}
	if (strcmp(str_text(&found), expected) != 0)
		fail_msg("%s gives '%s', not '%s'", resources, found.s, expected);
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

/* A whole disk ("8:0"), or a partition, of this machine; false: there is none. */
static bool find_disk(bool partition, unsigned *major, unsigned *minor)
{
	DIR *d = opendir("/sys/dev/block");
	const struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/partition", e->d_name);
		found = sscanf(e->d_name, "%u:%u", major, minor) == 2 &&
			(faccessat(dirfd(d), path, F_OK, 0) == 0) == partition;
	}
	if (d)
		closedir(d);

	return found;
}

/* ---- blockIO -------------------------------------------------------------------------------- */

/* C-IO-01 with its edges */
static void weights_have_two_scales(void **state)
{
	(void)state;
	assert_lines("\"blockIO\":{\"weight\":10}", "io.bfq.weight=10|io.weight=1");
	assert_lines("\"blockIO\":{\"weight\":100}", "io.bfq.weight=100|io.weight=910");
	assert_lines("\"blockIO\":{\"weight\":500}", "io.bfq.weight=500|io.weight=4950");
	assert_lines("\"blockIO\":{\"weight\":1000}", "io.bfq.weight=1000|io.weight=10000");
	assert_lines("\"blockIO\":{\"weight\":0}", "");
	assert_lines("\"blockIO\":{}", "");
}

/* C-IO-03, C-IO-04: one line for each rule, in the order of the spec's members */
static void rules_for_disks_are_lines(void **state)
{
	AUTO_STR resources = STR_INIT;
	AUTO_STR expected = STR_INIT;
	unsigned a, b;

	(void)state;
	if (!find_disk(false, &a, &b)) {
		print_message("no block device here\n");
		skip();
	}
	str_addf(&resources,
		 "\"blockIO\":{"
		 "\"throttleWriteIOPSDevice\":[{\"major\":%u,\"minor\":%u,\"rate\":4}],"
		 "\"throttleReadIOPSDevice\":[{\"major\":%u,\"minor\":%u,\"rate\":3}],"
		 "\"throttleWriteBpsDevice\":[{\"major\":%u,\"minor\":%u,\"rate\":0}],"
		 "\"throttleReadBpsDevice\":[{\"major\":%u,\"minor\":%u,\"rate\":1},"
		 "{\"major\":%u,\"minor\":%u,\"rate\":18446744073709551615}],"
		 "\"weightDevice\":[{\"major\":%u,\"minor\":%u,\"weight\":500}]}",
		 a, b, a, b, a, b, a, b, a, b, a, b);
	str_addf(&expected,
		 "io.bfq.weight=%u:%u 500|io.weight=%u:%u 4950; io.max=%u:%u rbps=1; "
		 "io.max=%u:%u rbps=18446744073709551615; io.max=%u:%u wbps=max?; "
		 "io.max=%u:%u riops=3; io.max=%u:%u wiops=4",
		 a, b, a, b, a, b, a, b, a, b, a, b, a, b);

	assert_lines(str_text(&resources), str_text(&expected));
}

/* C-IO-04, C-IO-06 */
static void a_disk_that_cannot_be_limited_is_refused(void **state)
{
	AUTO_STR text = STR_INIT;
	unsigned a, b;

	(void)state;
	if (access("/sys/dev/block", F_OK) < 0)
		skip();
	assert_refused("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":4000,\"minor\":77,"
		       "\"rate\":1}]}",
		       "linux.resources.blockIO.throttleReadBpsDevice[0]: there is no block device "
		       "4000:77");
	assert_refused("\"blockIO\":{\"weightDevice\":[{\"major\":4000,\"minor\":77,"
		       "\"weight\":10}]}",
		       "linux.resources.blockIO.weightDevice[0]: there is no block device 4000:77");
	if (!find_disk(true, &a, &b))
		return;
	str_addf(&text,
		 "\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":%u,\"minor\":%u,\"rate\":1}]}",
		 a, b);
	assert_refused(str_text(&text), "is a partition; only a whole disk can be limited");
}

/* ---- hugepageLimits, rdma ------------------------------------------------------------------- */

#define HAS_2M (access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) == 0)

/* C-HUGE-02, C-HUGE-03, X-23 */
static void huge_pages_are_limited_twice(void **state)
{
	(void)state;
	if (!HAS_2M) {
		print_message("a kernel without huge pages of 2 MB\n");
		skip();
	}
	assert_lines("\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]",
		     "hugetlb.2MB.max=4194304; hugetlb.2MB.rsvd.max=4194304~");
	assert_lines("\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]",
		     "hugetlb.2MB.max=0; hugetlb.2MB.rsvd.max=0~");
	assert_lines("\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9223372036854772000}]",
		     "hugetlb.2MB.max=max?; hugetlb.2MB.rsvd.max=max?~");
	assert_lines("\"hugepageLimits\":[]", "");
}

/* C-HUGE-01: the message has the sizes that there are */
static void an_unknown_page_size_is_refused(void **state)
{
	(void)state;
	if (!HAS_2M) {
		assert_refused("\"hugepageLimits\":[{\"pageSize\":\"3MB\",\"limit\":1}]",
			       "linux.resources.hugepageLimits[0]: this kernel has no huge pages");
		return;
	}
	assert_refused(
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1},"
		"{\"pageSize\":\"3MB\",\"limit\":1}]",
		"linux.resources.hugepageLimits[1].pageSize: this kernel has no huge pages of "
		"3MB; it has ");
	assert_refused("\"hugepageLimits\":[{\"pageSize\":\"3MB\",\"limit\":1}]", "2MB");
}

/* C-RDMA-01 */
static void rdma_limits_are_lines(void **state)
{
	(void)state;
	assert_lines("\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},"
		     "\"mlx4_0\":{\"hcaObjects\":0},\"rxe3\":{\"hcaHandles\":4294967295}}",
		     "rdma.max=mlx5_1 hca_handle=3 hca_object=10000; "
		     "rdma.max=mlx4_0 hca_object=0; rdma.max=rxe3 hca_handle=max?");
}

/* ---- in files ------------------------------------------------------------------------------- */

static int write_all(const struct cgroup *cg, struct planned *t)
{
	for (size_t i = 0; i < t->p.n_settings; i++) {
		if (cgroup_write_setting(cg, &t->p, &t->p.settings[i], &t->err) < 0)
			return -1;
	}

	return 0;
}

/* C-IO-01: BFQ's file if it is there */
static void a_weight_goes_to_the_file_that_is_there(void **state)
{
	const struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	struct planned t;

	plan_of(&t, "\"blockIO\":{\"weight\":500}");
	fake_file(s, "io.weight", "");
	assert_int_equal(write_all(&cg, &t), 0);
	assert_file(s, "io.weight", "4950");

	fake_file(s, "io.weight", "");
	fake_file(s, "io.bfq.weight", "");
	assert_int_equal(write_all(&cg, &t), 0);
	assert_file(s, "io.bfq.weight", "500");
	assert_file(s, "io.weight", "");
	plan_done(&t);
}

/* C-IO-07 */
static void a_kernel_without_weights_is_explained(void **state)
{
	const struct cgroup cg = fake_cgroup(*state);
	struct planned t;

	plan_of(&t, "\"blockIO\":{\"weight\":500}");
	assert_int_equal(write_all(&cg, &t), -1);
	assert_non_null(strstr(t.err.msg, "linux.resources.blockIO.weight (config.json:1:"));
	assert_non_null(strstr(t.err.msg, "neither 'io.bfq.weight' nor 'io.weight'"));
	plan_done(&t);
}

/* C-HUGE-02: a kernel before 5.7 counts no reservations; one without either has no limit. */
static void huge_pages_do_without_reservations(void **state)
{
	const struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	struct planned t;

	if (!HAS_2M) {
		print_message("a kernel without huge pages of 2 MB\n");
		skip();
	}
	plan_of(&t, "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]");
	assert_int_equal(write_all(&cg, &t), -1);
	assert_non_null(strstr(t.err.msg, "has no file 'hugetlb.2MB.max'"));

	fake_file(s, "hugetlb.2MB.max", "");
	assert_int_equal(write_all(&cg, &t), 0);
	assert_file(s, "hugetlb.2MB.max", "4194304");

	fake_file(s, "hugetlb.2MB.rsvd.max", "");
	assert_int_equal(write_all(&cg, &t), 0);
	assert_file(s, "hugetlb.2MB.rsvd.max", "4194304");
	plan_done(&t);
}

/* C-MEM-12: no swap accounting */
static void a_missing_swap_file_matters_only_for_a_limit(void **state)
{
	const struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	static const struct {
		const char *resources;
		int rc;
	} cases[] = {
		{ "\"memory\":{\"swap\":-1}", 0 },
		{ "\"memory\":{\"limit\":4096,\"swap\":4096}", 0 },
		{ "\"memory\":{\"limit\":4096,\"swap\":8192}", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct planned t;

		fake_file(s, "memory.max", "");
		plan_of(&t, cases[i].resources);
		if (write_all(&cg, &t) != cases[i].rc)
			fail_msg("%s: %s", cases[i].resources, t.err.msg);
		if (cases[i].rc < 0)
			assert_non_null(strstr(t.err.msg, "no file 'memory.swap.max'"));
		plan_done(&t);
	}
}

/* C-UNI-08: written last, so what it says stays. */
static void unified_is_written_last(void **state)
{
	const struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	struct planned t;

	fake_file(s, "pids.max", "");
	plan_of(&t, "\"unified\":{\"pids.max\":\"22\"},\"pids\":{\"limit\":11}");
	assert_int_equal(write_all(&cg, &t), 0);
	assert_file(s, "pids.max", "22");
	plan_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_have_two_scales),
		cmocka_unit_test(rules_for_disks_are_lines),
		cmocka_unit_test(a_disk_that_cannot_be_limited_is_refused),
		cmocka_unit_test(huge_pages_are_limited_twice),
		cmocka_unit_test(an_unknown_page_size_is_refused),
		cmocka_unit_test(rdma_limits_are_lines),
		SCRATCH_TEST(a_weight_goes_to_the_file_that_is_there),
		SCRATCH_TEST(a_kernel_without_weights_is_explained),
		SCRATCH_TEST(huge_pages_do_without_reservations),
		SCRATCH_TEST(a_missing_swap_file_matters_only_for_a_limit),
		SCRATCH_TEST(unified_is_written_last),
	};

	return cmocka_run_group_tests_name("cgroup_convert", tests, NULL, NULL);
}
