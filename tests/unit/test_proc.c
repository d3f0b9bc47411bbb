/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"

/* A child that sleeps until it is killed. */
static pid_t sleeper(const char *name)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		if (name)
			prctl(PR_SET_NAME, name);
		for (;;)
			pause();
	}

	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Waits until PID is in STATE as /proc shows it. */
static uint64_t wait_state(pid_t pid, char wanted)
{
	uint64_t start = 0;
	char c = 0;

	for (int i = 0; i < 2000 && c != wanted; i++) {
		assert_int_equal(proc_stat(pid, &start, &c), 0);
		if (c != wanted)
			usleep(1000);
	}
	assert_int_equal(c, wanted);

	return start;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stat_shows_start_time_and_state(void **state)
{
	uint64_t first = 0;
	uint64_t second = 0;
	char c = 0;
	(void)state;

	assert_int_equal(proc_stat(getpid(), &first, &c), 0);
	assert_int_equal(c, 'R');
	assert_true(first > 0);

	/* The start time is boot time in ticks: a child's is ours or later, and not the future. */
	pid_t pid = sleeper(NULL);
	second = wait_state(pid, 'S');
	finish(pid);
	struct timespec up;
	clock_gettime(CLOCK_BOOTTIME, &up);
	assert_true(second >= first);
	assert_true(second <= (uint64_t)(up.tv_sec + 1) * (uint64_t)sysconf(_SC_CLK_TCK));
}

/* A process chooses its own name, so it can try to forge the fields behind it. */
static void stat_is_not_fooled_by_the_command_name(void **state)
{
	static const char *const names[] = { ") R 1 1 1", "a) (b", "))))", "x\ny", " " };
	(void)state;

	pid_t plain = sleeper(NULL);
	uint64_t reference = wait_state(plain, 'S');
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		pid_t pid = sleeper(names[i]);
		uint64_t start = wait_state(pid, 'S');

		assert_true(start >= reference && start < reference + 1000);
		finish(pid);
	}
	finish(plain);
}

static void stat_of_nobody_fails(void **state)
{
	uint64_t start = 7;
	char c = 'x';
	pid_t pid = sleeper(NULL);
	(void)state;

	finish(pid);
	assert_int_equal(proc_stat(pid, &start, &c), -1);
	assert_true(errno == ENOENT || errno == ESRCH);
	assert_int_equal(proc_stat(0, &start, &c), -1);
	assert_int_equal(proc_stat(-1, &start, &c), -1);
	assert_true(start == 7 && c == 'x');
}

static void open_finds_the_process_that_was_meant(void **state)
{
	pid_t pid = sleeper(NULL);
	uint64_t start = wait_state(pid, 'S');
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(proc_open(pid, start, &p, &e), 1);
	assert_int_equal(p.pid, pid);
	assert_true(p.start_time == start);
	assert_true(is_cloexec(p.pidfd));
	assert_int_equal(proc_signal(&p, 0), 0);

	proc_done(&p);
	assert_int_equal(p.pid, -1);
	assert_int_equal(p.pidfd, -1);
	finish(pid);
}

/* R-STATE-13: a recycled pid is never reported or signalled. */
static void open_refuses_a_recycled_pid(void **state)
{
	pid_t pid = sleeper(NULL);
	uint64_t start = wait_state(pid, 'S');
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(proc_open(pid, start + 1, &p, &e), 0);
	assert_int_equal(proc_open(pid, start - 1, &p, &e), 0);
	assert_int_equal(proc_open(pid, 0, &p, &e), 0);

	assert_int_equal(p.pidfd, -1);
	assert_int_equal(e.kind, ERR_NONE);
	finish(pid);
}

static void open_says_gone_for_zombies_and_for_the_dead(void **state)
{
	pid_t pid = sleeper(NULL);
	uint64_t start = wait_state(pid, 'S');
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	(void)state;

	kill(pid, SIGKILL);
	wait_state(pid, 'Z');
	assert_int_equal(proc_open(pid, start, &p, &e), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_open(pid, start, &p, &e), 0);
	assert_int_equal(p.pidfd, -1);
	assert_int_equal(e.kind, ERR_NONE);
}

static void open_refuses_a_pid_that_cannot_be(void **state)
{
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	(void)state;

	assert_int_equal(proc_open(0, 1, &p, &e), -1);
	assert_int_equal(proc_open(-1, 1, &p, &e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
}

static void *thread_waits(void *fd)
{
	char c;

	while (read(*(int *)fd, &c, 1) > 0)
		;
	return NULL;
}

/* A thread's number is no process; that is what a recycled pid may have become. */
static void open_says_gone_for_the_number_of_a_thread(void **state)
{
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	pthread_t t;
	int fds[2];
	pid_t tid = 0;
	(void)state;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&t, NULL, thread_waits, &fds[0]), 0);
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		uint32_t n;

		if (parse_u32(entry->d_name, &n) == 0 && (pid_t)n != getpid())
			tid = (pid_t)n;
	}
	closedir(d);
	uint64_t start;
	char c;
	assert_true(tid > 0);
	assert_int_equal(proc_stat(tid, &start, &c), 0);
	assert_int_equal(proc_open(tid, start, &p, &e), 0);
	close(fds[1]);
	pthread_join(t, NULL);
	close(fds[0]);
}

static void *thread_sleeps(void *unused)
{
	(void)unused;
	pause();

	return NULL;
}

