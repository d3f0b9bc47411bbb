/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying and removing a cgroup. Waiting is always a poll on cgroup.events, which the kernel ends
 * at each change. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "kernel/cgroup-internal.h"

/* While processes are still there they are killed again after this time: somebody may have put
 * more of them in. */
#define KILL_AGAIN_MS 200

/* A cgroup that is empty and cannot be removed has a new sub-cgroup, or is just being emptied. No
 * event tells when that is over. */
#define BUSY_MS 5

static int64_t now_ms(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct remove {
	const struct cgroup_hierarchy *h;
	const struct cgroup *cg;
	int events; /* owned: cgroup.events, open for poll */
	int64_t deadline;
	int timeout_ms;
};
static void remove_done(struct remove *r)
{
	fd_close(&r->events);
}
#define AUTO_REMOVE AUTO(remove_done) struct remove

/* Names one process that does not go. */
static int fail_timeout(const struct remove *r, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	struct err ignored = ERR_INIT;
	pid_t *pids;
	size_t n = 0;

	if (cgroup_pids(r->cg, &scratch, &pids, &n, &ignored) < 0 || n == 0)
		return err_set(err, ERR_SYSTEM, "cgroup '%s' is still in use after %d ms",
			       r->cg->path, r->timeout_ms);

	return err_set(err, ERR_SYSTEM,
		       "cgroup '%s' still has %zu processes after %d ms, among them %d",
		       r->cg->path, n, r->timeout_ms, pids[0]);
}

/* Sleeps in poll until cgroup.events changes, at most MAX_MS. False: the deadline has passed. */
static bool wait_event(const struct remove *r, int64_t max_ms)
{
	struct pollfd pfd = { .fd = r->events, .events = POLLPRI };
	int64_t left = r->deadline - now_ms();

	if (left <= 0)
		return false;

	/* An interrupted or failed poll is a short sleep; the loop around it looks again. */
	(void)poll(&pfd, 1, (int)(left < max_ms ? left : max_ms));

	return true;
}

/* 1: populated, 0: not, -1 with errno. Reading is what arms the next poll. */
static int is_populated(const struct remove *r)
{
	char text[256];
	ssize_t n = RETRY(pread(r->events, text, sizeof(text) - 1, 0));

	if (n < 0)
		return -1;
	text[n] = '\0';

	return cgroup_event_in(text, "populated");
}

void cgroup_lift_limits(const struct cgroup *cg)
{
	static const struct {
		const char *file, *value;
	} settings[] = {
		{ "cpu.max", "max" },
		{ "cpu.idle", "0" }, /* before the weight, which it excludes */
		{ "cpu.weight", "10000" },
		{ "io.weight", "default 10000" },
	};
	struct err ignored = ERR_INIT;

	for (size_t i = 0; cg->created && i < ARRAY_LEN(settings); i++) {
		if (file_write_at(cg->fd, settings[i].file, settings[i].value, &ignored) < 0)
			log_debug("cgroup '%s': %s", cg->path, ignored.msg);
	}
}

/* Returns 1 when nobody is left, 0 when the cgroup is gone, -1. */
static int empty(const struct remove *r, struct err *err)
{
	int64_t kill_at = 0;

	for (;;) {
		int populated = is_populated(r);

		if (populated < 0)
			return cgroup_is_gone(errno)
				       ? 0
				       : err_sys(err, "read 'cgroup.events' of cgroup '%s'",
						 r->cg->path);
		if (!populated)
			return 1;
		if (now_ms() >= kill_at) {
			if (kill_at > 0)
				cgroup_lift_limits(r->cg);
			if (cgroup_kill(r->cg, err) < 0)
				return -1;
			kill_at = now_ms() + KILL_AGAIN_MS;
		}
		if (!wait_event(r, KILL_AGAIN_MS))
			return fail_timeout(r, err);
	}
}

/* ---- directories ---------------------------------------------------------------------------- */

/* The first sub-cgroup of FD. Returns 1, 0 when it has none, -1 with errno. */
static int first_sub(int fd, char name[NAME_MAX + 1])
{
	AUTO_DIR dir = cgroup_dir_stream(fd);
	if (!dir)
		return -1;

	const char *found = cgroup_dir_next(dir);
	if (!found)
		return errno ? -1 : 0;
	(void)snprintf(name, NAME_MAX + 1, "%s", found);

	return 1;
}

/* Removes what is below FD, deepest first. A container can nest cgroups deeper than we have
 * descriptors, so only one directory is held: when it has no children left, its parent is opened
 * again by "..", which is safe because cgroups cannot be moved or linked. -1 with errno. */
static int remove_subs(int top)
{
	char name[NAME_MAX + 1];
	unsigned depth = 0;

	AUTO_FD dir = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (dir >= 0) {
		int found = first_sub(dir, name);
		int next;

		if (found < 0)
			return -1;
		if (found == 0 && depth == 0)
			return 0;
		if (found == 0) {
			next = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			depth--;
		} else {
			char ignored[NAME_MAX + 1];

			if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || cgroup_is_gone(errno))
				continue;
			if (errno != EBUSY && errno != ENOTEMPTY)
				return -1;
			next = cgroup_dir_open(dir, name);
			/* Busy for another reason than children: descending would not end. */
			if (next >= 0 && first_sub(next, ignored) == 0) {
				fd_close(&next);
				errno = EBUSY;
				return -1;
			}
			depth++;
		}
		fd_close(&dir);
		dir = next;
	}

	return -1;
}

