/* SPDX-License-Identifier: Apache-2.0 */
/* test_messenger.c - container/messenger and container/notify: C-SEC-21, C-SEC-22, C-SEC-26,
 * C-SEC-27. The round trip with a container: tests/integration/test_seccomp_notify.py */
#include "kernel_util.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "container/messenger.h"
#include "container/sync.h"

static struct arena arena;
static struct oci_config *config;

/* {"seccomp": {BODY}} */
static struct filter compiled(const char *body)
{
	char *text = arena_printf(&arena,
				  "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},"
				  "\"linux\":{\"seccomp\":{\"listenerPath\":\"/x\",%s}}}",
				  body);
	struct filter f = { .insns = NULL };
	struct err err = ERR_INIT;

	config_free(&config);
	if (!text || config_parse("config.json", text, strlen(text), true, &config, &err) < 0 ||
	    filter_compile(config, &arena, &f, &err) < 0) {
		print_error("%s: %s\n", body, err.msg);
		abort();
	}
	return f;
}

#define RULE(names, action)                                                                        \
	"\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[" names                    \
	"],\"action\":\"SCMP_ACT_" action "\"}]"

static int done(void **state)
{
	(void)state;
	config_free(&config);
	arena_done(&arena);
	return 0;
}

/* Most containers do without the thread. */
static void is_wanted_for_listeners_and_where_speech_is_forbidden(void **state)
{
	static const struct {
		const char *body;
		bool wanted;
	} rows[] = {
		{ RULE("\"mkdirat\"", "ERRNO"), false },
		{ RULE("\"sendmsg\"", "LOG"), false },
		{ RULE("\"sendmsg\"", "ERRNO"), true },
		{ RULE("\"sendmsg\"", "KILL_PROCESS"), true },
		{ RULE("\"sendmsg\"", "NOTIFY"), true },
		{ RULE("\"mkdirat\"", "NOTIFY"), true },
		{ "\"defaultAction\":\"SCMP_ACT_ERRNO\"", true },
		{ "\"defaultAction\":\"SCMP_ACT_NOTIFY\"", true },
		{ "\"defaultAction\":\"SCMP_ACT_ALLOW\"", false },
	};
	const struct filter none = { .insns = NULL };
	(void)state;

	assert_false(messenger_wanted(&none));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct filter f = compiled(rows[i].body);
		if (messenger_wanted(&f) != rows[i].wanted)
			fail_msg("%s", rows[i].body);
	}
}

/* ---- a process and what is around it ----------------------------------------------------------
 */

struct scene {
	int agent;  /* our end */
	int report; /* our end */
	pid_t pid;
};

/* The process: loads BODY's filter, and says by its exit status what getppid(2) gave. Under a
 * filter that kills nothing of the libc is safe any more, so exit is a bare call. */
static void process(const char *body, struct notify *n, int report, bool fail_exec)
{
	static struct messenger m;
	static const struct err broken = { .kind = ERR_CONFIG, .len = 6, .msg = "broken" };
	struct filter f = compiled(body);
	struct err err = ERR_INIT;

	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	REQUIRE_OK(messenger_begin(&m, &f, n, report, &err), err);
	REQUIRE(m.runs && n->agent < 0 && n->payload < 0);
	REQUIRE_OK(messenger_load(&m, &f, &err), err);
	if (fail_exec)
		messenger_fail(&m, &broken);
	syscall(SYS_exit_group, syscall(SYS_getppid) == 4242 ? 42 : 1);
}

static struct scene begin(const char *body, const char *payload, bool fail_exec)
{
	int agent[2], report[2];

	fflush(NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct notify n = NOTIFY_INIT;

		close(agent[0]);
		close(report[0]);
		if (payload) {
			n.agent = agent[1];
			n.payload = memfd_create("payload", MFD_CLOEXEC);
			REQUIRE(write(n.payload, payload, strlen(payload)) ==
				(ssize_t)strlen(payload));
		} else {
			close(agent[1]);
		}
		process(body, &n, report[1], fail_exec);
		_exit(99);
	}
	close(agent[1]);
	close(report[1]);
	return (struct scene){ .agent = agent[0], .report = report[0], .pid = pid };
}

