/*
 * txn_pool.h - who gets which transaction thread (see eider/txn_pool.h)
 */
#ifndef EIDER_EXECUTOR_TXN_POOL_H
#define EIDER_EXECUTOR_TXN_POOL_H

#include <eider/txn_pool.h>

#include "context.h"
#include "executor.h"
#include "loop/queue.h"
#include "thread.h"

struct eider_txn_pool {
	/* Constant after init. */
	struct eider_executor *executor;
	char name[16];
	unsigned int threads_max;
	unsigned int idle_max;		/* of the free rule */
	bool keep;
	struct eider_txn_hooks hooks;
	void *arg;

	/* Under txn_lock. */
	struct eider_node node;		/* in the executor's txn_pools */
	struct eider_node threads;
	unsigned int thread_count;	/* that have not ended */
	struct eider_node idle;		/* general ones with nothing to do */
	unsigned int idle_count;
	unsigned int serial;
	struct eider__queue line;	/* grants and jobs that wait, in order */
	unsigned int waiting, named_waiting;
	uint64_t leases;		/* given so far */
	uint64_t past_jobs;		/* of threads that have ended */
	enum eider__pool_state state;
	bool disowned;			/* freed by whoever ends last */
};

/*
 * [loop] Get a thread for @w: 0 it has one already; 1 it waits, and its grant will
 * be completed; -ESHUTDOWN, -EDEADLK, -ENOMEM, -EAGAIN.
 */
int eider__txn_pool_lease(struct eider_txn_pool *tp, struct eider__lease_wait *w);
/* [loop] Take @w out of the line: true if it was still there. */
bool eider__txn_pool_unwait(struct eider_txn_pool *tp, struct eider__lease_wait *w);
/* [any] The context has left. @broken: the thread must not serve another. */
void eider__txn_pool_release(struct eider_txn_pool *tp, struct eider_context *c,
			     bool broken);

/* [loop] Start an atomic job of a fiber in no context. As eider_job_start(). */
int eider__txn_pool_start_general(struct eider_txn_pool *tp, struct eider_job *job);
/* [loop] Take @job out of the line it waits in, if it does. */
bool eider__txn_pool_remove(struct eider_txn_pool *tp, struct eider_job *job);

/*
 * [loop] The loop is being freed: take its jobs and grants out of every line. Jobs
 * are completed on the loop, grants are forgotten with their fibers.
 */
void eider__txn_pools_leave(struct eider_loop *loop);

/* ---- txn_thread.c, all under txn_lock ---- */

extern const struct eider__pool_hooks eider__txn_thread_hooks;

/* What is no -errno: a thread cannot be had now, but will be. */
enum {
	EIDER__TXN_WAIT = 1,		/* any will do */
	EIDER__TXN_WAIT_NAMED = 2,	/* that of a name, which is leased */
};

/*
 * A general thread that nobody uses: 0, EIDER__TXN_WAIT, or why none can be started.
 * @wait_for_leases: one that is leased now will do.
 */
int eider__txn_pick_locked(struct eider_txn_pool *tp, bool wait_for_leases,
			   struct eider_thread **ret);
struct eider_thread *eider__txn_find_bound_locked(struct eider_txn_pool *tp,
						  const char *name);
/* Is it idle, by what is said of it? To be called whenever that has changed. */
void eider__txn_thread_settle_locked(struct eider_txn_pool *tp,
				     struct eider_thread *t);
void eider__txn_thread_stop_locked(struct eider_txn_pool *tp, struct eider_thread *t);
/* Somebody has stopped using it. */
void eider__txn_thread_unused_locked(struct eider_txn_pool *tp,
				     struct eider_thread *t);
/* The free rule; and what goes when the pool shuts down. */
void eider__txn_free_surplus_locked(struct eider_txn_pool *tp);
void eider__txn_stop_unused_locked(struct eider_txn_pool *tp);
void eider__txn_unbind_unused_locked(struct eider_txn_pool *tp);

/* ---- txn_line.c ---- */

/* Something changed: serve the line, then free what is too much. */
void eider__txn_pool_react_locked(struct eider_txn_pool *tp);
/* Shut down at once: who is in line gets -ESHUTDOWN, or -ECANCELED for a job. */
void eider__txn_fail_line_locked(struct eider_txn_pool *tp);

/* ---- txn_pool.c ---- */

/* Nobody uses @tp any more. Under txn_lock. */
void eider__txn_pool_free_memory(struct eider_txn_pool *tp);

/* [loop] The loop is being freed: take its jobs off the threads of all pools. */
void eider__txn_threads_leave(struct eider_loop *loop,
			      struct eider__running *running);

/* As eider_txn_pool_count(). Under txn_lock. */
struct eider_txn_pool_counts
eider__txn_pool_count_locked(const struct eider_txn_pool *tp);

/* All pools of @e. */
void eider__txn_pools_close(struct eider_executor *e, bool wait);
void eider__txn_pools_disown(struct eider_executor *e);

/*
 * Would @w, which is about to wait, wait for ever? Under txn_lock. Writes the chain
 * to @detail.
 */
bool eider__deadlock_found_locked(struct eider_executor *e,
				  const struct eider__lease_wait *w, char *detail,
				  size_t len);

extern const struct eider_kind eider__grant_kind;

#endif
