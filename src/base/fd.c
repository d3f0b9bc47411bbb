/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"

/* What fd_close() has put off. */
static struct {
	bool on;
	size_t n;
	int fds[FD_BATCH_MAX];
} batch;

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* One call for each run of neighbours. */
void fd_batch_flush(void)
{
	int saved = errno;

	qsort(batch.fds, batch.n, sizeof(batch.fds[0]), by_number);
	for (size_t i = 0, next; i < batch.n; i = next) {
		for (next = i + 1; next < batch.n && batch.fds[next] == batch.fds[next - 1] + 1;)
			next++;
		(void)sys_close_range((unsigned)batch.fds[i], (unsigned)batch.fds[next - 1], 0);
	}
	batch.n = 0;
	errno = saved;
}

void fd_close_now(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		/* The descriptor is gone whatever close says; there is nobody to tell. */
		(void)close(*fd);
		errno = saved;
	}
	*fd = -1;
}

void fd_close(int *fd)
{
	if (*fd < 0 || !batch.on) {
		fd_close_now(fd);
		return;
	}
	batch.fds[batch.n++] = *fd;
	if (batch.n == FD_BATCH_MAX)
		fd_batch_flush();
	*fd = -1;
}

struct fd_batch fd_batch_begin(void)
{
	ASSERT(!batch.on);
	batch.on = true;
	return (struct fd_batch){ 0 };
}

void fd_batch_end(const struct fd_batch *b)
{
	(void)b;
	fd_batch_flush();
	batch.on = false;
}

int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_cloexec_from(unsigned first, struct err *err)
{
	if (sys_close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(err, "mark descriptors close-on-exec (needs kernel 5.11)");

	return 0;
}

/* Control data for FD_PASS_MAX descriptors, aligned as CMSG_FIRSTHDR needs it. */
union fd_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

/* 0 when DEADLINE is over, else at least 1. */
static int ms_until(const struct timespec *deadline)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock is always there */
	int64_t ms = (int64_t)(deadline->tv_sec - now.tv_sec) * 1000 +
		     (deadline->tv_nsec - now.tv_nsec + 999999) / 1000000;
	return ms <= 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* sendmsg(2) with a deadline: the call itself never waits, poll(2) does. */
static ssize_t send_within(int sock, const struct msghdr *msg, const struct timespec *deadline)
{
	for (;;) {
		ssize_t n = RETRY(sendmsg(sock, msg, MSG_NOSIGNAL | (deadline ? MSG_DONTWAIT : 0)));
		if (n >= 0 || !deadline || errno != EAGAIN)
			return n;

		struct pollfd p = { .fd = sock, .events = POLLOUT };
		int left_ms = ms_until(deadline);
		if (left_ms == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(&p, 1, left_ms) < 0 && errno != EINTR)
			return -1;
	}
}

static int send_until(int sock, const void *buf, size_t len, const int *fds, size_t n_fds,
		      const struct timespec *deadline)
{
	union fd_control control = { .buf = { 0 } };
	/* sendmsg only reads; its type has no const. */
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* An empty message would look like the end of file to the receiver. */
	if (len == 0 || n_fds > FD_PASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (n_fds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);

		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}

	/* Only a stream socket takes a part; the descriptors went with the first byte. */
	for (size_t sent = 0; sent < len;) {
		iov.iov_base = (char *)(uintptr_t)buf + sent;
		iov.iov_len = len - sent;
		ssize_t n = send_within(sock, &msg, deadline);
		if (n < 0)
			return -1;
		sent += (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}

	return 0;
}

int fd_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds)
{
	return send_until(sock, buf, len, fds, n_fds, NULL);
}

int fd_send_within(int sock, const void *buf, size_t len, int fd, unsigned timeout_ms)
{
	struct timespec deadline;

	if (clock_gettime(CLOCK_MONOTONIC, &deadline) < 0)
		return -1;
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return send_until(sock, buf, len, &fd, fd >= 0 ? 1 : 0, &deadline);
}

/* Copies the descriptors of one SCM_RIGHTS message to FDS and closes those beyond MAX_FDS. */
static void collect_fds(const struct cmsghdr *c, int *fds, size_t max_fds, size_t *n_fds)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (*n_fds < max_fds)
			fds[(*n_fds)++] = fd;
		else
			fd_close(&fd);
	}
}

ssize_t fd_recv(int sock, void *buf, size_t len, int *fds, size_t max_fds, size_t *ret_n_fds)
{
	union fd_control control = { .buf = { 0 } };
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};

	ssize_t n = RETRY(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC));
	if (n < 0)
		return -1;

	/* More descriptors than the control buffer holds never get a number: the kernel drops
	 * them. */
	size_t n_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			collect_fds(c, fds, max_fds, &n_fds);
	}

	/* A message that was cut is not the message that was sent. */
	if (msg.msg_flags & MSG_TRUNC) {
		for (size_t i = 0; i < n_fds; i++)
			fd_close(&fds[i]);
		errno = EMSGSIZE;
		return -1;
	}

	if (ret_n_fds)
		*ret_n_fds = n_fds;

	return n;
}

