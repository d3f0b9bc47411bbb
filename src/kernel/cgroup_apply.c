/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's settings into the files of the cgroup, its device program, its owner. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel/cgroup-internal.h"
#include "oci/bitlist.h"

/* What the kernel takes, for the message after EINVAL and ERANGE. */
static const struct allowed {
	const char *file, *text;
} allowed[] = {
	/* clang-format off */
	{ "memory.max",      "bytes, or -1 for no limit" },
	{ "memory.low",      "bytes, or -1 for no limit" },
	{ "memory.swap.max", "bytes, or -1 for no limit" },
	{ "pids.max",        "0 to 4194304, or -1 for no limit" },
	{ "cpu.weight",      "shares from 2 to 262144, and not with cpu.idle 1" },
	{ "cpu.max",         "a quota from 1000 and not below the burst, a period from 1000 to 1000000" },
	{ "cpu.max.burst",   "microseconds up to the quota" },
	{ "cpu.idle",        "0, 1" },
	{ "cpuset.cpus",     "a list such as 0-3,7 of processors that this machine has" },
	{ "cpuset.mems",     "a list such as 0-1 of memory nodes that this machine has" },
	{ "io.bfq.weight",   "10 to 1000" },
	{ "io.weight",       "10 to 1000" },
	/* clang-format on */
};

static const char *allowed_for(const char *file)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (strcmp(allowed[i].file, file) == 0)
			return allowed[i].text;
	}

	return NULL;
}

/* The text for what the kernel said, err->sys. */
static void explain(const struct cgroup_setting *s, struct err *err)
{
	const char *text = allowed_for(s->file);

	errno = err->sys;
	if (err->sys == ENOENT && s->or_file)
		(void)err_sys(err,
			      "the cgroup has neither '%s' nor '%s', this kernel offers no "
			      "such weights",
			      s->file, s->or_file);
	else if (err->sys == ENOENT)
		(void)err_sys(err, "the cgroup has no file '%s', this kernel does not offer it",
			      s->file);
	else if (err->sys == ENODEV)
		(void)err_sys(err,
			      "write '%s' to '%s' (the kernel knows no such device, or not as "
			      "a whole disk)",
			      s->value, s->file);
	else if (text && (err->sys == EINVAL || err->sys == ERANGE))
		(void)err_sys(err, "write '%s' to '%s' (allowed: %s)", s->value, s->file, text);
}

/* The kernel counts memory in pages and rounds down (C-MEM-13); beyond what it can count is "max".
 */
static bool reads_back(const char *file, uint64_t wanted, const char *text)
{
	uint64_t got;
	uint64_t unit = strcmp(file, "memory.max") == 0 ? (uint64_t)sysconf(_SC_PAGESIZE) : 1;

	if (parse_u64(text, &got) < 0)
		return strcmp(text, "max") == 0 && wanted / unit >= (uint64_t)INT64_MAX / unit;

	return got == wanted / unit * unit;
}

/* Where a cgroup above has none of the processors or nodes that are asked for, the kernel takes the
 * setting, uses all that the one above has, and says nothing. */
