/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a process in its bounds is in the image: capabilities, no_new_privs, filters,
 * namespaces. An image is a file that may come from elsewhere, so before anything of it runs it is
 * compared with what config.json grants (S-39). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/ns.h"
#include "kernel/procfs.h"
#include "restore-internal.h"

#define STATUS_MAX 8192

/* The number behind "\nKEY:\t" in /proc/PID/status. */
static int field(const char *status, const char *key, unsigned base, uint64_t *ret, struct err *err)
{
	char mark[32];

	(void)snprintf(mark, sizeof(mark), "\n%s:\t", key);
	const char *p = strstr(status, mark);
	if (!p || sscanf(p + strlen(mark), base == 16 ? "%" SCNx64 : "%" SCNu64, ret) != 1)
		return err_set(err, ERR_SYSTEM, "/proc/PID/status has no line '%s'", key);
	return 0;
}

static int check_caps(const char *status, const struct caps_plan *caps, pid_t pid, struct err *err)
{
	const struct {
		const char *key;
		uint64_t granted;
	} sets[] = {
		/* A program may raise what is permitted, and pass on what it may inherit. */
		{ "CapBnd", caps->bounding },
		{ "CapPrm", caps->permitted | caps->bounding },
		{ "CapEff", caps->permitted | caps->bounding },
		{ "CapInh", caps->inheritable | caps->permitted | caps->bounding },
		{ "CapAmb", caps->ambient | caps->permitted | caps->bounding },
	};
	uint64_t found;

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		if (field(status, sets[i].key, 16, &found, err) < 0)
			return -1;
		if (found & ~sets[i].granted)
			return err_set(
				err, ERR_CONFIG,
				"process %d of the image has capabilities that config.json does "
				"not grant (%s %016" PRIx64 ", granted %016" PRIx64 ")",
				pid, sets[i].key, found, sets[i].granted);
	}
	return 0;
}

static int check_restrictions(const struct plan *p, const char *status, pid_t pid, struct err *err)
{
	uint64_t no_new_privs, seccomp;

	if (field(status, "NoNewPrivs", 10, &no_new_privs, err) < 0 ||
	    field(status, "Seccomp", 10, &seccomp, err) < 0)
		return -1;
	if (p->config->process.no_new_privileges && !no_new_privs)
		return err_set(
			err, ERR_CONFIG,
			"process %d of the image runs without no_new_privs, which config.json "
			"wants",
			pid);
	if (p->filter.insns && seccomp != 2)
		return err_set(err, ERR_CONFIG,
			       "process %d of the image runs without the seccomp filter that "
			       "config.json wants",
			       pid);
	return 0;
}

static int stat_ns(int procfd, const char *pid, enum oci_ns ns, struct stat *ret, struct err *err)
{
	char name[sizeof("/ns/cgroup") + 3 * sizeof(pid_t)];

	(void)snprintf(name, sizeof(name), "%s/ns/%s", pid, ns_proc_name(ns));
	if (fstatat(procfd, name, ret, 0) < 0)
		return err_sys(err, "look at '/proc/%s'", name);
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A new namespace is not ours, a joined one is the one that was asked for. */
static int check_namespaces(const struct plan *p, const char *pid, struct err *err)
{
	struct stat its, ours, joined;

	for (enum oci_ns ns = 0; ns < OCI_NS_COUNT; ns++) {
		if (!p->config->linux_.ns[ns].present)
			continue;
		if (stat_ns(p->procfd, pid, ns, &its, err) < 0 ||
		    stat_ns(p->procfd, "self", ns, &ours, err) < 0)
			return -1;
		if (config_ns_new(p->config, ns) && same(&its, &ours))
			return err_set(
				err, ERR_CONFIG,
				"the image has no %s namespace of its own, which config.json "
				"wants",
				ns_name(ns));
		if (p->ns.join[ns] < 0)
			continue;
		if (fstat(p->ns.join[ns], &joined) < 0)
			return err_sys(err, "look at the %s namespace to join", ns_name(ns));
		if (!same(&its, &joined))
			return err_set(err, ERR_SYSTEM,
				       "the restored process is not in the %s namespace that "
				       "config.json names",
				       ns_name(ns));
	}
	return 0;
}

/* A program may make user namespaces inside; capabilities there are none here. */
static int is_in_other_userns(const struct plan *p, const char *pid, struct err *err)
{
	struct stat its, ours;

	if (stat_ns(p->procfd, pid, OCI_NS_USER, &its, err) < 0 ||
	    stat_ns(p->procfd, "self", OCI_NS_USER, &ours, err) < 0)
		return -1;
	return !same(&its, &ours);
}

static int check_process(const struct plan *p, pid_t pid, bool first, struct err *err)
{
	char number[3 * sizeof(pid)], name[sizeof("/status") + 3 * sizeof(pid)];
	char status[STATUS_MAX];

	(void)snprintf(number, sizeof(number), "%d", pid);
	(void)snprintf(name, sizeof(name), "%s/status", number);
	int nested = is_in_other_userns(p, number, err);
	if (nested < 0)
		return -1;
	if (nested && first)
		return err_set(err, ERR_CONFIG,
			       "the image has a user namespace, which config.json does not want");
	if (procfs_read(p->procfd, name, status, sizeof(status), err) < 0)
		return -1;
	if (!nested && check_caps(status, &p->caps, pid, err) < 0)
		return -1;
	if (check_restrictions(p, status, pid, err) < 0)
		return -1;
	return first ? check_namespaces(p, number, err) : 0;
}

/* All that was restored is in the cgroup, the first process at least as itself. */
static int check_cgroup(const struct creation *c, const pid_t *pids, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == c->proc.pid)
			return 0;
	}
	return err_set(err, ERR_SYSTEM,
		       "the restored process is not in the container's cgroup '%s'",
		       c->cgroup.path);
}

int restore_check(const struct creation *c, pid_t helper, struct err *err)
{
	AUTO_ARENA a = ARENA_INIT;
	pid_t *pids = NULL;
	size_t n = 0;

	if (check_process(&c->plan, c->proc.pid, true, err) < 0)
		return -1;
	if (c->cgroup.fd < 0)
		return 0;
	if (cgroup_pids(&c->cgroup, &a, &pids, &n, err) < 0 || check_cgroup(c, pids, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		/* Our child as well, and in there too: criu itself. */
		if (pids[i] == c->proc.pid || pids[i] == helper)
			continue;
		if (check_process(&c->plan, pids[i], false, err) < 0)
			return -1;
	}
	return 0;
}
