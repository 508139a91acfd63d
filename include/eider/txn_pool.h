/*
 * txn_pool.h - the threads that transaction contexts lease
 *
 * A transaction pool owns up to threads_max transaction threads. Each is, at any
 * moment, one of
 *
 *	leased		a context holds it and runs its jobs there
 *	bound		a named context owns it, in or between leases
 *	general		neither; runs atomic jobs of fibers in no context
 *
 * General threads that are idle are stopped by this rule, which runs whenever
 * one becomes idle: of more than ceil(threads_max * free_level / 100) idle ones
 * the surplus goes, never the last one, never one that is about to be used.
 *
 * The executor has a default pool, made from its options; eider_txn_enter() and
 * atomic jobs use it unless told otherwise.
 */
#ifndef EIDER_TXN_POOL_H
#define EIDER_TXN_POOL_H

#include <eider/job.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Hooks, all optional and all run on the transaction thread itself: what they
 * open is used and closed where it was opened.
 */
struct eider_txn_hooks {
	/* First on the thread. < 0: the lease or job that needed it fails so. */
	long (*thread_start)(struct eider_thread *, void *arg);
	/* Last on the thread, if thread_start gave >= 0. */
	void (*thread_stop)(struct eider_thread *, void *arg);
	/* Before a context's first job. < 0: entering fails with it. */
	long (*lease_start)(struct eider_thread *, void *arg);
	/* After a context's last job, if lease_start gave >= 0; not if it has nothing
	   to do (eider_thread_set_clean()). Not if the pool was
	   shut down without waiting: then thread_stop has to do. */
	void (*lease_stop)(struct eider_thread *, void *arg);
};

struct eider_txn_pool_options {
	size_t size;			/* sizeof(struct eider_txn_pool_options) */
	const char *name;		/* for reports, copied; "txn" */
	unsigned int threads_max;	/* options.txn_threads_max */
	unsigned int free_level;	/* options.free_level */
	bool keep_general_threads;	/* true: the free rule never runs */
	struct eider_txn_hooks hooks;	/* copied */
	void *arg;			/* of the hooks */
};

/* [any] Make a pool. 0; -EINVAL, -ENOMEM, -ESHUTDOWN. */
EIDER_API EIDER_MUST_CHECK int
eider_txn_pool_new(struct eider_executor *executor,
		   const struct eider_txn_pool_options *options,
		   struct eider_txn_pool **ret_pool);

/*
 * For code that keeps its own notion of a context.
 *
 * [any] The thread of @context, a number of the caller's choosing, bound to it
 * from then on; or for 0 a general thread that is free, or is made. It is not
 * stopped before eider_txn_pool_put_thread(). 0; -EAGAIN if threads_max are in
 * use; -ESHUTDOWN, -ENOMEM, or what thread_start returned. Sleeps until thread_start
 * has run. The number N is the named context "#N": jobs by number and a fiber that is
 * in it share the thread.
 */
EIDER_API EIDER_MUST_CHECK int
eider_txn_pool_get_thread(struct eider_txn_pool *pool, uint64_t context,
			  struct eider_thread **ret_thread);
EIDER_API void eider_txn_pool_put_thread(struct eider_txn_pool *pool,
					 struct eider_thread *thread);

/*
 * [loop] Start @job, which was set up by eider_job_init(), on the thread of
 * @context, or for 0 on the first general thread that is free. 0, -EAGAIN,
 * -ESHUTDOWN and the rest of eider_job_start().
 */
EIDER_API EIDER_MUST_CHECK int eider_txn_pool_submit(struct eider_txn_pool *pool,
						     struct eider_job *job,
						     uint64_t context);

/*
 * [any] Let go of the thread of the named context @name: it becomes a general
 * one as soon as nobody is in the context. 0, -ENOENT.
 */
EIDER_API int eider_txn_pool_forget(struct eider_txn_pool *pool, const char *name);

/* A moment's view of the pool. [any] */
struct eider_txn_pool_counts {
	unsigned int threads;		/* all; the sum of the next three */
	unsigned int leased;
	unsigned int bound;		/* and not leased */
	unsigned int general;
	unsigned int idle;		/* general ones with nothing to do */
	unsigned int waiting;		/* contexts and jobs that wait for one */
};
EIDER_API void eider_txn_pool_count(struct eider_txn_pool *pool,
				    struct eider_txn_pool_counts *ret_counts);

/*
 * [any, not inside a fiber, callback or job if @wait] Accept nothing new, then
 * with @wait let everything run to its end, without it complete what is queued
 * with -ECANCELED (waiting contexts get -ESHUTDOWN) and let only what runs end.
 * Sleeps until the threads have ended, or @deadline: 0, or -ETIME with jobs still
 * running or contexts not left, each reported as a warning; -EDEADLK where it would
 * wait for itself. May be called again.
 */
EIDER_API int eider_txn_pool_shutdown(struct eider_txn_pool *pool, bool wait,
				      int64_t deadline);

/*
 * [any] Shut down without waiting, and free the pool once the last of its
 * threads has ended. No context of it may be open. NULL is allowed.
 */
EIDER_API void eider_txn_pool_free(struct eider_txn_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
