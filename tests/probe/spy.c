/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into the set-up processes that appear in the container's pid namespace (S-06) */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define MAX_NOTES 64

static char *notes[MAX_NOTES];
static int n_notes;

static void note(const char *what, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s", what, text);
	for (int i = 0; i < n_notes; i++)
		if (strcmp(notes[i], line) == 0)
			return;
	if (n_notes < MAX_NOTES)
		notes[n_notes++] = strdup(line);
}

/* By its name, which anybody may read. */
static bool is_setup(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	char *name = slurp(path);
	bool is = name != NULL && strcmp(name, "cruntime") == 0;

	free(name);
	return is;
}

/* The name changes a moment after the memory: what was open to us may already have been the
 * program, which is no secret. */
static bool still_setup(const char *pid)
{
	char path[64], target[256];

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return is_setup(pid);
	target[n] = '\0';
	return strncmp(target, "/probe", 6) != 0 && strncmp(target, "/bin/", 5) != 0;
}

static void look_at_link(const char *pid, const char *name)
{
	char path[128], target[256];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return;
	target[n] = '\0';
	if (still_setup(pid))
		note(strncmp(name, "fd/", 3) == 0 ? "fd" : name, target);
}

static void look_at_file(const char *pid, const char *name)
{
	char path[128], text[4096];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Nothing is mapped at the start of the memory. */
	ssize_t n = strcmp(name, "mem") == 0 ? 0 : read(fd, text, sizeof(text));

	close(fd);
	if (n >= 0 && still_setup(pid))
		note("readable", name);
	if (n > 0 && memmem(text, (size_t)n, "SECRET", 6) != NULL && still_setup(pid))
		note("secret", name);
}

static void look_at(const char *pid)
{
	static const char *const links[] = { "exe", "cwd", "root", "ns/mnt" };
	static const char *const files[] = { "mem", "environ", "maps" };
	char path[64];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		look_at_link(pid, links[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		look_at_file(pid, files[i]);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.') {
			snprintf(path, sizeof(path), "fd/%.16s", d->d_name);
			look_at_link(pid, path);
		}
	if (dir != NULL)
		closedir(dir);
	if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) == 0) {
		if (still_setup(pid))
			note("traceable", "");
		/* Only what has stopped can be let go; what has ended is collected by this too. */
		ptrace(PTRACE_INTERRUPT, atoi(pid), NULL, NULL);
		waitpid(atoi(pid), NULL, __WALL);
		ptrace(PTRACE_DETACH, atoi(pid), NULL, NULL);
	}
}

void spy(const char *until)
{
	long rounds = 0, met = 0;

	while (access(until, F_OK) != 0) {
		DIR *dir = opendir("/proc");
		struct dirent *d;

		while (dir != NULL && (d = readdir(dir)) != NULL) {
			if (strspn(d->d_name, "0123456789") != strlen(d->d_name) ||
			    atoi(d->d_name) == getpid() || !is_setup(d->d_name))
				continue;
			met++;
			look_at(d->d_name);
		}
		if (dir != NULL)
			closedir(dir);
		rounds++;
	}
	put_int("rounds", rounds);
	put_int("met", met);
	begin("notes", '[');
	for (int i = 0; i < n_notes; i++)
		put_text(NULL, notes[i]);
	end(']');
}
