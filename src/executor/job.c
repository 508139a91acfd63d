/*
 * job.c - start, route, cancel, finish: the loop's side of a job
 *
 * Everything here runs on the job's home thread. What the thread that runs the job
 * does is in worker.c; the two meet in the pool's lock, in the flags of a running
 * job, and in the inbox that brings it back.
 *
 * Cancelling finds the job in one of these places, and takes it out where it can:
 *
 *	in a lane		handed over first, then as below
 *	waiting for a general	under txn_lock (txn_line.c)
 *	  transaction thread
 *	queued, or in the batch	under the pool's lock (pool.c)
 *	  of a worker
 *	running			stays: a flag is raised, the hook is called, and the
 *				function's own result counts
 *
 * A deadline is a timer on the home thread, and then the same with -ETIME.
 */
#include "job.h"

#include <errno.h>
#include <string.h>

#include "context.h"
#include "executor.h"
#include "pool.h"
#include "thread.h"
#include "txn_pool.h"
#include "worker.h"

_Static_assert(sizeof(struct eider_job) <= 168, "a job fits on a small stack");
_Static_assert(offsetof(struct eider_job, name) == 64,
	       "what a worker needs of most jobs is the first cache line");

/* [loop] The job is not the executor's any more: give back its slot. */
static void leave_lane(struct eider_lane *lane)
{
	if (!eider__node_alone(&lane->turns) && eider__turns_next(&lane->turns, 0))
		return;
	if (!--lane->outstanding && lane->idle) {
		eider__future_complete(lane->idle, 0);
		lane->idle = NULL;
	}
}

static void let_go(struct eider_job *job)
{
	struct eider_lane *lane = job->_lane;

	/* It kept the thread it was placed on: see eider__thread_place(). */
	if (!lane->pool && job->_home)
		eider__thread_put(job->_home->thread);
	job->future._loop->jobs--;
	if (job->future._flags & EIDER__JOB_TIMED)
		eider__loop_remove_timer(job->future._loop, &job->_timer);
	leave_lane(lane);
}

static const struct eider_kind job_kind;

/* The fiber that waits for what the loop runs next, if it is such a job. */
static struct eider_fiber *fiber_of_next(const struct eider_loop *loop)
{
	const struct eider_future *next = (const struct eider_future *)loop->next_up;

	if (!next || next->_link._kind != &job_kind ||
	    !(next->_state & EIDER__WAITED_BY_FIBER))
		return NULL;
	return next->_waiter.fiber;
}

/* Unless its function was never run. */
static void note_delivery(const struct eider_job *job)
{
	if (job->_moment < 0)
		eider_histogram_record(&job->future._loop->deliver,
				       eider_now() + job->_moment);
}

/*
 * It came back through the inbox, or was completed here. With many fibers their stacks
 * are not in the nearest cache: ask for the next one's while this one runs.
 */
static void run_job(struct eider_link *l)
{
	struct eider_job *job = eider__job_of(l);
	struct eider_fiber *next = fiber_of_next(job->future._loop);

	if (next)
		eider__fiber_prefetch(next);
	if (job->future._flags & EIDER__JOB_SAMPLED)
		note_delivery(job);
	let_go(job);
	eider__count(&job->future._loop->counts.jobs_done, 1);
	eider__future_finish(&job->future);
}

/* The loop is being freed; nobody is told. */
static void drop_job(struct eider_link *l)
{
	let_go(eider__job_of(l));
}

/* Take @job out of wherever it waits: true, and it is ours alone. */
static bool take_out(struct eider_job *job)
{
	struct eider_lane *lane = job->_lane;

	if (lane->pool)
		eider__lane_flush(lane);
	if (eider__future_state(&job->future) != EIDER__PENDING)
		return false;	/* the hand-over failed, and completed it */
	if (job->_line && eider__txn_pool_remove(job->_line, job))
		return true;
	return job->_home && eider__pool_remove(job->_home, job);
}

