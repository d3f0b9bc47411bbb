/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/sysctl.h"

#include <string.h>

#include "kernel/procfs.h"
#include "oci/sysctl_key.h"

#define PREFIX "sys/"

int sysctl_check(const struct oci_config *c, const bool own[OCI_NS_COUNT], struct err *err)
{
	const struct json_map *m = &c->linux_.sysctl;
	char path[SYSCTL_KEY_MAX];
	enum oci_ns ns;

	for (size_t i = 0; i < m->n; i++) {
		if (sysctl_key_path(m->v[i].key, path, sizeof(path)) == 0 &&
		    sysctl_key_owner(path, &ns) && own[ns])
			return config_fail(
				c, m->v[i].at, err,
				"linux.sysctl: '%s' would change the host: the %s namespace that is joined is "
				"the runtime's own",
				m->v[i].key, names_of(oci_namespaces, ns));
	}
	return 0;
}

int sysctl_apply(int procfd, const struct oci_config *c, struct err *err)
{
	const struct json_map *m = &c->linux_.sysctl;

	for (size_t i = 0; i < m->n; i++) {
		const struct json_pair *p = &m->v[i];
		char name[sizeof(PREFIX) + SYSCTL_KEY_MAX] = PREFIX;

		if (sysctl_key_path(p->key, name + strlen(PREFIX), SYSCTL_KEY_MAX) < 0)
			return config_fail(c, p->at, err,
					   "linux.sysctl: '%s' names no kernel setting", p->key);
		if (procfs_write(procfd, name, p->value, err) < 0)
			return config_wrap(c, p->at, err, "linux.sysctl '%s'", p->key);
	}

	return 0;
}
