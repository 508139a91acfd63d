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
 *      or if there is none starts a worker. One at a time; the one that comes does
 *      the same for the next, so nobody has to wake many.
 *  Q2  What a worker has taken beyond the job it runs stays in slots that others
 *      can take from (worker.c).
 *  Q3  A worker sleeps only if, under the lock, there was nothing in the queue and
 *      nothing in any slot. New work can only come under the lock, with Q1.
 *
 * Ownership	a queued job is the pool's, under its lock; its links are in its
 *		future (loop/queue.h). Whoever takes it out owns it.
 *
 * Not here: what a transaction thread is (thread.c), whose turn it is (lane.c).
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "executor.h"
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
	eider__cond_init(&p->work);
	eider__node_init(&p->all);
}

void eider__pool_release(struct eider_pool *p)
{
	EIDER_DEBUG(!p->workers && !p->queue.first);
	eider__cond_release(&p->work);
	eider__lock_release(&p->lock);
}

static void set_queued_locked(struct eider_pool *p, struct eider_job *job,
			      bool queued)
{
	uint32_t flags = job->future._flags & ~(uint32_t)EIDER__JOB_QUEUED;

	if (queued) {
		flags |= EIDER__JOB_QUEUED;
		p->drained = false;
	}
	eider__store_relaxed(&job->future._flags, flags);
	eider__store_relaxed(&p->queued, queued ? p->queued + 1 : p->queued - 1);
}

static void append_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__queue_append(&p->queue, &job->future);
	set_queued_locked(p, job, true);
}

void eider__pool_put_back_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__queue_prepend(&p->queue, &job->future);
	set_queued_locked(p, job, true);
}

static void unlink_locked(struct eider_pool *p, struct eider_job *job)
{
	eider__queue_remove(&p->queue, &job->future);
	set_queued_locked(p, job, false);
}

struct eider_job *eider__pool_pop_locked(struct eider_pool *p)
{
	struct eider_job *job = (struct eider_job *)p->queue.first;

	if (job)
		unlink_locked(p, job);
	return job;
}

bool eider__pool_summon_locked(struct eider_pool *p)
{
	if (p->idle > p->wakes) {
		p->wakes++;
		eider__cond_wake(&p->work);
		return false;
	}
	if (p->workers >= p->threads_max)
		return false;
	p->workers++;
	return true;
}

/* All that is queued, linked by the futures' links, oldest first. */
static struct eider_link *take_all_locked(struct eider_pool *p)
{
	struct eider_link *first = NULL, **end = &first;
	struct eider_job *job;

	while ((job = eider__pool_pop_locked(p))) {
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

static int add_locked(struct eider_pool *p, struct eider__fifo *batch, bool *start)
{
	struct eider_link *l;

	*start = false;
	if (p->state == EIDER__POOL_CLOSED)
		return -ECANCELED;
	while ((l = eider__fifo_pop(batch)))
		append_locked(p, eider__job_of(l));
	*start = eider__pool_summon_locked(p);
	return 0;
}

int eider__pool_add(struct eider_pool *p, struct eider__fifo *batch)
{
	bool start;
	int err;

	eider__lock_take(&p->lock);
	err = add_locked(p, batch, &start);
	eider__lock_give(&p->lock);
	if (start) {
		int failed = eider__worker_start(p);

		if (failed < 0)
			fail_without_workers(p, failed);
	}
	return err;
}

int eider__pool_add_one(struct eider_pool *p, struct eider_job *job)
{
	struct eider__fifo batch = { NULL, NULL, 0 };

	eider__fifo_push(&batch, &job->future._link);
	return eider__pool_add(p, &batch);
}

bool eider__pool_remove(struct eider_pool *p, struct eider_job *job)
{
	bool removed;

	eider__lock_take(&p->lock);
	removed = eider__load_relaxed(&job->future._flags) & EIDER__JOB_QUEUED;
	if (removed)
		unlink_locked(p, job);
	else
		removed = eider__worker_unslot_locked(p, job);
	eider__lock_give(&p->lock);
	return removed;
}

void eider__pool_leave(struct eider_pool *p, struct eider_loop *loop,
		       struct eider__running *running)
{
	struct eider_future *f, *next;
	bool start;

	eider__lock_take(&p->lock);
	eider__worker_leave_locked(p, loop, running);
	for (f = p->queue.first; f; f = next) {
		next = eider__queue_next(f);
		if (f->_loop != loop)
			continue;
		unlink_locked(p, eider__job_of(&f->_link));
		eider__future_complete(f, -ECANCELED);
	}
	start = p->queue.first && eider__pool_summon_locked(p);
	eider__lock_give(&p->lock);
	if (start)
		(void)eider__worker_start(p);	/* there is one, or it failed before */
}

struct eider_link *eider__pool_set_state(struct eider_pool *p,
					 enum eider__pool_state state)
{
	struct eider_link *jobs = NULL;

	eider__lock_take(&p->lock);
	if (state > p->state)
		p->state = state;
	if (state == EIDER__POOL_CLOSED) {
		struct eider_job *job;

		jobs = take_all_locked(p);
		while ((job = eider__worker_steal_locked(p, NULL))) {
			job->future._link._next = jobs;
			jobs = &job->future._link;
		}
	}
	eider__cond_wake_all(&p->work);
	eider__lock_give(&p->lock);
	return jobs;
}

int eider__pool_start_worker(struct eider_pool *p)
{
	eider__lock_take(&p->lock);
	p->workers++;
	eider__lock_give(&p->lock);
	return eider__worker_start(p);
}

unsigned int eider__pool_workers(struct eider_pool *p)
{
	unsigned int n;

	eider__lock_take(&p->lock);
	n = p->workers;
	eider__lock_give(&p->lock);
	return n;
}

bool eider__pool_is_free(struct eider_pool *p)
{
	bool is_free;

	eider__lock_take(&p->lock);
	is_free = !p->queued;
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
