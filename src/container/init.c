/* SPDX-License-Identifier: Apache-2.0 */
#include "container/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "container/hooks.h"
#include "container/sync.h"
#include "container/texts.h"
#include "init-internal.h"
#include "kernel/limits.h"
#include "oci/state.h"

struct step {
	const char *name;                    /* in messages and --debug records */
	const char *why;                     /* section of the spec, or the kernel's reason */
	bool (*wanted)(const struct plan *); /* NULL: always */
	int (*run)(struct init *, struct err *);
};

/* ---- what is wanted ----------------------------------------------------------------------------
 */

static bool wants_user_ns(const struct plan *p)
{
	return p->user_ns;
}

static bool wants_keyring(const struct plan *p)
{
	return !p->options->no_new_keyring;
}

static bool wants_new_net(const struct plan *p)
{
	return config_ns_new(p->config, OCI_NS_NETWORK);
}

static bool has_host_hooks(const struct plan *p)
{
	return p->config->hooks[HOOK_PRESTART].n || p->config->hooks[HOOK_CREATE_RUNTIME].n;
}

static bool has_container_hooks(const struct plan *p)
{
	return p->config->hooks[HOOK_CREATE_CONTAINER].n;
}

static bool is_init(const struct plan *p)
{
	return !p->exec;
}

static bool has_target_ns(const struct plan *p)
{
	return p->target.ns_flags;
}

static bool has_target_root(const struct plan *p)
{
	return p->target.root >= 0;
}

static bool wants_agent(const struct plan *p)
{
	return p->exec && p->filter.notifies;
}

static bool has_start_hooks(const struct plan *p)
{
	return is_init(p) && p->config->hooks[HOOK_START_CONTAINER].n;
}

static bool has_process(const struct plan *p)
{
	return p->config->process.present;
}

static bool wants_tty(const struct plan *p)
{
	return has_process(p) && p->config->process.terminal;
}

static bool wants_plain_stdio(const struct plan *p)
{
	return has_process(p) && !p->config->process.terminal;
}

static bool lacks_home(const struct plan *p)
{
	return has_process(p) && !p->has_home;
}

static bool has_sysctl(const struct plan *p)
{
	return p->config->linux_.sysctl.n;
}

static bool has_rlimits(const struct plan *p)
{
	return p->config->process.n_rlimits;
}

static bool has_key_label(const struct plan *p)
{
	return p->config->process.selinux_label && wants_keyring(p);
}

static bool has_label(const struct plan *p)
{
	return p->config->process.selinux_label || p->config->process.apparmor_profile;
}

static bool has_priorities(const struct plan *p)
{
	return init_has_priorities(p->config);
}

static bool has_memory_policy(const struct plan *p)
{
	return has_process(p) && p->config->linux_.memory_policy.present;
}

static bool has_personality(const struct plan *p)
{
	return has_process(p) && p->config->linux_.has_personality;
}

static bool has_no_new_privs(const struct plan *p)
{
	return p->config->process.no_new_privileges;
}

static bool has_filter(const struct plan *p)
{
	return p->filter.insns;
}

static bool wants_messenger(const struct plan *p)
{
	return messenger_wanted(&p->filter);
}

/* ---- launch ------------------------------------------------------------------------------------
 */

/* The program's environment. The array is this process's own copy since the clone. */
static const char *const *final_env(struct init *in)
{
	const struct plan *p = in->plan;
	size_t n = p->n_env;

	if (p->listen_pid)
		(void)snprintf(p->listen_pid, LISTEN_PID_SIZE, "LISTEN_PID=%d", (int)getpid());
	if (!p->has_home)
		p->env[n++] = in->home;
	p->env[n] = NULL;
	return p->env;
}

int init_run_hooks(struct init *in, enum oci_hook_point point, enum status status, int cwdfd,
		   struct err *err)
{
	const struct plan *p = in->plan;
	const struct oci_state state = {
		.oci_version = p->config->oci_version,
		.id = p->id,
		.status = status,
		.pid = getpid(), /* as seen where the hook runs (R-STATE-05) */
		.bundle = p->bundle,
		.annotations = &p->config->annotations
	};
	AUTO_STR text = STR_INIT;

