/*
 * transaction.c - run functions on a connection, and bodies in a transaction
 *
 *	             enter a lease            pause, outside of it
 *	                   v                          ^
 *	                 begin  ------ conflict ------+
 *	                   v                          |
 *	                 body   ----+                 |
 *	                   v        v < 0             |
 *	                commit --> roll back          |
 *	                   v        v                 |
 *	                 leave    leave -- conflict --+
 *
 * Begin, commit and roll back are jobs of the context like the body's own: so they
 * come in order with them, on the connection's thread. The thread knows how deep
 * it is, not the fiber: whether a begin opens a transaction or a savepoint is
 * decided where it happens, also for fibers that inherited the context.
 *
 * Begin ahead. The body of a transaction starts at once, while begin is on its way:
 * what the body calls comes after it on the same thread, and goes with it if the thread
 * is quick. Should begin fail, all these calls do as well, with its error
 * (connection.c, refused), and so does the transaction, whatever the body makes of
 * that. A savepoint waits: only the thread knows whether a begin is one.
 *
 * Conflicts. Only whoever began the transaction itself can repeat it, so a
 * savepoint hands -EAGAIN up. The pause is taken without a lease: others get the
 * connection meanwhile, and with it the chance to be done. It doubles, and half of
 * it is chance, so that those who met do not meet again.
 *
 * Cancelled fibers. A cancellation is told by one wait. If that is the body's, the rest
 * waits in peace; if it is the commit's, the job either ran already, or is
 * taken out and nothing was committed; if it is the roll back's, it is started again
 * until it ran. Should it not be accepted at all (shut down), the end of the lease
 * does it.
 *
 * Interrupting. The hook runs on the loop, and finds the connection in the call once
 * the call's function may use it; if it came before, the function is not run. It may
 * come between two statements: engines forget it then, which a driver makes good by
 * asking eider_cancelled(), or by interrupting again as long as the use lasts.
 *
 * Deadlines. The connection's thread knows that of its transaction, or savepoint, and
 * gives the driver the sooner one of it and the call's: the driver interrupts at that.
 * The call's own is the job's as well: it ends the wait in a queue, and interrupts.
 * The transaction's is not, as only that thread knows it; nor is it that of begin's
 * job, which must not be taken out of the queue, see wait_until_begun().
 *
 * Answers that are lost. A commit that was sent and not answered may have happened. It
 * is -ENOTCONN, is counted by itself, and never tried again.
 *
 * Invariants
 *
 *  T1  A transaction that began is committed or rolled back before its lease ends.
 *  T2  What the engine ended by itself is never committed, nor gets more statements
 *      by eider_db_call(): -ESTALE. Else they would be kept one by one.
 *  T3  A connection is not closed before the calls that used it have returned, and
 *      with them whoever might interrupt them.
 *  T4  Fibers that outlive the body they were spawned in get -ESTALE as soon as the
 *      transaction has ended, not only when the lease has.
 *
 * Not here: fibers of one transaction that open savepoints side by side. There is
 * only one stack of them; who ends his below another's gets -EBUSY, and both are
 * undone.
 */
#include <errno.h>

#include <eider/fiber.h>
#include <eider/io.h>
#include <eider/job.h>
#include <eider/txn.h>

#include "db.h"

static void begin_use(struct eider_db *db)
{
	eider__db_get(db);
	atomic_fetch_add(&db->users, 1);
}

static void end_use(struct eider_db *db)
{
	atomic_fetch_sub(&db->users, 1);
	eider__db_put(db);
}

/* --- one level of a transaction ------------------------------------------- */

static int start_step(struct eider_job *job, eider_fn *fn, struct eider__level *level,
		      const char *name)
{
	eider_job_init(job, fn, level);
	job->name = name;
	return eider_job_start(job);
}

static long run_step(eider_fn *fn, struct eider__level *level, const char *name)
{
	struct eider_job job;
	int err = start_step(&job, fn, level, name);

	return err < 0 ? err : eider_await(&job.future);
}

static void roll_back_surely(struct eider__level *level)
{
	long err;

	do {
		err = run_step(eider__level_roll_back, level, "roll back");
	} while (err == -ECANCELED && !level->rolled_back);
}

