/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `events` (cli-reference 8.5) and the two forms of `stats`. */
#include "base_util.h"

#include "cli/statstable.h"
#include "container/events.h"

#define CPUSET                                                                                     \
	"\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,"                  \
	"\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,"                  \
	"\"memory_pressure\":0,\"sched_load_balance\":0,\"sched_relax_domain_level\":0}"
#define KERNEL "\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0}"

/* As runc 1.1.5 in a cgroup without controllers. */
static void an_empty_reading_has_the_members_that_readers_expect(void **state)
{
	static const struct cgroup_stats nothing = { .pids = { .limit = CGROUP_NO_LIMIT } };
	AUTO_STR out = STR_INIT;
	(void)state;

	events_print_stats(&out, "web", &nothing);
	assert_string_equal(
		str_text(&out),
		"{\"type\":\"stats\",\"id\":\"web\",\"data\":{\"cpu\":{\"usage\":{\"kernel\":0,"
		"\"user\":0},\"throttling\":{}}," CPUSET
		",\"memory\":{\"usage\":{\"limit\":0,\"failcnt\":0},"
		"\"swap\":{\"limit\":0,\"failcnt\":0}," KERNEL "},\"pids\":{},\"blkio\":{},"
		"\"hugetlb\":{},\"intel_rdt\":{},\"network_interfaces\":null}}\n");
}

static struct cgroup_counter counters[] = { { "anon", 0 }, { "file", 7 } };
static struct cgroup_io_device disks[] = {
	{ .major = 8, .rbytes = 1, .wbytes = 2, .dbytes = 0, .rios = 4, .wios = 5, .dios = 6 },
};
static struct cgroup_hugetlb pages[] = { { "2MB", 2097152, 1 }, { "1GB", 0, 0 } };

static const struct cgroup_stats busy = {
	.cpu = { .set = true,
		 .total_ns = 10,
		 .user_ns = 6,
		 .system_ns = 4,
		 .periods = 3,
		 .throttled_periods = 2,
		 .throttled_ns = 1,
		 .pressure = { .set = true,
			       .some = { 1, 10, 10000, UINT64_MAX },
			       .full = { 123, 0, 0, 0 } } },
	.memory = { .memory = { .set = true, .usage = 100, .limit = 400, .peak = 200 },
		    .swap = { .set = true, .usage = 50, .limit = CGROUP_NO_LIMIT },
		    .counters = counters,
		    .n_counters = 2 },
	.pids = { .set = true, .usage = 2, .limit = 30 },
	.io = { .set = true, .devices = disks, .n_devices = 1 },
	.hugetlb = pages,
	.n_hugetlb = 2,
};

/* Swap contains memory; its limit does not wrap around. */
static void a_full_reading_is_printed_as_runc_does(void **state)
{
	AUTO_STR out = STR_INIT;
	(void)state;

	events_print_stats(&out, "web", &busy);
	assert_string_equal(
		str_text(&out),
		"{\"type\":\"stats\",\"id\":\"web\",\"data\":{\"cpu\":{\"usage\":{\"total\":10,"
		"\"kernel\":4,\"user\":6},\"throttling\":{\"periods\":3,\"throttledPeriods\":2,"
		"\"throttledTime\":1},\"psi\":{\"some\":{\"avg10\":0.01,\"avg60\":0.10,"
		"\"avg300\":100.00,\"total\":18446744073709551615},\"full\":{\"avg10\":1.23,"
		"\"avg60\":0.00,\"avg300\":0.00,\"total\":0}}}," CPUSET ",\"memory\":{\"cache\":7,"
		"\"usage\":{\"limit\":400,\"usage\":100,\"max\":200,\"failcnt\":0},"
		"\"swap\":{\"limit\":18446744073709551615,\"usage\":150,\"failcnt\":0}," KERNEL
		",\"raw\":{\"anon\":0,\"file\":7}},\"pids\":{\"current\":2,\"limit\":30},"
		"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},"
		"{\"major\":8,\"op\":\"Write\",\"value\":2},{\"major\":8,\"op\":\"Discard\"}],"
		"\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":4},"
		"{\"major\":8,\"op\":\"Write\",\"value\":5},"
		"{\"major\":8,\"op\":\"Discard\",\"value\":6}]},"
		"\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":1},\"1GB\":{\"failcnt\":0}},"
		"\"intel_rdt\":{},\"network_interfaces\":null}}\n");
}

