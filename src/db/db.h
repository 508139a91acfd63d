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
	char *url;
	int64_t busy_ns;
	int64_t backoff_ns;
	unsigned int attempts_max;

	/* Any thread, atomic. */
	atomic_uint refs;		/* the owner, connections, users */
	atomic_uint users;		/* calls under way that may take a lease */
	atomic_uint threads;		/* that have begun and not stopped */
	atomic_uint connections;
	atomic_uint connections_peak;
	atomic_ullong committed;
	atomic_ullong rolled_back;
	atomic_ullong retried;
	atomic_ullong pauses;		/* for their jitter */
};

struct eider__connection {
	/* Its own thread only. */
	struct eider_db *db;
	void *at;			/* the driver's; NULL: not connected */
	unsigned int depth;		/* of transactions: 0 none, 2 a savepoint */
	bool ended;			/* the transaction the lease was made for */
	bool broken;			/* to be opened anew */
};

/* Whoever may still touch @db holds one; the last to let go frees it. [any] */
void eider__db_get(struct eider_db *db);
void eider__db_put(struct eider_db *db);

/* What the threads of a database's pool do first, last and in between. */
extern const struct eider_txn_hooks eider__connection_hooks;

/* [job] The connection of this thread, if it is one of @db; else NULL. */
struct eider__connection *eider__connection_here(struct eider_db *db);

/*
 * [job] Make sure that @c can be used: 0; -ESTALE if its transaction is gone; or
 * what opening it said.
 */
long eider__connection_ready(struct eider__connection *c);

/* [job] No transaction is open on it afterwards. */
void eider__connection_reset(struct eider__connection *c);

#endif
