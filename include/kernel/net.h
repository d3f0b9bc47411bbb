/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/net.h - the network namespace from inside (rtnetlink(7)); only module that knows libmnl */
#pragma once

#include "base/attr.h"
#include "base/err.h"

/* Brings `lo` of the caller's network namespace up: one RTM_NEWLINK with IFF_UP, acknowledged
 * (C-NS-10). Messages use checked attribute puts only (I-30). */
int net_loopback_up(struct err *err) MUST_CHECK;
