/* SPDX-License-Identifier: Apache-2.0 */
/* cli/bundle.h - `run bundle/`: an operand that is a bundle, and the id made from it (D-01) */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "container/store.h"

/* Ids never contain '/', so an operand that does, or is "." or "..", is a bundle. */
bool bundle_is_operand(const char *operand);

/* Makes the id of a container of the bundle PATH: base name (of the real path where PATH ends in
 * "." or
 * ".."), what an id cannot contain replaced by '-', and six random hexadecimal digits, so that
 * parallel runs do not collide. */
int bundle_make_id(const char *path, char ret[STORE_ID_MAX + 1], struct err *err) MUST_CHECK;
