/*
 * store.h - the ledger's accounts and transfers, in a database
 *
 * Amounts are whole numbers of the smallest unit (cents). Money is never made or lost
 * by a transfer: the sum of all balances is that of the balances at which accounts were
 * opened. A transfer has a key of its caller's choosing, and happens once for each key,
 * however often it is asked for.
 *
 * All of the SQL is behind engine.h; what a transfer is, in store_transfer.c.
 */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <eider/db.h>

enum {
	STORE_TEXT_MAX = 64,		/* bytes of an owner or a key, less the NUL */
	STORE_LIST_MAX = 500,		/* transfers in one list */
};

/* The largest balance and amount: JSON readers keep whole numbers up to 2^53. */
#define STORE_AMOUNT_MAX INT64_C(1000000000000000)

struct store;

struct account {
	int64_t id;
	int64_t balance;
	char owner[STORE_TEXT_MAX + 1];
};

struct transfer {
	int64_t id;
	int64_t from, to;
	int64_t amount;
	int64_t created_ms;		/* since 1970 */
	char key[STORE_TEXT_MAX + 1];
};

struct report {
	int64_t accounts, transfers;
	int64_t total;			/* of all balances */
	int64_t opened_with;		/* of all balances at the opening: the same */
	int64_t volume;			/* of all transfers */
	int64_t wrong;			/* accounts whose balance is not what their
					   transfers say: 0 */
	struct account richest;		/* id 0 if there is none */
};

/*
 * What connections are for; each use has a database of its own, with its own threads.
 * Of SQLite one at a time can write: there transactions have one connection, for which
 * they stand in line, first come first served, instead of all trying for the file's
 * lock. On PostgreSQL reading shares the connections of transactions.
 */
enum store_use {
	STORE_TRANSACTIONS,
	STORE_READING,
	STORE_REPORTS,
	STORE_USE_COUNT,
};

struct store_options {
	unsigned int connections_max;	/* for reading, and but for SQLite for
					   transactions; 16 */
	unsigned int reports_max;	/* for reports; half of the CPUs; of SQLite
					   one: see engine_sqlite.c */
};

/*
 * [any] Open the database at @url, and make its tables if there are none. 0; what
 * eider_db_open() returns, and then @why says more.
 */
int store_open(struct eider_executor *executor, const char *url,
	       const struct store_options *options, struct store **ret_store,
	       char *why, size_t why_size);
/* [any, not in a fiber] Nothing may be under way. NULL is allowed. */
void store_close(struct store *store);

/*
 * [any] Does the engine of @url run in our own threads, so that a statement is over
 * before a sleeping thread could be woken? Others have a CPU to wait for.
 */
bool store_is_embedded(const char *url);

/* [any] The URL, without a password. */
const char *store_url(struct store *store);
/* [any] "transactions", "reading", "reports". */
const char *store_use_name(enum store_use use);
/* [any] NULL if @use shares the database of the one before it. */
struct eider_db *store_db(struct store *store, enum store_use use);

/*
 * [fiber] All of these: 0, or -errno. -ETIME at @deadline; -EAGAIN if too many
 * conflicts came in a row, or what was to be written did not come that far before
 * @deadline; -ENOTCONN the database is not there; -ENOSPC, -EROFS, -EIO; -EBADMSG its
 * file is damaged.
 */

/* Open an account with owner and balance; its id is set. */
long store_open_account(struct store *store, struct account *account,
			int64_t deadline);
/* -ENOENT. */
long store_get_account(struct store *store, int64_t id, struct account *ret,
		       int64_t deadline);

/*
 * Move money: from, to, amount and key are given, the rest is set. 0 it happened now;
 * 1 it happened before, under the same key: all of it is set; -EEXIST another transfer
 * has that key; -ENOENT no such account (*ret_unknown is its id); -EDQUOT not enough
 * money; -EOVERFLOW @to would have more than STORE_AMOUNT_MAX. After an error nothing
 * has changed. After -ENOTCONN, -EIO, -EBADMSG, -ENOSPC, -ETIME and -ECANCELED it is
 * not known: ask again with the same key.
 */
long store_transfer(struct store *store, struct transfer *transfer,
		    int64_t *ret_unknown, int64_t deadline);

/*
 * The newest transfers from or to @account with an id less than @before (INT64_MAX:
 * all), at most @max of them, newest first. How many; -ENOENT no such account.
 */
long store_list_transfers(struct store *store, int64_t account, int64_t before,
			  struct transfer *ret, unsigned int max, int64_t deadline);

/*
 * Count everything anew, in one snapshot, which is no older than this call. Slow; on
 * connections of its own. Who asks while one is made shares the next one.
 */
long store_report(struct store *store, struct report *ret, int64_t deadline);
/* [any] How many were made, or are being made. */
uint64_t store_reports_begun(struct store *store);

#endif
