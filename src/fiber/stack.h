/*
 * stack.h - stacks for fibers
 *
 * A stack is address space; it costs memory as it is touched, a page at a time.
 * Slabs of stacks are mapped as they are needed, up to fibers_max, and unmapped
 * when the loop goes: unmapping single stacks would split mappings, and a burst
 * could then not even be undone (vm.max_map_count). What a burst leaves behind is
 * address space only: free stacks beyond stacks_cached give their memory back.
 *
 * The page at the lower end faults. With MADV_GUARD_INSTALL (6.13) that costs no
 * mapping of its own, so 100,000 fibers are as easy as ten. Else mprotect() splits
 * the slab: two mappings a fiber, and about 32,000 fibers by default.
 */
#ifndef EIDER_FIBER_STACK_H
#define EIDER_FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EIDER__STACK_COLOURS = 32,	/* lines of the cache: half a page */
};

struct eider__stack {
	struct eider__stack *next;	/* free ones */
	char *base;			/* of the guard page */
	bool ready;			/* the guard is there */
	bool cold;			/* its memory was given back */
};

struct eider__slab;

struct eider__stacks {
	size_t bytes;			/* of one, guard included */
	size_t guard;			/* a page */
	bool use_madvise;
	unsigned int cached_max;
	unsigned int warm;		/* free ones with memory */
	struct eider__stack *free_warm, *free_cold;
	struct eider__slab *slabs;
};

void eider__stacks_init(struct eider__stacks *s, size_t bytes,
			unsigned int cached_max, bool use_madvise);
/* All stacks of it are gone after this, also those in use. */
void eider__stacks_release(struct eider__stacks *s);

/* A stack, or NULL: no memory, or vm.max_map_count is reached. */
struct eider__stack *eider__stack_get(struct eider__stacks *s);
void eider__stack_put(struct eider__stacks *s, struct eider__stack *stack);

/*
 * Where @stack starts, from its upper end. Stacks are a whole number of pages apart:
 * if all began at the same place in the page, what their fibers keep there would
 * compete for the same few lines of the cache.
 */
static inline size_t eider__stack_colour(const struct eider__stacks *s,
					 const struct eider__stack *stack)
{
	return (uintptr_t)stack->base / s->bytes % EIDER__STACK_COLOURS * 64;
}

/* The part above the guard, and its size. */
static inline char *eider__stack_bottom(const struct eider__stacks *s,
					const struct eider__stack *stack)
{
	return stack->base + s->guard;
}

static inline size_t eider__stack_usable(const struct eider__stacks *s)
{
	return s->bytes - s->guard;
}

static inline bool eider__stack_guards(const struct eider__stacks *s,
				       const struct eider__stack *stack,
				       const void *address)
{
	const char *a = address;

	return a >= stack->base && a < stack->base + s->guard;
}

#endif
