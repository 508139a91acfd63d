/*
 * db.h - databases (libeider-sqlite, libeider-postgres)
 *
 * A database is opened from a URL and owns a transaction pool. Every thread of
 * that pool opens one connection when it needs it and closes it when it stops: a
 * connection is opened, used and closed on its own thread.
 *
 *	static long debit(void *arg)			a job
 *	{
 *		sqlite3 *db = eider_db_handle(database);
 *		...
 *	}
 *
 *	static long transfer(void *arg)			a fiber function
 *	{
 *		long err = eider_db_call(database, debit, arg);
 *		...					< 0 rolls back
 *	}
 *
 *	eider_db_atomic(database, transfer, &t);
 *
 * URLs, options and engines are in db_options.h.
 */
#ifndef EIDER_DB_H
#define EIDER_DB_H

#include <eider/base.h>
#include <eider/db_options.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eider_db;

/*
 * [any] Open @url with @driver, whose scheme it must have. Connects once, so that
 * a bad URL is an error here and not later. 0; -EINVAL for a URL or option that
 * makes no sense; -EPROTONOSUPPORT for another scheme; -ENOENT, -EACCES and such
 * from the engine; -ENOMEM, -EAGAIN. The executor must outlive the database.
 */
EIDER_API EIDER_MUST_CHECK int eider_db_open(struct eider_executor *executor,
					     const struct eider_db_driver *driver,
					     const char *url,
					     const struct eider_db_options *options,
					     struct eider_db **ret_db);

/*
 * [fiber] Run body(arg), a fiber function, in a transaction: its jobs, and those
 * of the fibers it spawns, run on one connection. >= 0 commits, < 0 rolls back;
 * the body's result. Inside another transaction of the same database this is a
 * savepoint: < 0 undoes just the inner part.
 *
 * What the engine calls a conflict with another transaction (the body returns
 * it, or the commit does, as -EAGAIN) is rolled back and tried again after a
 * pause, attempts_max times: so the body must be safe to repeat from its start.
 * A savepoint is not repeated; the conflict goes up to the transaction.
 *
 * On PostgreSQL an error fails the whole transaction, or the savepoint that it is in:
 * statements after it, and the commit, get the same error again.
 *
 * Join the fibers that the body spawns before it returns: once the transaction has
 * ended they get -ESTALE. So do all after the engine ended it by itself (disk full,
 * interrupted). Two fibers of one transaction may not have savepoints open side by
 * side: -EBUSY.
 *
 * Also: -ETIME if no connection was free or could be made before @deadline, or if a
 * statement ran into it: the engine is told (statement_timeout), the calls of the body
 * inherit it. The commit begins before @deadline or not at all; one that has begun is
 * waited for, and counts, though it may end later (deferred triggers, a standby).
 * What eider_txn_enter() returns; the engine's error if begin or commit fails.
 *
 * A connection that is lost in the middle is -ENOTCONN. So is a server that is there
 * and does not answer, 5 s after @deadline or after the fiber was cancelled; without
 * either it is waited for. A commit whose answer was lost may or may not have happened,
 * and is not repeated: a body that must not happen twice looks for its own traces
 * first. On SQLite that is one that failed with -EIO, -ENOSPC or -EDQUOT, if the
 * process dies before it writes again.
 */
EIDER_API long eider_db_atomic_until(struct eider_db *db, eider_fn *body, void *arg,
				     int64_t deadline);
EIDER_API long eider_db_atomic(struct eider_db *db, eider_fn *body, void *arg);

/*
 * [fiber] Run fn(arg) as a job with a connection: in a transaction of @db on that
 * one's, else on any. A cancelled call interrupts the engine. A job that failed
 * on an engine error returns eider_db_error(), so that conflicts are known.
 *
 * Of a deadline (the sooner of this one and the transaction's) the engine is told:
 * -ETIME, also if no connection was free or could be made before. Outside of a
 * transaction, a connection found dead is opened anew; a call that lost it in the
 * middle is not repeated: -ENOTCONN. On PostgreSQL, if fn has not returned 5 s after
 * it was interrupted, because the server does not answer or for anything else, the
 * connection is cut: what fn asks of it fails from then on, with -ENOTCONN.
 */
EIDER_API long eider_db_call_until(struct eider_db *db, eider_fn *fn, void *arg,
				   int64_t deadline);
EIDER_API long eider_db_call(struct eider_db *db, eider_fn *fn, void *arg);

/*
 * [job] of @db: the engine's own handle (sqlite3 *, PGconn *); NULL elsewhere. Between
 * two transactions, and two calls outside of one, it may change.
 *
 * Jobs that eider_db_call() did not start (eider_call() in a lease) may ask for it as
 * well. They are not interrupted. It is NULL if there is no connection for them, and
 * eider_db_error() says why; after an error, ask again: it may be another. Alone in the
 * pool, such a job has to end the transaction that it begins: what it leaves open is
 * rolled back by whoever comes next.
 */
EIDER_API void *eider_db_handle(struct eider_db *db);

/*
 * [job] of @db: the engine's last error on this connection as -errno: -EAGAIN a
 * conflict, -EEXIST a constraint, -ECANCELED interrupted, -ETIME out of time,
 * -ENOTCONN the connection is lost, -ECONNREFUSED the server has too many, -ENOSPC,
 * -EROFS, -EIO, ...; 0 if there was none.
 */
EIDER_API long eider_db_error(struct eider_db *db);

/*
 * [job] of @db: a value of the job's own for this connection, such as its prepared
 * statements: gone, through @release, when the connection is closed, so that a new
 * one starts with NULL. One for each connection. @release has the handle, but must not
 * wait for a server with it.
 */
EIDER_API void *eider_db_state(struct eider_db *db);
EIDER_API void eider_db_set_state(struct eider_db *db, void *state,
				  void (*release)(void *state));

/* [any] The URL without its password; valid as long as @db. */
EIDER_API const char *eider_db_url(struct eider_db *db);

/*
 * [any] How often eider_db_atomic() committed and rolled back, each transaction once
 * and savepoints not; how many more attempts it took; and of how many nobody knows, as
 * the answer to their commit was lost.
 */
struct eider_db_counts {
	uint64_t committed;
	uint64_t rolled_back;
	uint64_t retried;
	unsigned int connections;	/* open now */
	unsigned int connections_peak;
	uint64_t unknown;
};
EIDER_API void eider_db_count(struct eider_db *db,
			      struct eider_db_counts *ret_counts);

/* [any] The pool whose threads have the connections. */
EIDER_API struct eider_txn_pool *eider_db_pool(struct eider_db *db);

/*
 * [any] Wait until all connections are closed, and free @db; in a fiber, callback
 * or job they are closed soon afterwards. No transaction may be open, no call be
 * under way, and in a callback no connection just being made: -EBUSY. NULL is
 * allowed.
 */
EIDER_API int eider_db_close(struct eider_db *db);

#ifdef __cplusplus
}
#endif

#endif
