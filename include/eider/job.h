/*
 * job.h - sync_to_async: synchronous functions, on the thread they belong on
 *
 * Where a function runs, unless a pool is named:
 *
 *	the caller is in a transaction context?  that context's thread
 *	else the function is atomic?             a general transaction thread
 *	else                                     a worker
 *
 * A function is atomic if it was declared so: C has no source to look into.
 *
 *	static long transfer(void *arg) { ... }
 *	EIDER_ATOMIC(transfer)
 *
 * The rule and the name are those of the Python idiom of database servers.
 *
 * Once		Every job that was accepted becomes done exactly once, on the loop
 *		that started it, whatever happens.
 * Order	Jobs of one pool are taken first come first served; jobs of one
 *		context run strictly one after another.
 * Stack	A job has the thread's own, 8 MiB as a rule.
 */
#ifndef EIDER_JOB_H
#define EIDER_JOB_H

#include <eider/future.h>
#include <eider/op.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eider_job {
	struct eider_future future;

	eider_fn *fn;
	void *arg;

	/* Optional; set between eider_job_init() and eider_job_start(). */
	const char *name;		/* for reports; not copied, and read after
					   the job is done: a string literal */
	void (*interrupt)(struct eider_job *); /* [loop] make a running fn return
					   early; fn has not returned yet, and
					   does not return before this has */
	int64_t deadline;		/* absolute; 0 or EIDER_NEVER for none */
	struct eider_pool *pool;	/* NULL: by the rule above */

	/* Private. */
	struct eider_pool *_home;
	struct eider_lane *_lane;
	struct eider_txn_pool *_line;
	struct eider_timer _timer;
	int64_t _moment;		/* of a sampled one: see executor/job.h */
};

/*
 * [fiber] Run fn(arg) on the thread the rule says and sleep until it has
 * returned; its result. Waits its turn where a queue is full. Also: -ESTALE if
 * the fiber's context was left, -ESHUTDOWN, -ECANCELED, -EPERM, -EINVAL.
 */
EIDER_API long eider_call(eider_fn *fn, void *arg);

/*
 * [fiber] The same with a deadline for queueing and running together. Passed in
 * the queue: -ETIME, and fn never runs. Passed while fn runs: fn is asked to stop
 * as by eider_cancel(), and the result is what it returns.
 */
EIDER_API long eider_call_until(eider_fn *fn, void *arg, int64_t deadline);

/* [fiber] The same on a pool of one's own (executor.h), whatever the context. */
EIDER_API long eider_call_on(struct eider_pool *pool, eider_fn *fn, void *arg);

/*
 * [any] Set up @job to run fn(arg), with nothing optional. Then set what is
 * optional, and start it.
 */
EIDER_API void eider_job_init(struct eider_job *job, eider_fn *fn, void *arg);

/*
 * [loop] Start @job; then await its future, or give it a callback. 0, and from
 * then on @job is in use until its future is done; or it was not accepted:
 * -EAGAIN a queue is full, -ESTALE, -ESHUTDOWN, -EINVAL, -EPERM, -ECHILD. A fiber
 * waits its turn instead of -EAGAIN.
 */
EIDER_API EIDER_MUST_CHECK int eider_job_start(struct eider_job *job);

/* [loop] eider_job_init() and eider_job_start(). */
EIDER_API EIDER_MUST_CHECK int eider_submit(struct eider_job *job, eider_fn *fn,
					    void *arg);

/*
 * [loop] Gather: start @n jobs, the i-th with fn((char *)args + i * stride). How
 * many were accepted: @n, or fewer if a queue was full (outside of a fiber) or an
 * error came in between; -errno if none was. Await those that were.
 */
EIDER_API EIDER_MUST_CHECK long eider_submit_all(struct eider_job *jobs, size_t n,
						 eider_fn *fn, void *args,
						 size_t stride);

/*
 * [fiber] eider_await_all() for jobs in a row. 0, or the error of the first of
 * them that failed.
 */
EIDER_API int eider_await_jobs(struct eider_job *jobs, size_t n);

/*
 * [job] Has somebody asked this job to stop, or has its deadline passed while it
 * ran? Cheap; ask it in loops. False outside of jobs.
 */
EIDER_API bool eider_cancelled(void);

/* Private. */
struct eider_atomic {
	eider_fn *fn;
	const char *name;
	struct eider_atomic *_next;
};

/*
 * [any] Declare a->fn atomic; a->name is what reports call it. @a stays in use to
 * the end of the program. EIDER_ATOMIC() does it before main().
 */
EIDER_API void eider_declare_atomic(struct eider_atomic *a);

#define EIDER_ATOMIC(f)                                                        \
	static struct eider_atomic eider_atomic_##f = { f, #f, NULL };         \
	__attribute__((constructor)) static void eider_declare_##f(void)       \
	{                                                                      \
		eider_declare_atomic(&eider_atomic_##f);                       \
	}

/* [any] Was @fn declared atomic? And the name it was declared with, or NULL. */
EIDER_API bool eider_is_transactional(eider_fn *fn);
EIDER_API const char *eider_atomic_name(eider_fn *fn);

#ifdef __cplusplus
}
#endif

#endif
