/* SPDX-License-Identifier: Apache-2.0 */
/* Process steps of container/init.h: descriptors, user, capabilities, directory, executable */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/texts.h"
#include "init-internal.h"
#include "kernel/device.h"

/* ---- descriptors ------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* A hole in the caller's range may hold a descriptor of ours: ours are close-on-exec. */
static void close_ours_below(unsigned end, const int *keep, size_t n_keep)
{
	for (int fd = 3; fd < (int)end; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || !(flags & FD_CLOEXEC) ||
		    bsearch(&fd, keep, n_keep, sizeof(*keep), by_number))
			continue;
		(void)close(fd);
	}
}

int init_close_all_but(const struct plan *p, int *keep, size_t n, struct err *err)
{
	unsigned from = 3 + p->keep_fds;

	qsort(keep, n, sizeof(keep[0]), by_number);
	close_ours_below(from, keep, n);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from && sys_close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return err_sys(err, "close the descriptors of the host");
		from = (unsigned)keep[i] + 1;
	}
	if (sys_close_range(from, ~0U, 0) < 0)
		return err_sys(err, "close the descriptors of the host");
	return 0;
}

/* Everything goes away that a hostile program could reach through us, the host's directories above
 * all (I-08, CVE-2024-21626), and what a leaking caller left: write ends of pipes whose end of file
 * somebody awaits, sockets of a shim (engine-contracts 4). */
int step_descriptors(struct init *in, struct err *err)
{
	int keep[] = { in->sync, in->listener, in->root.fd, log_fd() };

	/* From here to execve, `exec` may bring processes into our namespaces: none may look into
	 * this one (CVE-2016-9962). The ids may stay the same, so the kernel would not do it by
	 * itself. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, "make the set-up undumpable");
	in->root.dev = -1; /* goes with the others */
	return init_close_all_but(in->plan, keep, ARRAY_LEN(keep), err);
}

/* The host's /dev/null on 0-2 becomes the container's own (R-LNX-03); checked by device number,
 * never through a link (CVE-2026-88265). Without one the host's stays. */
static void reopen_null(struct init *in, int fd)
{
	struct err ignored = ERR_INIT;
	AUTO_FD null = -1;

	if (path_open_in(in->root.fd, "/dev/null", O_RDWR | O_NOCTTY | O_NONBLOCK,
			 RESOLVE_NO_SYMLINKS, &null, &ignored) < 0 ||
	    !device_is(null, 1, 3))
		return;
	(void)fcntl(null, F_SETFL, 0);
	(void)dup2(null, fd); /* lint: FD is 0, 1 or 2, for the program */
}

/* A non-root program may want to reopen /dev/stdout (C-USER-05). Never a null device or a regular
 * file. */
int step_stdio(struct init *in, struct err *err)
{
	uid_t uid = in->plan->config->process.user.uid;
	struct stat st;

	for (int fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) < 0)
			return err_sys(err, "inspect descriptor %d", fd);
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) {
			reopen_null(in, fd);
			continue;
		}
		if (S_ISREG(st.st_mode) || st.st_uid == uid)
			continue;
		if (fchown(fd, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EROFS &&
		    errno != EINVAL)
			return err_sys(err, "hand descriptor %d to user %u", fd, uid);
	}
	return 0;
}

/* ---- HOME -------------------------------------------------------------------------------------
 */

/* "name:x:UID:gid:gecos:HOME:shell" with this UID: HOME, else NULL. Cuts LINE. */
static const char *home_in_line(char *line, uint32_t uid)
{
	char *field[6] = { line };
	uint32_t found;

	for (size_t i = 1; i < ARRAY_LEN(field); i++) {
		char *colon = strchr(field[i - 1], ':');
		if (!colon)
			return NULL;
		*colon = '\0';
		field[i] = colon + 1;
	}
	field[5][strcspn(field[5], ":")] = '\0';
	if (parse_u32(field[2], &found) < 0 || found != uid || field[5][0] != '/')
		return NULL;
	return field[5];
}

