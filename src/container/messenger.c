/* SPDX-License-Identifier: Apache-2.0 */
#include "container/messenger.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/sync.h"

/* What sendmsg, execve and an error message need; a sanitizer's frames are larger. */
#define STACK_BYTES (256 * 1024)

/* How often the messenger looks at the phase: the first is part of the time to start, the second
 * only of the time until a failure is reported. */
#define LOAD_LOOK_US 50
#define EXEC_LOOK_US 1000

#define EXEC_MS 10000 /* for the agent's answer to execve */

static uint32_t verdict(const struct filter *f, int nr)
{
	const uint64_t args[6] = { 0 };

	return filter_verdict(f, nr, args) & SECCOMP_RET_ACTION_FULL;
}

bool messenger_wanted(const struct filter *f)
{
	uint32_t v;

	if (!f->insns)
		return false;
	v = verdict(f, SYS_sendmsg);
	return f->notifies || (v != SECCOMP_RET_ALLOW && v != SECCOMP_RET_LOG);
}

/* ---- the messenger ----------------------------------------------------------------------------
 */

/* The last words; ends both threads. */
NORETURN static void report(struct messenger *m, const struct err *e)
{
	sync_send_failure(m->report, e);
	_exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock is always there */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a phase other than NOW; false when LIMIT_MS (0: none) are over. The process cannot wake
 * anybody, so this is by looking. */
static bool await_change(struct messenger *m, enum messenger_phase now, long look_us,
			 int64_t limit_ms)
{
	const struct timespec look = { .tv_nsec = look_us * 1000 };
	const int64_t end_ms = now_ms() + limit_ms;

	while (atomic_load(&m->phase) == now) {
		if (limit_ms != 0 && now_ms() >= end_ms)
			return false;
		(void)ppoll(NULL, 0, &look, NULL);
	}
	return true;
}

static int hand_over(struct messenger *m, struct err *err)
{
	struct stat st;

	if (fstat(m->notify.payload, &st) < 0)
		return err_sys(err, "inspect the state for the seccomp agent");
	size_t len = (size_t)st.st_size;
	void *text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, m->notify.payload, 0);
	if (text == MAP_FAILED)
		return err_sys(err, "read the state for the seccomp agent");

	/* The descriptor goes with the first sendmsg, however many are needed (C-SEC-26). */
	if (fd_send_within(m->notify.agent, text, len, m->listener, NOTIFY_TIMEOUT_MS) < 0)
		return err_sys(err, "hand the listener to the seccomp agent "
				    "(linux.seccomp.listenerPath)");
	(void)munmap(text, len);

	/* One state per connection. And the listener belongs to the agent alone: when that dies,
	 * the kernel answers in its place (ENOSYS), also to our execve. */
	notify_done(&m->notify);
	fd_close(&m->listener);
	return 0;
}

static void *messenger_main(void *arg)
{
	struct messenger *m = arg;
	struct err err = ERR_INIT;

	(void)await_change(m, MESSENGER_IDLE, LOAD_LOOK_US, 0);
	if (atomic_load(&m->phase) == MESSENGER_FAILED)
		report(m, &m->failure);
	if (m->listener >= 0 && hand_over(m, &err) < 0)
		report(m, &err);
	atomic_store(&m->phase, MESSENGER_SENT);

	/* A successful execve ends this thread here. */
	if (await_change(m, MESSENGER_SENT, EXEC_LOOK_US, m->asks_agent ? EXEC_MS : 0))
		report(m, &m->failure);
	err_set(&err, ERR_SYSTEM, "the seccomp agent has not answered execve for %d seconds",
		EXEC_MS / 1000);
	report(m, &err);
}

/* ---- the process ------------------------------------------------------------------------------
 */

static int start_thread(struct messenger *m)
{
	const struct sched_param ordinary = { .sched_priority = 0 };
	int policy = sched_getscheduler(0);
	pthread_attr_t attr;
	pthread_t thread;

	int rc = pthread_attr_init(&attr);
	if (rc != 0)
		return rc;
	rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* Beside a real-time process that looks without a pause, on the same processor, one of the
	 * same priority would never run. */
	if (rc == 0 && (policy == SCHED_FIFO || policy == SCHED_RR)) {
		(void)pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		(void)pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
		(void)pthread_attr_setschedparam(&attr, &ordinary);
	}
	if (rc == 0)
		rc = pthread_create(&thread, &attr, messenger_main, m);
	(void)pthread_attr_destroy(&attr);
	return rc;
}

int messenger_begin(struct messenger *m, const struct filter *f, struct notify *take_notify,
		    int report, struct err *err)
{
	*m = (struct messenger)MESSENGER_INIT;
	m->notify = *take_notify;
	*take_notify = (struct notify)NOTIFY_INIT;
	m->report = report;
	m->asks_agent = verdict(f, SYS_execve) == SECCOMP_RET_USER_NOTIF;
	if (f->notifies && m->notify.agent < 0)
		return err_set(err, ERR_BUG, "the filter notifies, but there is no agent");

	errno = start_thread(m);
	m->runs = errno == 0;
	if (m->runs)
		return 0;
	if (!f->notifies) {
		log_debug("no thread to report with: %s, continuing", err_text(errno));
		return 0;
	}
	return err_sys(
		err,
		"start the thread that hands the seccomp listener over (pids.limit counts it)");
}

/* No system call from here on but execve. */
static void await_sent(struct messenger *m)
{
	while (atomic_load(&m->phase) != MESSENGER_SENT) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	}
}

int messenger_load(struct messenger *m, const struct filter *f, struct err *err)
{
	int listener = -1;

	if (f->notifies && !m->runs)
		return err_set(err, ERR_BUG, "the filter notifies, but there is no messenger");
	if (filter_load(f, &listener, err) < 0)
		return -1;
	if (!m->runs)
		return 0;
	m->listener = listener;
	atomic_store(&m->phase, MESSENGER_LOADED);
	await_sent(m);
	return 0;
}

void messenger_fail(struct messenger *m, const struct err *e)
{
	if (!m->runs)
		return;
	m->failure = *e;
	atomic_store(&m->phase, MESSENGER_FAILED);
	/* Until the messenger has reported it. */
	await_sent(m);
}
