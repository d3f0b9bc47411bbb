/* SPDX-License-Identifier: Apache-2.0 */
/* The device filter into the kernel (bpf(2)), onto a cgroup and off it. */
#include "kernel/devfilter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

/* By this name we find our own program again; at most 15 bytes of [A-Za-z0-9_.]. */
#define PROGRAM_NAME "cruntime_device"
_Static_assert(sizeof(PROGRAM_NAME) <= BPF_OBJ_NAME_LEN, "the kernel's limit");

/* The kernel's own limit per cgroup (BPF_CGROUP_MAX_PROGS). */
#define ATTACHED_MAX 64

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load(const struct devfilter *f, char *log, size_t log_size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)f->insns;
	attr.insn_cnt = (uint32_t)f->n_insns;
	attr.license = (uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	if (log) {
		attr.log_buf = (uintptr_t)log;
		attr.log_size = (uint32_t)log_size;
		attr.log_level = 1;
	}

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* The verifier's verdict stands before its last line, which is a statistic. */
static void keep_last_words(char *log)
{
	char *stats = strstr(log, "\nprocessed ");

	if (stats)
		*stats = '\0';

	char *last = strrchr(log, '\n');
	if (last)
		memmove(log, last + 1, strlen(last + 1) + 1);
}

/* Loading once more with a log costs only those who fail. */
static int fail_load(const struct devfilter *f, struct err *err)
{
	AUTO_ARENA scratch = ARENA_INIT;
	const size_t size = (size_t)64 << 10;
	int reason = errno;

	char *log = arena_alloc(&scratch, size, 1);
	if (log) {
		int fd = load(f, log, size);

		fd_close(&fd);
		log[size - 1] = '\0';
		keep_last_words(log);
	}
	errno = reason;
	if (log && log[0])
		return err_sys(err,
			       "load the device filter (%zu instructions): the kernel says '%s'",
			       f->n_insns, log);

	return err_sys(err, "load the device filter (%zu instructions)", f->n_insns);
}

static bool is_ours(int prog)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)prog;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 &&
	       strncmp(info.name, PROGRAM_NAME, sizeof(info.name)) == 0;
}

/* The program that an earlier call attached to the cgroup, or -1. */
static int find_ours(int cgroupfd)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroupfd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = ATTACHED_MAX;
	if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;

	for (size_t i = 0; i < attr.query.prog_cnt && i < ATTACHED_MAX; i++) {
		union bpf_attr get;

		memset(&get, 0, sizeof(get));
		get.prog_id = ids[i];

		AUTO_FD prog = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get);
		if (prog >= 0 && is_ours(prog))
			return fd_take(&prog);
	}

	return -1;
}

void devfilter_detach(int cgroupfd)
{
	AUTO_FD prog = find_ours(cgroupfd);
	union bpf_attr attr;

	if (prog < 0)
		return;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroupfd;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (sys_bpf(BPF_PROG_DETACH, &attr) < 0)
		log_debug("detach the device filter: %s", err_text(errno));
}

int devfilter_attach(const struct devfilter *f, int cgroupfd, struct err *err)
{
	union bpf_attr attr;

	if (f->n_insns == 0) {
		devfilter_detach(cgroupfd);
		return 0;
	}

	AUTO_FD prog = load(f, NULL, 0);
	if (prog < 0)
		return fail_load(f, err);

	AUTO_FD old = find_ours(cgroupfd);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroupfd;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	if (sys_bpf(BPF_PROG_ATTACH, &attr) == 0)
		return 0;
	if (errno == EPERM)
		return err_sys(err, "attach the device filter (a program that was attached to this "
				    "or a higher cgroup without BPF_F_ALLOW_MULTI forbids it)");

	return err_sys(err, "attach the device filter");
}

/* PROC_USER_INIT_INO of the kernel: the number of the first user namespace never changes. */
#define FIRST_USERNS_INO 0xEFFFFFFDU

static bool has_bpf_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	if (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN))
		return true;

	return (data[CAP_TO_INDEX(CAP_BPF)].effective & CAP_TO_MASK(CAP_BPF)) &&
	       (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN));
}

bool devfilter_is_enforceable(void)
{
	struct stat st;

	if (!has_bpf_rights())
		return false;

	/* A kernel without user namespaces has only the first one. */
	return stat("/proc/self/ns/user", &st) < 0 || st.st_ino == FIRST_USERNS_INO;
}
