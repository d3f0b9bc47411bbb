/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/names.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "base/str.h"

/* linux/elf-em.h of Debian 12 does not know it; linux/audit.h of 6.1 does not either everywhere. */
#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (EM_LOONGARCH | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif
/* The kernel reports x32 calls as AUDIT_ARCH_X86_64 and marks them in the number; libseccomp gives
 * the architecture this token of its own: machine and byte order without the 64 bit flag. */
#define ARCH_X32 (EM_X86_64 | __AUDIT_ARCH_LE)

/* Kernel 6.9; an enumerator, so it cannot be tested for with the preprocessor. */
#define POLICY_WEIGHTED_INTERLEAVE 6
/* Never merged into the mainline kernel, but a name of the spec (C-SCHED-02). */
#define POLICY_ISO                 4

#define END                                                                                        \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* clang-format off */
const struct name_value oci_capabilities[] = {
	{ "CAP_CHOWN",              CAP_CHOWN },
	{ "CAP_DAC_OVERRIDE",       CAP_DAC_OVERRIDE },
	{ "CAP_DAC_READ_SEARCH",    CAP_DAC_READ_SEARCH },
	{ "CAP_FOWNER",             CAP_FOWNER },
	{ "CAP_FSETID",             CAP_FSETID },
	{ "CAP_KILL",               CAP_KILL },
	{ "CAP_SETGID",             CAP_SETGID },
	{ "CAP_SETUID",             CAP_SETUID },
	{ "CAP_SETPCAP",            CAP_SETPCAP },
	{ "CAP_LINUX_IMMUTABLE",    CAP_LINUX_IMMUTABLE },
	{ "CAP_NET_BIND_SERVICE",   CAP_NET_BIND_SERVICE },
	{ "CAP_NET_BROADCAST",      CAP_NET_BROADCAST },
	{ "CAP_NET_ADMIN",          CAP_NET_ADMIN },
	{ "CAP_NET_RAW",            CAP_NET_RAW },
	{ "CAP_IPC_LOCK",           CAP_IPC_LOCK },
	{ "CAP_IPC_OWNER",          CAP_IPC_OWNER },
	{ "CAP_SYS_MODULE",         CAP_SYS_MODULE },
	{ "CAP_SYS_RAWIO",          CAP_SYS_RAWIO },
	{ "CAP_SYS_CHROOT",         CAP_SYS_CHROOT },
	{ "CAP_SYS_PTRACE",         CAP_SYS_PTRACE },
	{ "CAP_SYS_PACCT",          CAP_SYS_PACCT },
	{ "CAP_SYS_ADMIN",          CAP_SYS_ADMIN },
	{ "CAP_SYS_BOOT",           CAP_SYS_BOOT },
	{ "CAP_SYS_NICE",           CAP_SYS_NICE },
	{ "CAP_SYS_RESOURCE",       CAP_SYS_RESOURCE },
	{ "CAP_SYS_TIME",           CAP_SYS_TIME },
	{ "CAP_SYS_TTY_CONFIG",     CAP_SYS_TTY_CONFIG },
	{ "CAP_MKNOD",              CAP_MKNOD },
	{ "CAP_LEASE",              CAP_LEASE },
	{ "CAP_AUDIT_WRITE",        CAP_AUDIT_WRITE },
	{ "CAP_AUDIT_CONTROL",      CAP_AUDIT_CONTROL },
	{ "CAP_SETFCAP",            CAP_SETFCAP },
	{ "CAP_MAC_OVERRIDE",       CAP_MAC_OVERRIDE },
	{ "CAP_MAC_ADMIN",          CAP_MAC_ADMIN },
	{ "CAP_SYSLOG",             CAP_SYSLOG },
	{ "CAP_WAKE_ALARM",         CAP_WAKE_ALARM },
	{ "CAP_BLOCK_SUSPEND",      CAP_BLOCK_SUSPEND },
	{ "CAP_AUDIT_READ",         CAP_AUDIT_READ },
	{ "CAP_PERFMON",            38 }, /* kernel 5.8 */
	{ "CAP_BPF",                39 }, /* kernel 5.8 */
	{ "CAP_CHECKPOINT_RESTORE", 40 }, /* kernel 5.9 */
	END
};

