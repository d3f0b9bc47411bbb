/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

struct errno_text {
	int errnum;
	const char *text;
};

/* What err_sys() says instead of the words that engines look for (engine-contracts 3). The usual
 * paraphrase of ENOENT, "does not exist", is such a fragment too: containerd takes it for "this
 * container is gone", so a failed delete that mentioned a missing cgroup file would leak. */
static const struct errno_text own_texts[] = {
	/* clang-format off */
	{ ENOENT,  "no such entry" },
	{ EACCES,  "access denied" },
	{ EPERM,   "not permitted" },
	{ ENOTDIR, "a component of the path is no directory" },
	{ EISDIR,  "names a folder" },
	/* clang-format on */
};

/* Go's words. They are glibc's in lower case; the table makes them the same with musl. */
static const struct errno_text go_texts[] = {
	/* clang-format off */
	{ EPERM,           "operation not permitted" },
	{ ENOENT,          "no such file or directory" },
	{ ESRCH,           "no such process" },
	{ EINTR,           "interrupted system call" },
	{ EIO,             "input/output error" },
	{ ENXIO,           "no such device or address" },
	{ E2BIG,           "argument list too long" },
	{ ENOEXEC,         "exec format error" },
	{ EBADF,           "bad file descriptor" },
	{ ECHILD,          "no child processes" },
	{ EAGAIN,          "resource temporarily unavailable" },
	{ ENOMEM,          "cannot allocate memory" },
	{ EACCES,          "permission denied" },
	{ EFAULT,          "bad address" },
	{ EBUSY,           "device or resource busy" },
	{ EEXIST,          "file exists" },
	{ EXDEV,           "invalid cross-device link" },
	{ ENODEV,          "no such device" },
	{ ENOTDIR,         "not a directory" },
	{ EISDIR,          "is a directory" },
	{ EINVAL,          "invalid argument" },
	{ ENFILE,          "too many open files in system" },
	{ EMFILE,          "too many open files" },
	{ ENOTTY,          "inappropriate ioctl for device" },
	{ ETXTBSY,         "text file busy" },
	{ EFBIG,           "file too large" },
	{ ENOSPC,          "no space left on device" },
	{ ESPIPE,          "illegal seek" },
	{ EROFS,           "read-only file system" },
	{ EMLINK,          "too many links" },
	{ EPIPE,           "broken pipe" },
	{ EDOM,            "numerical argument out of domain" },
	{ ERANGE,          "numerical result out of range" },
	{ ENAMETOOLONG,    "file name too long" },
	{ ENOSYS,          "function not implemented" },
	{ ENOTEMPTY,       "directory not empty" },
	{ ELOOP,           "too many levels of symbolic links" },
	{ ENODATA,         "no data available" },
	{ EPROTO,          "protocol error" },
	{ EOVERFLOW,       "value too large for defined data type" },
	{ ELIBBAD,         "accessing a corrupted shared library" },
	{ EUSERS,          "too many users" },
	{ ENOTSOCK,        "socket operation on non-socket" },
	{ EMSGSIZE,        "message too long" },
	{ EPROTONOSUPPORT, "protocol not supported" },
	{ EOPNOTSUPP,      "operation not supported" },
	{ EADDRINUSE,      "address already in use" },
	{ ECONNRESET,      "connection reset by peer" },
	{ ETIMEDOUT,       "connection timed out" },
	{ ECONNREFUSED,    "connection refused" },
	{ ESTALE,          "stale file handle" },
	{ EDQUOT,          "disk quota exceeded" },
	{ ECANCELED,       "operation canceled" },
	{ EKEYREJECTED,    "key was rejected by service" },
	/* clang-format on */
};

static const char *lookup(const struct errno_text *texts, size_t n, int errnum)
{
	for (size_t i = 0; i < n; i++) {
		if (texts[i].errnum == errnum)
			return texts[i].text;
	}

	return NULL;
}

/* Unless it begins an acronym ("RFS specific error"). */
static void begin_lower_case(char *text)
{
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
		text[0] = (char)(text[0] - 'A' + 'a');
}

/* The C library's words. glibc's strerror() translates and musl has no strerrordesc_np(). */
static const char *libc_text(int errnum)
{
	static _Thread_local char buf[128];

#ifdef __GLIBC__
	const char *text = strerrordesc_np(errnum);
#else
	const char *text = strerror(errnum);
#endif
	if (!text)
		(void)snprintf(buf, sizeof(buf), "unknown error %d", errnum);
	else
		(void)snprintf(buf, sizeof(buf), "%s", text);

	begin_lower_case(buf);

	return buf;
}

