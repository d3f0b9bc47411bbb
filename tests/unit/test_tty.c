/* SPDX-License-Identifier: Apache-2.0 */
/* test_tty.c - kernel/tty: C-PROC-01, C-PROC-02, C-USER-05, D-24, I-07, engine-contracts 4 */
#include "kernel_util.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "kernel/tty.h"

static int open_root(void)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	return fd;
}

/* The host's own /dev/pts serves as the container's. */
static void need_pair(uint32_t height, uint32_t width, int *master, int *slave)
{
	struct err err = ERR_INIT;

	if (access("/dev/pts/ptmx", R_OK | W_OK) < 0)
		skip_child("no right to open /dev/pts/ptmx");
	REQUIRE_OK(tty_open_pair(open_root(), height, width, master, slave, &err), err);
}

static void open_pair(void)
{
	struct winsize ws;
	struct termios t;
	int master, slave;
	char text[8];

	need_pair(24, 81, &master, &slave);
	REQUIRE(isatty(master) && isatty(slave));
	REQUIRE(is_cloexec(master) && is_cloexec(slave));
	REQUIRE(ioctl(master, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 24 && ws.ws_col == 81);
	REQUIRE(tcgetattr(slave, &t) == 0 && !(t.c_oflag & ONLCR)); /* D-24 */
	REQUIRE(write(slave, "a\n", 2) == 2);
	REQUIRE(read(master, text, sizeof(text)) == 2 && memcmp(text, "a\n", 2) == 0);
}

static void a_pair_has_the_size_and_leaves_line_feeds_alone(void **state)
{
	(void)state;
	in_child(open_pair);
}

static void no_size(void)
{
	struct err err = ERR_INIT;
	struct winsize ws;
	int master, slave;

	need_pair(0, 80, &master, &slave);
	REQUIRE(ioctl(master, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 0 && ws.ws_col == 0);
	REQUIRE(tty_open_pair(open_root(), 65536, 80, &master, &slave, &err) < 0);
	REQUIRE(strstr(err.msg, "process.consoleSize"));
}

/* engine-contracts 4: docker exec sends zeros; C-PROC-02 */
static void a_size_of_zero_is_none_and_one_too_large_is_refused(void **state)
{
	(void)state;
	in_child(no_size);
}

/* CVE-2025-52565: what the image left in /dev/pts is not opened. */
static void an_image_without_devpts_gets_no_terminal(void **state)
{
	struct err err = ERR_INIT;
	struct scratch s;
	void *p = NULL;
	int master = -1, slave = -1;
	(void)state;

	assert_int_equal(scratch_setup(&p), 0);
	s = *(struct scratch *)p;
	assert_int_equal(tty_open_pair(s.fd, 0, 0, &master, &slave, &err), -1);
	assert_int_equal(mkdirat(s.fd, "dev", 0755), 0);
	assert_int_equal(symlinkat("/dev/pts", s.fd, "dev/pts"), 0);
	assert_int_equal(tty_open_pair(s.fd, 0, 0, &master, &slave, &err), -1);
	assert_int_equal(unlinkat(s.fd, "dev/pts", 0), 0);
	assert_int_equal(mkdirat(s.fd, "dev/pts", 0755), 0);
	assert_int_equal(mkfifoat(s.fd, "dev/pts/ptmx", 0666), 0);
	assert_int_equal(tty_open_pair(s.fd, 0, 0, &master, &slave, &err), -1);
	assert_non_null(strstr(err.msg, "devpts"));
	assert_int_equal(master, -1);
	assert_int_equal(slave, -1);
	assert_int_equal(scratch_teardown(&p), 0);
}

static void controlling(void)
{
	struct err err = ERR_INIT;
	int master, slave;
	struct stat st;
	uid_t uid = geteuid() == 0 ? 4242 : geteuid();

	need_pair(0, 0, &master, &slave);
	REQUIRE(setsid() > 0);
	REQUIRE_OK(tty_make_controlling(slave, uid, &err), err);
	REQUIRE(tcgetsid(0) == getpid());
	for (int fd = 0; fd <= 2; fd++) {
		REQUIRE(isatty(fd) && !is_cloexec(fd));
		REQUIRE(fstat(fd, &st) == 0 && st.st_uid == uid);
	}
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	REQUIRE(tty >= 0);
}

static void the_peer_becomes_the_controlling_terminal(void **state)
{
	(void)state;
	in_child(controlling);
}

/* C-USER-05 */
static void unmapped_owner(void)
{
	struct err err = ERR_INIT;
	int master, slave;

	need_pair(0, 0, &master, &slave);
	if (unshare(CLONE_NEWUSER) < 0)
		skip_child("no right to make user namespaces");
	REQUIRE(setsid() > 0);
	REQUIRE_OK(tty_make_controlling(slave, 4242, &err), err);
}

static void an_owner_that_the_user_namespace_does_not_know_is_no_failure(void **state)
{
	(void)state;
	in_child(unmapped_owner);
}

static void not_a_leader(void)
{
	struct err err = ERR_INIT;
	int master, slave;

	need_pair(0, 0, &master, &slave);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		REQUIRE(tty_make_controlling(slave, geteuid(), &err) < 0);
		_exit(0);
	}
	int status;
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
}

static void without_a_session_it_fails(void **state)
{
	(void)state;
	in_child(not_a_leader);
}

/* Exactly one descriptor in one control message, and some text (go-runc, conmon). */
static void send_master(void)
{
	struct err err = ERR_INIT;
	union {
		struct cmsghdr align;
		char buf[256];
	} control;
	char text[4096];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	int both[2], master, slave, got;

	need_pair(0, 0, &master, &slave);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
	REQUIRE_OK(tty_send_master(both[0], master, &err), err);

	ssize_t n = recvmsg(both[1], &msg, MSG_CMSG_CLOEXEC);
	REQUIRE(n >= 1 && strncmp(text, "/dev/pts/", 9) == 0);
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	REQUIRE(h && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)));
	REQUIRE(!CMSG_NXTHDR(&msg, h));
	memcpy(&got, CMSG_DATA(h), sizeof(got));
	REQUIRE(isatty(got) && write(slave, "x", 1) == 1 && read(got, text, 1) == 1);
}

