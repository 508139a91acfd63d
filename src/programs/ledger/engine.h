/*
 * engine.h - the ledger's SQL, and how an engine runs it
 *
 * The statements are the same for both engines (engine.c): what SQLite and PostgreSQL
 * have in common is enough, and so it is for CockroachDB and YugabyteDB. An engine only
 * knows how to make the tables, and how to run one statement: prepared once for each
 * connection, kept in eider_db_state().
 *
 * Parameters are $1, $2, ..., first named in this order: to SQLite they are names.
 */
#ifndef LEDGER_ENGINE_H
#define LEDGER_ENGINE_H

#include "store.h"

enum statement {
	OPEN_ACCOUNT,			/* owner, balance: id */
	GET_ACCOUNT,			/* id: id, balance, owner */
	TAKE_MONEY,			/* amount, account: a row if it had that much */
	GIVE_MONEY,			/* the same: a row if it has room for it */
	ADD_TRANSFER,			/* key, from, to, amount, created_ms: id; no row
					   if the key is taken */
	FIND_TRANSFER,			/* key: a transfer, the columns below */
	LIST_TRANSFERS,			/* account, before, max: transfers */
	MAKE_REPORT,			/* enum report_column */
	STATEMENT_COUNT,
};

enum transfer_column { T_ID, T_FROM, T_TO, T_AMOUNT, T_CREATED, T_KEY };

enum report_column {
	R_ACCOUNTS, R_TRANSFERS, R_TOTAL, R_OPENED_WITH, R_VOLUME, R_WRONG,
	R_RICHEST_ID, R_RICHEST_BALANCE, R_RICHEST_OWNER,
};

enum { VALUES_MAX = 5 };		/* of one statement */

/* A parameter: text if there is one. */
struct value {
	const char *text;
	int64_t number;
};

struct engine;

/* [job] One row of an answer, as long as take_row() runs. */
struct row {
	const struct engine *engine;
	void *at;			/* the engine's */
	int index;
};

typedef void take_row(const struct row *row, void *arg);

struct engine {
	const char *const *schemes;	/* of URLs, ended by NULL */
	const struct eider_db_driver *driver;
	const char *const *tables;	/* statements that make them, ended by NULL */
	bool one_writer;		/* at a time */
	bool embedded;			/* in our own threads */

	/* [job] Run SQL that has no parameters and no rows: 0 or -errno. */
	long (*execute)(struct eider_db *db, const char *sql);
	/*
	 * [job] Run @statement with @values; @take, if not NULL, gets each row. How
	 * many rows, or -errno.
	 */
	long (*run)(struct eider_db *db, enum statement statement,
		    const struct value *values, take_row *take, void *arg);
	/* [job] What the engine says of its last error, in words. */
	const char *(*message)(struct eider_db *db);
	/*
	 * [job] Can the ledger live with what is there? 0; -errno, and @why says more.
	 * What cannot be looked through by its deadline counts as good.
	 */
	long (*check)(struct eider_db *db, char *why, size_t why_size);
	/*
	 * [job] What was written while somebody read may have grown a log: fold it
	 * back, and @surely, so that the log begins anew: writers wait as long as that
	 * takes. 0 there is nothing to be done; 1 there may be more; -errno. Or NULL.
	 */
	long (*fold)(struct eider_db *db, bool surely);
	/* [job] A column: 0 or "" where there is NULL; of numbers the nearest. */
	int64_t (*number)(const struct row *row, int column);
	const char *(*text)(const struct row *row, int column);
};

extern const struct engine engine_sqlite, engine_postgres;

/* The engine for @url; NULL if there is none. */
const struct engine *engine_for(const char *url);

const char *engine_sql(enum statement statement);
unsigned int engine_value_count(enum statement statement);

/* Succeeds where the tables are there, and are the ledger's. */
extern const char engine_probe[];

/* [job] Copy a column of at most STORE_TEXT_MAX bytes. */
void engine_copy_text(const struct row *row, int column, char *ret);

#endif
