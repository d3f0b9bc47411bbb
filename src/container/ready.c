/* SPDX-License-Identifier: Apache-2.0 */
#include "container/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#define SOCKET_NAME "notify.sock"

/* sd_notify_barrier(3): what callers of it wait. */
#define BARRIER_WAIT_MS 5000

static int open_dir(int state)
{
	return openat(state, READY_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int ready_prepare(int state, int *ret_fd, struct err *err)
{
	/* The container's user must be able to look into it, whoever that is; on the host nobody
	 * can: the state directory is ours alone. */
	if (mkdirat(state, READY_DIR, 0700) < 0)
		return err_sys(err, "make the directory of NOTIFY_SOCKET");
	AUTO_FD fd = open_dir(state);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, "open the directory of NOTIFY_SOCKET");

	*ret_fd = fd_take(&fd);
	return 0;
}

int ready_open(int state, const char *host, struct ready *ret, struct err *err)
{
	AUTO_READY r = READY_INIT;

	if (!host)
		return 0;
	AUTO_FD dir = open_dir(state);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open the directory of NOTIFY_SOCKET");
	/* First: a manager that cannot be reached leaves the container as it is. */
	if (fd_connect_any(host, SOCK_DGRAM, &r.host, err) < 0)
		return err_wrap(err, "NOTIFY_SOCKET");
	/* Left by a `start` that went no further. */
	if (unlinkat(dir, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove '%s'", SOCKET_NAME);
	if (fd_bind_unix_at(dir, SOCKET_NAME, SOCK_DGRAM, &r.inside, err) < 0)
		return err_wrap(err, "NOTIFY_SOCKET of the container");
	/* Any user of the container may send. */
	if (fchmodat(dir, SOCKET_NAME, 0777, 0) < 0)
		return err_sys(err, "open '%s' to the container", SOCKET_NAME);

	*ret = r;
	r = (struct ready)READY_INIT;
	return 0;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; *p;
	     p += p[strcspn(p, "\n")] ? strcspn(p, "\n") + 1 : strlen(p)) {
		if (strcspn(p, "\n") == len && strncmp(p, line, len) == 0)
			return true;
	}

	return false;
}

static void tell(struct ready *r, pid_t main_pid)
{
	AUTO_STR text = STR_INIT;

	str_add(&text, "READY=1\n");
	if (!r->told)
		str_addf(&text, "MAINPID=%d\n", main_pid);
	/* A manager that does not read is not worth waiting for: containers outlive managers. */
	if (!str_text(&text) || fd_send_within(r->host, text.s, text.len, -1, BARRIER_WAIT_MS) < 0)
		log_warn("tell NOTIFY_SOCKET that the container is ready: %s, continuing",
			 err_text(errno));
	r->told = true;
}

/* Returns 1 for READY=1, 0 for another message, -1 when there is none. */
static int take_message(const struct ready *r)
{
	char text[4096];

	/* Descriptors that may come along are dropped by the kernel: there is no room for them. The
	 * sender of a BARRIER=1 sees its pipe closed, and that is the answer. */
	ssize_t n = RETRY(recv(r->inside, text, sizeof(text) - 1, MSG_DONTWAIT));
	if (n < 0)
		return -1;
	text[n] = '\0';
	return has_line(text, "READY=1");
}

/* More than fit into the socket's queue would mean that somebody sends without a pause. */
#define MESSAGES_MAX 1024

bool ready_pass(struct ready *r, pid_t main_pid)
{
	bool is_ready = false;
	int rc = 0;

	for (int i = 0; i < MESSAGES_MAX && (rc = take_message(r)) >= 0; i++)
		is_ready = is_ready || rc == 1;
	if (is_ready)
		tell(r, main_pid);
	return is_ready;
}

static void barrier(const struct ready *r)
{
	static const char text[] = "BARRIER=1";
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	AUTO_FD ours = ends[0];
	AUTO_FD theirs = ends[1];
	int rc = fd_send_within(r->host, text, sizeof(text) - 1, theirs, BARRIER_WAIT_MS);
	fd_close(&theirs);
	struct pollfd p = { .fd = ours };
	if (rc == 0)
		(void)!RETRY(poll(&p, 1, BARRIER_WAIT_MS));
}

int ready_wait(struct ready *r, const struct proc *p, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = r->inside, .events = POLLIN },
		{ .fd = p->pidfd, .events = POLLIN },
	};

	if (r->inside < 0)
		return 0;
	for (;;) {
		if (RETRY(poll(fds, ARRAY_LEN(fds), -1)) < 0)
			return err_sys(err, "wait until the container is ready");
		/* What it said before it ended counts. */
		if (fds[0].revents && ready_pass(r, p->pid)) {
			barrier(r);
			return 0;
		}
		if (!fds[0].revents && fds[1].revents)
			return 0;
	}
}

void ready_done(struct ready *r)
{
	fd_close(&r->inside);
	fd_close(&r->host);
}
