/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "kernel/procfs.h"

#define COMMAND_MAX 4096 /* bytes of the arguments that are shown */

/* Times of /proc are in ticks. */
static uint64_t ms_of(uint64_t ticks)
{
	long per_second = sysconf(_SC_CLK_TCK);

	return per_second > 0 ? ticks * 1000 / (uint64_t)per_second : 0;
}

/* Since the boot, the time in which the machine slept included, as in the start time. */
static uint64_t now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_BOOTTIME, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* "PID (NAME) STATE PPID …": the name may hold anything, so the fields are counted from its end. */
static int parse_stat(const char *text, struct process_facts *f)
{
	const char *end = strrchr(text, ')');
	uint64_t user, system, start;

	/* Fields 3, 4, 14, 15 and 22. */
	if (!end ||
	    sscanf(end,
		   ") %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64
		   " %*s %*s %*s %*s %*s %*s %" SCNu64,
		   &f->state, &f->ppid, &user, &system, &start) != 5)
		return -1;

	uint64_t now = now_ms(), began = ms_of(start);
	f->cpu_ms = ms_of(user + system);
	f->age_ms = now > began ? now - began : 0;
	return 0;
}

/* "VmRSS:" in KiB, which a zombie lacks; "Uid:" real, effective, …; "NSpid:" one number for each pid namespace, the innermost last. */
static int parse_status(char *text, struct process_facts *f)
{
	const char *uid = strstr(text, "\nUid:"), *rss = strstr(text, "\nVmRSS:");
	char *ns = strstr(text, "\nNSpid:");

	if (!uid || sscanf(uid, "\nUid: %*u %u", &f->uid) != 1)
		return -1;
	if (rss && sscanf(rss, "\nVmRSS: %" SCNu64, &f->rss_bytes) == 1)
		f->rss_bytes <<= 10;
	f->inner = f->pid;
	if (!ns)
		return 0;

	ns++;
	ns[strcspn(ns, "\n")] = '\0';
	const char *last = strrchr(ns, '\t');
	return last && sscanf(last, "\t%d", &f->inner) == 1 ? 0 : -1;
}

/* Between the brackets of "Name:" when a process has no arguments (a zombie, or one that has
 * overwritten them). */
static char *name_of(const char *status, struct arena *a)
{
	const char *name = status + strcspn(status, "\t") + 1;

	return arena_printf(a, "[%.*s]", (int)strcspn(name, "\n"), name);
}

static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

static int read_command(int procfd, pid_t pid, const char *status, struct arena *a,
			const char **ret, struct err *err)
{
	char name[sizeof("/cmdline") + 11], buf[COMMAND_MAX];
	AUTO_FD fd = -1;

	(void)snprintf(name, sizeof(name), "%d/cmdline", pid);
	if (procfs_open_file(procfd, name, O_RDONLY, &fd, err) < 0)
		return -1;
	ssize_t n = RETRY(read(fd, buf, sizeof(buf)));
	if (n < 0)
		return err_sys(err, "read '/proc/%s'", name);
	while (n > 0 && buf[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\0')
			buf[i] = ' ';
	}

	char *text = n > 0 ? arena_strndup(a, buf, (size_t)n) : name_of(status, a);
	if (!text)
		return err_oom(err);
	make_printable(text);
	*ret = text;
	return 0;
}

static int read_part(int procfd, pid_t pid, const char *part, char *buf, size_t size,
		     struct err *err)
{
	char name[sizeof("/status") + 11];

	(void)snprintf(name, sizeof(name), "%d/%s", pid, part);
	return procfs_read(procfd, name, buf, size, err);
}

int process_read(int procfd, pid_t pid, struct arena *a, struct process_facts *ret,
		 struct err *err)
{
	struct process_facts f = { .pid = pid };
	char stat[1024], status[4096];

	if (read_part(procfd, pid, "stat", stat, sizeof(stat), err) < 0 ||
	    read_part(procfd, pid, "status", status, sizeof(status), err) < 0 ||
	    read_command(procfd, pid, status, a, &f.command, err) < 0)
		return err->sys == ENOENT || err->sys == ESRCH ? 0 : -1;
	if (parse_stat(stat, &f) < 0 || parse_status(status, &f) < 0)
		return err_set(err, ERR_SYSTEM, "'/proc/%d' is not as proc(5) says", pid);

	*ret = f;
	return 1;
}
