/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - see probe.h */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe.h"

bool first = true;

static void put_string(const char *s)
{
	if (s == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void separate(void)
{
	if (!first)
		putchar(',');
	first = false;
}

static void key(const char *name)
{
	separate();
	if (name != NULL) {
		put_string(name);
		putchar(':');
	}
}

void begin(const char *name, char bracket)
{
	key(name);
	putchar(bracket);
	first = true;
}

void end(char bracket)
{
	putchar(bracket);
	first = false;
}

void put_int(const char *name, int64_t v)
{
	key(name);
	printf("%" PRId64, v);
}

void put_uint(const char *name, uint64_t v)
{
	key(name);
	printf("%" PRIu64, v);
}

void put_text(const char *name, const char *v)
{
	key(name);
	put_string(v);
}

void put_bool(const char *name, bool v)
{
	key(name);
	fputs(v ? "true" : "false", stdout);
}

void put_errno(int e)
{
	put_text("errno", e == 0 ? NULL : strerrorname_np(e));
}

char *slurp(const char *path)
{
	size_t len = 0, cap = 65536;
	char *text = malloc(cap);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || text == NULL) {
		free(text);
		return NULL;
	}
	for (;;) {
		ssize_t n = read(fd, text + len, cap - len - 1);

		if (n < 0) {
			int e = errno;

			free(text);
			close(fd);
			errno = e;
			return NULL;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (cap - len < 4096) {
			cap *= 2;
			text = realloc(text, cap);
			if (text == NULL)
				abort();
		}
	}
	close(fd);
	text[len] = '\0';
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

void put_file(const char *name, const char *path)
{
	char *text = slurp(path);

	put_text(name, text);
	free(text);
}

void put_link(const char *name, int dirfd, const char *path)
{
	char target[4096];
	ssize_t n = readlinkat(dirfd, path, target, sizeof(target) - 1);

	if (n < 0) {
		put_text(name, NULL);
		return;
	}
	target[n] = '\0';
	put_text(name, target);
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "other";
	}
}

void put_stat(const struct stat *st)
{
	put_text("type", kind_of(st->st_mode));
	put_uint("mode", st->st_mode & 07777);
	put_uint("uid", st->st_uid);
	put_uint("gid", st->st_gid);
	put_uint("size", (uint64_t)st->st_size);
	put_uint("dev", st->st_dev);
	put_uint("ino", st->st_ino);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		put_uint("major", major(st->st_rdev));
		put_uint("minor", minor(st->st_rdev));
	}
}
