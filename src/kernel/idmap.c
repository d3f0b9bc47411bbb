/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "kernel/procfs.h"

/* The kernel prints up to 340 lines of 33 bytes (user_namespaces(7)). */
#define MAP_TEXT_MAX 16384

/* One of the two maps. */
struct kind {
	const char *file, *helper, *field;
	bool is_gid;
};
static const struct kind uid_kind = { "uid_map", "newuidmap", "linux.uidMappings", false };
static const struct kind gid_kind = { "gid_map", "newgidmap", "linux.gidMappings", true };

struct target {
	int procfd;
	pid_t pid;
	const struct oci_id_map *map;
	size_t n;
};

#define FILE_NAME_MAX (3 * sizeof(pid_t) + sizeof("/setgroups"))

static void file_name(char buf[FILE_NAME_MAX], pid_t pid, const char *file)
{
	(void)snprintf(buf, FILE_NAME_MAX, "%d/%s", (int)pid, file);
}

/* ---- by writing ----------------------------------------------------------------------------- */

static int write_direct(const struct target *t, const struct kind *k, struct err *err)
{
	AUTO_STR text = STR_INIT;
	char name[FILE_NAME_MAX];

	for (size_t i = 0; i < t->n; i++)
		str_addf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", t->map[i].container_id,
			 t->map[i].host_id, t->map[i].size);

	const char *s = str_text(&text);
	if (!s)
		return err_oom(err);
	/* map_write() in kernel/user_namespace.c */
	if (text.len >= (size_t)sysconf(_SC_PAGESIZE))
		return err_set(err, ERR_CONFIG,
			       "%zu lines make %zu bytes, the kernel takes less than %ld", t->n,
			       text.len, sysconf(_SC_PAGESIZE));
	file_name(name, t->pid, k->file);
	return procfs_write(t->procfd, name, s, err);
}

/* The one map that needs no privilege: a single id, the caller's own. */
static bool is_own_id(const struct target *t, const struct kind *k)
{
	return t->n == 1 && t->map[0].size == 1 &&
	       t->map[0].host_id == (k->is_gid ? getegid() : geteuid());
}

static int deny_setgroups(const struct target *t, struct err *err)
{
	char name[FILE_NAME_MAX];

	file_name(name, t->pid, "setgroups");
	return procfs_write(t->procfd, name, "deny", err);
}

/* ---- by the set-user-id helpers of shadow -----------------------------------------------------
 */

/* Absolute, from a fixed list: PATH belongs to the caller. */
static const char *find_helper(const char *name, struct arena *a)
{
	static const char *const dirs[] = { "/usr/bin", "/bin", "/usr/local/bin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const char *path = arena_printf(a, "%s/%s", dirs[i], name);

		if (path && access(path, X_OK) == 0)
			return path;
	}

	return NULL;
}

static int helper_argv(const struct target *t, const struct kind *k, struct arena *a, char ***ret,
		       struct err *err)
{
	size_t n = 0;

	char **argv = ARENA_NEW(a, char *, 2 + 3 * t->n + 1);
	if (!argv)
		return err_oom(err);
	argv[n++] = arena_strdup(a, k->helper);
	argv[n++] = arena_printf(a, "%d", (int)t->pid);
	for (size_t i = 0; i < t->n; i++) {
		argv[n++] = arena_printf(a, "%" PRIu32, t->map[i].container_id);
		argv[n++] = arena_printf(a, "%" PRIu32, t->map[i].host_id);
		argv[n++] = arena_printf(a, "%" PRIu32, t->map[i].size);
	}
	for (size_t i = 0; i < n; i++) {
		if (!argv[i])
			return err_oom(err);
	}

	*ret = argv;
	return 0;
}

/* With an empty environment and default signals: the helper is set-user-id and is started by us
 * with whatever our caller left behind (I-21). Returns an errno value, as posix_spawn does. */
