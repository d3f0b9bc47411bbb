/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: address, login, bytes out and in */
#include "base/dbus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"

/* "OK" and 32 digits; a refusal names a few mechanisms. */
#define LINE_MAX_LEN 512
#define READ_SIZE    4096

void dbus_done(struct dbus *d)
{
	fd_close(&d->fd);
	str_done(&d->in);
	d->taken = 0;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void dbus_set_deadline(struct dbus *d, unsigned timeout_ms)
{
	d->deadline = now_ms() + timeout_ms;
}

/* Until the socket is ready for EVENTS, or the deadline has passed. */
static int wait_for(const struct dbus *d, short events, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = d->fd, .events = events };
		int64_t left = d->deadline - now_ms();

		if (left <= 0) {
			errno = ETIMEDOUT;
			return err_sys(err, "the bus does not answer");
		}
		int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "wait for the bus");
	}
}

/* ---- address -------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;

	return -1;
}

/* The value of TEXT[len] with its "%2f" resolved; false: it does not fit, or is none. */
static bool unescape(const char *text, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= size)
			return false;
		buf[n++] = c;
	}
	buf[n] = '\0';

	return n > 0;
}

/* "unix:path=/run/x,guid=…" up to ';'. Other transports and keys are not for us. */
static bool parse_address(const char *text, size_t len, bool *ret_abstract, char *buf, size_t size)
{
	if (len < strlen("unix:") || !str_starts(text, "unix:"))
		return false;
	for (const char *key = text + strlen("unix:"), *end = text + len; key < end;) {
		size_t n = 0;

		while (key + n < end && key[n] != ',')
			n++;
		for (int abstract = 0; abstract <= 1; abstract++) {
			const char *name = abstract ? "abstract=" : "path=";
			size_t skip = strlen(name);

			if (n <= skip || strncmp(key, name, skip) != 0)
				continue;
			*ret_abstract = abstract;
			return unescape(key + skip, n - skip, buf, size);
		}
		key += n + (key + n < end);
	}

	return false;
}