	state_print(&text, &state, 0);
	if (!str_text(&text))
		return err_oom(err);
	struct hook_context ctx = { .state = text.s, .cwdfd = cwdfd };
	if (point == HOOK_START_CONTAINER) {
		ctx.filter = p->filter.insns ? &p->filter : NULL;
		ctx.env = final_env(in);
	}
	return hooks_run(p->config, point, &ctx, err);
}

/* From here on the parent may end; until its COMMIT the process still ends with it. */
static int step_ready(struct init *in, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return err_sys(err, "clear the parent death signal");
	if (sync_send(in->sync, SYNC_READY, -1, err) < 0 ||
	    sync_expect(in->sync, SYNC_COMMIT, err) < 0)
		return -1;
	/* `exec` goes on listening as `start` does for the first process. */
	if (in->plan->exec)
		in->start = fd_take(&in->sync);
	fd_close(&in->sync);
	return 0;
}

/* A connection that ends without a GO (a killed `start`, after it had unlinked the socket) ends the
 * container: nobody could release it any more. */
static int step_wait(struct init *in, struct err *err)
{
	if (in->listener < 0)
		return 0;
	in->start = RETRY(accept4(in->listener, NULL, NULL, SOCK_CLOEXEC));
	if (in->start < 0)
		return err_sys(err, "wait for start");
	fd_close(&in->listener);
	if (in->plan->filter.notifies && notify_receive(in->start, &in->notify, err) < 0)
		return -1;
	return sync_expect(in->start, SYNC_GO, err);
}

static int step_agent(struct init *in, struct err *err)
{
	return notify_receive(in->start, &in->notify, err);
}

static int step_start_hooks(struct init *in, struct err *err)
{
	return init_run_hooks(in, HOOK_START_CONTAINER, STATUS_CREATED, -1, err);
}

/* Before the limits, one of which counts threads. */
static int step_messenger(struct init *in, struct err *err)
{
	return messenger_begin(&in->messenger, &in->plan->filter, &in->notify,
			       in->start >= 0 ? in->start : in->sync, err);
}

/* Late, so that no limit starves the set-up (C-RLIM-04). */
static int step_rlimits(struct init *in, struct err *err)
{
	return limits_apply(in->plan->config, err);
}

static int step_launch(struct init *in, struct err *err)
{
	return in->start < 0 ? 0 : sync_send(in->start, SYNC_LAUNCH, -1, err);
}

static int step_filter(struct init *in, struct err *err)
{
	in->filtered = true;
	return messenger_load(&in->messenger, &in->plan->filter, err);
}

static int step_exec(struct init *in, struct err *err)
{
	const struct oci_process *process = &in->plan->config->process;

	execve(in->executable, (char *const *)(uintptr_t)process->args.v,
	       (char *const *)(uintptr_t)final_env(in));
	if (errno == ENOENT)
		return err_set(
			err, ERR_CONFIG, TEXT_EXECVE, process->args.v[0],
			"no such file or directory (the file is there: its interpreter or dynamic "
			"loader is missing in the image)");
	return err_set(err, ERR_CONFIG, TEXT_EXECVE, process->args.v[0], err_text_go(errno));
}

/* ---- the tables --------------------------------------------------------------------------------
 */

/* clang-format off */
/* exec, in the helper: outside of the container's pid namespace, nothing in there sees it. */
static const struct step join_steps[] = {
	{ "key label",          "config.md#process: selinuxLabel; inherited by the process", has_key_label, step_key_label },
	{ "label",              "apparmorProfile, selinuxLabel; by the host's procfs, inherited", has_label, step_label },
	{ "host descriptors",   "only the way into the container stays", NULL,              step_close_host     },
	{ "join",               "all namespaces by one call (I-14)",  has_target_ns,        step_join           },
	{ "container's root",   "where the mount namespace is not its own", has_target_root, step_enter_root    },
	{ "user namespace",     "config-linux.md#user-namespace-mappings", wants_user_ns,   step_become_root    },
	{ "leave the host",     "nothing else is open when the process is born", NULL,      step_leave_host     },
};

