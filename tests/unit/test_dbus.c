/* SPDX-License-Identifier: Apache-2.0 */
/* test_dbus.c - base/dbus: values and messages as bytes, malformed ones, and a bus that misbehaves
 *
 * I-27 in spirit: the other side of the socket is not believed (D-10).
 */
#include "base_util.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/dbus.h"
#include "base/fd.h"

static const struct dbus_call start = {
	.destination = "org.freedesktop.systemd1",
	.path = "/org/freedesktop/systemd1",
	.interface = "org.freedesktop.systemd1.Manager",
	.member = "StartTransientUnit",
	.signature = "ssa(sv)",
};

static void put_body(struct dbus_writer *w)
{
	dbus_put_string(w, "a.scope");
	dbus_put_string(w, "fail");

	size_t mark = dbus_array_begin(w, 8);
	dbus_put_struct(w);
	dbus_put_string(w, "MemoryMax");
	dbus_put_signature(w, "t");
	dbus_put_u64(w, 0x0102030405060708);
	dbus_put_struct(w);
	dbus_put_string(w, "Delegate");
	dbus_put_signature(w, "b");
	dbus_put_bool(w, true);
	dbus_array_end(w, mark, 8);
}

/* The bytes of one call, in B. */
static const uint8_t *compose(struct str *b)
{
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;

	put_body(&w);
	dbus_compose(b, &start, 7, &w);
	assert_non_null(str_text(b));

	return (const uint8_t *)b->s;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void values_have_their_bytes(void **state)
{
	AUTO_DBUS_WRITER w = DBUS_WRITER_INIT;
	static const char expected[] = "\x2a\0\0\0"       /* y, padding */
				       "\2\0\0\0hi\0"     /* s */
				       "\1t\0"            /* g, to 14 */
				       "\0\0"             /* padding to 16 */
				       "\7\0\0\0\0\0\0\1" /* t */
				       "\0\0\0\0\0\0\0\0" /* an array of nothing, padded */
				       "\3\0\0\0abc";     /* ay */
	(void)state;

	dbus_put_byte(&w, 42);
	dbus_put_string(&w, "hi");
	dbus_put_signature(&w, "t");
	dbus_put_u64(&w, 0x0100000000000007);
	dbus_array_end(&w, dbus_array_begin(&w, 8), 8);
	size_t mark = dbus_array_begin(&w, 1);
	dbus_put_byte(&w, 'a');
	dbus_put_byte(&w, 'b');
	dbus_put_byte(&w, 'c');
	dbus_array_end(&w, mark, 1);

	assert_int_equal(w.b.len, sizeof(expected) - 1);
	assert_memory_equal(w.b.s, expected, sizeof(expected) - 1);
}

static void a_call_is_read_back(void **state)
{
	AUTO_STR b = STR_INIT;
	struct err err = ERR_INIT;
	struct dbus_message m;
	size_t len;
	(void)state;

	const uint8_t *bytes = compose(&b);
	assert_int_equal(dbus_message_length(bytes, &len, &err), 0);
	assert_int_equal(len, b.len);
	assert_int_equal(dbus_parse(bytes, b.len, &m, &err), 0);

	assert_int_equal(m.type, DBUS_CALL);
	assert_int_equal(m.serial, 7);
	assert_string_equal(m.path, start.path);
	assert_string_equal(m.interface, start.interface);
	assert_string_equal(m.member, start.member);
	assert_string_equal(m.signature, start.signature);
	assert_string_equal(m.sender, "");
	struct dbus_reader r = dbus_read(&m);
	assert_string_equal(dbus_get_string(&r), "a.scope");
	assert_string_equal(dbus_get_string(&r), "fail");
	assert_true(dbus_get_u32(&r) > 0);
	assert_false(r.failed);
}

static void a_body_that_ends_early_reads_as_nothing(void **state)
{
	AUTO_STR b = STR_INIT;
	struct err err = ERR_INIT;
	struct dbus_message m;
	(void)state;

	const uint8_t *bytes = compose(&b);
	assert_int_equal(dbus_parse(bytes, b.len, &m, &err), 0);
	m.body_len = 5;
	struct dbus_reader r = dbus_read(&m);
	assert_string_equal(dbus_get_string(&r), "");
	assert_true(r.failed);
	assert_int_equal(dbus_get_u32(&r), 0);
	assert_string_equal(dbus_get_signature(&r), "");
}

/* A return of a big-endian machine, with a sender and a field that nobody knows. */
static const char big[] = "B\2\1\1\0\0\0\14\0\0\0\5\0\0\0\46"
			  "\5\1u\0\0\0\0\11"
			  "\7\1s\0\0\0\0\4:1.2\0\0\0\0"
			  "\144\1t\0\0\0\0\0\0\0\0\0\0\0\0\1"
			  "\0\0\0\7/job/42\0";

static void the_other_byte_order_is_understood(void **state)
{
	struct err err = ERR_INIT;
	struct dbus_message m;
	char copy[sizeof(big)];
	(void)state;

	/* fields: 8 + 17 (padded to 24) + 16 = 40 + ... the length says where they end */
	memcpy(copy, big, sizeof(big));
	copy[15] = 8 + 16 + 16;
	copy[7] = 12;
	size_t len = 16 + 40 + 12;
	assert_int_equal(sizeof(big) - 1, len);
	assert_int_equal(dbus_parse((const uint8_t *)copy, len, &m, &err), 0);
	assert_int_equal(m.type, DBUS_RETURN);
	assert_int_equal(m.reply_serial, 9);
	assert_string_equal(m.sender, ":1.2");
	struct dbus_reader r = dbus_read(&m);
	assert_string_equal(dbus_get_string(&r), "/job/42");
	assert_false(r.failed);
}

/* ---- malformed ------------------------------------------------------------------------------ */

static void every_truncated_message_is_refused(void **state)
{
	AUTO_STR b = STR_INIT;
	(void)state;

	const uint8_t *bytes = compose(&b);
	for (size_t len = 0; len < b.len; len++) {
		/* Of its own, so that a sanitizer sees a read behind the end. */
		uint8_t *copy = malloc(len + 1);
		struct err err = ERR_INIT;
		struct dbus_message m;

		assert_non_null(copy);
		memcpy(copy, bytes, len);
		assert_int_equal(dbus_parse(copy, len, &m, &err), -1);
		assert_non_null(strstr(err.msg, "malformed"));
		free(copy);
	}
}

static void walk_body(const struct dbus_message *m)
{
	struct dbus_reader r = dbus_read(m);

	(void)dbus_error_text(m);
	(void)dbus_get_string(&r);
	(void)dbus_get_string(&r);
	(void)dbus_get_u32(&r);
	while (!r.failed) {
		(void)dbus_get_string(&r);
		(void)dbus_get_signature(&r);
		(void)dbus_get_byte(&r);
	}
}

static void corrupt_bytes_are_refused_or_harmless(void **state)
{
	static const uint8_t values[] = { 0, 1, 2, 7, 0x7f, 0x80, 0xff, 'B', 's', 'v', '(' };
	AUTO_STR b = STR_INIT;
	(void)state;

	const uint8_t *bytes = compose(&b);
	for (size_t at = 0; at < b.len; at++) {
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			uint8_t *copy = malloc(b.len);
			struct err err = ERR_INIT;
			struct dbus_message m;
			size_t len;

			assert_non_null(copy);
			memcpy(copy, bytes, b.len);
			copy[at] = values[i];
			if (dbus_message_length(copy, &len, &err) == 0)
				assert_true(len <= DBUS_MESSAGE_MAX);
			if (dbus_parse(copy, b.len, &m, &err) == 0)
				walk_body(&m);
			else
				assert_int_equal(err.kind, ERR_SYSTEM);
			free(copy);
		}
	}
}

