/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/copyup.h - the mount option tmpcopyup: a tmpfs starts with what the image has at its
 * target
 *
 * Everything goes by directory descriptors and single names, nothing follows a link (I-01), and
 * what the image holds is opened non-blocking (I-29). Only the file system of the top directory is
 * copied: mounts below it become empty directories. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

#define COPYUP_MAX_DEPTH 64 /* directories below each other; an image is never that deep */

/* Copies the content of directory FROM (O_PATH is enough) into the empty directory TO, which nobody
 * else can reach yet, with owner, mode, times and, where the kernel allows it, extended attributes;
 * device nodes, FIFOs and sockets as nodes where permitted, hard links as separate files. TO itself
 * gets owner, times and attributes of FROM, not its mode. Full file system, unreadable entry, too
 * many levels: failure. */
int copyup(int from, int to, struct err *err) MUST_CHECK;
