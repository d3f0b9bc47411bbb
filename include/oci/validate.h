/* SPDX-License-Identifier: Apache-2.0 */
/* oci/validate.h - rules that concern more than one field of a config
 *
 * One static function per rule, each with its spec section or row id, collected in one table. All
 * rules run; every violation is reported (D-03). */
#pragma once

#include "base/attr.h"
#include "base/json.h"
#include "oci/config.h"

/* Adds the violations to D (positions from the `at` members). */
void config_validate(struct json_decoder *d, const struct oci_config *c);

/* Only the rules of linux.resources: for a document of `update` (config_parse_resources). */
void config_validate_resources(struct json_decoder *d, const struct oci_config *c);

/* The rules that look at `process`, for one that came from elsewhere. */
void config_validate_process(struct json_decoder *d, const struct oci_config *c);
