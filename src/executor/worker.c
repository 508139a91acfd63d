/*
 * worker.c - a thread that runs jobs
 *
 *	take -> run -> post ---+
 *	 ^                     |
 *	 +-- sleep, or end <---+
 *
 * Taking. With many jobs queued a worker takes its share of them under one lock:
 * one to run now, the others into its slots. Slots are open to all: each job is
 * taken out of its slot by a swap with NULL, by the worker itself, by a thief that
 * would else sleep, or by the home thread that cancels it; whoever gets the pointer
 * has the job. Slots are filled and searched under the pool's lock; only the swaps
 * of the worker itself are not.
 *
 * Order. Jobs are taken in the order of the queue. With several workers a batch may
 * run after the beginning of the next one: by at most a batch.
 *
 * Ownership	a job that a worker took is the worker's until it is posted; then
 *		the home thread's, and the worker never looks at it again.
 *
 * Not here: how a running job is asked to stop (interrupt.c).
 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "executor.h"

enum {
	AHEAD = 8,		/* jobs whose memory is asked for in advance */
};

__thread struct eider__worker *eider__worker_here;

/* ---- taking ---- */

struct eider_job *eider__worker_steal_locked(struct eider_pool *p,
					     const struct eider__worker *thief)
{
	eider__node_each(node, &p->all) {
		struct eider__worker *w =
			eider__container(node, struct eider__worker, node);

		for (unsigned int i = 0; w != thief && i < w->taken; i++) {
			struct eider_job *job;

			if (!eider__load_relaxed(&w->slots[i]))
				continue;
			job = eider__swap_acq_rel(&w->slots[i], NULL);
			if (job)
				return job;
		}
	}
	return NULL;
}

bool eider__worker_unslot_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__node_each(node, &p->all) {
		struct eider__worker *w =
			eider__container(node, struct eider__worker, node);

		for (unsigned int i = 0; i < w->taken; i++) {
			struct eider_job *expected = job;

			if (eider__load_relaxed(&w->slots[i]) == job &&
			    eider__cas_acq_rel(&w->slots[i], &expected, NULL))
				return true;
		}
	}
	return false;
}

/* A job to run now, its share of the rest into the slots; or NULL. */
static struct eider_job *take_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	unsigned int share;
	struct eider_job *job;

	me->taken = 0;
	if (!eider__pool_take_locked(p, &job, 1))
		return eider__worker_steal_locked(p, me);
	share = p->queued / p->threads_max;
	if (share > EIDER__WORKER_BATCH)
		share = EIDER__WORKER_BATCH;
	me->taken = eider__pool_take_locked(p, me->slots, share);
	return job;
}

/* Sleep until there may be work. False if it took too long. */
static bool sleep_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	int64_t deadline = p->single ? EIDER_NEVER : eider_after(p->keepalive_ns);
	bool woken;

	eider__store_relaxed(&p->idle, p->idle + 1);
	woken = eider__cond_wait(&p->work, &p->lock, deadline);
	eider__store_relaxed(&p->idle, p->idle - 1);
	if (p->wakes)
		p->wakes--;
	return woken;
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
 * The statements of a transaction come one after another, each soon after the result of
 * the last. What is found is looked at again under the lock.
 */
static void poll_in_context(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;

	if (!me->patience.max_ns || !eider__load_relaxed(&p->context))
		return;
	eider__lock_give(&p->lock);
	eider__patience_poll(&me->patience, is_wanted, p);
	eider__lock_take(&p->lock);
}

static struct eider_job *wait_for_job_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	bool overslept = false, polled = false;
	struct eider_job *job;

	while (!(job = take_locked(me)) && p->state == EIDER__POOL_OPEN &&
	       !overslept) {
		if (p->hooks && !p->drained) {
			say_drained(p);
		} else if (!polled) {
			poll_in_context(me);
			polled = true;
		} else {
			overslept = !sleep_locked(me);
		}
	}
	return job;
}

