/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "criu-internal.h"

#define STDIO_FILE  "descriptors.json"
#define STDIO_MAX   4096
#define FIRST_IMAGE "inventory.img" /* every image has it */

/* ---- directories -------------------------------------------------------------------------------
 */

/* Parents as anybody's, the directory itself as ours: memory of processes will be in it. */
static int make_dir(const char *path, int *ret_fd, struct err *err)
{
	AUTO_PATH absolute = path_absolute(path);
	AUTO_FD top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!absolute || top < 0)
		return err_sys(err, "resolve '%s'", path);
	return path_make_in(top, absolute, PATH_DIR, 0700, 0, ret_fd, err) < 0 ? -1 : 0;
}

static int open_dir(const char *path, bool create, int *ret_fd, struct err *err)
{
	struct stat st;
	AUTO_FD fd = -1;

	if (create && make_dir(path, &fd, err) < 0)
		return -1;
	if (!create)
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is no directory", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int check_parent(int dir, const char *parent, struct err *err)
{
	struct stat st;

	if (parent[0] == '/')
		return err_set(err, ERR_USAGE,
			       "--parent-path '%s' must be relative to the image's directory",
			       parent);
	if (fstatat(dir, parent, &st, 0) < 0)
		return err_sys(err, "invalid --parent-path '%s'", parent);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "invalid --parent-path '%s': no directory", parent);
	return 0;
}

int image_open(const struct image_options *o, bool create, const char *log, struct image *ret,
	       struct err *err)
{
	AUTO_IMAGE im = IMAGE_INIT;
	const char *path = o->image_path ? o->image_path : "checkpoint";
	struct stat st;

	if (open_dir(path, create, &im.dir, err) < 0)
		return err_wrap(err, "--image-path");
	if (!create && fstatat(im.dir, FIRST_IMAGE, &st, 0) < 0)
		return err_sys(err, "--image-path '%s' holds no checkpoint: open '%s'", path,
			       FIRST_IMAGE);
	if (o->parent_path && check_parent(im.dir, o->parent_path, err) < 0)
		return -1;
	im.work_name = o->work_path ? o->work_path : path;
	im.log = log;
	if (open_dir(im.work_name, true, &im.work, err) < 0)
		return err_wrap(err, "--work-path");
	/* What an earlier run has said must not be taken for this one's. */
	(void)unlinkat(im.work, log, 0);
	*ret = im;
	im = (struct image)IMAGE_INIT;
	return 0;
}

void image_done(struct image *im)
{
	fd_close(&im->dir);
	fd_close(&im->work);
}

/* ---- descriptors -------------------------------------------------------------------------------
 */

int image_write_stdio(const struct image *im, const struct json_strings *stdio, struct err *err)
{
	AUTO_STR text = STR_INIT;

	str_add(&text, "[");
	for (size_t i = 0; i < stdio->n; i++) {
		str_add(&text, i ? "," : "");
		str_add_json(&text, stdio->v[i]);
	}
	str_add(&text, "]");
	if (!str_text(&text))
		return err_oom(err);
	return file_replace_at(im->dir, STDIO_FILE, text.s, text.len, 0600, err);
}

int image_read_stdio(const struct image *im, struct arena *a, struct json_strings *ret,
		     struct err *err)
{
	/* Our documents are objects, this one of others is an array. */
	static const struct json_field fields[] = {
		{ .key = "fds", .decode = json_dec_strings, .required = true },
		{ .key = NULL },
	};
	struct json_doc doc;
	char *text;
	size_t len;

	*ret = (struct json_strings){ .n = 0 };
	if (file_read_at(im->dir, STDIO_FILE, STDIO_MAX, a, &text, &len, err) < 0) {
		if (errno != ENOENT)
			return -1;
		*err = (struct err)ERR_INIT;
		return 0;
	}
	text = arena_printf(a, "{\"fds\":%s}", text);
	if (!text)
		return err_oom(err);
	if (json_parse(&doc, STDIO_FILE, text, strlen(text), a, err) < 0)
		return -1;
	struct json_decoder d = { .doc = &doc, .arena = a, .err = err };
	json_decode(&d, &doc.nodes[0], fields, ret);
	if (json_finish(&d) < 0)
		return -1;
	if (ret->n > 3)
		return err_set(err, ERR_CONFIG, "%s names %zu descriptors, expected 0 to 3",
			       STDIO_FILE, ret->n);
	return 0;
}

/* ---- failures ----------------------------------------------------------------------------------
 */

int image_explain(const struct image *im, struct err *err)
{
	AUTO_STR words = STR_INIT;
	struct err criu = *err;
	AUTO_FD fd = openat(im->work, im->log, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		criu_last_words(fd, &words);
	if (!words.len)
		return -1;
	return err_set(err, criu.kind, "criu failed: %s (see '%s/%s')", words.s, im->work_name,
		       im->log);
}

/* ---- what is not possible ----------------------------------------------------------------------
 */

const char *image_ns_key(enum oci_ns ns)
{
	if (ns == OCI_NS_NETWORK)
		return "extRootNetNS";
	return ns == OCI_NS_PID ? "extRootPidNS" : NULL;
}

static int check_namespaces(const struct oci_config *c, struct err *err)
{
	static const enum oci_ns joined[] = { OCI_NS_MOUNT, OCI_NS_CGROUP, OCI_NS_TIME };
	const struct oci_namespace *user = &c->linux_.ns[OCI_NS_USER];

	if (user->present)
		return config_fail(c, user->at, err,
				   "linux.namespaces: a container with a user namespace cannot be "
				   "checkpointed or restored yet");
	if (!config_ns_new(c, OCI_NS_MOUNT))
		return err_set(err, ERR_CONFIG,
			       "a container without a mount namespace of its own cannot be "
			       "checkpointed or restored");
	for (size_t i = 0; i < ARRAY_LEN(joined); i++) {
		if (config_ns_join(c, joined[i]))
			return config_fail(
				c, c->linux_.ns[joined[i]].at, err,
				"linux.namespaces: a container that joins this namespace "
				"cannot be checkpointed or restored");
	}
	return 0;
}

int image_check_config(const struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->annotations.n; i++) {
		/* Such a file can make criu run any program as root. */
		if (strcmp(c->annotations.v[i].key, "org.criu.config") == 0)
			return config_fail(
				c, c->annotations.v[i].at, err,
				"annotations: org.criu.config is not supported; settings "
				"for all containers belong in " CRIU_CONFIG_FILE);
	}
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (config_mount_is_mapped(&c->mounts[i]))
			return config_fail(
				c, c->mounts[i].at, err,
				"mounts[%zu]: a container with an id-mapped mount cannot "
				"be checkpointed or restored",
				i);
	}
	if (config_ns_new(c, OCI_NS_NETWORK) && c->linux_.n_net_devices)
		return err_set(
			err, ERR_CONFIG,
			"linux.netDevices: a container with devices in a network namespace of "
			"its own cannot be checkpointed or restored");
	return check_namespaces(c, err);
}
