/*
 * ledger_load.h - transfers from many threads, and a book of what became of them
 *
 * The ledger may die, or be out of reach, or out of space while the threads go on: a
 * transfer whose outcome is not known is noted as such. load_settle() asks again for
 * every one with the same key, as a client should: what was acknowledged must be there
 * with the same id, what was not is there wholly or happens now. Then each account must
 * have what the book says, and each transfer be listed once.
 *
 *	load_open(&ledger, 1);
 *	load_start();
 *	... kill, restart at the same port ...
 *	load_stop();
 *	load_settle();
 *	load_check();
 *
 * One load per process: everything is in the variable load.
 */
#ifndef EIDER_TESTS_LEDGER_LOAD_H
#define EIDER_TESTS_LEDGER_LOAD_H

#include <pthread.h>

#include "with_ledger.h"

enum {
	LOAD_THREADS = 8,
	LOAD_LEDGERS = 3,
	LOAD_ACCOUNTS_MAX = 16,
	LOAD_BALANCE = 1000000000,
	LOAD_NOTES_MAX = 20000,		/* of one thread */
};

struct note {
	int64_t id;			/* -1: not known whether it happened */
	uint8_t from, to, amount;	/* from and to are indexes of accounts */
};

struct load_thread {
	pthread_t thread;
	unsigned int number;
	unsigned int random;
	unsigned int ledger;		/* that it is connected to */
	unsigned int count, settled;	/* notes; those before settled are certain */
	struct note *notes;
};

struct load {
	struct ledger *at[LOAD_LEDGERS];	/* where to ask */
	unsigned int ledgers;
	/* Where they were at load_start(): threads do not look into a struct ledger. */
	struct {
		char host[32];
		uint16_t port;
	} address[LOAD_LEDGERS];
	unsigned int accounts;
	int64_t patience_ns;		/* for one answer; 0: patience() */
	int other_trouble;		/* a status that is as good as 503 */
	int64_t ids[LOAD_ACCOUNTS_MAX];
	struct load_thread threads[LOAD_THREADS];

	/* By all threads, atomic. */
	unsigned int stop;
	unsigned int acknowledged;	/* 201 and 200 */
	unsigned int acknowledged_by[LOAD_LEDGERS];
	unsigned int unknown;		/* no answer */
	unsigned int unavailable;	/* 503, 507, other_trouble */
	unsigned int others[600];	/* answers by status, which are none of these */
};

extern struct load load;

/* So many accounts, at the first of @ledgers. */
void load_open(struct ledger *ledgers, unsigned int count, unsigned int accounts);
void load_start(void);
void load_stop(void);
/* Wait until so many more were acknowledged; false if that does not come. */
bool load_wait(unsigned int more);
/* The same of those that one ledger acknowledged. */
bool load_wait_for(unsigned int ledger, unsigned int more);
void load_settle(void);
void load_check(void);
void load_release(void);

#endif
