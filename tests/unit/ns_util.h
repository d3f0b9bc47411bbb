/* SPDX-License-Identifier: Apache-2.0 */
/* ns_util.h - builds the file tree of a small container for a test, in private namespaces
 *
 * The test program leaves the host's mount namespace first, so nothing it does is seen there. A
 * case describes a config by fragments (single quotes stand for double ones); contain() plans it,
 * forks a child that carries it out and then looks around with CHECK(). */
#pragma once

#include "base_util.h"

#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/sys.h"
#include "kernel/rootfs.h"
#include "oci/config.h"

#define HOST_ID 100000 /* of the container's root user in a user namespace */

struct contained {
	const char *root;   /* members of "root" besides path, with a comma in front */
	const char *mounts; /* elements of "mounts" */
	const char *more;   /* members of "linux" besides namespaces, with a comma in front */
	bool user_ns, net_ns, cgroup_ns, no_mount_ns;
	const char *cgroup;   /* directory that is the container's cgroup */
	bool unprivileged;    /* as if the parent could not copy trees */
	bool no_pivot, stay;  /* stay: look before pivot_root */
	void (*before)(void); /* in the child, between clone and attach */
	void (*check)(struct rootfs *r);
};

static char ns_scratch[48]; /* a tmpfs of our own */
static bool ns_private;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: not true: %s (errno %d)\n", __FILE__, __LINE__,    \
				#cond, errno);                                                     \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

/* Group setup: own mount namespace, private, with a tmpfs to work in. */
static inline UNUSED int ns_group_setup(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(ns_scratch, sizeof(ns_scratch), "%s/cruntime-ns-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(ns_scratch))
		return -1;
	if (unshare(CLONE_NEWNS) < 0 || sys_mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
	    sys_mount("tmpfs", ns_scratch, "tmpfs", 0, "mode=755") < 0)
		return 0;
	ns_private = true;

	return 0;
}

static inline UNUSED int ns_group_teardown(void **state)
{
	(void)state;
	if (ns_private)
		(void)sys_umount2(ns_scratch, MNT_DETACH);

	return rmdir(ns_scratch);
}

/* Each test starts with an empty bundle. */
static inline UNUSED int ns_setup(void **state)
{
	char path[64];

	(void)state;
	if (!ns_private)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/b", ns_scratch);
	if (mkdir(path, 0755) < 0 || sys_mount("tmpfs", path, "tmpfs", 0, "mode=755") < 0 ||
	    chdir(path) < 0 || mkdir("rootfs", 0755) < 0 || mkdir("outside", 0755) < 0)
		return -1;

	return 0;
}

static inline UNUSED int ns_teardown(void **state)
{
	char path[64];

	(void)state;
	if (!ns_private)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/b", ns_scratch);
	if (chdir("/") < 0 || sys_umount2(path, MNT_DETACH) < 0 || rmdir(path) < 0)
		return -1;

	return 0;
}
#define NS_TEST(f) cmocka_unit_test_setup_teardown(f, ns_setup, ns_teardown)

static inline UNUSED void needs_namespaces(void)
{
	if (!ns_private) {
		print_message("needs the right to make mount namespaces\n");
		skip();
	}
}

static inline UNUSED struct oci_config *config_of(const struct contained *k, char *text,
						  size_t size)
{
	struct oci_config *c;
	struct err err = ERR_INIT;

	(void)snprintf(text, size,
		       "{'ociVersion': '1.0.2', 'root': {'path': 'rootfs'%s}, 'mounts': [%s],"
		       "'linux': {'namespaces': [%s%s%s%s]%s}}",
		       k->root ? k->root : "", k->mounts ? k->mounts : "",
		       k->no_mount_ns ? "{'type': 'pid'}" : "{'type': 'mount'}",
		       k->user_ns ? ", {'type': 'user'}" : "",
		       k->net_ns ? ", {'type': 'network'}" : "",
		       k->cgroup_ns ? ", {'type': 'cgroup'}" : "", k->more ? k->more : "");
	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (config_parse("config.json", text, strlen(text), false, &c, &err) < 0)
		fail_msg("%s", err.msg);

	return c;
}

static inline UNUSED void write_map(pid_t pid, const char *name)
{
	char path[64];
	char map[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	(void)snprintf(map, sizeof(map), "0 %d 65536", HOST_ID);
	write_file_at(AT_FDCWD, path, map);
}

/* The child's way to a user namespace: the parent writes the maps when we say so. */
static inline UNUSED void enter_user_ns(int sock)
{
	char byte = 'm';
	int status;

	/* procfs and mqueue need namespaces that belong to the user namespace. */
	CHECK(unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC) == 0);
	CHECK(write(sock, &byte, 1) == 1);
	CHECK(read(sock, &byte, 1) == 1);
	CHECK(setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid > 0) {
		CHECK(waitpid(pid, &status, 0) == pid);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
	}
}

static inline UNUSED void child(const struct contained *k, const struct rootfs_plan *p, int sock)
{
	struct err err = ERR_INIT;
	struct rootfs r = ROOTFS_INIT;
	int flags = k->no_mount_ns ? 0 : CLONE_NEWNS;

	if (k->user_ns)
		enter_user_ns(sock);
	flags |= (k->net_ns ? CLONE_NEWNET : 0) | (k->cgroup_ns ? CLONE_NEWCGROUP : 0);
	CHECK(unshare(flags) == 0);
	if (k->before)
		k->before();

	int rc = rootfs_attach(p, &r, &err);
	if (rc == 0)
		rc = rootfs_mounts(p, &r, &err);
	if (rc == 0)
		rc = rootfs_devices(p, &r, &err);
	if (rc == 0 && !k->stay)
		rc = rootfs_pivot(p, &r, &err);
	if (rc == 0 && !k->stay)
		rc = rootfs_protect(p, &r, &err);
	if (rc < 0) {
		CHECK(write(sock, &err, sizeof(err)) == sizeof(err));
		_exit(1);
	}
	if (k->check)
		k->check(&r);
	_exit(0);
}

static inline UNUSED int run_child(const struct contained *k, struct rootfs_plan *p,
				   struct err *err)
{
	int pair[2];
	int status;
	char byte;

	for (size_t i = 0; k->unprivileged && i < p->n_mounts; i++)
		fd_close(&p->mounts[i].tree);
	if (k->unprivileged)
		fd_close(&p->tree);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		child(k, p, pair[1]);
	}
	close(pair[1]);
	if (k->user_ns) {
		assert_int_equal(read(pair[0], &byte, 1), 1);
		write_map(pid, "uid_map");
		write_map(pid, "gid_map");
		assert_int_equal(write(pair[0], "x", 1), 1);
	}

	ssize_t n = read(pair[0], err, sizeof(*err));
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (n == (ssize_t)sizeof(*err))
		return -1;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);

	return 0;
}

