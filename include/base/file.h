/* SPDX-License-Identifier: Apache-2.0 */
/* base/file.h - small files: bounded reads, single writes, atomic replacement */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

/* Reads the regular file NAME below DIRFD, at most MAX bytes, into ARENA; adds a NUL behind it.
 * Opened O_NONBLOCK|O_NOCTTY and refused unless regular, so no FIFO or device can stop or flood us
 * (I-29). A longer file is a failure that names MAX. errno is ENOENT when it is missing. */
int file_read_at(int dirfd, const char *name, size_t max, struct arena *a, char **ret,
		 size_t *ret_len, struct err *err) MUST_CHECK;

/* The same for a file that the caller of the program has named, which may also be a pipe, such as a
 * shell's <(command). One without a writer is empty. */
int file_read_given(const char *name, size_t max, struct arena *a, char **ret, size_t *ret_len,
		    struct err *err) MUST_CHECK;

/* The same from FD, which may be a pipe; NAME is for messages. */
int file_read_fd(int fd, const char *name, size_t max, struct arena *a, char **ret, size_t *ret_len,
		 struct err *err) MUST_CHECK;

/* Reads a file of the kernel's (proc, sysfs, cgroup: stat size is 0), whose content comes by one
 * read(2), into BUF with a NUL; one that is longer is cut. Returns bytes or -1 with errno. */
ssize_t file_read_small_at(int dirfd, const char *name, char *buf, size_t size) MUST_CHECK;

/* Opens NAME for writing below DIRFD (openat2 RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS |
 * NO_XDEV unless NAME is a plain component) and writes VALUE in exactly one write(2): the kernel
 * parses each write of a control file on its own. -1 with errno; *err is set. */
int file_write_at(int dirfd, const char *name, const char *value, struct err *err) MUST_CHECK;

/* Writes DATA to a temporary file ".NAME.XXXXXX" in DIRFD (O_EXCL|O_NOFOLLOW, MODE) and renames it
 * onto NAME: readers see the old or the new content, never a part; a symbolic link at NAME is
 * replaced, not followed. No fsync: state lives on tmpfs and does not survive a reboot. */
int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    struct err *err) MUST_CHECK;

/* write(2) until all is out. -1 with errno. */
int file_write_all(int fd, const void *data, size_t len) MUST_CHECK;
