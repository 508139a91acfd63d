/*
 * lock.h - a mutex and a condition, on our clock
 *
 * Rules for all of Eider: locks nest only in the order that executor/executor.h
 * states; no user code is called with one held; a function that expects its lock to
 * be held ends in _locked.
 */
#ifndef EIDER_BASE_LOCK_H
#define EIDER_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct eider__lock {
	pthread_mutex_t mutex;
};

struct eider__cond {
	/* Any thread, atomic; waiters rises under the lock. */
	uint32_t turn;			/* changes with every wake-up */
	uint32_t waiters;
};

void eider__lock_init(struct eider__lock *l);
void eider__lock_release(struct eider__lock *l);
void eider__cond_init(struct eider__cond *c);
void eider__cond_release(struct eider__cond *c);

static inline void eider__lock_take(struct eider__lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

static inline void eider__lock_give(struct eider__lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

/*
 * With the lock held; or after it was given, if what changed was changed before, and
 * the condition outlives the call.
 */
void eider__cond_wake(struct eider__cond *c);
void eider__cond_wake_all(struct eider__cond *c);

/* False if @deadline has passed. May return early: look again, in a loop. */
bool eider__cond_wait(struct eider__cond *c, struct eider__lock *l,
		      int64_t deadline);

#endif
