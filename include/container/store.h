/* SPDX-License-Identifier: Apache-2.0 */
/* container/store.h - the state directory: <root>/<id>/
 * *   claim.json   the record with phase "creating": written ahead, kept as it was at the clone
 *   state.json   the record with phase "created"; both replaced atomically
 *   config.json  the bytes that create parsed: later edits of the bundle do not matter (R-BUND-15)
 *   start.sock   where the created process waits for `start`; gone once it was released
 *   notify/      the container's own NOTIFY_SOCKET (container/ready.h), for callers that have one
 *
 * Claim: mkdirat(2) of <id> is exclusive. Lock: flock(2) on the directory, held by create, start
 * and delete while they work, so it ends with its owner (I-31). Write-ahead: a record with phase
 * "creating" is written before the first side effect and names what will be made, so
 * `delete --force` can finish what a killed create began (I-24, I-25).
 *
 * The root belongs to us alone: 0700, owned by the effective user, not a symbolic link. A directory
 * in it that is not ours (another runtime's, a foreign file) is ignored by list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "kernel/rdt.h"

#define STORE_ID_MAX 255

enum record_phase {
	PHASE_CREATING,
	PHASE_CREATED
};

/* What later commands need, without parsing config.json again. Strings live in the arena that the
 * reader passed, or in the config of the creator. */
struct record {
	enum record_phase phase;
	const char *id, *bundle, *rootfs, *oci_version;
	const char *created; /* RFC 3339 */
	uid_t owner;
	pid_t pid;           /* in the pid namespace of the creator; 0 before the clone */
	uint64_t start_time; /* of pid */
	const char *cgroup;  /* below the hierarchy's root; NULL: runs in the caller's */
	uint64_t cgroup_ino; /* 0: not made yet */
	bool cgroup_created; /* by us: delete removes it */
	/* The scope of systemd whose cgroup it is, and where to ask for it; NULL: none. */
	const char *unit, *bus;
	struct rdt_group rdt; /* of resctrl: delete removes what is said to be made */
	bool own_pid_ns;     /* a new pid namespace: it ends with its first process */
	bool has_poststart, has_poststop; /* hooks to run from the saved config */
	bool hooks_began; /* a failed or killed create owes poststop hooks (R-HOOK-13) */
	bool has_process; /* config had `process`; without it start fails (R-LIFE-09) */
	struct json_strings stdio; /* 0-2 at the start: "pipe:[12]" or "" (descriptors.json) */
	bool notifies;    /* start has to reach the seccomp agent of the saved config */
	struct json_map annotations;
};

struct store {
	int root; /* lent: the state root */
	int dir;  /* owned: <root>/<id> */
	char id[STORE_ID_MAX + 1];
};
#define STORE_INIT                                                                                 \
	{                                                                                          \
		.root = -1, .dir = -1                                                              \
	}

/* Opens the state root PATH, creating it (and its parents) with CREATE. Refuses one that is a
 * symbolic link, not a directory, owned by another user, or writable by others (S-31). With !CREATE
 * a missing root is success with *ret_fd -1: it holds no containers. */
int store_root_open(const char *path, bool create, int *ret_fd, struct err *err) MUST_CHECK;

/* [A-Za-z0-9_+.-], 1..255 bytes, not starting with '.' or '-' (I-24, S-31). */
int store_check_id(const char *id, struct err *err) MUST_CHECK;

/* Makes <id> exclusively and locks it. ROOTFD must outlive the store. */
int store_claim(int rootfd, const char *id, struct store *ret, struct err *err) MUST_CHECK;

/* Opens <id>; with LOCK waits for the lock, at most ten seconds. A missing container is ERR_STATE
 * with TEXT_NO_CONTAINER and err->sys ENOENT. */
int store_open(int rootfd, const char *id, bool lock, struct store *ret,
	       struct err *err) MUST_CHECK;
void store_unlock(struct store *s);
/* True while another process holds the lock: a create in progress. */
bool store_is_locked(const struct store *s);

int store_write(const struct store *s, const struct record *r, struct err *err) MUST_CHECK;
/* Reads the newer of the two records. Returns 1 with *ret, 0 when it is damaged (*err says why;
 * *ret then holds the older record if that one is readable, else its id is NULL), -1 on failure. A
 * deleted state.json looks like a create that was killed; status_of() asks the cgroup. */
int store_read(const struct store *s, struct arena *a, struct record *ret,
	       struct err *err) MUST_CHECK;

int store_save_config(const struct store *s, const char *text, size_t len,
		      struct err *err) MUST_CHECK;

/* Removes the files and the directory. Already gone is success. */
int store_remove(const struct store *s, struct err *err) MUST_CHECK;
void store_done(struct store *s);
#define AUTO_STORE AUTO(store_done) struct store

/* Ids of all entries that look like containers of ours, sorted. */
int store_list(int rootfd, struct arena *a, const char ***ret, size_t *ret_n,
	       struct err *err) MUST_CHECK;
