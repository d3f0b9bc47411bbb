/* SPDX-License-Identifier: Apache-2.0 */
/* Id-mapped mounts: files of the source are shown with other owners, nothing on the disk changes
 *
 * mount_setattr(MOUNT_ATTR_IDMAP), kernel 5.12, takes the maps from a user namespace, works only
 * before a mount was visible, and asks for CAP_SYS_ADMIN in the namespace that owns the file
 * system. So binds are mapped by the parent, and new file systems by the child when it is in the
 * parent's user namespace; in another one the file system would belong to the container, whose ids
 * are right without any map.
 *
 * Mappings of the mount itself go into a namespace of their own (kernel/idmap.h). "The container's"
 * (C-MOUNT-32) are the namespace that it joins; one that is still to be made is represented by a
 * namespace with the same maps, which is the same to the kernel and lets everything fail before the
 * clone. Not read back: the kernel has no answer between "mapped" and an error. */
#include "kernel/mount-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/statfs.h>

#include "base/sys.h"
#include "kernel/idmap.h"

int mount_plan_maps(const struct mount_request *r, struct mount_plan *p, struct err *err)
{
	const struct oci_config *c = r->config;
	const struct oci_mount *m = p->config;
	struct idmap_pair pair = { m->uid_map, m->gid_map, m->n_uid_map, m->n_gid_map };

	if (!config_mount_is_mapped(m))
		return 0;

	if (pair.n_uid == 0 && pair.n_gid == 0 && config_ns_join(c, OCI_NS_USER)) {
		if (r->user_ns < 0)
			return err_set(err, ERR_CONFIG,
				       "it has no mappings, and the user namespace of the container "
				       "is the caller's, which maps nothing");
		p->maps = r->user_ns;
		return 0;
	}
	if (pair.n_uid == 0 && pair.n_gid == 0)
		pair = (struct idmap_pair){ c->linux_.uid_map, c->linux_.gid_map,
					    c->linux_.n_uid_map, c->linux_.n_gid_map };
	if (pair.n_uid == 0 || pair.n_gid == 0)
		return err_set(err, ERR_CONFIG, "an id-mapped mount needs mappings for both");
	if (idmap_ns_get(r->maps, &pair, r->procfd, r->arena, &p->maps, err) == 0)
		return 0;
	if (err->sys == EPERM)
		return err_wrap(err, "id-mapped mounts need CAP_SYS_ADMIN and CAP_SETUID on the host");

	return err_wrap(err, "maps of the mount");
}

#define TYPE_NAME_MAX 32

/* Name of the file system that FD is on, for those that people try; else its number (statfs(2)). */
static const char *type_name(int fd, char buf[TYPE_NAME_MAX])
{
	/* clang-format off */
	static const struct {
		unsigned long magic;
		const char *name;
	} types[] = {
		{ OVERLAYFS_SUPER_MAGIC, "overlay"   },
		{ NFS_SUPER_MAGIC,       "nfs"       },
		{ 0x65735546,            "fuse"      },
		{ V9FS_MAGIC,            "9p"        },
		{ 0x00c0ffee,            "hostfs"    },
		{ 0xff534d42,            "cifs"      },
		{ 0xfe534d42,            "smb2"      },
		{ CEPH_SUPER_MAGIC,      "ceph"      },
		{ 0x2fc12fc1,            "zfs"       },
		{ TMPFS_MAGIC,           "tmpfs"     },
		{ RAMFS_MAGIC,           "ramfs"     },
		{ SQUASHFS_MAGIC,        "squashfs"  },
		{ PROC_SUPER_MAGIC,      "proc"      },
		{ SYSFS_MAGIC,           "sysfs"     },
		{ CGROUP2_SUPER_MAGIC,   "cgroup2"   },
		{ DEVPTS_SUPER_MAGIC,    "devpts"    },
		{ NSFS_MAGIC,            "nsfs"      },
	};
	/* clang-format on */
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return "?";
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if ((unsigned long)fs.f_type == types[i].magic)
			return types[i].name;
	}

	(void)snprintf(buf, TYPE_NAME_MAX, "%#lx", (unsigned long)fs.f_type);
	return buf;
}

int mount_map(const struct mount_plan *p, int mount, struct err *err)
{
	char buf[TYPE_NAME_MAX];
	bool all = p->config->options.ridmap; /* C-MOUNT-36 */
	unsigned flags = AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0);

	if (p->maps < 0)
		return 0;

	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (unsigned)p->maps,
	};
	if (sys_mount_setattr(mount, "", flags, &attr) == 0)
		return 0;
	int reason = errno;
	const char *type = p->is_bind ? type_name(mount, buf) : p->config->type;
	errno = reason;
	if (errno == EINVAL)
		return err_sys(err,
			       "the file system (type '%s')%s cannot be id-mapped by this kernel",
			       type, all ? " or one mounted below it" : "");
	if (errno == EPERM)
		return err_sys(err,
			       "map the ids: the source is id-mapped already, or its file system "
			       "(type '%s') belongs to a user namespace that is not the caller's",
			       type);
	if (errno == ENOSYS)
		return err_sys(err, "map the ids (needs mount_setattr, kernel 5.12)");

	return err_sys(err, "map the ids");
}
