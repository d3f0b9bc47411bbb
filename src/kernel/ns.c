/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "kernel/procfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080 /* kernel 5.6 */
#endif

static const struct {
	int flag;
	const char *name, *proc_name;
} types[OCI_NS_COUNT] = {
	/* clang-format off */
	[OCI_NS_USER]    = { CLONE_NEWUSER,   "user",    "user"   },
	[OCI_NS_MOUNT]   = { CLONE_NEWNS,     "mount",   "mnt"    },
	[OCI_NS_PID]     = { CLONE_NEWPID,    "pid",     "pid"    },
	[OCI_NS_NETWORK] = { CLONE_NEWNET,    "network", "net"    },
	[OCI_NS_IPC]     = { CLONE_NEWIPC,    "ipc",     "ipc"    },
	[OCI_NS_UTS]     = { CLONE_NEWUTS,    "uts",     "uts"    },
	[OCI_NS_CGROUP]  = { CLONE_NEWCGROUP, "cgroup",  "cgroup" },
	[OCI_NS_TIME]    = { CLONE_NEWTIME,   "time",    "time"   },
	/* clang-format on */
};

int ns_flag(enum oci_ns ns)
{
	return types[ns].flag;
}

const char *ns_name(enum oci_ns ns)
{
	return types[ns].name;
}

const char *ns_proc_name(enum oci_ns ns)
{
	return types[ns].proc_name;
}

static const char *name_of_flag(int flag)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].flag == flag)
			return types[i].name;
	}
	return "unknown";
}

/* Opens the namespace file and checks that it is one, of the declared type (I-28). */
static int open_checked(const char *path, enum oci_ns ns, int *ret_fd, struct err *err)
{
	struct statfs fs;

	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, "examine '%s'", path);
	if (fs.f_type != NSFS_MAGIC)
		return err_set(err, ERR_CONFIG, "'%s' is no namespace", path);

	int flag = ioctl(fd, NS_GET_NSTYPE);
	if (flag < 0)
		return err_sys(err, "read the type of namespace '%s'", path);
	if (flag != types[ns].flag)
		return err_set(err, ERR_CONFIG, "'%s' is a namespace of type '%s', not '%s'", path,
			       name_of_flag(flag), types[ns].name);

	*ret_fd = fd_take(&fd);
	return 0;
}

static int is_own(int fd, enum oci_ns ns, bool *ret, struct err *err)
{
	char path[sizeof("/proc/self/ns/") + 8];
	struct stat theirs, own;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", types[ns].proc_name);
	if (stat(path, &own) < 0)
		return err_sys(err, "examine '%s'", path);
	if (fstat(fd, &theirs) < 0)
		return err_sys(err, "examine the namespace");

	*ret = own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
	return 0;
}

static int plan_join(const char *path, enum oci_ns ns, struct ns_plan *p, struct err *err)
{
	AUTO_FD fd = -1;

	if (open_checked(path, ns, &fd, err) < 0 || is_own(fd, ns, &p->own[ns], err) < 0)
		return -1;
	if (!p->own[ns] || (ns != OCI_NS_USER && ns != OCI_NS_MOUNT))
		p->join[ns] = fd_take(&fd);

	return 0;
}

int ns_plan_build(const struct oci_config *c, struct ns_plan *ret, struct err *err)
{
	struct ns_plan p = { .clone_flags = 0 };

	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		p.join[i] = -1;

	for (size_t i = 0; i < OCI_NS_COUNT; i++) {
		const struct oci_namespace *n = &c->linux_.ns[i];

		if (!n->present)
			continue;
		if (n->path) {
			if (plan_join(n->path, (enum oci_ns)i, &p, err) < 0) {
				ns_plan_done(&p);
				return config_wrap(c, n->at, err, "linux.namespaces '%s'",
						   types[i].name);
			}
		} else if (i == OCI_NS_CGROUP) {
			p.new_cgroup = true;
		} else if (i == OCI_NS_TIME) {
			p.new_time = true;
		} else {
			p.clone_flags |= (uint64_t)types[i].flag;
		}
	}

	*ret = p;
	return 0;
}

void ns_plan_done(struct ns_plan *p)
{
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		fd_close(&p->join[i]);
}

int ns_enter(int fd, enum oci_ns ns, struct err *err)
{
	if (setns(fd, types[ns].flag) < 0)
		return err_sys(err, "join the %s namespace", types[ns].name);

	return 0;
}

/* True when this kernel is at least MAJOR.MINOR. */
static bool kernel_is_at_least(unsigned major, unsigned minor)
{
	struct utsname u;
	unsigned has_major = 0, has_minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &has_major, &has_minor) != 2)
		return false;

	return has_major > major || (has_major == major && has_minor >= minor);
}

/* unshare(CLONE_NEWTIME) changes only what children are born into. The caller itself enters by
 * setns; a process that shares its memory with another one (a child of vfork) may not (EUSERS), but
 * then execve does it, since kernel 6.2 (commit 2b5f9dad32ed). */
static int enter_new_time(int procfd, struct err *err)
{
	AUTO_FD fd = openat(procfd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the new time namespace");
	if (setns(fd, CLONE_NEWTIME) == 0)
		return 0;
	if (errno == EUSERS && kernel_is_at_least(6, 2))
		return 0;

	return err_sys(err, "enter the new time namespace");
}

int ns_write_time_offsets(int procfd, const struct oci_config *c, struct err *err)
{
	const struct {
		const char *clock;
		const struct oci_time_offset *offset;
	} clocks[] = {
		{ "monotonic", &c->linux_.monotonic },
		{ "boottime", &c->linux_.boottime },
	};

	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		const struct oci_time_offset *o = clocks[i].offset;
		char line[64];

		if (!o->set)
			continue;
		(void)snprintf(line, sizeof(line), "%s %" PRId64 " %" PRIu32 "\n", clocks[i].clock,
			       o->secs, o->nanosecs);
		if (procfs_write(procfd, "self/timens_offsets", line, err) < 0) {
			/* ERANGE: the clock would be negative or run over (C-TIME-05) */
			return config_wrap(c, o->at, err, "linux.timeOffsets.%s", clocks[i].clock);
		}
	}

	return enter_new_time(procfd, err);
}
