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
#include "kernel/mountinfo.h"

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
	const char *found;

	/* Pure and hybrid machines; reading the whole table of mounts is for the others. */
	if (try_hierarchy(&h, "/sys/fs/cgroup") || try_hierarchy(&h, "/sys/fs/cgroup/unified")) {
		*ret = h;
		return 0;
	}
	if (mountinfo_find("cgroup2", &scratch, &found, err) < 0)
		return err_wrap(err, "find the cgroup hierarchy");
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
