/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "kernel/procfs.h"

/* With _GNU_SOURCE glibc has an enum for it, musl an int. */
#ifdef __GLIBC__
#define RESOURCE(r) ((enum __rlimit_resource)(r))
#else
#define RESOURCE(r) (r)
#endif

static const char *hint(int resource)
{
	if (errno != EPERM)
		return "";
	if (resource == RLIMIT_NOFILE)
		return " (above the runtime's own hard limit or fs.nr_open)";
	return " (above the runtime's own hard limit, and without CAP_SYS_RESOURCE)";
}

int limits_raise(pid_t pid, const struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->process.n_rlimits; i++) {
		const struct oci_rlimit *r = &c->process.rlimits[i];
		struct rlimit l;

		if (prlimit(pid, RESOURCE(r->resource), NULL, &l) < 0) {
			(void)err_sys(err, "read it");
			return config_wrap(c, r->at, err, "process.rlimits %s", r->name);
		}
		if (r->hard <= l.rlim_max)
			continue;

		/* The soft limit stays: it is the child's business. */
		l.rlim_max = r->hard;
		if (prlimit(pid, RESOURCE(r->resource), &l, NULL) < 0) {
			(void)err_sys(err, "raise the hard limit to %" PRIu64 "%s", r->hard,
				      hint(r->resource));
			return config_wrap(c, r->at, err, "process.rlimits %s", r->name);
		}
	}

	return 0;
}

static int apply_one(const struct oci_rlimit *r, struct err *err)
{
	const struct rlimit want = { .rlim_cur = r->soft, .rlim_max = r->hard };
	struct rlimit is;

	if (prlimit(0, RESOURCE(r->resource), &want, NULL) < 0)
		return err_sys(err, "set %" PRIu64 ":%" PRIu64 "%s", r->soft, r->hard,
			       hint(r->resource));
	if (prlimit(0, RESOURCE(r->resource), NULL, &is) < 0)
		return err_sys(err, "read it back");

	/* Kernels before 5.9 turn a soft CPU limit of 0 into 1 second (setrlimit(2)). */
	bool cpu_zero = r->resource == RLIMIT_CPU && r->soft == 0 && is.rlim_cur == 1;
	if ((is.rlim_cur != r->soft && !cpu_zero) || is.rlim_max != r->hard)
		return err_set(err, ERR_SYSTEM, "the kernel made %ju:%ju of %" PRIu64 ":%" PRIu64,
			       (uintmax_t)is.rlim_cur, (uintmax_t)is.rlim_max, r->soft, r->hard);

	return 0;
}

int limits_apply(const struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->process.n_rlimits; i++) {
		const struct oci_rlimit *r = &c->process.rlimits[i];

		if (apply_one(r, err) < 0)
			return config_wrap(c, r->at, err, "process.rlimits %s", r->name);
	}

	return 0;
}

static int read_score(int procfd, const char *name, int64_t *ret, struct err *err)
{
	char text[32];

	if (procfs_read(procfd, name, text, sizeof(text), err) < 0)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (parse_i64(text, ret) < 0)
		return err_set(err, ERR_SYSTEM, "'%s' in '/proc/%s' is no number", text, name);

	return 0;
}

int limits_oom_score(int procfd, pid_t pid, const struct oci_config *c, struct err *err)
{
	const struct opt_i64 *want = &c->process.oom_score_adj;
	char name[sizeof("/oom_score_adj") + 3 * sizeof(pid)];
	char value[3 * sizeof(int64_t)];
	int64_t is = 0;

	if (!want->set)
		return 0;
	(void)snprintf(name, sizeof(name), "%d/oom_score_adj", (int)pid);
	(void)snprintf(value, sizeof(value), "%" PRId64, want->v);

	int written = procfs_write(procfd, name, value, err);
	if (written < 0 && (err->sys != EACCES || procfs_is_initial_root(procfd)))
		return config_wrap(c, want->at, err, "process.oomScoreAdj");

	if (read_score(procfd, name, &is, err) < 0)
		return config_wrap(c, want->at, err, "process.oomScoreAdj");
	if (is == want->v)
		return 0;
	if (written == 0)
		return config_fail(c, want->at, err,
				   "process.oomScoreAdj: the kernel made %" PRId64 " of %" PRId64,
				   is, want->v);
	log_warn("process.oomScoreAdj: no right to lower %" PRId64 " to %" PRId64 ", continuing",
		 is, want->v);

	return 0;
}
