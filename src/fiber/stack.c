/*
 * stack.c - see stack.h
 *
 *	slab	[guard|stack][guard|stack] ... 32 of them, one mapping
 *
 * Free stacks are taken last in, first out, warm ones first: the one used last is
 * the one that is still in the cache.
 *
 * Home thread only.
 */
#include "stack.h"

#include <string.h>
#include <unistd.h>

#include "base/sys.h"

enum {
	SLAB_STACKS = 32,
};

struct eider__slab {
	struct eider__slab *next;
	void *base;
	struct eider__stack stacks[SLAB_STACKS];
};

void eider__stacks_init(struct eider__stacks *s, size_t bytes,
			unsigned int cached_max, bool use_madvise)
{
	memset(s, 0, sizeof(*s));
	s->guard = (size_t)sysconf(_SC_PAGESIZE);
	s->bytes = (bytes + s->guard - 1) / s->guard * s->guard + s->guard;
	s->cached_max = cached_max;
	s->use_madvise = use_madvise;
}

void eider__stacks_release(struct eider__stacks *s)
{
	struct eider__slab *slab;

	while ((slab = s->slabs)) {
		s->slabs = slab->next;
		eider__unmap(slab->base, s->bytes * SLAB_STACKS);
		eider__free(slab);
	}
}

static void push_cold(struct eider__stacks *s, struct eider__stack *stack)
{
	stack->cold = true;
	stack->next = s->free_cold;
	s->free_cold = stack;
}

static bool add_slab(struct eider__stacks *s)
{
	struct eider__slab *slab = eider__alloc(sizeof(*slab));

	if (!slab)
		return false;
	if (eider__map(s->bytes * SLAB_STACKS, &slab->base) < 0) {
		eider__free(slab);
		return false;
	}
	slab->next = s->slabs;
	s->slabs = slab;
	for (int i = SLAB_STACKS - 1; i >= 0; i--) {
		slab->stacks[i].base = (char *)slab->base + (size_t)i * s->bytes;
		push_cold(s, &slab->stacks[i]);
	}
	return true;
}

static bool put_guard(struct eider__stacks *s, struct eider__stack *stack)
{
	if (stack->ready)
		return true;
	if (s->use_madvise)
		stack->ready = !eider__guard(stack->base, s->guard);
	else
		stack->ready = !eider__protect(stack->base, s->guard);
	return stack->ready;
}

struct eider__stack *eider__stack_get(struct eider__stacks *s)
{
	struct eider__stack *stack = s->free_warm;

	if (stack) {
		s->free_warm = stack->next;
		s->warm--;
		return stack;
	}
	if (!s->free_cold && !add_slab(s))
		return NULL;
	stack = s->free_cold;
	if (!put_guard(s, stack))
		return NULL;
	s->free_cold = stack->next;
	stack->cold = false;
	return stack;
}

void eider__stack_put(struct eider__stacks *s, struct eider__stack *stack)
{
	if (s->warm >= s->cached_max) {
		eider__drop(stack->base + s->guard, s->bytes - s->guard);
		push_cold(s, stack);
		return;
	}
	stack->next = s->free_warm;
	s->free_warm = stack;
	s->warm++;
}
