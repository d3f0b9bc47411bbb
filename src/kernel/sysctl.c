/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/sysctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernel/procfs.h"

static bool is_bad_segment(const char *s, size_t len)
{
	return len == 0 || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

static bool has_bad_segment(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (is_bad_segment(path, len))
			return true;
		if (path[len] == '\0')
			return false;
		path += len + 1;
	}
}

int sysctl_path(const char *key, char *buf, size_t size)
{
	size_t first = strcspn(key, "./");
	bool swap = key[first] == '.';
	size_t len = strlen(key);

	if (len >= size)
		return -1;
	for (size_t i = 0; i <= len; i++) {
		char ch = key[i];

		if (swap && ch == '.')
			ch = '/';
		else if (swap && ch == '/')
			ch = '.';
		buf[i] = ch;
	}

	return has_bad_segment(buf) ? -1 : 0;
}

int sysctl_apply(int procfd, const struct oci_config *c, struct err *err)
{
	const struct json_map *m = &c->linux_.sysctl;

	for (size_t i = 0; i < m->n; i++) {
		const struct json_pair *p = &m->v[i];
		char name[sizeof("sys/") + 256] =
			"sys/"; /* longest name of the kernel: below 100 */

		if (sysctl_path(p->key, name + 4, sizeof(name) - 4) < 0)
			return config_fail(c, p->at, err,
					   "linux.sysctl: '%s' names no kernel setting", p->key);
		if (procfs_write(procfd, name, p->value, err) < 0)
			return config_wrap(c, p->at, err, "linux.sysctl '%s'", p->key);
	}

	return 0;
}
