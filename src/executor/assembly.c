/*
 * assembly.c - put a loop together with all that hangs on it, and take it apart
 *
 * A loop is put together here from its parts, because only here all of them are
 * known: ring and inbox, fibers, lanes, its place in the watchdog's list and in the
 * list of posters.
 *
 * Freeing one while functions still run for it is the delicate part. What such a
 * function will touch when it returns: its job (often on a fiber's stack) and the
 * inbox. So:
 *
 *	1  hand over what is in lanes; take queued jobs, and those in lines, out
 *	2  cancel all ops, and wait: the kernel writes to their memory
 *	3  give back leases
 *	4  refuse trays, take what is on them; close the inbox: what comes after is
 *	   orphaned
 *	5  wait for posters that have the inbox in hand; the ring can go then
 *	6  the rest of the memory goes with the last orphan
 *
 * orphans counts the jobs that were not back at step 4, and one for step 5. Whoever
 * brings it to zero frees the memory: this thread as a rule, else the last worker.
 *
 * With delivery `each` there is no telling a message that is on its way from one that
 * is not, so that reference mode waits for all its jobs before step 4.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "context.h"
#include "executor.h"
#include "fiber/overflow.h"
#include "guard.h"
#include "options.h"
#include "pool.h"
#include "rest.h"
#include "thread.h"
#include "txn_pool.h"
#include "worker.h"

static void free_memory(struct eider_loop *loop)
{
	eider__contexts_free(loop);
	eider__fibers_release(loop);
	eider__free(loop->lanes);
	eider__free(loop);
}

static void let_orphans_go(struct eider_loop *loop, unsigned int n)
{
	if (eider__sub_acq_rel(&loop->orphans, n) == n)
		free_memory(loop);
}

/* On the thread of a worker, or of whoever completes jobs. */
static void orphan_job(struct eider__inbox *in, struct eider_link *link)
{
	struct eider_loop *loop = eider__container(in, struct eider_loop, inbox);
	struct eider_job *job = eider__job_of(link);

	if (!job->_lane->pool && job->_home)
		eider__thread_put(job->_home->thread);
	let_orphans_go(loop, 1);
}

static void tell_watchdog(struct eider_loop *loop)
{
	eider__watchdog_busy(&loop->executor->watchdog);
}

static int make_lanes(struct eider_loop *loop, const struct eider_options *o)
{
	loop->lanes = eider__alloc(sizeof(*loop->lanes));
	if (!loop->lanes)
		return -ENOMEM;
	eider__node_init(&loop->lanes->contexts);
	eider__lane_init(&loop->lanes->direct, loop, NULL, o->queue_max);
	return 0;
}

static int make_fibers(struct eider_loop *loop, const struct eider_options *o)
{
	int err = eider__fibers_init(loop, o, loop->executor->in_use);

	if (err < 0)
		return err;
	loop->fibers->context_get = eider__context_get;
	loop->fibers->context_put = eider__context_put;
	return 0;
}

static int watch(struct eider_loop *loop)
{
	static unsigned int serial;
	struct eider__watched *w = &loop->watched;

	loop->counts.number = eider__add_relaxed(&serial, 1) + 1;
	w->is_loop = true;
	snprintf(w->thread, sizeof(w->thread), "loop-%u", loop->counts.number);
	loop->on_busy = tell_watchdog;
	loop->look = eider__guards_look;
	loop->relieve = eider__guards_step_down;
	loop->is_nap = eider__rest_is_nap;
	loop->rest_until = eider__rest_until;
	return eider__watchdog_add(&loop->executor->watchdog, w);
}

static int put_together(struct eider_loop *loop, const struct eider_options *o)
{
	struct eider_executor *e = loop->executor;
	eider__features_t use = e->in_use;
	int err = make_lanes(loop, o);

	if (err < 0)
		return err;
	err = make_fibers(loop, o);
	if (err < 0)
		goto free_lanes;
	err = eider__overflow_watch();
	if (err < 0)
		goto release_fibers;
	if (o->polled)		/* it shows nothing to those who poll */
		use &= ~EIDER_FEATURE_BIT(EIDER_FEATURE_DEFER_TASKRUN);
	err = eider__loop_init(loop, o, &e->features, use, &e->trays, orphan_job);
	if (err < 0)
		goto unwatch_overflow;
	err = watch(loop);
	if (!err)
		return 0;

	eider__watchdog_remove(&e->watchdog, &loop->watched);
	eider__loop_release(loop);
unwatch_overflow:
	eider__overflow_unwatch();
release_fibers:
	eider__fibers_release(loop);
free_lanes:
	eider__free(loop->lanes);
	return err;
}