static int spawn_helper(const char *path, char *const argv[], pid_t *ret)
{
	char *const env[] = { NULL };
	posix_spawnattr_t attr;
	sigset_t none, all;

	int rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		return rc;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	rc = posix_spawnattr_setsigmask(&attr, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&attr, &all);
	if (rc == 0)
		rc = posix_spawnattr_setflags(&attr,
					      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawn(ret, path, NULL, &attr, argv, env);
	(void)posix_spawnattr_destroy(&attr); /* never fails */

	return rc;
}

static int run_helper(const struct target *t, const struct kind *k, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	char **argv = NULL;
	pid_t pid = -1;
	int status;

	const char *path = find_helper(k->helper, &a);
	if (!path)
		return err_set(
			err, ERR_SYSTEM,
			"more than the caller's own id is mapped, and there is no '%s' program",
			k->helper);
	if (helper_argv(t, k, &a, &argv, err) < 0)
		return -1;

	errno = spawn_helper(path, argv, &pid);
	if (errno != 0)
		return err_sys(err, "run '%s'", path);
	if (RETRY(waitpid(pid, &status, 0)) < 0)
		return err_sys(err, "wait for '%s'", path);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_SYSTEM, "'%s' died of signal %d", path, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_SYSTEM,
			       "'%s' refused with status %d (see subuid(5) and subgid(5))", path,
			       WEXITSTATUS(status));

	return 0;
}

/* ---- reading back -----------------------------------------------------------------------------
 */

static int read_map(const struct target *t, const struct kind *k, struct arena *a, char **ret,
		    struct err *err)
{
	char name[FILE_NAME_MAX];
	size_t len = 0;

	char *text = ARENA_NEW(a, char, MAP_TEXT_MAX);
	if (!text)
		return err_oom(err);
	file_name(name, t->pid, k->file);

	AUTO_FD fd = -1;
	if (procfs_open_file(t->procfd, name, O_RDONLY, &fd, err) < 0)
		return -1;
	/* The kernel hands out a page per read. */
	while (len < MAP_TEXT_MAX - 1) {
		ssize_t n = RETRY(read(fd, text + len, MAP_TEXT_MAX - 1 - len));
		if (n < 0)
			return err_sys(err, "read '%s'", name);
		if (n == 0)
			break;
		len += (size_t)n;
	}

	*ret = text;
	return 0;
}

static bool has_entry(const struct target *t, uint32_t container_id, uint32_t host_id,
		      uint32_t size)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct oci_id_map *m = &t->map[i];

		if (m->container_id == container_id && m->host_id == host_id && m->size == size)
			return true;
	}
	return false;
}

/* The kernel sorts long maps, so lines are compared as a set; it refuses overlaps, so that equal
 * counts and no strange line mean equal sets. */
static int verify(const struct target *t, const struct kind *k, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	char *text = NULL;
	size_t lines = 0;

	if (read_map(t, k, &a, &text, err) < 0)
		return -1;

	for (char *p = text; *p; lines++) {
		uint32_t container_id, host_id, size;
		int used = 0;

		if (sscanf(p, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %n", &container_id, &host_id,
			   &size, &used) != 3 ||
		    !has_entry(t, container_id, host_id, size))
			return err_set(err, ERR_SYSTEM, "'%s' reads back differently", k->file);
		p += used;
	}
	if (lines != t->n)
		return err_set(err, ERR_SYSTEM, "'%s' has %zu lines instead of %zu", k->file, lines,
			       t->n);

	return 0;
}

static int write_map(const struct target *t, const struct kind *k, struct err *err)
{
	if (write_direct(t, k, err) == 0)
		return verify(t, k, err);
	if (err->sys != EPERM)
		return -1;

	if (is_own_id(t, k)) {
		/* C-UMAP-06, CVE-2014-8989: without privilege no group may be dropped. */
		if (k->is_gid && deny_setgroups(t, err) < 0)
			return -1;
		if (write_direct(t, k, err) < 0)
			return -1;
	} else if (run_helper(t, k, err) < 0) {
		return -1;
	}

	return verify(t, k, err);
}

int idmap_write(int procfd, pid_t pid, const struct oci_config *c, struct err *err)
{
	const struct oci_linux *l = &c->linux_;
	const struct target uids = { procfd, pid, l->uid_map, l->n_uid_map };
	const struct target gids = { procfd, pid, l->gid_map, l->n_gid_map };

	if (l->n_uid_map == 0 || l->n_gid_map == 0)
		return err_set(err, ERR_BUG, "a user namespace without id mappings");
	if (write_map(&uids, &uid_kind, err) < 0)
		return config_wrap(c, l->uid_map[0].at, err, "%s", uid_kind.field);
	if (write_map(&gids, &gid_kind, err) < 0)
		return config_wrap(c, l->gid_map[0].at, err, "%s", gid_kind.field);

	return 0;
}