int fd_bind_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n;

	if (strchr(name, '/'))
		return err_set(err, ERR_BUG, "socket name '%s' is no plain name", name);
	if (dirfd == AT_FDCWD)
		n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	else
		n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dirfd,
			     name);
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return err_sys(err, "bind socket '%s'", name);
	}

	AUTO_FD fd = socket(AF_UNIX, sock_type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "make socket '%s'", name);

	/* bind(2) gives the file the mode of the unbound socket's own inode, so there is no moment
	 * in which others could connect (S-45). */
	if (fchmod(fd, 0600) < 0)
		return err_sys(err, "set mode of socket '%s'", name);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(err, "bind socket '%s'", name);

	*ret_fd = fd_take(&fd);
	return 0;
}

int fd_listen_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
{
	AUTO_FD fd = -1;

	if (fd_bind_unix_at(dirfd, name, sock_type, &fd, err) < 0)
		return -1;
	if (listen(fd, 16) < 0)
		return err_sys(err, "listen on socket '%s'", name);

	*ret_fd = fd_take(&fd);
	return 0;
}

int fd_connect_file(int file, const char *name, int sock_type, unsigned timeout_ms, int *ret_fd,
		    struct err *err)
{
	const struct timeval timeout = { .tv_sec = timeout_ms / 1000,
					 .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	if (fstat(file, &st) < 0)
		return err_sys(err, "open socket '%s'", name);
	if (!S_ISSOCK(st.st_mode)) {
		errno = ENOTSOCK;
		return err_sys(err, "open socket '%s'", name);
	}

	AUTO_FD fd = socket(AF_UNIX, sock_type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "make socket for '%s'", name);
	/* connect(2) waits while the other side's queue is full. */
	if (timeout_ms &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return err_sys(err, "limit the time to reach socket '%s'", name);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", file);
	if (RETRY(connect(fd, (const struct sockaddr *)&addr, sizeof(addr))) < 0)
		return err_sys(err, "connect to socket '%s'", name);

	*ret_fd = fd_take(&fd);
	return 0;
}

/* The socket file is opened first and connected to through its descriptor: a symbolic link is not
 * followed (S-46), and the length of the path does not matter. */
int fd_connect_unix_at(int dirfd, const char *name, int sock_type, int *ret_fd, struct err *err)
{
	AUTO_FD file = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (file < 0)
		return err_sys(err, "open socket '%s'", name);
	return fd_connect_file(file, name, sock_type, 0, ret_fd, err);
}

int fd_connect_unix(const char *path, int sock_type, int *ret_fd, struct err *err)
{
	return fd_connect_unix_at(AT_FDCWD, path, sock_type, ret_fd, err);
}

static int connect_abstract(const char *name, int sock_type, int *ret_fd, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	/* The first byte of the name stays 0, and there is none behind it (unix(7)). */
	if (len == 0 || len >= sizeof(addr.sun_path))
		return err_set(err, ERR_USAGE, "abstract socket '@%.120s': 1 to %zu bytes", name,
			       sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path + 1, name, len);

	AUTO_FD fd = socket(AF_UNIX, sock_type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "make socket for '@%s'", name);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
	if (RETRY(connect(fd, (const struct sockaddr *)&addr, size)) < 0)
		return err_sys(err, "connect to socket '@%s'", name);

	*ret_fd = fd_take(&fd);
	return 0;
}

int fd_connect_any(const char *address, int sock_type, int *ret_fd, struct err *err)
{
	if (address[0] == '@')
		return connect_abstract(address + 1, sock_type, ret_fd, err);
	if (address[0] != '/')
		return err_set(err, ERR_USAGE,
			       "'%.120s' is neither an absolute path nor '@' and a name", address);

	return fd_connect_unix(address, sock_type, ret_fd, err);
}

int fd_open_timer(uint64_t interval_ns, int *ret_fd, struct err *err)
{
	const struct timespec interval = { .tv_sec = (time_t)(interval_ns / 1000000000),
					   .tv_nsec = (long)(interval_ns % 1000000000) };
	const struct itimerspec when = { .it_interval = interval, .it_value = interval };

	ASSERT(interval_ns > 0);
	AUTO_FD fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
		return err_sys(err, "set a timer");

	*ret_fd = fd_take(&fd);
	return 0;
}

int fd_ensure_stdio(struct err *err)
{
	struct pollfd all[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	/* POLLNVAL is what tells of one that is missing. */
	if (poll(all, ARRAY_LEN(all), 0) >= 0 &&
	    !((all[0].revents | all[1].revents | all[2].revents) & POLLNVAL))
		return 0;
	for (int i = 0; i <= STDERR_FILENO; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		if (errno != EBADF)
			return err_sys(err, "look at descriptor %d", i);

		/* All below i exist, so the kernel gives us i. The standard streams are the only
		 * descriptors that are meant to survive execve. */
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "open '/dev/null' for descriptor %d", i);
		ASSERT(fd == i);
		if (fcntl(fd, F_SETFD, 0) < 0)
			return err_sys(err, "keep descriptor %d", i);
	}

	return 0;
}