static void noise_is_refused_or_harmless(void **state)
{
	uint8_t buf[128];
	unsigned seed = 1;
	(void)state;

	for (int round = 0; round < 20000; round++) {
		struct err err = ERR_INIT;
		struct dbus_message m;

		for (size_t i = 0; i < sizeof(buf); i++) {
			seed = seed * 1103515245 + 12345;
			buf[i] = (uint8_t)(seed >> 16) & (i < 16 ? 0x1f : 0xff);
		}
		buf[0] = seed & 0x10000 ? 'l' : 'B';
		buf[3] = 1;
		if (dbus_parse(buf, sizeof(buf), &m, &err) == 0)
			walk_body(&m);
	}
}

static void a_length_beyond_the_limit_is_refused(void **state)
{
	struct err err = ERR_INIT;
	uint8_t head[16] = { 'l', 2, 0, 1, 0, 0, 0, 0, 1 };
	size_t len;
	(void)state;

	assert_int_equal(dbus_message_length(head, &len, &err), 0);
	head[6] = 4; /* body of 256 KiB */
	assert_int_equal(dbus_message_length(head, &len, &err), -1);
	assert_non_null(strstr(err.msg, "more than"));
	head[6] = 0;
	memset(head + 12, 0xff, 4);
	assert_int_equal(dbus_message_length(head, &len, &err), -1);
	head[12] = 0xf8;
	head[13] = 0xff;
	head[14] = 3;
	head[15] = 0; /* the array alone fits, with the rest it does not */
	assert_int_equal(dbus_message_length(head, &len, &err), -1);
}

/* ---- a bus ---------------------------------------------------------------------------------- */

struct act {
	const char *login; /* sent when the client has connected; NULL: nothing */
	const char *data;  /* sent after that */
	size_t len, piece; /* in pieces of that size */
	bool stay;         /* the connection stays open */
};