static void retire_locked(struct eider__worker *me)
{
	me->pool->workers--;
	eider__node_remove(&me->node);
	eider__tally_add_worker(&me->pool->past, me);
}

/*
 * The next job to run, or NULL: end. A worker of many ends in the same moment, so
 * that new work starts another; a single one is still to run its stop hook.
 */
static struct eider_job *take(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	enum eider__summons who = EIDER__SUMMON_NOBODY;
	struct eider_job *job;

	eider__lock_take(&p->lock);
	eider__store_relaxed(&me->busy, false);
	job = wait_for_job_locked(me);
	eider__store_relaxed(&me->busy, job != NULL);
	me->first = true;
	if (job && (p->queued || me->taken))
		who = eider__pool_summon_locked(p);
	if (!job && !p->single)
		retire_locked(me);
	else if (!job)
		eider__store_relaxed(&p->state, EIDER__POOL_CLOSED);
	eider__lock_give(&p->lock);
	(void)eider__pool_call(p, who);		/* others do the work if not */
	return job;
}

/* ---- running ---- */

static void show(struct eider__worker *me, struct eider_job *job, uint32_t flags)
{
	eider__store_release(&me->loop, job->future._loop);
	eider__store_release(&me->job, job);
	eider__watched_begin_job(&me->watched, job->fn,
				 flags & EIDER__JOB_NAMED ? job->name : NULL,
				 eider__load_relaxed(&me->pool->context));
	if (me->first) {
		/* Full, before the look at parked: see observe/watchdog.c. */
		eider__store_full(&me->watched.beat, me->watched.beat);
		eider__watchdog_busy(&me->pool->executor->watchdog);
		me->first = false;
	}
}

static void show_end(struct eider__worker *me)
{
	eider__watched_end(&me->watched);
	eider__store_release(&me->job, NULL);
}

/*
 * 0: run @job. Else it is not run, and that is its result. RUNNING is set only on one
 * that was not cancelled, so the hook is called only for a function that is begun.
 */
static long begin(struct eider_job *job, uint32_t *ret_flags)
{
	uint32_t *word = &job->future._flags;
	uint32_t flags = eider__load_acquire(word);

	/* Its loop may be too busy to have noticed. */
	if ((flags & EIDER__JOB_TIMED) && eider_now() >= job->deadline)
		return -ETIME;
	do {
		if (flags & EIDER__JOB_CANCELLED)
			return flags & EIDER__JOB_EXPIRED ? -ETIME : -ECANCELED;
	} while ((flags & EIDER__JOB_INTERRUPTIBLE) &&
		 !eider__cas_acq_rel(word, &flags, flags | EIDER__JOB_RUNNING));
	*ret_flags = flags;
	return 0;
}

/* One in EIDER_STATS_SAMPLE. */
static __attribute__((noinline)) long call_sampled(struct eider__worker *me,
						   struct eider_job *job)
{
	int64_t begun = eider_now();
	long result;

	eider_histogram_record(&me->queue_wait, begun - job->_moment);
	result = job->fn(job->arg);
	job->_moment = -eider_now();
	eider_histogram_record(&me->run, -job->_moment - begun);
	return result;
}

static long run_fn(struct eider__worker *me, struct eider_job *job)
{
	uint32_t flags;
	long result = begin(job, &flags);

	if (result < 0)
		return result;
	show(me, job, flags);
	result = flags & EIDER__JOB_SAMPLED ? call_sampled(me, job) :
					      job->fn(job->arg);
	if (flags & EIDER__JOB_INTERRUPTIBLE)
		eider__worker_end_interrupts(job);
	show_end(me);
	return result;
}

