/*
 * backlog.c - see backlog.h
 *
 *	head                tail
 *	 v                   v
 *	[job][job][ - ][job] .  .        rest: job - job - job
 *	 oldest                          filled from rest when it is empty
 *
 * A job in the ring has its place there in _u.prev, where its result will be; so it
 * is found at once. That number proves nothing by itself, as a worker may have the
 * job and have written the result: the pointer in the ring does. A job in the rest
 * is marked (EIDER__JOB_QUEUED).
 */
#include "backlog.h"

#include "base/atomics.h"

static struct eider_job **slot_of(struct eider__backlog *b, uint32_t at)
{
	return &b->ring[at % EIDER__BACKLOG_RING];
}

static bool is_full(const struct eider__backlog *b)
{
	return b->tail - b->head == EIDER__BACKLOG_RING;
}

static void put(struct eider__backlog *b, uint32_t at, struct eider_job *job)
{
	eider__store_relaxed(&job->future._u.prev, (void *)(uintptr_t)at);
	*slot_of(b, at) = job;
}

static void mark(struct eider_job *job, bool in_rest)
{
	uint32_t flags = job->future._flags & ~(uint32_t)EIDER__JOB_QUEUED;

	eider__store_relaxed(&job->future._flags,
			     in_rest ? flags | EIDER__JOB_QUEUED : flags);
}

void eider__backlog_append(struct eider__backlog *b, struct eider__fifo *jobs)
{
	struct eider_link *l;

	while (!b->rest.first && !is_full(b) && (l = eider__fifo_pop(jobs)))
		put(b, b->tail++, eider__job_of(l));
	while ((l = eider__fifo_pop(jobs))) {
		eider__queue_append(&b->rest, eider__future_of(l));
		mark(eider__job_of(l), true);
	}
}

void eider__backlog_prepend(struct eider__backlog *b, struct eider_job *job)
{
	struct eider_job *last;

	if (is_full(b)) {
		last = *slot_of(b, --b->tail);
		if (last) {
			eider__queue_prepend(&b->rest, &last->future);
			mark(last, true);
		}
	}
	put(b, --b->head, job);
}

static void remove_from_rest(struct eider__backlog *b, struct eider_job *job)
{
	eider__queue_remove(&b->rest, &job->future);
	mark(job, false);
}

static void refill(struct eider__backlog *b)
{
	struct eider_job *job;

	while (!is_full(b) && (job = (struct eider_job *)b->rest.first)) {
		remove_from_rest(b, job);
		put(b, b->tail++, job);
	}
}

unsigned int eider__backlog_take(struct eider__backlog *b, struct eider_job **jobs,
				 unsigned int n)
{
	unsigned int taken = 0;
	struct eider_job *job;

	do {
		if (b->head == b->tail)
			refill(b);
		while (taken < n && b->head != b->tail) {
			job = *slot_of(b, b->head++);
			eider__store_relaxed(&jobs[taken], job);
			taken += job != NULL;
		}
	} while (taken < n && b->rest.first);
	return taken;
}

bool eider__backlog_remove(struct eider__backlog *b, struct eider_job *job)
{
	uint32_t at = (uint32_t)(uintptr_t)eider__load_relaxed(&job->future._u.prev);

	if (at - b->head < b->tail - b->head && *slot_of(b, at) == job) {
		*slot_of(b, at) = NULL;
		return true;
	}
	if (!(eider__load_relaxed(&job->future._flags) & EIDER__JOB_QUEUED))
		return false;
	remove_from_rest(b, job);
	return true;
}

struct eider_link *eider__backlog_take_of(struct eider__backlog *b,
					  const struct eider_loop *loop,
					  unsigned int *ret_left)
{
	struct eider_link *taken = NULL, **end = &taken;
	struct eider_job *job;
	struct eider_future *f, *next;
	unsigned int left = 0;

	for (uint32_t at = b->head; at != b->tail; at++) {
		job = *slot_of(b, at);
		if (!job || job->future._loop != loop) {
			left += job != NULL;
			continue;
		}
		*slot_of(b, at) = NULL;
		*end = &job->future._link;
		end = &job->future._link._next;
	}
	for (f = b->rest.first; f; f = next) {
		next = eider__queue_next(f);
		if (f->_loop != loop) {
			left++;
			continue;
		}
		remove_from_rest(b, eider__job_of(&f->_link));
		*end = &f->_link;
		end = &f->_link._next;
	}
	*end = NULL;
	*ret_left = left;
	return taken;
}