static void count_end(struct eider_db *db, const struct eider__level *level,
		      long result)
{
	if (!level->depth && result >= 0)
		atomic_fetch_add(&db->committed, 1);
	else if (!level->depth && level->unknown)
		atomic_fetch_add(&db->unknown, 1);
	else if (!level->depth)
		atomic_fetch_add(&db->rolled_back, 1);
}

/* --- the whole of it ------------------------------------------------------ */

#define PAUSE_NS INT64_C(50000000)
#define PAUSE_FIRST_NS INT64_C(50000)

struct attempt {
	struct eider__level level;
	bool began;
};

/*
 * The body has ended, mostly long after begin has. Else that must not be cancelled in
 * its queue, not by who cancels this fiber either: taken out it would leave there what
 * the body's fibers call, to be done outside of a transaction. So a cancellation that
 * comes now, or is due, is taken by a sleep, and told: 0 or -ECANCELED.
 *
 * The thread stores begun as the first thing that the job does, and nobody takes it
 * back: who loads it as true has seen a job that is in no queue, and never will be.
 * Nothing else is read on the strength of it.
 */
static long wait_until_begun(struct attempt *a, struct eider_job *begin)
{
	int64_t pause = PAUSE_FIRST_NS;
	long result = 0;

	while (!eider_is_done(&begin->future) && !atomic_load(&a->level.begun)) {
		if (eider_sleep_until(eider_after(pause)) < 0)
			result = -ECANCELED;
		pause = pause < PAUSE_NS / 2 ? pause * 2 : PAUSE_NS;
	}
	return result;
}

/*
 * The body has failed. If begin has no deadline either it might wait for a silent
 * server for ever: so it is stopped.
 */
static long stop_begin(struct eider_job *begin)
{
	if (eider_await_until(&begin->future, eider_after(PAUSE_NS)) == -ETIME)
		eider_cancel(&begin->future);
	return eider_await(&begin->future);
}

/* Within a lease. */
static long run_level(struct attempt *a, eider_fn *body, void *arg)
{
	struct eider_job begin;
	long result = start_step(&begin, eider__level_begin, &a->level, "begin"), err;

	if (result < 0)
		return result;
	if (a->level.alone) {
		result = body(arg);
		err = wait_until_begun(a, &begin);
		if (result >= 0 && err < 0)
			result = err;
		err = result < 0 ? stop_begin(&begin) : eider_await(&begin.future);
	} else {
		err = eider_await(&begin.future);
		if (err >= 0)
			result = body(arg);
	}
	if (err < 0)
		return result == -ECANCELED || (result < 0 && err == -ECANCELED) ?
			       result : err;
	a->began = true;
	if (result >= 0) {
		err = run_step(eider__level_commit, &a->level, "commit");
		if (err >= 0)
			return result;
		result = err;
	}
	roll_back_surely(&a->level);
	return result;
}

static long run_attempt(struct attempt *a, eider_fn *body, void *arg,
			int64_t deadline)
{
	struct eider_txn txn = { ._entered = false };
	long result;

	a->level.alone = !eider_txn_id();
	result = eider_txn_enter(&txn, a->level.db->pool, deadline);
	if (result < 0)
		return result;
	result = run_level(a, body, arg);
	eider_txn_leave(&txn);
	return result;
}

