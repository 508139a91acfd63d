/*
 * bank.h - a bank in an SQLite database
 */
#ifndef EIDER_PROGRAMS_BANK_H
#define EIDER_PROGRAMS_BANK_H

#include <errno.h>

#include <eider.h>
#include <eider/db.h>

enum {
	BANK_ACCOUNTS = 100,
	BANK_BALANCE = 1000,		/* of each at first */
	BANK_TOTAL = BANK_ACCOUNTS * BANK_BALANCE,

	/* Why a transfer was rolled back; any -errno will do. */
	BANK_TOO_POOR = -ENODATA,
	BANK_CHANGED_MIND = -ECONNABORTED,
};

struct transfer {
	unsigned int number;
	unsigned int from, to;		/* accounts, 1 to BANK_ACCOUNTS */
	long amount;
	bool change_mind;		/* roll back when all is done */
};

/*
 * Open the bank, run fn(arg) as a fiber, and close it: the result, or an error. One
 * bank at a time.
 */
long bank_run(const char *path, unsigned int connections, eider_fn *fn, void *arg);

/* [fiber] A new bank, in place of the one that there was. */
long bank_found(void);

/* Set up the @number-th transfer of a run: any two accounts, any amount. */
void bank_invent(struct transfer *t, unsigned int number, unsigned int seed);

/* [fiber] Move the money: 0, one of the reasons above, or an error. */
long bank_transfer(struct transfer *t);

/* What the database says. [fiber] */
struct bank_books {
	long total;			/* of all balances */
	long transfers;			/* rows */
	long wrong;			/* accounts that do not add up */
	long damaged;			/* the engine's own check failed */
};
long bank_audit(struct bank_books *ret_books);

/* [fiber] How it was done. */
void bank_count(struct eider_db_counts *ret_counts);

#endif
