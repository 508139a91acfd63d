/*
 * store.c - accounts and lists
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
 * What fails is said on stderr, with the engine's words: they are kept by the job, as
 * the connection is somebody else's when the fiber goes on.
 */
#include <errno.h>

#include "store_private.h"
#include "trouble.h"

long store_check_deadline(int64_t deadline)
{
	return eider_now() >= deadline ? -ETIME : 0;
}

long store_run(const struct store *store, struct eider_db *db, enum statement statement,
	       const struct value *values, take_row *take, void *arg,
	       struct words *words)
{
	long n = store->engine->run(db, statement, values, take, arg);

	if (n < 0)
		trouble_keep(words->text, sizeof(words->text),
			     store->engine->message(db));
	return n;
}

static long meaning_of(long err)
{
	switch (err) {
	case -EAGAIN: case -ETIME: case -ENOTCONN: case -ENOSPC: case -EROFS:
	case -EIO: case -ENOMEM: case -ECANCELED: case -ESHUTDOWN: case -EPERM:
	case -EBADMSG:
		return err;
	case -EDQUOT: case -EFBIG:
		return -ENOSPC;
	case -ECONNREFUSED: case -ECONNRESET: case -ECONNABORTED: case -EPIPE:
	case -EHOSTUNREACH: case -ENETUNREACH: case -ETIMEDOUT: case -ENOENT:
	case -ENOTDIR: case -EISDIR: case -EACCES: case -EMFILE: case -ENFILE:
		return -ENOTCONN;
	default:
		return -EIO;
	}
}

long store_failed(const char *what, long err, const struct words *words)
{
	trouble_say(what, err, words ? words->text : "");
	return meaning_of(err);
}

long store_not_written(long err, bool may_be)
{
	return err == -ETIME && !may_be ? -EAGAIN : err;
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
	bool may_be;			/* it came as far as to the commit */
	struct words words;
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

	return store_run(w->store, w->store->db, OPEN_ACCOUNT, values, take_id, &w->id,
			 &w->words);
}

/* A transaction, though it is one statement: so that a conflict is tried again. */
static long open_account_body(void *arg)
{
	struct account_work *w = arg;
	long n = eider_db_call(w->store->db, open_account, w);

	w->may_be = n >= 0;
	return n;
}

long store_open_account(struct store *store, struct account *account,
			int64_t deadline)
{
	struct account_work w = { .store = store, .account = account };
	long n = store_check_deadline(deadline);

	if (n < 0)
		return n;
	n = eider_db_atomic_until(store->db, open_account_body, &w, deadline);
	if (n < 0)
		return store_not_written(store_failed("an account", n, &w.words),
					 w.may_be);
	account->id = w.id;
	return 0;
}

static long get_account(void *arg)
{
	struct account_work *w = arg;

	return store_run(w->store, w->store->read_db, GET_ACCOUNT,
			 &(const struct value){ .number = w->id },
			 store_take_account, w->account, &w->words);
}

long store_get_account(struct store *store, int64_t id, struct account *ret,
		       int64_t deadline)
{
	struct account_work w = { .store = store, .account = ret, .id = id };
	long n = store_check_deadline(deadline);

	if (!n)
		n = eider_db_call_until(store->read_db, get_account, &w, deadline);
	if (n < 0)
		return store_failed("an account", n, &w.words);
	return n ? 0 : -ENOENT;
}

/* --- lists ----------------------------------------------------------------- */

struct list_work {
	struct store *store;
	struct transfer *ret;
	int64_t account, before;
	unsigned int max;
	bool unknown;			/* there is no such account */
	struct words words;
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
	long n = store_run(w->store, w->store->read_db, LIST_TRANSFERS, values,
			   take_listed, w, &w->words);
	long found;

	if (n)
		return n;
	/* Nothing moved there, or there is nothing. */
	found = store_run(w->store, w->store->read_db, GET_ACCOUNT, values, NULL, NULL,
			  &w->words);
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
		return store_failed("a list", n, &w.words);
	return w.unknown ? -ENOENT : n;
}
