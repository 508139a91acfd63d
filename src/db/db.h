/*
 * db.h - a database inside (see eider/db.h)
 */
#ifndef EIDER_DB_DB_H
#define EIDER_DB_DB_H

#include <stdatomic.h>

#include <eider/txn_pool.h>

#include "driver.h"

struct eider_db {
	/* Constant after eider_db_open(). */
	const struct eider_db_driver *driver;
	struct eider_txn_pool *pool;
	char *public_url;		/* without its password */
	struct eider_db_settings settings;	/* the url is ours */
	int64_t backoff_ns;
	unsigned int attempts_max;
	bool opened;			/* set when the first connection was made */

	/* Any thread, atomic. */
	atomic_uint refs;		/* the owner, connections, users */
	atomic_uint users;		/* calls under way that may take a lease */
	atomic_uint threads;		/* that have begun and not stopped */
	atomic_uint connections;
	atomic_uint connections_peak;
	atomic_ullong committed;
	atomic_ullong rolled_back;
	atomic_ullong unknown;
	atomic_ullong retried;
	atomic_ullong pauses;		/* for their jitter */
};

struct eider__connection {
	/* Its own thread only. */
	struct eider_db *db;
	void *at;			/* the driver's; NULL: not connected */
	void *state;			/* the user's */
	void (*release_state)(void *state);
	int64_t deadline;		/* of the transaction, or its savepoint */
	unsigned int depth;		/* of transactions: 0 none, 2 a savepoint */
	uint64_t lease;			/* the context it was last used in */
	bool ended;			/* the transaction the lease was made for */
	long refused;			/* why it could not begin */
	long denied;			/* why the last job got no handle, or 0 */
	uint64_t lent_to;		/* the job that had the handle last */
	bool inside;			/* a function runs that may have the handle */
	bool broken;			/* to be opened anew */
	bool manual;			/* in a transaction that we did not begin */
};

/* One level of a transaction: a job's argument, on the stack of the fiber. */
struct eider__level {
	struct eider_db *db;
	int64_t deadline;
	int64_t outer_deadline;	/* to be restored */
	unsigned int depth;	/* where it began; 0 is the transaction itself */
	bool alone;		/* the lease is for this, and ends with it */
	bool rolled_back;
	bool unknown;		/* whether it was committed */
	atomic_bool begun;	/* to begin: it runs, or has run */
};

/* Whoever may still touch @db holds one; the last to let go frees it. [any] */
void eider__db_get(struct eider_db *db);
void eider__db_put(struct eider_db *db);

/* What the threads of a database's pool do first, last and in between. */
extern const struct eider_txn_hooks eider__connection_hooks;

/* [job] The connection of this thread, if it is one of @db; else NULL. */
struct eider__connection *eider__connection_here(struct eider_db *db);

/*
 * [job] Make sure that @c can be used: 0; -ESTALE if its transaction is gone,
 * -ENOTCONN if that is because the connection is; or what opening it said, which has
 * until @deadline.
 */
long eider__connection_ready(struct eider__connection *c, int64_t deadline);

/* [job] The same for one that was just found lost, and has no transaction. */
long eider__connection_reopen(struct eider__connection *c, int64_t deadline);

/*
 * [job] A use, which the engine is told of: 0, and it has to be ended, by the driver's
 * end_use(). One that is found lost is opened anew if nothing was done with it.
 */
long eider__connection_start_use(struct eider__connection *c, int64_t deadline);

/* [job] Something was done with it: see whether it is still there. */
void eider__connection_used(struct eider__connection *c);

/* [job] No transaction is open on it afterwards. */
void eider__connection_reset(struct eider__connection *c);

/* [job] One level of a transaction: eider_fn's of a struct eider__level. */
long eider__level_begin(void *arg);
long eider__level_commit(void *arg);
long eider__level_roll_back(void *arg);

static inline int64_t eider__sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline bool eider__has_passed(int64_t deadline)
{
	return deadline != EIDER_NEVER && eider_now() >= deadline;
}

#endif
