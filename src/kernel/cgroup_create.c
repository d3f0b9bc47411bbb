/* SPDX-License-Identifier: Apache-2.0 */
/* Making the container's cgroup. The path is walked from the root of the hierarchy, component by
 * component on descriptors (I-22); on the way each directory is told to pass the needed controllers
 * on. What we made is remembered, so that a failure takes exactly that away. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"

/* An undone create elsewhere may take away a parent that it made and that we are walking through.
 * Then we start again from the root. */
#define WALK_TRIES 8

static void umask_restore(const mode_t *saved)
{
	(void)umask(*saved);
}
#define AUTO_UMASK AUTO(umask_restore) mode_t

/* A walk down PATH. */
struct walk {
	const struct cgroup_hierarchy *h;
	const struct cgroup_plan *p;
	const char *path;
	size_t done;     /* bytes of PATH that stand for directories that we have passed */
	int dir;         /* owned: the directory there */
	unsigned n_made; /* last components so far that we made */
};
static void walk_done(struct walk *w)
{
	fd_close(&w->dir);
}
#define AUTO_WALK AUTO(walk_done) struct walk

/* The directory that the walk has reached, for messages. */
static const char *where(const struct walk *w, char buf[PATH_MAX])
{
	if (w->done == 0)
		return "/";
	(void)snprintf(buf, PATH_MAX, "%.*s", (int)w->done, w->path);

	return buf;
}

/* Removes the last N_MADE components of PATH, as far as they are empty: somebody else may use a
 * parent by now. */
static void unmake(const struct cgroup_hierarchy *h, const char *path, size_t len, unsigned n_made)
{
	char buf[PATH_MAX];
	int saved = errno;

	ASSERT(len < sizeof(buf));
	memcpy(buf, path, len);
	buf[len] = '\0';
	for (; n_made > 0; n_made--) {
		char *slash = strrchr(buf, '/');

		ASSERT(slash);
		*slash = '\0';

		AUTO_FD parent = cgroup_dir_open(h->fd, buf);
		if (parent < 0 || unlinkat(parent, slash + 1, AT_REMOVEDIR) < 0) {
			log_debug("cgroup '%s/%s' stays: %s", buf, slash + 1, err_text(errno));
			break;
		}
	}
	errno = saved;
}

/* One component: controllers in the parent first, so that a refusal leaves nothing to undo here. */
static int step(struct walk *w, const char *name, size_t len, struct err *err)
{
	char buf[PATH_MAX];
	char component[NAME_MAX + 1];

	ASSERT(len > 0 && len < sizeof(component));
	memcpy(component, name, len);
	component[len] = '\0';

	const char *parent = where(w, buf);
	if (cgroup_enable(w->p, w->dir, parent, w->done == 0, err) < 0)
		return -1;
	cgroup_enable_rest(w->dir);

	bool made = mkdirat(w->dir, component, 0755) == 0;
	if (!made && errno != EEXIST)
		return err_sys(err, "make '%s' in cgroup '%s'", component, parent);

	/* What is ours counts from here on, even when the next call fails. */
	if (made) {
		w->n_made++;
		w->done = (size_t)(name + len - w->path);
	}

	int fd = cgroup_dir_open(w->dir, component);
	if (fd < 0)
		return err_sys(err, "open '%s' in cgroup '%s'", component, parent);
	fd_close(&w->dir);
	w->dir = fd;
	if (!made) {
		w->n_made = 0;
		w->done = (size_t)(name + len - w->path);
	}

	return 0;
}

/* A cgroup that was there before us must be fit for use (D-16, R-LIFE-26); one that we made can
 * still be frozen or invalid by what is above it. The first two refusals begin with runc's words. */
static int check_target(const struct walk *w, struct err *err)
{
	char events[256];
	char text[256];
	bool made = w->n_made > 0;

	if (file_read_small_at(w->dir, "cgroup.events", events, sizeof(events)) < 0)
		return err_sys(err, "read 'cgroup.events' of cgroup '%s'", w->path);
	if (cgroup_event_in(events, "populated"))
		return err_set(err, ERR_STATE,
			       "container's cgroup is not empty: there are processes in '%s' or "
			       "below it",
			       w->path);
	if (cgroup_event_in(events, "frozen"))
		return err_set(err, ERR_STATE,
			       "container's cgroup unexpectedly frozen%s; thaw %s'%s' by writing 0 "
			       "to cgroup.freeze",
			       made ? ", because one above it is" : "", made ? "what is above " : "",
			       w->path);

	if (file_read_small_at(w->dir, "cgroup.type", text, sizeof(text)) < 0)
		return err_sys(err, "read 'cgroup.type' of cgroup '%s'", w->path);
	if (str_starts(text, "domain invalid"))
		return err_set(err, ERR_STATE,
			       "cgroup '%s' can take no processes (cgroup.type says 'domain "
			       "invalid'), because one above it is for threads; choose another "
			       "linux.cgroupsPath",
			       w->path);
	if (!str_starts(text, "domain"))
		return err_set(
			err, ERR_STATE,
			"cgroup '%s' is for threads (cgroup.type says '%.*s') and can take no "
			"processes; choose another linux.cgroupsPath",
			w->path, (int)strcspn(text, "\n"), text);

	if (!made && file_read_small_at(w->dir, "cgroup.subtree_control", text, sizeof(text)) > 1)
		return err_set(
			err, ERR_STATE,
			"cgroup '%s' passes controllers on to its children (%.*s) and so can "
			"take no processes itself; choose one below it",
			w->path, (int)strcspn(text, "\n"), text);

	return 0;
}

