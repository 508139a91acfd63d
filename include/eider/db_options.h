/*
 * db_options.h - how a database is opened (see db.h)
 *
 * URLs		sqlite:PATH	a file, opened with a write-ahead log; where it can
 *				have none (no memory can be shared through that file
 *				system) not at all: -EMEDIUMTYPE. Behind a '?':
 *				synchronous=full (a commit survives a power cut; if
 *				nothing is said), normal (it survives the process) or
 *				off
 *		postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?PARAMETER=...]
 *				as libpq reads it; also postgres://. connect_timeout
 *				is for each address of each host in turn: 5 if nothing
 *				is said; 0, for ever elsewhere, is 60. To look up a name
 *				takes as long as the resolver does: no deadline ends it
 *		Each engine is a library of its own that the program links with.
 *
 * Isolation	Of transactions: serializable, on either engine, unless the options ask
 *		for less. A call outside of one has what the engine has: each of its
 *		statements stands alone, on PostgreSQL with read committed.
 *
 * Sessions	A connection is used by one after the other, and what is rolled back
 *		between them is what was begun. Whatever else of a session a job
 *		changes, others find: on PostgreSQL SET, SET ROLE, temporary tables,
 *		session-level advisory locks, LISTEN, prepared statements, cursors WITH
 *		HOLD. Use what ends with the transaction instead: SET LOCAL, ON COMMIT
 *		DROP, pg_advisory_xact_lock(). A job that cannot undoes what it did,
 *		also when it fails; or it has a database of its own, opened for such
 *		jobs alone. statement_timeout is Eider's: a lower one, of the role or
 *		the database, is kept, and is -ETIME.
 *
 * Secrets	A URL may have a password in it. Nothing that Eider prints or returns
 *		has: eider_db_url() is without.
 */
#ifndef EIDER_DB_OPTIONS_H
#define EIDER_DB_OPTIONS_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eider_db_driver;

/* What a transaction may see of others that run beside it. */
enum eider_db_isolation {
	EIDER_DB_SERIALIZABLE,		/* nothing: as if it ran alone */
	EIDER_DB_REPEATABLE_READ,	/* SQLite: as serializable */
	EIDER_DB_READ_COMMITTED,	/* SQLite: as serializable */
};

struct eider_db_options {
	size_t size;			/* sizeof(struct eider_db_options) */
	const char *name;		/* of its pool, copied; the URL's scheme */
	unsigned int connections_max;	/* transaction threads; 16 */
	unsigned int free_level;	/* as txn_pool.h; 50 */
	int64_t busy_ns;		/* how long the engine itself may wait for a
					   lock before it is a conflict; 100 ms */
	unsigned int attempts_max;	/* of eider_db_atomic(); 10 */
	int64_t backoff_ns;		/* first pause before a retry; doubles, with
					   jitter, up to 100 times that; 1 ms */
	enum eider_db_isolation isolation;
	char *why;			/* if it cannot be opened: where to write, in
					   words, what the engine said of that */
	size_t why_size;		/* bytes there, the final NUL among them */
};

/* The engines. Passing one to eider_db_open() links it in. */
extern EIDER_API const struct eider_db_driver eider_sqlite;
extern EIDER_API const struct eider_db_driver eider_postgres;

#ifdef __cplusplus
}
#endif

#endif
