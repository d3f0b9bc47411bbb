/* SPDX-License-Identifier: Apache-2.0 */
/* base/path.h - paths that an image or a config chose, resolved beneath a root descriptor
 *
 * I-01: such a path is resolved exactly once, by openat2(2) with RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS (kernel 5.6), and everything afterwards uses the descriptor. There is no
 * fallback resolver: without openat2 we refuse. Published escapes that this stops:
 * CVE-2015-3629, CVE-2019-18837, CVE-2021-30465, CVE-2024-45310. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

/* Opens PATH beneath ROOTFD with openat2(FLAGS | O_CLOEXEC). RESOLVE is added to RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS. On failure errno is kept and *err is set. EAGAIN (a rename raced) is
 * retried a bounded number of times. */
int path_open_in(int rootfd, const char *path, int flags, uint64_t resolve, int *ret_fd,
		 struct err *err) MUST_CHECK;

enum path_kind {
	PATH_DIR,
	PATH_FILE
};

/* As path_open_in() with O_PATH, but makes what is missing: parent directories (0755, owned by the
 * caller), then the last component as a directory (DIR_MODE) or an empty regular file (0644).
 * Components are made one by one with mkdirat/openat(O_CREAT|O_EXCL|O_NOFOLLOW) on the pinned
 * parent (I-01, CVE-2024-45310). Existing entries are taken as they are, whatever kind they have.
 * A symbolic link to something that is not there (an image's /etc/resolv.conf) is followed beneath
 * the root, and what it names is made.
 * RESOLVE as above (RESOLVE_NO_SYMLINKS for proc and sysfs, I-03). Returns 1 when something was made,
 * 0 when all was there. */
int path_make_in(int rootfd, const char *path, enum path_kind kind, mode_t dir_mode,
		 uint64_t resolve, int *ret_fd, struct err *err) MUST_CHECK;

/* As path_make_in for the parent of PATH; *ret_name points into PATH at the last component.
 * PATH must have one ("/" and "" are refused, ".." as the last component too). */
int path_make_parent_in(int rootfd, const char *path, int *ret_dirfd, const char **ret_name,
			struct err *err) MUST_CHECK;

/* NAME is one plain component: not empty, no '/', not "." or "..". */
bool path_is_component(const char *name) MUST_CHECK;

/* Collapses "//", "/./" and trailing "/" and makes the result absolute ("data" -> "/data"), into
 * BUF of SIZE bytes; ".." is refused. Purely lexical, for comparison and messages only.
 * Returns 0 or -1 (does not fit, or contains ".."). */
int path_normalise(const char *path, char *buf, size_t size) MUST_CHECK;

/* Joins the directory of process-relative PATH to an absolute one: getcwd + "/" + PATH, lexical.
 * For paths that are stored (bundle). In ARENA-less form: malloc'd, caller frees. NULL with errno.
 */
char *path_absolute(const char *path) MUST_CHECK;
void path_free(char **path);
#define AUTO_PATH AUTO(path_free) char *
