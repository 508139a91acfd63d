/*
 * executor.h - what holds pools, transaction pools and their threads together
 *
 * Lifetime: refs counts the owner (until eider_executor_free()) and every worker
 * that has not ended. Whoever drops the last one frees it all.
 *
 * Locks, in the order in which they may be nested: txn_lock (transaction pools, what
 * their threads are used for), lock (the lists here), a pool's lock, janitor_lock.
 * The watchdog's own is innermost. User code runs with none held.
 */
#ifndef EIDER_EXECUTOR_EXECUTOR_H
#define EIDER_EXECUTOR_EXECUTOR_H

#include <errno.h>

#include <eider/executor.h>

#include "job.h"
#include "pool.h"
#include "tally.h"
#include "loop/tray.h"
#include "observe/watchdog.h"

struct eider__worker;

struct eider_executor {
	/* Constant after init. */
	struct eider_options options;
	struct eider_features features;
	eider__features_t in_use;
	unsigned int generation;	/* see eider__fork_generation() */
	struct eider_pool *pool;	/* of the rule */
	struct eider_txn_pool *txn_pool;	/* the default one */
	struct eider_pool *resolver;	/* for net/resolve.c */
	struct eider__watchdog watchdog;
	struct eider__trays trays;

	/* Any thread, atomic. */
	unsigned int refs;
	uint32_t closing;
	struct eider__worker *corpse;	/* ended, to be joined */
	unsigned int pool_count;	/* of pools[], which are then constant */
	struct eider_pool *pools[EIDER__POOLS_MAX];
	uint64_t next_context;

	/* Under lock. */
	struct eider__lock lock;
	struct eider_node posters;
	struct eider_node threads;	/* of eider_thread_new() */
	struct eider_node loops;
	struct eider__tally past;	/* of loops and threads that have ended */
	unsigned int workers;		/* threads that have not ended */
	struct eider__cond ended;	/* a worker has */

	/* For threads that have no poster: under janitor_lock. */
	struct eider__lock janitor_lock;
	struct eider__poster janitor;

	/* Under txn_lock. */
	struct eider__lock txn_lock;
	struct eider__cond txn_change;	/* a thread started or ended, a lease too */
	struct eider_node txn_pools;
	struct eider_node leases;	/* open contexts, for deadlock.c */
	struct eider__tally txn_past;	/* of their threads that have ended */
};

/* The poster of this thread, or NULL. */
extern __thread struct eider__poster *eider__poster_here;

static inline bool eider__executor_is_open(const struct eider_executor *e)
{
	return !eider__load_relaxed(&e->closing);
}

/*
 * [any] False in a forked child: the locks of @e, a copy there, may be held for ever
 * by threads that do not exist.
 */
static inline bool eider__executor_is_ours(const struct eider_executor *e)
{
	return e->generation == eider__fork_generation();
}

/* [any] May @e be asked for anything new? 0, -ECHILD, -ESHUTDOWN. */
static inline int eider__executor_check(const struct eider_executor *e)
{
	if (!eider__executor_is_ours(e))
		return -ECHILD;
	return eider__executor_is_open(e) ? 0 : -ESHUTDOWN;
}

void eider__executor_get(struct eider_executor *e);
void eider__executor_put(struct eider_executor *e);

void eider__executor_add_poster(struct eider_executor *e, struct eider__poster *p);
void eider__executor_remove_poster(struct eider_executor *e,
				   struct eider__poster *p);
/* Wait until no thread has @in in hand: see inbox.c, "Letting go". */
void eider__executor_wait_posters(struct eider_executor *e, struct eider__inbox *in);

/* [any] Give @link to @loop, from whatever thread this is. */
void eider__executor_post(struct eider_executor *e, struct eider_loop *loop,
			  struct eider_link *link);
/* [any] Complete a list of jobs that nobody has, each on its loop. */
void eider__executor_return_jobs(struct eider_executor *e, struct eider_link *jobs,
				 long result);

/* Would a shutdown on this thread wait for what the thread itself does? */
bool eider__would_wait_for_itself(const struct eider_executor *e, bool wait,
				  int64_t deadline);

/* [any] On the thread of a loop of @e, between turns: turn it until @is_over. */
void eider__turn_while_waiting(struct eider_executor *e,
			       bool (*is_over)(void *), void *arg, int64_t deadline);

/* The last act of a worker: to be joined by the next, and free its memory. */
void eider__executor_bury(struct eider_executor *e, struct eider__worker *w);

void eider__executor_warn_full(struct eider_executor *e, struct eider_pool *pool,
			       unsigned int waiting);

/* [loop] The lane of @loop to @pool. */
static inline struct eider_lane *eider__lane_to(struct eider_loop *loop,
						struct eider_pool *pool)
{
	struct eider_lane *lane = &loop->lanes->of[pool->index];

	if (!lane->loop)
		eider__lane_init(lane, loop, pool, pool->queue_max);
	return lane;
}

#endif
