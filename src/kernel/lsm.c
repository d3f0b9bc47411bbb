/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "kernel/procfs.h"

#define APPARMOR_ENABLED  "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"
#define SELINUX_MOUNT     "/sys/fs/selinux"

/* ---- what this kernel has ----------------------------------------------------------------------
 */

bool lsm_selinux_enabled(void)
{
	struct statfs fs;

	return statfs(SELINUX_MOUNT, &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

bool lsm_apparmor_enabled(void)
{
	char answer[4];

	return file_read_small_at(AT_FDCWD, APPARMOR_ENABLED, answer, sizeof(answer)) > 0 &&
	       answer[0] == 'Y';
}

/* A name of the list that the kernel gives, and not an expression: ":namespace:name", "a//&b". */
static bool is_plain_profile(const char *name)
{
	return *name != ':' && *name != '&' && !strstr(name, "//&") &&
	       strcmp(name, "unconfined") != 0;
}

enum found {
	FOUND,
	NOT_FOUND,
	CANNOT_TELL
};

/* The list has "NAME (MODE)" per line; NAME may contain blanks and parentheses. */
static enum found find_profile(int fd, const char *name)
{
	size_t len = strlen(name), have = 0;
	char buf[8192];
	ssize_t n;

	while ((n = RETRY(read(fd, buf + have, sizeof(buf) - 1 - have))) > 0) {
		char *line = buf, *end;
		have += (size_t)n;
		buf[have] = '\0';
		while ((end = memchr(line, '\n', have - (size_t)(line - buf)))) {
			*end = '\0';
			const char *mode = strrchr(line, '(');
			if (mode && (size_t)(mode - line) == len + 1 && line[len] == ' ' &&
			    memcmp(line, name, len) == 0)
				return FOUND;
			line = end + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		if (have == sizeof(buf) - 1)
			return CANNOT_TELL; /* a line that long has a name that is not ours to judge
					     */
	}
	return n == 0 ? NOT_FOUND : CANNOT_TELL;
}

/* Needs securityfs, and the right to see the policy. */
static enum found profile_is_loaded(const char *name)
{
	AUTO_FD fd = open(APPARMOR_PROFILES, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? CANNOT_TELL : find_profile(fd, name);
}

int lsm_check(const struct oci_config *c, const struct oci_process *p, struct err *err)
{
	if (p->apparmor_profile && !lsm_apparmor_enabled())
		return config_fail(c, p->apparmor_at, err,
				   "process.apparmorProfile: this kernel has no AppArmor, "
				   "profile '%s' cannot be in force",
				   p->apparmor_profile);
	if (p->selinux_label && !lsm_selinux_enabled())
		return config_fail(c, p->selinux_at, err,
				   "process.selinuxLabel: this kernel has no SELinux (nothing is "
				   "mounted on " SELINUX_MOUNT "), label '%s' cannot be in force",
				   p->selinux_label);
	if (p->apparmor_profile && is_plain_profile(p->apparmor_profile) &&
	    profile_is_loaded(p->apparmor_profile) == NOT_FOUND)
		return config_fail(c, p->apparmor_at, err,
				   "process.apparmorProfile: profile '%s' is not loaded, load it "
				   "with apparmor_parser",
				   p->apparmor_profile);
	return 0;
}

/* ---- attributes of this process ----------------------------------------------------------------
 */

/* Opens the first of two names that exists; the second may be NULL. */
static int open_attr(int procfd, const char *const names[2], const char **ret_name, int *ret_fd,
		     struct err *err)
{
	*ret_name = names[0];
	if (procfs_open_file(procfd, names[0], O_RDWR, ret_fd, err) == 0)
		return 0;
	if (err->sys == ENOENT && names[1]) {
		*ret_name = names[1];
		if (procfs_open_file(procfd, names[1], O_RDWR, ret_fd, err) == 0)
			return 0;
	}
	errno = err->sys;
	return err_sys(err, "open `/proc/%s`", *ret_name);
}

/* One write(2) of VALUE, which the kernel parses as a whole, then a read into BUF without the NUL
 * or newline that the kernel puts behind it. */
static int exchange(int fd, const char *name, const char *value, char *buf, size_t size,
		    struct err *err)
{
	size_t len = strlen(value);

	ssize_t n = RETRY(write(fd, value, len));
	if (n < 0)
		return err_sys(err, "write '%s' to `/proc/%s`", value, name);
	if ((size_t)n != len)
		return err_set(err, ERR_SYSTEM, "short write of '%s' to `/proc/%s`", value, name);
	n = RETRY(pread(fd, buf, size - 1, 0));
	if (n < 0)
		return err_sys(err, "read back `/proc/%s`", name);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* What a page holds is what these files take and give. */
#define ATTR_MAX_BYTES 4096

static int set_profile(int procfd, const char *profile, struct err *err)
{
	/* Since kernel 5.8 each module can have files of its own; attr/exec belongs to the first
	 * module that wants it, which may be SELinux. */
	static const char *const names[] = { "self/attr/apparmor/exec", "self/attr/exec" };
	AUTO_STR command = STR_INIT;
	char is[ATTR_MAX_BYTES];
	AUTO_FD fd = -1;
	const char *name;

	str_addf(&command, "exec %s", profile);
	if (!str_text(&command))
		return err_oom(err);
	if (open_attr(procfd, names, &name, &fd, err) < 0)
		return -1;
	if (exchange(fd, name, command.s, is, sizeof(is), err) < 0)
		return err->sys == ENOENT
			       ? err_set(err, ERR_CONFIG,
					 "write 'exec %s' to `/proc/%s`: no such profile is loaded",
					 profile, name)
			       : -1;
	char *mode = strrchr(is, '('); /* "NAME (MODE)" */
	if (mode && mode > is && mode[-1] == ' ')
		mode[-1] = '\0';
	if (is_plain_profile(profile) && strcmp(is, profile) != 0)
		return err_set(err, ERR_SYSTEM, "profile '%s' is not in force: `/proc/%s` has '%s'",
			       profile, name, is);
	return 0;
}

/* Length of "user:role:type". What follows are levels and categories, whose order the kernel may
 * change. */
static size_t label_head(const char *label)
{
	size_t len = 0;

	for (int i = 0; i < 3 && label[len]; i++) {
		len += i > 0;
		len += strcspn(label + len, ":");
	}
	return len;
}

static int set_label(int procfd, const char *attr, const char *label, struct err *err)
{
	const char *const names[] = { attr, NULL };
	size_t head = label_head(label);
	char is[ATTR_MAX_BYTES];
	AUTO_FD fd = -1;
	const char *name;

	if (open_attr(procfd, names, &name, &fd, err) < 0)
		return -1;
	if (exchange(fd, name, label, is, sizeof(is), err) < 0)
		return err->sys == EINVAL
			       ? err_set(err, ERR_CONFIG,
					 "write '%s' to `/proc/%s`: the policy knows no such label",
					 label, name)
			       : -1;
	/* A kernel without a policy takes any label for its own (security_context_to_sid()). */
	if (label_head(is) != head || memcmp(is, label, head) != 0)
		return err_set(err, ERR_SYSTEM, "label '%s' is not in force: `/proc/%s` has '%s'",
			       label, name, is);
	return 0;
}

int lsm_apply_apparmor(int procfd, const struct oci_process *p, struct err *err)
{
	return p->apparmor_profile ? set_profile(procfd, p->apparmor_profile, err) : 0;
}

int lsm_apply_selinux(int procfd, const struct oci_process *p, struct err *err)
{
	return p->selinux_label ? set_label(procfd, "self/attr/exec", p->selinux_label, err) : 0;
}

int lsm_apply_keys(int procfd, const struct oci_process *p, struct err *err)
{
	return p->selinux_label ? set_label(procfd, "self/attr/keycreate", p->selinux_label, err)
				: 0;
}
