/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c - runs a command once and prints what it cost
 *
 *   measure COMMAND [ARG]...  ->  "STATUS WALL_NS CPU_NS FAULTS RSS_KIB" on descriptor 3
 *
 * Wall: from before the spawn until the command was reaped. CPU and page faults: of the command and
 * of all descendants that have ended by then (we are their subreaper). RSS: of the largest process.
 * A small static program, because a large caller would be slower to leave and would count as the
 * command's own memory. */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t cpu_ns(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * INT64_C(1000000000) +
	       (u->ru_utime.tv_usec + u->ru_stime.tv_usec) * INT64_C(1000);
}

int main(int argc, char **argv)
{
	struct rusage own, all;
	pid_t pid;
	int status;

	/* What the command starts must not hold it open. */
	if (argc < 2 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		return 125;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int64_t start = now_ns();
	if (posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0)
		return 125;
	if (wait4(pid, &status, 0, &own) < 0)
		return 125;
	int64_t wall = now_ns() - start;
	/* The container of `run` has ended; that of `create` lives on and is left to the next
	 * reaper. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &all);
	dprintf(3, "%d %jd %jd %ld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255,
		(intmax_t)wall, (intmax_t)cpu_ns(&all), all.ru_minflt + all.ru_majflt,
		own.ru_maxrss);
	return 0;
}