int64_t idmap_to_host(const struct oci_id_map *map, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (id >= map[i].container_id && id - map[i].container_id < map[i].size)
			return (int64_t)map[i].host_id + (id - map[i].container_id);
	}

	return -1;
}

/* ---- user namespaces that only hold maps ---------------------------------------------------- */

static int write_pair(int procfd, pid_t pid, const struct idmap_pair *pair, struct err *err)
{
	const struct target uids = { procfd, pid, pair->uid, pair->n_uid };
	const struct target gids = { procfd, pid, pair->gid, pair->n_gid };

	if (write_direct(&uids, &uid_kind, err) < 0 || verify(&uids, &uid_kind, err) < 0)
		return err_wrap(err, "uidMappings");
	if (write_direct(&gids, &gid_kind, err) < 0 || verify(&gids, &gid_kind, err) < 0)
		return err_wrap(err, "gidMappings");

	return 0;
}

static int open_user_ns(int procfd, pid_t pid, int *ret_fd, struct err *err)
{
	char name[FILE_NAME_MAX + sizeof("ns/user")];

	/* A link of the kernel's own, which procfs_open_file() would not follow. */
	(void)snprintf(name, sizeof(name), "%d/ns/user", (int)pid);
	int fd = openat(procfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open '/proc/%s'", name);

	*ret_fd = fd;
	return 0;
}

/* A process in a new user namespace that ends when *ret_end is closed, also by our death. */
static int spawn_holder(struct proc *ret, int *ret_end, struct err *err)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&ret->pidfd,
		.exit_signal = SIGCHLD,
	};
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");

	AUTO_FD in = ends[0];
	AUTO_FD out = ends[1];
	ret->pid = sys_clone3(&args);
	if (ret->pid == 0) {
		fd_close(&out); /* else our own copy would hide the runtime's end */
		_exit(RETRY(read(in, &byte, 1)) != 0);
	}
	if (ret->pid < 0)
		return err_sys(err, "make a user namespace for the maps%s",
			       errno == ENOSPC ? " (see /proc/sys/user/max_user_namespaces)" : "");

	*ret_end = fd_take(&out);
	return 0;
}

static int make_ns(const struct idmap_pair *pair, int procfd, int *ret_fd, struct err *err)
{
	AUTO_PROC holder = PROC_INIT;
	AUTO_FD end = -1;

	if (spawn_holder(&holder, &end, err) < 0)
		return -1;

	int rc = write_pair(procfd, holder.pid, pair, err);
	if (rc == 0)
		rc = open_user_ns(procfd, holder.pid, ret_fd, err);
	fd_close(&end);
	(void)!proc_reap(&holder); /* ECHILD: the caller ignores SIGCHLD; it has ended all the same */

	return rc;
}

static bool same_map(const struct oci_id_map *a, size_t n_a, const struct oci_id_map *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (a[i].container_id != b[i].container_id || a[i].host_id != b[i].host_id ||
		    a[i].size != b[i].size)
			return false;
	}

	return true;
}

int idmap_ns_get(struct idmap_ns **list, const struct idmap_pair *pair, int procfd, struct arena *a,
		 int *ret_fd, struct err *err)
{
	for (struct idmap_ns *n = *list; n; n = n->next) {
		if (same_map(n->pair.uid, n->pair.n_uid, pair->uid, pair->n_uid) &&
		    same_map(n->pair.gid, n->pair.n_gid, pair->gid, pair->n_gid)) {
			*ret_fd = n->fd;
			return 0;
		}
	}

	struct idmap_ns *n = ARENA_NEW(a, struct idmap_ns, 1);
	if (!n)
		return err_oom(err);
	if (make_ns(pair, procfd, &n->fd, err) < 0)
		return -1;
	n->pair = *pair;
	n->next = *list;
	*list = n;

	*ret_fd = n->fd;
	return 0;
}

void idmap_ns_done(struct idmap_ns **list)
{
	for (struct idmap_ns *n = *list; n; n = n->next)
		fd_close(&n->fd);
	*list = NULL;
}