/* exec, in the process that was born inside. */
static const struct step enter_steps[] = {
	{ "signals",            "the caller's mask and dispositions stay outside", NULL,    step_signals        },
	{ "session",            "the caller's terminal stays outside", NULL,                step_session        },
	{ "keyring",            "the caller's keys stay outside",     wants_keyring,        step_keyring        },
	{ "root",               "what paths start from",              NULL,                 step_open_root      },
	{ "affinity",           "config.md#linux-process: execCPUAffinity", NULL,           step_exec_affinity  },
	{ "console",            "config.md#process: terminal",        wants_tty,            step_exec_console   },
};

/* Only of the first process: the host is still reachable, by descriptors. */
static const struct step setup_steps[] = {
	{ "signals",            "the caller's mask and dispositions stay outside", NULL,    step_signals        },
	{ "namespaces",         "config-linux.md#namespaces",         NULL,                 step_namespaces     },
	{ "user namespace",     "config-linux.md#user-namespace-mappings", wants_user_ns,   step_become_root    },
	{ "session",            "the caller's terminal stays outside", NULL,                step_session        },
	{ "key label",          "config.md#process: selinuxLabel; the keyring is the first key", has_key_label, step_key_label },
	{ "keyring",            "the caller's keys stay outside",     wants_keyring,        step_keyring        },
	{ "host name",          "config.md#hostname",                 NULL,                 step_hostname       },
	{ "root",               "config.md#root",                     NULL,                 step_attach         },
	{ "mounts",             "config.md#mounts, in order",         NULL,                 step_mounts         },
	{ "devices",            "config-linux.md#default-devices",    NULL,                 step_devices        },
	{ "network",            "loopback up in a new namespace",     wants_new_net,        step_network        },
	{ "console",            "config.md#process: terminal",        wants_tty,            step_console        },
	{ "host hooks",         "prestart, createRuntime: in the parent", has_host_hooks,   step_ask_host_hooks },
	{ "createContainer",    "hooks, before pivot_root",           has_container_hooks,  step_container_hooks },
	{ "create directory",   "config.md#process: cwd; the root may become read-only", has_process, step_make_cwd },
	{ "pivot root",         "config.md#root",                     NULL,                 step_pivot          },
	{ "sysctl",             "config-linux.md#sysctl; before read-only paths hide it", has_sysctl, step_sysctl },
	{ "protection",         "readonlyPaths, maskedPaths, root.readonly", NULL,          step_protect        },
	{ "affinity",           "all CPUs of the cgroup; execCPUAffinity is of exec", has_process, step_affinity },
	{ "label",              "apparmorProfile, selinuxLabel; by the host's procfs", has_label, step_label    },
};

/* The process itself: the same for every process of the container (I-20). */
static const struct step process_steps[] = {
	{ "descriptors",        "nothing of the host stays open",     NULL,                 step_descriptors    },
	{ "standard streams",   "the user may reopen them",           wants_plain_stdio,    step_stdio          },
	{ "home",               "HOME from the image when unset",     lacks_home,           step_home           },
	{ "working directory",  "config.md#process: cwd",             has_process,          step_cwd            },
	{ "priorities",         "scheduler, ioPriority; need CAP_SYS_NICE", has_priorities, step_priorities   },
	{ "memory policy",      "config-linux.md#memory-policy; after the cgroup", has_memory_policy, step_memory_policy },
	{ "personality",        "config-linux.md#personality",        has_personality,      step_personality    },
	{ "bounding set",       "before the ids: needs CAP_SETPCAP",  has_process,          step_bounding       },
	{ "user",               "config.md#posix-platform-user",      has_process,          step_ids            },
	{ "capabilities",       "config.md#linux-process",            has_process,          step_caps           },
	{ "directory as user",  "root may be locked out of it",       has_process,          step_cwd_as_user    },
	{ "no new privileges",  "config.md#linux-process",            has_no_new_privs,     step_no_new_privs   },
	{ "executable",         "looked up as the final user",        has_process,          step_executable     },
};

static const struct step launch_steps[] = {
	{ "ready",              "create returns here",                NULL,                 step_ready          },
	{ "agent",              "config-linux.md#seccomp; one connection for each process", wants_agent, step_agent },
	{ "wait for start",     "runtime.md#start",                   is_init,              step_wait           },
	{ "startContainer",     "hooks, in the container",            has_start_hooks,      step_start_hooks    },
	{ "messenger",          "speaks when the filter forbids us to", wants_messenger,    step_messenger      },
	{ "rlimits",            "exact values, nothing of ours follows", has_rlimits,       step_rlimits        },
	{ "launch",             "last message to start",              NULL,                 step_launch         },
	{ "seccomp",            "last before execve",                 has_filter,           step_filter         },
	{ "exec",               "process.args",                       NULL,                 step_exec           },
};
/* clang-format on */

