/*
 * store_private.h - what the files of the store share
 */
#ifndef LEDGER_STORE_PRIVATE_H
#define LEDGER_STORE_PRIVATE_H

#include <pthread.h>

#include "engine.h"

struct store {
	/* Constant after store_open(). */
	const struct engine *engine;
	struct eider_db *dbs[STORE_USE_COUNT];	/* NULL: the one before it */
	struct eider_db *db;		/* of transactions */
	struct eider_db *read_db;
	struct eider_db *report_db;

	/* Under lock: store_report.c. */
	pthread_mutex_t lock;
	uint64_t begun;			/* reports so far */
	uint64_t newest;		/* which of them the one below is; 0 none */
	struct report report;
	long report_result;
};

/* What an engine said of an error: one line. */
struct words {
	char text[160];
};

/* 0, or -ETIME: nothing is begun that has no time. */
long store_check_deadline(int64_t deadline);

/* [job] The engine's run(); if it fails, @words are what it says. */
long store_run(const struct store *store, struct eider_db *db, enum statement statement,
	       const struct value *values, take_row *take, void *arg,
	       struct words *words);

/*
 * What the database layer said of @what, as store.h has it; said on stderr, with
 * @words, which may be NULL. An error of an engine never looks like an answer of the
 * store: a file that cannot be opened is no unknown account.
 */
long store_failed(const char *what, long err, const struct words *words);

/*
 * @err of what was to be written, as store.h has it: out of time before it came to the
 * commit (!@may_be) leaves nothing open.
 */
long store_not_written(long err, bool may_be);

/* [job] take_row of GET_ACCOUNT, to a struct account. */
void store_take_account(const struct row *row, void *account);
/* [job] take_row of transfers, to a struct transfer; its key fits. */
void store_take_transfer(const struct row *row, void *transfer);

#endif
