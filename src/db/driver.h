/*
 * driver.h - what Eider asks of a database engine
 *
 * A driver is a table of functions around the engine's own connection. It knows no
 * fiber, no loop and no pool: it is called on the one thread that the connection
 * belongs to, blocks there as long as it has to, and answers 0 or -errno.
 *
 * Codes	What a driver says matters: -EAGAIN, and only that, is a conflict
 *		with another transaction, which is worth another try from the
 *		start. -EEXIST is a constraint, -ECANCELED an interruption.
 *
 * Ended	An engine may end a transaction by itself (disk full, deadlock,
 *		interruption), or leave it open and useless. in_transaction() says
 *		which: false, and nothing must be done in its name any more.
 *
 * Scoping	Savepoints are numbered by their depth, 1 the outermost, and end
 *		in the reverse order.
 *
 * PostgreSQL, when it comes: scheme "postgresql"; a connection is a PGconn;
 * ping is PQstatus(); SQLSTATE 40001 and 40P01 are -EAGAIN, class 23 -EEXIST, 57014
 * -ECANCELED; in_transaction() is PQtransactionStatus() other than IDLE; the URL is
 * libpq's own. Its PQcancel() makes a connection and waits: interrupt() may not, so
 * it has to hand that to a thread.
 */
#ifndef EIDER_DB_DRIVER_H
#define EIDER_DB_DRIVER_H

#include <eider/db.h>

struct eider_db_driver {
	const char *scheme;		/* what stands before the ':' of a URL */

	/*
	 * Connect. @url has the driver's scheme. @busy_ns: how long the engine may
	 * wait for a lock by itself. -EINVAL if the rest of the URL makes no sense.
	 */
	long (*open)(const char *url, int64_t busy_ns, void **ret_connection);
	/* Also ends what is open on it. Cannot fail. */
	void (*close)(void *connection);
	/* Is it still good for anything? < 0: it will be closed and opened again. */
	long (*ping)(void *connection);

	long (*begin)(void *connection);
	long (*commit)(void *connection);
	/* 0 also if the engine has done it already. */
	long (*rollback)(void *connection);
	bool (*in_transaction)(void *connection);

	long (*savepoint)(void *connection, unsigned int depth);
	/* Keep what was done since, and forget the savepoint. */
	long (*release)(void *connection, unsigned int depth);
	/* Undo what was done since, and forget the savepoint. */
	long (*rollback_to)(void *connection, unsigned int depth);

	/* The last error on it, as -errno; 0 if the last call went well. */
	long (*error)(void *connection);
	/* What users call the connection: sqlite3 *, PGconn *. */
	void *(*handle)(void *connection);
	/*
	 * From another thread, while a function uses the connection: have it return
	 * early. Must not block. May come too early or too late: does nothing then.
	 */
	void (*interrupt)(void *connection);
};

#endif
