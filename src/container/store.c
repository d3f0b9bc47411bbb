/* SPDX-License-Identifier: Apache-2.0 */
#include "container/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "container/texts.h"

#define LOCK_WAIT_S 10

int store_check_id(const char *id, struct err *err)
{
	size_t len = strlen(id);

	if (len == 0 || len > STORE_ID_MAX)
		return err_set(err, ERR_USAGE,
			       "container id '%.40s' has %zu bytes, allowed are 1 to %d", id, len,
			       STORE_ID_MAX);
	if (id[0] == '.' || id[0] == '-')
		return err_set(err, ERR_USAGE, "container id '%s' may not start with '%c'", id,
			       id[0]);
	for (const char *p = id; *p; p++) {
		bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			  (*p >= '0' && *p <= '9') || strchr("_+.-", *p);
		if (!ok)
			return err_set(
				err, ERR_USAGE,
				"container id '%s' may hold only letters, digits and _ + . -", id);
	}
	return 0;
}

/* ---- the root ------------------------------------------------------------------------------ */

static int make_parents(const char *path, struct err *err)
{
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(buf))
		return err_set(err, ERR_USAGE, "state root '%.60s…' is longer than %d bytes", path,
			       PATH_MAX - 1);
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(buf, 0711) < 0 && errno != EEXIST)
			return err_sys(err, "create state root, directory '%s'", buf);
		*p = '/';
	}
	if (mkdir(buf, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "create state root '%s'", buf);
	return 0;
}

static int check_root(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "inspect state root '%s'", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_STATE, "state root '%s' belongs to user %u, not to user %u",
			       path, st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
			err, ERR_STATE,
			"state root '%s' is writable by others (mode %04o): others could forge containers",
			path, st.st_mode & 07777);
	return 0;
}

int store_root_open(const char *path, bool create, int *ret_fd, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	AUTO_FD fd = open(path, flags);

	if (fd < 0 && errno == ENOENT && !create) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0 && errno == ENOENT) {
		if (make_parents(path, err) < 0)
			return -1;
		fd = open(path, flags);
	}
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, ERR_STATE,
			       "state root '%s' is no directory, or a symbolic link", path);
	if (fd < 0)
		return err_sys(err, "open state root '%s'", path);
	if (check_root(fd, path, err) < 0)
		return -1;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* ---- one container ------------------------------------------------------------------------- */

