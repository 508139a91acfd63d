/*
 * queue.h - futures in line, oldest first, that may be taken out of the middle
 *
 * Linked by what a future needs anyway (_link._next) and by the place where its
 * result will be (_u.prev): a future in line has none yet. So a line of any length
 * costs no memory. Under the lock of whoever owns the queue.
 */
#ifndef EIDER_LOOP_QUEUE_H
#define EIDER_LOOP_QUEUE_H

#include "future.h"

struct eider__queue {
	struct eider_future *first, *last;
};

static inline struct eider_future *eider__queue_next(const struct eider_future *f)
{
	return (struct eider_future *)f->_link._next;
}

static inline void eider__queue_append(struct eider__queue *q,
				       struct eider_future *f)
{
	f->_link._next = NULL;
	f->_u.prev = q->last;
	if (q->last)
		q->last->_link._next = &f->_link;
	else
		q->first = f;
	q->last = f;
}

static inline void eider__queue_prepend(struct eider__queue *q,
					struct eider_future *f)
{
	f->_u.prev = NULL;
	f->_link._next = q->first ? &q->first->_link : NULL;
	if (q->first)
		q->first->_u.prev = f;
	else
		q->last = f;
	q->first = f;
}

static inline void eider__queue_remove(struct eider__queue *q,
				       struct eider_future *f)
{
	struct eider_future *prev = f->_u.prev, *next = eider__queue_next(f);

	if (prev)
		prev->_link._next = next ? &next->_link : NULL;
	else
		q->first = next;
	if (next)
		next->_u.prev = prev;
	else
		q->last = prev;
}

#endif
