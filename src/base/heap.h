/*
 * heap.h - deadlines, nearest first
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan, 1986) of timers that lie
 * inside the things that have deadlines, so adding one allocates nothing. Adding
 * is O(1), removing any O(log n) amortized.
 *
 * _prev of a timer is its parent, if it is the first child, or else its left
 * sibling; the root has none, and is marked as present by pointing to itself.
 */
#ifndef EIDER_BASE_HEAP_H
#define EIDER_BASE_HEAP_H

#include <eider/op.h>

struct eider__heap {
	struct eider_timer *root;
};

static inline struct eider_timer *eider__heap_first(const struct eider__heap *h)
{
	return h->root;
}

/* Is @t in a heap? A zeroed timer is not. */
static inline bool eider__timer_pending(const struct eider_timer *t)
{
	return t->_prev != NULL;
}

/* @t must not be in a heap; its _deadline and _fire are set. */
void eider__heap_add(struct eider__heap *h, struct eider_timer *t);

/* Harmless if @t is in none. */
void eider__heap_remove(struct eider__heap *h, struct eider_timer *t);

/* For assertions: every child is later than its parent, every link has its mate. */
bool eider__heap_is_valid(const struct eider__heap *h);

#endif
