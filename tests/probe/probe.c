/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - what a process in a container sees and may do, as JSON
 *
 * A static program that the tests run as the container's process. It needs nothing from the root
 * file system; what cannot be found out without /proc is null when there is no /proc.
 *
 *   probe                              reports everything about itself
 *   probe ACTION [ARG]... [-- ACTION [ARG]...]...
 *
 * Each action prints one JSON object on a line of its own. Every object of an action that can fail
 * has "errno": null, or the name of the error ("EPERM"). The table at the end lists the actions. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static int act_report(int argc, char **argv)
{
	report(argc, argv);
	return 0;
}

static long number(const char *s)
{
	return strtol(s, NULL, 0);
}

/* try-open PATH r|w|rw */
static int act_try_open(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "r";
	int flags = strcmp(mode, "rw") == 0 ? O_RDWR : strcmp(mode, "w") == 0 ? O_WRONLY : O_RDONLY;
	int fd = open(argv[1], flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	put_errno(fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int act_exit(int argc, char **argv)
{
	(void)argc;
	printf("\"exit\":%ld}\n", number(argv[1]));
	fflush(stdout);
	_exit((int)number(argv[1]));
}

/* sleep [SECONDS]: for ever by default */
static int act_sleep(int argc, char **argv)
{
	fflush(stdout);
	if (argc > 1)
		usleep((useconds_t)(strtod(argv[1], NULL) * 1e6));
	else
		for (;;)
			pause();
	put_bool("slept", true);
	return 0;
}

/* fork N: how many of N further processes can exist at once */
static int act_fork(int argc, char **argv)
{
	long wanted = number(argv[1]), made = 0;
	int error = 0, gate[2];

	(void)argc;
	fflush(stdout);
	if (pipe(gate) < 0)
		return -1;
	while (made < wanted) {
		pid_t pid = fork();

		if (pid < 0) {
			error = errno;
			break;
		}
		if (pid == 0) {
			char c;

			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? 0 : 1);
		}
		made++;
	}
	close(gate[1]);
	close(gate[0]);
	while (wait(NULL) > 0)
		;
	put_int("forked", made);
	put_errno(error);
	return 0;
}

/* spawn N: leaves N processes behind that sleep for ever, each in a session of its own */
static int act_spawn(int argc, char **argv)
{
	(void)argc;
	fflush(stdout);
	begin("pids", '[');
	for (long i = number(argv[1]); i > 0; i--) {
		pid_t pid = fork();

		if (pid == 0) {
			setsid();
			for (int fd = 0; fd < 3; fd++)
				close(fd);
			for (;;)
				pause();
		}
		put_int(NULL, pid);
	}
	end(']');
	return 0;
}

/* eat MIB: touches memory; one that is killed for it prints nothing */
static int act_eat(int argc, char **argv)
{
	long mib = number(argv[1]);

	(void)argc;
	for (long i = 0; i < mib; i++) {
		char *p = malloc(1 << 20);

		if (p == NULL) {
			put_int("eaten", i);
			put_errno(ENOMEM);
			return 0;
		}
		for (size_t k = 0; k < 1 << 20; k += 512)
			p[k] = (char)(k + (size_t)i + 1);
	}
	put_int("eaten", mib);
	put_errno(0);
	return 0;
}

/* spin SECONDS: burns processor time for a while; says how much it got */
static int act_spin(int argc, char **argv)
{
	double wall = strtod(argv[1], NULL), start;
	struct timespec t;

	(void)argc;
	clock_gettime(CLOCK_MONOTONIC, &t);
	start = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	do {
		for (volatile int i = 0; i < 100000; i++)
			;
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while ((double)t.tv_sec + (double)t.tv_nsec / 1e9 - start < wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	put_int("cpu_ms", t.tv_sec * 1000 + t.tv_nsec / 1000000);
	return 0;
}

static int act_ls(int argc, char **argv)
{
	DIR *dir = opendir(argv[1]);

	(void)argc;
	put_errno(dir == NULL ? errno : 0);
	if (dir != NULL)
		closedir(dir);
	report_directory("entries", argv[1]);
	return 0;
}

static int act_stat(int argc, char **argv)
{
	struct stat st;
	int r = lstat(argv[1], &st);

	(void)argc;
	put_errno(r < 0 ? errno : 0);
	if (r == 0) {
		put_stat(&st);
		if (S_ISLNK(st.st_mode))
			put_link("target", AT_FDCWD, argv[1]);
	}
	return 0;
}

static int act_read(int argc, char **argv)
{
	char *text = slurp(argv[1]);

	(void)argc;
	put_errno(text == NULL ? errno : 0);
	put_text("text", text);
	free(text);
	return 0;
}

/* write PATH TEXT: creates the file, or writes to what is there, in one call */
static int act_write(int argc, char **argv)
{
	const char *text = argc > 2 ? argv[2] : "";
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	int error = fd < 0 ? errno : 0;

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			error = errno;
		close(fd);
	}
	put_errno(error);
	return 0;
}

/* notify TEXT: one message to the socket of NOTIFY_SOCKET, as sd_notify(3) sends it */
static int act_notify(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	(void)argc;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path ? path : "");
	if (sendto(fd, argv[1], strlen(argv[1]), 0, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		error = errno;
	close(fd);
	put_errno(error);
	return 0;
}

static int act_mkdir(int argc, char **argv)
{
	(void)argc;
	put_errno(mkdir(argv[1], 0777) < 0 ? errno : 0);
	return 0;
}

/* mknod PATH c|b MAJOR MINOR */
static int act_mknod(int argc, char **argv)
{
	mode_t type = argv[2][0] == 'b' ? S_IFBLK : S_IFCHR;
	dev_t dev = makedev((unsigned)number(argv[3]), (unsigned)number(argv[4]));

	(void)argc;
	put_errno(mknod(argv[1], type | 0600, dev) < 0 ? errno : 0);
	return 0;
}

/* syscall NUMBER [ARG]...: the raw call; arguments are integers */
static int act_syscall(int argc, char **argv)
{
	long a[7] = { 0 };

	for (int i = 1; i < argc && i <= 7; i++)
		a[i - 1] = (long)strtoull(argv[i], NULL, 0);
	fflush(stdout);
	errno = 0;
	long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	put_int("ret", r);
	put_errno(r < 0 ? errno : 0);
	return 0;
}

/* signal-trap: says that it is ready, then which signal came */
static int act_signal_trap(int argc, char **argv)
{
	sigset_t all;
	siginfo_t info;
	int sig;

	(void)argc;
	(void)argv;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	fputs("\"ready\":true}\n{", stdout);
	fflush(stdout);
	do
		sig = sigwaitinfo(&all, &info);
	while (sig < 0);
	put_int("signal", sig);
	return 0;
}

/* tty [read]: the terminal on descriptor 0; with `read` it returns a line typed there */
static int act_tty(int argc, char **argv)
{
	struct winsize w = { 0 };
	int fd;

	begin("isatty", '[');
	for (int i = 0; i < 3; i++)
		put_bool(NULL, isatty(i));
	end(']');
	if (ioctl(0, TIOCGWINSZ, &w) == 0) {
		put_int("rows", w.ws_row);
		put_int("columns", w.ws_col);
	}
	put_link("name", AT_FDCWD, "/proc/self/fd/0");
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	put_errno(fd < 0 ? errno : 0);
	put_int("sid", fd < 0 ? -1 : tcgetsid(fd));
	put_int("foreground", fd < 0 ? -1 : tcgetpgrp(fd));
	if (argc > 1 && strcmp(argv[1], "read") == 0) {
		char line[256];

		put_text("line", fgets(line, sizeof(line), stdin));
	}
	return 0;
}

/* winch SECONDS: waits for SIGWINCH, then says the size of the terminal */
static int act_winch(int argc, char **argv)
{
	struct timespec limit = { .tv_sec = argc > 1 ? number(argv[1]) : 10 };
	struct winsize w = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fputs("\"ready\":true}\n{", stdout);
	fflush(stdout);
	put_bool("winch", sigtimedwait(&set, NULL, &limit) == SIGWINCH);
	ioctl(0, TIOCGWINSZ, &w);
	put_int("rows", w.ws_row);
	put_int("columns", w.ws_col);
	return 0;
}

/* await PATH [SECONDS]: until the file exists */
static int act_await(int argc, char **argv)
{
	double left = argc > 2 ? strtod(argv[2], NULL) : 20;
	bool found;

	fflush(stdout);
	while (!(found = access(argv[1], F_OK) == 0) && left > 0) {
		usleep(5000);
		left -= 0.005;
	}
	put_bool("found", found);
	return 0;
}

/* to PATH: what follows is written to this file instead of stdout */
static int act_to(int argc, char **argv)
{
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)argc;
	put_errno(fd < 0 ? errno : 0);
	fputs("}\n", stdout);
	fflush(stdout);
	if (fd >= 0) {
		dup2(fd, 1);
		close(fd);
	}
	putchar('{');
	first = true;
	return 0;
}

/* spy PATH: looks into every process that is called cruntime, until the file exists */
static int act_spy(int argc, char **argv)
{
	(void)argc;
	spy(argv[1]);
	return 0;
}

/* reap: collects every child that has ended or ends, until none is left */
static int act_reap(int argc, char **argv)
{
	long n = 0;

	(void)argc;
	(void)argv;
	while (wait(NULL) > 0)
		n++;
	put_int("reaped", n);
	return 0;
}

/* clang-format off */
static const struct action {
	const char *name;
	int min_args;
	int (*run)(int argc, char **argv);
} actions[] = {
	{ "report",      0, act_report      },
	{ "try-open",    1, act_try_open    },
	{ "exit",        1, act_exit        },
	{ "sleep",       0, act_sleep       },
	{ "fork",        1, act_fork        },
	{ "spawn",       1, act_spawn       },
	{ "reap",        0, act_reap        },
	{ "eat",         1, act_eat         },
	{ "spin",        1, act_spin        },
	{ "ls",          1, act_ls          },
	{ "stat",        1, act_stat        },
	{ "read",        1, act_read        },
	{ "write",       1, act_write       },
	{ "notify",      1, act_notify      },
	{ "mkdir",       1, act_mkdir       },
	{ "mknod",       4, act_mknod       },
	{ "syscall",     1, act_syscall     },
	{ "signal-trap", 0, act_signal_trap },
	{ "tty",         0, act_tty         },
	{ "winch",       0, act_winch       },
	{ "await",       1, act_await       },
	{ "to",          1, act_to          },
	{ "spy",         1, act_spy         },
};
/* clang-format on */

static int run(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, argv[0]) != 0 || argc - 1 < actions[i].min_args)
			continue;
		putchar('{');
		first = true;
		int r = actions[i].run(argc, argv);
		puts("}");
		fflush(stdout);
		return r;
	}
	fprintf(stderr, "probe: unknown action '%s', or too few arguments\n", argv[0]);
	return -1;
}

int main(int argc, char **argv)
{
	int from = 1, failed = 0;

	if (argc < 2) {
		putchar('{');
		report(argc, argv);
		puts("}");
		return 0;
	}
	while (from < argc) {
		int to = from;

		while (to < argc && strcmp(argv[to], "--") != 0)
			to++;
		if (to > from)
			failed |= run(to - from, argv + from);
		from = to + 1;
	}
	return failed ? 99 : 0;
}