/* Any number will do, but no two alike: splitmix64. */
static uint64_t random_number(struct eider_db *db)
{
	uint64_t z = (uint64_t)eider_now() +
		     (atomic_fetch_add(&db->pauses, 1) + 1) *
			     UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* When to begin the next attempt after @failed ones. */
static int64_t next_attempt(struct eider_db *db, unsigned int failed)
{
	uint64_t first = (uint64_t)db->backoff_ns, half;
	uint64_t times = failed <= 7 ? UINT64_C(1) << (failed - 1) : 100;

	if (first > INT64_MAX / 100)
		return eider_after(db->backoff_ns);
	half = first * times / 2;
	return eider_after((int64_t)(half + random_number(db) % (half + 1)));
}

/* True after the pause; false if there is no next attempt, and *result is why. */
static bool wait_for_next(struct eider_db *db, unsigned int failed, int64_t deadline,
			  long *result)
{
	int64_t next = next_attempt(db, failed);
	long err;

	if (failed >= db->attempts_max || next >= deadline)
		return false;
	err = eider_sleep_until(next);
	if (err < 0) {
		*result = err;
		return false;
	}
	atomic_fetch_add(&db->retried, 1);
	return true;
}

static long run_attempts(struct eider_db *db, eider_fn *body, void *arg,
			 int64_t deadline)
{
	for (unsigned int n = 1;; n++) {
		struct attempt a = {
			.level = { .db = db, .deadline = deadline },
		};
		long result = run_attempt(&a, body, arg, deadline);

		if (result == -EAGAIN && !a.level.depth &&
		    wait_for_next(db, n, deadline, &result))
			continue;
		if (a.began)
			count_end(db, &a.level, result);
		return result;
	}
}

long eider_db_atomic_until(struct eider_db *db, eider_fn *body, void *arg,
			   int64_t deadline)
{
	long result;

	if (!db || !body)
		return -EINVAL;
	begin_use(db);
	result = run_attempts(db, body, arg, deadline);
	end_use(db);
	return result;
}

long eider_db_atomic(struct eider_db *db, eider_fn *body, void *arg)
{
	return eider_db_atomic_until(db, body, arg, EIDER_NEVER);
}

/* --- one function --------------------------------------------------------- */

struct call {
	struct eider_job job;
	struct eider_db *db;
	eider_fn *fn;
	void *arg;
	int64_t deadline;
	_Atomic(void *) at;	/* the connection, once fn may be interrupted */
};

static long use(struct call *call, struct eider__connection *c, int64_t deadline)
{
	long result;

	/* Pairs with interrupt_call(), which comes after the flag. */
	atomic_store(&call->at, c->at);
	c->inside = true;
	if (eider_cancelled())
		result = eider__has_passed(deadline) ? -ETIME : -ECANCELED;
	else
		result = call->fn(call->arg);
	c->inside = false;
	atomic_store(&call->at, NULL);
	c->db->driver->end_use(c->at);
	return result;
}

static long run_call(void *arg)
{
	struct call *call = arg;
	struct eider__connection *c = eider__connection_here(call->db);
	long result = c ? eider__connection_ready(c, call->deadline) : -ESTALE;
	int64_t deadline;

	if (result < 0)
		return result;
	c->denied = 0;
	deadline = eider__sooner(call->deadline, c->deadline);
	result = eider__connection_start_use(c, deadline);
	if (result < 0)
		return result;
	result = use(call, c, deadline);
	eider__connection_used(c);
	if (!eider_txn_id())
		eider__connection_reset(c);
	return result;
}

static void interrupt_call(struct eider_job *job)
{
	struct call *call = (struct call *)job;		/* its first member */
	void *at = atomic_load(&call->at);

	if (at)
		call->db->driver->interrupt(at);
}

static long await_call(struct call *call, int err)
{
	return err < 0 ? err : eider_await(&call->job.future);
}

/* In a context of somebody's: ours, or else one of ours is entered in it. */
static long call_in_context(struct call *call)
{
	struct eider_txn txn = { ._entered = false };
	long result = eider_txn_enter(&txn, call->db->pool, call->deadline);

	if (result < 0)
		return result;
	result = await_call(call, eider_job_start(&call->job));
	eider_txn_leave(&txn);
	return result;
}

long eider_db_call_until(struct eider_db *db, eider_fn *fn, void *arg,
			 int64_t deadline)
{
	struct call call = { .db = db, .fn = fn, .arg = arg, .deadline = deadline };
	struct eider_job *job = &call.job;
	long result;

	if (!db || !fn)
		return -EINVAL;
	if (!eider_in_fiber())
		return -EPERM;
	begin_use(db);
	eider_job_init(job, run_call, &call);
	job->name = eider_atomic_name(fn) ? eider_atomic_name(fn) : "database call";
	job->interrupt = interrupt_call;
	job->deadline = deadline > 0 ? deadline : 1;	/* 0 would be none */
	if (eider_txn_id())
		result = call_in_context(&call);
	else
		result = await_call(&call, eider_txn_pool_submit(db->pool, job, 0));
	end_use(db);
	return result;
}

long eider_db_call(struct eider_db *db, eider_fn *fn, void *arg)
{
	return eider_db_call_until(db, fn, arg, EIDER_NEVER);
}