/* Opens the parent of PATH; *RET_NAME points into PATH. -1 with errno. */
static int open_parent(const struct cgroup_hierarchy *h, const char *path, const char **ret_name)
{
	char parent[sizeof(((struct cgroup *)NULL)->path)];
	const char *slash = strrchr(path, '/');

	ASSERT(slash && slash[1]);
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	*ret_name = slash + 1;

	return cgroup_dir_open(h->fd, parent);
}

/* Removes the directory itself if it still is the one that was recorded. Returns 0 (removed, or not
 * there any more), or -1 with errno. */
static int remove_self(const struct cgroup_hierarchy *h, const struct cgroup *cg)
{
	const char *name;
	struct stat st;

	AUTO_FD parent = open_parent(h, cg->path, &name);
	if (parent < 0)
		return cgroup_is_gone(errno) ? 0 : -1;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cgroup_is_gone(errno) ? 0 : -1;
	if (cg->ino != 0 && st.st_ino != cg->ino)
		return 0;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && !cgroup_is_gone(errno))
		return -1;

	return 0;
}

/* Parents that we made too and that nobody else uses by now; best effort. */
static void remove_parents(const struct cgroup_hierarchy *h, const struct cgroup *cg)
{
	char path[sizeof(cg->path)];
	const char *name;

	memcpy(path, cg->path, sizeof(path));
	for (unsigned left = cg->n_made; left > 1; left--) {
		*strrchr(path, '/') = '\0';

		AUTO_FD parent = open_parent(h, path, &name);
		if (parent < 0 || unlinkat(parent, name, AT_REMOVEDIR) < 0) {
			log_debug("cgroup '%s' stays: %s", path, err_text(errno));
			return;
		}
	}
}

/* Returns 1 when it is removed, 0 when something is in the way that may go, -1. */
static int try_remove(const struct remove *r, struct err *err)
{
	/* Few containers make cgroups below their own, so it is tried without a look. */
	if (remove_self(r->h, r->cg) == 0)
		return 1;
	if ((remove_subs(r->cg->fd) < 0 && !cgroup_is_gone(errno)) ||
	    remove_self(r->h, r->cg) < 0) {
		if (errno == EBUSY || errno == ENOTEMPTY)
			return 0;
		return err_sys(err, "remove cgroup '%s'", r->cg->path);
	}

	return 1;
}

/* A pre-existing cgroup goes on without our device filter, and not as a paused one: it would be
 * refused to the next container (D-16). */
static void leave(const struct cgroup *cg)
{
	struct err ignored = ERR_INIT;

	devfilter_detach(cg->fd);
	if (file_write_at(cg->fd, "cgroup.freeze", "0", &ignored) < 0)
		log_debug("cgroup '%s' stays frozen if it was: %s", cg->path, ignored.msg);
}

int cgroup_remove(const struct cgroup_hierarchy *h, struct cgroup *cg, int timeout_ms,
		  struct err *err)
{
	AUTO_REMOVE r = { .h = h,
			  .cg = cg,
			  .events = -1,
			  .deadline = now_ms() + timeout_ms,
			  .timeout_ms = timeout_ms };

	if (cg->fd < 0)
		return 0;

	r.events = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (r.events < 0 && !cgroup_is_gone(errno))
		return err_sys(err, "open 'cgroup.events' of cgroup '%s'", cg->path);

	for (int removed = 0; r.events >= 0 && !removed;) {
		int here = empty(&r, err);

		if (here < 0)
			return -1;
		if (here == 0)
			break;
		if (!cg->created) {
			leave(cg);
			break;
		}
		removed = try_remove(&r, err);
		if (removed < 0)
			return -1;
		if (!removed && !wait_event(&r, BUSY_MS))
			return fail_timeout(&r, err);
	}
	remove_parents(h, cg);
	cgroup_done(cg);

	return 0;
}
