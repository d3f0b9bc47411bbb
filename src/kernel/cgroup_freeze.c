/* SPDX-License-Identifier: Apache-2.0 */
/* Freezing a cgroup and letting it go on. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "kernel/cgroup-internal.h"

static int64_t now_ms(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until cgroup.events says "frozen WANTED". Reading the file is what arms the next poll. Returns 1,
 * 0 after TIMEOUT_MS, -1. */
static int wait_frozen(const struct cgroup *cg, bool wanted, int timeout_ms, struct err *err)
{
	int64_t deadline = now_ms() + timeout_ms;
	char text[256];

	AUTO_FD events = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	while (events >= 0) {
		struct pollfd pfd = { .fd = events, .events = POLLPRI };
		ssize_t n = RETRY(pread(events, text, sizeof(text) - 1, 0));

		if (n < 0)
			break;
		text[n] = '\0';
		if (cgroup_event_in(text, "frozen") == wanted)
			return 1;

		int64_t left = deadline - now_ms();
		if (left <= 0)
			return 0;
		/* Interrupted or failed, it is a short sleep; the loop looks again. */
		(void)poll(&pfd, 1, (int)left);
	}

	return err_sys(err, "read 'cgroup.events' of cgroup '%s'", cg->path);
}

static int write_freeze(const struct cgroup *cg, bool freeze, struct err *err)
{
	if (file_write_at(cg->fd, "cgroup.freeze", freeze ? "1" : "0", err) < 0)
		return err_wrap(err, "cgroup '%s'", cg->path);

	return 0;
}

int cgroup_freeze(const struct cgroup *cg, int timeout_ms, struct err *err)
{
	struct err ignored = ERR_INIT;

	if (write_freeze(cg, true, err) < 0)
		return -1;

	int rc = wait_frozen(cg, true, timeout_ms, err);
	if (rc > 0)
		return 0;

	/* Half frozen is the worst of both. */
	if (write_freeze(cg, false, &ignored) < 0)
		log_warn("%s, continuing", ignored.msg);
	if (rc == 0)
		return err_set(err, ERR_SYSTEM,
			       "cgroup '%s' is not frozen after %d ms: a process waits in the "
			       "kernel; it runs on",
			       cg->path, timeout_ms);

	return -1;
}

int cgroup_thaw(const struct cgroup *cg, int timeout_ms, struct err *err)
{
	if (write_freeze(cg, false, err) < 0)
		return -1;

	int rc = wait_frozen(cg, false, timeout_ms, err);
	if (rc == 0)
		return err_set(err, ERR_SYSTEM,
			       "cgroup '%s' is still frozen after %d ms, because one above it is",
			       cg->path, timeout_ms);

	return rc < 0 ? -1 : 0;
}
