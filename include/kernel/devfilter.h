/* SPDX-License-Identifier: Apache-2.0 */
/* kernel/devfilter.h - linux.resources.devices as one eBPF program
 *
 * BPF_PROG_TYPE_CGROUP_DEVICE: the program gets access type, major and minor, and returns 1 to
 * allow. Rules apply in the order of the config, the last match wins (C-CGD-01); the default
 * devices (null zero full random urandom tty console ptmx pts, mknod of everything) are allowed
 * after them, as callers expect (C-CGD-04, X-22). No list at all means deny all but those
 * (C-CGD-06). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "oci/config.h"

struct bpf_insn;

/* Rules in one list. The program is then at most 25000 instructions long, within the reach of a
 * jump (32767), and made in less than a tenth of a second. */
#define DEVFILTER_MAX_RULES 4096

struct devfilter {
	const struct bpf_insn *insns; /* NULL with n 0: everything is allowed, nothing to load */
	size_t n_insns;
	bool has_deny; /* some access is denied: loading it must not fail silently (C-CGD-08) */
};

/* An access is allowed when each of its bits (mknod, read, write) is allowed by the last rule that
 * names the device and the bit. An access without any bit, such as access(2) with F_OK, is allowed.
 * Numbers are -1 (any) or more, as the decoder of the config has checked. Fails for a list that is
 * too long. */
int devfilter_build(const struct oci_resources *r, struct arena *a, struct devfilter *ret,
		    struct err *err) MUST_CHECK;

/* Loads the program and attaches it to the cgroup directory CGROUPFD with BPF_F_ALLOW_MULTI, so
 * that a filter of a parent keeps counting. A program that an earlier call attached there is
 * replaced in one step (C-CGD-07), or taken off when the new filter allows everything. */
int devfilter_attach(const struct devfilter *f, int cgroupfd, struct err *err) MUST_CHECK;

/* Takes our program off a cgroup that goes on existing. Best effort. */
void devfilter_detach(int cgroupfd);

/* We may load such programs: privileged in the first user namespace of the machine. Elsewhere a
 * filter is neither possible nor needed, as the kernel lets nobody make device nodes there. */
bool devfilter_is_enforceable(void);

/* What the program answers: the unit tests' interpreter of the few instructions that we generate.
 * ACCESS: BPF_DEVCG_ACC_x, TYPE 'b' or 'c'. */
bool devfilter_verdict(const struct devfilter *f, char type, unsigned major, unsigned minor,
		       unsigned access);