static int verify_cpuset(const struct cgroup *cg, const struct cgroup_setting *s, struct err *err)
{
	char name[sizeof("cpuset.cpus.effective")], text[4096];
	struct bitlist wanted, is;
	size_t at;

	(void)snprintf(name, sizeof(name), "%s.effective", s->file);
	if (file_read_small_at(cg->fd, name, text, sizeof(text)) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read '%s'", name);
	text[strcspn(text, "\n")] = '\0';
	if (bitlist_parse(s->value, &wanted, &at) || bitlist_parse(text, &is, &at) ||
	    bitlist_first_missing(&is, &wanted) < 0)
		return 0;
	return err_set(err, ERR_SYSTEM,
		       "'%s' in '%s' has no effect: the cgroup above '%s' offers '%s' only", s->value,
		       s->file, cg->path, text);
}

static bool is_cpuset(const struct cgroup_setting *s)
{
	return *s->value &&
	       (strcmp(s->file, "cpuset.cpus") == 0 || strcmp(s->file, "cpuset.mems") == 0);
}

/* I-10: the limits that protect the machine are read back. */
static int verify(const struct cgroup *cg, const struct cgroup_setting *s, struct err *err)
{
	char text[64];
	uint64_t wanted;

	if (is_cpuset(s))
		return verify_cpuset(cg, s, err);
	if ((strcmp(s->file, "memory.max") != 0 && strcmp(s->file, "pids.max") != 0) ||
	    parse_u64(s->value, &wanted) < 0)
		return 0;
	if (file_read_small_at(cg->fd, s->file, text, sizeof(text)) < 0)
		return err_sys(err, "read '%s' back", s->file);

	text[strcspn(text, "\n")] = '\0';
	if (!reads_back(s->file, wanted, text))
		return err_set(err, ERR_SYSTEM, "wrote '%s' to '%s', but it says '%s'", s->value,
			       s->file, text);

	return 0;
}

/* C-MEM-12: a kernel that does not account swap has no limit on it, and none to lift. */
static bool is_dispensable(const struct cgroup_setting *s)
{
	return s->optional || s->dispensable ||
	       (strcmp(s->file, "memory.swap.max") == 0 && strcmp(s->value, "0") == 0);
}

int cgroup_write_setting(const struct cgroup *cg, const struct cgroup_plan *p,
			 const struct cgroup_setting *s, struct err *err)
{
	int rc = file_write_at(cg->fd, s->file, s->value, err);

	/* C-IO-01 */
	if (rc < 0 && err->sys == ENOENT && s->or_file)
		rc = file_write_at(cg->fd, s->or_file, s->or_value, err);
	if (rc < 0 && err->sys == ENOENT && is_dispensable(s)) {
		log_debug("cgroup '%s': no '%s', which stays as it is", cg->path, s->file);
		*err = (struct err)ERR_INIT;
		return 0;
	}
	if (rc < 0)
		explain(s, err);
	else
		rc = verify(cg, s, err);

	return rc < 0 ? config_wrap(p->config, s->at, err, "%s", s->field) : 0;
}

static int apply_setting(const struct cgroup *cg, const struct cgroup_plan *p,
			 const struct cgroup_setting *s, struct err *err)
{
	/* A new cgroup has the kernel's defaults. */
	if (s->optional && !s->shows && cg->created)
		return 0;

	return cgroup_write_setting(cg, p, s, err);
}

/* ---- owner ---------------------------------------------------------------------------------- */

/* C-CGP-09: for kernels that do not list them. */
static const char delegate_fallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

static int chown_file(const struct cgroup *cg, const char *name, uid_t uid, struct err *err)
{
	if (fchownat(cg->fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(err, "give '%s' of cgroup '%s' to uid %u", name, cg->path, uid);

	return 0;
}

static int chown_all(const struct cgroup *cg, uid_t uid, struct err *err)
{
	char text[4096];

	if (file_read_small_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", text, sizeof(text)) < 0)
		memcpy(text, delegate_fallback, sizeof(delegate_fallback));

	if (fchown(cg->fd, uid, (gid_t)-1) < 0)
		return err_sys(err, "give cgroup '%s' to uid %u", cg->path, uid);

	for (char *name = text; *name;) {
		size_t len = strcspn(name, "\n");
		bool more = name[len] == '\n';

		name[len] = '\0';
		if (path_is_component(name) && chown_file(cg, name, uid, err) < 0)
			return -1;
		name += len + more;
	}

	return 0;
}

/* The spec says SHOULD; a user who may not give files away goes on without. */
static int apply_owner(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err)
{
	if (!p->chown || chown_all(cg, p->owner_uid, err) == 0)
		return 0;
	if (!cgroup_is_forbidden(err->sys))
		return -1;

	log_debug("%s", err->msg);
	*err = (struct err)ERR_INIT;
	return 0;
}

/* ---- devices -------------------------------------------------------------------------------- */

static int apply_devices(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err)
{
	const struct oci_resources *r = &p->config->linux_.resources;

	if (devfilter_attach(&p->devices, cg->fd, err) == 0)
		return 0;
	/* C-CGD-08 */
	if (!devfilter_is_enforceable()) {
		log_debug("no device filter: %s", err->msg);
		*err = (struct err)ERR_INIT;
		return 0;
	}
	if (r->n_devices > 0)
		return config_wrap(p->config, r->devices[0].at, err, "linux.resources.devices");

	return -1;
}

/* C-CPU-09: the burst that a pre-existing cgroup has can be above a new quota, which the kernel
 * then refuses. Where the plan has a burst of its own, the old one goes first. */
static int drop_old_burst(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; !cg->created && i < p->n_settings; i++) {
		if (strcmp(p->settings[i].file, "cpu.max.burst") != 0)
			continue;
		if (file_write_at(cg->fd, "cpu.max.burst", "0", err) < 0 && err->sys != ENOENT)
			return -1;
	}

	return 0;
}

int cgroup_apply(const struct cgroup *cg, const struct cgroup_plan *p, struct err *err)
{
	if (cg->fd < 0)
		return 0;

	if (drop_old_burst(cg, p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_settings; i++) {
		if (apply_setting(cg, p, &p->settings[i], err) < 0)
			return -1;
	}
	if (apply_devices(cg, p, err) < 0)
		return -1;

	return apply_owner(cg, p, err);
}
