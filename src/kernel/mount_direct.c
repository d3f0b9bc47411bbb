/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, the short way: one mount(2) for the file systems that every container has
 *
 * fsopen, fsconfig, fsmount and move_mount are eight calls where mount(2) is one, and what they are
 * there for (attributes before the mount is visible, a file system that is filled or mapped first,
 * layers, the kernel's own words about a failure) is not wanted by /proc, /dev, /dev/pts, /dev/shm
 * and /dev/mqueue. The target is a descriptor here too: its link in /proc, which still is the
 * host's, leads to the very directory (I-01, I-02). Whatever fails is done again the long way, which
 * can say why. Not for read-only mounts: mount(2) makes the superblock read-only as well, and that
 * of a sysfs or mqueue belongs to a namespace that other containers are in. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/sys.h"
#include "kernel/mount-internal.h"

static const struct {
	uint64_t attr;
	unsigned long flag;
} flags[] = {
	{ MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
};

/* False for attributes that are none of the above. */
static bool flags_of(uint64_t attrs, unsigned long *ret)
{
	*ret = 0;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (attrs & flags[i].attr)
			*ret |= flags[i].flag;
		attrs &= ~flags[i].attr;
	}

	return attrs == 0;
}

/* mount(2) cuts its data at the end of a page, without a word. */
#define DATA_MAX 255

static bool is_plain(const char *s)
{
	return !strpbrk(s, ",\\\"");
}

/* "mode=755,size=64k"; false for what is too long, or a comma or quotes would break. */
static bool data_of(const struct mount_plan *p, const struct stat *target, struct str *out)
{
	const struct oci_mount_options *o = &p->config->options;

	if (mount_takes_mode_of_target(p))
		str_addf(out, ",mode=%o", (unsigned)(target->st_mode & 07777));
	for (size_t i = 0; i < o->n_data; i++) {
		const struct json_pair *d = &o->data[i];

		if (!is_plain(d->key) || (d->value && !is_plain(d->value)))
			return false;
		str_addf(out, ",%s%s%s", d->key, d->value ? "=" : "", d->value ? d->value : "");
	}

	return out->len == 0 || (out->len <= DATA_MAX && str_text(out));
}

static bool wants_more(const struct oci_config *c, const struct mount_plan *p)
{
	static const char *const types[] = { "proc", "tmpfs", "devpts", "mqueue" };
	const struct oci_mount_options *o = &p->config->options;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known = known || strcmp(p->config->type, types[i]) == 0;

	return !known || p->finish_read_only || p->maps >= 0 || o->tmpcopyup ||
	       o->n_sb_flags > 0 || o->n_propagation > 0 || c->linux_.mount_label;
}

bool mount_directly(const struct oci_config *c, const struct mount_plan *p, int targetfd,
		    const struct stat *target)
{
	const char *source = p->config->source ? p->config->source : p->config->type;
	char link[sizeof("/proc/self/fd/") + 10];
	AUTO_STR data = STR_INIT;
	unsigned long ms;

	if (wants_more(c, p) || !flags_of(mount_fresh_attrs(p), &ms) ||
	    !data_of(p, target, &data))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", targetfd);

	return sys_mount(source, link, p->config->type, ms, data.len ? data.s + 1 : NULL) == 0;
}
