/*
 * posting.c - give finished work to a loop, from whatever thread this is
 *
 * Workers and loops have posters of their own; any other thread borrows the janitor's,
 * one at a time. All posters of an executor are in one list, so that whoever frees a
 * loop can wait until none has its inbox in hand (loop/inbox.c, "Letting go").
 */
#include <sched.h>

#include "executor.h"

__thread struct eider__poster *eider__poster_here;

void eider__executor_add_poster(struct eider_executor *e, struct eider__poster *p)
{
	p->executor = e;
	eider__lock_take(&e->lock);
	eider__node_append(&e->posters, &p->node);
	eider__lock_give(&e->lock);
}

void eider__executor_remove_poster(struct eider_executor *e,
				   struct eider__poster *p)
{
	eider__lock_take(&e->lock);
	eider__node_remove(&p->node);
	eider__lock_give(&e->lock);
}

void eider__executor_wait_posters(struct eider_executor *e, struct eider__inbox *in)
{
	eider__lock_take(&e->lock);
	eider__node_each(node, &e->posters) {
		struct eider__poster *p =
			eider__container(node, struct eider__poster, node);

		/* Pairs with the end of eider__inbox_post(). */
		while (eider__load_acquire(&p->target) == in)
			sched_yield();
	}
	eider__lock_give(&e->lock);
}

void eider__executor_post(struct eider_executor *e, struct eider_loop *loop,
			  struct eider_link *link)
{
	/* A thread of another executor is a stranger here: nobody would wait for it. */
	if (eider__poster_here && eider__poster_here->executor == e) {
		eider__inbox_post(&loop->inbox, eider__poster_here, link);
		return;
	}
	eider__lock_take(&e->janitor_lock);
	eider__inbox_post(&loop->inbox, &e->janitor, link);
	eider__lock_give(&e->janitor_lock);
}

void eider__executor_return_jobs(struct eider_executor *e, struct eider_link *jobs,
				 long result)
{
	while (jobs) {
		struct eider_link *next = jobs->_next;
		struct eider_job *job = eider__job_of(jobs);

		job->future._u.result = result;
		eider__executor_post(e, job->future._loop, jobs);
		jobs = next;
	}
}
