/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/keyring.h - the session keyring (keyrings(7), R-LNX-09) */
#pragma once

#include "base/attr.h"
#include "base/err.h"

/* Joins a fresh session keyring named after the container, so that the caller's keys stay outside.
 * Best effort on purpose: ENOSYS (not built in) and EDQUOT (the user's quota of keys is used up) are
 * warned about, everything else fails. */
int keyring_join(const char *id, struct err *err) MUST_CHECK;
