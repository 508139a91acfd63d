/*
 * txn_thread.c - the threads of a transaction pool, and how they are used
 *
 * A thread is used in one of these ways, and idle if in none:
 *
 *	                  lease           leave
 *	  idle, general  ------> leased  -------> idle, or bound
 *	                  place           drained
 *	                 ------> busy    -------> idle, or bound
 *
 * leased: a context has it (thread->lease). busy: it runs jobs that were placed on
 * it by themselves. bound: it belongs to a name, and only that name gets it. pins
 * keep it for somebody who was given the pointer.
 *
 * Invariants
 *
 *  T1  A thread has at most one lease, and two leases never share a thread.
 *  T2  A thread is in the idle list if and only if it is general, unused, unpinned
 *      and not stopping (eider__txn_thread_settle_locked()).
 *
 * All of it under txn_lock, but for what says that it runs on the thread itself.
 *
 * Not here: who gets a thread, and who has to wait (txn_line.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "txn_pool.h"

/* T2. */
void eider__txn_thread_settle_locked(struct eider_txn_pool *tp,
				     struct eider_thread *t)
{
	bool idle = !t->lease && !t->bound && !t->busy && !t->pins && !t->stopping;
	bool listed = !eider__node_alone(&t->idle_node);

	if (idle == listed)
		return;
	if (idle) {
		eider__node_append(&tp->idle, &t->idle_node);
		tp->idle_count++;
	} else {
		eider__node_remove(&t->idle_node);
		tp->idle_count--;
	}
}

void eider__txn_thread_stop_locked(struct eider_txn_pool *tp, struct eider_thread *t)
{
	t->stopping = true;
	eider__txn_thread_settle_locked(tp, t);
	eider__thread_stop(t, false);
}

static int start_thread_locked(struct eider_txn_pool *tp, struct eider_thread **ret)
{
	struct eider_thread *t;
	char name[24];
	int err;

	snprintf(name, sizeof(name), "%.15s-%u", tp->name, ++tp->serial);
	t = eider__thread_make(tp->executor, tp, name, 0, &eider__txn_thread_hooks);
	if (!t)
		return -ENOMEM;
	eider__node_init(&t->idle_node);
	eider__thread_get(t);		/* its worker's */
	eider__node_append(&tp->threads, &t->node);
	tp->thread_count++;
	err = eider__pool_start_worker(&t->pool);
	if (err < 0) {
		eider__node_remove(&t->node);
		tp->thread_count--;
		eider__thread_put(t);
		eider__thread_put(t);
		return err;
	}
	*ret = t;
	return 0;
}

/*
 * Will some thread become free, or end, so that the line is served again? One that is
 * bound comes to nobody but its name. A lease counts only for somebody whose own it
 * cannot be, or who is looked after by deadlock.c.
 */
static bool one_will_be_free_locked(const struct eider_txn_pool *tp, bool count_leases)
{
	eider__node_each(node, &tp->threads) {
		const struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (t->stopping || (!t->bound && (!t->lease || count_leases)))
			return true;
	}
	return false;
}

/*
 * A general thread that nobody uses: 0; EIDER__TXN_WAIT; or why none can be started,
 * which may be -EAGAIN too, when there is nothing to wait for.
 */
int eider__txn_pick_locked(struct eider_txn_pool *tp, bool wait_for_leases,
			   struct eider_thread **ret)
{
	int err = EIDER__TXN_WAIT;

	if (!eider__node_alone(&tp->idle)) {
		/* The one used last: its connection is warm. */
		*ret = eider__container(tp->idle.prev, struct eider_thread,
					idle_node);
		return 0;
	}
	if (tp->thread_count < tp->threads_max)
		err = start_thread_locked(tp, ret);
	if (err < 0 && one_will_be_free_locked(tp, wait_for_leases))
		err = EIDER__TXN_WAIT;
	return err;
}

struct eider_thread *eider__txn_find_bound_locked(struct eider_txn_pool *tp,
						  const char *name)
{
	eider__node_each(node, &tp->threads) {
		struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (t->bound && !t->stopping && !strcmp(t->bound, name))
			return t;
	}
	return NULL;
}

static void unbind_locked(struct eider_thread *t)
{
	eider__free(t->bound);
	t->bound = NULL;
	t->forget = false;
	t->number = 0;
}

/* The free rule: of many idle general threads the surplus goes, coldest first. */
void eider__txn_free_surplus_locked(struct eider_txn_pool *tp)
{
	while (!tp->keep && tp->idle_count > tp->idle_max)
		eider__txn_thread_stop_locked(
			tp, eider__container(eider__node_first(&tp->idle),
					     struct eider_thread, idle_node));
}

