/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the usage of a cgroup: formats on plain files, presence and events in the kernel. */
#include "cgroup_fake.h"
#include "cgroup_lab.h"

#include <poll.h>

#include "kernel/cgroup_stats.h"

struct reading {
	struct arena arena;
	struct cgroup_stats s;
	struct err err;
	int rc;
};

static void read_stats(struct reading *r, const struct scratch *s)
{
	const struct cgroup cg = fake_cgroup(s);

	if (faccessat(s->fd, "cgroup.events", F_OK, 0) < 0) {
		fake_file(s, "cgroup.events", "populated 1\nfrozen 0\n");
		fake_file(s, "cgroup.procs", "11\n12\n");
	}
	*r = (struct reading){ .arena = ARENA_INIT, .err = ERR_INIT };
	r->rc = cgroup_stats_read(&cg, &r->arena, &r->s, &r->err);
}

static void read_ok(struct reading *r, const struct scratch *s)
{
	read_stats(r, s);
	if (r->rc != 1)
		fail_msg("%d: %s", r->rc, r->err.msg);
}

static void without_controllers_there_is_nothing_but_the_processes(void **state)
{
	struct reading r;

	read_ok(&r, *state);
	assert_false(r.s.cpu.set);
	assert_false(r.s.memory.memory.set);
	assert_false(r.s.memory.swap.set);
	assert_false(r.s.io.set);
	assert_false(r.s.cpu.pressure.set);
	assert_int_equal(r.s.memory.n_counters, 0);
	assert_int_equal(r.s.n_hugetlb, 0);
	assert_false(r.s.pids.set);
	assert_int_equal(r.s.pids.usage, 2);
	assert_true(r.s.pids.limit == CGROUP_NO_LIMIT);
	arena_done(&r.arena);
}

static void processor_times_become_nanoseconds(void **state)
{
	struct reading r;

	fake_file(*state, "cpu.stat",
		  "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnice_usec 9\n"
		  "core_sched.force_idle_usec 0\nnr_periods 7\nnr_throttled 2\n"
		  "throttled_usec 11\nnr_bursts 0\nburst_usec 0\n");
	read_ok(&r, *state);
	assert_true(r.s.cpu.set);
	assert_int_equal(r.s.cpu.total_ns, 5000000);
	assert_int_equal(r.s.cpu.user_ns, 3000000);
	assert_int_equal(r.s.cpu.system_ns, 2000000);
	assert_int_equal(r.s.cpu.periods, 7);
	assert_int_equal(r.s.cpu.throttled_periods, 2);
	assert_int_equal(r.s.cpu.throttled_ns, 11000);
	arena_done(&r.arena);
}

static void memory_has_limits_peaks_and_counters(void **state)
{
	struct reading r;

	fake_file(*state, "memory.current", "4096\n");
	fake_file(*state, "memory.max", "max\n");
	fake_file(*state, "memory.peak", "8192\n");
	fake_file(*state, "memory.swap.current", "100\n");
	fake_file(*state, "memory.swap.max", "200\n");
	fake_file(*state, "memory.stat", "anon 1\nfile 18446744073709551615\nnew_thing 3\n");
	read_ok(&r, *state);
	assert_true(r.s.memory.memory.set && r.s.memory.swap.set);
	assert_int_equal(r.s.memory.memory.usage, 4096);
	assert_true(r.s.memory.memory.limit == CGROUP_NO_LIMIT);
	assert_int_equal(r.s.memory.memory.peak, 8192);
	assert_int_equal(r.s.memory.swap.usage, 100);
	assert_int_equal(r.s.memory.swap.limit, 200);
	assert_int_equal(r.s.memory.n_counters, 3);
	assert_string_equal(r.s.memory.counters[1].name, "file");
	assert_true(r.s.memory.counters[1].value == UINT64_MAX);
	assert_string_equal(r.s.memory.counters[2].name, "new_thing");
	arena_done(&r.arena);
}

static void pids_come_from_the_controller(void **state)
{
	struct reading r;

	fake_file(*state, "pids.current", "5\n");
	fake_file(*state, "pids.max", "50\n");
	read_ok(&r, *state);
	assert_true(r.s.pids.set);
	assert_int_equal(r.s.pids.usage, 5);
	assert_int_equal(r.s.pids.limit, 50);
	arena_done(&r.arena);
}

/* The third line is how kernels before 5.16 print disks that were idle, the last one has values of
 * other modules. */
