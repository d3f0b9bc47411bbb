/* SPDX-License-Identifier: Apache-2.0 */
/* container/container.h - the verbs that the command line calls, one function each
 *
 * ROOTFD is the state root of store_root_open(), -1 when it does not exist. Messages are complete
 * except for the verb and id, which main adds: "create 'web': …". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "kernel/unit.h"
#include "oci/config.h"
#include "oci/state.h"

struct create_options {
	const char *id;
	const char *bundle; /* directory; relative to the caller's (D-25) */
	const char *config; /* NULL: "config.json" of the bundle; else relative to the caller's */
	const char *console_socket; /* NULL: none */
	const char *pidfd_socket;   /* NULL: none */
	const char *pid_file;       /* NULL: none */
	unsigned preserve_fds;      /* descriptors 3 … 2+n stay open; holes are tolerated */
	unsigned listen_fds;        /* $LISTEN_FDS of the caller, 0 when unset */
	const char *listen_names;   /* its $LISTEN_FDNAMES; NULL: unset */
	const char *notify_socket;  /* its $NOTIFY_SOCKET (container/ready.h); NULL: unset */
	bool no_pivot, no_new_keyring;
	bool no_cgroup; /* stay in the caller's; real limits are refused then */
	/* The systemd cgroup driver asks it for a scope; NULL: we make the cgroup. */
	const struct unit_manager *manager;
	bool restore; /* container_restore() fills the container with what an image holds */
	/* run and restore only: */
	bool detach, keep, no_subreaper;
};

/* A further process: either PROCESS_FILE, or ARGS and what is changed of the container's own
 * process (C-PROC-18). */
struct exec_options {
	struct create_options shared; /* id, sockets, pid_file, descriptors, detach */
	bool ignore_paused;
	const char *process_file; /* NULL: none; else relative to the caller's directory (D-25) */
	const char *cgroup;       /* NULL: the container's; else one below it */
	struct str_list args;
	bool terminal;
	const char *cwd, *user;                             /* NULL: the config's */
	const char *process_label, *apparmor;               /* NULL: the config's */
	struct str_list env, additional_gids, capabilities; /* added to the config's */
	bool no_new_privileges;                             /* never taken away */
};

/* Steps 1-10 of the architecture: afterwards the container is `created`, or nothing is left. */
int container_create(int rootfd, const struct create_options *o, struct err *err) MUST_CHECK;

/* Releases the created process and returns when it runs the user's program, or with the reason why
 * it does not (startContainer hook, execve). Runs poststart hooks. With NOTIFY_SOCKET (may be NULL)
 * it waits until the program is ready or has ended. */
int container_start(int rootfd, const char *id, const char *notify_socket,
		    struct err *err) MUST_CHECK;

/* create, start, wait, delete by the same functions. *ret_code: exit code of the program, or 128 +
 * signal; 0 with detach. */
int container_run(int rootfd, const struct create_options *o, int *ret_code,
		  struct err *err) MUST_CHECK;

/* Runs a further process under the policy of the first one (I-20). *ret_code: as container_run().
 * The container is left as it was by every failure. */
int container_exec(int rootfd, const struct exec_options *o, int *ret_code,
		   struct err *err) MUST_CHECK;

#define KILL_STOP_SIGNAL (-1) /* what the image's stopSignal annotation says, else TERM */

/* With ALL: every process of the container's cgroup, also when the first one is dead; an empty
 * container is then success. SIGKILL without an own pid namespace always takes the whole cgroup
 * (D-15). */
int container_kill(int rootfd, const char *id, int sig, bool all, struct err *err) MUST_CHECK;

/* Freezes all processes of a created or running container, and lets them go on. */
int container_pause(int rootfd, const char *id, struct err *err) MUST_CHECK;
int container_resume(int rootfd, const char *id, struct err *err) MUST_CHECK;

/* ---- checkpoint and restore ------------------------------------------------------------------ */

