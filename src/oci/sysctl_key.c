/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sysctl_key.h"

#include <string.h>

#include "base/str.h"

int sysctl_key_path(const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);
	bool dotted = key[strcspn(key, "./")] == '.';

	if (len == 0 || len >= size)
		return -1;
	for (size_t i = 0; i <= len; i++) {
		char c = key[i];
		if (c && (c < ' ' || c > '~'))
			return -1;
		buf[i] = !dotted ? c : c == '.' ? '/' : c == '/' ? '.' : c;
	}
	for (const char *p = buf;;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && *p == '.') || (n == 2 && strncmp(p, "..", 2) == 0))
			return -1;
		if (!p[n])
			return 0;
		p += n + 1;
	}
}

/* clang-format off */
/* A name that ends in '/' is a prefix. */
static const struct name_value owners[] = {
	{ "net/",                       OCI_NS_NETWORK },
	{ "fs/mqueue/",                 OCI_NS_IPC },
	{ "kernel/msgmax",              OCI_NS_IPC },
	{ "kernel/msgmnb",              OCI_NS_IPC },
	{ "kernel/msgmni",              OCI_NS_IPC },
	{ "kernel/sem",                 OCI_NS_IPC },
	{ "kernel/shmall",              OCI_NS_IPC },
	{ "kernel/shmmax",              OCI_NS_IPC },
	{ "kernel/shmmni",              OCI_NS_IPC },
	{ "kernel/shm_rmid_forced",     OCI_NS_IPC },
	{ "kernel/domainname",          OCI_NS_UTS },
	{ "user/",                      OCI_NS_USER },
	{ NULL,                         0 },
};
/* clang-format on */

bool sysctl_key_owner(const char *path, enum oci_ns *ret)
{
	for (const struct name_value *row = owners; row->name; row++) {
		size_t n = strlen(row->name);
		if (row->name[n - 1] == '/' ? str_starts(path, row->name) && path[n]
					    : strcmp(path, row->name) == 0) {
			*ret = (enum oci_ns)row->value;
			return true;
		}
	}
	return false;
}
