/* SPDX-License-Identifier: Apache-2.0 */
#include "base_util.h"

#include <sys/file.h>

#include "base/fd.h"
#include "container/store.h"

/* R-LIFE-03, S-31, I-24 */
static void id_takes_the_allowed_characters_only(void **state)
{
	static const char *const good[] = { "a", "0", "web_1", "a.b-c+d", "x..y", "_" };
	static const char *const bad[] = { "",    ".",        "..",  ".x",     "-x",   "a/b", "a b",
					   "a:b", "\xc3\xa9", "a\n", "%s\x01", "../x", "a\\b" };
	char longest[STORE_ID_MAX + 2];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(store_check_id(good[i], &err), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(store_check_id(bad[i], &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
	memset(longest, 'a', sizeof(longest));
	longest[STORE_ID_MAX + 1] = '\0';
	struct err err = ERR_INIT;
	assert_int_equal(store_check_id(longest, &err), -1);
	longest[STORE_ID_MAX] = '\0';
	assert_int_equal(store_check_id(longest, &err), 0);
}

static int open_root(struct scratch *s, const char *name, bool create, int *fd, struct err *err)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", s->path, name);
	return store_root_open(path, create, fd, err);
}

static void root_is_made_with_its_parents_and_closed_to_others(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct stat st;
	int fd = -1;

	assert_int_equal(open_root(s, "a/b/c", true, &fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	close(fd);
}

static void missing_root_is_not_made_by_readers(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	int fd = 7;

	assert_int_equal(open_root(s, "none", false, &fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(faccessat(s->fd, "none", F_OK, 0), -1);
}

/* S-31 */
static void root_of_others_is_refused(void **state)
{
	struct scratch *s = *state;
	int fd = -1;

	assert_int_equal(mkdirat(s->fd, "open", 0700), 0);
	assert_int_equal(fchmodat(s->fd, "open", 0777, 0), 0);
	assert_int_equal(symlinkat("open", s->fd, "link"), 0);
	close(openat(s->fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	static const char *const names[] = { "open", "link", "file" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(open_root(s, names[i], true, &fd, &err), -1);
		assert_non_null(strstr(err.msg, names[i]));
	}
}

/* R-LIFE-02: exactly one claim wins. */
static void second_claim_of_an_id_fails(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_STORE first = STORE_INIT;
	AUTO_STORE second = STORE_INIT;

	assert_int_equal(store_claim(s->fd, "web", &first, &err), 0);
	assert_int_equal(store_claim(s->fd, "web", &second, &err), -1);
	assert_non_null(strstr(err.msg, "container with given ID already exists"));
}

static void claim_is_locked_until_unlocked(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_STORE mine = STORE_INIT;
	AUTO_STORE reader = STORE_INIT;

	assert_int_equal(store_claim(s->fd, "web", &mine, &err), 0);
	assert_int_equal(store_open(s->fd, "web", false, &reader, &err), 0);
	assert_true(store_is_locked(&reader));
	store_unlock(&mine);
	assert_false(store_is_locked(&reader));
}

static void unknown_container_says_does_not_exist(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_STORE none = STORE_INIT;

	assert_int_equal(store_open(s->fd, "nope", true, &none, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.msg, "does not exist"));
	assert_int_equal(store_open(-1, "nope", true, &none, &err), -1);
}

static const struct json_pair notes[] = { { "a.b", "x\"y\n", 0 }, { "empty", "", 0 } };

static struct record sample(void)
{
	return (struct record){
		.phase = PHASE_CREATED,
		.id = "web",
		.bundle = "/b \"q\"",
		.rootfs = "/b/rootfs",
		.oci_version = "1.2.0",
		.created = "2026-01-02T03:04:05.000000006Z",
		.owner = 12,
		.pid = 4321,
		.start_time = UINT64_MAX,
		.cgroup = "/x/web",
		.cgroup_ino = 99,
		.cgroup_created = true,
		.rdt = { .clos = "gold",
			 .monitor = "web",
			 .clos_made = true,
			 .keep = true,
			 .clos_inode = UINT64_MAX,
			 .monitor_inode = 7 },
		.has_poststop = true,
		.has_process = true,
		.notifies = true,
		.annotations = { .v = (struct json_pair *)(uintptr_t)notes, .n = ARRAY_LEN(notes) },
	};
}

static void record_survives_writing_and_reading(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct record in = sample(), out;
	AUTO_ARENA a = ARENA_INIT;
	AUTO_STORE store = STORE_INIT;
	assert_int_equal(store_claim(s->fd, "web", &store, &err), 0);

	assert_int_equal(store_write(&store, &in, &err), 0);
	assert_int_equal(store_read(&store, &a, &out, &err), 1);

	assert_int_equal(out.phase, PHASE_CREATED);
	assert_string_equal(out.bundle, in.bundle);
	assert_string_equal(out.cgroup, in.cgroup);
	assert_int_equal(out.pid, in.pid);
	assert_true(out.start_time == in.start_time);
	assert_true(out.cgroup_created && out.has_poststop && out.has_process && out.notifies);
	assert_string_equal(out.rdt.clos, "gold"); /* C-RDT-13 */
	assert_string_equal(out.rdt.monitor, "web");
	assert_true(out.rdt.clos_made && out.rdt.keep && out.rdt.clos_inode == UINT64_MAX);
	assert_int_equal(out.rdt.monitor_inode, 7);
	assert_false(out.has_poststart || out.own_pid_ns || out.hooks_began);
	assert_int_equal(out.annotations.n, 2);
	assert_string_equal(out.annotations.v[0].value, "x\"y\n");
}

/* C-RDT-13: they become paths of what `delete` removes. */
static void impossible_class_of_resctrl_is_damage(void **state)
{
	static const struct rdt_group groups[] = {
		{ .clos = NULL },        { .clos = "" },
		{ .clos = "a" },         { .clos = "..", .clos_made = true },
		{ .clos = "a/b" },       { .clos = "", .monitor = "../x" },
		{ .clos = "a", .monitor = "" },
	};
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_STORE store = STORE_INIT;
	assert_int_equal(store_claim(s->fd, "web", &store, &err), 0);

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		AUTO_ARENA a = ARENA_INIT;
		struct record in = sample(), out;
		in.rdt = groups[i];
		assert_int_equal(store_write(&store, &in, &err), 0);
		assert_int_equal(store_read(&store, &a, &out, &err), i < 3);
	}
}

/* S-78: a record that is cut anywhere is damaged, never half believed. */
static void truncated_record_is_damaged(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct record in = sample(), out;
	AUTO_STORE store = STORE_INIT;
	assert_int_equal(store_claim(s->fd, "web", &store, &err), 0);
	assert_int_equal(store_write(&store, &in, &err), 0);
	struct stat st;
	assert_int_equal(fstatat(store.dir, "state.json", &st, 0), 0);

	for (off_t len = st.st_size - 3; len >= 0; len -= 7) {
		AUTO_ARENA a = ARENA_INIT;
		AUTO_FD fd = openat(store.dir, "state.json", O_WRONLY | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, len), 0);
		assert_int_equal(store_read(&store, &a, &out, &err), 0);
	}
}

static void list_shows_containers_and_nothing_foreign(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_ARENA a = ARENA_INIT;
	const char **ids;
	size_t n;
	assert_int_equal(mkdirat(s->fd, "b", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "a", 0700), 0);
	assert_int_equal(mkdirat(s->fd, ".cache", 0700), 0);
	close(openat(s->fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	assert_int_equal(store_list(s->fd, &a, &ids, &n, &err), 0);

	assert_int_equal(n, 2);
	assert_string_equal(ids[0], "a");
	assert_string_equal(ids[1], "b");
}

/* S-78: whatever lies in the directory, delete --force gets rid of it. */
static void remove_takes_leftovers_along(void **state)
{
	struct scratch *s = *state;
	struct err err = ERR_INIT;
	AUTO_STORE store = STORE_INIT;
	assert_int_equal(store_claim(s->fd, "web", &store, &err), 0);
	assert_int_equal(mkdirat(store.dir, "state.json", 0700), 0);
	close(openat(store.dir, ".state.json.abc", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	assert_int_equal(store_remove(&store, &err), 0);

	assert_int_equal(faccessat(s->fd, "web", F_OK, 0), -1);
	assert_int_equal(store_remove(&store, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_takes_the_allowed_characters_only),
		SCRATCH_TEST(root_is_made_with_its_parents_and_closed_to_others),
		SCRATCH_TEST(missing_root_is_not_made_by_readers),
		SCRATCH_TEST(root_of_others_is_refused),
		SCRATCH_TEST(second_claim_of_an_id_fails),
		SCRATCH_TEST(claim_is_locked_until_unlocked),
		SCRATCH_TEST(unknown_container_says_does_not_exist),
		SCRATCH_TEST(record_survives_writing_and_reading),
		SCRATCH_TEST(impossible_class_of_resctrl_is_damage),
		SCRATCH_TEST(truncated_record_is_damaged),
		SCRATCH_TEST(list_shows_containers_and_nothing_foreign),
		SCRATCH_TEST(remove_takes_leftovers_along),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
