/*
 * thread.h - one transaction thread
 *
 * A thread that runs its jobs strictly one after another, in the order in which
 * they came. Transaction pools are made of them; one is also of use by itself,
 * for a library that must be called from one thread only.
 */
#ifndef EIDER_THREAD_H
#define EIDER_THREAD_H

#include <eider/job.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [any] Start a thread. @context is what eider_txn_id() says in its jobs. 0;
 * -EAGAIN if the system has no thread to give; -ENOMEM, -ESHUTDOWN.
 */
EIDER_API EIDER_MUST_CHECK int eider_thread_new(struct eider_executor *executor,
						uint64_t context,
						struct eider_thread **ret_thread);

/*
 * [loop] Start @job, which was set up by eider_job_init(), on @thread. 0;
 * -ESHUTDOWN after eider_thread_shutdown(); -EAGAIN, -EINVAL, -EPERM as
 * eider_job_start().
 */
EIDER_API EIDER_MUST_CHECK int eider_thread_submit(struct eider_thread *thread,
						   struct eider_job *job);

/* [any] True if it runs nothing and has nothing queued. */
EIDER_API bool eider_thread_is_free(const struct eider_thread *thread);

/*
 * [any] The name of the job it runs: the job's, that of its EIDER_ATOMIC()
 * declaration, or "job"; NULL if it runs none.
 */
EIDER_API const char *eider_thread_current(const struct eider_thread *thread);

/*
 * [any] Write a line such as
 *	<transaction thread txn-3 context=17 running=transfer queued=2>
 * to @buf, cut to @len with the final NUL; what snprintf() returns.
 */
EIDER_API int eider_thread_describe(const struct eider_thread *thread, char *buf,
				    size_t len);

/* [any] The thread's name, as ps and gdb show it. */
EIDER_API const char *eider_thread_name(const struct eider_thread *thread);

/* [job] and hooks: the transaction thread that runs this, or NULL. */
EIDER_API struct eider_thread *eider_thread_self(void);

/*
 * [job] A number that no other job of the same thread has: to know whether what it left
 * there was its own doing. 0 where nothing runs.
 */
EIDER_API uint64_t eider_thread_job_number(void);

/*
 * [job] and hooks: a pointer that belongs to the thread, such as its connection.
 * On another thread set does nothing, and get is NULL.
 */
EIDER_API void *eider_thread_state(struct eider_thread *thread);
EIDER_API void eider_thread_set_state(struct eider_thread *thread, void *state);

/*
 * [job] of a context: say whether the pool's lease_stop would have anything to do, if
 * the context were left now. It is not called, and leaving does not wait for it, if it
 * has not; as long as nobody says so it is.
 */
EIDER_API void eider_thread_set_clean(struct eider_thread *thread, bool clean);

/*
 * [any] Stop after the current job; what is queued becomes -ECANCELED. Does not
 * sleep. For threads of eider_thread_new(); -EPERM for a pool's own.
 */
EIDER_API int eider_thread_shutdown(struct eider_thread *thread);

/*
 * [any] Shut down, and free @thread as soon as it has ended; the memory may be
 * gone when this returns. NULL is allowed.
 */
EIDER_API void eider_thread_free(struct eider_thread *thread);

#ifdef __cplusplus
}
#endif

#endif