/* The state letter is 'Z' although the process runs on: it must not count as gone. */
static void open_finds_a_process_whose_first_thread_has_ended(void **state)
{
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	(void)state;

	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;

		alarm(60);
		pthread_create(&t, NULL, thread_sleeps, NULL);
		/* Ends this thread only. */
		syscall(SYS_exit, 0);
	}
	uint64_t start = wait_state(pid, 'Z');
	assert_int_equal(proc_open(pid, start, &p, &e), 1);
	assert_int_equal(proc_wait_end(&p, 0), 0);
	assert_int_equal(proc_signal(&p, SIGKILL), 0);
	assert_int_equal(proc_reap(&p), 128 + SIGKILL);
	proc_done(&p);
}

/* Without /proc a live process must not be called gone. */
static void open_fails_without_proc(void **state)
{
	int status;
	pid_t target = sleeper(NULL);
	uint64_t start = wait_state(target, 'S');
	(void)state;

	pid_t pid = fork();
	if (pid == 0) {
		struct proc p = PROC_INIT;
		struct err e = ERR_INIT;

		/* A private mount namespace: nobody else sees this /proc. */
		if (unshare(CLONE_NEWNS) < 0 ||
		    sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    sys_mount("none", "/proc", "tmpfs", 0, NULL) < 0)
			_exit(77);
		int rc = proc_open(target, start, &p, &e);
		_exit(rc == -1 && e.kind == ERR_SYSTEM && strstr(e.msg, "/proc/") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	finish(target);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("needs the right to mount\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static struct proc handle(pid_t pid)
{
	struct proc p = PROC_INIT;
	struct err e = ERR_INIT;
	uint64_t start;
	char c;

	assert_int_equal(proc_stat(pid, &start, &c), 0);
	assert_int_equal(proc_open(pid, start, &p, &e), 1);

	return p;
}

static void signal_ends_and_wait_sees_it_without_reaping(void **state)
{
	pid_t pid = sleeper(NULL);
	struct proc p = handle(pid);
	(void)state;

	assert_int_equal(proc_wait_end(&p, 0), 0);
	assert_int_equal(proc_signal(&p, SIGTERM), 0);
	assert_int_equal(proc_wait_end(&p, -1), 1);
	assert_int_equal(proc_wait_end(&p, 0), 1);
	assert_int_equal(proc_reap(&p), 128 + SIGTERM);
	assert_int_equal(proc_signal(&p, SIGTERM), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(proc_reap(&p), -1);
	assert_int_equal(errno, ECHILD);
	proc_done(&p);
}

static void reap_returns_the_exit_code(void **state)
{
	int fds[2];
	(void)state;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;

		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? 42 : 1);
	}
	struct proc p = handle(pid);
	close(fds[0]);
	close(fds[1]);

	assert_int_equal(proc_reap(&p), 42);
	proc_done(&p);
}

static void ignore(int sig)
{
	(void)sig;
}

/* Signals that arrive while we wait neither end the wait nor make it longer. */
static void wait_keeps_its_time_limit_under_signals(void **state)
{
	struct sigaction sa = { .sa_handler = ignore };
	struct sigaction old;
	pid_t pid = sleeper(NULL);
	struct proc p = handle(pid);
	(void)state;

	sigaction(SIGUSR1, &sa, &old);
	pid_t parent = getpid();
	pid_t pest = fork();
	if (pest == 0) {
		for (int i = 0; i < 200; i++) {
			kill(parent, SIGUSR1);
			usleep(10000);
		}
		_exit(0);
	}
	int64_t before = now_ms();
	int rc = proc_wait_end(&p, 300);
	int64_t took = now_ms() - before;
	finish(pest);
	sigaction(SIGUSR1, &old, NULL);

	assert_int_equal(rc, 0);
	assert_true(took >= 290 && took < 1500);
	proc_done(&p);
	finish(pid);
}

static void an_unset_handle_is_refused(void **state)
{
	struct proc p = PROC_INIT;
	(void)state;

	assert_int_equal(proc_signal(&p, SIGTERM), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(proc_wait_end(&p, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(proc_reap(&p), -1);
	assert_int_equal(errno, EBADF);
	proc_done(&p);
}

/* The kernel has written a number by the time it looks at the cgroup. */
static void a_clone_that_fails_gives_no_pidfd(void **state)
{
	int pidfd = 1234;
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd,
				   .cgroup = 0x7fffffff,
				   .exit_signal = SIGCHLD };
	(void)state;

	assert_int_equal(sys_clone3(&args), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(pidfd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(stat_shows_start_time_and_state),
		SCRATCH_TEST(stat_is_not_fooled_by_the_command_name),
		SCRATCH_TEST(stat_of_nobody_fails),
		SCRATCH_TEST(open_finds_the_process_that_was_meant),
		SCRATCH_TEST(open_refuses_a_recycled_pid),
		SCRATCH_TEST(open_says_gone_for_zombies_and_for_the_dead),
		SCRATCH_TEST(open_refuses_a_pid_that_cannot_be),
		SCRATCH_TEST(open_says_gone_for_the_number_of_a_thread),
		SCRATCH_TEST(open_finds_a_process_whose_first_thread_has_ended),
		SCRATCH_TEST(open_fails_without_proc),
		SCRATCH_TEST(signal_ends_and_wait_sees_it_without_reaping),
		SCRATCH_TEST(reap_returns_the_exit_code),
		SCRATCH_TEST(wait_keeps_its_time_limit_under_signals),
		SCRATCH_TEST(an_unset_handle_is_refused),
		cmocka_unit_test(a_clone_that_fails_gives_no_pidfd),
	};

	return cmocka_run_group_tests_name("base/proc", tests, NULL, NULL);
}