static void the_master_is_sent_alone(void **state)
{
	(void)state;
	in_child(send_master);
}

static void raw_mode(void)
{
	struct err err = ERR_INIT;
	struct tty_saved saved = { .active = false };
	struct termios before, raw, after;
	int master, slave;

	need_pair(0, 0, &master, &slave);
	REQUIRE(tcgetattr(slave, &before) == 0);
	REQUIRE_OK(tty_set_raw(slave, &saved, &err), err);
	REQUIRE(tcgetattr(slave, &raw) == 0);
	REQUIRE(!(raw.c_lflag & (ICANON | ECHO | ISIG)));
	REQUIRE(raw.c_oflag & OPOST);
	tty_restore(&saved);
	REQUIRE(tcgetattr(slave, &after) == 0);
	REQUIRE(after.c_lflag == before.c_lflag && after.c_iflag == before.c_iflag);
	tty_restore(&saved); /* a second time: nothing */
	REQUIRE(!saved.active);
}

static void raw_mode_is_undone_by_restore(void **state)
{
	(void)state;
	in_child(raw_mode);
}

static void raw_mode_of_no_terminal_fails(void **state)
{
	struct tty_saved saved = { .active = false };
	struct err err = ERR_INIT;
	(void)state;

	AUTO_FD fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(tty_set_raw(fd, &saved, &err), -1);
	assert_false(saved.active);
}

static void copy_size(void)
{
	struct winsize ws;
	int m1, s1, m2, s2;

	need_pair(30, 90, &m1, &s1);
	need_pair(0, 0, &m2, &s2);
	tty_copy_size(m1, m2);
	REQUIRE(ioctl(s2, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 30 && ws.ws_col == 90);
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	tty_copy_size(null, m2);
	REQUIRE(ioctl(s2, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 30);
}

static void the_size_is_copied_from_terminals_only(void **state)
{
	(void)state;
	in_child(copy_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_has_the_size_and_leaves_line_feeds_alone),
		cmocka_unit_test(a_size_of_zero_is_none_and_one_too_large_is_refused),
		cmocka_unit_test(an_image_without_devpts_gets_no_terminal),
		cmocka_unit_test(the_peer_becomes_the_controlling_terminal),
		cmocka_unit_test(an_owner_that_the_user_namespace_does_not_know_is_no_failure),
		cmocka_unit_test(without_a_session_it_fails),
		cmocka_unit_test(the_master_is_sent_alone),
		cmocka_unit_test(raw_mode_is_undone_by_restore),
		cmocka_unit_test(raw_mode_of_no_terminal_fails),
		cmocka_unit_test(the_size_is_copied_from_terminals_only),
	};

	return cmocka_run_group_tests_name("tty", tests, NULL, NULL);
}
