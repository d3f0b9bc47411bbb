/* SPDX-License-Identifier: Apache-2.0 */
/* test_sched.c - kernel/sched: C-SCHED, C-PROC-17, C-CPU-15, C-PERS-01, I-10 */
#include "kernel_util.h"

#include <linux/ioprio.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "kernel/sched.h"

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define RESET_ON_FORK 0x01 /* SCHED_FLAG_x: linux/sched.h cannot be included beside sched.h */
#define KEEP_POLICY   0x08
#define KEEP_PARAMS   0x10
#define CLAMP_MAX     0x40

/* Of linux/sched/types.h. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static struct attributes attributes(void)
{
	struct attributes a = { .size = 0 };

	REQUIRE(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0);
	return a;
}

static void batch(void)
{
	struct oci_scheduler s = { .present = true, .policy = SCHED_BATCH, .nice = 7 };
	struct err err = ERR_INIT;

	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE(sched_getscheduler(0) == SCHED_BATCH && getpriority(PRIO_PROCESS, 0) == 7);

	/* the nice value waits for the way back */
	s = (struct oci_scheduler){ .present = true, .policy = SCHED_IDLE, .nice = 9 };
	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE(sched_getscheduler(0) == SCHED_IDLE && getpriority(PRIO_PROCESS, 0) == 9);

	s.flags = RESET_ON_FORK;
	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE(attributes().flags & RESET_ON_FORK);
}

static void policy_and_nice_are_set_together(void **state)
{
	(void)state;
	in_child(batch);
}

static void keep(void)
{
	struct oci_scheduler s = { .present = true, .policy = SCHED_BATCH, .nice = 5 };
	struct err err = ERR_INIT;

	REQUIRE_OK(sched_apply(0, &s, &err), err);
	s = (struct oci_scheduler){
		.present = true, .policy = SCHED_IDLE, .nice = 8, .flags = KEEP_POLICY
	};
	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE(sched_getscheduler(0) == SCHED_BATCH && getpriority(PRIO_PROCESS, 0) == 8);
	s = (struct oci_scheduler){
		.present = true, .policy = SCHED_BATCH, .nice = 19, .flags = KEEP_PARAMS
	};
	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE(sched_getscheduler(0) == SCHED_BATCH && getpriority(PRIO_PROCESS, 0) == 8);

	/* The kernel takes the policy for one of the parameters, against sched_setattr(2). */
	s.policy = SCHED_OTHER;
	if (sched_apply(0, &s, &err) < 0)
		REQUIRE(strstr(err.msg, "policy SCHED_OTHER is not in force"));
	else
		REQUIRE(sched_getscheduler(0) == SCHED_OTHER);
}

/* C-SCHED-06 */
static void keep_flags_keep(void **state)
{
	(void)state;
	in_child(keep);
}

static void absent(void)
{
	const struct oci_scheduler s = { .policy = SCHED_IDLE };
	const struct oci_io_priority p = { .class = IOPRIO_CLASS_IDLE };
	const struct oci_linux l = { .personality = PER_LINUX32 };
	const struct oci_process process = { .present = true };
	long before = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
	struct err err = ERR_INIT;

	REQUIRE_OK(sched_apply(0, &s, &err), err);
	REQUIRE_OK(ioprio_apply(0, &p, &err), err);
	REQUIRE_OK(personality_apply(&l, &err), err);
	REQUIRE_OK(sched_affinity_initial(&process, &err), err);
	REQUIRE(sched_getscheduler(0) == SCHED_OTHER);
	REQUIRE(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) == before);
	REQUIRE(personality(0xffffffff) == PER_LINUX);
}

static void what_is_absent_changes_nothing(void **state)
{
	(void)state;
	in_child(absent);
}

static void refusals(void)
{
	static const struct {
		struct oci_scheduler s;
		const char *text;
	} rows[] = {
		{ { .present = true, .policy = 4 }, "set policy SCHED_ISO (no mainline kernel" },
		{ { .present = true, .policy = SCHED_FIFO, .priority = 5 },
		  "set policy SCHED_FIFO (needs CAP_SYS_NICE" },
		{ { .present = true,
		    .policy = SCHED_DEADLINE,
		    .runtime_ns = 1 << 20,
		    .deadline_ns = 1 << 22 },
		  "set policy SCHED_DEADLINE (needs CAP_SYS_NICE in the initial user namespace, and "
		  "every CPU" },
		{ { .present = true, .policy = SCHED_OTHER, .nice = -1 },
		  "set policy SCHED_OTHER (needs CAP_SYS_NICE" },
		{ { .present = true, .policy = SCHED_IDLE, .nice = -1 }, "set nice -1 (needs CAP_SYS_NICE" },
	};

	if (geteuid() == 0)
		REQUIRE(setresuid(1000, 1000, 1000) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = ERR_INIT;

		REQUIRE(sched_apply(0, &rows[i].s, &err) < 0);
		if (!strstr(err.msg, rows[i].text)) {
			fprintf(stderr, "%zu: %s\n", i, err.msg);
			_exit(1);
		}
		REQUIRE(sched_getscheduler(0) == SCHED_OTHER);
	}
}