static int walk_all(struct walk *w, struct err *err)
{
	/* Its mode is 0755 whatever the caller's umask says. */
	AUTO_UMASK saved UNUSED = umask(0);

	w->dir = cgroup_dir_open(w->h->fd, "");
	if (w->dir < 0)
		return err_sys(err, "open the cgroup hierarchy at '%s'", w->h->mount_point);

	for (const char *name = w->path; *name;) {
		size_t len = strcspn(++name, "/");

		if (step(w, name, len, err) < 0)
			return -1;
		name += len;
	}

	return check_target(w, err);
}

static int make_once(const struct cgroup_hierarchy *h, const struct cgroup_plan *p,
		     const char *path, struct cgroup *ret, struct err *err)
{
	AUTO_WALK w = { .h = h, .p = p, .path = path, .dir = -1 };
	struct stat st;
	size_t len = strlen(path);

	/* The plan's promise; without it we would take over the caller's own or all cgroups. */
	ASSERT(path[0] == '/' && path[1] != '\0' && len < sizeof(ret->path));

	int rc = walk_all(&w, err);
	if (rc == 0 && fstat(w.dir, &st) < 0)
		rc = err_sys(err, "look at cgroup '%s'", path);
	if (rc < 0) {
		fd_close(&w.dir); /* it may have been the last that we could have */
		unmake(h, path, w.done, w.n_made);
		return -1;
	}

	ret->fd = fd_take(&w.dir);
	memcpy(ret->path, path, len + 1);
	ret->ino = st.st_ino;
	ret->created = w.n_made > 0;
	ret->n_made = w.n_made;
	return 0;
}

static int make(const struct cgroup_hierarchy *h, const struct cgroup_plan *p, const char *path,
		struct cgroup *ret, struct err *err)
{
	for (int tries = 1;; tries++) {
		if (make_once(h, p, path, ret, err) == 0)
			return 0;
		if (!cgroup_is_gone(err->sys) || tries == WALK_TRIES)
			break;
	}
	if (!p->path_given)
		return err_wrap(err, "make cgroup '%s'", path);

	return config_wrap(p->config, p->config->linux_.cgroups_path_at, err,
			   "linux.cgroupsPath '%s'", path);
}

/* The default name beside the caller's own cgroup: where a user's session may make cgroups. False:
 * there is no such place, or it is the root, which was tried. Its large buffers are no burden for
 * those who need none of it. */
static __attribute__((noinline)) bool sibling_path(const struct cgroup_plan *p, char buf[PATH_MAX])
{
	char text[PATH_MAX + 1024];

	if (file_read_small_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return false;

	char *own = cgroup_find_own(text);
	char *slash = own ? strrchr(own, '/') : NULL;
	if (!slash || slash == own)
		return false;
	*slash = '\0';

	char joined[sizeof(text) + NAME_MAX + 2];
	int n = snprintf(joined, sizeof(joined), "%s%s", own, p->path);
	return n > 0 && (size_t)n < sizeof(joined) &&
	       path_normalise(joined, buf, sizeof(((struct cgroup *)NULL)->path)) == 0;
}

static int make_default(const struct cgroup_hierarchy *h, const struct cgroup_plan *p,
			struct cgroup *ret, struct err *err)
{
	char sibling[PATH_MAX];
	struct err second = ERR_INIT;

	if (make(h, p, p->path, ret, err) == 0)
		return 0;
	if (!cgroup_is_forbidden(err->sys) || !sibling_path(p, sibling))
		return -1;
	if (make(h, p, sibling, ret, &second) == 0)
		return 0;

	*err = second;
	return -1;
}

int cgroup_create(const struct cgroup_hierarchy *h, const struct cgroup_plan *p, struct cgroup *ret,
		  struct err *err)
{
	struct cgroup cg = CGROUP_INIT;
	struct err why = ERR_INIT;

	if (p->path_given) {
		if (make(h, p, p->path, &cg, err) < 0)
			return -1;
	} else if (make_default(h, p, &cg, &why) < 0) {
		if (p->has_limits || !cgroup_is_forbidden(why.sys)) {
			*err = why;
			return -1;
		}
		log_debug("the container runs in the caller's cgroup: %s", why.msg);
	}

	*ret = cg;
	return 0;
}

int cgroup_open(const struct cgroup_hierarchy *h, const char *path, uint64_t ino, bool created,
		struct cgroup *ret, struct err *err)
{
	struct cgroup cg = { .fd = -1, .ino = ino, .created = created, .n_made = created };
	struct stat st;

	/* It comes from a file. The root is nobody's cgroup. */
	if (path_normalise(path, cg.path, sizeof(cg.path)) < 0 || strcmp(cg.path, path) != 0 ||
	    strcmp(cg.path, "/") == 0)
		return err_set(err, ERR_STATE, "the recorded cgroup path '%s' is not valid", path);
	AUTO_FD fd = cgroup_dir_open(h->fd, path);
	if (fd < 0)
		return cgroup_is_gone(errno) ? 0 : err_sys(err, "open cgroup '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at cgroup '%s'", path);
	if (ino != 0 && st.st_ino != ino)
		return 0;

	cg.fd = fd_take(&fd);
	cg.ino = st.st_ino;
	*ret = cg;
	return 1;
}
