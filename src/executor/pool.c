/*
 * pool.c - a queue of jobs, first come first served
 *
 *	loops --batches--> queue --a few at a time--> workers --inbox--> loops
 *
 * One lock, held for a few instructions a batch; a prototype with 1024 jobs in
 * flight moved tens of millions a second through it, so it is no bottleneck.
 *
 * No job waits behind a slow one while a worker is idle or may be started. That
 * rests on three rules:
 *
 *  Q1  Whoever adds work, or takes some and leaves some, summons: wakes a sleeper,
 *      or if there is none starts a worker. One or two at a time; those that come
 *      do the same for the next, so nobody has to wake many. Not needed if a worker
 *      polls: it comes by itself, in place of one. And left for a moment, while
 *      jobs are short, to a loop that promises to look again (guard.c).
 *  Q2  What a worker has taken beyond the job it runs stays in its batch, where
 *      others can take from (batch.c).
 *  Q3  A worker sleeps only if, under the lock, there was nothing in the queue, and
 *      nothing in any batch or, while a loop stands guard, another worker awake.
 *      New work can only come under the lock, with Q1.
 *
 * Who fell asleep last is called first: what it needs is still in its CPU's caches, and
 * the others get to the end of their time. The call goes out after the lock was given,
 * but for a change of state: a sleeper that is woken under it runs into it, on another
 * CPU, and sleeps again. That it was called is stored under the lock; so by the time of
 * the call it may be up, even gone, and then a word that is no longer its own is woken,
 * which does nothing to anybody (a sleeper looks whether it was called). The pool is
 * still there: its executor is, by the caller's count, or by the lease or the job that
 * a loop has on a single thread, and only that loop's thread gives up.
 *
 * Ownership	a queued job is the pool's, under its lock, in its backlog (backlog.c).
 *		Whoever takes it out owns it.
 *
 * Not here: what a transaction thread is (thread.c), whose turn it is (lane.c).
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "executor.h"
#include "guard.h"
#include "worker.h"

void eider__pool_init(struct eider_pool *p, struct eider_executor *executor,
		      const char *name, unsigned int threads_max,
		      unsigned int queue_max)
{
	memset(p, 0, sizeof(*p));
	p->executor = executor;
	p->threads_max = threads_max;
	p->queue_max = queue_max;
	p->keepalive_ns = executor->options.keepalive_ns;
	snprintf(p->name, sizeof(p->name), "%s", name);
	eider__lock_init(&p->lock);
	eider__node_init(&p->sleepers);
	eider__node_init(&p->all);
}

void eider__pool_release(struct eider_pool *p)
{
	EIDER_DEBUG(!p->workers && !p->queued);
	eider__lock_release(&p->lock);
}

void eider__pool_put_back_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__backlog_prepend(&p->backlog, job);
	eider__store_relaxed(&p->queued, p->queued + 1);
	p->drained = false;
}

unsigned int eider__pool_take_locked(struct eider_pool *p, struct eider_job **jobs,
				     unsigned int n)
{
	unsigned int taken = eider__backlog_take(&p->backlog, jobs, n);

	eider__store_relaxed(&p->queued, p->queued - taken);
	return taken;
}

struct eider__summons eider__pool_summon_locked(struct eider_pool *p)
{
	struct eider_node *last = eider__node_first(&p->sleepers);

	if (last)
		return (struct eider__summons){ eider__worker_call_locked(last),
						false };
	if (p->workers >= p->threads_max)
		return (struct eider__summons){ NULL, false };
	eider__store_relaxed(&p->workers, p->workers + 1);
	return (struct eider__summons){ NULL, true };
}

int eider__pool_call(struct eider_pool *p, struct eider__summons who)
{
	if (who.sleeper)
		eider__futex_wake(who.sleeper, 1);
	return who.newcomer ? eider__worker_start(p) : 0;
}

/* All that is queued, linked by the futures' links, oldest first. */
static struct eider_link *take_all_locked(struct eider_pool *p)
{
	struct eider_link *first = NULL, **end = &first;
	struct eider_job *job;

	while (eider__pool_take_locked(p, &job, 1)) {
		*end = &job->future._link;
		end = &job->future._link._next;
	}
	*end = NULL;
	return first;
}

/* No thread could be started. With none at all, nobody would ever run these. */
static void fail_without_workers(struct eider_pool *p, int err)
{
	struct eider_link *l = NULL;

	eider__lock_take(&p->lock);
	if (!p->workers)
		l = take_all_locked(p);
	eider__lock_give(&p->lock);
	eider__executor_return_jobs(p->executor, l, err);
}

