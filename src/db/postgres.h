/*
 * postgres.h - the driver for PostgreSQL inside
 */
#ifndef EIDER_DB_POSTGRES_H
#define EIDER_DB_POSTGRES_H

#include <libpq-fe.h>

#include "driver.h"
#include "postgres_cancel.h"

enum {
	EIDER__TIMEOUT_UNKNOWN = -1,
};

struct eider__postgres {
	/* Its own thread, but for the canceller. */
	PGconn *pg;
	struct eider__canceller *canceller;	/* constant while there is one */
	enum eider_db_isolation isolation;
	int64_t deadline;		/* of what is under way, or EIDER_NEVER */
	int64_t until;			/* the transaction's */
	long error;			/* of the last result */
	long failure;			/* the last one that failed a transaction */
	int timeout_ms;			/* statement_timeout in force; 0 the session's
					   default, -1 not known */
	int session_timeout_ms;		/* outside of transactions */
	int default_timeout_ms;		/* the server's, the database's or the role's;
					   0 none */
	bool told;			/* by a SET LOCAL, in this transaction */
	bool gone;			/* it has said good-bye, or was given up */
	bool in_doubt;			/* there was an error not of the server's */
	bool unknown;			/* whether the last COMMIT happened */
	bool committed;			/* a COMMIT was answered with that */
	bool answered;			/* a result has come since start_use() */
	long error_before;		/* what error was at start_use() */
};

/* A new one: *ret as for driver->open(). */
long eider__postgres_connect(const struct eider_db_settings *s,
			     struct eider__postgres **ret);
void eider__postgres_disconnect(struct eider__postgres *c);

/*
 * Until when to wait for a statement of the driver's with @deadline; and for one with
 * which the server has nothing to do.
 */
int64_t eider__postgres_limit(int64_t deadline);
int64_t eider__postgres_short_limit(int64_t deadline);
/* How long a poll() may be on the way to @limit. */
int eider__postgres_slice_ms(int64_t limit, int64_t now);
/* Execute @sql, having prepared. Lost, or no answer by @limit: -ENOTCONN. */
long eider__postgres_execute(struct eider__postgres *c, const char *sql, int64_t limit);
/* Nothing is under way on it afterwards. 0; -EBUSY, -ENOTCONN. */
long eider__postgres_prepare(struct eider__postgres *c, int64_t limit);
/* Execute @sql on one that is prepared; its last result, to be cleared, or NULL. */
long eider__postgres_ask(struct eider__postgres *c, const char *sql, int64_t limit,
			 PGresult **ret_last);
/* It is of no use: whoever waits for it fails, and it counts as lost. */
void eider__postgres_give_up(struct eider__postgres *c);

/* What a SQLSTATE means, as -errno. */
long eider__postgres_meaning(const char *sqlstate);
/* From now on c->error and c->gone are kept up to date. 0, -ENOMEM. */
long eider__postgres_watch(struct eider__postgres *c);
/* The last error, of whoever made it. */
long eider__postgres_error(struct eider__postgres *c);
bool eider__postgres_is_lost(struct eider__postgres *c);
/* Read what came in between two statements, if only that there is nobody any more. */
void eider__postgres_look(struct eider__postgres *c);

/* Hosts to connect to instead of those of the URL: "" those of the URL. */
struct eider__postgres_hosts {
	char host[1024], hostaddr[1024], port[512];
};

/* Those of @pg that come after the one it waits for; false if there are none. */
bool eider__postgres_next_hosts(PGconn *pg, struct eider__postgres_hosts *ret);

/* Is this a URL whose parts are what they seem to be? Else why not, without them. */
const char *eider__postgres_url_fault(const char *url);

#endif
