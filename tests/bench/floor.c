/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c - the least that a container of the benchmark can cost on this kernel
 *
 *   floor docker|minimal ROOTFS CGROUP PROGRAM
 *
 * What a runtime makes of the two bundles, hard-coded: no JSON, no state, no safe resolution of
 * paths, no checks worth the name. One image, one clone that shares its memory, the calls that the
 * kernel needs, execve. A reference for `make bench`, not an example. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILTER_LEN 445 /* of Docker's profile, as ranges in a tree */

static bool docker;
static const char *rootfs, *cgroup, *program;

static void must(const char *what, long r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(path, fd);
	must(path, write(fd, value, strlen(value)));
	close(fd);
}

/* 23 instructions that allow everything: as many as the rules of Docker make. */
static void attach_device_program(int cgroup_fd)
{
	struct bpf_insn code[23];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE };

	for (int i = 0; i < 22; i++)
		code[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 };
	code[22] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = 23;
	attr.license = (uintptr_t) "Apache-2.0";
	int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	must("BPF_PROG_LOAD", prog);
	union bpf_attr attach = { .target_fd = (uint32_t)cgroup_fd,
				  .attach_bpf_fd = (uint32_t)prog,
				  .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	must("BPF_PROG_ATTACH", syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
	close(prog);
}

static void load_filter(void)
{
	static struct sock_filter code[FILTER_LEN];
	struct sock_fprog prog = { .len = FILTER_LEN, .filter = code };

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	for (int i = 1; i < FILTER_LEN - 1; i++)
		code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
						       (uint32_t)(100000 + i), 0, 0);
	code[FILTER_LEN - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must("socket", sock);
	must("SIOCSIFFLAGS", ioctl(sock, SIOCSIFFLAGS, &r));
	close(sock);
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = { { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
		      { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" },
						{ "/proc/self/fd/0", "dev/stdin" },
						{ "/proc/self/fd/1", "dev/stdout" },
						{ "/proc/self/fd/2", "dev/stderr" },
						{ "pts/ptmx", "dev/ptmx" } };

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		must("mknod",
		     mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		must("symlink", symlink(links[i][0], links[i][1]));
}

static void make_mounts(void)
{
	const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;

	must("proc", mount("proc", "proc", "proc", docker ? safe : 0, NULL));
	must("dev",
	     mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
	make_devices();
	if (!docker)
		return;
	mkdir("dev/pts", 0755);
	mkdir("dev/shm", 0755);
	mkdir("dev/mqueue", 0755);
	must("pts", mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			  "newinstance,ptmxmode=0666,mode=0620,gid=5"));
	must("sys", mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL));
	must("cgroup", mount("cgroup", "sys/fs/cgroup", "cgroup2", safe | MS_RDONLY, NULL));
	must("mqueue", mount("mqueue", "dev/mqueue", "mqueue", safe, NULL));
	must("shm", mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=67108864"));
	must("bind", mount("etc/a", "etc/resolv.conf", NULL, MS_BIND | MS_REC, NULL));
	must("bind", mount("etc/b", "etc/hostname", NULL, MS_BIND | MS_REC, NULL));
	must("bind", mount("etc/c", "etc/hosts", NULL, MS_BIND | MS_REC, NULL));
}

static void protect(void)
{
	static const char *const masked[] = { "/proc/acpi", "/proc/interrupts", "/proc/kcore",
					      "/proc/keys", "/proc/timer_list", "/sys/firmware" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };

	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
			must(masked[i], mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL));
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++) {
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0)
			continue; /* not in this kernel */
		must(readonly[i],
		     mount(NULL, readonly[i], NULL,
			   MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   NULL));
	}
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0xa80425fb, 0xa80425fb, 0 }, { 0, 0, 0 } };

	for (unsigned i = 0; i < 41; i++)
		if (i >= 32 || !(0xa80425fb >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	must("capset", syscall(SYS_capset, &head, data));
}

static int child(void)
{
	static char *env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	char *argv[] = { (char *)program, NULL };

	if (docker)
		must("unshare", unshare(CLONE_NEWCGROUP));
	must("private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must("root", mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	must("chdir", chdir(rootfs));
	if (docker) {
		loopback_up();
		must("sethostname", sethostname("floor", 5));
	}
	make_mounts();
	must("pivot_root", syscall(SYS_pivot_root, ".", "."));
	must("umount", umount2(".", MNT_DETACH));
	must("chdir", chdir("/"));
	if (docker) {
		put("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
		put("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
		protect();
		load_filter();
	}
	setsid();
	drop_capabilities();
	execve(program, argv, env);
	must(program, -1);
	return 1;
}

/* The child shares our memory until it executes the program. */
static pid_t spawn(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID,
		.exit_signal = SIGCHLD,
	};

	if (docker) {
		args.flags |= CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	long pid;
#ifdef __x86_64__
	/* Inline, because the call comes back twice on one stack, as vfork does: a return address
	 * would be overwritten by the child. */
	args.flags |= CLONE_VM | CLONE_VFORK;
	__asm__ volatile("syscall"
			 : "=a"(pid)
			 : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args))
			 : "rcx", "r11", "memory");
	errno = pid < 0 ? (int)-pid : 0;
#else
	pid = syscall(SYS_clone3, &args, sizeof(args));
#endif
	if (pid == 0)
		_exit(child());
	must("clone3", pid);
	return (pid_t)pid;
}

int main(int argc, char **argv)
{
	int status, cgroup_fd = -1;

	if (argc != 5)
		return 125;
	docker = strcmp(argv[1], "docker") == 0;
	rootfs = argv[2];
	cgroup = argv[3];
	program = argv[4];
	if (docker) {
		must("mkdir cgroup", mkdir(cgroup, 0755));
		cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must("open cgroup", cgroup_fd);
		attach_device_program(cgroup_fd);
	}
	pid_t pid = spawn(cgroup_fd);
	must("waitpid", waitpid(pid, &status, 0));
	if (docker)
		must("rmdir cgroup", rmdir(cgroup));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