static void stop_job(struct eider_job *job, long result)
{
	if (take_out(job))
		eider__future_complete(&job->future, result);
	else if (eider__future_state(&job->future) == EIDER__PENDING)
		eider__worker_interrupt(job, result == -ETIME);
}

static void cancel_job(struct eider_future *f)
{
	stop_job(eider__container(f, struct eider_job, future), -ECANCELED);
}

static void pass_deadline(struct eider_timer *t)
{
	struct eider_job *job = eider__container(t, struct eider_job, _timer);

	if (eider__future_state(&job->future) == EIDER__PENDING)
		stop_job(job, -ETIME);
}

static const struct eider_kind job_kind = {
	.run = run_job,
	.cancel = cancel_job,
	.drop = drop_job,
};

/*
 * What follows is one path, from setting up to the lane, and inlined into each way to
 * go it. @plain: nothing optional is set, and the compiler is told.
 */
#define PATH static inline __attribute__((always_inline))

PATH void init(struct eider_job *job, eider_fn *fn, void *arg)
{
	/*
	 * Member by member: gcc makes of a memset() of this size an instruction that
	 * takes longer than all the rest of starting a job. What is not here is set
	 * by eider__job_accept().
	 */
	job->future._waiter.fiber = NULL;
	job->future._u.result = 0;
	job->future._state = EIDER__IDLE;
	job->future._flags = 0;
	job->fn = fn;
	job->arg = arg;
	job->name = NULL;
	job->interrupt = NULL;
	job->deadline = 0;
	job->pool = NULL;
	job->_home = NULL;
	job->_lane = NULL;
	job->_timer._prev = NULL;	/* not pending */
}

void eider_job_init(struct eider_job *job, eider_fn *fn, void *arg)
{
	init(job, fn, arg);
}

PATH int check(const struct eider_job *job)
{
	struct eider_loop *loop = eider__loop_here;

	if (!loop)
		return eider__not_here();
	if (!job || !job->fn)
		return -EINVAL;
	return eider__executor_is_open(loop->executor) ? 0 : -ESHUTDOWN;
}

int eider__job_check(const struct eider_job *job)
{
	return check(job);
}

static __attribute__((noinline)) int wait_for_slot(struct eider_lane *lane,
						   int64_t deadline)
{
	eider__executor_warn_full(lane->loop->executor, lane->pool,
				  lane->outstanding);
	return lane->loop->fibers->current ?
		       eider__turn_wait(&lane->turns, lane->loop,
					deadline ? deadline : EIDER_NEVER) :
		       -EAGAIN;
}

/* Is it this one's turn to be timed? */
static bool is_sampled(struct eider_loop *loop)
{
	if (++loop->unsampled < EIDER_STATS_SAMPLE)
		return false;
	loop->unsampled = 0;
	return true;
}

PATH unsigned int flags_of(const struct eider_job *job)
{
	bool timed = job->deadline && job->deadline != EIDER_NEVER;

	return (job->name ? EIDER__JOB_NAMED : 0) |
	       (job->interrupt ? EIDER__JOB_INTERRUPTIBLE : 0) |
	       (timed ? EIDER__JOB_TIMED : 0);
}

PATH int take_in(struct eider_job *job, struct eider_lane *lane, bool plain)
{
	struct eider_loop *loop = lane->loop;
	unsigned int flags = plain ? 0 : flags_of(job);
	bool sampled = is_sampled(loop);
	int64_t now = sampled ? eider_now() : 0;
	int err = 0;

	if (lane->outstanding < lane->max)
		lane->outstanding++;
	else
		err = wait_for_slot(lane, plain ? 0 : job->deadline);
	if (err < 0)
		return err;
	if (sampled) {
		job->_moment = now;
		flags |= EIDER__JOB_SAMPLED;
	}
	eider__future_start(&job->future, loop, &job_kind);
	job->future._flags = flags;
	job->_lane = lane;
	job->_home = lane->pool;
	job->_line = NULL;
	loop->jobs++;
	if (flags & EIDER__JOB_TIMED)
		eider__loop_add_timer(loop, &job->_timer, job->deadline,
				      pass_deadline);
	return 0;
}

