/*
 * txn.h - transaction contexts
 *
 * While a fiber is in a transaction context, all its jobs run on one transaction
 * thread, in order, and nobody else's do: so they share what that thread owns,
 * as a rule one database connection.
 *
 *	int err = 0;
 *
 *	EIDER_TXN(err, NULL, EIDER_NEVER) {
 *		eider_call(debit, &t);
 *		eider_call(credit, &t);
 *	}
 *	if (err < 0) ...			it could not be entered
 *
 * Lease	Entering leases a thread for the context alone. When all are leased
 *		the fiber waits, first come first served, until its deadline.
 * Leave	Waits for the context's jobs, then gives the thread back. After
 *		that no job of the context ever runs: a fiber that still carries it
 *		gets -ESTALE.
 * Nesting	Entering a context of the same pool again stays on the same thread.
 * Children	Fibers spawned inside inherit the context.
 * Disable	Inside eider_txn_disable() the fiber is in no context; entering
 *		there leases another thread.
 * Deadlock	If every lease is held by a fiber that waits for another lease, the
 *		newest of them gets -EDEADLK, and a warning names the chain.
 * Named	A context with a name can be entered again later, from any loop,
 *		and finds the same thread, until eider_txn_pool_forget(). One fiber
 *		at a time is in it; others wait.
 */
#ifndef EIDER_TXN_H
#define EIDER_TXN_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One level of a context: lives on the fiber's stack, from enter to leave. */
struct eider_txn {
	/* Private. */
	struct eider_context *_outer;
	struct eider_context *_context;
	struct eider_fiber *_fiber;
	bool _entered;
};

/*
 * [fiber] Enter a context of @pool; NULL is the executor's default one. 0; -ETIME
 * at @deadline; -EDEADLK; -ECANCELED; -ESHUTDOWN; -ESTALE inside a context that
 * was left; -ENOMEM, -EPERM; or what the pool's lease_start hook returned. After
 * an error there is nothing to leave, and leaving is harmless.
 */
EIDER_API EIDER_MUST_CHECK int eider_txn_enter(struct eider_txn *txn,
					       struct eider_txn_pool *pool,
					       int64_t deadline);

/* [fiber] The same for the context called @name, which is copied. */
EIDER_API EIDER_MUST_CHECK int eider_txn_enter_named(struct eider_txn *txn,
						     struct eider_txn_pool *pool,
						     const char *name,
						     int64_t deadline);

/*
 * [fiber] Leave what the same @txn entered or disabled, innermost first. Sleeps
 * until the context's jobs have ended. Never fails.
 */
EIDER_API void eider_txn_leave(struct eider_txn *txn);

/* [fiber] Be in no context until eider_txn_leave(). */
EIDER_API void eider_txn_disable(struct eider_txn *txn);

/*
 * [fiber][job] A number for the context that the fiber is in, or that the job
 * runs in, the same on both sides and never used again; 0 outside of one. A fiber
 * that carries a context which was left is still in it.
 */
EIDER_API uint64_t eider_txn_id(void);

/* Private: what the scoped forms are made of. */
static inline bool eider_txn_first_(struct eider_txn *txn)
{
	bool first = !txn->_entered;

	txn->_entered = true;
	return first;
}

static inline bool eider_txn_off_(struct eider_txn *txn)
{
	eider_txn_disable(txn);
	return true;
}

#define EIDER_PASTE2_(a, b) a##b
#define EIDER_PASTE_(a, b) EIDER_PASTE2_(a, b)
#define EIDER_TXN_VAR_ EIDER_PASTE_(eider_txn_at_, __LINE__)
#define EIDER_NO_TXN_VAR_ EIDER_PASTE_(eider_no_txn_at_, __LINE__)
#define EIDER_TXN_FOR_(txn, enter)                                             \
	for (struct eider_txn txn __attribute__((cleanup(eider_txn_leave))) =  \
		     { NULL, NULL, NULL, false };                              \
	     eider_txn_first_(&txn) && (enter);)

/*
 * Scoped forms, for one statement or block: they leave at its end and on break,
 * return and goto as well. @err, an int of the caller's, is what entering gave;
 * if that is an error the block is not run.
 */
#define EIDER_TXN(err, pool, deadline)                                         \
	EIDER_TXN_FOR_(EIDER_TXN_VAR_, ((err) = eider_txn_enter(               \
					&EIDER_TXN_VAR_, pool, deadline)) >= 0)
#define EIDER_TXN_NAMED(err, pool, name, deadline)                             \
	EIDER_TXN_FOR_(EIDER_TXN_VAR_,                                         \
		       ((err) = eider_txn_enter_named(&EIDER_TXN_VAR_, pool,   \
						      name, deadline)) >= 0)
#define EIDER_NO_TXN                                                           \
	EIDER_TXN_FOR_(EIDER_NO_TXN_VAR_, eider_txn_off_(&EIDER_NO_TXN_VAR_))

#ifdef __cplusplus
}
#endif

#endif