/* C-SCHED-02, C-SCHED-07 */
static void refusals_say_what_is_needed(void **state)
{
	(void)state;
	in_child(refusals);
}

static void clamp(void)
{
	const struct oci_scheduler s = { .present = true, .flags = CLAMP_MAX };
	struct err err = ERR_INIT;

	if (sched_apply(0, &s, &err) < 0)
		REQUIRE(strstr(err.msg, "CONFIG_UCLAMP_TASK"));
	else
		REQUIRE(attributes().util_max == 0);
}

/* C-SCHED-06 */
static void clamp_flags_need_a_kernel_with_clamps(void **state)
{
	(void)state;
	in_child(clamp);
}

static void realtime(void)
{
	struct oci_scheduler s = { .present = true, .policy = SCHED_RR, .priority = 42, .nice = 3 };
	struct sched_param p;
	struct err err = ERR_INIT;

	if (sched_apply(0, &s, &err) < 0)
		skip_child(err.msg);
	REQUIRE(sched_getscheduler(0) == SCHED_RR);
	REQUIRE(sched_getparam(0, &p) == 0 && p.sched_priority == 42);
	REQUIRE(getpriority(PRIO_PROCESS, 0) == 3);
}

/* C-SCHED-04 */
static void realtime_policies_have_priorities(void **state)
{
	(void)state;
	in_child(realtime);
}

static void deadline(void)
{
	const struct oci_scheduler s = { .present = true,
					 .policy = SCHED_DEADLINE,
					 .nice = 19,
					 .runtime_ns = 42000,
					 .deadline_ns = 1000000 };
	struct err err = ERR_INIT;

	sched_affinity_all();
	if (sched_apply(0, &s, &err) < 0)
		skip_child(err.msg);
	struct attributes a = attributes();
	REQUIRE(a.policy == SCHED_DEADLINE && a.runtime == 42000);
	REQUIRE(a.deadline == 1000000 && a.period == 1000000);
	REQUIRE(fork() < 0 && errno == EAGAIN);
}

/* C-SCHED-05: a period of 0 is the deadline. */
static void deadlines_are_set(void **state)
{
	(void)state;
	in_child(deadline);
}

static void io(void)
{
	const struct oci_io_priority p = {
		.present = true, .class = IOPRIO_CLASS_IDLE, .priority = 7
	};
	int gate[2], back[2];
	long seen = 0;
	char byte = 0;
	struct err err = ERR_INIT;

	REQUIRE(setsid() > 0 && pipe2(gate, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		REQUIRE(read(gate[0], &byte, 1) == 1);
		seen = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
		REQUIRE(write(back[1], &seen, sizeof(seen)) == sizeof(seen));
		/* not the leader: only itself */
		const struct oci_io_priority own = {
			.present = true, .class = IOPRIO_CLASS_BE, .priority = 1
		};
		REQUIRE_OK(ioprio_apply(0, &own, &err), err);
		REQUIRE(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, getppid()) ==
			IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7));
		_exit(0);
	}
	REQUIRE_OK(ioprio_apply(0, &p, &err), err);
	REQUIRE(write(gate[1], &byte, 1) == 1 && read(back[0], &seen, sizeof(seen)) == sizeof(seen));
	REQUIRE(seen == IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7));
	int status;
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
}

/* C-SCHED-11 */
static void io_priority_is_that_of_the_group(void **state)
{
	(void)state;
	in_child(io);
}