int eider__job_accept(struct eider_job *job, struct eider_lane *lane)
{
	return take_in(job, lane, false);
}

void eider__job_reject(struct eider_job *job)
{
	let_go(job);
	job->future._state = EIDER__IDLE;
	job->future._loop = NULL;	/* awaiting it is an error, not for ever */
}

/* The rule: see eider/job.h. NULL for an atomic job in no context. */
PATH int choose_lane(struct eider_loop *loop, struct eider_job *job,
		     struct eider_lane **ret, bool plain)
{
	struct eider_fiber *fiber = loop->fibers->current;
	struct eider_context *context = fiber ? fiber->context : NULL;

	if (!plain && job->pool) {
		if (job->pool->executor != loop->executor)
			return -EINVAL;
		*ret = eider__lane_to(loop, job->pool);
		return 0;
	}
	if (context) {
		*ret = &context->lane;
		return eider__context_is_open(context) ? 0 : -ESTALE;
	}
	*ret = eider__load_relaxed(&eider__any_atomic) &&
	       eider_is_transactional(job->fn) ?
		       NULL : eider__lane_to(loop, loop->executor->pool);
	return 0;
}

PATH int start(struct eider_job *job, bool plain)
{
	struct eider_loop *loop = eider__loop_here;
	struct eider_lane *lane = NULL;
	int err = check(job);

	if (!err)
		err = choose_lane(loop, job, &lane, plain);
	if (err < 0)
		return err;
	if (!lane)
		return eider__txn_pool_start_general(loop->executor->txn_pool, job);
	err = take_in(job, lane, plain);
	if (err < 0)
		return err;
	/* A fiber may have waited for the slot: its context, and be too late. */
	if (lane->context && !eider__context_is_open(lane->context)) {
		eider__job_reject(job);
		return -ESTALE;
	}
	eider__lane_add(lane, job);
	return 0;
}

int eider_job_start(struct eider_job *job)
{
	return start(job, false);
}

int eider_submit(struct eider_job *job, eider_fn *fn, void *arg)
{
	if (!job)
		return -EINVAL;
	init(job, fn, arg);
	return start(job, true);
}

long eider_submit_all(struct eider_job *jobs, size_t n, eider_fn *fn, void *args,
		      size_t stride)
{
	for (size_t i = 0; i < n; i++) {
		int err = eider_submit(&jobs[i], fn, (char *)args + i * stride);

		if (err < 0)
			return i ? (long)i : err;
	}
	return (long)n;
}

int eider_await_jobs(struct eider_job *jobs, size_t n)
{
	int first = 0;

	if (!eider_in_fiber())
		return eider__not_here();
	for (size_t i = 0; i < n; i++) {
		long result = eider_await(&jobs[i].future);

		if (result < 0 && !first)
			first = (int)result;
	}
	return first;
}

PATH long call(struct eider_job *job, bool plain)
{
	int err;

	if (!eider_in_fiber())
		return eider__not_here();
	err = start(job, plain);
	return err < 0 ? err : eider_await(&job->future);
}

long eider_call(eider_fn *fn, void *arg)
{
	struct eider_job job;

	init(&job, fn, arg);
	return call(&job, true);
}

long eider_call_until(eider_fn *fn, void *arg, int64_t deadline)
{
	struct eider_job job;

	init(&job, fn, arg);
	job.deadline = deadline;
	return call(&job, false);
}

long eider_call_on(struct eider_pool *pool, eider_fn *fn, void *arg)
{
	struct eider_job job;

	if (!pool)
		return -EINVAL;
	init(&job, fn, arg);
	job.pool = pool;
	return call(&job, false);
}
