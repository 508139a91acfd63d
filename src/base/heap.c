/*
 * heap.c - see heap.h for what it is
 *
 * All loops, no recursion but in the check: a heap of a million timers with the
 * same deadline is one flat list of children, and the two passes of merge_pairs()
 * walk it.
 */
#include "heap.h"

#include "assert.h"

/* Make the later of two roots the first child of the other. */
static struct eider_timer *meld(struct eider_timer *a, struct eider_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->_deadline < a->_deadline) {
		struct eider_timer *swap = a;

		a = b;
		b = swap;
	}
	b->_next = a->_child;
	if (a->_child)
		a->_child->_prev = b;
	a->_child = b;
	b->_prev = a;
	a->_next = NULL;
	a->_prev = a;
	return a;
}

/* Meld a list of siblings two by two from the left, then all from the right. */
static struct eider_timer *merge_pairs(struct eider_timer *t)
{
	struct eider_timer *done = NULL, *root = NULL;

	while (t) {
		struct eider_timer *a = t, *b = t->_next;

		t = b ? b->_next : NULL;
		a->_next = NULL;
		if (b)
			b->_next = NULL;
		a = meld(a, b);
		a->_next = done;
		done = a;
	}
	while (done) {
		struct eider_timer *next = done->_next;

		done->_next = NULL;
		root = meld(root, done);
		done = next;
	}
	if (root)
		root->_prev = root;
	return root;
}

void eider__heap_add(struct eider__heap *h, struct eider_timer *t)
{
	EIDER_DEBUG(!eider__timer_pending(t));
	t->_child = t->_next = NULL;
	t->_prev = t;
	h->root = meld(h->root, t);
}

void eider__heap_remove(struct eider__heap *h, struct eider_timer *t)
{
	if (!eider__timer_pending(t))
		return;
	if (t == h->root) {
		h->root = merge_pairs(t->_child);
	} else {
		if (t->_prev->_child == t)
			t->_prev->_child = t->_next;
		else
			t->_prev->_next = t->_next;
		if (t->_next)
			t->_next->_prev = t->_prev;
		h->root = meld(h->root, merge_pairs(t->_child));
	}
	t->_child = t->_next = t->_prev = NULL;
}

static bool children_are_valid(const struct eider_timer *parent)
{
	const struct eider_timer *left = parent;

	for (struct eider_timer *t = parent->_child; t; t = t->_next) {
		if (t->_prev != left || t->_deadline < parent->_deadline)
			return false;
		if (!children_are_valid(t))
			return false;
		left = t;
	}
	return true;
}

bool eider__heap_is_valid(const struct eider__heap *h)
{
	if (!h->root)
		return true;
	return h->root->_prev == h->root && !h->root->_next &&
	       children_are_valid(h->root);
}
