/*
 * interrupt.c - ask what runs to stop
 *
 * Nobody can make a function return. What can be done is to raise a flag that it may
 * look at, and to call a hook that makes what it waits for fail.
 *
 * The hook of a job may touch what fn uses (sqlite3_interrupt() on its
 * connection), so it must not come after fn has returned, when the same connection
 * serves the next job. The flags of such a job, and only of such, do a handshake:
 *
 *	worker				home thread
 *	------				-----------
 *	RUNNING				RUNNING and not RETURNED?
 *	fn()				set INTERRUPTING, by compare-and-swap
 *	set RETURNED, unless		hook()
 *	INTERRUPTING: wait		clear INTERRUPTING
 *
 * Flag and hook belong to the home thread; a job that runs stays where it is until the
 * home thread has taken its result, so looking at it is safe there, and only there.
 */
#include <sched.h>

#include "executor.h"
#include "worker.h"

void eider__worker_interrupt(struct eider_job *job, bool expired)
{
	uint32_t *word = &job->future._flags;
	uint32_t flags = eider__or_acq_rel(word, EIDER__JOB_CANCELLED |
					   (expired ? EIDER__JOB_EXPIRED : 0));

	/* Once: had it been cancelled before it ran, it would not run. */
	if (!(flags & EIDER__JOB_INTERRUPTIBLE) || (flags & EIDER__JOB_CANCELLED))
		return;
	flags = eider__load_acquire(word);
	do {
		if (!(flags & EIDER__JOB_RUNNING) || (flags & EIDER__JOB_RETURNED))
			return;
	} while (!eider__cas_acq_rel(word, &flags, flags | EIDER__JOB_INTERRUPTING));
	job->interrupt(job);
	eider__and_acq_rel(word, ~(uint32_t)EIDER__JOB_INTERRUPTING);
}

void eider__worker_end_interrupts(struct eider_job *job)
{
	uint32_t *word = &job->future._flags;
	uint32_t flags = eider__load_acquire(word);

	for (;;) {
		if (flags & EIDER__JOB_INTERRUPTING) {
			sched_yield();
			flags = eider__load_acquire(word);
		} else if (eider__cas_acq_rel(word, &flags,
					      flags | EIDER__JOB_RETURNED)) {
			return;
		}
	}
}

bool eider_cancelled(void)
{
	struct eider__worker *me = eider__worker_here;

	return me && me->job && (eider__load_acquire(&me->job->future._flags) &
				 EIDER__JOB_CANCELLED);
}

/* The job of @loop that @w runs, or NULL. It stays until @loop, which asks, has it. */
static struct eider_job *running_for(struct eider__worker *w,
				     struct eider_loop *loop)
{
	uint64_t beat = eider__load_acquire(&w->watched.beat);
	struct eider_loop *whose = eider__load_acquire(&w->loop);
	struct eider_job *job = eider__load_acquire(&w->job);

	if (!(beat & 1) || eider__load_relaxed(&w->watched.beat) != beat)
		return NULL;
	return whose == loop ? job : NULL;
}

/*
 * Link @job by its timer, which is the home thread's, and needed no more: the loop is
 * being freed.
 */
static void list_running(struct eider_job *job, struct eider__running *running)
{
	running->count++;
	if (eider__load_relaxed(&job->future._flags) & EIDER__JOB_CANCELLED)
		return;
	eider__loop_remove_timer(job->future._loop, &job->_timer);
	job->_timer._next = running->to_stop ? &running->to_stop->_timer : NULL;
	running->to_stop = job;
}

void eider__worker_interrupt_all(struct eider_job *job)
{
	while (job) {
		struct eider_timer *next = job->_timer._next;

		job->_timer._next = NULL;
		eider__worker_interrupt(job, false);
		job = next ? eider__container(next, struct eider_job, _timer) : NULL;
	}
}

void eider__worker_leave_locked(struct eider_pool *p, struct eider_loop *loop,
				struct eider__running *running)
{
	struct eider_job *jobs[EIDER__BATCH_MAX];
	unsigned int n;

	eider__node_each(node, &p->all) {
		struct eider__worker *w =
			eider__container(node, struct eider__worker, node);
		struct eider_job *job = running_for(w, loop);

		if (job)
			list_running(job, running);
		n = eider__batch_raid_locked(&w->batch, jobs, false);
		while (n)
			eider__pool_put_back_locked(p, jobs[--n]);
	}
}
