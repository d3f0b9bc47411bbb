/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"

static void fd_close_resets_and_keeps_errno(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int copy = fd;
	(void)state;

	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(fcntl(copy, F_GETFD), -1);

	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(errno, ENOTTY);
}

/* Those that were taken or opened meanwhile stay. */
static void a_batch_closes_together_at_its_end(void **state)
{
	int fds[3 * FD_BATCH_MAX];
	const size_t n = ARRAY_LEN(fds);
	(void)state;

	for (size_t i = 0; i < n; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	{
		AUTO_FD_BATCH batch = fd_batch_begin();
		for (size_t i = 0; i < n; i++) {
			int copy = fds[i];

			errno = ENOTTY;
			if (i % 5 != 0)
				fd_close(&copy);
			assert_int_equal(errno, ENOTTY);
			/* The first ones of a batch wait for the others. */
			if (i == 1)
				assert_true(fcntl(fds[i], F_GETFD) >= 0);
		}
		int urgent = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = urgent;
		fd_close_now(&urgent);
		assert_int_equal(urgent, -1);
		assert_int_equal(fcntl(copy, F_GETFD), -1);
		errno = ENOTTY;
	}
	assert_int_equal(errno, ENOTTY);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD) >= 0, i % 5 == 0);
		if (i % 5 == 0)
			fd_close(&fds[i]);
	}
}

static void auto_fd_closes_at_the_end_of_its_scope(void **state)
{
	int number;
	(void)state;

	{
		AUTO_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		number = fd;
		assert_true(fcntl(number, F_GETFD) >= 0);
	}

	assert_int_equal(fcntl(number, F_GETFD), -1);
}

static void fd_take_moves_ownership(void **state)
{
	int fd = 42;
	(void)state;

	assert_int_equal(fd_take(&fd), 42);
	assert_int_equal(fd, -1);
}

/* I-13 */
static void fd_cloexec_from_marks_all_above(void **state)
{
	struct err e = ERR_INIT;
	(void)state;

	int low = fcntl(STDIN_FILENO, F_DUPFD, 100);
	int high = fcntl(STDIN_FILENO, F_DUPFD, 200);
	int rc = fd_cloexec_from(150, &e);
	bool low_marked = is_cloexec(low);
	bool high_marked = is_cloexec(high);
	close(low);
	close(high);

	assert_int_equal(rc, 0);
	assert_false(low_marked);
	assert_true(high_marked);
}

static bool same_file(int a, int b)
{
	struct stat sa;
	struct stat sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

static void descriptors_travel_with_a_message(void **state)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	const struct scratch *s = *state;

	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		int p[2];
		char buf[16];
		int got[FD_PASS_MAX] = { -1, -1, -1, -1 };
		size_t n_got = 99;
		const int fds[FD_PASS_MAX] = { s->fd, STDIN_FILENO, s->fd, s->fd };

		assert_int_equal(socketpair(AF_UNIX, types[t] | SOCK_CLOEXEC, 0, p), 0);
		assert_int_equal(fd_send(p[0], "hello", 5, fds, FD_PASS_MAX), 0);
		assert_int_equal(fd_recv(p[1], buf, sizeof(buf), got, FD_PASS_MAX, &n_got), 5);

		assert_memory_equal(buf, "hello", 5);
		assert_int_equal(n_got, FD_PASS_MAX);
		for (size_t i = 0; i < n_got; i++) {
			assert_true(same_file(got[i], fds[i]));
			assert_true(is_cloexec(got[i]));
			fd_close(&got[i]);
		}
		close(p[0]);
		close(p[1]);
	}
}

static void descriptors_beyond_the_limit_are_closed(void **state)
{
	const struct scratch *s = *state;
	const int fds[3] = { s->fd, s->fd, s->fd };
	int p[2];
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	size_t before = open_fds();
	for (size_t max = 0; max <= 1; max++) {
		int got = -1;
		size_t n_got = 99;

		assert_int_equal(fd_send(p[0], "x", 1, fds, 3), 0);
		assert_int_equal(fd_recv(p[1], &c, 1, &got, max, &n_got), 1);
		assert_int_equal(n_got, max);
		assert_int_equal(open_fds(), before + max);
		fd_close(&got);
	}
	close(p[0]);
	close(p[1]);
}

