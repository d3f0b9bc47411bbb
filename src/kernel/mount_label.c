/* SPDX-License-Identifier: Apache-2.0 */
/* linux.mountLabel (C-MASK-11): the SELinux label that all files of a new file system have
 *
 * Given as the mount option context= where the kernel takes it. proc and sysfs are labelled by the
 * policy itself; a cgroup file system and binds keep what they have, as with other runtimes; mqueue
 * gets its root labelled afterwards. An own context= among the options wins. */
#include "kernel/mount-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "kernel/lsm.h"

#define LABEL_MAX 4096 /* SELinux contexts end at a page */

static bool is_type(const struct mount_plan *p, const char *type)
{
	return p->config->type && strcmp(p->config->type, type) == 0;
}

/* One of SELinux's own options excludes ours. */
static bool has_own_context(const struct mount_plan *p)
{
	static const char *const names[] = { "context", "fscontext", "defcontext", "rootcontext" };
	const struct oci_mount_options *o = &p->config->options;

	for (size_t i = 0; i < o->n_data; i++) {
		for (size_t j = 0; j < ARRAY_LEN(names); j++) {
			if (strcmp(o->data[i].key, names[j]) == 0)
				return true;
		}
	}

	return false;
}

int mount_label_check(const struct oci_config *c, struct err *err)
{
	if (!c->linux_.mount_label || lsm_selinux_enabled())
		return 0;

	return config_fail(c, c->linux_.mount_label_at, err,
			   "linux.mountLabel: SELinux is not enabled on this host, so no mount can be "
			   "labelled; leave the label out");
}

bool mount_takes_context(const struct oci_config *c, const struct mount_plan *p)
{
	return c->linux_.mount_label && !p->is_cgroup && !is_type(p, "proc") &&
	       !is_type(p, "sysfs") && !is_type(p, "mqueue") && !has_own_context(p);
}

/* The kernel's answer may end in a NUL. */
static int verify(int fd, const char *want, struct err *err)
{
	char have[LABEL_MAX + 1];

	ssize_t n = fgetxattr(fd, "security.selinux", have, LABEL_MAX);
	if (n < 0)
		return err_sys(err, "read back the label '%s'", want);
	have[n] = '\0';
	if (strcmp(have, want) != 0)
		return err_set(err, ERR_SYSTEM, "its label reads back as '%s' instead of '%s'",
			       have, want);

	return 0;
}

int mount_label(const struct oci_config *c, const struct mount_plan *p, int mount, struct err *err)
{
	const char *label = c->linux_.mount_label;
	bool afterwards = label && is_type(p, "mqueue");

	if (!afterwards && !mount_takes_context(c, p))
		return 0;

	AUTO_FD fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open it to see its label");
	if (afterwards && fsetxattr(fd, "security.selinux", label, strlen(label) + 1, 0) < 0)
		return err_sys(err, "label it '%s'", label);

	return verify(fd, label, err);
}
