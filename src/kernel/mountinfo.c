/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/mountinfo.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "kernel/procfs.h"

/* A machine with ten thousand containers has some megabytes of mounts. */
#define MOUNTINFO_MAX ((size_t)32 << 20)

/* The next field of the line at *P, or NULL at its end; the blank behind it becomes a NUL. */
static char *next_field(char **p)
{
	char *field = *p;

	if (!field || !*field)
		return NULL;

	*p = strchr(field, ' ');
	if (*p)
		*(*p)++ = '\0';

	return field;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* The kernel writes blank, tab, newline and backslash as \ooo (seq_path). */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && is_octal(s + 1)) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [OPTIONAL-FIELD]... - TYPE ... */
static char *mount_of_line(char *line, const char *type)
{
	char *fields[6];
	char *p = line;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		fields[i] = next_field(&p);
		if (!fields[i])
			return NULL;
	}

	char *field = next_field(&p);
	while (field && strcmp(field, "-") != 0)
		field = next_field(&p);
	field = next_field(&p);
	if (!field || strcmp(field, type) != 0 || strcmp(fields[3], "/") != 0)
		return NULL;

	unescape(fields[4]);
	return fields[4];
}

char *mountinfo_find_in(char *text, const char *type)
{
	char *next;

	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';

		char *found = mount_of_line(line, type);
		if (found)
			return found;
	}

	return NULL;
}

int mountinfo_find(const char *type, struct arena *a, const char **ret, struct err *err)
{
	char *text;
	size_t len;

	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, a, &text, &len, err) < 0)
		return -1;

	*ret = mountinfo_find_in(text, type);
	return 0;
}

int mountinfo_read(int procfd, pid_t pid, struct arena *a, char **ret, struct err *err)
{
	char name[sizeof("/mountinfo") + 3 * sizeof(pid)];
	AUTO_FD fd = -1;
	size_t len;

	(void)snprintf(name, sizeof(name), "%d/mountinfo", pid);
	if (procfs_open_file(procfd, name, O_RDONLY, &fd, err) < 0)
		return -1;
	return file_read_fd(fd, name, MOUNTINFO_MAX, a, ret, &len, err);
}

int mountinfo_point(const char *text, uint64_t id, struct arena *a, const char **ret,
		    struct err *err)
{
	char prefix[3 * sizeof(id)];
	int len = snprintf(prefix, sizeof(prefix), "%" PRIu64 " ", id);

	*ret = NULL;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, prefix, (size_t)len) != 0)
			continue;

		char *copy = arena_strndup(a, line, strcspn(line, "\n"));
		if (!copy)
			return err_oom(err);
		char *point = NULL, *p = copy;
		for (size_t i = 0; i < 5; i++)
			point = next_field(&p);
		if (point)
			unescape(point);
		*ret = point;
		return 0;
	}
	return 0;
}
