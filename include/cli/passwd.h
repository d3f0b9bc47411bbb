/* SPDX-License-Identifier: Apache-2.0 */
/* cli/passwd.h - names of users, read from /etc/passwd without NSS
 *
 * NSS would load libraries and does not work in a static binary. A user that is not in the file is
 * shown as "#UID", as runc does. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"

#define PASSWD_MAX_BYTES ((size_t)1 << 20)

/* Text of the file, "" when it is missing, odd or larger than PASSWD_MAX_BYTES. */
const char *passwd_load(struct arena *a);

/* Name of UID in TEXT, or "#UID"; NULL when memory ran out. */
const char *passwd_name(const char *text, uid_t uid, struct arena *a) MUST_CHECK;
