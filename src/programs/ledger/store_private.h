/*
 * store_private.h - what the files of the store share
 */
#ifndef LEDGER_STORE_PRIVATE_H
#define LEDGER_STORE_PRIVATE_H

#include "engine.h"

/* Constant after store_open(). */
struct store {
	const struct engine *engine;
	struct eider_db *dbs[STORE_USE_COUNT];	/* NULL: the one before it */
	struct eider_db *db;		/* of transactions */
	struct eider_db *read_db;
	struct eider_db *report_db;
};

/* 0, or -ETIME: nothing is begun that has no time. */
long store_check_deadline(int64_t deadline);

/*
 * What the database layer said, as store.h has it. An error of an engine never looks
 * like an answer of the store: a file that cannot be opened is no unknown account.
 */
long store_error(long err);

/* [job] take_row of GET_ACCOUNT, to a struct account. */
void store_take_account(const struct row *row, void *account);
/* [job] take_row of transfers, to a struct transfer; its key fits. */
void store_take_transfer(const struct row *row, void *transfer);

#endif
