/*
 * thread.h - a transaction thread (see eider/thread.h)
 *
 * A pool of exactly one worker, with a state that the user's jobs can hang things
 * on, and what a transaction pool needs to know about it.
 *
 * Lifetime: refs counts its owner (a transaction pool, or the user), its worker
 * until it has ended, every context that leases it, every pin, and every job that was
 * placed on it by itself until its loop has let go of it.
 */
#ifndef EIDER_EXECUTOR_THREAD_H
#define EIDER_EXECUTOR_THREAD_H

#include <eider/thread.h>

#include "pool.h"

struct eider_thread {
	struct eider_pool pool;

	/* Constant after init. */
	struct eider_executor *executor;
	struct eider_txn_pool *owner;	/* NULL: of eider_thread_new() */

	/* Any thread, atomic. */
	unsigned int refs;

	bool clean;			/* stored by its own thread, and before it has
					   a job by who leases it */

	/* Its own thread only. */
	void *state;

	/* Under the executor's lock, of those without owner; else under txn_lock. */
	struct eider_node node;

	/* Under txn_lock. */
	struct eider_node idle_node;	/* in its pool's idle ones */
	struct eider_context *lease;	/* who has it */
	int64_t leased_at;
	uint64_t number;		/* what its jobs run in without a lease */
	char *bound;			/* the name it is bound to, or NULL */
	bool forget;			/* unbind as soon as nobody uses it */
	bool busy;			/* runs jobs outside of leases */
	bool started;			/* its start hook has run, and gave: */
	long start_error;
	bool stopping;			/* takes nothing new */
	unsigned int pins;		/* eider_txn_pool_get_thread() */
};

/* A thread that has not started. NULL: no memory. */
struct eider_thread *eider__thread_make(struct eider_executor *e,
					struct eider_txn_pool *owner,
					const char *name, uint64_t context,
					const struct eider__pool_hooks *hooks);
void eider__thread_get(struct eider_thread *t);
void eider__thread_put(struct eider_thread *t);

/*
 * Queue @job, which was accepted on a direct lane, on @t. 0, or -ECANCELED: it is
 * still the caller's.
 */
int eider__thread_place(struct eider_thread *t, struct eider_job *job);

/* [any] The name of the job that it runs, or NULL; how many wait behind that. */
const char *eider__thread_look(const struct eider_thread *t,
			       unsigned int *ret_waiting);

/* Stop: after what it has (@drain), or after the job at hand. */
void eider__thread_stop(struct eider_thread *t, bool drain);

/* All threads of eider_thread_new(). */
void eider__threads_close(struct eider_executor *e, bool drain);
/* [loop] The loop is being freed: take its jobs off them. */
void eider__threads_leave(struct eider_loop *loop, struct eider__running *running);

#endif