static void disks_are_read_line_by_line(void **state)
{
	struct reading r;

	fake_file(*state, "io.stat",
		  "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"
		  "7:0 \n"
		  "7:2 7:1 253:16 rbytes=10 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"
		  "254:0 cost.vrate=100.00 rbytes=9 use_delay=0\n");
	read_ok(&r, *state);
	assert_true(r.s.io.set);
	assert_int_equal(r.s.io.n_devices, 3);
	assert_int_equal(r.s.io.devices[0].major, 8);
	assert_int_equal(r.s.io.devices[0].rbytes, 1);
	assert_int_equal(r.s.io.devices[0].wbytes, 2);
	assert_int_equal(r.s.io.devices[0].rios, 3);
	assert_int_equal(r.s.io.devices[0].wios, 4);
	assert_int_equal(r.s.io.devices[0].dbytes, 5);
	assert_int_equal(r.s.io.devices[0].dios, 6);
	assert_int_equal(r.s.io.devices[1].major, 253);
	assert_int_equal(r.s.io.devices[1].minor, 16);
	assert_int_equal(r.s.io.devices[1].rbytes, 10);
	assert_int_equal(r.s.io.devices[2].major, 254);
	assert_int_equal(r.s.io.devices[2].rbytes, 9);
	arena_done(&r.arena);
}

static void pressure_has_two_lines_or_one(void **state)
{
	struct reading r;

	fake_file(*state, "cpu.pressure", "some avg10=1.25 avg60=0.00 avg300=100.00 total=77\n");
	fake_file(*state, "memory.pressure",
		  "some avg10=0.01 avg60=0.10 avg300=9.99 total=18446744073709551615\n"
		  "full avg10=0.00 avg60=0.00 avg300=0.07 total=5\n");
	read_ok(&r, *state);
	assert_true(r.s.cpu.pressure.set);
	assert_int_equal(r.s.cpu.pressure.some.avg10, 125);
	assert_int_equal(r.s.cpu.pressure.some.avg300, 10000);
	assert_int_equal(r.s.cpu.pressure.some.total_us, 77);
	assert_int_equal(r.s.cpu.pressure.full.total_us, 0);
	assert_int_equal(r.s.memory.pressure.some.avg60, 10);
	assert_true(r.s.memory.pressure.some.total_us == UINT64_MAX);
	assert_int_equal(r.s.memory.pressure.full.avg300, 7);
	assert_false(r.s.io.pressure.set);
	arena_done(&r.arena);
}

static void huge_pages_have_files_for_each_size(void **state)
{
	struct reading r;

	fake_file(*state, "hugetlb.2MB.current", "2097152\n");
	fake_file(*state, "hugetlb.2MB.rsvd.current", "4\n");
	fake_file(*state, "hugetlb.2MB.max", "max\n");
	fake_file(*state, "hugetlb.2MB.events", "max 3\n");
	read_ok(&r, *state);
	assert_int_equal(r.s.n_hugetlb, 1);
	assert_string_equal(r.s.hugetlb[0].size, "2MB");
	assert_int_equal(r.s.hugetlb[0].usage, 2097152);
	assert_int_equal(r.s.hugetlb[0].failures, 3);
	arena_done(&r.arena);
}

static void what_is_no_number_is_a_failure(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "cpu.stat", "usage_usec x\n" },
		{ "cpu.stat", "usage_usec\n" },
		{ "cpu.stat", "usage_usec 18446744073709551615\n" },
		{ "memory.current", "-1\n" },
		{ "memory.max", "\n" },
		{ "memory.stat", "file 1 2\n" },
		{ "memory.stat", "file\n" },
		{ "pids.max", "many\n" },
		{ "io.stat", "8 rbytes=1\n" },
		{ "io.stat", "8:0 rbytes=\n" },
		{ "io.stat", "8:x rbytes=1\n" },
		{ "cpu.pressure", "some avg10=1 total=1\n" },
		{ "cpu.pressure", "some avg10=1.234 total=1\n" },
		{ "cpu.pressure", "some avg10=.25 total=1\n" },
		{ "cpu.pressure", "some avg10\n" },
		{ "hugetlb.2MB.current", "\n" },
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reading r;

		fake_file(s, cases[i].name, cases[i].text);
		read_stats(&r, s);
		if (r.rc != -1 || !strstr(r.err.msg, cases[i].name) ||
		    !strstr(r.err.msg, "cgroup '/fake'"))
			fail_msg("case %zu: %d, '%s'", i, r.rc, r.err.msg);
		arena_done(&r.arena);
		assert_int_equal(unlinkat(s->fd, cases[i].name, 0), 0);
	}
}