const char *err_text_go(int errnum)
{
	const char *text = lookup(go_texts, ARRAY_LEN(go_texts), errnum);

	return text ? text : libc_text(errnum);
}

const char *err_text(int errnum)
{
	const char *text = lookup(own_texts, ARRAY_LEN(own_texts), errnum);

	return text ? text : err_text_go(errnum);
}

const char *err_text_signal(int sig)
{
	static _Thread_local char buf[64];

	(void)snprintf(buf, sizeof(buf), "%s", strsignal(sig));
	begin_lower_case(buf);

	return buf;
}

void err_make_line(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			/* U+0080 to U+009F: terminals obey these as they obey ESC sequences. */
			p[0] = '?';
			p[1] = '?';
		}
	}
}

/* Length of S[LEN] without a multi-byte character that was cut at its end. */
static size_t whole_chars(const char *s, size_t len)
{
	size_t i = len;

	while (i > 0 && len - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i == 0)
		return len;

	unsigned char lead = (unsigned char)s[i - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;

	return len - (i - 1) < need && lead >= 0xc0 ? i - 1 : len;
}

/* Formats one line without control characters into BUF[SIZE]; returns its length. */
static size_t format_line(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	/* Only an impossible conversion gets here (a wide character, for instance). */
	if (n < 0) {
		buf[0] = '\0';
		return 0;
	}

	size_t len = (size_t)n;
	if (len >= size)
		len = whole_chars(buf, size - 1);
	buf[len] = '\0';
	err_make_line(buf);

	return len;
}

/* Appends TEXT[LEN] to the message, as much of it as fits. */
static void append(struct err *e, const char *text, size_t len)
{
	size_t room = sizeof(e->msg) - 1 - e->len;

	if (len > room)
		len = whole_chars(text, room);
	memcpy(e->msg + e->len, text, len);
	e->len = (uint16_t)(e->len + len);
	e->msg[e->len] = '\0';
}

static void set(struct err *e, enum err_kind kind, int sys, const char *text, size_t len)
{
	e->kind = (uint16_t)kind;
	e->sys = sys;
	e->len = 0;
	append(e, text, len);
}

/* The texts are made in a buffer of their own because an argument may point into e->msg. All of
 * these keep errno: callers still look at it after they have described it. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	char line[sizeof(e->msg)];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	size_t len = format_line(line, sizeof(line), fmt, ap);
	va_end(ap);
	set(e, kind, 0, line, len);

	errno = saved;
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	char line[sizeof(e->msg)];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	size_t len = format_line(line, sizeof(line), fmt, ap);
	va_end(ap);

	const char *reason = err_text(saved);
	size_t reason_len = strlen(reason);

	/* The reason is worth more than the end of an endless name. */
	if (len > sizeof(line) - 1 - 2 - reason_len)
		len = whole_chars(line, sizeof(line) - 1 - 2 - reason_len);
	set(e, ERR_SYSTEM, saved, line, len);
	append(e, ": ", 2);
	append(e, reason, reason_len);

	errno = saved;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char line[sizeof(e->msg)];
	char old[sizeof(e->msg)];
	int saved = errno;
	size_t old_len = e->len;
	va_list ap;

	va_start(ap, fmt);
	size_t len = format_line(line, sizeof(line), fmt, ap);
	va_end(ap);

	memcpy(old, e->msg, old_len);
	e->len = 0;
	append(e, line, len);
	append(e, ": ", 2);
	append(e, old, old_len);

	errno = saved;
	return -1;
}

int err_add(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	char line[sizeof(e->msg)];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	size_t len = format_line(line, sizeof(line), fmt, ap);
	va_end(ap);

	if (e->kind == ERR_NONE) {
		set(e, kind, 0, line, len);
	} else if (e->len + 1U < sizeof(e->msg) - 1) {
		append(e, "\n", 1);
		append(e, line, len);
	}

	errno = saved;
	return -1;
}

void assert_failed(const char *expr, const char *file, int line)
{
	char buf[512];
	int n = snprintf(buf, sizeof(buf), "bug: '%s' does not hold at %s:%d\n", expr, file, line);

	if (n > 0) {
		size_t len = (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1;

		/* Nothing can be done about a failure here: the program ends anyway. */
		if (write(STDERR_FILENO, buf, len) < 0)
			abort();
	}
	abort();
}
