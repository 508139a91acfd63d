/*
 * postgres.h - the driver for PostgreSQL inside
 */
#ifndef EIDER_DB_POSTGRES_H
#define EIDER_DB_POSTGRES_H

#include <libpq-fe.h>
#include <pthread.h>

#include "driver.h"

/* Asks the server to cancel what runs on one connection: postgres_cancel.c. */
struct eider__canceller {
	/* Constant after init. */
	PGcancel *handle;

	/* Under lock. */
	pthread_mutex_t lock;
	pthread_cond_t ended;		/* the use */
	bool in_use;
	bool asked;			/* in the use under way, or the last one */
	bool running;			/* there is a thread, which is to be joined */
	pthread_t thread;
};

/* 0, -ENOMEM. */
long eider__canceller_init(struct eider__canceller *k, PGconn *pg);
/* Not while in use. */
void eider__canceller_release(struct eider__canceller *k);
/* [the connection's thread] Between these two it may be fired. */
void eider__canceller_start_use(struct eider__canceller *k);
void eider__canceller_end_use(struct eider__canceller *k);
/* [the connection's thread] After this no cancellation is under way. */
void eider__canceller_settle(struct eider__canceller *k);
/* [any] Cancel what runs. Does not block. */
void eider__canceller_fire(struct eider__canceller *k);
bool eider__canceller_was_asked(struct eider__canceller *k);

struct eider__postgres {
	/* Its own thread, but for the canceller. */
	PGconn *pg;
	enum eider_db_isolation isolation;
	int64_t deadline;		/* of what is under way, or EIDER_NEVER */
	long error;			/* of the last result */
	long failure;			/* the last one that failed a transaction */
	int timeout_ms;			/* statement_timeout in force; 0 the session's
					   default, -1 not known */
	int session_timeout_ms;		/* outside of transactions */
	unsigned int savepoints;
	bool timed_in_savepoint;	/* set there, so undone with it */
	bool gone;			/* the server has said good-bye */
	bool in_doubt;			/* there was an error not of the server's */
	struct eider__canceller canceller;
};

/* A new one: *ret as for driver->open(). */
long eider__postgres_connect(const struct eider_db_settings *s,
			     struct eider__postgres **ret);
void eider__postgres_disconnect(struct eider__postgres *c);

/* What a SQLSTATE means, as -errno. */
long eider__postgres_meaning(const char *sqlstate);
/* From now on c->error and c->gone are kept up to date. 0, -ENOMEM. */
long eider__postgres_watch(struct eider__postgres *c);
/* The last error, of whoever made it. */
long eider__postgres_error(struct eider__postgres *c);
bool eider__postgres_is_lost(struct eider__postgres *c);
/* Read what came in between two statements, if only that there is nobody any more. */
void eider__postgres_look(struct eider__postgres *c);

/* Is this a URL whose parts are what they seem to be? Else why not, without them. */
const char *eider__postgres_url_fault(const char *url);

#endif