/* A container with a writable cgroup gives its sub-cgroups names of files that are not there. */
static void sub_cgroups_are_not_taken_for_files(void **state)
{
	static const char *const names[] = { "memory.current", "memory.stat",
					     "memory.events",  "pids.current",
					     "io.stat",        "cpu.pressure",
					     "cpu.stat",       "hugetlb.2MB.current" };
	struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	struct cgroup_watch w = CGROUP_WATCH_INIT;
	struct reading r;
	bool populated = false;
	uint64_t kills = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(mkdirat(s->fd, names[i], 0755), 0);
	read_ok(&r, s);
	assert_false(r.s.memory.memory.set || r.s.pids.set || r.s.io.set || r.s.cpu.set);
	assert_int_equal(r.s.n_hugetlb, 0);
	assert_int_equal(r.s.pids.usage, 2);
	assert_int_equal(cgroup_watch_begin(&cg, &w, &r.err), 1);
	assert_int_equal(w.memory, -1);
	assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &r.err), 0);
	assert_true(populated);
	cgroup_watch_done(&w);
	arena_done(&r.arena);
}

/* ---- in the kernel --------------------------------------------------------------------------- */

static void a_new_cgroup_has_processor_times_and_no_processes(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	AUTO_ARENA a = ARENA_INIT;
	struct cgroup_stats s;
	struct err err = ERR_INIT;

	create_in(l, "a", &cg);
	assert_int_equal(cgroup_stats_read(&cg, &a, &s, &err), 1);
	assert_true(s.cpu.set);
	assert_int_equal(s.pids.usage, 0);
	(void)child_in(l, "a", NULL);
	assert_int_equal(cgroup_stats_read(&cg, &a, &s, &err), 1);
	assert_int_equal(s.pids.usage, 1);
	remove_now(l, &cg);
}

static void a_removed_cgroup_is_no_failure(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_watch w = CGROUP_WATCH_INIT, late = CGROUP_WATCH_INIT;
	AUTO_ARENA a = ARENA_INIT;
	struct cgroup_stats s;
	struct err err = ERR_INIT;
	bool populated = true;
	uint64_t kills = 0;

	create_in(l, "a", &cg);
	assert_int_equal(cgroup_watch_begin(&cg, &w, &err), 1);
	assert_int_equal(unlinkat(l->fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(cgroup_stats_read(&cg, &a, &s, &err), 0);
	assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &err), 0);
	assert_false(populated);
	assert_int_equal(cgroup_watch_begin(&cg, &late, &err), 0);
	cgroup_watch_done(&w);
	cgroup_done(&cg);
}

static void the_end_of_the_last_process_ends_a_poll(void **state)
{
	struct lab *l = need(state);
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_watch w = CGROUP_WATCH_INIT;
	struct err err = ERR_INIT;
	bool populated = false;
	uint64_t kills = 0;

	create_in(l, "a", &cg);
	pid_t pid = child_in(l, "a", NULL);
	assert_int_equal(cgroup_watch_begin(&cg, &w, &err), 1);
	assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &err), 0);
	assert_true(populated);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (populated) {
		struct pollfd pfd = { .fd = w.events, .events = POLLPRI };

		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &err), 0);
	}
	assert_int_equal(kills, 0);
	cgroup_watch_done(&w);
	remove_now(l, &cg);
}

/* C-MEM-15 */
static void kills_for_memory_are_counted(void **state)
{
	struct scratch *s = *state;
	const struct cgroup cg = fake_cgroup(s);
	struct cgroup_watch w = CGROUP_WATCH_INIT;
	struct err err = ERR_INIT;
	bool populated = false;
	uint64_t kills = 0;

	fake_file(s, "cgroup.events", "populated 1\nfrozen 0\n");
	fake_file(s, "memory.events",
		  "low 0\nhigh 0\nmax 5\noom 2\noom_kill 3\noom_group_kill 9\n");
	assert_int_equal(cgroup_watch_begin(&cg, &w, &err), 1);
	assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &err), 0);
	assert_true(populated);
	assert_int_equal(kills, 3);
	fake_file(s, "memory.events", "oom_kill x\n");
	assert_int_equal(cgroup_watch_look(&w, &populated, &kills, &err), -1);
	assert_non_null(strstr(err.msg, "memory.events"));
	cgroup_watch_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(without_controllers_there_is_nothing_but_the_processes),
		SCRATCH_TEST(processor_times_become_nanoseconds),
		SCRATCH_TEST(memory_has_limits_peaks_and_counters),
		SCRATCH_TEST(pids_come_from_the_controller),
		SCRATCH_TEST(disks_are_read_line_by_line),
		SCRATCH_TEST(pressure_has_two_lines_or_one),
		SCRATCH_TEST(huge_pages_have_files_for_each_size),
		SCRATCH_TEST(what_is_no_number_is_a_failure),
		SCRATCH_TEST(sub_cgroups_are_not_taken_for_files),
		SCRATCH_TEST(kills_for_memory_are_counted),
		LAB_TEST(a_new_cgroup_has_processor_times_and_no_processes),
		LAB_TEST(a_removed_cgroup_is_no_failure),
		LAB_TEST(the_end_of_the_last_process_ends_a_poll),
	};

	return cmocka_run_group_tests_name("cgroup_stats", tests, NULL, NULL);
}
