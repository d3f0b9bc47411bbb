/* SPDX-License-Identifier: Apache-2.0 */
/* init-internal.h - the steps of the container's first process, by file
 *
 * init.c        the three tables and the walk; launch steps
 * init_setup.c  the container around the process
 * init_join.c   exec: into the container
 * init_user.c   the process itself
 * init_attrs.c  attributes of the process that the kernel's schedulers and security modules read */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "container/init.h"

/* Setup, src/container/init_setup.c */
int step_signals(struct init *in, struct err *err) MUST_CHECK;
int step_namespaces(struct init *in, struct err *err) MUST_CHECK;
int step_become_root(struct init *in, struct err *err) MUST_CHECK;
int step_session(struct init *in, struct err *err) MUST_CHECK;
int step_keyring(struct init *in, struct err *err) MUST_CHECK;
int step_hostname(struct init *in, struct err *err) MUST_CHECK;
int step_attach(struct init *in, struct err *err) MUST_CHECK;
int step_mounts(struct init *in, struct err *err) MUST_CHECK;
int step_devices(struct init *in, struct err *err) MUST_CHECK;
int step_network(struct init *in, struct err *err) MUST_CHECK;
int step_console(struct init *in, struct err *err) MUST_CHECK;
int step_ask_host_hooks(struct init *in, struct err *err) MUST_CHECK;
int step_container_hooks(struct init *in, struct err *err) MUST_CHECK;
int step_make_cwd(struct init *in, struct err *err) MUST_CHECK;
int step_pivot(struct init *in, struct err *err) MUST_CHECK;
int step_sysctl(struct init *in, struct err *err) MUST_CHECK;
int step_protect(struct init *in, struct err *err) MUST_CHECK;

/* Join and enter, src/container/init_join.c */
int step_close_host(struct init *in, struct err *err) MUST_CHECK;
int step_join(struct init *in, struct err *err) MUST_CHECK;
int step_enter_root(struct init *in, struct err *err) MUST_CHECK;
int step_leave_host(struct init *in, struct err *err) MUST_CHECK;
int step_open_root(struct init *in, struct err *err) MUST_CHECK;
int step_exec_affinity(struct init *in, struct err *err) MUST_CHECK;
int step_exec_console(struct init *in, struct err *err) MUST_CHECK;

/* Process, src/container/init_user.c */
int step_descriptors(struct init *in, struct err *err) MUST_CHECK;
int step_stdio(struct init *in, struct err *err) MUST_CHECK;
int step_home(struct init *in, struct err *err) MUST_CHECK;
int step_cwd(struct init *in, struct err *err) MUST_CHECK;
int step_bounding(struct init *in, struct err *err) MUST_CHECK;
int step_ids(struct init *in, struct err *err) MUST_CHECK;
int step_caps(struct init *in, struct err *err) MUST_CHECK;
int step_cwd_as_user(struct init *in, struct err *err) MUST_CHECK;
int step_no_new_privs(struct init *in, struct err *err) MUST_CHECK;
int step_executable(struct init *in, struct err *err) MUST_CHECK;

/* Setup (labels, affinity) and process, src/container/init_attrs.c */
int step_key_label(struct init *in, struct err *err) MUST_CHECK;
int step_label(struct init *in, struct err *err) MUST_CHECK;
int step_affinity(struct init *in, struct err *err) MUST_CHECK;
int step_priorities(struct init *in, struct err *err) MUST_CHECK;
int step_memory_policy(struct init *in, struct err *err) MUST_CHECK;
int step_personality(struct init *in, struct err *err) MUST_CHECK;

/* Closes everything but 0-2, the program's descriptors and KEEP[N], which is sorted on the way; -1
 * in it means none. */
int init_close_all_but(const struct plan *p, int *keep, size_t n, struct err *err) MUST_CHECK;

/* Runs hooks inside the container: the state document names the pid as seen there. CWDFD as in
 * hooks_run(). */
int init_run_hooks(struct init *in, enum oci_hook_point point, enum status status, int cwdfd,
		   struct err *err) MUST_CHECK;
