/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/template.h"

#include <string.h>

#include "base/json_write.h"

/* ociVersion is 1.0.2: nothing in the document is younger, so every runtime takes it. */
#define TEMPLATE_VERSION "1.0.2"

static const char *const path_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=xterm",
	NULL,
};

static const char *const caps[] = {
	"CAP_AUDIT_WRITE",
	"CAP_KILL",
	"CAP_NET_BIND_SERVICE",
	NULL,
};

/* The lists of docker (S-03): each of these tells or lets change something of the host. */
static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts", /* timing of the keyboard and of other users */
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap", /* CVE-2020-8694: energy counters leak keys */
	"/sys/firmware",
	NULL,
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

struct mount_row {
	const char *destination, *type, *source;
	const char *options[7];
};

/* clang-format off */
static const struct mount_row mounts[] = {
	{ "/proc", "proc", "proc", { NULL } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k", NULL } },
	{ "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k", NULL } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev", NULL } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro", NULL } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro", NULL } },
};

/* The group 5 (tty) is not mapped, and sysfs belongs to the host's network namespace (C-MOUNT-42,
 * C-MOUNT-43). */
static const struct mount_row rootless_pts = { "/dev/pts", "devpts", "devpts",
	{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", NULL } };
static const struct mount_row rootless_sys = { "/sys", "none", "/sys",
	{ "rbind", "nosuid", "noexec", "nodev", "ro", NULL } };
/* clang-format on */

static void put_mount(struct json_writer *w, const struct mount_row *m)
{
	json_open(w, NULL, '{');
	json_put_string(w, "destination", m->destination);
	json_put_string(w, "type", m->type);
	json_put_string(w, "source", m->source);
	if (m->options[0])
		json_put_strings(w, "options", m->options);
	json_close(w, '}');
}

static void put_mounts(struct json_writer *w, bool rootless)
{
	json_open(w, "mounts", '[');
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		const struct mount_row *m = &mounts[i];

		if (rootless && strcmp(m->destination, "/dev/pts") == 0)
			m = &rootless_pts;
		else if (rootless && strcmp(m->destination, "/sys") == 0)
			m = &rootless_sys;
		put_mount(w, m);
	}
	json_close(w, ']');
}

static void put_process(struct json_writer *w)
{
	static const char *const args[] = { "sh", NULL };
	/* Not inheritable and not ambient: the program is root, which has what is permitted. */
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	json_open(w, "process", '{');
	json_put_bool(w, "terminal", true);
	json_open(w, "user", '{');
	json_put_int(w, "uid", 0);
	json_put_int(w, "gid", 0);
	json_close(w, '}');
	json_put_strings(w, "args", args);
	json_put_strings(w, "env", path_env);
	json_put_string(w, "cwd", "/");
	json_open(w, "capabilities", '{');
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		json_put_strings(w, sets[i], caps);
	json_close(w, '}');
	json_open(w, "rlimits", '[');
	json_open(w, NULL, '{');
	json_put_string(w, "type", "RLIMIT_NOFILE");
	json_put_int(w, "hard", 1024);
	json_put_int(w, "soft", 1024);
	json_close(w, '}');
	json_close(w, ']');
	json_put_bool(w, "noNewPrivileges", true);
	json_close(w, '}');
}

static void put_id_map(struct json_writer *w, const char *key, int64_t id)
{
	json_open(w, key, '[');
	json_open(w, NULL, '{');
	json_put_int(w, "containerID", 0);
	json_put_int(w, "hostID", id);
	json_put_int(w, "size", 1);
	json_close(w, '}');
	json_close(w, ']');
}

static void put_namespaces(struct json_writer *w, bool rootless)
{
	static const char *const full[] = {
		"pid", "network", "ipc", "uts", "mount", "cgroup", NULL
	};
	static const char *const less[] = { "pid", "ipc", "uts", "mount", "cgroup", "user", NULL };
	const char *const *types = rootless ? less : full;

	json_open(w, "namespaces", '[');
	for (size_t i = 0; types[i]; i++) {
		json_open(w, NULL, '{');
		json_put_string(w, "type", types[i]);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void put_resources(struct json_writer *w)
{
	json_open(w, "resources", '{');
	json_open(w, "devices", '[');
	json_open(w, NULL, '{');
	json_put_bool(w, "allow", false);
	json_put_string(w, "access", "rwm");
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
}

void template_print(struct str *out, bool rootless, uid_t uid, gid_t gid)
{
	struct json_writer w = { .out = out, .indent = 2 };

	json_open(&w, NULL, '{');
	json_put_string(&w, "ociVersion", TEMPLATE_VERSION);
	put_process(&w);
	json_open(&w, "root", '{');
	json_put_string(&w, "path", "rootfs");
	json_put_bool(&w, "readonly", true);
	json_close(&w, '}');
	json_put_string(&w, "hostname", "cruntime");
	put_mounts(&w, rootless);
	json_open(&w, "linux", '{');
	if (rootless) {
		put_id_map(&w, "uidMappings", uid);
		put_id_map(&w, "gidMappings", gid);
	} else {
		put_resources(&w);
	}
	put_namespaces(&w, rootless);
	json_put_strings(&w, "maskedPaths", masked_paths);
	json_put_strings(&w, "readonlyPaths", readonly_paths);
	json_close(&w, '}');
	json_close(&w, '}');
	str_add(out, "\n");
}