/* Returns 0, or -1 with what the plan or the child complained about. */
static inline UNUSED int contain(const struct contained *k, struct err *err)
{
	char text[8192];
	char *bundle = getcwd(NULL, 0);
	size_t fds = open_fds();
	struct oci_config *c = config_of(k, text, sizeof(text));
	AUTO_ARENA arena = ARENA_INIT;
	AUTO_FD bundlefd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct rootfs_plan p;
	AUTO_FD procfd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct rootfs_request request = { .config = c,
						.bundlefd = bundlefd,
						.bundle = bundle,
						.procfd = procfd,
						.user_ns = -1,
						.no_pivot = k->no_pivot };

	AUTO_FD cgroup = k->cgroup ? open(k->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = rootfs_plan_build(&request, &arena, &p, err);
	if (rc == 0)
		rc = rootfs_plan_cgroup(&p, cgroup, err);
	if (rc == 0) {
		rc = run_child(k, &p, err);
		rootfs_plan_done(&p);
	}
	config_free(&c);
	free(bundle);
	assert_int_equal(open_fds(), fds + (cgroup >= 0 ? 3 : 2)); /* bundlefd, procfd */

	return rc;
}

static inline UNUSED void contain_ok(const struct contained *k)
{
	struct err err = ERR_INIT;

	if (contain(k, &err) < 0)
		fail_msg("%s", err.msg);
}

/* The case fails, and the message contains FRAGMENT. */
static inline UNUSED void contain_fails(const struct contained *k, const char *fragment)
{
	struct err err = ERR_INIT;

	if (contain(k, &err) == 0)
		fail_msg("nothing failed");
	if (!strstr(err.msg, fragment))
		fail_msg("'%s' is not in: %s", fragment, err.msg);
}

/* Flags of the file system at PATH as statvfs shows them (ST_RDONLY, ST_NOSUID, …). */
static inline UNUSED unsigned long flags_of(int rootfd, const char *path)
{
	struct statvfs fs;

	AUTO_FD fd = openat(rootfd, path, O_PATH | O_CLOEXEC);
	CHECK(fd >= 0 && fstatvfs(fd, &fs) == 0);

	return fs.f_flag;
}

static inline UNUSED mode_t mode_of(int rootfd, const char *path)
{
	struct stat st;

	CHECK(fstatat(rootfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);

	return st.st_mode;
}

static inline UNUSED dev_t rdev_of(int rootfd, const char *path)
{
	struct stat st;

	CHECK(fstatat(rootfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);

	return S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

/* The optional fields ("shared:7 master:3") of the last mount whose mount point ends in SUFFIX. */
static inline UNUSED const char *peers_of(const char *suffix)
{
	static char line[4096];
	static char found[256];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	CHECK(f);
	(void)snprintf(found, sizeof(found), "no such mount");
	while (fgets(line, sizeof(line), f)) {
		char point[1024];
		int at = 0;

		CHECK(sscanf(line, "%*s %*s %*s %*s %1023s %*s %n", point, &at) == 1);
		size_t len = strlen(point);
		if (len < strlen(suffix) || strcmp(point + len - strlen(suffix), suffix) != 0)
			continue;
		char *end = strstr(line + at, "- ");
		CHECK(end);
		*end = '\0';
		(void)snprintf(found, sizeof(found), "%s", line + at);
	}
	fclose(f);

	return found;
}
