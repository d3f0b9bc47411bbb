/* SPDX-License-Identifier: Apache-2.0 */
/* Where the version 2 hierarchy is mounted, and small reads that all cgroup files need. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "base/sys.h"
#include "kernel/cgroup-internal.h"

/* A machine with ten thousand containers has some megabytes of mounts. */
#define MOUNTINFO_MAX ((size_t)32 << 20)

int cgroup_dir_open(int dirfd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	path += strspn(path, "/");

	return sys_openat2(dirfd, *path ? path : ".", &how);
}

DIR *cgroup_dir_stream(int fd)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);

	/* With a stream, it is the stream's. */
	if (!dir)
		fd_close(&own);

	return dir;
}

void cgroup_dir_stream_close(DIR **dir)
{
	int saved = errno;

	if (*dir)
		(void)closedir(*dir); /* read-only: nothing can be lost */
	errno = saved;
}

const char *cgroup_dir_next(DIR *dir)
{
	for (;;) {
		errno = 0;

		const struct dirent *e = readdir(dir);
		if (!e)
			return NULL;
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			return e->d_name;
	}
}

bool cgroup_event_in(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line[len + 1] == '1';
	}

	return false;
}

int cgroup_event(int fd, const char *key)
{
	char text[256];

	if (file_read_small_at(fd, "cgroup.events", text, sizeof(text)) < 0)
		return -1;

	return cgroup_event_in(text, key);
}

int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct err *err)
{
	int frozen = cgroup_event(cg->fd, "frozen");

	if (frozen < 0)
		return err_sys(err, "read 'cgroup.events' of cgroup '%s'", cg->path);

	*ret = frozen;
	return 0;
}

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
static char *cgroup2_mount_of_line(char *line)
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
	/* A bind mount of a part of the hierarchy would put paths elsewhere. */
	if (!field || strcmp(field, "cgroup2") != 0 || strcmp(fields[3], "/") != 0)
		return NULL;

	unescape(fields[4]);
	return fields[4];
}

char *cgroup_find_mount(char *text)
{
	char *next;

	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';

		char *found = cgroup2_mount_of_line(line);
		if (found)
			return found;
	}

	return NULL;
}

char *cgroup_find_own(char *text)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "0::/", sizeof("0::/") - 1) != 0)
			continue;

		char *path = line + sizeof("0::") - 1;
		path[strcspn(path, "\n")] = '\0';
		/* Outside of the root of our cgroup namespace. */
		return str_starts(path, "/..") ? NULL : path;
	}

	return NULL;
}

/* The hierarchy at PATH, if there is one. -1 otherwise. */
static int open_hierarchy(const char *path)
{
	struct statfs fs;

	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;

	return fd_take(&fd);
}

static bool try_hierarchy(struct cgroup_hierarchy *h, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(h->mount_point))
		return false;

	h->fd = open_hierarchy(path);
	if (h->fd < 0)
		return false;
	memcpy(h->mount_point, path, len + 1);

	return true;
}

int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	char *text;
	size_t len;

	/* Pure and hybrid machines; reading the whole table of mounts is for the others. */
	if (try_hierarchy(&h, "/sys/fs/cgroup") || try_hierarchy(&h, "/sys/fs/cgroup/unified")) {
		*ret = h;
		return 0;
	}
	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &scratch, &text, &len,
			 err) < 0)
		return err_wrap(err, "find the cgroup hierarchy");

	const char *found = cgroup_find_mount(text);
	if (!found || !try_hierarchy(&h, found))
		return err_set(
			err, ERR_SYSTEM,
			"no cgroup v2 hierarchy is mounted; mount cgroup2 at /sys/fs/cgroup, "
			"or boot with systemd.unified_cgroup_hierarchy=1");

	*ret = h;
	return 0;
}

void cgroup_hierarchy_done(struct cgroup_hierarchy *h)
{
	fd_close(&h->fd);
}

void cgroup_done(struct cgroup *cg)
{
	fd_close(&cg->fd);
}
