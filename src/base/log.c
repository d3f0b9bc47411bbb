/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

static struct {
	int fd; /* of the file, -1: stderr */
	enum log_format format;
	enum log_level level;
} sink = {
	.fd = -1,
	.format = LOG_FORMAT_TEXT,
	.level = LOG_LEVEL_WARNING,
};

int log_open(const struct log_options *o, struct err *err)
{
	fd_close(&sink.fd);
	/* Beside a file stderr is always plain, also when the file turns out to be unusable. */
	sink.format = o->file ? LOG_FORMAT_TEXT : o->format;
	sink.level = LOG_LEVEL_WARNING;
	if (o->level_set)
		sink.level = o->level;
	else if (o->file)
		sink.level = LOG_LEVEL_ERROR;
	if (!o->file)
		return 0;

	/* S-46: the place may be one that others can write to. */
	sink.fd =
		open(o->file,
		     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		     0644);
	if (sink.fd < 0)
		return err_sys(err, "open log '%s'", o->file);
	sink.format = o->format;

	return 0;
}

int log_fd(void)
{
	return sink.fd;
}

bool log_debug_enabled(void)
{
	return sink.level >= LOG_LEVEL_DEBUG;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_DEBUG:
		break;
	}

	return "debug";
}

static void add_json(struct str *b, enum log_level level, const char *msg)
{
	str_addf(b, "{\"level\":\"%s\",\"msg\":", level_name(level));
	str_add_json(b, msg);
	str_add(b, ",\"time\":\"");
	str_add_now(b);
	str_add(b, "\"}\n");
}

/* For readers, not for programs, but a message must not be able to fake another field or record;
 * JSON's quoting does that. */
static void add_text(struct str *b, enum log_level level, const char *msg)
{
	str_add(b, "time=\"");
	str_add_now(b);
	str_addf(b, "\" level=%s msg=", level_name(level));
	str_add_json(b, msg);
	str_add(b, "\n");
}

static void add_plain(struct str *b, enum log_level level, const char *msg)
{
	if (level != LOG_LEVEL_ERROR)
		str_addf(b, "%s: ", level_name(level));
	str_add(b, msg);
	str_add(b, "\n");
}

/* Writes the record in one go. There is no place to report a failure to. */
static void emit(int fd, const struct str *b, const char *msg)
{
	const char *text = str_text(b);
	size_t len = b->len;

	/* Out of memory: the bare message is better than nothing. */
	if (!text) {
		text = msg;
		len = strlen(msg);
	}
	while (write(fd, text, len) < 0 && errno == EINTR)
		;
}

static void record(enum log_level level, const char *msg)
{
	AUTO_STR b = STR_INIT;

	if (sink.format == LOG_FORMAT_JSON)
		add_json(&b, level, msg);
	else if (sink.fd >= 0 || level == LOG_LEVEL_DEBUG)
		add_text(&b, level, msg);
	else
		add_plain(&b, level, msg);
	emit(sink.fd >= 0 ? sink.fd : STDERR_FILENO, &b, msg);
}

void log_error(const struct err *e)
{
	int saved = errno;

	record(LOG_LEVEL_ERROR, e->msg);
	if (sink.fd >= 0) {
		AUTO_STR b = STR_INIT;

		/* Engines read stderr, not the file (engine-contracts 2). */
		add_plain(&b, LOG_LEVEL_ERROR, e->msg);
		emit(STDERR_FILENO, &b, e->msg);
	}
	errno = saved;
}

static void recordv(enum log_level level, const char *fmt, va_list ap)
{
	AUTO_STR msg = STR_INIT;
	int saved = errno;

	str_addv(&msg, fmt, ap);
	if (!msg.failed) {
		err_make_line(msg.s);
		record(level, msg.s);
	}
	errno = saved;
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	if (sink.level < LOG_LEVEL_WARNING)
		return;

	va_start(ap, fmt);
	recordv(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_debug_enabled())
		return;

	va_start(ap, fmt);
	recordv(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
