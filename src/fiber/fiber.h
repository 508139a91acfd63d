/*
 * fiber.h - fibers of a loop (see eider/fiber.h)
 */
#ifndef EIDER_FIBER_FIBER_H
#define EIDER_FIBER_FIBER_H

#include <eider/fiber.h>

#include "base/list.h"
#include "loop/loop.h"
#include "stack.h"
#include "switch.h"

struct eider_context;

struct eider_fiber {
	/* Home thread only, all of it. What each wait touches is in two cache lines. */
	struct eider_future future;	/* for its result */
	struct eider__switch at;	/* where it is, while it does not run */
	eider_fn *fn;			/* NULL once it has returned */
	const char *name;
	struct eider_future *const *awaited;	/* what cancelling it cancels */
	size_t awaited_count;
	bool cancel_due;		/* to be asked of its next wait */
	bool cancel_asked;		/* of this wait, which may end otherwise */
	bool detached;
	struct eider_context *context;	/* it is in, counted: executor/context.h */

	/* And what few do. */
	void *arg;
	struct eider__stack *stack;	/* NULL once it has returned */
	struct eider_link ready;	/* to be resumed */
	struct eider_node all;		/* that are not free */

	/* Under the executor's txn_lock: see executor/deadlock.c. */
	struct eider__lease_wait *lease_wait;
};

/* Somebody who waits at a bound; the first to come is the first to go on. */
struct eider__turn {
	struct eider_node node;
	struct eider_future gate;
};

struct eider__fibers {
	/* Home thread only. */
	struct eider_loop *loop;
	struct eider__switch home;	/* the loop's own stack */
	struct eider_fiber *current;
	struct eider__stacks stacks;
	struct eider_fiber *free;	/* linked by ready._next */
	struct eider__stack *done_stack;	/* of the fiber that just returned */
	unsigned int max;
	struct eider_node turns;	/* who waits for loop->live_fibers < max */
	struct eider_node all;

	/* What to do with fiber->context; set by the executor. */
	void (*context_get)(struct eider_context *);
	void (*context_put)(struct eider_context *);
};

/* For loop->fibers. 0 or -errno. */
int eider__fibers_init(struct eider_loop *loop, const struct eider_options *o,
		       eider__features_t use);
/* Drops fibers that have not returned, and the memory of all. [any] */
void eider__fibers_release(struct eider_loop *loop);

/*
 * [loop] The loop is being freed: what other threads asked for and did not get, or
 * wait for, ends with -ESHUTDOWN.
 */
void eider__requests_drop(struct eider_loop *loop);

/* The running fiber of this thread, or NULL. */
struct eider_fiber *eider__fiber_here(void);

/* [loop] @fiber will soon be resumed: have its memory near. */
static inline void eider__fiber_prefetch(const struct eider_fiber *fiber)
{
	const char *sp = fiber->at.sp;

	for (int i = 0; i < 6; i++)
		__builtin_prefetch(sp + i * 64);
	__builtin_prefetch(&fiber->cancel_due);
}

/* [fiber] Sleep until somebody resumes the fiber; its future's waiter does. */
static inline __attribute__((always_inline)) void
eider__fiber_suspend(struct eider_fiber *fiber)
{
	eider__switch_to(&fiber->at, &fiber->future._loop->fibers->home);
}
/*
 * [fiber] eider_await() that a cancellation of the fiber does not touch; that is
 * kept for the next wait.
 */
long eider__await_shielded(struct eider_future *f);
/* [loop] Cancel what @fiber waits for, if anything, and not the fiber. */
void eider__fiber_cancel_wait(struct eider_fiber *fiber);
/*
 * [fiber] eider_next_until(). *ret_late: the fiber was cancelled in this wait, which
 * ended otherwise. The op was asked to end all the same, and the -ECANCELED by which it
 * does is not meant for the next who asks.
 */
long eider__next_late(struct eider_op *op, int64_t deadline, bool *ret_late);
/* [fiber] The entry for @op; turns the loop until the submission queue has room. */
struct io_uring_sqe *eider__sqe_in_fiber(struct eider_op *op, int64_t deadline);
/* [loop] Have @fiber resumed from the ready list. */
void eider__fiber_wake(struct eider_fiber *fiber);

/*
 * [fiber] Wait behind those in @turns until eider__turns_next() lets it go on:
 * 0, -ECANCELED, or -ETIME at @deadline. Being let go on may mean to own what was
 * waited for.
 */
int eider__turn_wait(struct eider_node *turns, struct eider_loop *loop,
		     int64_t deadline);
/* [loop] Let the first of them go on. False if there is none. */
bool eider__turns_next(struct eider_node *turns, long result);

#endif
