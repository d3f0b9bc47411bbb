/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/passwd.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

/* A uid has at most ten digits. */
#define UID_DIGITS 10

const char *passwd_load(struct arena *a)
{
	struct err ignored = ERR_INIT;
	char *text;
	size_t len;

	/* Only a name is missing then; the number is shown instead. */
	if (file_read_at(AT_FDCWD, "/etc/passwd", PASSWD_MAX_BYTES, a, &text, &len, &ignored) < 0)
		return "";

	return text;
}

/* The line is name:password:uid:…; LINE ends at a newline or NUL. */
static bool has_uid(const char *line, size_t name_len, uid_t uid)
{
	const char *p = line + name_len + 1;
	char digits[UID_DIGITS + 1];
	uint32_t value;

	p += strcspn(p, ":\n");
	if (*p != ':')
		return false;
	p++;

	size_t len = strcspn(p, ":\n");
	if (p[len] != ':' || len > UID_DIGITS)
		return false;
	memcpy(digits, p, len);
	digits[len] = '\0';

	return parse_u32(digits, &value) == 0 && value == uid;
}

const char *passwd_name(const char *text, uid_t uid, struct arena *a)
{
	for (const char *line = text; *line;) {
		size_t name_len = strcspn(line, ":\n");

		if (name_len > 0 && line[name_len] == ':' && has_uid(line, name_len, uid)) {
			char *name = arena_strndup(a, line, name_len);
			if (name)
				err_make_line(name);
			return name;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}

	return arena_printf(a, "#%u", uid);
}
