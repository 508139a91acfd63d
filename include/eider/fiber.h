/*
 * fiber.h - functions of a loop that may wait
 *
 * A fiber is a function with a stack of its own. It runs on its loop's thread
 * until it waits for something; meanwhile the loop runs others. There is no
 * preemption: between two waits a fiber has the loop for itself, and a fiber
 * that computes for long holds everybody up (LOOP_STALLED in observe.h).
 *
 * Stack	options.stack_bytes, with a guard page below: an overflow ends the
 *		process with a line that names the fiber. Deep or wide code
 *		belongs into a job.
 *
 * Contexts	A fiber starts in the transaction context of the fiber that
 *		spawned it (txn.h).
 *
 * Numbers	The floating-point control word is the loop's: a fiber that changes
 *		it puts it back before it waits.
 */
#ifndef EIDER_FIBER_H
#define EIDER_FIBER_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [loop] Start fn(arg) as a fiber; it first runs when the caller waits or
 * returns. Somebody must eider_join() it. 0; -EAGAIN at fibers_max; -ENOMEM,
 * -EPERM, -EINVAL.
 */
EIDER_API EIDER_MUST_CHECK int eider_spawn(eider_fn *fn, void *arg,
					   struct eider_fiber **ret_fiber);

/* [loop] The same, and nobody waits for it; its result is dropped. */
EIDER_API EIDER_MUST_CHECK int eider_go(eider_fn *fn, void *arg);

/* [fiber] Wait until @fiber has returned; its result. Frees it. */
EIDER_API long eider_join(struct eider_fiber *fiber);

/*
 * [loop] The future of a fiber that was spawned and not joined: to cancel it, or
 * to wait for it among others. Awaiting does not free; eider_join() does.
 */
EIDER_API struct eider_future *eider_fiber_future(struct eider_fiber *fiber);

/*
 * [any] Start fn(arg) as a fiber of another thread's loop, in no context.
 * Returns before it runs. 0; -ENOMEM; -ESHUTDOWN if the loop is being freed. A
 * fiber that cannot be made there (fibers_max, ENOMEM) waits until it can.
 */
EIDER_API EIDER_MUST_CHECK int eider_spawn_on(struct eider_loop *loop,
					      eider_fn *fn, void *arg);

/*
 * [any] Run fn(arg) as a fiber of @loop and sleep until it has returned; its
 * result. On another thread the loop must be turned by its own meanwhile; on the
 * loop's own thread, outside of fibers and callbacks, this turns it. Inside one
 * it would wait for itself: -EDEADLK. -ENOMEM, -ESHUTDOWN as above.
 */
EIDER_API long eider_block_on(struct eider_loop *loop, eider_fn *fn, void *arg);

/* [fiber] Let everything else that is ready run first. */
EIDER_API void eider_yield(void);

/*
 * [fiber] Name this fiber in reports. @name is not copied and must stay valid as
 * long as the fiber; a string literal is best.
 */
EIDER_API void eider_fiber_set_name(const char *name);

/*
 * [fiber] This fiber, NULL elsewhere; for others on its loop to cancel
 * (eider_fiber_future()) as long as it has not returned, whether it was spawned or just
 * started.
 */
EIDER_API struct eider_fiber *eider_fiber_self(void);

/* [any] True inside a fiber. */
EIDER_API bool eider_in_fiber(void);

#ifdef __cplusplus
}
#endif

#endif
