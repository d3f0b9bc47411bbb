/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/protobuf.h"
#include "criu-internal.h"

/* Numbers of criu's schema, images/rpc.proto. */
enum request_field {
	REQ_TYPE = 1,
	REQ_OPTS = 2,
	REQ_NOTIFY_SUCCESS = 3
};
enum reply_field {
	REPLY_TYPE = 1,
	REPLY_SUCCESS = 2,
	REPLY_RESTORE = 4,
	REPLY_NOTIFY = 5,
	REPLY_ERRMSG = 9
};
enum notify_field {
	NOTIFY_SCRIPT = 1,
	NOTIFY_PID = 2
};
enum restore_field {
	RESTORE_PID = 1
};
enum pair_field {
	PAIR_KEY = 1,
	PAIR_VALUE = 2
};
enum server_field {
	SERVER_ADDRESS = 1,
	SERVER_PORT = 2
};

enum opt_field {
	OPT_IMAGES_DIR_FD = 1,
	OPT_PID = 2,
	OPT_LEAVE_RUNNING = 3,
	OPT_EXT_UNIX_SK = 4,
	OPT_TCP_ESTABLISHED = 5,
	OPT_EVASIVE_DEVICES = 6,
	OPT_SHELL_JOB = 7,
	OPT_FILE_LOCKS = 8,
	OPT_LOG_LEVEL = 9,
	OPT_LOG_FILE = 10,
	OPT_PAGE_SERVER = 11,
	OPT_NOTIFY_SCRIPTS = 12,
	OPT_ROOT = 13,
	OPT_PARENT_IMG = 14,
	OPT_TRACK_MEM = 15,
	OPT_AUTO_DEDUP = 16,
	OPT_WORK_DIR_FD = 17,
	OPT_LINK_REMAP = 18,
	OPT_EXT_MNT = 23,
	OPT_MANAGE_CGROUPS = 24,
	OPT_RST_SIBLING = 26,
	OPT_INHERIT_FD = 27,
	OPT_MANAGE_CGROUPS_MODE = 34,
	OPT_EXTERNAL = 37,
	OPT_EMPTY_NS = 38,
	OPT_JOIN_NS = 39,
	OPT_FREEZE_CGROUP = 44,
	OPT_TCP_SKIP_IN_FLIGHT = 46,
	OPT_LAZY_PAGES = 48,
	OPT_ORPHAN_PTS_MASTER = 50,
	OPT_CONFIG_FILE = 51,
	OPT_TCP_CLOSE = 52,
	OPT_LSM_PROFILE = 53,
	OPT_LSM_MOUNT_CONTEXT = 63,
	OPT_NETWORK_LOCK = 64,
};

#define CGROUPS_IGNORE 0 /* of its enum criu_cg_mode: they are ours */
#define LOG_LEVEL      4 /* everything: it is a file, and the only thing to look at afterwards */

static void put_flag(struct criu_request *r, enum opt_field field, bool value)
{
	if (value)
		pb_put_number(&r->opts, field, 1);
}

static void put_text(struct criu_request *r, enum opt_field field, const char *value)
{
	if (value)
		pb_put_string(&r->opts, field, value);
}

static void put_pair(struct criu_request *r, enum opt_field field, const char *key,
		     const char *value)
{
	AUTO_STR pair = STR_INIT;

	pb_put_string(&pair, PAIR_KEY, key);
	pb_put_string(&pair, PAIR_VALUE, value);
	pb_put_message(&r->opts, field, &pair);
}

/* ---- options of the command line ---------------------------------------------------------------
 */

/* "10.0.0.1:27", "[::1]:27". */
static int put_page_server(struct criu_request *r, const char *text, struct err *err)
{
	AUTO_STR server = STR_INIT;
	AUTO_STR address = STR_INIT;
	const char *colon = strrchr(text, ':');
	uint32_t port;

	if (!colon || colon == text || parse_u32(colon + 1, &port) < 0 || port == 0 ||
	    port > UINT16_MAX)
		return err_set(err, ERR_USAGE,
			       "--page-server '%s': use ADDRESS:PORT, with a port from 1 to 65535",
			       text);
	size_t len = (size_t)(colon - text);
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	str_addn(&address, text + brackets, len - 2 * brackets);
	const char *given = str_text(&address);
	if (!given)
		return err_oom(err);
	pb_put_string(&server, SERVER_ADDRESS, given);
	pb_put_number(&server, SERVER_PORT, port);
	pb_put_message(&r->opts, OPT_PAGE_SERVER, &server);
	return 0;
}

