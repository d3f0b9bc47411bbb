/* SPDX-License-Identifier: Apache-2.0 */
/* oci/features.h - the features document (features.md) */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0" /* D-19: the newest release of which every row is met */

/* What only other layers know. */
struct features_input {
	const char *version, *commit;               /* of this program */
	const char *libseccomp_version;             /* "2.5.4" */
	const char *const *seccomp_supported_flags; /* probed, NULL-terminated */
	bool checkpoint; /* criu works on this machine */
};

/* Appends the document, built from the tables of oci/names.h; indented. Only what this version
 * really implements is announced (D-19): a name in mountOptions obliges a correct implementation.
 */
void features_print(struct str *out, const struct features_input *in);
