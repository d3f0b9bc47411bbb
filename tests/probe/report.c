/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - everything that a process can find out about itself; see probe.h */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

extern char **environ;

static void report_ids(void)
{
	uid_t u[3];
	gid_t g[3];
	static gid_t groups[65536];
	int n = getgroups(65536, groups);

	getresuid(&u[0], &u[1], &u[2]);
	getresgid(&g[0], &g[1], &g[2]);
	begin("uid", '[');
	for (int i = 0; i < 3; i++)
		put_uint(NULL, u[i]);
	end(']');
	begin("gid", '[');
	for (int i = 0; i < 3; i++)
		put_uint(NULL, g[i]);
	end(']');
	begin("groups", '[');
	for (int i = 0; i < n; i++)
		put_uint(NULL, groups[i]);
	end(']');
}

static void report_process(int argc, char **argv)
{
	char cwd[4096];
	mode_t mask = umask(0);

	umask(mask);
	put_int("pid", getpid());
	put_int("ppid", getppid());
	put_int("sid", getsid(0));
	put_int("pgid", getpgid(0));
	report_ids();
	put_uint("umask", mask);
	/* The raw call: glibc would hide "(unreachable)". */
	put_text("cwd", syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 ? NULL : cwd);
	begin("argv", '[');
	for (int i = 0; i < argc; i++)
		put_text(NULL, argv[i]);
	end(']');
	begin("environ", '[');
	for (char **e = environ; *e != NULL; e++)
		put_text(NULL, *e);
	end(']');
	put_file("oom_score_adj", "/proc/self/oom_score_adj");
	put_file("status", "/proc/self/status");
	put_file("stat", "/proc/self/stat");
	put_file("attr_current", "/proc/self/attr/current");
	put_file("attr_apparmor", "/proc/self/attr/apparmor/current");
	put_file("cgroup", "/proc/self/cgroup");
	put_file("timens_offsets", "/proc/self/timens_offsets");
	put_file("uid_map", "/proc/self/uid_map");
	put_file("gid_map", "/proc/self/gid_map");
	put_file("setgroups", "/proc/self/setgroups");
}

