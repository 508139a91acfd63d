/*
 * sys.c - see sys.h
 *
 * The counters of the fault injection are shared by all threads: the n-th call is
 * the n-th of the process. Two threads may ask at the same time, so which of them
 * is the n-th can differ from run to run; that exactly one is does not.
 */
#include "sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <eider/base.h>

#include "atomics.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#ifdef EIDER_FAULTS
static uint64_t fault_first, fault_more, fault_asked, fault_hits;

void eider__fault_arm(uint64_t n, uint64_t more)
{
	eider__store_relaxed(&fault_first, 0);
	eider__store_relaxed(&fault_asked, 0);
	eider__store_relaxed(&fault_hits, 0);
	eider__store_relaxed(&fault_more, more);
	eider__store_relaxed(&fault_first, n);
}

bool eider__fault(void)
{
	uint64_t first = eider__load_relaxed(&fault_first);
	uint64_t n = eider__add_relaxed(&fault_asked, 1) + 1;

	if (!first || n < first || n - first > eider__load_relaxed(&fault_more))
		return false;
	eider__add_relaxed(&fault_hits, 1);
	return true;
}

uint64_t eider__fault_asked(void)
{
	return eider__load_relaxed(&fault_asked);
}

uint64_t eider__fault_hits(void)
{
	return eider__load_relaxed(&fault_hits);
}
#endif

void *eider__alloc(size_t bytes)
{
	return eider__fault() ? NULL : calloc(1, bytes);
}

void *eider__alloc_aligned(size_t align, size_t bytes)
{
	void *p;

	if (eider__fault())
		return NULL;
	p = aligned_alloc(align, (bytes + align - 1) / align * align);
	return p ? memset(p, 0, bytes) : NULL;
}

char *eider__strdup(const char *s)
{
	return eider__fault() ? NULL : strdup(s);
}

void eider__free(void *p)
{
	free(p);
}

int eider__map(size_t bytes, void **ret)
{
	void *p;

	if (eider__fault())
		return -ENOMEM;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	/* A huge page would make one small stack cost 2 MiB; refusal is harmless. */
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	*ret = p;
	return 0;
}

void eider__unmap(void *p, size_t bytes)
{
	munmap(p, bytes);
}

int eider__guard(void *p, size_t bytes)
{
	if (eider__fault())
		return -ENOMEM;
	return madvise(p, bytes, MADV_GUARD_INSTALL) ? -errno : 0;
}

int eider__protect(void *p, size_t bytes)
{
	if (eider__fault())
		return -ENOMEM;
	return mprotect(p, bytes, PROT_NONE) ? -errno : 0;
}

void eider__drop(void *p, size_t bytes)
{
	(void)madvise(p, bytes, MADV_DONTNEED);
}

static int membarrier(int command)
{
	return syscall(__NR_membarrier, command, 0, 0) < 0 ? -errno : 0;
}

int eider__barrier_prepare(void)
{
	if (eider__fault())
		return -ENOSYS;
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool eider__barrier_heavy(void)
{
	int err;

	if (eider__fault())
		return false;
	while ((err = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) == -ENOMEM)
		eider__nap(1000000);	/* in the kernel; that passes */
	return !err;
}

int eider__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;
	int err;

	if (eider__fault())
		return -EAGAIN;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(ret, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

void eider__thread_set_name(const char *name)
{
	char cut[16];

	strncpy(cut, name, sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = 0;
	pthread_setname_np(pthread_self(), cut);
}

/* The kernel's struct sched_attr, in its first version, for which libc has no name. */
struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static __thread bool has_slice;

bool eider__thread_has_slice(void)
{
	return has_slice;
}

void eider__thread_set_slice(int64_t ns)
{
	struct schedule s = { .size = sizeof(s) };

	if (syscall(SYS_sched_getattr, 0, &s, sizeof(s), 0) < 0 ||
	    (s.policy != SCHED_OTHER && s.policy != SCHED_BATCH))
		return;
	s.runtime = (uint64_t)ns;
	(void)syscall(SYS_sched_setattr, 0, &s, 0);
	has_slice = ns > 0;
}

void eider__thread_set_modest(void)
{
	struct sched_param none = { 0 };

	/* Real time, or idle, was chosen by somebody: let it be. */
	if (sched_getscheduler(0) != SCHED_OTHER)
		return;
	(void)sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none);
}

int eider__eventfd(void)
{
	int fd;

	if (eider__fault())
		return -EMFILE;
	fd = eventfd(0, EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void eider__close(int fd)
{
	close(fd);
}

int eider__eventfd_ring(int fd)
{
	uint64_t one = 1;
	ssize_t n;

	if (eider__fault())
		return -EAGAIN;
	do {
		n = write(fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int eider__socket_pair(int ret[2])
{
	if (eider__fault())
		return -EMFILE;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

static int listen_and_connect(int listening, int client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address);

	/* With the family alone for an address the kernel chooses a name. */
	if (bind(listening, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(listening, 1) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &len) < 0 ||
	    connect(client, (struct sockaddr *)&address, len) < 0)
		return -errno;
	return 0;
}

int eider__socket_accepting(int *ret_listening, int *ret_client)
{
	int err, a, b;

	if (eider__fault())
		return -EMFILE;
	a = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a < 0)
		return -errno;
	b = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	err = b < 0 ? -errno : listen_and_connect(a, b);
	if (err < 0) {
		if (b >= 0)
			close(b);
		close(a);
		return err;
	}
	*ret_listening = a;
	*ret_client = b;
	return 0;
}

bool eider__futex_wait(uint32_t *word, uint32_t value, int64_t deadline)
{
	struct timespec ts = { 0, 0 };	/* at once, if it is before the clock began */

	if (deadline > 0) {
		ts.tv_sec = deadline / 1000000000;
		ts.tv_nsec = deadline % 1000000000;
	}
	/* The form with a bitset is the one with an absolute time. */
	return !(syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
			 deadline == EIDER_NEVER ? NULL : &ts, NULL,
			 FUTEX_BITSET_MATCH_ANY) < 0 && errno == ETIMEDOUT);
}

void eider__futex_wake(uint32_t *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n);
}

void eider__nap(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
