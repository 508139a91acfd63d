/*
 * store_transfer.c - move money, exactly once
 *
 * One transaction of three statements, each a job on the connection that the
 * transaction has leased; the fiber waits for each, and the loop does other things.
 *
 *	take	from loses the amount, if it has as much	} the one with the
 *	give	to gets it					} lower id goes first
 *	add	the transfer, under its key
 *
 * A statement that finds no row to change says that the transfer cannot be. Then a
 * fourth, explain(), looks why, still within the transaction, and all is undone. So
 * what is asked again, and what fails, pays for the question; what is new does not.
 *
 * Exactly once
 *
 *  O1	The row of the transfer and both changes of balance are of one transaction:
 *	there are all three or none, also after a crash, a lost connection, a full disk.
 *  O2	The key is unique in the table, so of all the transactions that would add a row
 *	with it at most one is committed. Of twins that run side by side one waits for
 *	the other at the first account, or at the key. Then it finds the row there, or
 *	is a conflict: tried again from the start, it finds it then.
 *  O3	Success is only said after the commit; or after the row was seen, which
 *	another's commit put there. So who heard "done" has had it done; and who heard
 *	nothing, or an error that leaves it open, may ask again with the same key: by O2
 *	that does not do it twice.
 *	What ran out of time before it came to the commit leaves nothing open, and says
 *	so (-EAGAIN): no one has to wonder about a line that was too long.
 *  O4	After an answer that says no (no such account, not enough money, the key is
 *	another's) this transaction was rolled back.
 *
 * Order. Of two transfers between the same accounts in opposite directions, each could
 * hold one account and wait for the other: PostgreSQL takes a second to notice. Taken
 * in the order of ids, there is no such circle. The key comes last: who waits for it
 * waits for one that has its accounts already, and so waits for nobody.
 *
 * Money is neither made nor lost: take and give change two different rows by the same
 * amount, or the transaction is none.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "store_private.h"

/* The body's result when m->answer has the transfer's. */
enum { DECIDED = -ENODATA };

struct move {
	struct store *store;
	const struct transfer *transfer;	/* what is asked for */
	int64_t id, created_ms;			/* of the row added */
	bool taken;				/* from had enough */
	struct transfer before;			/* what the key has already */
	long answer;				/* as store_transfer(); 0 none yet */
	int64_t unknown;
	bool may_be;				/* it came as far as to the commit */
	struct words words;
};

static int64_t wall_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- jobs ------------------------------------------------------------------ */

static long run(struct move *m, enum statement statement, const struct value *values,
		take_row *take, void *arg)
{
	return store_run(m->store, m->store->db, statement, values, take, arg,
			 &m->words);
}

static long take_money(void *arg)
{
	struct move *m = arg;
	const struct value values[] = {
		{ .number = m->transfer->amount }, { .number = m->transfer->from },
	};
	long n = run(m, TAKE_MONEY, values, NULL, NULL);

	m->taken = n > 0;
	return n;
}

static long give_money(void *arg)
{
	struct move *m = arg;
	const struct value values[] = {
		{ .number = m->transfer->amount }, { .number = m->transfer->to },
	};

	return run(m, GIVE_MONEY, values, NULL, NULL);
}

static void take_id(const struct row *row, void *id)
{
	*(int64_t *)id = row->engine->number(row, 0);
}

static long add_transfer(void *arg)
{
	struct move *m = arg;
	const struct value values[] = {
		{ .text = m->transfer->key }, { .number = m->transfer->from },
		{ .number = m->transfer->to }, { .number = m->transfer->amount },
		{ .number = m->created_ms },
	};
	long n = run(m, ADD_TRANSFER, values, take_id, &m->id);

	/* The key was added beside us, and cannot be seen yet: a conflict. */
	return n == -EEXIST ? -EAGAIN : n;
}

static bool is_same(const struct transfer *a, const struct transfer *b)
{
	return a->from == b->from && a->to == b->to && a->amount == b->amount;
}

/* 0 and the account, or 0 and m->answer, or an error. */
static long look_at(struct move *m, int64_t id, struct account *ret)
{
	long n = run(m, GET_ACCOUNT, &(const struct value){ .number = id },
		     store_take_account, ret);

	if (!n) {
		m->answer = -ENOENT;
		m->unknown = id;
	}
	return n < 0 ? n : 0;
}

static long explain_accounts(struct move *m)
{
	struct account from, to;
	long err = look_at(m, m->transfer->from, &from);

	if (!err && !m->answer)
		err = look_at(m, m->transfer->to, &to);
	if (err < 0)
		return err;
	if (m->answer)
		return DECIDED;
	if (!m->taken && from.balance < m->transfer->amount)
		m->answer = -EDQUOT;
	else if (to.balance > STORE_AMOUNT_MAX - m->transfer->amount)
		m->answer = -EOVERFLOW;
	/* Else it has changed meanwhile: at lower isolation only. */
	return m->answer ? DECIDED : -EAGAIN;
}

static long explain(void *arg)
{
	struct move *m = arg;
	const struct value key = { .text = m->transfer->key };
	long n = run(m, FIND_TRANSFER, &key, store_take_transfer, &m->before);

	if (n < 0)
		return n;
	if (!n)
		return explain_accounts(m);
	m->answer = is_same(&m->before, m->transfer) ? 1 : -EEXIST;
	return DECIDED;
}

/* --- the fiber ------------------------------------------------------------- */

/* May run several times; each begins anew. */
static long move_body(void *arg)
{
	struct move *m = arg;
	struct eider_db *db = m->store->db;
	bool up = m->transfer->from < m->transfer->to;
	long n;

	m->answer = 0;
	m->taken = false;
	m->may_be = false;
	m->created_ms = wall_clock_ms();
	n = eider_db_call(db, up ? take_money : give_money, m);
	if (n > 0)
		n = eider_db_call(db, up ? give_money : take_money, m);
	if (n > 0)
		n = eider_db_call(db, add_transfer, m);
	if (!n)
		n = eider_db_call(db, explain, m);
	m->may_be = n >= 0;
	/* PostgreSQL's list of conflicts is full: after a pause it is not. */
	return n == -ENOMEM ? -EAGAIN : n;
}

/* [any] Once it is known how it went. */
static long answer(const struct move *m, struct transfer *transfer,
		   int64_t *ret_unknown)
{
	if (m->answer == 1)
		*transfer = m->before;
	if (m->answer == -ENOENT)
		*ret_unknown = m->unknown;
	return m->answer;
}

long store_transfer(struct store *store, struct transfer *transfer,
		    int64_t *ret_unknown, int64_t deadline)
{
	struct move m = { .store = store, .transfer = transfer };
	long result = store_check_deadline(deadline);

	if (result < 0)
		return result;
	result = eider_db_atomic_until(store->db, move_body, &m, deadline);
	if (result == DECIDED && m.answer)
		return answer(&m, transfer, ret_unknown);
	if (result < 0)
		return store_not_written(store_failed("a transfer", result, &m.words),
					 m.may_be);
	transfer->id = m.id;
	transfer->created_ms = m.created_ms;
	return 0;
}