const struct name_value oci_rlimits[] = {
	{ "RLIMIT_AS",         RLIMIT_AS },
	{ "RLIMIT_CORE",       RLIMIT_CORE },
	{ "RLIMIT_CPU",        RLIMIT_CPU },
	{ "RLIMIT_DATA",       RLIMIT_DATA },
	{ "RLIMIT_FSIZE",      RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS",      RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK",    RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE",   RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE",       RLIMIT_NICE },
	{ "RLIMIT_NOFILE",     RLIMIT_NOFILE },
	{ "RLIMIT_NPROC",      RLIMIT_NPROC },
	{ "RLIMIT_RSS",        RLIMIT_RSS },
	{ "RLIMIT_RTPRIO",     RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME",     RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK",      RLIMIT_STACK },
	END
};

const struct name_value oci_namespaces[] = {
	{ "cgroup",  OCI_NS_CGROUP },
	{ "ipc",     OCI_NS_IPC },
	{ "mount",   OCI_NS_MOUNT },
	{ "network", OCI_NS_NETWORK },
	{ "pid",     OCI_NS_PID },
	{ "time",    OCI_NS_TIME },
	{ "user",    OCI_NS_USER },
	{ "uts",     OCI_NS_UTS },
	END
};

const struct name_value oci_signals[] = {
	{ "SIGHUP",    SIGHUP },
	{ "SIGINT",    SIGINT },
	{ "SIGQUIT",   SIGQUIT },
	{ "SIGILL",    SIGILL },
	{ "SIGTRAP",   SIGTRAP },
	{ "SIGABRT",   SIGABRT },
	{ "SIGBUS",    SIGBUS },
	{ "SIGFPE",    SIGFPE },
	{ "SIGKILL",   SIGKILL },
	{ "SIGUSR1",   SIGUSR1 },
	{ "SIGSEGV",   SIGSEGV },
	{ "SIGUSR2",   SIGUSR2 },
	{ "SIGPIPE",   SIGPIPE },
	{ "SIGALRM",   SIGALRM },
	{ "SIGTERM",   SIGTERM },
	{ "SIGSTKFLT", SIGSTKFLT },
	{ "SIGCHLD",   SIGCHLD },
	{ "SIGCONT",   SIGCONT },
	{ "SIGSTOP",   SIGSTOP },
	{ "SIGTSTP",   SIGTSTP },
	{ "SIGTTIN",   SIGTTIN },
	{ "SIGTTOU",   SIGTTOU },
	{ "SIGURG",    SIGURG },
	{ "SIGXCPU",   SIGXCPU },
	{ "SIGXFSZ",   SIGXFSZ },
	{ "SIGVTALRM", SIGVTALRM },
	{ "SIGPROF",   SIGPROF },
	{ "SIGWINCH",  SIGWINCH },
	{ "SIGIO",     SIGIO },
	{ "SIGPWR",    SIGPWR },
	{ "SIGSYS",    SIGSYS },
	/* other names of the same numbers; names_of() finds the first */
	{ "SIGIOT",    SIGIOT },
	{ "SIGCLD",    SIGCHLD },
	{ "SIGPOLL",   SIGPOLL },
	END
};

const struct name_value oci_seccomp_actions[] = {
	{ "SCMP_ACT_ALLOW",        SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_ERRNO",        SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_KILL",         SECCOMP_RET_KILL_THREAD }, /* C-SEC-02 */
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD",  SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_LOG",          SECCOMP_RET_LOG },
	{ "SCMP_ACT_NOTIFY",       SECCOMP_RET_USER_NOTIF },
	{ "SCMP_ACT_TRACE",        SECCOMP_RET_TRACE },
	{ "SCMP_ACT_TRAP",         SECCOMP_RET_TRAP },
	END
};

