/*
 * loop.h - one thread, one ring
 *
 * A loop belongs to the thread that made it; a thread has at most one. It sleeps
 * only in io_uring_enter(), and does in every turn:
 *
 *	reap	take what the kernel and the other threads have finished
 *	run	run the fibers and callbacks that waited for it
 *	hand	give new jobs to the executor, new entries to the kernel
 *
 * Several loops, each on its own thread, may share one executor. The executor
 * must outlive them.
 *
 * Most programs need eider_run() alone.
 */
#ifndef EIDER_LOOP_H
#define EIDER_LOOP_H

#include <eider/base.h>
#include <eider/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [any, without a loop] The whole in one call, as asyncio.run(): makes an executor
 * and options->loops threads with a loop each (the caller's is the first), runs
 * main(arg) as the first fiber of every loop, and returns when all of them have
 * returned, everything they started is done and all threads have ended. A loop whose
 * main has returned and that has nothing left refuses eider_spawn_on() with
 * -ESHUTDOWN.
 *
 * The first negative result of a main, in the order of the loops, or else the first
 * loop's. -EBUSY on a thread that has a loop; -ETIME if jobs still ran after
 * options->shutdown_ns (they end unobserved, and touch nothing freed); what
 * eider_executor_new() and eider_loop_new() return.
 */
EIDER_API long eider_run(eider_fn *main, void *arg,
			 const struct eider_options *options);

/*
 * [any, without a loop] Make the loop of this thread. 0; -EBUSY if the thread
 * has one; -EINVAL, -ENOMEM, -EMFILE; -ESHUTDOWN; what the kernel says of the
 * ring (-ENOSYS and -EPERM: see eider_strerror()).
 */
EIDER_API int eider_loop_new(struct eider_executor *executor,
			     const struct eider_options *options,
			     struct eider_loop **ret_loop);

/*
 * [loop, not inside a fiber or callback] Turn until nothing is left to wait for
 * (no fiber, job, op or sleep), or eider_loop_stop() was called. 0; -EBUSY inside
 * a fiber or callback; -EPERM; -errno if the ring fails.
 */
EIDER_API long eider_loop_run(struct eider_loop *loop);

/*
 * [loop, not inside a fiber or callback] One turn, which may sleep until
 * @deadline for something to do: 0 for not at all. 1 if there is still something
 * to wait for, 0 if not; errors as above.
 */
EIDER_API int eider_loop_turn(struct eider_loop *loop, int64_t deadline);

/*
 * [loop] A descriptor that polls readable (POLLIN) when a turn is due, so that
 * another event loop can drive this one: poll it, then turn with deadline 0. It is
 * the ring's own, and goes with the loop; do not close it. -EINVAL if the loop was
 * made without options.polled; -EPERM elsewhere.
 */
EIDER_API int eider_loop_fd(struct eider_loop *loop);

/*
 * [any] Make eider_loop_run() return after its current turn, or the next one to
 * be started return at once. The loop must not be freed meanwhile.
 */
EIDER_API void eider_loop_stop(struct eider_loop *loop);

/* [any] The loop of this thread, or NULL. */
EIDER_API struct eider_loop *eider_loop_current(void);

/*
 * [loop] The time, read once a turn and then remembered: good for what counts in
 * milliseconds, such as the deadlines of connections, without a clock for each.
 */
EIDER_API int64_t eider_loop_now(struct eider_loop *loop);

/* [any] The executor that @loop was made for. */
EIDER_API struct eider_executor *eider_loop_executor(struct eider_loop *loop);

/*
 * [loop, not inside a fiber or callback] Drop the loop. Queued jobs are taken
 * out; ops are cancelled and waited for; running jobs are cancelled and not
 * waited for: each keeps what it touches, the fiber stacks included, alive until
 * it ends. Fibers that have not returned are dropped where they stand. NULL is
 * allowed. -EBUSY inside a fiber or callback, -EPERM on another thread.
 */
EIDER_API int eider_loop_free(struct eider_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
