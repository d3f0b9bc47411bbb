/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint: a container becomes an image; criu-internal.h has the idea */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "container/ready.h"
#include "criu-internal.h"
#include "kernel/mountinfo.h"
#include "kernel/ns.h"
#include "kernel/procfs.h"
#include "verbs-internal.h"

#define LOG_NAME "dump.log" /* containerd looks for it (engine-contracts 9) */

struct checkpoint {
	const struct image_options *options; /* lent */
	struct opened opened;
	struct oci_config *config; /* owned: the saved one */
	struct image image;
	struct cgroup_hierarchy hierarchy;
	struct cgroup cgroup; /* fd -1: it has none */
	struct criu_request request;
	int procfd;    /* owned */
	int status_fd; /* the caller's, or -1 */
};

static int check_status(const struct opened *o, struct err *err)
{
	switch (o->status) {
	case STATUS_RUNNING:
	case STATUS_PAUSED:
		return 0;
	case STATUS_UNKNOWN:
		return err_wrap(err, "damaged state (delete --force removes the container)");
	case STATUS_CREATING:
	case STATUS_CREATED:
	case STATUS_STOPPED:
		break;
	}
	return err_set(err, ERR_STATE, "container cannot be checkpointed in %s state",
		       status_name(o->status));
}

/* Its other end is a socket of the service manager's, through a directory of ours. */
static int check_ready(const struct opened *o, struct err *err)
{
	struct stat st;

	if (fstatat(o->store.dir, READY_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return err_set(err, ERR_STATE,
		       "a container that was started with NOTIFY_SOCKET cannot be checkpointed");
}

/* ---- mounts ------------------------------------------------------------------------------------
 */

/* What is mounted where the config says: symbolic links in the image may lead elsewhere, so it is
 * asked for the number of the mount. */
static int find_bind(const char *table, int rootfd, const struct oci_mount *m, struct arena *a,
		     const char **ret, struct err *err)
{
	struct statx stx;
	AUTO_FD fd = -1;

	if (path_open_in(rootfd, m->destination, O_PATH, 0, &fd, err) < 0)
		return -1;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 || !(stx.stx_mask & STATX_MNT_ID))
		return err_sys(err, "ask for the mount at '%s'", m->destination);
	return mountinfo_point(table, stx.stx_mnt_id, a, ret, err);
}

static int put_binds(struct checkpoint *c, const char *table, int rootfd, struct err *err)
{
	for (size_t i = 0; i < c->config->n_mounts; i++) {
		const struct oci_mount *m = &c->config->mounts[i];
		const char *point = NULL;
		if (!m->options.bind || m->options.remount)
			continue;
		if (find_bind(table, rootfd, m, &c->opened.arena, &point, err) < 0)
			return config_wrap(c->config, m->at, err, "mounts[%zu]", i);
		/* On the root itself: the container has unmounted it. */
		if (point && strcmp(point, "/") != 0)
			criu_put_mount(&c->request, point, m->destination);
	}
	return 0;
}

static int put_mounts(struct checkpoint *c, struct err *err)
{
	char name[sizeof("/root") + 3 * sizeof(pid_t)];
	char *table;

	(void)snprintf(name, sizeof(name), "%d/root", c->opened.proc.pid);
	AUTO_FD rootfd = openat(c->procfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return err_sys(err, "open the root of process %d", c->opened.proc.pid);
	if (mountinfo_read(c->procfd, c->opened.proc.pid, &c->opened.arena, &table, err) < 0)
		return -1;
	return put_binds(c, table, rootfd, err);
}

/* ---- namespaces --------------------------------------------------------------------------------
 */

/* The namespace that the process is in, whatever its path names by now. */
static int put_external(struct checkpoint *c, enum oci_ns ns, struct err *err)
{
	char name[sizeof("/ns/cgroup") + 3 * sizeof(pid_t)];
	AUTO_STR text = STR_INIT;
	struct stat st;

	(void)snprintf(name, sizeof(name), "%d/ns/%s", c->opened.proc.pid, ns_proc_name(ns));
	if (fstatat(c->procfd, name, &st, 0) < 0)
		return err_sys(err, "look at the container's %s namespace", ns_name(ns));
	str_addf(&text, "%s[%" PRIuMAX "]:%s", ns_proc_name(ns), (uintmax_t)st.st_ino,
		 image_ns_key(ns));
	if (!str_text(&text))
		return err_oom(err);
	criu_put_external(&c->request, text.s);
	return 0;
}

static int put_namespaces(struct checkpoint *c, struct err *err)
{
	for (enum oci_ns ns = 0; ns < OCI_NS_COUNT; ns++) {
		if (config_ns_join(c->config, ns) && image_ns_key(ns) &&
		    put_external(c, ns, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the request -------------------------------------------------------------------------------
 */

static int put_freezer(struct checkpoint *c, struct err *err)
{
	AUTO_STR path = STR_INIT;
	int rc = opened_cgroup(&c->opened, &c->hierarchy, &c->cgroup, err);

	if (rc <= 0)
		return rc;
	str_addf(&path, "%s%s", c->hierarchy.mount_point, c->opened.record.cgroup);
	if (!str_text(&path))
		return err_oom(err);
	criu_put_freezer(&c->request, path.s);
	return 0;
}

static int build_request(struct checkpoint *c, struct err *err)
{
	const struct image_options *o = c->options;

	if (criu_request_begin(&c->request, o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, o, err) < 0)
		return -1;
	criu_put_places(&c->request, c->image.dir, c->image.work, LOG_NAME);
	criu_put_pid(&c->request, c->opened.proc.pid);
	criu_put_root(&c->request, c->opened.record.rootfs);
	if (put_freezer(c, err) < 0 || put_namespaces(c, err) < 0)
		return -1;
	if (o->pre_dump) /* memory only */
		return 0;
	return put_mounts(c, err) < 0 ? -1
				      : image_write_stdio(&c->image, &c->opened.record.stdio, err);
}

/* ---- the work ----------------------------------------------------------------------------------
 */

/* The page server listens: whoever waits for that may begin (lazy migration). */
static int heard(void *arg, const char *script, pid_t pid UNUSED, int fd UNUSED, struct err *err)
{
	struct checkpoint *c = arg;

	if (strcmp(script, "status-ready") != 0 || c->status_fd < 0)
		return 0;
	if (file_write_all(c->status_fd, "", 1) < 0)
		return err_sys(err, "write to --status-fd %d", c->status_fd);
	fd_close_now(&c->status_fd);
	return 0;
}

static int take_status_fd(struct checkpoint *c, struct err *err)
{
	const char *text = c->options->status_fd;
	uint32_t number;

	if (!text)
		return 0;
	int flags = parse_u32(text, &number) < 0 || number > INT32_MAX
			    ? -1
			    : fcntl((int)number, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, ERR_USAGE,
			       "--status-fd '%s': expected a descriptor that is open for writing",
			       text);
	c->status_fd = (int)number;
	return 0;
}

static int dump(struct checkpoint *c, struct err *err)
{
	const struct criu_start start = { .program = c->options->criu,
					  .cgroupfd = -1,
					  .quiet = true };
	AUTO_CRIU criu = CRIU_INIT;

	if (criu_spawn(&start, &criu, err) < 0)
		return -1;
	if (criu_converse(&criu, &c->request, heard, c, err) < 0)
		return image_explain(&c->image, err);
	/* After a pre-dump it would wait for the next one. */
	fd_close(&criu.sock);
	(void)!proc_reap(&criu.proc);
	proc_done(&criu.proc);
	return 0;
}

static int begin(struct checkpoint *c, int rootfd, const char *id, struct err *err)
{
	struct opened *o = &c->opened;

	if (take_status_fd(c, err) < 0 || opened_begin(rootfd, id, true, o, err) < 0)
		return -1;
	if (check_status(o, err) < 0 || check_ready(o, err) < 0 ||
	    config_load_saved(o->store.dir, "config.json", &c->config, err) < 0 ||
	    image_check_config(c->config, err) < 0 || procfs_open(&c->procfd, err) < 0 ||
	    image_open(c->options, true, LOG_NAME, &c->image, err) < 0 ||
	    build_request(c, err) < 0 || dump(c, err) < 0)
		return -1;
	if (c->options->leave_running || c->options->pre_dump)
		return 0;
	return opened_destroy(o, err);
}

int container_checkpoint(int rootfd, const char *id, const struct image_options *o, struct err *err)
{
	struct checkpoint c = {
		.options = o,
		.opened = OPENED_INIT,
		.image = IMAGE_INIT,
		.hierarchy = CGROUP_HIERARCHY_INIT,
		.cgroup = CGROUP_INIT,
		.request = CRIU_REQUEST_INIT,
		.procfd = -1,
		.status_fd = -1,
	};
	int rc = begin(&c, rootfd, id, err);

	criu_request_done(&c.request);
	cgroup_done(&c.cgroup);
	cgroup_hierarchy_done(&c.hierarchy);
	image_done(&c.image);
	config_free(&c.config);
	fd_close(&c.procfd);
	opened_done(&c.opened);
	return rc;
}