/* The values are those of libseccomp's enum scmp_compare. */
const struct name_value oci_seccomp_ops[] = {
	{ "SCMP_CMP_NE",        1 },
	{ "SCMP_CMP_LT",        2 },
	{ "SCMP_CMP_LE",        3 },
	{ "SCMP_CMP_EQ",        4 },
	{ "SCMP_CMP_GE",        5 },
	{ "SCMP_CMP_GT",        6 },
	{ "SCMP_CMP_MASKED_EQ", 7 },
	END
};

const struct name_value oci_seccomp_archs[] = {
	{ "SCMP_ARCH_AARCH64",     AUDIT_ARCH_AARCH64 },
	{ "SCMP_ARCH_ARM",         AUDIT_ARCH_ARM },
	{ "SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K",        AUDIT_ARCH_M68K },
	{ "SCMP_ARCH_MIPS",        AUDIT_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64",      AUDIT_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32",   AUDIT_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL",      AUDIT_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64",    AUDIT_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", AUDIT_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PARISC",      AUDIT_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64",    AUDIT_ARCH_PARISC64 },
	{ "SCMP_ARCH_PPC",         AUDIT_ARCH_PPC },
	{ "SCMP_ARCH_PPC64",       AUDIT_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE",     AUDIT_ARCH_PPC64LE },
	{ "SCMP_ARCH_RISCV64",     AUDIT_ARCH_RISCV64 },
	{ "SCMP_ARCH_S390",        AUDIT_ARCH_S390 },
	{ "SCMP_ARCH_S390X",       AUDIT_ARCH_S390X },
	{ "SCMP_ARCH_SH",          AUDIT_ARCH_SHEL },
	{ "SCMP_ARCH_SHEB",        AUDIT_ARCH_SH },
	{ "SCMP_ARCH_X32",         ARCH_X32 },
	{ "SCMP_ARCH_X86",         AUDIT_ARCH_I386 },
	{ "SCMP_ARCH_X86_64",      AUDIT_ARCH_X86_64 },
	END
};

const struct name_value oci_seccomp_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC",              1 << 0 },
	{ "SECCOMP_FILTER_FLAG_LOG",                1 << 1 }, /* kernel 4.14 */
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW",         1 << 2 }, /* kernel 4.17 */
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1 << 5 }, /* kernel 5.19 */
	END
};

const struct name_value oci_scheduler_policies[] = {
	{ "SCHED_OTHER",    SCHED_NORMAL },
	{ "SCHED_FIFO",     SCHED_FIFO },
	{ "SCHED_RR",       SCHED_RR },
	{ "SCHED_BATCH",    SCHED_BATCH },
	{ "SCHED_ISO",      POLICY_ISO },
	{ "SCHED_IDLE",     SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
	END
};

const struct name_value oci_scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK",  SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM",        SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN",     SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY",    SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS",    SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
	END
};

