/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/path.h"

/* "-" and the hexadecimal digits. */
#define SUFFIX_LEN 7

bool bundle_is_operand(const char *operand)
{
	return strchr(operand, '/') || strcmp(operand, ".") == 0 || strcmp(operand, "..") == 0;
}

/* Last component of PATH, without slashes behind it; its length in *ret_len, 0 for "/". */
static const char *base_name(const char *path, size_t *ret_len)
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;

	*ret_len = end - start;
	return path + start;
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* The characters of store_check_id(). */
static bool is_id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_+.-", c));
}

int bundle_make_id(const char *path, char ret[STORE_ID_MAX + 1], struct err *err)
{
	AUTO_PATH real = NULL;
	unsigned char random[3];
	size_t len;
	size_t n = 0;

	const char *name = base_name(path, &len);
	if (is_dots(name, len)) {
		real = realpath(path, NULL);
		if (!real)
			return err_sys(err, "bundle '%s'", path);
		name = base_name(real, &len);
	}

	for (size_t i = 0; i < len && n < STORE_ID_MAX - SUFFIX_LEN; i++) {
		char c = is_id_char(name[i]) ? name[i] : '-';
		/* An id does not begin with these. */
		if (n > 0 || (c != '.' && c != '-'))
			ret[n++] = c;
	}
	if (n == 0)
		n = (size_t)snprintf(ret, STORE_ID_MAX, "%s", "bundle");

	if (RETRY(getrandom(random, sizeof(random), 0)) != (ssize_t)sizeof(random))
		return err_sys(err, "make an id for bundle '%s'", path);
	(void)snprintf(ret + n, SUFFIX_LEN + 1, "-%02x%02x%02x", random[0], random[1], random[2]);

	return 0;
}