static int end(struct scene *s)
{
	int status = 0;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	if (s->agent >= 0)
		close(s->agent);
	close(s->report);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The failure that was reported. */
static void expect_failure(const struct scene *s, const char *text)
{
	struct err err = ERR_INIT;
	enum sync_type type;

	assert_int_equal(sync_recv(s->report, &type, NULL, &err), 0);
	assert_int_equal(type, SYNC_FAILED);
	assert_non_null(strstr(err.msg, text));
}

static void the_agent_gets_state_and_listener_then_the_end(void **state)
{
	struct scene s = begin(RULE("\"getppid\",\"sendmsg\",\"futex\",\"write\"", "NOTIFY"),
			       "{\"state\":1}", false);
	struct seccomp_notif call = { .id = 0 };
	char text[64] = "";
	size_t n_fds = 0;
	int listener = -1;
	(void)state;

	assert_int_equal(fd_recv(s.agent, text, sizeof(text) - 1, &listener, 1, &n_fds), 11);
	assert_string_equal(text, "{\"state\":1}");
	assert_int_equal(n_fds, 1);
	assert_int_equal(fd_recv(s.agent, text, sizeof(text), NULL, 0, NULL), 0);

	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call), 0);
	assert_int_equal(call.data.nr, SYS_getppid);
	assert_int_equal(call.pid, s.pid);
	struct seccomp_notif_resp answer = { .id = call.id, .val = 4242 };
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
	assert_int_equal(end(&s), 42);
	close(listener);
}

static void a_failing_execve_is_reported_under_any_filter(void **state)
{
	static const char *const bodies[] = {
		RULE("\"sendmsg\"", "KILL_PROCESS"),
		RULE("\"sendmsg\",\"exit_group\"", "ERRNO"),
		"\"defaultAction\":\"SCMP_ACT_KILL\"",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct scene s = begin(bodies[i], NULL, true);
		expect_failure(&s, "broken");
		assert_int_equal(end(&s), 1);
	}
}

static void an_agent_that_is_gone_ends_the_process(void **state)
{
	AUTO_STR payload = STR_INIT;
	(void)state;

	for (size_t i = 0; i < 300000; i++)
		str_add(&payload, "x");
	struct scene s = begin("\"defaultAction\":\"SCMP_ACT_NOTIFY\"", str_text(&payload), false);
	close(s.agent);
	s.agent = -1;
	expect_failure(&s, "hand the listener to the seccomp agent");
	assert_int_equal(end(&s), 1);
}

static void without_an_agent_a_listener_is_refused(void **state)
{
	struct filter f = compiled(RULE("\"mkdirat\"", "NOTIFY"));
	struct messenger m = MESSENGER_INIT;
	struct notify n = NOTIFY_INIT;
	struct err err = ERR_INIT;
	(void)state;

	assert_int_equal(messenger_begin(&m, &f, &n, -1, &err), -1);
	assert_int_equal(messenger_load(&m, &f, &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	assert_int_equal(prctl(PR_GET_SECCOMP), 0);
}

static void state_travels_over_the_start_socket(void **state)
{
	const size_t fds = open_fds();
	struct err err = ERR_INIT;
	int pair[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct notify out = { .agent = memfd_create("a", MFD_CLOEXEC),
			      .payload = memfd_create("p", MFD_CLOEXEC) };
	struct notify in = NOTIFY_INIT, none = NOTIFY_INIT;
	assert_int_equal(notify_send(pair[0], &none, &err), 0);
	assert_int_equal(notify_send(pair[0], &out, &err), 0);
	assert_int_equal(notify_receive(pair[1], &in, &err), 0);
	assert_true(in.agent >= 0 && in.payload >= 0);
	assert_int_equal(fcntl(in.agent, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	/* Half of it is nothing. */
	struct notify half = NOTIFY_INIT;
	assert_int_equal(sync_send(pair[0], SYNC_AGENT, out.agent, &err), 0);
	assert_int_equal(sync_send(pair[0], SYNC_GO, -1, &err), 0);
	assert_int_equal(notify_receive(pair[1], &half, &err), -1);
	assert_int_equal(half.agent, -1);
	assert_int_equal(sync_send(pair[0], SYNC_AGENT, -1, &err), 0);
	assert_int_equal(notify_receive(pair[1], &half, &err), -1);

	notify_done(&out);
	notify_done(&in);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(open_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_wanted_for_listeners_and_where_speech_is_forbidden),
		cmocka_unit_test(the_agent_gets_state_and_listener_then_the_end),
		cmocka_unit_test(a_failing_execve_is_reported_under_any_filter),
		cmocka_unit_test(an_agent_that_is_gone_ends_the_process),
		cmocka_unit_test(without_an_agent_a_listener_is_refused),
		cmocka_unit_test(state_travels_over_the_start_socket),
	};

	return cmocka_run_group_tests_name("messenger", tests, NULL, done);
}
