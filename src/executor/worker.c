/*
 * worker.c - a thread that runs jobs
 *
 *	take -> run -> post ---+
 *	 ^                     |
 *	 +-- sleep, or end <---+
 *
 * How it comes by its jobs, and when it ends for lack of them, is in worker_take.c.
 * Short jobs' results go on a tray (loop/tray.c), and while more are to come no loop is
 * woken from a nap for one (rest.c).
 *
 * Ownership	a job that a worker took is the worker's until it is posted; then
 *		the home thread's, and the worker never looks at it again.
 *
 * Not here: how a running job is asked to stop (interrupt.c).
 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>

#include "base/sys.h"
#include "executor.h"
#include "guard.h"

enum {
	AHEAD = 16,		/* jobs whose memory is asked for in advance */
	TRAY_FROM = 4,		/* jobs in hand, from which on a tray pays */
};

__thread struct eider__worker *eider__worker_here;

/* ---- running ---- */

static void show(struct eider__worker *me, struct eider_job *job, uint32_t flags)
{
	eider__store_release(&me->loop, job->future._loop);
	eider__store_release(&me->job, job);
	eider__watched_begin_job(&me->watched, job->fn,
				 flags & EIDER__JOB_NAMED ? job->name : NULL,
				 eider__load_relaxed(&me->pool->context));
	if (me->first) {
		eider__watched_barrier(&me->watched);
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

/* @more: there are others in hand, which need not be waited for. */
static void run(struct eider__worker *me, struct eider_job *job, bool last, bool more)
{
	struct eider_loop *loop = job->future._loop;
	long result = me->start_error < 0 ? me->start_error : run_fn(me, job);

	/* Atomic: see eider__backlog_remove(). */
	eider__store_relaxed(&job->future._u.result, result);
	if (last)	/* pairs with eider__pool_is_free() */
		eider__store_release(&me->busy, false);
	/* Of this result alone: what fn and the hooks post cannot wait. */
	me->poster.is_patient = more || eider__load_relaxed(&me->pool->queued);
	eider__inbox_post(&loop->inbox, &me->poster, &job->future._link);
	me->poster.is_patient = false;
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
		if (!i && b->lopsided && n >= TRAY_FROM)
			eider__poster_begin(&me->poster, &job->future._loop->inbox);
		/* Half way there is time to get more before it runs out. */
		run(me, job, i + 1 == n, i + 1 < n && i != n / 2);
	}
	eider__poster_end(&me->poster);
}

static void run_all(struct eider__worker *me)
{
	unsigned int n;

	while ((n = eider__worker_take(me)))
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
	/* Its loop has more to hand out, to it and to others, and then sleeps. */
	if (p->single)
		eider__thread_set_modest();
	eider__worker_here = me;
	eider__poster_here = &me->poster;
	eider__thread_set_name(me->watched.thread);
	if (!p->single)
		me->poster.tray = eider__trays_lend(&executor->trays);
	eider__patience_awake();
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
	eider__patience_asleep();
	if (p->single) {
		eider__lock_take(&p->lock);
		eider__worker_retire_locked(me);
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
	eider__batch_init(&w->batch, &p->lock);
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
	eider__store_relaxed(&p->workers, p->workers - 1);
	eider__lock_give(&p->lock);
	return err;
}
