/*
 * worker_take.c - how a worker comes by its jobs
 *
 * With many jobs queued a worker takes its share of them under one lock, into
 * its batch (batch.c), where others can still get at those that it has not begun: a
 * thief that would else sleep, or the home thread that cancels one.
 *
 * Order. Jobs are taken in the order of the queue. With several workers a batch may
 * run after the beginning of the next one: by at most a batch.
 *
 * When there is nothing, not even in others' batches (left alone while a loop stands
 * guard and one worker is enough), it polls for a moment, one worker of a pool at a
 * time; sleeps; and ends after a while, if it is of many.
 */
#include "base/sys.h"
#include "executor.h"
#include "guard.h"
#include "worker.h"

static struct eider__worker *worker_of(struct eider_node *node)
{
	return eider__container(node, struct eider__worker, node);
}

unsigned int eider__worker_steal_locked(struct eider_pool *p,
					const struct eider__worker *thief,
					struct eider_job **jobs)
{
	unsigned int n;

	eider__node_each(node, &p->all) {
		if (worker_of(node) == thief)
			continue;
		n = eider__batch_raid_locked(&worker_of(node)->batch, jobs,
					     thief != NULL);
		if (n)
			return n;
	}
	return 0;
}

bool eider__worker_has_more_locked(struct eider_pool *p,
				   const struct eider__worker *but)
{
	eider__node_each(node, &p->all)
		if (worker_of(node) != but &&
		    eider__batch_left(&worker_of(node)->batch))
			return true;
	return false;
}

bool eider__worker_give_up_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__node_each(node, &p->all)
		if (eider__batch_remove_locked(&worker_of(node)->batch, job))
			return true;
	return false;
}

/*
 * Jobs are short, a loop looks after them, and somebody else is awake: one worker does
 * better without the help of a second. What that one has is left to it.
 */
static bool is_spare(const struct eider_pool *p)
{
	return eider__guard_is_there_locked(p) && p->workers - p->idle > 1;
}

/* The worker has a tray, and barriers work, and they pay. */
static bool may_be_lopsided(const struct eider__worker *me)
{
	return me->poster.tray &&
	       eider__load_relaxed(&me->pool->executor->trays.works) &&
	       eider__guard_is_brisk(me->pool);
}

/* One, and its share of the rest, into its batch. How many. */
static unsigned int take_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	struct eider_job **jobs = me->batch.jobs;
	unsigned int n = 0;

	if (p->queued) {
		n = eider__guard_is_there_locked(p) ?
			    p->queued : (p->queued - 1) / p->threads_max + 1;
		n = eider__pool_take_locked(p, jobs,
				n < EIDER__BATCH_MAX ? n : EIDER__BATCH_MAX);
		me->leaves = n > 1 || p->queued;
	}
	if (!n && !is_spare(p)) {
		n = eider__worker_steal_locked(p, me, jobs);
		me->leaves = n > 1 || (n && eider__worker_has_more_locked(p, me));
	}
	eider__batch_fill_locked(&me->batch, n, may_be_lopsided(me));
	p->takes += n > 0;
	return n;
}

uint32_t *eider__worker_call_locked(struct eider_node *asleep)
{
	struct eider__worker *w = eider__container(asleep, struct eider__worker,
						   asleep);

	eider__node_remove(asleep);
	eider__store_relaxed(&w->pool->idle, w->pool->idle - 1);
	eider__store_relaxed(&w->called, 1);
	return &w->called;
}

/* Sleep until somebody calls. False if it took too long. */
static bool sleep_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	int64_t deadline = p->single ? EIDER_NEVER : eider_after(p->keepalive_ns);
	bool in_time = true;

	eider__store_relaxed(&me->called, 0);
	eider__node_prepend(&p->sleepers, &me->asleep);
	eider__store_relaxed(&p->idle, p->idle + 1);
	eider__lock_give(&p->lock);
	eider__patience_asleep();
	while (in_time && !eider__load_relaxed(&me->called))
		in_time = eider__futex_wait(&me->called, 0, deadline);
	eider__patience_awake();
	eider__lock_take(&p->lock);
	if (eider__load_relaxed(&me->called))
		return true;
	eider__node_remove(&me->asleep);
	eider__store_relaxed(&p->idle, p->idle - 1);
	return false;
}

/*
 * Once per time that the work runs out, also if it was taken out again before
 * anybody ran it: cleared by whatever is queued.
 */
static void say_drained(struct eider_pool *p)
{
	p->drained = true;
	eider__lock_give(&p->lock);
	p->hooks->drained(p);
	eider__lock_take(&p->lock);
}

static bool is_wanted(void *pool)
{
	const struct eider_pool *p = pool;

	return eider__load_relaxed(&p->queued) || eider__load_relaxed(&p->state);
}

/*
 * The next job often comes soon after the result of the last, the statements of a
 * transaction above all. One worker of a pool polls for it; whoever adds work need not
 * summon that one, as it looks again under the lock. Transaction threads do so only in
 * a context: atomic jobs in none are strangers to each other.
 */
static void poll_for_jobs(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;

	if (!me->patience.max_ns || p->polling || is_spare(p) ||
	    (p->single && !eider__load_relaxed(&p->context)))
		return;
	p->polling = true;
	eider__lock_give(&p->lock);
	eider__patience_poll(&me->patience, is_wanted, p);
	eider__lock_take(&p->lock);
	p->polling = false;
}

static unsigned int wait_for_jobs_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	bool overslept = false, polled = false;
	unsigned int n;

	while (!(n = take_locked(me)) && p->state == EIDER__POOL_OPEN &&
	       !overslept) {
		if (p->hooks && !p->drained) {
			say_drained(p);
		} else if (!polled) {
			poll_for_jobs(me);
			polled = true;
		} else {
			overslept = !sleep_locked(me);
		}
	}
	return n;
}

void eider__worker_retire_locked(struct eider__worker *me)
{
	eider__store_relaxed(&me->pool->workers, me->pool->workers - 1);
	eider__node_remove(&me->node);
	eider__tally_add_worker(&me->pool->past, me);
}

/*
 * Q1. Two sleepers for what is enough for two, so that many are up soon: a tree, not a
 * chain. But not two newcomers: it is soon seen whether so many are needed.
 */
static void summon_locked(struct eider__worker *me, struct eider__summons *who)
{
	struct eider_pool *p = me->pool;

	if (!me->leaves || eider__guard_is_there_locked(p))
		return;
	who[0] = eider__pool_summon_locked(p);
	if (p->queued > 1 && p->idle)
		who[1] = eider__pool_summon_locked(p);
}

unsigned int eider__worker_take(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	struct eider__summons who[2] = { { NULL, false }, { NULL, false } };
	unsigned int n;

	eider__lock_take(&p->lock);
	eider__store_relaxed(&me->busy, false);
	n = wait_for_jobs_locked(me);
	eider__store_relaxed(&me->busy, n > 0);
	me->first = true;
	if (n)
		summon_locked(me, who);
	if (!n && !p->single)
		eider__worker_retire_locked(me);
	else if (!n)
		eider__store_relaxed(&p->state, EIDER__POOL_CLOSED);
	eider__lock_give(&p->lock);
	for (int i = 0; i < 2; i++)
		(void)eider__pool_call(p, who[i]);	/* if not, others do it */
	return n;
}