/* criu would mount the host's cgroup file systems, with options of its own that then are those of
 * the host, and needs work directories that are in its mount namespace. */
static int check_cgroups_mode(const struct image_options *o, struct err *err)
{
	if (o->cgroups == CRIU_CGROUPS_IGNORE)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--manage-cgroups-mode: only ignore is supported, cgroups below the "
		       "container's are not in the image");
}

static int check_empty_ns(const struct image_options *o, struct err *err)
{
	for (size_t i = 0; i < o->empty_ns.n; i++) {
		if (strcmp(o->empty_ns.v[i], "network") != 0)
			return err_set(err, ERR_USAGE,
				       "--empty-ns: namespace '%s' is not supported, only network",
				       o->empty_ns.v[i]);
	}
	return 0;
}

/* Packets are held up for the sake of connections that are to survive. Without any there is nothing
 * to hold up, and no need of the program that does it. */
static void put_network_lock(struct criu_request *r, const struct image_options *o)
{
	static const unsigned methods[] = {
		[CRIU_LOCK_IPTABLES] = 1,
		[CRIU_LOCK_NFTABLES] = 2,
		[CRIU_LOCK_SKIP] = 3,
	};
	int method = o->network_lock;

	if (method == CRIU_LOCK_DEFAULT && !o->tcp_established)
		method = CRIU_LOCK_SKIP;
	if (method != CRIU_LOCK_DEFAULT)
		pb_put_number(&r->opts, OPT_NETWORK_LOCK, methods[method]);
}