/* A hostile sender is not bound by FD_PASS_MAX. */
static void a_flood_of_descriptors_leaks_none(void **state)
{
	enum {
		N = 200
	};
	const struct scratch *s = *state;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(N * sizeof(int))];
	} control = { .buf = { 0 } };
	char c = 'x';
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	int p[2];
	int got[FD_PASS_MAX];
	size_t n_got = 0;

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(N * sizeof(int));
	for (size_t i = 0; i < N; i++)
		memcpy(CMSG_DATA(h) + i * sizeof(int), &s->fd, sizeof(int));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	size_t before = open_fds();
	assert_int_equal(sendmsg(p[0], &msg, 0), 1);
	assert_int_equal(fd_recv(p[1], &c, 1, got, 2, &n_got), 1);

	assert_int_equal(n_got, 2);
	assert_int_equal(open_fds(), before + 2);
	fd_close(&got[0]);
	fd_close(&got[1]);
	close(p[0]);
	close(p[1]);
}

static void a_message_that_was_cut_is_refused(void **state)
{
	const struct scratch *s = *state;
	int p[2];
	char buf[4];
	int got = -1;
	size_t n_got = 99;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	size_t before = open_fds();
	assert_int_equal(fd_send(p[0], "too long", 8, &s->fd, 1), 0);
	assert_int_equal(fd_recv(p[1], buf, sizeof(buf), &got, 1, &n_got), -1);

	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(n_got, 99);
	assert_int_equal(open_fds(), before);
	close(p[0]);
	close(p[1]);
}