void eider__pool_call_from_outside(struct eider_pool *p, struct eider__summons who)
{
	int err = eider__pool_call(p, who);

	if (err < 0)
		fail_without_workers(p, err);
}

/* Q1, and whom it does not need. */
static struct eider__summons summon_for_locked(struct eider_pool *p,
					       struct eider_lane *lane)
{
	struct eider__summons nobody = { NULL, false };

	if (lane && eider__guard_stand_locked(lane) && p->idle < p->workers)
		return nobody;
	if (p->polling) {
		p->polling = false;	/* one comes for one */
		return nobody;
	}
	return eider__pool_summon_locked(p);
}

static int add_locked(struct eider_pool *p, struct eider__fifo *batch,
		      struct eider_lane *lane, struct eider__summons *who)
{
	unsigned int count = batch->count;

	if (p->state == EIDER__POOL_CLOSED)
		return -ECANCELED;
	p->drained = false;
	eider__backlog_append(&p->backlog, batch);
	/* Last: who polls for it comes for the lock. */
	eider__store_relaxed(&p->queued, p->queued + count);
	*who = summon_for_locked(p, lane);
	return 0;
}

int eider__pool_add(struct eider_pool *p, struct eider__fifo *batch,
		    struct eider_lane *lane)
{
	struct eider__summons who = { NULL, false };
	int err;

	eider__lock_take(&p->lock);
	err = add_locked(p, batch, lane, &who);
	eider__lock_give(&p->lock);
	eider__pool_call_from_outside(p, who);
	return err;
}

int eider__pool_add_one(struct eider_pool *p, struct eider_job *job)
{
	struct eider__fifo batch = { NULL, NULL, 0 };

	eider__fifo_push(&batch, &job->future._link);
	return eider__pool_add(p, &batch, NULL);
}

bool eider__pool_remove(struct eider_pool *p, struct eider_job *job)
{
	bool removed;

	eider__lock_take(&p->lock);
	removed = eider__backlog_remove(&p->backlog, job);
	if (removed)
		eider__store_relaxed(&p->queued, p->queued - 1);
	else
		removed = eider__worker_give_up_locked(p, job);
	eider__lock_give(&p->lock);
	return removed;
}

void eider__pool_leave(struct eider_pool *p, struct eider_loop *loop,
		       struct eider__running *running)
{
	struct eider_link *l, *next;
	struct eider__summons who = { NULL, false };
	unsigned int left;

	eider__lock_take(&p->lock);
	eider__worker_leave_locked(p, loop, running);
	l = eider__backlog_take_of(&p->backlog, loop, &left);
	eider__store_relaxed(&p->queued, left);
	for (; l; l = next) {
		next = l->_next;
		eider__future_complete(eider__future_of(l), -ECANCELED);
	}
	if (p->queued)
		who = eider__pool_summon_locked(p);
	eider__lock_give(&p->lock);
	eider__pool_call_from_outside(p, who);
}

struct eider_link *eider__pool_set_state(struct eider_pool *p,
					 enum eider__pool_state state)
{
	struct eider_link *jobs = NULL;
	struct eider_node *last;

	eider__lock_take(&p->lock);
	if (state > p->state)
		eider__store_relaxed(&p->state, state);
	if (state == EIDER__POOL_CLOSED) {
		struct eider_job *stolen[EIDER__BATCH_MAX];
		unsigned int n;

		jobs = take_all_locked(p);
		while ((n = eider__worker_steal_locked(p, NULL, stolen)))
			while (n) {
				stolen[--n]->future._link._next = jobs;
				jobs = &stolen[n]->future._link;
			}
	}
	while ((last = eider__node_first(&p->sleepers)))
		eider__futex_wake(eider__worker_call_locked(last), 1);
	eider__lock_give(&p->lock);
	return jobs;
}

int eider__pool_start_worker(struct eider_pool *p)
{
	eider__lock_take(&p->lock);
	eider__store_relaxed(&p->workers, p->workers + 1);
	eider__lock_give(&p->lock);
	return eider__worker_start(p);
}

bool eider__pool_is_free(struct eider_pool *p)
{
	bool is_free;

	eider__lock_take(&p->lock);
	is_free = !p->queued;
	/* Pairs with the end of run() in worker.c. */
	eider__node_each(node, &p->all)
		if (eider__load_acquire(&eider__container(node, struct eider__worker,
							  node)->busy))
			is_free = false;
	eider__lock_give(&p->lock);
	return is_free;
}

void eider_pool_count(struct eider_pool *p, struct eider_pool_counts *ret_counts)
{
	eider__lock_take(&p->lock);
	ret_counts->threads = p->workers;
	ret_counts->idle = p->idle;
	ret_counts->queued = p->queued;
	eider__lock_give(&p->lock);
}