int criu_request_begin(struct criu_request *r, enum criu_type type, const struct image_options *o,
		       struct err *err)
{
	*r = (struct criu_request){ .type = type, .opts = STR_INIT };
	if (check_cgroups_mode(o, err) < 0 || check_empty_ns(o, err) < 0 ||
	    (o->page_server && put_page_server(r, o->page_server, err) < 0))
		return -1;
	pb_put_number(&r->opts, OPT_MANAGE_CGROUPS, 1);
	pb_put_number(&r->opts, OPT_MANAGE_CGROUPS_MODE, CGROUPS_IGNORE);
	put_flag(r, OPT_LEAVE_RUNNING, o->leave_running);
	put_flag(r, OPT_TCP_ESTABLISHED, o->tcp_established);
	put_flag(r, OPT_TCP_SKIP_IN_FLIGHT, o->tcp_skip_in_flight);
	put_flag(r, OPT_TCP_CLOSE, o->tcp_close);
	put_flag(r, OPT_EXT_UNIX_SK, o->ext_unix_sk);
	put_flag(r, OPT_SHELL_JOB, o->shell_job);
	put_flag(r, OPT_FILE_LOCKS, o->file_locks);
	put_flag(r, OPT_LINK_REMAP, o->link_remap);
	put_flag(r, OPT_AUTO_DEDUP, o->auto_dedup);
	put_flag(r, OPT_LAZY_PAGES, o->lazy_pages);
	put_text(r, OPT_PARENT_IMG, o->parent_path);
	put_flag(r, OPT_TRACK_MEM, o->parent_path || o->pre_dump);
	put_text(r, OPT_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	put_network_lock(r, o);
	/* Whoever made the network of the container makes it again: nothing of it is in the image.
	 */
	pb_put_number(&r->opts, OPT_EMPTY_NS, CLONE_NEWNET);
	put_flag(r, OPT_ORPHAN_PTS_MASTER, true);
	put_flag(r, OPT_NOTIFY_SCRIPTS, true);
	/* An administrator's settings for containers; not the user's ~/.criu. */
	put_text(r, OPT_CONFIG_FILE, CRIU_CONFIG_FILE);
	put_flag(r, OPT_EVASIVE_DEVICES, type == CRIU_RESTORE);
	put_flag(r, OPT_RST_SIBLING, type == CRIU_RESTORE);
	return 0;
}

/* ---- what the verbs add ------------------------------------------------------------------------
 */

void criu_put_places(struct criu_request *r, int images, int work, const char *log)
{
	pb_put_number(&r->opts, OPT_IMAGES_DIR_FD, (uint64_t)images);
	pb_put_number(&r->opts, OPT_WORK_DIR_FD, (uint64_t)work);
	pb_put_number(&r->opts, OPT_LOG_LEVEL, LOG_LEVEL);
	pb_put_string(&r->opts, OPT_LOG_FILE, log);
}

void criu_put_pid(struct criu_request *r, pid_t pid)
{
	pb_put_number(&r->opts, OPT_PID, (uint64_t)pid);
}

void criu_put_root(struct criu_request *r, const char *path)
{
	put_text(r, OPT_ROOT, path);
}

void criu_put_freezer(struct criu_request *r, const char *cgroup)
{
	put_text(r, OPT_FREEZE_CGROUP, cgroup);
}

void criu_put_lsm_profile(struct criu_request *r, const char *profile)
{
	put_text(r, OPT_LSM_PROFILE, profile);
}

void criu_put_mount(struct criu_request *r, const char *key, const char *value)
{
	put_pair(r, OPT_EXT_MNT, key, value);
}

void criu_put_external(struct criu_request *r, const char *what)
{
	put_text(r, OPT_EXTERNAL, what);
}

void criu_put_inherited(struct criu_request *r, const char *key, int number)
{
	AUTO_STR pair = STR_INIT;

	pb_put_string(&pair, PAIR_KEY, key);
	pb_put_number(&pair, PAIR_VALUE, (uint64_t)number);
	pb_put_message(&r->opts, OPT_INHERIT_FD, &pair);
}

int criu_put_fd(struct criu_request *r, const char *key, int fd, struct err *err)
{
	if (r->n_fds == CRIU_FDS_MAX)
		return err_set(err, ERR_BUG, "more than %d descriptors for criu", CRIU_FDS_MAX);
	criu_put_inherited(r, key, CRIU_FIRST_FD + (int)r->n_fds);
	r->fds[r->n_fds++] = fd;
	return 0;
}

void criu_put_join(struct criu_request *r, const char *type, const char *file)
{
	put_pair(r, OPT_JOIN_NS, type, file);
}

/* ---- messages ----------------------------------------------------------------------------------
 */

int criu_request_message(const struct criu_request *r, struct str *out, struct err *err)
{
	pb_put_number(out, REQ_TYPE, r->type);
	pb_put_message(out, REQ_OPTS, &r->opts);
	return str_text(out) ? 0 : err_oom(err);
}

void criu_request_done(struct criu_request *r)
{
	str_done(&r->opts);
}

int criu_answer_message(bool success, struct str *out, struct err *err)
{
	pb_put_number(out, REQ_TYPE, CRIU_NOTIFY);
	pb_put_number(out, REQ_NOTIFY_SUCCESS, success);
	return str_text(out) ? 0 : err_oom(err);
}

static void copy_text(const struct pb_field *f, char *buf, size_t size)
{
	size_t len = f->len < size - 1 ? f->len : size - 1;

	memcpy(buf, f->bytes, len);
	buf[len] = '\0';
	err_make_line(buf);
}

/* The message within F: a notification, or what was restored. */
static int parse_inner(const struct pb_field *outer, struct criu_reply *ret)
{
	struct pb_reader r = { outer->bytes, outer->bytes + outer->len };
	bool notify = outer->number == REPLY_NOTIFY;
	struct pb_field f;
	int rc;

	while ((rc = pb_next(&r, &f)) == 1) {
		if (f.is_bytes && notify && f.number == NOTIFY_SCRIPT)
			copy_text(&f, ret->script, sizeof(ret->script));
		if (!f.is_bytes && f.number == (notify ? (unsigned)NOTIFY_PID : RESTORE_PID))
			ret->pid = (pid_t)f.value;
	}
	return rc;
}

int criu_reply_parse(const char *message, size_t len, struct criu_reply *ret, struct err *err)
{
	struct pb_reader r = { message, message + len };
	struct pb_field f;
	int rc;

	*ret = (struct criu_reply){ .type = 0 };
	while ((rc = pb_next(&r, &f)) == 1) {
		if (!f.is_bytes && f.number == REPLY_TYPE)
			ret->type = (unsigned)f.value;
		else if (!f.is_bytes && f.number == REPLY_SUCCESS)
			ret->success = f.value;
		else if (f.is_bytes && (f.number == REPLY_NOTIFY || f.number == REPLY_RESTORE))
			rc = parse_inner(&f, ret);
		else if (f.is_bytes && f.number == REPLY_ERRMSG)
			copy_text(&f, ret->error, sizeof(ret->error));
		if (rc < 0)
			break;
	}
	if (rc < 0)
		return err_set(err, ERR_SYSTEM, "criu sent what is no message");
	return 0;
}