/* -1 with errno. */
static int store_attach(int rootfd, const char *id, struct store *s)
{
	memcpy(s->id, id, strlen(id) + 1);
	s->root = rootfd;
	s->dir = openat(rootfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->dir < 0 ? -1 : 0;
}

int store_claim(int rootfd, const char *id, struct store *ret, struct err *err)
{
	AUTO_STORE s = STORE_INIT;

	if (mkdirat(rootfd, id, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(err, ERR_STATE, TEXT_ID_TAKEN, id);
		return err_sys(err, "create state directory '%s'", id);
	}
	if (store_attach(rootfd, id, &s) < 0) {
		(void)err_sys(err, "open state directory '%s'", id);
		(void)unlinkat(rootfd, id, AT_REMOVEDIR); /* nothing is in it yet */
		return -1;
	}
	if (flock(s.dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK) {
			(void)err_sys(err, "lock state directory '%s'", id);
			(void)unlinkat(rootfd, id, AT_REMOVEDIR);
			return -1;
		}
		/* A `delete --force` of the same id came between mkdir and lock and wins. */
		return err_set(err, ERR_STATE, "container '%s' is being deleted", id);
	}
	*ret = s;
	s = (struct store)STORE_INIT;
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* flock(2) has no timeout; an interrupting alarm is one (I-31). */
static int lock_wait(const struct store *s, struct err *err)
{
	if (flock(s->dir, LOCK_EX | LOCK_NB) == 0)
		return 0;

	struct sigaction old, sa = { .sa_handler = on_alarm };
	sigset_t alarm_set, old_set;
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	(void)sigaction(SIGALRM, &sa, &old);
	(void)sigprocmask(SIG_UNBLOCK, &alarm_set, &old_set); /* a foreground `run` blocks it */
	alarm(LOCK_WAIT_S);
	int rc = flock(s->dir, LOCK_EX);
	int saved = errno;
	alarm(0);
	(void)sigprocmask(SIG_SETMASK, &old_set, NULL);
	(void)sigaction(SIGALRM, &old, NULL);

	if (rc < 0 && saved == EINTR)
		return err_set(err, ERR_STATE,
			       "another command has been working on container '%s' for %d seconds",
			       s->id, LOCK_WAIT_S);
	errno = saved;
	return rc < 0 ? err_sys(err, "lock container '%s'", s->id) : 0;
}

static int no_such_container(const char *id, struct err *err)
{
	err_set(err, ERR_STATE, TEXT_NO_CONTAINER, id);
	err->sys = ENOENT;
	return -1;
}

int store_open(int rootfd, const char *id, bool lock, struct store *ret, struct err *err)
{
	AUTO_STORE s = STORE_INIT;
	struct stat st;

	if (rootfd < 0)
		return no_such_container(id, err);
	if (store_attach(rootfd, id, &s) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return no_such_container(id, err);
		return err_sys(err, "open state directory '%s'", id);
	}
	if (lock && lock_wait(&s, err) < 0)
		return -1;
	/* Whoever held the lock may have deleted it. */
	if (lock && (fstat(s.dir, &st) < 0 || st.st_nlink == 0))
		return no_such_container(id, err);
	*ret = s;
	s = (struct store)STORE_INIT;
	return 0;
}

void store_unlock(struct store *s)
{
	/* The container's first process shares the open file description, so closing is not enough.
	 */
	if (s->dir >= 0)
		(void)flock(s->dir, LOCK_UN);
}

bool store_is_locked(const struct store *s)
{
	AUTO_FD fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int store_save_config(const struct store *s, const char *text, size_t len, struct err *err)
{
	return file_replace_at(s->dir, "config.json", text, len, 0600, err);
}

/* A second view of directory DIRFD for reading; NULL with errno. */
static DIR *list_dir(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fd_close(&fd);
	return d;
}

static int empty_dir(int dir, bool below, struct err *err);

/* The socket of container/ready.h is in one. Nothing of ours lies deeper. */
static int remove_dir(int parent, const char *name, struct err *err)
{
	AUTO_FD dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, "open state directory '%s'", name);
	if (empty_dir(dir, false, err) < 0)
		return -1;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove state directory '%s'", name);
	return 0;
}

/* A killed file_replace_at() may have left a temporary file. BELOW: with directories. */
static int empty_dir(int dir, bool below, struct err *err)
{
	DIR *d = list_dir(dir);

	if (!d)
		return err_sys(err, "list the state directory");

	int rc = 0;
	for (struct dirent *e = readdir(d); e && rc == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		rc = errno == EISDIR && below ? remove_dir(dir, e->d_name, err)
					      : err_sys(err, "remove state file '%s'", e->d_name);
	}
	closedir(d);
	return rc;
}

/* Nearly always these are all. What cannot be removed is told by empty_dir(). */
static void remove_known_files(int dir)
{
	static const char *const names[] = { "state.json", "claim.json", "config.json" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlinkat(dir, names[i], 0);
}

int store_remove(const struct store *s, struct err *err)
{
	remove_known_files(s->dir);
	int rc = unlinkat(s->root, s->id, AT_REMOVEDIR);
	if (rc < 0 && (errno == ENOTEMPTY || errno == EEXIST)) {
		if (empty_dir(s->dir, true, err) < 0)
			return -1;
		rc = unlinkat(s->root, s->id, AT_REMOVEDIR);
	}
	if (rc < 0 && errno != ENOENT)
		return err_sys(err, "remove state directory '%s'", s->id);
	return 0;
}

void store_done(struct store *s)
{
	fd_close(&s->dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int store_list(int rootfd, struct arena *a, const char ***ret, size_t *ret_n, struct err *err)
{
	*ret = NULL;
	*ret_n = 0;
	if (rootfd < 0)
		return 0;

	DIR *d = list_dir(rootfd);
	if (!d)
		return err_sys(err, "list the state root");

	const char **ids = NULL;
	size_t n = 0, cap = 0;
	int rc = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		struct err ignored = ERR_INIT;
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) ||
		    store_check_id(e->d_name, &ignored) < 0)
			continue;
		if (n == cap) {
			size_t more = cap ? cap * 2 : 32;
			const char **grown = ARENA_NEW(a, const char *, more);
			if (!grown) {
				rc = err_oom(err);
				break;
			}
			if (n)
				memcpy(grown, ids, n * sizeof(*ids));
			ids = grown;
			cap = more;
		}
		ids[n] = arena_strdup(a, e->d_name);
		if (!ids[n++]) {
			rc = err_oom(err);
			break;
		}
	}
	closedir(d);
	if (rc < 0)
		return -1;
	if (n)
		qsort(ids, n, sizeof(*ids), by_name);
	*ret = ids;
	*ret_n = n;
	return 0;
}