/* Scans by a small buffer: the image may hold a file of any size, or none that is a file (S-43,
 * S-83). */
#define PASSWD_MAX_BYTES (1 << 20)

static bool home_in_passwd(int fd, uint32_t uid, char *ret, size_t size)
{
	char buf[4096];
	size_t have = 0, total = 0;
	ssize_t n = -1;

	while (total < PASSWD_MAX_BYTES &&
	       (n = RETRY(read(fd, buf + have, sizeof(buf) - 1 - have))) > 0) {
		total += (size_t)n;
		have += (size_t)n;
		buf[have] = '\0';
		char *line = buf, *end;
		while ((end = memchr(line, '\n', have - (size_t)(line - buf)))) {
			*end = '\0';
			const char *home = home_in_line(line, uid);
			if (home)
				return (size_t)snprintf(ret, size, "HOME=%s", home) < size;
			line = end + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		if (have == sizeof(buf) - 1)
			return false; /* no such line has 4 KiB */
	}
	if (n != 0)
		return false;
	/* The last line may lack its newline. */
	buf[have] = '\0';
	const char *home = home_in_line(buf, uid);
	return home && (size_t)snprintf(ret, size, "HOME=%s", home) < size;
}

int step_home(struct init *in, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_FD fd = -1;
	struct stat st;

	(void)err;
	(void)snprintf(in->home, sizeof(in->home), "HOME=/");
	if (path_open_in(in->root.fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd,
			 &ignored) < 0 ||
	    fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (!home_in_passwd(fd, in->plan->config->process.user.uid, in->home, sizeof(in->home)))
		(void)snprintf(in->home, sizeof(in->home), "HOME=/");
	return 0;
}

/* ---- working directory ------------------------------------------------------------------------
 */

static int enter_cwd(struct init *in, bool *ret_denied, struct err *err)
{
	const char *cwd = in->plan->config->process.cwd;
	struct err cause = ERR_INIT;
	AUTO_FD fd = -1;

	*ret_denied = false;
	if (path_open_in(in->root.fd, cwd, O_PATH | O_DIRECTORY, 0, &fd, &cause) == 0 &&
	    fchdir(fd) == 0)
		return 0;
	*ret_denied = errno == EACCES;
	err_set(err, ERR_CONFIG, TEXT_CWD, cwd, err_text_go(errno));
	if (!in->plan->config->process.cwd_at)
		return -1; /* exec --cwd */
	return config_wrap(in->plan->config, in->plan->config->process.cwd_at, err, "process.cwd");
}

/* The kernel says "(unreachable)…" for a directory outside the root (CVE-2024-21626). */
static int check_cwd(struct err *err)
{
	char buf[PATH_MAX];

	if (syscall(SYS_getcwd, buf, sizeof(buf)) < 0)
		return err_sys(err, "read back the working directory");
	if (buf[0] != '/')
		return err_set(err, ERR_SYSTEM,
			       "the working directory is outside the container's root");
	return 0;
}

/* As root first: the directory may be closed to the user, which execve does not mind; then as the
 * user: it may be closed to root (NFS, user namespaces). */
int step_cwd(struct init *in, struct err *err)
{
	if (enter_cwd(in, &in->cwd_pending, err) < 0)
		return in->cwd_pending ? 0 : -1;
	return check_cwd(err);
}

int step_cwd_as_user(struct init *in, struct err *err)
{
	bool denied;

	if (!in->cwd_pending)
		return 0;
	if (enter_cwd(in, &denied, err) < 0)
		return -1;
	return check_cwd(err);
}

/* ---- user and capabilities ---------------------------------------------------------------------
 */

int step_bounding(struct init *in, struct err *err)
{
	return caps_drop_bounding(&in->plan->caps, err);
}

static int set_groups(const struct oci_user *u, struct err *err)
{
	if (setgroups(u->n_additional_gids, u->additional_gids) == 0)
		return 0;
	/* Denied in a namespace that an unprivileged user mapped; then nothing may be asked for. */
	if (errno == EPERM && u->n_additional_gids == 0)
		return 0;
	return err_sys(err, "set %zu supplementary groups (process.user.additionalGids)",
		       u->n_additional_gids);
}

/* Read back, because setresuid(-1) and a lost check both end as root (S-05, S-77, I-10). */
static int check_ids(const struct oci_user *u, struct err *err)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return err_sys(err, "read back the user and group");
	for (size_t i = 0; i < 3; i++) {
		if (uid[i] != u->uid || gid[i] != u->gid)
			return err_set(err, ERR_SYSTEM, "user %u:%u is not in force", u->uid,
				       u->gid);
	}
	return 0;
}

int step_ids(struct init *in, struct err *err)
{
	const struct oci_user *u = &in->plan->config->process.user;

	(void)umask(u->umask.set ? (mode_t)u->umask.v : 0022);
	/* For root nothing is lost. */
	if ((u->uid != 0 && caps_keep(err) < 0) || set_groups(u, err) < 0)
		return -1;
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return err_sys(err, "change to group %u (process.user.gid)%s", u->gid,
			       errno == EINVAL ? ", which the user namespace does not map" : "");
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return err_sys(err, "change to user %u (process.user.uid)%s", u->uid,
			       errno == EINVAL ? ", which the user namespace does not map" : "");
	return check_ids(u, err);
}

/* CAP_SYS_ADMIN is kept until execve where the filter's load needs it; see container/init.h. */
int step_caps(struct init *in, struct err *err)
{
	struct caps_plan caps = in->plan->caps;

	if (in->plan->filter.insns && !in->plan->config->process.no_new_privileges) {
		caps.permitted |= 1ULL << CAP_SYS_ADMIN;
		caps.effective |= 1ULL << CAP_SYS_ADMIN;
	}
	return caps_apply(&caps, err);
}

int step_no_new_privs(struct init *in, struct err *err)
{
	(void)in;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "set no_new_privs");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_set(err, ERR_SYSTEM, "no_new_privs is not in force");
	return 0;
}

