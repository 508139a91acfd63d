/*
 * store.c - accounts, lists and reports
 *
 *	fiber				thread with a connection
 *	-----				------------------------
 *	store_get_account()  -------->	get_account()	a job: one statement or two
 *	    waits, the loop goes on
 *	    returns          <--------	its result
 *
 * What is asked and answered lies on the fiber's stack: it waits until the job is done,
 * so the job may write there.
 *
 * A report is one statement, and so of one moment, on either engine. It adds all
 * transfers up anew: no figure in it is one that a transfer has kept up to date, except
 * the balances, which it checks.
 */
#include <errno.h>

#include "store_private.h"

long store_check_deadline(int64_t deadline)
{
	return eider_now() >= deadline ? -ETIME : 0;
}

long store_error(long err)
{
	switch (err) {
	case -EAGAIN: case -ETIME: case -ENOTCONN: case -ENOSPC: case -EROFS:
	case -EIO: case -ENOMEM: case -ECANCELED: case -ESHUTDOWN: case -EPERM:
		return err;
	case -EDQUOT: case -EFBIG:
		return -ENOSPC;
	case -ECONNREFUSED: case -ECONNRESET: case -ECONNABORTED: case -EPIPE:
	case -EHOSTUNREACH: case -ENETUNREACH: case -ETIMEDOUT: case -ENOENT:
	case -ENOTDIR: case -EISDIR: case -EACCES: case -EMFILE: case -ENFILE:
		return -ENOTCONN;
	default:
		return err < 0 ? -EIO : err;
	}
}

/* --- rows ------------------------------------------------------------------ */

void store_take_account(const struct row *row, void *account)
{
	struct account *a = account;

	a->id = row->engine->number(row, 0);
	a->balance = row->engine->number(row, 1);
	engine_copy_text(row, 2, a->owner);
}

void store_take_transfer(const struct row *row, void *transfer)
{
	const struct engine *e = row->engine;
	struct transfer *t = transfer;

	t->id = e->number(row, T_ID);
	t->from = e->number(row, T_FROM);
	t->to = e->number(row, T_TO);
	t->amount = e->number(row, T_AMOUNT);
	t->created_ms = e->number(row, T_CREATED);
	engine_copy_text(row, T_KEY, t->key);
}

/* --- accounts -------------------------------------------------------------- */

struct account_work {
	struct store *store;
	struct account *account;
	int64_t id;
};

static void take_id(const struct row *row, void *id)
{
	*(int64_t *)id = row->engine->number(row, 0);
}

static long open_account(void *arg)
{
	struct account_work *w = arg;
	const struct value values[] = {
		{ .text = w->account->owner }, { .number = w->account->balance },
	};

	return w->store->engine->run(w->store->db, OPEN_ACCOUNT, values, take_id,
				     &w->id);
}

/* A transaction, though it is one statement: so that a conflict is tried again. */
static long open_account_body(void *arg)
{
	struct account_work *w = arg;

	return eider_db_call(w->store->db, open_account, w);
}

long store_open_account(struct store *store, struct account *account,
			int64_t deadline)
{
	struct account_work w = { .store = store, .account = account };
	long n = store_check_deadline(deadline);

	if (!n)
		n = eider_db_atomic_until(store->db, open_account_body, &w, deadline);
	if (n < 0)
		return store_error(n);
	account->id = w.id;
	return 0;
}

static long get_account(void *arg)
{
	struct account_work *w = arg;

	return w->store->engine->run(w->store->read_db, GET_ACCOUNT,
				     &(const struct value){ .number = w->id },
				     store_take_account, w->account);
}

long store_get_account(struct store *store, int64_t id, struct account *ret,
		       int64_t deadline)
{
	struct account_work w = { .store = store, .account = ret, .id = id };
	long n = store_check_deadline(deadline);

	if (!n)
		n = eider_db_call_until(store->read_db, get_account, &w, deadline);
	if (n < 0)
		return store_error(n);
	return n ? 0 : -ENOENT;
}

/* --- lists ----------------------------------------------------------------- */

struct list_work {
	struct store *store;
	struct transfer *ret;
	int64_t account, before;
	unsigned int max;
	bool unknown;			/* there is no such account */
};

static void take_listed(const struct row *row, void *arg)
{
	struct list_work *w = arg;

	if ((unsigned int)row->index < w->max)
		store_take_transfer(row, &w->ret[row->index]);
}

static long list_transfers(void *arg)
{
	struct list_work *w = arg;
	const struct value values[] = {
		{ .number = w->account }, { .number = w->before }, { .number = w->max },
	};
	long n = w->store->engine->run(w->store->read_db, LIST_TRANSFERS, values,
				       take_listed, w);
	long found;

	if (n)
		return n;
	/* Nothing moved there, or there is nothing. */
	found = w->store->engine->run(w->store->read_db, GET_ACCOUNT, values, NULL,
				      NULL);
	w->unknown = !found;
	return found < 0 ? found : 0;
}

long store_list_transfers(struct store *store, int64_t account, int64_t before,
			  struct transfer *ret, unsigned int max, int64_t deadline)
{
	struct list_work w = {
		.store = store, .ret = ret, .account = account, .before = before,
		.max = max > STORE_LIST_MAX ? STORE_LIST_MAX : max,
	};
	long n = store_check_deadline(deadline);

	if (!n)
		n = eider_db_call_until(store->read_db, list_transfers, &w, deadline);
	if (n < 0)
		return store_error(n);
	return w.unknown ? -ENOENT : n;
}

/* --- reports --------------------------------------------------------------- */

struct report_work {
	struct store *store;
	struct report *report;
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

	return w->store->engine->run(w->store->report_db, MAKE_REPORT, NULL,
				     take_report, w->report);
}

long store_report(struct store *store, struct report *ret, int64_t deadline)
{
	struct report_work w = { .store = store, .report = ret };
	long n = store_check_deadline(deadline);

	if (!n)
		n = eider_db_call_until(store->report_db, make_report, &w, deadline);
	return n < 0 ? store_error(n) : 0;
}