/* From outside, by its number: what a parent does for a child in a user namespace. */
static void other_process(void)
{
	const struct oci_io_priority p = {
		.present = true, .class = IOPRIO_CLASS_BE, .priority = 6
	};
	const struct oci_scheduler s = { .present = true, .policy = SCHED_BATCH, .nice = 4 };
	struct err err = ERR_INIT;
	int gate[2];
	char byte;

	REQUIRE(pipe2(gate, O_CLOEXEC) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
	}
	REQUIRE_OK(sched_apply(pid, &s, &err), err);
	REQUIRE_OK(ioprio_apply(pid, &p, &err), err);
	REQUIRE(sched_getscheduler(pid) == SCHED_BATCH && sched_getscheduler(0) == SCHED_OTHER);
	REQUIRE(getpriority(PRIO_PROCESS, (id_t)pid) == 4 && getpriority(PRIO_PROCESS, 0) != 4);
	REQUIRE(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid) ==
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	REQUIRE(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) !=
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	close(gate[1]);
	REQUIRE(waitpid(pid, NULL, 0) == pid);
}

/* C-SCHED-07 */
static void priorities_of_another_process_can_be_set(void **state)
{
	(void)state;
	in_child(other_process);
}

static void io_refused(void)
{
	const struct oci_io_priority p = { .present = true, .class = IOPRIO_CLASS_RT };
	struct err err = ERR_INIT;

	if (geteuid() == 0)
		REQUIRE(setresuid(1000, 1000, 1000) == 0);
	REQUIRE(ioprio_apply(0, &p, &err) < 0);
	REQUIRE(strstr(err.msg, "set IOPRIO_CLASS_RT, priority 0 (needs CAP_SYS_NICE"));
}

/* C-SCHED-09 */
static void realtime_io_needs_privileges(void **state)
{
	(void)state;
	in_child(io_refused);
}

static void affinity(void)
{
	struct oci_process p = { .present = true, .exec_cpu_initial = "0" };
	cpu_set_t all, set;
	struct err err = ERR_INIT;

	sched_affinity_all();
	REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
	if (!CPU_ISSET(0, &all))
		skip_child("CPU 0 is not ours");
	REQUIRE_OK(sched_affinity_initial(&p, &err), err);
	REQUIRE(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1);
	REQUIRE(CPU_ISSET(0, &set));

	/* no `final`: all CPUs of the container */
	REQUIRE_OK(sched_affinity_final(&p, &err), err);
	REQUIRE(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_EQUAL(&set, &all));

	p.exec_cpu_final = "0";
	REQUIRE_OK(sched_affinity_final(&p, &err), err);
	REQUIRE(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1);

	/* partly and wholly beyond what there is */
	p.exec_cpu_final = "0,8191";
	REQUIRE(sched_affinity_final(&p, &err) < 0);
	REQUIRE(strstr(err.msg, "final: CPU 8191 of '0,8191' is not online"));
	p.exec_cpu_initial = "8190-8191";
	REQUIRE(sched_affinity_initial(&p, &err) < 0);
	REQUIRE(strstr(err.msg, "initial: bind to CPUs '8190-8191' (none of them"));
	p.exec_cpu_initial = "a-b";
	REQUIRE(sched_affinity_initial(&p, &err) < 0 && err.kind == ERR_CONFIG);
}

/* C-PROC-17, C-CPU-15 */
static void affinity_is_a_list_or_everything(void **state)
{
	(void)state;
	in_child(affinity);
}

static void domain(void)
{
	struct oci_linux l = { .has_personality = true, .personality = PER_LINUX32 };
	struct err err = ERR_INIT;

	REQUIRE_OK(personality_apply(&l, &err), err);
	REQUIRE(personality(0xffffffff) == PER_LINUX32);
	l.personality = PER_LINUX;
	REQUIRE_OK(personality_apply(&l, &err), err);
	REQUIRE(personality(0xffffffff) == PER_LINUX);
}

/* C-PERS-01 */
static void personality_is_set_to_either_domain(void **state)
{
	(void)state;
	in_child(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_and_nice_are_set_together),
		cmocka_unit_test(keep_flags_keep),
		cmocka_unit_test(what_is_absent_changes_nothing),
		cmocka_unit_test(refusals_say_what_is_needed),
		cmocka_unit_test(clamp_flags_need_a_kernel_with_clamps),
		cmocka_unit_test(realtime_policies_have_priorities),
		cmocka_unit_test(deadlines_are_set),
		cmocka_unit_test(io_priority_is_that_of_the_group),
		cmocka_unit_test(priorities_of_another_process_can_be_set),
		cmocka_unit_test(realtime_io_needs_privileges),
		cmocka_unit_test(affinity_is_a_list_or_everything),
		cmocka_unit_test(personality_is_set_to_either_domain),
	};

	return cmocka_run_group_tests_name("kernel/sched", tests, NULL, NULL);
}
