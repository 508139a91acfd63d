/*
 * store_report.c - one report for all who ask at a time
 *
 * A report is one statement, and so of one moment, on either engine. It adds all
 * transfers up anew: no figure in it is one that a transfer has kept up to date, except
 * the balances, which it checks. That takes long; so as many are made at a time as
 * there are connections for them, and who asks meanwhile stands in the pool's line.
 *
 *	asked at	0   1   2   3		reports begun so far
 *	A  0		===== 1 =====
 *	B  1		 ............===== 2 =====
 *	C  1		   ...............:.......	gets B's
 *	D  2		                    ......===== 3 =====
 *
 * Shared. A report answers all who asked before it began, and nobody else: no answer is
 * older than its question. So whoever comes to the head of the line looks first whether
 * the newest one will do. Nobody waits for more than the report under way and the next,
 * however many ask, and however many of those have gone away.
 *
 * What failed is shared as well, unless it was for want of time or cancelled: these are
 * of one asker's own making. Else each of a long line would wait for the same database
 * that does not answer.
 *
 * The log. Before it reads, a report sees to it that the log has been folded back
 * (engine_sqlite.c). Writers are held up by that for HOLD_NS at most, in which others
 * have to stop reading: if they do not, as another program may be reading the file, the
 * report goes on without.
 */
#include <errno.h>

#include <eider/txn.h>

#include "store_private.h"

/* Longer than any statement of ours reads, but for a report. */
#define HOLD_NS INT64_C(20000000)

enum { FOLDS = 3 };

struct report_work {
	struct store *store;
	struct report report;
	struct words words;
};

struct fold_work {
	struct store *store;
	struct eider_db *db;
	bool surely;
};

static void take_report(const struct row *row, void *report)
{
	const struct engine *e = row->engine;
	struct report *r = report;

	r->accounts = e->number(row, R_ACCOUNTS);
	r->transfers = e->number(row, R_TRANSFERS);
	r->total = e->number(row, R_TOTAL);
	r->opened_with = e->number(row, R_OPENED_WITH);
	r->volume = e->number(row, R_VOLUME);
	r->wrong = e->number(row, R_WRONG);
	r->richest.id = e->number(row, R_RICHEST_ID);
	r->richest.balance = e->number(row, R_RICHEST_BALANCE);
	engine_copy_text(row, R_RICHEST_OWNER, r->richest.owner);
}

static long make_report(void *arg)
{
	struct report_work *w = arg;

	return store_run(w->store, w->store->report_db, MAKE_REPORT, NULL, take_report,
			 &w->report, &w->words);
}

static long fold(void *arg)
{
	struct fold_work *w = arg;

	return w->store->engine->fold(w->db, w->surely);
}

/* On the connection of those who write, which stand in line behind it. */
static long fold_surely(struct store *store, int64_t deadline)
{
	struct fold_work w = { .store = store, .db = store->db, .surely = true };
	struct eider_txn txn = { ._entered = false };
	long left = eider_txn_enter(&txn, eider_db_pool(store->db), deadline);

	if (left < 0)
		return left;
	left = eider_db_call_until(store->db, fold, &w, eider_after(HOLD_NS));
	eider_txn_leave(&txn);
	return left;
}

/* Most of it, then what was written meanwhile. */
static long fold_beside(struct store *store, int64_t deadline)
{
	struct fold_work w = { .store = store, .db = store->report_db };
	long left = eider_db_call_until(w.db, fold, &w, deadline);

	return left > 0 ? eider_db_call_until(w.db, fold, &w, deadline) : left;
}

/* An error is of no interest: if it matters, the report has it too. */
static void fold_log(struct store *store, int64_t deadline)
{
	for (int i = 0; i < FOLDS; i++)
		if (fold_beside(store, deadline) <= 0 ||
		    !fold_surely(store, deadline))
			return;
}

/* --- one for all ----------------------------------------------------------- */

static uint64_t count_begun(struct store *store, unsigned int more)
{
	uint64_t begun;

	pthread_mutex_lock(&store->lock);
	store->begun += more;
	begun = store->begun;
	pthread_mutex_unlock(&store->lock);
	return begun;
}

/* Is there one that began after so many others had? */
static bool find_newer(struct store *store, uint64_t than, struct report *ret,
		       long *ret_result)
{
	bool found;

	pthread_mutex_lock(&store->lock);
	found = store->newest > than;
	if (found) {
		*ret = store->report;
		*ret_result = store->report_result;
	}
	pthread_mutex_unlock(&store->lock);
	return found;
}

static void keep(struct store *store, uint64_t number, const struct report *report,
		 long result)
{
	if (result == -ETIME || result == -ECANCELED)
		return;
	pthread_mutex_lock(&store->lock);
	if (number > store->newest) {
		store->newest = number;
		store->report = *report;
		store->report_result = result;
	}
	pthread_mutex_unlock(&store->lock);
}

static long make(struct store *store, struct report *ret, int64_t deadline)
{
	struct report_work w = { .store = store };
	uint64_t number;
	long result;

	if (store->engine->fold)
		fold_log(store, deadline);
	number = count_begun(store, 1);
	result = eider_db_call_until(store->report_db, make_report, &w, deadline);
	if (result < 0)
		result = store_failed("a report", result, &w.words);
	keep(store, number, &w.report, result);
	*ret = w.report;
	return result;
}

long store_report(struct store *store, struct report *ret, int64_t deadline)
{
	uint64_t asked = count_begun(store, 0);
	struct eider_txn txn = { ._entered = false };
	long result = store_check_deadline(deadline);

	if (!result)
		result = eider_txn_enter(&txn, eider_db_pool(store->report_db),
					 deadline);
	if (result < 0)
		return store_failed("a report", result, NULL);
	if (!find_newer(store, asked, ret, &result))
		result = make(store, ret, deadline);
	eider_txn_leave(&txn);
	return result < 0 ? result : 0;
}

uint64_t store_reports_begun(struct store *store)
{
	return count_begun(store, 0);
}
