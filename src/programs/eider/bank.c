/*
 * bank.c - a bank in an SQLite database
 *
 * The functions that take a `void *arg` and execute a statement are jobs: they run
 * on a connection's thread and may block there. move_money() is a fiber: it waits
 * for each of them in turn, while the loop does other things.
 */
#include "bank.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

static struct eider_db *bank;

/* [job] The first column of the first row, 0 if there is none, or an error. */
static long execute(const char *sql, const int64_t *values, int n)
{
	sqlite3_stmt *statement;
	long result = 0;
	int rc;

	if (sqlite3_prepare_v2(eider_db_handle(bank), sql, -1, &statement, NULL))
		return eider_db_error(bank);
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		result = (long)sqlite3_column_int64(statement, 0);
	else if (rc != SQLITE_DONE)
		result = eider_db_error(bank);
	sqlite3_finalize(statement);
	return result;
}

/* --- a transfer ------------------------------------------------------------ */

static long read_balance(void *arg)
{
	struct transfer *t = arg;

	return execute("SELECT balance FROM eider_demo_account WHERE id = ?",
		       (int64_t[]){ t->from }, 1);
}

static long debit(void *arg)
{
	struct transfer *t = arg;

	return execute("UPDATE eider_demo_account SET balance = balance - ? "
		       "WHERE id = ?", (int64_t[]){ t->amount, t->from }, 2);
}

static long credit(void *arg)
{
	struct transfer *t = arg;

	return execute("UPDATE eider_demo_account SET balance = balance + ? "
		       "WHERE id = ?", (int64_t[]){ t->amount, t->to }, 2);
}

static long record(void *arg)
{
	struct transfer *t = arg;

	return execute("INSERT INTO eider_demo_transfer (source, target, amount) "
		       "VALUES (?, ?, ?)",
		       (int64_t[]){ t->from, t->to, t->amount }, 3);
}

/* The body of the transaction: < 0 rolls back, whatever has been done by then. */
static long move_money(void *arg)
{
	struct transfer *t = arg;
	long balance = eider_db_call(bank, read_balance, t), err;

	if (balance < 0)
		return balance;
	if (balance < t->amount)
		return BANK_TOO_POOR;
	err = eider_db_call(bank, debit, t);
	if (!err)
		err = eider_db_call(bank, credit, t);
	if (!err)
		err = eider_db_call(bank, record, t);
	if (!err && t->change_mind)
		err = BANK_CHANGED_MIND;
	return err;
}

long bank_transfer(struct transfer *t)
{
	return eider_db_atomic(bank, move_money, t);
}

void bank_invent(struct transfer *t, unsigned int number, unsigned int seed)
{
	uint64_t random = (uint64_t)(number + 1) * 0x9e3779b97f4a7c15 + seed;

	random = (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9;
	random ^= random >> 27;
	t->number = number;
	t->from = (unsigned int)(random % BANK_ACCOUNTS);
	t->to = (t->from + 1 + (random >> 16) % (BANK_ACCOUNTS - 1)) % BANK_ACCOUNTS;
	t->from++;
	t->to++;
	t->amount = 1 + (long)((random >> 32) % (BANK_BALANCE / 2));
	t->change_mind = number % 10 == 9;
}

/* --- the books ------------------------------------------------------------- */

static long found(void *arg)
{
	static const char sql[] =
		"DROP TABLE IF EXISTS eider_demo_transfer;"
		"DROP TABLE IF EXISTS eider_demo_account;"
		"CREATE TABLE eider_demo_account ("
		"	id INTEGER PRIMARY KEY,"
		"	balance INTEGER NOT NULL CHECK (balance >= 0));"
		"CREATE TABLE eider_demo_transfer ("
		"	id INTEGER PRIMARY KEY,"
		"	source INTEGER NOT NULL REFERENCES eider_demo_account,"
		"	target INTEGER NOT NULL REFERENCES eider_demo_account,"
		"	amount INTEGER NOT NULL CHECK (amount > 0))";

	(void)arg;
	if (sqlite3_exec(eider_db_handle(bank), sql, NULL, NULL, NULL))
		return eider_db_error(bank);
	return execute("WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL "
		       "	SELECT id + 1 FROM n WHERE id < ?) "
		       "INSERT INTO eider_demo_account SELECT id, ? FROM n",
		       (int64_t[]){ BANK_ACCOUNTS, BANK_BALANCE }, 2);
}

static long found_body(void *arg)
{
	return eider_db_call(bank, found, arg);
}

long bank_found(void)
{
	return eider_db_atomic(bank, found_body, NULL);
}

static long audit(void *arg)
{
	struct bank_books *b = arg;

	b->total = execute("SELECT sum(balance) FROM eider_demo_account", NULL, 0);
	b->transfers = execute("SELECT count(*) FROM eider_demo_transfer", NULL, 0);
	b->wrong = execute(
		"SELECT count(*) FROM eider_demo_account AS a WHERE balance <> ?"
		" + (SELECT coalesce(sum(amount), 0) FROM eider_demo_transfer"
		"    WHERE target = a.id)"
		" - (SELECT coalesce(sum(amount), 0) FROM eider_demo_transfer"
		"    WHERE source = a.id)", (int64_t[]){ BANK_BALANCE }, 1);
	b->damaged = execute("SELECT integrity_check <> 'ok' "
			     "FROM pragma_integrity_check", NULL, 0);
	return eider_db_error(bank);
}

/* In a transaction, so that all four are about the same moment. */
static long audit_body(void *arg)
{
	return eider_db_call(bank, audit, arg);
}

long bank_audit(struct bank_books *ret_books)
{
	return eider_db_atomic(bank, audit_body, ret_books);
}

void bank_count(struct eider_db_counts *ret_counts)
{
	eider_db_count(bank, ret_counts);
}

/* --- open and close -------------------------------------------------------- */

static long run_open(struct eider_executor *executor, eider_fn *fn, void *arg)
{
	struct eider_loop *loop;
	long result = eider_loop_new(executor, NULL, &loop);

	if (result < 0)
		return result;
	result = eider_block_on(loop, fn, arg);
	eider_loop_free(loop);
	return result;
}

long bank_run(const char *path, unsigned int connections, eider_fn *fn, void *arg)
{
	const struct eider_db_options options = {
		.size = sizeof(options),
		.connections_max = connections,
		/* Little patience with locks, so that conflicts are seen. */
		.busy_ns = 2000000,
		.attempts_max = 1000,
	};
	struct eider_executor *executor;
	char url[4200];
	long result;
	int err;

	/*
	 * The demonstration kills processes, which normal survives; no power is cut.
	 * Full would wait for the disk at each of its many commits.
	 */
	snprintf(url, sizeof(url), "sqlite:%s?synchronous=normal", path);
	result = eider_executor_new(NULL, &executor);
	if (result < 0)
		return result;
	result = eider_db_open(executor, &eider_sqlite, url, &options, &bank);
	if (result >= 0) {
		result = run_open(executor, fn, arg);
		err = eider_db_close(bank);
		bank = NULL;
		if (result >= 0)
			result = err;
	}
	eider_executor_free(executor);
	return result;
}
