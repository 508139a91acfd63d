/*
 * future.h - a box for one result that does not exist yet
 *
 * Ops, jobs and fibers are futures: each starts with a struct eider_future, and
 * everything here works on all of them.
 *
 * Result	>= 0, or -errno, exactly as a CQE's res.
 *
 * Memory	The caller provides it, usually on a fiber's stack, inside a
 *		struct eider_op or eider_job. From the start of the op or job
 *		until the future is done it may not move or go away: the kernel
 *		or a thread holds its address. Starting and awaiting allocate
 *		nothing.
 *
 * Threads	A future belongs to the loop it was started on. Only that loop's
 *		thread may touch it, whoever completes it.
 *
 * Waiting	One party waits for a future: one fiber, or one callback. A second
 *		one gets -EBUSY. Waiters run from the loop, one after another,
 *		never inside the call that completed the future.
 *
 * Cancel	eider_cancel() asks, it does not decide. The future still becomes
 *		done exactly once, with -ECANCELED or with the result that got
 *		there first. Wait for it in either case.
 */
#ifndef EIDER_FUTURE_H
#define EIDER_FUTURE_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void eider_done_fn(struct eider_future *);

/* Private. Something a loop has to run soon, and what it is. */
struct eider_link {
	struct eider_link *_next;
	const struct eider_kind *_kind;
};

/* Private. A place in a circle of such. */
struct eider_node {
	struct eider_node *next, *prev;
};

struct eider_future {
	/* Private; declared only so that a caller can embed one. */
	struct eider_link _link;
	struct eider_loop *_loop;
	union {
		void *fiber;
		eider_done_fn *callback;
	} _waiter;
	union {
		long result;
		void *prev;
	} _u;
	uint32_t _state;
	uint32_t _flags;
};

/*
 * [loop] Have @fn called when @f is done; at once-but-not-inline if it already
 * is: from the loop, after the current callback or fiber has yielded. @f may be
 * freed or reused in @fn. 0, -EBUSY if somebody waits already, -EPERM.
 */
EIDER_API int eider_on_done(struct eider_future *f, eider_done_fn *fn);

/* [loop] True once the result is in and nobody else holds @f's address. */
EIDER_API bool eider_is_done(const struct eider_future *f);

/* [loop] The result of a future that is done; -EINPROGRESS of one that is not. */
EIDER_API long eider_result(const struct eider_future *f);

/*
 * [loop] Ask for an early end. Harmless if repeated, or too late.
 *
 *	op	the kernel is asked; -ECANCELED, or the result if it was faster
 *	job	queued: taken out, -ECANCELED. Running: eider_cancelled() turns
 *		true and the interrupt hook is called; the result is what the
 *		function then returns
 *	fiber	what it awaits now is cancelled, or else next, and so on until
 *		one of its waits was told so (-ECANCELED), once; what the fiber
 *		makes of that is its result
 */
EIDER_API void eider_cancel(struct eider_future *f);

/*
 * [fiber] Sleep until @f is done; its result. -EPERM outside of a fiber, -EBUSY
 * if somebody else waits for @f: in both cases @f goes on.
 */
EIDER_API long eider_await(struct eider_future *f);

/*
 * [fiber] Sleep until @f is done or @deadline has passed. The answer is about
 * the wait, never about the result: 0 done, -ETIME not done, and @f goes on;
 * -EPERM, -EBUSY as above.
 */
EIDER_API EIDER_MUST_CHECK int eider_await_until(struct eider_future *f,
						 int64_t deadline);

/*
 * [fiber] Sleep until all @n of @fs are done. 0, or the error of the first of
 * them, in the order of @fs, that failed.
 */
EIDER_API int eider_await_all(struct eider_future *const *fs, size_t n);

/*
 * [fiber] Sleep until at least one of the @n is done; its index, the lowest if
 * several are. The others go on. -EINVAL for none, -EPERM, -EBUSY.
 */
EIDER_API long eider_await_any(struct eider_future *const *fs, size_t n);

#ifdef __cplusplus
}
#endif

#endif