static void report_privileges(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
	uint64_t bounding = 0, ambient = 0;

	syscall(SYS_capget, &head, data);
	for (unsigned long i = 0; i < 64; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			bounding |= UINT64_C(1) << i;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			ambient |= UINT64_C(1) << i;
	}
	begin("caps", '{');
	put_uint("bounding", bounding);
	put_uint("effective", data[0].effective | (uint64_t)data[1].effective << 32);
	put_uint("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
	put_uint("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
	put_uint("ambient", ambient);
	end('}');
	put_int("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	put_int("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	put_int("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	put_int("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	int deathsig = -1;
	prctl(PR_GET_PDEATHSIG, &deathsig, 0, 0, 0);
	put_int("pdeathsig", deathsig);
}

/* Mountinfo escapes blanks and backslashes as three octal digits. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] != '\0' && s[3] != '\0') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static void report_mount(char *line)
{
	static const char *const before[] = { "id", "parent", "dev", "root", "target", "options" };
	static const char *const after[] = { "fstype", "source", "super" };
	char *save = NULL, *word = strtok_r(line, " ", &save);

	begin(NULL, '{');
	for (size_t i = 0; i < 6 && word != NULL; i++, word = strtok_r(NULL, " ", &save)) {
		unescape(word);
		put_text(before[i], word);
	}
	begin("optional", '[');
	for (; word != NULL && strcmp(word, "-") != 0; word = strtok_r(NULL, " ", &save))
		put_text(NULL, word);
	end(']');
	for (size_t i = 0; i < 3; i++) {
		word = strtok_r(NULL, " ", &save);
		if (word != NULL)
			unescape(word);
		put_text(after[i], word);
	}
	end('}');
}

static void report_mounts(void)
{
	char *text = slurp("/proc/self/mountinfo"), *save = NULL;

	if (text == NULL) {
		put_text("mounts", NULL);
		return;
	}
	begin("mounts", '[');
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		report_mount(line);
	end(']');
	free(text);
}

static void report_namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc",  "mnt",  "net",
					     "pid",    "time", "user", "uts" };
	char path[64];

	begin("namespaces", '{');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		put_link(names[i], AT_FDCWD, path);
	}
	end('}');
}

static void report_rlimits(void)
{
	static const char *const names[RLIM_NLIMITS] = {
		[RLIMIT_AS] = "AS",
		[RLIMIT_CORE] = "CORE",
		[RLIMIT_CPU] = "CPU",
		[RLIMIT_DATA] = "DATA",
		[RLIMIT_FSIZE] = "FSIZE",
		[RLIMIT_LOCKS] = "LOCKS",
		[RLIMIT_MEMLOCK] = "MEMLOCK",
		[RLIMIT_MSGQUEUE] = "MSGQUEUE",
		[RLIMIT_NICE] = "NICE",
		[RLIMIT_NOFILE] = "NOFILE",
		[RLIMIT_NPROC] = "NPROC",
		[RLIMIT_RSS] = "RSS",
		[RLIMIT_RTPRIO] = "RTPRIO",
		[RLIMIT_RTTIME] = "RTTIME",
		[RLIMIT_SIGPENDING] = "SIGPENDING",
		[RLIMIT_STACK] = "STACK",
	};

	begin("rlimits", '{');
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r;

		if (names[i] == NULL || getrlimit((__rlimit_resource_t)i, &r) < 0)
			continue;
		begin(names[i], '[');
		put_uint(NULL, r.rlim_cur);
		put_uint(NULL, r.rlim_max);
		end(']');
	}
	end('}');
}

static void report_fds(void)
{
	begin("fds", '{');
	for (int fd = 0; fd < 4096; fd++) {
		char number[16], path[64];
		struct stat st;

		if (fcntl(fd, F_GETFD) < 0 || fstat(fd, &st) < 0)
			continue;
		snprintf(number, sizeof(number), "%d", fd);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		begin(number, '{');
		put_link("target", AT_FDCWD, path);
		put_int("flags", fcntl(fd, F_GETFL));
		put_stat(&st);
		end('}');
	}
	end('}');
}

static void report_signals(void)
{
	/* The kernel's own structure; glibc hides signals 32 and 33. */
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action;
	uint64_t blocked = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked));
	begin("signals_blocked", '[');
	for (int i = 1; i <= 64; i++)
		if (blocked >> (i - 1) & 1)
			put_int(NULL, i);
	end(']');
	begin("signals_ignored", '[');
	for (int i = 1; i <= 64; i++)
		if (syscall(SYS_rt_sigaction, i, NULL, &action, sizeof(uint64_t)) == 0 &&
		    action.handler == SIG_IGN)
			put_int(NULL, i);
	end(']');
}

static void report_system(void)
{
	struct utsname u;
	struct timespec t;
	static char keyring[512];
	long n;

	uname(&u);
	put_text("hostname", u.nodename);
	put_text("domainname", u.domainname);
	put_text("machine", u.machine);
	put_text("release", u.release);
	clock_gettime(CLOCK_MONOTONIC, &t);
	put_int("monotonic", t.tv_sec);
	clock_gettime(CLOCK_BOOTTIME, &t);
	put_int("boottime", t.tv_sec);
	/* "keyring;uid;gid;perm;name" */
	n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, keyring,
		    sizeof(keyring));
	put_text("session_keyring", n > 0 ? keyring : NULL);
	put_int("session_keyring_id",
		syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	put_int("personality", personality(0xffffffff));
	put_int("scheduler", sched_getscheduler(0));
	put_int("nice", getpriority(PRIO_PROCESS, 0));
	put_int("ioprio", syscall(SYS_ioprio_get, 1, 0));
	cpu_set_t set;
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	put_int("cpus", CPU_COUNT(&set));
}

static void report_scheduling(void)
{
	/* Of linux/sched/types.h, which cannot be included beside sched.h. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = 0 };
	unsigned long nodes[128] = { 0 };
	int mode = -1;

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0) {
		begin("sched", '{');
		put_uint("policy", a.policy);
		put_uint("flags", a.flags);
		put_int("nice", a.nice);
		put_uint("priority", a.priority);
		put_uint("runtime", a.runtime);
		put_uint("deadline", a.deadline);
		put_uint("period", a.period);
		end('}');
	}
	/* null in a kernel without NUMA */
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0) < 0) {
		put_text("mempolicy", NULL);
		return;
	}
	begin("mempolicy", '{');
	put_int("mode", mode);
	begin("nodes", '[');
	for (int i = 0; i < 64; i++)
		if (nodes[0] >> i & 1)
			put_int(NULL, i);
	end(']');
	end('}');
}

static void report_interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	begin("interfaces", '{');
	for (struct if_nameindex *i = list; i != NULL && i->if_name != NULL; i++) {
		struct ifreq r = { .ifr_flags = 0 };

		strncpy(r.ifr_name, i->if_name, IFNAMSIZ - 1);
		if (ioctl(sock, SIOCGIFFLAGS, &r) < 0)
			continue;
		begin(i->if_name, '{');
		put_bool("up", r.ifr_flags & IFF_UP);
		put_bool("running", r.ifr_flags & IFF_RUNNING);
		put_bool("loopback", r.ifr_flags & IFF_LOOPBACK);
		if (ioctl(sock, SIOCGIFADDR, &r) == 0) {
			struct sockaddr_in in;

			memcpy(&in, &r.ifr_addr, sizeof(in));
			put_text("address", inet_ntoa(in.sin_addr));
		}
		end('}');
	}
	end('}');
	if (list != NULL)
		if_freenameindex(list);
	close(sock);
}

void report_directory(const char *name, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	begin(name, '{');
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		struct stat st;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		begin(d->d_name, '{');
		put_stat(&st);
		if (S_ISLNK(st.st_mode))
			put_link("target", dirfd(dir), d->d_name);
		end('}');
	}
	end('}');
	if (dir != NULL)
		closedir(dir);
}

void report(int argc, char **argv)
{
	/* Before anything of our own is open. */
	report_fds();
	report_process(argc, argv);
	report_privileges();
	report_mounts();
	report_namespaces();
	report_rlimits();
	report_signals();
	report_system();
	report_scheduling();
	report_interfaces();
	report_directory("dev", "/dev");
}