const struct name_value oci_io_classes[] = {
	{ "IOPRIO_CLASS_RT",   IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE",   IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	END
};

const struct name_value oci_memory_policies[] = {
	{ "MPOL_DEFAULT",             MPOL_DEFAULT },
	{ "MPOL_PREFERRED",           MPOL_PREFERRED },
	{ "MPOL_BIND",                MPOL_BIND },
	{ "MPOL_INTERLEAVE",          MPOL_INTERLEAVE },
	{ "MPOL_LOCAL",               MPOL_LOCAL },
	{ "MPOL_PREFERRED_MANY",      MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", POLICY_WEIGHTED_INTERLEAVE },
	END
};

const struct name_value oci_memory_policy_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES",   MPOL_F_STATIC_NODES },
	END
};

const struct name_value oci_personalities[] = {
	{ "LINUX",   PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
	END
};

/* The r-forms are not in the text, but podman and docker send them (C-PROP-02, X-20). */
const struct name_value oci_propagations[] = {
	{ "private",     MS_PRIVATE },
	{ "rprivate",    MS_PRIVATE | MS_REC },
	{ "rshared",     MS_SHARED | MS_REC },
	{ "rslave",      MS_SLAVE | MS_REC },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
	{ "shared",      MS_SHARED },
	{ "slave",       MS_SLAVE },
	{ "unbindable",  MS_UNBINDABLE },
	END
};

/* Access times are one choice of three, not three bits: a choice clears the whole field. A row that
 * clears only a part of it takes back that choice (C-MOUNT-15). "norelatime" takes back what the
 * kernel chooses by itself when nothing is chosen, so it changes nothing. */
const struct mount_option oci_mount_options[] = {
	{ "async",          MOPT_SB,          0, 0 },
	{ "atime",          MOPT_ATTR,        0, MOUNT_ATTR_NOATIME },
	{ "bind",           MOPT_BIND,        0, 0 },
	{ "defaults",       MOPT_NONE,        0, 0 },
	{ "dev",            MOPT_ATTR,        0, MOUNT_ATTR_NODEV },
	{ "diratime",       MOPT_ATTR,        0, MOUNT_ATTR_NODIRATIME },
	{ "dirsync",        MOPT_SB,          0, 0 },
	{ "exec",           MOPT_ATTR,        0, MOUNT_ATTR_NOEXEC },
	{ "idmap",          MOPT_IDMAP,       0, 0 },
	{ "iversion",       MOPT_NONE,        0, 0 },
	{ "lazytime",       MOPT_SB,          0, 0 },
	{ "loud",           MOPT_NONE,        0, 0 },
	{ "mand",           MOPT_SB,          0, 0 },
	{ "noatime",        MOPT_ATTR,        MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "nodev",          MOPT_ATTR,        MOUNT_ATTR_NODEV, 0 },
	{ "nodiratime",     MOPT_ATTR,        MOUNT_ATTR_NODIRATIME, 0 },
	{ "noexec",         MOPT_ATTR,        MOUNT_ATTR_NOEXEC, 0 },
	{ "noiversion",     MOPT_NONE,        0, 0 },
	{ "nolazytime",     MOPT_SB,          0, 0 },
	{ "nomand",         MOPT_SB,          0, 0 },
	{ "norelatime",     MOPT_ATTR,        0, 0 },
	{ "nostrictatime",  MOPT_ATTR,        0, MOUNT_ATTR_STRICTATIME },
	{ "nosuid",         MOPT_ATTR,        MOUNT_ATTR_NOSUID, 0 },
	{ "nosymfollow",    MOPT_ATTR,        MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "private",        MOPT_PROPAGATION, MS_PRIVATE, 0 },
	{ "ratime",         MOPT_RATTR,       0, MOUNT_ATTR_NOATIME },
	{ "rbind",          MOPT_RBIND,       0, 0 },
	{ "rdev",           MOPT_RATTR,       0, MOUNT_ATTR_NODEV },
	{ "rdiratime",      MOPT_RATTR,       0, MOUNT_ATTR_NODIRATIME },
	{ "relatime",       MOPT_ATTR,        MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "remount",        MOPT_REMOUNT,     0, 0 },
	{ "rexec",          MOPT_RATTR,       0, MOUNT_ATTR_NOEXEC },
	{ "ridmap",         MOPT_RIDMAP,      0, 0 },
	{ "rnoatime",       MOPT_RATTR,       MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "rnodev",         MOPT_RATTR,       MOUNT_ATTR_NODEV, 0 },
	{ "rnodiratime",    MOPT_RATTR,       MOUNT_ATTR_NODIRATIME, 0 },
	{ "rnoexec",        MOPT_RATTR,       MOUNT_ATTR_NOEXEC, 0 },
	{ "rnorelatime",    MOPT_RATTR,       0, 0 },
	{ "rnostrictatime", MOPT_RATTR,       0, MOUNT_ATTR_STRICTATIME },
	{ "rnosuid",        MOPT_RATTR,       MOUNT_ATTR_NOSUID, 0 },
	{ "rnosymfollow",   MOPT_RATTR,       MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "ro",             MOPT_ATTR,        MOUNT_ATTR_RDONLY, 0 },
	{ "rprivate",       MOPT_PROPAGATION, MS_PRIVATE | MS_REC, 0 },
	{ "rrelatime",      MOPT_RATTR,       MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "rro",            MOPT_RATTR,       MOUNT_ATTR_RDONLY, 0 },
	{ "rrw",            MOPT_RATTR,       0, MOUNT_ATTR_RDONLY },
	{ "rshared",        MOPT_PROPAGATION, MS_SHARED | MS_REC, 0 },
	{ "rslave",         MOPT_PROPAGATION, MS_SLAVE | MS_REC, 0 },
	{ "rstrictatime",   MOPT_RATTR,       MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "rsuid",          MOPT_RATTR,       0, MOUNT_ATTR_NOSUID },
	{ "rsymfollow",     MOPT_RATTR,       0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable",    MOPT_PROPAGATION, MS_UNBINDABLE | MS_REC, 0 },
	{ "rw",             MOPT_ATTR,        0, MOUNT_ATTR_RDONLY },
	{ "shared",         MOPT_PROPAGATION, MS_SHARED, 0 },
	{ "silent",         MOPT_NONE,        0, 0 },
	{ "slave",          MOPT_PROPAGATION, MS_SLAVE, 0 },
	{ "strictatime",    MOPT_ATTR,        MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "suid",           MOPT_ATTR,        0, MOUNT_ATTR_NOSUID },
	{ "symfollow",      MOPT_ATTR,        0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync",           MOPT_SB,          0, 0 },
	{ "tmpcopyup",      MOPT_TMPCOPYUP,   0, 0 },
	{ "unbindable",     MOPT_PROPAGATION, MS_UNBINDABLE, 0 },
	{ NULL, MOPT_NONE, 0, 0 },
};
/* clang-format on */

bool names_find(const struct name_value *table, const char *name, uint64_t *ret)
{
	for (const struct name_value *n = table; n->name; n++) {
		if (strcmp(n->name, name) == 0) {
			*ret = n->value;
			return true;
		}
	}
	return false;
}

const char *names_of(const struct name_value *table, uint64_t value)
{
	for (const struct name_value *n = table; n->name; n++) {
		if (n->value == value)
			return n->name;
	}
	return NULL;
}

size_t names_count(const struct name_value *table)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	return n;
}

#define SIGNAL_MAX 64
/* The kernel's range. SIGRTMIN of the C library is higher, because it keeps two for itself; what a
 * user means by SIGRTMIN is the library's (kill(1), systemd). */
static int signal_realtime(const char *name, int *ret)
{
	int base, sign;

	if (strncasecmp(name, "RTMIN", 5) == 0) {
		base = SIGRTMIN;
		sign = 1;
	} else if (strncasecmp(name, "RTMAX", 5) == 0) {
		base = SIGRTMAX;
		sign = -1;
	} else {
		return -1;
	}
	name += 5;
	if (!*name) {
		*ret = base;
		return 0;
	}
	if (*name != (sign > 0 ? '+' : '-'))
		return -1;

	uint32_t offset;
	if (parse_u32(name + 1, &offset) < 0 || offset > (uint32_t)(SIGRTMAX - SIGRTMIN))
		return -1;
	*ret = base + sign * (int)offset;
	return 0;
}

int signal_parse(const char *s, int *ret)
{
	uint32_t number;

	if (parse_u32(s, &number) == 0) {
		if (number > SIGNAL_MAX)
			return -1;
		*ret = (int)number;
		return 0;
	}

	const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
	for (const struct name_value *n = oci_signals; n->name; n++) {
		if (strcasecmp(n->name + 3, name) == 0) {
			*ret = (int)n->value;
			return 0;
		}
	}
	return signal_realtime(name, ret);
}
