/*
 * executor.h - the workers and the transaction threads together
 *
 * One executor serves any number of loops. Threads start when there is work for
 * them and stop after options.keepalive_ns without: an executor that does
 * nothing uses no CPU at all.
 *
 * A pool is a set of workers with a queue of its own. The executor has one that
 * the rule of job.h uses; more keep slow kinds of work (name resolution, fsync)
 * from holding up the rest. A job never waits behind a slow one while a worker
 * of its pool is idle or may be started.
 */
#ifndef EIDER_EXECUTOR_H
#define EIDER_EXECUTOR_H

#include <eider/base.h>
#include <eider/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [any] Probe the kernel and make an executor; starts no thread. 0; -EINVAL,
 * -ENOMEM, -EMFILE; -EOPNOTSUPP if a doorbell was asked for by name and makes no
 * round trip; -ENOSYS or -EPERM if io_uring itself is refused, and a line on
 * stderr then says by whom.
 */
EIDER_API EIDER_MUST_CHECK int
eider_executor_new(const struct eider_options *options,
		   struct eider_executor **ret_executor);

/* [any] The pool that the rule of job.h uses. */
EIDER_API struct eider_pool *eider_executor_pool(struct eider_executor *executor);

/* [any] The default transaction pool. */
EIDER_API struct eider_txn_pool *
eider_executor_txn_pool(struct eider_executor *executor);

/*
 * [any] Make a pool of at most @threads_max workers. @name is copied, and its
 * threads are called name-1, name-2, ... It lives as long as the executor. 0;
 * -EINVAL; -ENOMEM; -EAGAIN if 32 were made already; -ESHUTDOWN.
 */
EIDER_API EIDER_MUST_CHECK int eider_pool_new(struct eider_executor *executor,
					      const char *name,
					      unsigned int threads_max,
					      unsigned int queue_max,
					      struct eider_pool **ret_pool);

/* A moment's view of a pool. [any] */
struct eider_pool_counts {
	unsigned int threads;		/* workers that run */
	unsigned int idle;		/* of them, with nothing to do */
	unsigned int queued;		/* jobs that no worker has taken */
};
EIDER_API void eider_pool_count(struct eider_pool *pool,
				struct eider_pool_counts *ret_counts);

/*
 * [any, not inside a fiber, callback or job if @wait] Accept nothing new (-ESHUTDOWN);
 * with @wait let everything run to its end, without it complete queued jobs with
 * -ECANCELED and waiting contexts with -ESHUTDOWN, and let only what runs end.
 * Sleeps until the threads have ended, or @deadline; between turns of a loop of this
 * executor it turns that loop meanwhile. 0; -ETIME with jobs still
 * running, each reported as a warning; -EDEADLK where it would wait for itself.
 * May be called again.
 */
EIDER_API int eider_executor_shutdown(struct eider_executor *executor, bool wait,
				      int64_t deadline);

/*
 * [any] Shut down without waiting, and free the executor once the last of its
 * threads has ended. Its loops must have been freed. NULL is allowed.
 */
EIDER_API void eider_executor_free(struct eider_executor *executor);

#ifdef __cplusplus
}
#endif

#endif