/* Shutting down: whoever is not needed any more goes. */
void eider__txn_stop_unused_locked(struct eider_txn_pool *tp)
{
	eider__node_each(node, &tp->threads) {
		struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (!t->lease && !t->busy && !t->stopping)
			eider__txn_thread_stop_locked(tp, t);
	}
}

/* Shutting down: nobody will come again for what is bound, and the line waits. */
void eider__txn_unbind_unused_locked(struct eider_txn_pool *tp)
{
	eider__node_each(node, &tp->threads) {
		struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (!t->bound || t->lease || t->busy || t->pins || t->stopping)
			continue;
		unbind_locked(t);
		eider__txn_thread_settle_locked(tp, t);
	}
}

/* Somebody has stopped using @t. */
void eider__txn_thread_unused_locked(struct eider_txn_pool *tp,
				     struct eider_thread *t)
{
	if (t->forget && !t->lease && !t->busy && !t->pins)
		unbind_locked(t);
	if (!t->lease)
		eider__store_relaxed(&t->pool.context, t->number);
	if (t->start_error < 0 && !t->lease && !t->stopping)
		eider__txn_thread_stop_locked(tp, t);
	eider__txn_thread_settle_locked(tp, t);
	eider__txn_pool_react_locked(tp);
}

void eider__txn_threads_leave(struct eider_loop *loop,
			      struct eider__running *running)
{
	struct eider_executor *e = loop->executor;

	eider__lock_take(&e->txn_lock);
	eider__node_each(pool, &e->txn_pools) {
		struct eider_txn_pool *tp =
			eider__container(pool, struct eider_txn_pool, node);

		eider__node_each(node, &tp->threads)
			eider__pool_leave(&eider__container(
				node, struct eider_thread, node)->pool, loop,
				running);
	}
	eider__lock_give(&e->txn_lock);
}

/* ---- the life of a thread, on that thread ---- */

static long start_thread(struct eider_pool *p)
{
	struct eider_thread *t = p->thread;
	struct eider_txn_pool *tp = t->owner;
	long err = tp->hooks.thread_start ? tp->hooks.thread_start(t, tp->arg) : 0;

	eider__lock_take(&tp->executor->txn_lock);
	t->start_error = err;
	t->started = true;
	eider__cond_wake_all(&tp->executor->txn_change);
	eider__lock_give(&tp->executor->txn_lock);
	return err;
}

static void stop_thread(struct eider_pool *p)
{
	struct eider_txn_pool *tp = p->thread->owner;

	if (tp->hooks.thread_stop)
		tp->hooks.thread_stop(p->thread, tp->arg);
}

/*
 * Nothing is left in the queue. New work is placed under txn_lock, so if the queue is
 * empty under it, the thread is really out of work.
 *
 * That of a lease concerns nobody before the lease ends, and who ends it sees to it.
 * The look at it needs no lock: a job placed after the end of a lease came by way of
 * txn_lock and the pool's lock, which this thread took after it.
 */
static void drained(struct eider_pool *p)
{
	struct eider_thread *t = p->thread;
	struct eider_txn_pool *tp = t->owner;

	if (eider__load_relaxed(&t->lease))
		return;
	eider__lock_take(&tp->executor->txn_lock);
	if (!eider__load_relaxed(&p->queued)) {
		t->busy = false;
		eider__txn_thread_unused_locked(tp, t);
	}
	eider__lock_give(&tp->executor->txn_lock);
}

static void ended(struct eider_pool *p)
{
	struct eider_thread *t = p->thread;
	struct eider_txn_pool *tp = t->owner;
	struct eider_executor *e = tp->executor;

	eider__lock_take(&e->txn_lock);
	eider__node_remove(&t->node);
	tp->thread_count--;
	tp->past_jobs += p->past.jobs_done;
	eider__tally_add(&e->txn_past, &p->past);
	eider__txn_pool_react_locked(tp);
	if (tp->disowned && !tp->thread_count)
		eider__txn_pool_free_memory(tp);
	eider__lock_give(&e->txn_lock);
	eider__thread_put(t);		/* the worker's */
	eider__thread_put(t);		/* the pool's */
}

const struct eider__pool_hooks eider__txn_thread_hooks = {
	.start = start_thread,
	.stop = stop_thread,
	.drained = drained,
	.ended = ended,
};
