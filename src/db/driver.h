/*
 * driver.h - what Eider asks of a database engine
 *
 * A driver is a table of functions around the engine's own connection. It knows no
 * fiber, no loop and no pool: it is called on the one thread that the connection
 * belongs to, blocks there as long as it has to, and answers 0 or -errno.
 *
 * Codes	What a driver says matters: -EAGAIN, and only that, is a conflict
 *		with another transaction, which is worth another try from the
 *		start. -EEXIST is a constraint, -ECANCELED an interruption, -ETIME
 *		a deadline, -ENOTCONN a connection that is lost or cannot be made.
 *
 * Ended	An engine may end a transaction by itself (disk full, deadlock,
 *		interruption), or leave it open and useless. in_transaction() says
 *		which: false, and nothing must be done in its name any more. One
 *		that is open and useless refuses its statements itself, and its
 *		commit with the error that made it so.
 *
 * Scoping	Savepoints are numbered by their depth, 1 the outermost, and end
 *		in the reverse order.
 *
 * Uses		What a user does with the handle happens between start_use() and
 *		end_use(): only there can it be interrupted. What the driver does by
 *		itself never is.
 *
 * Bounds	An engine that is elsewhere may not answer, for ever. A driver waits for
 *		it until the deadline and a grace of its own, and interrupts uses at
 *		theirs; what does not end then is -ENOTCONN, and the connection lost.
 *		What has no deadline ends so when its job is cancelled.
 *
 * Secrets	A URL may have a password in it: what a driver writes to @why has
 *		not.
 */
#ifndef EIDER_DB_DRIVER_H
#define EIDER_DB_DRIVER_H

#include <eider/db.h>

/* What a connection is made from. */
struct eider_db_settings {
	const char *url;		/* with the driver's scheme, or its alias */
	int64_t busy_ns;		/* how long the engine may wait for a lock
					   by itself */
	enum eider_db_isolation isolation;
	bool first;			/* nothing need be there yet; else what is not
					   there is lost, and must not be made anew */
	int64_t deadline;		/* of who needs the connection; EIDER_NEVER */
	char *why;			/* for words if it fails: why_size bytes, an
					   empty string; NULL if nobody asks */
	size_t why_size;
};

struct eider_db_driver {
	const char *scheme;		/* what stands before the ':' of a URL */
	const char *alias;		/* what may stand there as well; or NULL */

	/*
	 * Connect. -EINVAL if the rest of the URL makes no sense; -ETIME after the
	 * settings' deadline, -ECANCELED if the job is.
	 */
	long (*open)(const struct eider_db_settings *settings,
		     void **ret_connection);
	/* Also ends what is open on it. Cannot fail. */
	void (*close)(void *connection);
	/* Is it still good for anything? < 0: it will be closed and opened again. */
	long (*ping)(void *connection);
	/* Was it seen to be lost? Does not look. */
	bool (*is_lost)(void *connection);

	/* Until @deadline, and then -ETIME; it holds for savepoints and uses too. */
	long (*begin)(void *connection, int64_t deadline);
	/*
	 * Begun before @deadline, it may end later: what has been committed is 0,
	 * whenever that was.
	 */
	long (*commit)(void *connection, int64_t deadline);
	/* Did the last commit end without an answer? NULL: never. */
	bool (*is_unknown)(void *connection);
	/* 0 also if the engine has done it already. Knows no deadline. */
	long (*rollback)(void *connection);
	bool (*in_transaction)(void *connection);

	long (*savepoint)(void *connection, unsigned int depth);
	/* Keep what was done since, and forget the savepoint. */
	long (*release)(void *connection, unsigned int depth);
	/* Undo what was done since, and forget the savepoint. */
	long (*rollback_to)(void *connection, unsigned int depth);

	/* In a transaction or not; @deadline may be sooner than the transaction's. */
	long (*start_use)(void *connection, int64_t deadline);
	void (*end_use)(void *connection);

	/* The last error on it, as -errno; 0 if the last call went well. */
	long (*error)(void *connection);
	/* What users call the connection: sqlite3 *, PGconn *. */
	void *(*handle)(void *connection);
	/*
	 * From another thread, while the connection is not being closed: have the
	 * function that uses it return early. Must not block. May come too early or
	 * too late: does nothing then.
	 */
	void (*interrupt)(void *connection);
};

#endif
