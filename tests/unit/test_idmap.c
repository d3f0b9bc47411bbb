/* SPDX-License-Identifier: Apache-2.0 */
/* test_idmap.c - kernel/idmap: C-UMAP-01, C-UMAP-06, C-UMAP-07, I-10, C-MOUNT-31 */
#include "kernel_util.h"

#include <inttypes.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "kernel/idmap.h"

#define SOME_USER 12345

static void ids_are_translated_by_the_entry_that_holds_them(void **state)
{
	const struct oci_id_map map[] = {
		{ .container_id = 0, .host_id = 100000, .size = 10 },
		{ .container_id = 4294967290, .host_id = 5, .size = 4 },
	};
	static const struct {
		uint32_t id;
		int64_t host;
	} rows[] = {
		{ 0, 100000 },      { 9, 100009 },     { 10, -1 },        { 65534, -1 },
		{ 4294967289, -1 }, { 4294967290, 5 }, { 4294967293, 8 }, { 4294967294, -1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(idmap_to_host(map, ARRAY_LEN(map), rows[i].id), rows[i].host);
	assert_int_equal(idmap_to_host(NULL, 0, 0), -1);
}

/* A process that waits in a new user namespace until *ret_end is closed. */
static pid_t make_namespace(int *ret_end)
{
	int ready[2], end[2];
	char byte;

	REQUIRE(pipe2(ready, O_CLOEXEC) == 0 && pipe2(end, O_CLOEXEC) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		close(end[1]);
		byte = unshare(CLONE_NEWUSER) == 0;
		REQUIRE(write(ready[1], &byte, 1) == 1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	REQUIRE(read(ready[0], &byte, 1) == 1);
	if (!byte)
		skip_child("no right to make user namespaces");
	close(ready[0]);
	close(ready[1]);
	close(end[0]);
	*ret_end = end[1];
	return pid;
}

static void read_proc(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	ssize_t n = read(fd, buf, size - 1);
	REQUIRE(n >= 0);
	buf[n] = '\0';
}

static struct oci_config config_with(struct oci_id_map *uids, size_t n_uids,
				     struct oci_id_map *gids, size_t n_gids)
{
	struct oci_config c = CONFIG_BY_HAND;

	c.linux_.uid_map = uids;
	c.linux_.n_uid_map = n_uids;
	c.linux_.gid_map = gids;
	c.linux_.n_gid_map = n_gids;
	return c;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip_child("needs root");
}

static void root_writes(void)
{
	struct oci_id_map uids[] = { { .container_id = 0, .host_id = 100000, .size = 1000 },
				     { .container_id = 1000, .host_id = 0, .size = 1 } };
	struct oci_id_map gids[] = { { .container_id = 0, .host_id = 200000, .size = 65536 } };
	const struct oci_config c = config_with(uids, 2, gids, 1);
	struct err err = ERR_INIT;
	char text[256];
	int end;

	need_root();
	int procfd = trusted_procfs();
	pid_t pid = make_namespace(&end);
	REQUIRE_OK(idmap_write(procfd, pid, &c, &err), err);

	read_proc(pid, "setgroups", text, sizeof(text));
	REQUIRE(strcmp(text, "allow\n") == 0); /* C-UMAP-06 */
	read_proc(pid, "gid_map", text, sizeof(text));
	REQUIRE(strstr(text, "200000") && strstr(text, "65536"));
}

static void privileged_maps_are_written_at_once(void **state)
{
	(void)state;
	in_child(root_writes);
}

/* Long maps take several pages to read and come back sorted. */
static void long_map(void)
{
	enum {
		N = 340
	};
	static struct oci_id_map map[N];
	struct err err = ERR_INIT;
	int end;

	need_root();
	for (uint32_t i = 0; i < N; i++)
		map[i] = (struct oci_id_map){ .container_id = 9 * (N - i),
					      .host_id = 9 * i,
					      .size = 1 + i % 8 };
	const struct oci_config c = config_with(map, N, map, N);

	int procfd = trusted_procfs();
	pid_t pid = make_namespace(&end);
	REQUIRE_OK(idmap_write(procfd, pid, &c, &err), err);
}

static void maps_of_340_lines_are_read_back(void **state)
{
	(void)state;
	in_child(long_map);
}

static void become_some_user(void)
{
	need_root();
	REQUIRE(setresgid(SOME_USER, SOME_USER, SOME_USER) == 0);
	REQUIRE(setresuid(SOME_USER, SOME_USER, SOME_USER) == 0);
	REQUIRE(prctl(PR_SET_DUMPABLE, 1) == 0); /* else /proc/PID belongs to root (C-UMAP-10) */
}

static void own_id(void)
{
	struct oci_id_map uids[] = { { .container_id = 0, .host_id = SOME_USER, .size = 1 } };
	const struct oci_config c = config_with(uids, 1, uids, 1);
	struct err err = ERR_INIT;
	char text[256];
	int end;

	int procfd = trusted_procfs();
	become_some_user();
	pid_t pid = make_namespace(&end);
	REQUIRE_OK(idmap_write(procfd, pid, &c, &err), err);
	read_proc(pid, "setgroups", text, sizeof(text));
	REQUIRE(strcmp(text, "deny\n") == 0);
}

/* C-UMAP-06 */
static void a_user_maps_the_own_id_without_help(void **state)
{
	(void)state;
	in_child(own_id);
}

static void foreign_ids(void)
{
	struct oci_id_map map[] = { { .container_id = 0, .host_id = SOME_USER, .size = 1 },
				    { .container_id = 1, .host_id = 100000, .size = 65536 } };
	const struct oci_config c = config_with(map, 2, map, 2);
	struct err err = ERR_INIT;
	char text[256];
	int end;

	int procfd = trusted_procfs();
	become_some_user();
	REQUIRE(setenv("PATH", "/nowhere", 1) == 0);
	pid_t pid = make_namespace(&end);
	REQUIRE(freopen("/dev/null", "w",
			stderr)); /* of the helper: no such range in /etc/subuid */
	REQUIRE(idmap_write(procfd, pid, &c, &err) < 0);
	REQUIRE(strstr(err.msg, "linux.uidMappings"));
	REQUIRE(strstr(err.msg, "newuidmap"));
	read_proc(pid, "uid_map", text, sizeof(text));
	REQUIRE(text[0] == '\0');
}

/* C-UMAP-07: without the helper, or without a range for the user, nothing is mapped. */
static void other_ids_need_the_helper_programs(void **state)
{
	(void)state;
	in_child(foreign_ids);
}

static void bad_map(void)
{
	struct oci_id_map overlap[] = { { .container_id = 0, .host_id = 1000, .size = 10 },
					{ .container_id = 5, .host_id = 5000, .size = 10 } };
	const struct oci_config c = config_with(overlap, 2, overlap, 2);
	struct err err = ERR_INIT;
	int end;

	need_root();
	int procfd = trusted_procfs();
	pid_t pid = make_namespace(&end);
	REQUIRE(idmap_write(procfd, pid, &c, &err) < 0);
	REQUIRE(err.sys == EINVAL);
}

static void what_the_kernel_refuses_is_a_failure(void **state)
{
	(void)state;
	in_child(bad_map);
}

static void too_much_text(void)
{
	enum {
		N = 340
	};
	static struct oci_id_map map[N];
	struct err err = ERR_INIT;
	int end;

	need_root();
	for (uint32_t i = 0; i < N; i++)
		map[i] = (struct oci_id_map){ .container_id = 1000000 + i,
					      .host_id = 1000000 + i,
					      .size = 1 };
	const struct oci_config c = config_with(map, N, map, N);

	int procfd = trusted_procfs();
	pid_t pid = make_namespace(&end);
	REQUIRE(idmap_write(procfd, pid, &c, &err) < 0);
	REQUIRE(strstr(err.msg, "bytes"));
}

static void a_map_above_one_page_of_text_is_refused_with_the_reason(void **state)
{
	(void)state;
	in_child(too_much_text);
}

/* ---- user namespaces that only hold maps ---------------------------------------------------- */

static void no_child_is_left(void)
{
	errno = 0;
	REQUIRE(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void hold_maps(void)
{
	struct oci_id_map one[] = { { .container_id = 0, .host_id = 5000, .size = 10 } };
	struct oci_id_map same[] = { { .container_id = 0, .host_id = 5000, .size = 10, .at = 9 } };
	struct oci_id_map other[] = { { .container_id = 0, .host_id = 5000, .size = 11 } };
	const struct idmap_pair pair = { one, one, 1, 1 };
	const struct idmap_pair again = { same, same, 1, 1 };
	const struct idmap_pair third = { one, other, 1, 1 };
	AUTO_ARENA a = ARENA_INIT;
	struct idmap_ns *list = NULL;
	struct err err = ERR_INIT;
	int fd = -1, fd_again = -1, fd_third = -1;

	need_root();
	int procfd = trusted_procfs();
	size_t fds = open_fds();
	REQUIRE_OK(idmap_ns_get(&list, &pair, procfd, &a, &fd, &err), err);
	REQUIRE_OK(idmap_ns_get(&list, &again, procfd, &a, &fd_again, &err), err);
	REQUIRE_OK(idmap_ns_get(&list, &third, procfd, &a, &fd_third, &err), err);

	REQUIRE(fd >= 0 && fd == fd_again && fd_third >= 0 && fd_third != fd);
	REQUIRE(open_fds() == fds + 2);
	no_child_is_left();

	idmap_ns_done(&list);
	REQUIRE(!list && open_fds() == fds);
}

static void equal_maps_share_a_namespace_that_nobody_lives_in(void **state)
{
	(void)state;
	in_child(hold_maps);
}

static void refuse_maps(void)
{
	struct oci_id_map good[] = { { .container_id = 0, .host_id = 5000, .size = 10 } };
	struct oci_id_map bad[] = { { .container_id = 0, .host_id = 5000, .size = 0 } };
	const struct idmap_pair pair = { good, bad, 1, 1 };
	AUTO_ARENA a = ARENA_INIT;
	struct idmap_ns *list = NULL;
	struct err err = ERR_INIT;
	int fd = -1;

	need_root();
	int procfd = trusted_procfs();
	size_t fds = open_fds();
	REQUIRE(idmap_ns_get(&list, &pair, procfd, &a, &fd, &err) < 0);

	REQUIRE(strncmp(err.msg, "gidMappings: ", 13) == 0);
	REQUIRE(fd == -1 && !list && open_fds() == fds);
	no_child_is_left();
}

static void refused_maps_leave_nothing(void **state)
{
	(void)state;
	in_child(refuse_maps);
}

static void run_out_of_namespaces(void)
{
	struct oci_id_map map[] = { { .container_id = 0, .host_id = 0, .size = 1 } };
	const struct idmap_pair pair = { map, map, 1, 1 };
	AUTO_ARENA a = ARENA_INIT;
	struct idmap_ns *list = NULL;
	struct err err = ERR_INIT;
	int fd = -1;

	int procfd = trusted_procfs();
	if (unshare(CLONE_NEWUSER) < 0)
		skip_child("no right to make user namespaces");
	/* Every user namespace has a limit of its own for those in it. */
	AUTO_FD limit = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
	if (limit < 0 || write(limit, "0", 1) != 1)
		skip_child("no right to lower max_user_namespaces");

	REQUIRE(idmap_ns_get(&list, &pair, procfd, &a, &fd, &err) < 0);
	REQUIRE(strstr(err.msg, "(see /proc/sys/user/max_user_namespaces)"));
	no_child_is_left();
}

static void exhausted_namespaces_are_explained(void **state)
{
	(void)state;
	in_child(run_out_of_namespaces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_translated_by_the_entry_that_holds_them),
		cmocka_unit_test(privileged_maps_are_written_at_once),
		cmocka_unit_test(maps_of_340_lines_are_read_back),
		cmocka_unit_test(a_user_maps_the_own_id_without_help),
		cmocka_unit_test(other_ids_need_the_helper_programs),
		cmocka_unit_test(what_the_kernel_refuses_is_a_failure),
		cmocka_unit_test(a_map_above_one_page_of_text_is_refused_with_the_reason),
		cmocka_unit_test(equal_maps_share_a_namespace_that_nobody_lives_in),
		cmocka_unit_test(refused_maps_leave_nothing),
		cmocka_unit_test(exhausted_namespaces_are_explained),
	};

	return cmocka_run_group_tests_name("idmap", tests, NULL, NULL);
}