enum criu_cgroups { /* --manage-cgroups-mode; in the order of its choices */
	CRIU_CGROUPS_IGNORE, /* the runtime places the processes: one cgroup, its limits */
	/* Refused so far: */
	CRIU_CGROUPS_SOFT,
	CRIU_CGROUPS_FULL,
	CRIU_CGROUPS_STRICT
};

enum criu_network_lock { /* in the order of its choices */
	CRIU_LOCK_DEFAULT,
	CRIU_LOCK_IPTABLES,
	CRIU_LOCK_NFTABLES,
	CRIU_LOCK_SKIP
};

/* What the image of a container is, and how criu(8) makes it or reads it. Paths are relative to the
 * caller's directory (D-25). */
struct image_options {
	const char *criu;        /* the program; absolute */
	const char *image_path;  /* NULL: "checkpoint" */
	const char *work_path;   /* logs, sockets; NULL: the image's */
	const char *parent_path; /* checkpoint: relative to the image's; NULL: none */
	const char *page_server; /* checkpoint: ADDRESS:PORT; NULL: pages go into the image */
	const char *status_fd;   /* checkpoint: a descriptor of the caller's as text, or NULL */
	const char *lsm_profile, *lsm_mount_context; /* restore; NULL: the config's, the image's */
	int cgroups;                                 /* enum criu_cgroups */
	int network_lock;                            /* enum criu_network_lock */
	struct str_list empty_ns;                    /* "network" is the only one there is */
	bool leave_running, pre_dump;                /* checkpoint */
	bool tcp_established, tcp_skip_in_flight, tcp_close;
	bool ext_unix_sk, shell_job, file_locks, link_remap, auto_dedup, lazy_pages;
};

struct restore_options {
	struct create_options shared; /* what create and run have; `restore` is set */
	struct image_options image;
};

/* Whether criu(8) works on this machine for this caller; the failure says why not. Takes a tenth of a
 * second. CRIU NULL: it was not found. */
int container_check_criu(const char *criu, struct err *err) MUST_CHECK;

/* Writes a running or paused container into an image. It is gone afterwards, poststop hooks
 * included, unless it is to be left running; when it fails, the container goes on as it was. */
int container_checkpoint(int rootfd, const char *id, const struct image_options *o,
			 struct err *err) MUST_CHECK;

/* Makes a running container from a bundle and an image. Everything that holds a container in its
 * bounds comes from config.json, and what the image's processes hold beyond that is refused before
 * they run (S-39). *ret_code: as container_run(). A failure leaves nothing behind. */
int container_restore(int rootfd, const struct restore_options *o, int *ret_code,
		      struct err *err) MUST_CHECK;

/* Changes limits of a container that is not stopped: RESOURCES is a document of
 * config_parse_resources(), SCHEMATA are lines for its class of service in resctrl, or NULL. What
 * asks for nothing needs nothing (engine-contracts 10). All of it is in force afterwards, or
 * nothing. */
int container_update(int rootfd, const char *id, const struct oci_config *resources,
		     const char *schemata, struct err *err) MUST_CHECK;

/* FORCE: kills first; an unknown id is success; a damaged record still leads to a clean delete. */
int container_delete(int rootfd, const char *id, bool force, struct err *err) MUST_CHECK;

/* One container's facts. Strings live in the arena that was passed. */
struct container_info {
	struct oci_state state;
	struct json_map annotations;
	uid_t owner;
};
int container_info(int rootfd, const char *id, struct arena *a, struct container_info *ret,
		   struct err *err) MUST_CHECK;
/* All of them, sorted by id; a broken entry has status `unknown` and hides no other (D-07). */
int container_list(int rootfd, struct arena *a, struct container_info **ret, size_t *ret_n,
		   struct err *err) MUST_CHECK;

/* Host pids of the container, in the order of the kernel; none when it is stopped. */
int container_pids(int rootfd, const char *id, struct arena *a, pid_t **ret, size_t *ret_n,
		   struct err *err) MUST_CHECK;