static pid_t play(const struct scratch *s, const struct act *a)
{
	struct err err = ERR_INIT;
	int listener;

	assert_int_equal(fd_listen_unix_at(s->fd, "bus", SOCK_STREAM, &listener, &err), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		close(listener);
		return pid;
	}
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (a->login)
		(void)!write(fd, a->login, strlen(a->login));
	for (size_t at = 0; at < a->len; at += a->piece) {
		size_t n = a->len - at < a->piece ? a->len - at : a->piece;
		const struct timespec pause = { .tv_nsec = 1000000 };

		(void)!write(fd, a->data + at, n);
		(void)nanosleep(&pause, NULL);
	}
	while (a->stay)
		pause();
	(void)shutdown(fd, SHUT_WR);
	for (char ignored[64]; read(fd, ignored, sizeof(ignored)) > 0;)
		;
	_exit(0);
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int open_bus(const struct scratch *s, struct dbus *d, struct err *err)
{
	char address[128];

	(void)snprintf(address, sizeof(address), "unix:path=/nowhere/bus;unix:path=%s/bus,guid=0",
		       s->path);
	return dbus_open(address, 300, d, err);
}

static void a_message_arrives_in_pieces(void **state)
{
	const struct scratch *s = *state;
	AUTO_STR b = STR_INIT;
	AUTO_DBUS d = DBUS_INIT;
	struct err err = ERR_INIT;
	struct dbus_message m;

	compose(&b);
	compose(&b);
	pid_t pid = play(s, &(struct act){ .login = "DATA\r\nOK 0123\r\n",
					   .data = b.s,
					   .len = b.len,
					   .piece = 13,
					   .stay = true });
	assert_int_equal(open_bus(s, &d, &err), 0);
	dbus_set_deadline(&d, 10000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dbus_receive(&d, &m, &err), 0);
		assert_string_equal(m.member, "StartTransientUnit");
	}
	dbus_set_deadline(&d, 50);
	assert_int_equal(dbus_receive(&d, &m, &err), -1);
	assert_int_equal(err.sys, ETIMEDOUT);
	end(pid);
}

static void a_bus_that_misbehaves_is_an_error(void **state)
{
	const struct scratch *s = *state;
	static char flood[2048];
	const struct {
		struct act act;
		const char *text;
	} cases[] = {
		{ { .stay = true }, "does not answer" },
		{ { .login = NULL }, "closed the connection" },
		{ { .login = "REJECTED ANONYMOUS\r\n", .stay = true }, "refuses the login" },
		{ { .login = "DATA\r\nERROR\r\n", .stay = true }, "refuses the login" },
		{ { .login = flood, .stay = true }, "nonsense" },
		{ { .login = "OK", .stay = true }, "does not answer" },
	};

	memset(flood, 'x', sizeof(flood) - 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DBUS d = DBUS_INIT;
		struct err err = ERR_INIT;

		pid_t pid = play(s, &cases[i].act);
		assert_int_equal(open_bus(s, &d, &err), -1);
		assert_non_null(strstr(err.msg, cases[i].text));
		assert_int_equal(d.fd, -1);
		end(pid);
		assert_int_equal(unlinkat(s->fd, "bus", 0), 0);
	}
}

static void a_message_without_an_end_is_an_error(void **state)
{
	const struct scratch *s = *state;
	AUTO_STR b = STR_INIT;
	AUTO_DBUS d = DBUS_INIT;
	struct err err = ERR_INIT;
	struct dbus_message m;

	compose(&b);
	pid_t pid = play(
		s, &(struct act){
			   .login = "OK 0123\r\n", .data = b.s, .len = b.len - 1, .piece = 4096 });
	assert_int_equal(open_bus(s, &d, &err), 0);
	assert_int_equal(dbus_receive(&d, &m, &err), -1);
	assert_non_null(strstr(err.msg, "closed the connection"));
	end(pid);
}

static void addresses_are_checked(void **state)
{
	const struct scratch *s = *state;
	static const char *const bad[] = { "",
					   "tcp:host=localhost,port=1",
					   "unix:",
					   "unix:path=",
					   "unix:path=%zz",
					   "unix:path=%2",
					   "unix:dir=/tmp",
					   "unix:path=a%00b",
					   "unixexec:path=/bin/sh" };

	(void)s;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_DBUS d = DBUS_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(dbus_open(bad[i], 100, &d, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}

	static const char *const absent[] = { "unix:path=/nowhere", "unix:path=%2fnowhere",
					      "unix:abstract=cruntime-nobody,guid=1",
					      "unix:guid=1,path=/nowhere;unix:path=/also;" };
	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		AUTO_DBUS d = DBUS_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(dbus_open(absent[i], 100, &d, &err), -1);
		assert_true(err.sys == ENOENT || err.sys == ECONNREFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_their_bytes),
		cmocka_unit_test(a_call_is_read_back),
		cmocka_unit_test(a_body_that_ends_early_reads_as_nothing),
		cmocka_unit_test(the_other_byte_order_is_understood),
		cmocka_unit_test(every_truncated_message_is_refused),
		cmocka_unit_test(corrupt_bytes_are_refused_or_harmless),
		cmocka_unit_test(noise_is_refused_or_harmless),
		cmocka_unit_test(a_length_beyond_the_limit_is_refused),
		SCRATCH_TEST(a_message_arrives_in_pieces),
		SCRATCH_TEST(a_bus_that_misbehaves_is_an_error),
		SCRATCH_TEST(a_message_without_an_end_is_an_error),
		SCRATCH_TEST(addresses_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
