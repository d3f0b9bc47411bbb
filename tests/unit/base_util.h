/* SPDX-License-Identifier: Apache-2.0 */
/* base_util.h - what the tests of the base layer share: scratch directories, descriptor counts */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"

/* Number of open descriptors of this process. */
static inline UNUSED size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);

	return n;
}

static inline UNUSED bool is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static inline UNUSED int remove_entry(const char *path, const struct stat *st, int flag,
				      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;

	return remove(path);
}

struct scratch {
	char path[64];
	int fd;
	size_t fds_before;
};

/* Setup and teardown of a test that needs a directory; the teardown also fails when the test has
 * leaked a descriptor. */
static inline UNUSED int scratch_setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->fds_before = open_fds();
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(s->path, sizeof(s->path), "%s/cruntime-unit-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(s->path))
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;

	return s->fd < 0 ? -1 : 0;
}

static inline UNUSED int scratch_teardown(void **state)
{
	struct scratch *s = *state;
	int rc = 0;

	close(s->fd);
	if (open_fds() != s->fds_before) {
		print_error("the test leaks a descriptor\n");
		rc = -1;
	}
	if (nftw(s->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0)
		rc = -1;
	free(s);

	return rc;
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

static inline UNUSED void write_file_at(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* The text of a small file, in a static buffer. */
static inline UNUSED const char *read_file_at(int dirfd, const char *name)
{
	static char buf[16384];
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	assert_true(n >= 0);
	buf[n] = '\0';
	close(fd);

	return buf;
}