/* ---- executable --------------------------------------------------------------------------------
 */

/* 0, or the errno that execve would give for it. */
static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static const char *search_path(const struct plan *p)
{
	for (size_t i = 0; i < p->n_env; i++) {
		if (str_starts(p->env[i], "PATH="))
			return p->env[i] + strlen("PATH=");
	}
	return "";
}

/* As execvp(3), with the container's PATH; a hit that may not be executed is remembered. Returns 0,
 * or the errno to report. */
static int search_executable(struct init *in, const char *name)
{
	int result = ENOENT;

	for (const char *dir = search_path(in->plan); *dir;) {
		size_t len = strcspn(dir, ":");
		int n = snprintf(in->executable, sizeof(in->executable), "%.*s/%s", (int)len,
				 len ? dir : ".", name);
		if (n > 0 && (size_t)n < sizeof(in->executable)) {
			int e = check_executable(in->executable);
			if (e == 0)
				return 0;
			if (e == EACCES)
				result = EACCES;
		}
		dir += len + (dir[len] == ':');
	}
	return result;
}

/* Looked up as the final user, in the container, before `create` returns (R-LIFE-07). */
int step_executable(struct init *in, struct err *err)
{
	const struct oci_process *process = &in->plan->config->process;
	const char *name = process->args.v[0];
	int e;

	/* Not even to the container's own root does /proc/self/fd/N lead (S-15). */
	fd_close(&in->root.fd);
	if (!strchr(name, '/')) {
		e = search_executable(in, name);
		if (e == ENOENT)
			return err_set(err, ERR_CONFIG, TEXT_EXEC_NOT_IN_PATH, name);
	} else if (strlen(name) >= sizeof(in->executable)) {
		e = ENAMETOOLONG;
	} else {
		memcpy(in->executable, name, strlen(name) + 1);
		e = check_executable(name);
	}
	if (e == EISDIR)
		return err_set(err, ERR_CONFIG, TEXT_EXEC_DIRECTORY, name);
	return e ? err_set(err, ERR_CONFIG, TEXT_EXEC_ERRNO, name, err_text_go(e)) : 0;
}
