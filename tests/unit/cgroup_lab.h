/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_lab.h - a cgroup of the test's own, "/cruntime-unit-PID", and children in it
 *
 * Every LAB_TEST gets a fresh one, is skipped where it cannot be made, and fails when it leaks a
 * descriptor. What is in the cgroup at the end is killed and removed. */
#pragma once

#include "cgroup_util.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/file.h"

#define WAIT_MS 10000

struct lab {
	struct cgroup_hierarchy h;
	int fd; /* of our cgroup; -1: none */
	char path[64];
	size_t fds_before;
};

static inline UNUSED int lab_setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct err err = ERR_INIT;

	if (!l)
		return -1;
	l->fds_before = open_fds();
	l->fd = -1;
	(void)snprintf(l->path, sizeof(l->path), "/cruntime-unit-%d", getpid());
	*state = l;
	if (geteuid() != 0 || cgroup_hierarchy_open(&l->h, &err) < 0)
		return 0;
	if (mkdirat(l->h.fd, l->path + 1, 0755) == 0)
		l->fd = openat(l->h.fd, l->path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return 0;
}

static inline UNUSED int lab_teardown(void **state)
{
	struct lab *l = *state;
	struct cgroup cg = CGROUP_INIT;
	struct err err = ERR_INIT;
	int rc = 0;

	if (l->fd >= 0) {
		fd_close(&l->fd);
		if (cgroup_open(&l->h, l->path, 0, true, &cg, &err) != 1 ||
		    cgroup_remove(&l->h, &cg, WAIT_MS, &err) < 0) {
			print_error("%s\n", err.msg);
			rc = -1;
		}
	}
	cgroup_hierarchy_done(&l->h);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (rc == 0 && l->fds_before != open_fds()) {
		print_error("the test leaks a descriptor\n");
		rc = -1;
	}
	free(l);

	return rc;
}

static inline UNUSED struct lab *need(void **state)
{
	struct lab *l = *state;

	if (l->fd < 0)
		skip();

	return l;
}

/* ---- helpers -------------------------------------------------------------------------------- */

static inline UNUSED bool exists(const struct lab *l, const char *name)
{
	return faccessat(l->fd, name, F_OK, 0) == 0;
}

static inline UNUSED void write_at(const struct lab *l, const char *name, const char *value)
{
	struct err err = ERR_INIT;

	if (file_write_at(l->fd, name, value, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline UNUSED void make_dir(const struct lab *l, const char *name)
{
	assert_int_equal(mkdirat(l->fd, name, 0755), 0);
}

/* The plan of a container in our cgroup's sub-cgroup NAME, with the RESOURCES. */
static inline UNUSED void plan_in(const struct lab *l, struct planned *t, const char *name,
				  const char *resources)
{
	AUTO_STR linux_ = STR_INIT;

	str_addf(&linux_, "\"cgroupsPath\":\"%s/%s\",\"resources\":{%s}", l->path, name, resources);
	plan(t, "", str_text(&linux_));
	if (t->rc < 0)
		fail_msg("%s", t->err.msg);
}

static inline UNUSED void create_in(const struct lab *l, const char *name, struct cgroup *ret)
{
	struct planned t;

	plan_in(l, &t, name, "");
	if (cgroup_create(&l->h, &t.p, ret, &t.err) < 0)
		fail_msg("%s", t.err.msg);
	plan_done(&t);
}

/* The message of the refused create; valid until the next call. */
static inline UNUSED const char *refusal(const struct lab *l, const char *name,
					 const char *resources)
{
	static char msg[sizeof(((struct err *)NULL)->msg)];
	struct cgroup cg = CGROUP_INIT;
	struct planned t;

	plan_in(l, &t, name, resources);
	assert_int_equal(cgroup_create(&l->h, &t.p, &cg, &t.err), -1);
	assert_int_equal(cg.fd, -1);
	(void)snprintf(msg, sizeof(msg), "%s", t.err.msg);
	plan_done(&t);

	return msg;
}
#define assert_refusal(l, name, resources, text)                                                   \
	do {                                                                                       \
		const char *said_ = refusal(l, name, resources);                                   \
		if (!strstr(said_, text))                                                          \
			fail_msg("'%s' is not in '%s'", text, said_);                              \
	} while (0)

static inline UNUSED void remove_now(const struct lab *l, struct cgroup *cg)
{
	struct err err = ERR_INIT;

	if (cgroup_remove(&l->h, cg, WAIT_MS, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(cg->fd, -1);
}

/* A child in sub-cgroup NAME that waits for a signal, and runs WORK first. */
static inline UNUSED pid_t child_in(const struct lab *l, const char *name, void (*work)(void))
{
	char procs[256];
	char byte;
	int ready[2];
	struct err err = ERR_INIT;

	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", name);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (file_write_at(l->fd, procs, "0", &err) < 0)
			_exit(99);
		if (work)
			work();
		if (write(ready[1], "x", 1) != 1)
			_exit(98);
		for (;;)
			(void)pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);

	return pid;
}

/* The signal that ended child PID. */
static inline UNUSED int end_signal(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);

	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)
