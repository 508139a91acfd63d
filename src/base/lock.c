/*
 * lock.c - see lock.h
 *
 * On Linux with glibc neither initialisation fails for default mutexes and
 * CLOCK_MONOTONIC conditions: both only fill in memory.
 */
#include "lock.h"

#include <errno.h>
#include <time.h>

#include <eider/base.h>

#include "assert.h"

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
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	EIDER_ASSERT(!err);
	err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	EIDER_ASSERT(!err);
	err = pthread_cond_init(&c->cond, &attr);
	EIDER_ASSERT(!err);
	pthread_condattr_destroy(&attr);
}

void eider__cond_release(struct eider__cond *c)
{
	pthread_cond_destroy(&c->cond);
}

bool eider__cond_wait(struct eider__cond *c, struct eider__lock *l,
		      int64_t deadline)
{
	struct timespec ts;

	if (deadline == EIDER_NEVER) {
		pthread_cond_wait(&c->cond, &l->mutex);
		return true;
	}
	if (deadline < 0)	/* EINVAL, and no wait that lets go of the lock */
		deadline = 0;
	ts.tv_sec = deadline / 1000000000;
	ts.tv_nsec = deadline % 1000000000;
	return pthread_cond_timedwait(&c->cond, &l->mutex, &ts) != ETIMEDOUT;
}
