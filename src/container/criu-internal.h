/* SPDX-License-Identifier: Apache-2.0 */
/* criu-internal.h - checkpoint and restore by the criu(8) program
 *
 * criu_request.c         what is asked for: the options as one message
 * criu.c                 the program as our child, the conversation with it, its log
 * image.c                the image's directory and what we keep in it
 * checkpoint.c           the verb
 * restore.c              the verb
 * restore_check.c        what was restored is not more than config.json allows
 *
 * The program runs as `criu swrk 3`: it reads one request from socket 3, works, tells on the way
 * what it is about to do, and waits each time for our answer. That is its command line in another
 * notation (criu.org/RPC, images/rpc.proto of its source), with three things that the command line
 * has not: the pause before restored processes run, in which they are checked and recorded; the new
 * terminal's master as a descriptor; and the restored process as a child of ours, to be waited for.
 *
 * Numbers of descriptors in a request: those of directories are ours, and criu opens them through
 * /proc/PID/fd; what restored processes are to inherit criu has to have itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/proc.h"
#include "base/str.h"
#include "container/container.h"
#include "oci/config.h"

/* ---- src/container/criu_request.c --------------------------------------------------------------
 */

enum criu_type { /* of requests and of answers */
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_PRE_DUMP = 4,
	CRIU_NOTIFY = 6,
};

/* What criu inherits from us is there, one after the other. */
#define CRIU_SOCKET      3
#define CRIU_FIRST_FD    4
#define CRIU_FDS_MAX     8
#define CRIU_CONFIG_FILE "/etc/criu/cruntime.conf"

struct criu_request {
	enum criu_type type;
	struct str opts;       /* the options so far */
	int fds[CRIU_FDS_MAX]; /* lent: criu gets them as CRIU_FIRST_FD, … */
	size_t n_fds;
};
#define CRIU_REQUEST_INIT                                                                          \
	{                                                                                          \
		.opts = STR_INIT                                                                   \
	}

/* Options that need no more than the command line. Checks what was given as text. */
int criu_request_begin(struct criu_request *r, enum criu_type type, const struct image_options *o,
		       struct err *err) MUST_CHECK;
/* IMAGES, WORK: ours, open until the end; LOG: a name in WORK. */
void criu_put_places(struct criu_request *r, int images, int work, const char *log);
void criu_put_pid(struct criu_request *r, pid_t pid);
void criu_put_root(struct criu_request *r, const char *path);
void criu_put_freezer(struct criu_request *r, const char *cgroup);
void criu_put_lsm_profile(struct criu_request *r, const char *profile);
/* Mounts that are not in the image: NAME is what both sides call it; checkpoint: it is on KEY;
 * restore: it is a bind of VALUE. */
void criu_put_mount(struct criu_request *r, const char *key, const char *value);
/* "net[4026531840]:name": a thing that is not in the image; restore then gives a descriptor. */
void criu_put_external(struct criu_request *r, const char *what);
void criu_put_inherited(struct criu_request *r, const char *key, int number);
/* The same for a descriptor of ours, which gets a number there. */
int criu_put_fd(struct criu_request *r, const char *key, int fd, struct err *err) MUST_CHECK;
/* A namespace that is joined instead of made anew: FILE of TYPE ("ipc"). */
void criu_put_join(struct criu_request *r, const char *type, const char *file);

/* The whole message. */
int criu_request_message(const struct criu_request *r, struct str *out, struct err *err) MUST_CHECK;
void criu_request_done(struct criu_request *r);
#define AUTO_CRIU_REQUEST AUTO(criu_request_done) struct criu_request

/* The answer to a notification. */
int criu_answer_message(bool success, struct str *out, struct err *err) MUST_CHECK;

struct criu_reply {
	unsigned type;
	bool success;
	pid_t pid;       /* of a notification or of a restored container; 0: none */
	char script[32]; /* CRIU_NOTIFY: "setup-namespaces", … */
	char error[256]; /* one line, or empty */
};
int criu_reply_parse(const char *message, size_t len, struct criu_reply *ret,
		     struct err *err) MUST_CHECK;

/* ---- src/container/criu.c ----------------------------------------------------------------------
 */

struct criu_start {
	const char *program;
	int cgroupfd;        /* lent: it is born in there; -1: in ours */
	unsigned long flags; /* CLONE_NEW* */
	bool quiet;          /* 0-2 are nothing; else ours */
	bool dies_with_us;
	const int *fds; /* lent */
	size_t n_fds;
	/* In the new process, before it becomes criu; or NULL. */
	int (*prepare)(void *arg, struct err *err);
	void *arg;
};

struct criu {
	struct proc proc; /* our child */
	int sock;         /* owned */
	int watch;        /* lent: pidfd of what it restores, as soon as that is known, or -1 */
};
#define CRIU_INIT                                                                                  \
	{                                                                                          \
		.proc = PROC_INIT, .sock = -1, .watch = -1                                         \
	}

/* Returns when the program runs. */
int criu_spawn(const struct criu_start *s, struct criu *ret, struct err *err) MUST_CHECK;

/* Runs FN(ARG) in a process of its own with the namespaces of FLAGS, and waits for it. */
int criu_run_apart(unsigned long flags, int (*fn)(void *arg, struct err *err), void *arg,
		   struct err *err) MUST_CHECK;

/* SCRIPT is about to happen, or has happened; "": all is done. FD is lent. A failure makes criu
 * give up. */
typedef int criu_notify_fn(void *arg, const char *script, pid_t pid, int fd, struct err *err);

/* Asks and answers until criu is done. A failure that is criu's own says what criu said. */
int criu_converse(struct criu *c, const struct criu_request *r, criu_notify_fn *fn, void *arg,
		  struct err *err) MUST_CHECK;
/* Ends the program if it has not ended. */
void criu_done(struct criu *c);
#define AUTO_CRIU AUTO(criu_done) struct criu

/* Appends the last line of the log FD that tells something, without time and pid; nothing when
 * there is none. */
void criu_last_words(int fd, struct str *out);
/* For tests: the same of a text, which is changed. NULL: none. */
const char *criu_find_error(char *text);

/* ---- src/container/image.c ---------------------------------------------------------------------
 */

struct image {
	int dir, work;         /* owned; work may be the same directory */
	const char *work_name; /* for messages */
	const char *log;
};
#define IMAGE_INIT                                                                                 \
	{                                                                                          \
		.dir = -1, .work = -1                                                              \
	}

/* Opens both directories; with CREATE what is missing is made, else an image has to be there. An old
 * LOG is removed. */
int image_open(const struct image_options *o, bool create, const char *log, struct image *ret,
	       struct err *err) MUST_CHECK;
void image_done(struct image *im);
#define AUTO_IMAGE AUTO(image_done) struct image

/* descriptors.json: what 0-2 were when the container was made, as other runtimes write it. */
int image_write_stdio(const struct image *im, const struct json_strings *stdio,
		      struct err *err) MUST_CHECK;
int image_read_stdio(const struct image *im, struct arena *a, struct json_strings *ret,
		     struct err *err) MUST_CHECK;

/* Adds the reason to a failure of criu: "…: REASON (see WORK/LOG)". Returns -1. */
int image_explain(const struct image *im, struct err *err);

/* What criu cannot carry over is refused, by both verbs and before anything is done. */
int image_check_config(const struct oci_config *c, struct err *err) MUST_CHECK;

/* Key of an external namespace in the image; NULL: criu has no way to leave NS out of an image. */
const char *image_ns_key(enum oci_ns ns);