static void run(struct eider__worker *me, struct eider_job *job, bool last)
{
	struct eider_loop *loop = job->future._loop;
	long result = me->start_error < 0 ? me->start_error : run_fn(me, job);

	/* Atomic: see eider__backlog_remove(). */
	eider__store_relaxed(&job->future._u.result, result);
	if (last)	/* pairs with eider__pool_is_free() */
		eider__store_release(&me->busy, false);
	eider__inbox_post(&loop->inbox, &me->poster, &job->future._link);
}

static void run_all(struct eider__worker *me)
{
	struct eider_job *job;

	while ((job = take(me))) {
		unsigned int taken = me->taken;

		run(me, job, !taken);
		for (unsigned int i = 0; i < taken; i++) {
			job = eider__swap_acq_rel(&me->slots[i], NULL);
			if (i + AHEAD < taken)
				eider__prefetch_write(eider__load_relaxed(
					&me->slots[i + AHEAD]));
			if (job)
				run(me, job, i + 1 == taken);
		}
	}
}

/* ---- the thread ---- */

static void name_thread(struct eider__worker *me, unsigned int number)
{
	char *name = me->watched.thread;

	if (me->pool->single)
		snprintf(name, sizeof(me->watched.thread), "%s", me->pool->name);
	else
		snprintf(name, sizeof(me->watched.thread), "%s-%u", me->pool->name,
			 number);
}

static void *work(void *arg)
{
	struct eider__worker *me = arg;
	struct eider_pool *p = me->pool;
	struct eider_executor *executor = p->executor;
	const struct eider__pool_hooks *hooks = p->hooks;

	if (me->inherits_slice)		/* which is for loops */
		eider__thread_set_slice(0);
	eider__worker_here = me;
	eider__poster_here = &me->poster;
	eider__thread_set_name(me->watched.thread);
	eider__patience_init(&me->patience, p->single ? executor->options.poll_ns : 0);
	if (hooks)
		me->start_error = hooks->start(p);
	run_all(me);
	if (hooks && me->start_error >= 0)
		hooks->stop(p);
	eider__watchdog_remove(&executor->watchdog, &me->watched);
	eider__executor_remove_poster(executor, &me->poster);
	eider__poster_release(&me->poster);
	eider__worker_here = NULL;
	eider__poster_here = NULL;
	if (p->single) {
		eider__lock_take(&p->lock);
		retire_locked(me);
		eider__lock_give(&p->lock);
	}
	if (hooks)
		hooks->ended(p);
	eider__executor_bury(executor, me);
	return NULL;
}

int eider__worker_start(struct eider_pool *p)
{
	struct eider_executor *executor = p->executor;
	struct eider__worker *w = eider__alloc_aligned(64, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		goto uncount;
	w->pool = p;
	w->inherits_slice = eider__thread_has_slice();
	w->watched.queued = &p->queued;
	w->watched.held = (void *const *)w->slots;
	w->watched.held_max = EIDER__WORKER_BATCH;
	w->watched.name_of = eider_atomic_name;
	name_thread(w, eider__add_relaxed(&p->serial, 1) + 1);
	err = eider__poster_init(&w->poster, executor->features.doorbell);
	if (err < 0)
		goto free_worker;
	eider__executor_add_poster(executor, &w->poster);
	/* Without a watchdog it still works; the loops have said so already. */
	(void)eider__watchdog_add(&executor->watchdog, &w->watched);
	eider__executor_get(executor);
	eider__lock_take(&p->lock);
	eider__node_append(&p->all, &w->node);
	err = eider__thread_start(&w->thread, work, w);
	if (err < 0)
		eider__node_remove(&w->node);
	eider__lock_give(&p->lock);
	if (!err)
		return 0;

	eider__executor_put(executor);
	eider__watchdog_remove(&executor->watchdog, &w->watched);
	eider__executor_remove_poster(executor, &w->poster);
	eider__poster_release(&w->poster);
free_worker:
	eider__free(w);
uncount:
	eider__lock_take(&p->lock);
	p->workers--;
	eider__lock_give(&p->lock);
	return err;
}
