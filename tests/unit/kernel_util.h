/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_util.h - what the tests of the kernel layer share: configs made by hand, bodies that run
 * in a child with namespaces of its own */
#pragma once

#include "base_util.h"

#include <sched.h>
#include <sys/wait.h>

#include "kernel/procfs.h"
#include "oci/config.h"

/* A config that has a document, so that messages can name a position in it. */
#define CONFIG_BY_HAND                                                                             \
	{                                                                                          \
		.doc = {.name = "config.json", .text = "{\n}", .len = 3 }                          \
	}

#define CHILD_SKIPS 77

/* For bodies in a child, where cmocka's assertions would return into the parent's tests. */
#define REQUIRE(expr)                                                                              \
	do {                                                                                       \
		if (!(expr)) {                                                                     \
			fprintf(stderr, "%s:%d: '%s' does not hold (errno %d)\n", __FILE__,        \
				__LINE__, #expr, errno);                                           \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* The same for a call that fills ERR. */
#define REQUIRE_OK(call, err)                                                                      \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, (err).msg);  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static inline UNUSED void skip_child(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	_exit(CHILD_SKIPS);
}

/* Namespaces for a body in a child: FLAGS, inside a new user namespace when the caller is not root.
 */
static inline UNUSED void need_namespaces(int flags)
{
	if (unshare(flags) == 0)
		return;
	if (unshare(flags | CLONE_NEWUSER) < 0)
		skip_child("no right to make namespaces");
}

static inline UNUSED int trusted_procfs(void)
{
	struct err err = ERR_INIT;
	int fd = -1;

	REQUIRE_OK(procfs_open(&fd, &err), err);
	return fd;
}

/* Runs BODY in a child; the test fails unless it returns, is skipped when BODY skips. */
static inline UNUSED void in_child(void (*body)(void))
{
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPS)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