static int connect_abstract(const char *name, unsigned timeout_ms, int *ret_fd, struct err *err)
{
	const struct timeval timeout = { .tv_sec = timeout_ms / 1000,
					 .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if (len >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return err_sys(err, "connect to the bus '@%.40s…'", name);
	}
	memcpy(addr.sun_path + 1, name, len);

	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return err_sys(err, "make a socket for the bus");
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
	if (RETRY(connect(fd, (const struct sockaddr *)&addr, size)) < 0)
		return err_sys(err, "connect to the bus '@%s'", name);

	*ret_fd = fd_take(&fd);
	return 0;
}

static int connect_one(const char *address, size_t len, unsigned timeout_ms, int *ret_fd,
		       struct err *err)
{
	char name[PATH_MAX];
	bool abstract;

	if (!parse_address(address, len, &abstract, name, sizeof(name)))
		return err_set(err, ERR_USAGE,
			       "the bus address '%.*s' is not of the form 'unix:path=PATH'",
			       len > 200 ? 200 : (int)len, address);
	if (abstract)
		return connect_abstract(name, timeout_ms, ret_fd, err);

	AUTO_FD file = open(name, O_PATH | O_CLOEXEC);
	if (file < 0)
		return err_sys(err, "open the bus '%s'", name);
	return fd_connect_file(file, name, SOCK_STREAM, timeout_ms, ret_fd, err);
}

static int connect_any(const char *addresses, unsigned timeout_ms, int *ret_fd, struct err *err)
{
	for (const char *a = addresses;;) {
		size_t len = strcspn(a, ";");

		if (connect_one(a, len, timeout_ms, ret_fd, err) == 0)
			return 0;
		a += len;
		if (*a == '\0' || a[1] == '\0' || (err->sys != ENOENT && err->sys != ECONNREFUSED))
			return -1;
		a++;
	}
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* A server that has ended with something of ours unread is a connection reset to the kernel. */
static int fail_io(const char *what, struct err *err)
{
	if (errno == ECONNRESET || errno == EPIPE)
		return err_set(err, ERR_SYSTEM, "the bus has closed the connection");

	return err_sys(err, "%s", what);
}

static int send_all(struct dbus *d, const char *data, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t n = RETRY(send(d->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT));

		if (n < 0 && errno != EAGAIN)
			return fail_io("send to the bus", err);
		if (n < 0 && wait_for(d, POLLOUT, err) < 0)
			return -1;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}

	return 0;
}

/* Some more bytes behind those that are there. */
static int read_more(struct dbus *d, struct err *err)
{
	char buf[READ_SIZE];

	if (wait_for(d, POLLIN, err) < 0)
		return -1;
	ssize_t n = RETRY(recv(d->fd, buf, sizeof(buf), MSG_DONTWAIT));
	if (n < 0)
		return errno == EAGAIN ? 0 : fail_io("read from the bus", err);
	if (n == 0)
		return err_set(err, ERR_SYSTEM, "the bus has closed the connection");
	str_addn(&d->in, buf, (size_t)n);

	return str_text(&d->in) ? 0 : err_oom(err);
}

/* What was handed out is over; what came behind it moves to the front. */
static void drop_taken(struct dbus *d)
{
	if (d->taken == 0)
		return;
	memmove(d->in.s, d->in.s + d->taken, d->in.len - d->taken);
	d->in.len -= d->taken;
	d->taken = 0;
}

/* ---- login ---------------------------------------------------------------------------------- */

/* One line without its end, of the login. */
static int read_line(struct dbus *d, char buf[LINE_MAX_LEN], struct err *err)
{
	for (;;) {
		char *end = d->in.len ? memmem(d->in.s, d->in.len, "\r\n", 2) : NULL;
		size_t len = end ? (size_t)(end - d->in.s) : d->in.len;

		if (len >= LINE_MAX_LEN || (end && memchr(d->in.s, '\0', len)))
			return err_set(err, ERR_SYSTEM, "the bus answers the login with nonsense");
		if (end) {
			memcpy(buf, d->in.s, len);
			buf[len] = '\0';
			d->taken = len + 2;
			drop_taken(d);
			return 0;
		}
		if (read_more(d, err) < 0)
			return -1;
	}
}

/* Without an identity of our own choice: the server takes that of the socket, which is right in
 * every user namespace. All that we have to say is sent ahead: a systemd that reads the end of the
 * login and a message at once forgets the message until more comes (seen with 252), so no message
 * may follow before it has answered. */
static int log_in(struct dbus *d, struct err *err)
{
	static const char words[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	char line[LINE_MAX_LEN];

	if (send_all(d, words, sizeof(words) - 1, err) < 0 || read_line(d, line, err) < 0)
		return -1;
	if (str_starts(line, "DATA") && read_line(d, line, err) < 0)
		return -1;
	if (!str_starts(line, "OK "))
		return err_set(err, ERR_SYSTEM, "the bus refuses the login: '%s'", line);

	return 0;
}

int dbus_open(const char *addresses, unsigned timeout_ms, struct dbus *ret, struct err *err)
{
	AUTO_DBUS d = DBUS_INIT;

	dbus_set_deadline(&d, timeout_ms);
	if (connect_any(addresses, timeout_ms, &d.fd, err) < 0)
		return -1;
	if (log_in(&d, err) < 0)
		return -1;

	*ret = d;
	d = (struct dbus)DBUS_INIT;
	return 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

int dbus_send(struct dbus *d, const struct dbus_call *c, const struct dbus_writer *body,
	      uint32_t *ret_serial, struct err *err)
{
	AUTO_STR bytes = STR_INIT;
	uint32_t serial = ++d->serial;

	dbus_compose(&bytes, c, serial, body);
	if (!str_text(&bytes))
		return err_oom(err);
	if (send_all(d, bytes.s, bytes.len, err) < 0)
		return -1;
	if (ret_serial)
		*ret_serial = serial;

	return 0;
}

int dbus_receive(struct dbus *d, struct dbus_message *ret, struct err *err)
{
	size_t len = 0;

	drop_taken(d);
	while (len == 0 || d->in.len < len) {
		if (len == 0 && d->in.len >= 16) {
			if (dbus_message_length((const uint8_t *)d->in.s, &len, err) < 0)
				return -1;
			continue;
		}
		if (read_more(d, err) < 0)
			return -1;
	}
	if (dbus_parse((const uint8_t *)d->in.s, len, ret, err) < 0)
		return -1;
	d->taken = len;

	return 0;
}