static void oom_is_a_line_of_its_own(void **state)
{
	AUTO_STR out = STR_INIT;
	(void)state;

	events_print_oom(&out, "web");
	assert_string_equal(str_text(&out), "{\"type\":\"oom\",\"id\":\"web\"}\n");
}

/* ---- for people ------------------------------------------------------------------------------ */

static void rows_of(struct stats_row rows[3])
{
	rows[0] = (struct stats_row){
		.id = "web", .known = true, .stats = busy, .has_cpu = true, .cpu_percent = 12.345
	};
	rows[1] = (struct stats_row){ .id = "no-controllers", .known = true };
	rows[1].stats.cpu = (struct cgroup_cpu){ .set = true, .total_ns = 5 };
	rows[1].stats.pids =
		(struct cgroup_amount){ .set = false, .usage = 3, .limit = CGROUP_NO_LIMIT };
	rows[2] = (struct stats_row){ .id = "broken", .known = false };
}

static void the_table_has_dashes_for_what_is_unknown(void **state)
{
	struct stats_row rows[3];
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STR out = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	rows_of(rows);
	assert_int_equal(stats_print_table(&out, rows, 3, &a, &err), 0);
	assert_string_equal(
		str_text(&out),
		"ID               CPU %    MEM USAGE / LIMIT   MEM %    PIDS   BLOCK I/O\n"
		"web              12.35%   100B / 400B         25.00%   2      1B / 2B\n"
		"no-controllers   -        - / -               -        3      - / -\n"
		"broken           -        - / -               -        -      - / -\n");
}

static void sizes_have_binary_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0B / -" },
		{ 1023, "1023B / -" },
		{ 1024, "1.0KiB / -" },
		{ 1600000, "1.5MiB / -" },
		{ UINT64_C(5) << 30, "5.0GiB / -" },
		{ UINT64_MAX, "16.0EiB / -" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stats_row row = { .id = "a", .known = true };
		AUTO_ARENA a = ARENA_INIT;
		AUTO_STR out = STR_INIT;
		struct err err = ERR_INIT;

		row.stats.memory.memory = (struct cgroup_amount){ .set = true,
								  .usage = cases[i].bytes,
								  .limit = CGROUP_NO_LIMIT };
		assert_int_equal(stats_print_table(&out, &row, 1, &a, &err), 0);
		if (!strstr(str_text(&out), cases[i].text))
			fail_msg("'%s' is not in '%s'", cases[i].text, out.s);
	}
}

static void json_has_null_for_what_is_unknown(void **state)
{
	struct stats_row rows[3];
	AUTO_STR out = STR_INIT;
	(void)state;

	rows_of(rows);
	stats_print_json(&out, rows, 3);
	assert_string_equal(
		str_text(&out),
		"[{\"id\":\"web\",\"cpu\":{\"percent\":12.35,\"total_ns\":10},"
		"\"memory\":{\"usage\":100,\"limit\":400,\"percent\":25.00},"
		"\"pids\":{\"current\":2,\"limit\":30},\"block_io\":{\"read\":1,\"write\":2}},"
		"{\"id\":\"no-controllers\",\"cpu\":{\"percent\":null,\"total_ns\":5},"
		"\"memory\":{\"usage\":null,\"limit\":null,\"percent\":null},"
		"\"pids\":{\"current\":3,\"limit\":null},"
		"\"block_io\":{\"read\":null,\"write\":null}},"
		"{\"id\":\"broken\",\"cpu\":{\"percent\":null,\"total_ns\":null},"
		"\"memory\":{\"usage\":null,\"limit\":null,\"percent\":null},"
		"\"pids\":{\"current\":null,\"limit\":null},"
		"\"block_io\":{\"read\":null,\"write\":null}}]\n");
}

static void nothing_is_an_empty_list(void **state)
{
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STR table = STR_INIT;
	AUTO_STR json = STR_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(stats_print_table(&table, NULL, 0, &a, &err), 0);
	stats_print_json(&json, NULL, 0);
	assert_string_equal(str_text(&table),
			    "ID   CPU %   MEM USAGE / LIMIT   MEM %   PIDS   BLOCK I/O\n");
	assert_string_equal(str_text(&json), "[]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_reading_has_the_members_that_readers_expect),
		cmocka_unit_test(a_full_reading_is_printed_as_runc_does),
		cmocka_unit_test(oom_is_a_line_of_its_own),
		cmocka_unit_test(the_table_has_dashes_for_what_is_unknown),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(json_has_null_for_what_is_unknown),
		cmocka_unit_test(nothing_is_an_empty_list),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