/* A table and its length. */
struct walk {
	const struct step *steps;
	size_t n;
};

#define WALK(table)                                                                                \
	{                                                                                          \
		(table), ARRAY_LEN(table)                                                          \
	}

static const struct walk init_walk[] = {
	WALK(setup_steps),
	WALK(process_steps),
	WALK(launch_steps),
};

static const struct walk join_walk[] = {
	WALK(join_steps),
};

static const struct walk exec_walk[] = {
	WALK(enter_steps),
	WALK(process_steps),
	WALK(launch_steps),
};

/* Appends the names to V, which ends with NULL. */
static void add_names(const char **v, const struct walk *walks, size_t n_walks)
{
	while (*v)
		v++;
	for (size_t t = 0; t < n_walks; t++) {
		for (size_t i = 0; i < walks[t].n; i++)
			*v++ = walks[t].steps[i].name;
	}
}

#define N_SHARED_STEPS (ARRAY_LEN(process_steps) + ARRAY_LEN(launch_steps))

const char *const *init_step_names(void)
{
	static const char *names[ARRAY_LEN(setup_steps) + N_SHARED_STEPS + 1];

	if (!names[0])
		add_names(names, init_walk, ARRAY_LEN(init_walk));
	return names;
}

const char *const *exec_step_names(void)
{
	static const char
		*names[ARRAY_LEN(join_steps) + ARRAY_LEN(enter_steps) + N_SHARED_STEPS + 1];

	if (!names[0]) {
		add_names(names, join_walk, ARRAY_LEN(join_walk));
		add_names(names, exec_walk, ARRAY_LEN(exec_walk));
	}
	return names;
}

static int walk(const struct walk *w, struct init *in, struct err *err)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct step *s = &w->steps[i];
		if (s->wanted && !s->wanted(in->plan))
			continue;
		/* Under the filter not a word: the profile may kill for a write(2) (C-SEC-21). */
		if (!in->filtered)
			log_debug("step '%s'", s->name);
		if (s->run(in, err) < 0) {
			if (!in->filtered)
				log_debug("step '%s' failed", s->name);
			return -1;
		}
	}
	return 0;
}

static int walk_all(const struct walk *walks, size_t n, struct init *in, struct err *err)
{
	for (size_t t = 0; t < n; t++) {
		if (walk(&walks[t], in, err) < 0)
			return -1;
	}
	return 0;
}

int init_join(struct init *in, struct err *err)
{
	return walk_all(join_walk, ARRAY_LEN(join_walk), in, err);
}

/* The last words: walks end with execve, or with a failure. */
static int end(struct init *in, const struct err *err)
{
	if (in->filtered)
		messenger_fail(&in->messenger, err);
	sync_send_failure(in->start >= 0 ? in->start : in->sync, err);
	return 1;
}

int init_exec_main(struct init *in)
{
	struct err err = ERR_INIT;

	/* The runtime may have died since the helper set its own: then the next message fails. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		(void)err_sys(&err, "set the parent death signal");
	else if (sync_expect(in->sync, SYNC_GO, &err) == 0 &&
		 walk_all(exec_walk, ARRAY_LEN(exec_walk), in, &err) == 0)
		(void)err_set(&err, ERR_BUG, "execve returned without a failure");
	return end(in, &err);
}

int init_main(void *arg)
{
	struct init *in = arg;
	struct err err = ERR_INIT;

	/* Set-up must not survive its runtime (I-25); setresuid clears it, the socket's end of file
	 * then says the same at the next message. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		err_sys(&err, "set the parent death signal");
	else if (sync_expect(in->sync, SYNC_GO, &err) == 0 &&
		 walk_all(init_walk, ARRAY_LEN(init_walk), in, &err) == 0)
		(void)err_set(&err, ERR_BUG, "execve returned without a failure");
	return end(in, &err);
}
