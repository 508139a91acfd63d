/*
 * worker.c - a thread that runs jobs
 *
 *	take -> run -> post ---+
 *	 ^                     |
 *	 +-- sleep, or end <---+
 *
 * Taking. With many jobs queued a worker takes its share of them under one lock, into
 * its batch (batch.c), where others can still get at those that it has not begun: a
 * thief that would else sleep, or the home thread that cancels one.
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
#include "guard.h"

enum {
	AHEAD = 8,		/* jobs whose memory is asked for in advance */
	TRAY_FROM = 4,		/* jobs in hand, from which on a tray pays */
};

__thread struct eider__worker *eider__worker_here;

/* ---- taking ---- */

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

bool eider__worker_unslot_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__node_each(node, &p->all)
		if (eider__batch_remove_locked(&worker_of(node)->batch, job))
			return true;
	return false;
}

/* One, and its share of the rest, into its batch. How many. */
static unsigned int take_locked(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	struct eider_job **jobs = me->batch.jobs;
	unsigned int n = 0;

	if (p->queued) {
		n = (p->queued - 1) / p->threads_max + 1;
		n = eider__pool_take_locked(p, jobs,
				n < EIDER__BATCH_MAX ? n : EIDER__BATCH_MAX);
		me->leaves = n > 1 || p->queued;
	}
	if (!n) {
		n = eider__worker_steal_locked(p, me, jobs);
		me->leaves = n > 1 || (n && eider__worker_has_more_locked(p, me));
	}
	eider__batch_fill_locked(&me->batch, n);
	if (n)
		eider__store_relaxed(&p->takes, p->takes + 1);
	return n;
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
 * The next job often comes soon after the result of the last, the statements of a
 * transaction above all. One worker of a pool polls for it; whoever adds work need not
 * summon that one, as it looks again under the lock. Transaction threads do so only in
 * a context: atomic jobs in none are strangers to each other.
 */
static void poll_for_jobs(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;

	if (!me->patience.max_ns || p->polling ||
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

static void retire_locked(struct eider__worker *me)
{
	me->pool->workers--;
	eider__node_remove(&me->node);
	eider__tally_add_worker(&me->pool->past, me);
}

/*
 * Fill the batch. How many jobs it has, or 0: end. A worker of many ends in the same
 * moment, so that new work starts another; a single one is still to run its stop hook.
 */
static unsigned int take(struct eider__worker *me)
{
	struct eider_pool *p = me->pool;
	enum eider__summons who = EIDER__SUMMON_NOBODY;
	unsigned int n;

	eider__lock_take(&p->lock);
	eider__store_relaxed(&me->busy, false);
	n = wait_for_jobs_locked(me);
	eider__store_relaxed(&me->busy, n > 0);
	me->first = true;
	if (n && me->leaves && !eider__guard_is_there_locked(p))
		who = eider__pool_summon_locked(p);
	if (!n && !p->single)
		retire_locked(me);
	else if (!n)
		eider__store_relaxed(&p->state, EIDER__POOL_CLOSED);
	eider__lock_give(&p->lock);
	(void)eider__pool_call(p, who);		/* others do the work if not */
	return n;
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
	eider__guard_note(me->pool, -job->_moment - begun);
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

static void run_batch(struct eider__worker *me, unsigned int n)
{
	struct eider__batch *b = &me->batch;
	struct eider_job *job;

	for (unsigned int i = 0; i < AHEAD; i++)
		eider__batch_prefetch(b, i);
	for (unsigned int i = 0; i < n; i++) {
		eider__batch_prefetch(b, i + AHEAD);
		job = eider__batch_claim(b, i);
		if (!job)
			continue;
		if (!i && n >= TRAY_FROM)
			eider__poster_begin(&me->poster, &job->future._loop->inbox);
		run(me, job, i + 1 == n);
	}
	eider__poster_end(&me->poster);
}

static void run_all(struct eider__worker *me)
{
	unsigned int n;

	while ((n = take(me)))
		run_batch(me, n);
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
	if (!p->single)
		me->poster.tray = eider__trays_lend(&executor->trays);
	eider__patience_init(&me->patience, executor->options.poll_ns);
	if (hooks)
		me->start_error = hooks->start(p);
	run_all(me);
	if (hooks && me->start_error >= 0)
		hooks->stop(p);
	eider__watchdog_remove(&executor->watchdog, &me->watched);
	eider__executor_remove_poster(executor, &me->poster);
	eider__trays_take_back(&executor->trays, me->poster.tray);
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
	eider__batch_init(&w->batch, &p->lock, executor->trays.works);
	w->watched.held = (void *const *)w->batch.jobs;
	w->watched.held_max = EIDER__BATCH_MAX;
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
