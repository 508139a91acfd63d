/*
 * lock.c - see lock.h
 *
 * On Linux with glibc initialisation does not fail for default mutexes: it only fills
 * in memory.
 *
 * Conditions are our own, on a futex. glibc's takes the lock again in a way that says
 * "contended" whatever is the case (__pthread_mutex_cond_lock), so that whoever gives
 * it back calls the kernel to wake nobody: one system call of three in each sleep of
 * a thread. And with thousands of sleepers that call is not cheap: since Linux 6.16 a
 * process has a futex table of its own, of four buckets for each CPU, and the call
 * walks a whole one.
 */
#include "lock.h"

#include <limits.h>

#include "assert.h"
#include "atomics.h"
#include "sys.h"

void eider__lock_init(struct eider__lock *l)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	EIDER_ASSERT(!err);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
	/* Our locks are held for nanoseconds: to sleep at once costs a thousand times
	   what a short look does. */
	err = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	EIDER_ASSERT(!err);
#endif
	err = pthread_mutex_init(&l->mutex, &attr);
	EIDER_ASSERT(!err);
	pthread_mutexattr_destroy(&attr);
}

void eider__lock_release(struct eider__lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

void eider__cond_init(struct eider__cond *c)
{
	c->turn = 0;
	c->waiters = 0;
}

void eider__cond_release(struct eider__cond *c)
{
	EIDER_ASSERT(!eider__load_relaxed(&c->waiters));
}

static void wake(struct eider__cond *c, int n)
{
	/* Who waits was counted under the lock, which the caller has had since. */
	eider__add_full(&c->turn, 1);
	if (eider__load_full(&c->waiters))
		eider__futex_wake(&c->turn, n);
}

void eider__cond_wake(struct eider__cond *c)
{
	wake(c, 1);
}

void eider__cond_wake_all(struct eider__cond *c)
{
	wake(c, INT_MAX);
}

bool eider__cond_wait(struct eider__cond *c, struct eider__lock *l,
		      int64_t deadline)
{
	uint32_t turn = eider__load_relaxed(&c->turn);
	bool in_time;

	eider__add_full(&c->waiters, 1);
	eider__lock_give(l);
	in_time = eider__futex_wait(&c->turn, turn, deadline);
	eider__add_full(&c->waiters, -1u);
	eider__lock_take(l);
	return in_time;
}