int eider_loop_new(struct eider_executor *executor,
		   const struct eider_options *options, struct eider_loop **ret_loop)
{
	struct eider_options o;
	struct eider_loop *loop;
	int err;

	if (!executor || !ret_loop)
		return -EINVAL;
	if (!eider__executor_is_ours(executor))
		return -ECHILD;
	if (eider__loop_here)
		return -EBUSY;
	if (!eider__executor_is_open(executor))
		return -ESHUTDOWN;
	err = eider__options_fill(options, &o);
	if (err < 0)
		return err;
	loop = eider__alloc_aligned(64, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->executor = executor;
	err = put_together(loop, &o);
	if (err < 0) {
		eider__free(loop);
		return err;
	}
	eider__executor_add_poster(executor, &loop->poster);
	eider__stats_add_loop(loop);
	eider__poster_here = &loop->poster;
	eider__loop_here = loop;
	*ret_loop = loop;
	return 0;
}

/* Take out what is queued, ask what runs to stop. How much is seen to run. */
static unsigned int leave_threads(struct eider_loop *loop)
{
	struct eider_executor *e = loop->executor;
	unsigned int n = eider__load_acquire(&e->pool_count);
	struct eider__running running = { NULL, 0 };

	for (unsigned int i = 0; i < n; i++)
		eider__pool_leave(e->pools[i], loop, &running);
	eider__txn_threads_leave(loop, &running);
	eider__threads_leave(loop, &running);
	eider__worker_interrupt_all(running.to_stop);
	return running.count;
}

/*
 * Step 1, and for delivery `each` the wait for the rest. A worker that has just taken
 * a job does not show it yet, and one that is about to post it does not any more: so
 * look again until every job is accounted for.
 */
static void take_jobs_back(struct eider_loop *loop)
{
	unsigned int jobs;

	eider__loop_hand(loop);
	eider__guards_step_down(loop);
	eider__txn_pools_leave(loop);
	leave_threads(loop);
	for (;;) {
		eider__loop_drop_inbox(loop);
		jobs = loop->jobs;
		if (!jobs || (leave_threads(loop) >= jobs && !loop->inbox.each))
			return;
		if (loop->inbox.each)
			eider__loop_reap_and_drop(loop);
		else
			sched_yield();
	}
}

/* Step 4. How many of the orphans there might have been came back after all. */
static unsigned int close_inbox(struct eider_loop *loop)
{
	unsigned int jobs = loop->jobs;

	eider__loop_close_inbox(loop);
	return jobs - loop->jobs;
}

int eider_loop_free(struct eider_loop *loop)
{
	struct eider_executor *e;
	unsigned int back;

	if (!loop)
		return 0;
	if (!eider__is_home(loop))
		return eider__not_here();
	if (loop->dispatching)
		return -EBUSY;
	e = loop->executor;
	loop->left = false;		/* no turn will be due */
	take_jobs_back(loop);
	eider__loop_end_ops(loop);
	eider__contexts_drop(loop);
	eider__inbox_refuse_trays(&loop->inbox);
	eider__executor_wait_posters(e, &loop->inbox);
	eider__loop_drop_trays(loop);
	eider__store_relaxed(&loop->orphans, loop->jobs + 1);
	back = close_inbox(loop);
	eider__requests_drop(loop);
	eider__inbox_wait_guests(&loop->inbox);
	eider__executor_wait_posters(e, &loop->inbox);
	eider__executor_remove_poster(e, &loop->poster);
	eider__stats_remove_loop(loop);
	eider__watchdog_remove(&e->watchdog, &loop->watched);
	eider__overflow_unwatch();
	eider__loop_release(loop);
	eider__poster_here = NULL;
	eider__loop_here = NULL;
	let_orphans_go(loop, back + 1);
	return 0;
}