static void fd_send_refuses_empty_messages_and_too_many_descriptors(void **state)
{
	const int fds[FD_PASS_MAX + 1] = { 0 };
	int p[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	assert_int_equal(fd_send(p[0], "", 0, NULL, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fd_send(p[0], "x", 1, fds, FD_PASS_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);
	close(p[0]);
	close(p[1]);
}

static void a_closed_peer_is_an_error_and_no_signal(void **state)
{
	int p[2];
	char c;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	close(p[1]);
	/* SIGPIPE has its default action here: it would end the test program. */
	assert_int_equal(fd_send(p[0], "x", 1, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(fd_recv(p[0], &c, 1, NULL, 0, NULL), 0);
	close(p[0]);
}

static void a_long_message_on_a_stream_arrives_whole(void **state)
{
	enum {
		LEN = 1 << 20
	};
	static char out[LEN];
	static char in[LEN];
	int p[2];
	size_t len = 0;
	int status;
	(void)state;

	for (size_t i = 0; i < LEN; i++)
		out[i] = (char)(i * 7);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(fd_send(p[0], out, LEN, NULL, 0) == 0 ? 0 : 1);
	close(p[0]);
	for (;;) {
		ssize_t n = fd_recv(p[1], in + len, LEN - len, NULL, 0, NULL);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_int_equal(status, 0);
	assert_int_equal(len, LEN);
	assert_memory_equal(in, out, LEN);
}

/* A directory whose path is longer than sun_path. */
static int deep_dir(int dirfd, char *path, size_t size)
{
	static const char name[] = "a-directory-with-quite-a-long-name-to-fill-the-address";
	int fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);

	for (int i = 0; i < 4; i++) {
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
		(void)snprintf(path + strlen(path), size - strlen(path), "/%s", name);
	}

	return fd;
}

/* S-45: nobody else may connect. */
static void unix_sockets_work_in_deep_directories(void **state)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	const struct scratch *s = *state;
	char path[512];
	struct err e = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s", s->path);
	int dir = deep_dir(s->fd, path, sizeof(path));
	assert_true(strlen(path) > 200);
	(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/sock");
	mode_t mask = umask(0);
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		int listener = -1;
		int one = -1;
		int two = -1;
		struct stat st;

		if (fd_listen_unix_at(dir, "sock", types[t], &listener, &e) < 0)
			fail_msg("%s", e.msg);
		assert_int_equal(fstatat(dir, "sock", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(fd_connect_unix_at(dir, "sock", types[t], &one, &e), 0);
		assert_int_equal(fd_connect_unix(path, types[t], &two, &e), 0);
		assert_true(is_cloexec(listener) && is_cloexec(one) && is_cloexec(two));

		int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char c = 0;
		assert_int_equal(fd_send(one, "y", 1, NULL, 0), 0);
		assert_int_equal(fd_recv(peer, &c, 1, NULL, 0, NULL), 1);
		assert_int_equal(c, 'y');

		close(peer);
		close(one);
		close(two);
		close(listener);
		unlinkat(dir, "sock", 0);
	}
	umask(mask);
	close(dir);
}

/* NOTIFY_SOCKET (sd_notify(3)). */
static void addresses_are_paths_or_abstract_names(void **state)
{
	const struct scratch *s = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[512];
	char c = 0;
	struct err e = ERR_INIT;
	int bound = -1, one = -1, two = -1;

	assert_int_equal(fd_bind_unix_at(s->fd, "dgram", SOCK_DGRAM, &bound, &e), 0);
	(void)snprintf(path, sizeof(path), "%s/dgram", s->path);
	assert_int_equal(fd_connect_any(path, SOCK_DGRAM, &one, &e), 0);
	assert_int_equal(fd_send(one, "y", 1, NULL, 0), 0);
	assert_int_equal(fd_recv(bound, &c, 1, NULL, 0, NULL), 1);

	int n = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "test-fd-%d", getpid());
	int abstract = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	assert_int_equal(bind(abstract, (const struct sockaddr *)&addr, size), 0);
	(void)snprintf(path, sizeof(path), "@%s", addr.sun_path + 1);
	assert_int_equal(fd_connect_any(path, SOCK_DGRAM, &two, &e), 0);
	assert_true(is_cloexec(two));
	close(two);

	two = -1;
	memset(path + 1, 'x', 200);
	path[201] = '\0';
	const char *const wrong[] = { "", "relative", "@", path, "@nobody-is-here", "/dev/null" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(fd_connect_any(wrong[i], SOCK_DGRAM, &two, &e), -1);
	assert_int_equal(two, -1);
	close(abstract);
	close(one);
	close(bound);
	unlinkat(s->fd, "dgram", 0);
}

static void listening_does_not_replace_what_exists(void **state)
{
	const struct scratch *s = *state;
	struct err e = ERR_INIT;
	int fd = -1;

	write_file_at(s->fd, "sock", "x");
	assert_int_equal(fd_listen_unix_at(s->fd, "sock", SOCK_SEQPACKET, &fd, &e), -1);
	assert_int_equal(e.sys, EADDRINUSE);
	assert_int_equal(fd_listen_unix_at(s->fd, "../sock", SOCK_SEQPACKET, &fd, &e), -1);
	assert_int_equal(fd, -1);
}

/* S-46: --console-socket targets that are symlinks, FIFOs, directories. */
static void connecting_to_anything_but_a_socket_is_refused(void **state)
{
	static const char *const names[] = { "file", "fifo", "dir", "link", "missing" };
	const struct scratch *s = *state;
	struct err e = ERR_INIT;
	int listener = -1;
	int fd = -1;

	assert_int_equal(fd_listen_unix_at(s->fd, "sock", SOCK_STREAM, &listener, &e), 0);
	write_file_at(s->fd, "file", "x");
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	assert_int_equal(symlinkat("sock", s->fd, "link"), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		e = (struct err)ERR_INIT;
		assert_int_equal(fd_connect_unix_at(s->fd, names[i], SOCK_STREAM, &fd, &e), -1);
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_non_null(strstr(e.msg, names[i]));
		assert_int_equal(fd, -1);
	}
	close(listener);
}

static void missing_standard_streams_are_made(void **state)
{
	int status;
	(void)state;

	for (int mask = 0; mask < 8; mask++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct err e = ERR_INIT;

			for (int i = 0; i < 3; i++) {
				if (mask & (1 << i))
					close(i);
			}
			size_t before = 0;
			for (int i = 3; i < 100; i++)
				before += fcntl(i, F_GETFD) >= 0;
			if (fd_ensure_stdio(&e) < 0)
				_exit(1);
			for (int i = 0; i < 3; i++) {
				if (fcntl(i, F_GETFD) < 0 || ((mask & (1 << i)) && is_cloexec(i)))
					_exit(2);
			}
			size_t after = 0;
			for (int i = 3; i < 100; i++)
				after += fcntl(i, F_GETFD) >= 0;
			_exit(before == after ? 0 : 3);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* C-SEC-26, C-SEC-27: a descriptor with the first part only, and an end for a reader that never
 * reads. */
static void long_message_is_sent_in_parts_until_a_deadline(void **state)
{
	static char data[1 << 20];
	int pair[2], fd = -1;
	size_t n_fds, total = 0;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send_within(pair[0], data, sizeof(data), STDERR_FILENO, 30), -1);
	assert_int_equal(errno, ETIMEDOUT);
	ssize_t n = fd_recv(pair[1], data, sizeof(data), &fd, 1, &n_fds);
	assert_true(n > 0);
	assert_int_equal(n_fds, 1);
	close(fd);
	for (total = (size_t)n; total < sizeof(data); total += (size_t)n) {
		n = RETRY(recv(pair[1], data, sizeof(data), MSG_DONTWAIT));
		if (n < 0)
			break;
	}
	assert_true(total < sizeof(data));
	assert_int_equal(errno, EAGAIN);

	assert_int_equal(fd_send_within(pair[0], "x", 1, -1, 1000), 0);
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), &fd, 1, &n_fds), 1);
	assert_int_equal(n_fds, 0);
	close(pair[1]);
	assert_int_equal(fd_send_within(pair[0], "x", 1, -1, 1000), -1);
	assert_int_equal(errno, EPIPE);
	close(pair[0]);
}

/* C-SEC-22: connect(2) waits for a place in the queue. */
static void full_queue_ends_a_connect_that_has_a_limit(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	int listener = -1, one = -1;
	size_t waiting = 0;

	assert_int_equal(fd_listen_unix_at(s->fd, "l", SOCK_STREAM, &listener, &err), 0);
	int file = openat(s->fd, "l", O_PATH | O_CLOEXEC);
	while (fd_connect_file(file, "l", SOCK_STREAM, 30, &one, &err) == 0) {
		waiting++;
		assert_true(waiting < 100);
		close(one);
	}
	assert_true(waiting > 0);
	assert_int_equal(err.sys, EAGAIN);
	close(file);
	close(listener);
}

static void a_timer_expires_again_and_again(void **state)
{
	struct err err = ERR_INIT;
	uint64_t turns;
	AUTO_FD timer = -1;
	(void)state;

	assert_int_equal(fd_open_timer(1000000, &timer, &err), 0);
	assert_true(is_cloexec(timer));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read(timer, &turns, sizeof(turns)), sizeof(turns));
		assert_true(turns >= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(fd_close_resets_and_keeps_errno),
		SCRATCH_TEST(a_batch_closes_together_at_its_end),
		SCRATCH_TEST(auto_fd_closes_at_the_end_of_its_scope),
		SCRATCH_TEST(fd_take_moves_ownership),
		SCRATCH_TEST(fd_cloexec_from_marks_all_above),
		SCRATCH_TEST(descriptors_travel_with_a_message),
		SCRATCH_TEST(descriptors_beyond_the_limit_are_closed),
		SCRATCH_TEST(a_flood_of_descriptors_leaks_none),
		SCRATCH_TEST(a_message_that_was_cut_is_refused),
		SCRATCH_TEST(fd_send_refuses_empty_messages_and_too_many_descriptors),
		SCRATCH_TEST(a_closed_peer_is_an_error_and_no_signal),
		SCRATCH_TEST(a_long_message_on_a_stream_arrives_whole),
		SCRATCH_TEST(unix_sockets_work_in_deep_directories),
		SCRATCH_TEST(addresses_are_paths_or_abstract_names),
		SCRATCH_TEST(listening_does_not_replace_what_exists),
		SCRATCH_TEST(connecting_to_anything_but_a_socket_is_refused),
		SCRATCH_TEST(missing_standard_streams_are_made),
		cmocka_unit_test(a_timer_expires_again_and_again),
		SCRATCH_TEST(long_message_is_sent_in_parts_until_a_deadline),
		SCRATCH_TEST(full_queue_ends_a_connect_that_has_a_limit),
	};

	return cmocka_run_group_tests_name("base/fd", tests, NULL, NULL);
}
