/*
 * list.h - the two lists that everything here is linked into
 *
 * fifo	single links, for what is taken whole or from the front: the ready list,
 *	batches on their way to a pool. Made of the links that futures start with.
 * ring	double links in a circle with a head, for what may be taken out of the
 *	middle: waiters. A node that is in no ring points to itself or is zero.
 *
 * Neither allocates, locks or owns.
 */
#ifndef EIDER_BASE_LIST_H
#define EIDER_BASE_LIST_H

#include <eider/future.h>

#include "assert.h"

struct eider__fifo {
	struct eider_link *first;
	struct eider_link *last;	/* valid if first is not NULL */
	unsigned int count;
};

static inline void eider__fifo_push(struct eider__fifo *q, struct eider_link *l)
{
	l->_next = NULL;
	if (q->first)
		q->last->_next = l;
	else
		q->first = l;
	q->last = l;
	q->count++;
}

/* All of @more, which is not empty. */
static inline void eider__fifo_append(struct eider__fifo *q,
				      const struct eider__fifo *more)
{
	if (q->first)
		q->last->_next = more->first;
	else
		q->first = more->first;
	q->last = more->last;
	q->count += more->count;
}

static inline struct eider_link *eider__fifo_pop(struct eider__fifo *q)
{
	struct eider_link *l = q->first;

	if (l) {
		q->first = l->_next;
		q->count--;
	}
	return l;
}

static inline void eider__node_init(struct eider_node *n)
{
	n->next = n->prev = n;
}

static inline bool eider__node_alone(const struct eider_node *n)
{
	return !n->next || n->next == n;
}

/* At the end of @head's circle. */
static inline void eider__node_append(struct eider_node *head,
				      struct eider_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* At its beginning. */
static inline void eider__node_prepend(struct eider_node *head,
				       struct eider_node *n)
{
	eider__node_append(head->next, n);
}

/* Harmless for a node that is in no circle. */
static inline void eider__node_remove(struct eider_node *n)
{
	if (eider__node_alone(n))
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	eider__node_init(n);
}

static inline struct eider_node *eider__node_first(struct eider_node *head)
{
	return head->next == head ? NULL : head->next;
}

/* @n may not be removed inside; use eider__node_first() in a while for that. */
#define eider__node_each(n, head)                                              \
	for (struct eider_node *n = (head)->next; n != (head); n = n->next)

#endif
