/*
 * postgres.c - the driver for PostgreSQL
 *
 * A connection is a PGconn. Errors are in postgres_error.c, connecting in
 * postgres_connect.c, interrupting in postgres_cancel.c.
 *
 * Isolation is said with each BEGIN; what runs outside of a transaction has the
 * server's default, which is read committed.
 *
 * Deadlines are told to the server as statement_timeout, so that a statement ends
 * whatever becomes of us. To tell them must not double the round trips:
 *
 *	begin		BEGIN and SET LOCAL go together in one.
 *	in it		The server counts anew for each statement, while the time
 *			that is left gets less: it is told again when a statement
 *			could be late by more than a quarter of that, or when a call
 *			has a deadline of its own. A transaction that is quick in the
 *			eyes of its deadline has nothing to pay.
 *	outside		The session's setting stays, and fits as long as it is
 *			between the time that is left and twice that. Here the
 *			deadline itself interrupts on time (transaction.c), and the
 *			setting is what is left if that fails.
 *
 * It is never told less than the floor below: the setting holds for our own statements
 * too, the next SET among them, and these must not fail because a CPU was busy.
 *
 * SET LOCAL is undone with the savepoint that it is in: after that the setting is not
 * known, and told again.
 *
 * statement_timeout is therefore the driver's. A job that sets it itself, by SET LOCAL,
 * in a transaction without a deadline has it its own way.
 *
 * All of this is of a session: a pooler in between has to keep one for each connection.
 *
 * A dead connection is known before its next use without a round trip: a server that
 * goes closes its sockets, and poll() sees it. One that vanished with its machine is
 * found by keep-alive or by the next statement.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "postgres.h"

enum {
	FLOOR_MS = 100,			/* in a transaction */
	SESSION_FLOOR_MS = 1000,
	UNKNOWN = -1,
};

static long execute(struct eider__postgres *c, const char *sql)
{
	eider__canceller_settle(&c->canceller);
	PQclear(PQexec(c->pg, sql));
	return eider__postgres_error(c);
}

/* --- deadlines ------------------------------------------------------------- */

/* What is left, rounded up; 0 for no deadline. */
static int ms_until(int64_t deadline, int least)
{
	int64_t ms;

	if (deadline == EIDER_NEVER)
		return 0;
	ms = (deadline - eider_now()) / 1000000 + 1;
	return ms < least ? least : ms < INT_MAX / 2 ? (int)ms : INT_MAX / 2;
}

static bool fits(int setting, int needed, int slack)
{
	return needed ? setting >= needed && setting <= needed + slack : !setting;
}

/* "SET LOCAL statement_timeout = 5000" */
static void print_timeout(char *sql, size_t len, const char *before, int ms)
{
	if (ms)
		snprintf(sql, len, "%sstatement_timeout = %d", before, ms);
	else
		snprintf(sql, len, "%sstatement_timeout = DEFAULT", before);
}

static long tell_transaction(struct eider__postgres *c, int64_t deadline)
{
	int needed = ms_until(deadline, FLOOR_MS);
	char sql[80];
	long err;

	if (fits(c->timeout_ms, needed, needed / 4))
		return 0;
	print_timeout(sql, sizeof(sql), "SET LOCAL ", needed);
	err = execute(c, sql);
	if (err < 0)
		return err;
	c->timeout_ms = needed;
	c->timed_in_savepoint |= c->savepoints > 0;
	return 0;
}

static long tell_session(struct eider__postgres *c, int64_t deadline)
{
	int needed = ms_until(deadline, SESSION_FLOOR_MS);
	char sql[80];
	long err;

	c->timeout_ms = c->session_timeout_ms;
	if (fits(c->timeout_ms, needed, needed))
		return 0;
	needed += needed / 2;		/* in the middle: it fits for longer */
	print_timeout(sql, sizeof(sql), "SET ", needed);
	err = execute(c, sql);
	if (err < 0)
		return err;
	c->timeout_ms = c->session_timeout_ms = needed;
	return 0;
}

static long start_use(void *connection, int64_t deadline)
{
	struct eider__postgres *c = connection;
	PGTransactionStatusType status = PQtransactionStatus(c->pg);
	long err = 0;

	c->deadline = deadline;
	if (status == PQTRANS_INTRANS)
		err = tell_transaction(c, deadline);
	else if (status == PQTRANS_IDLE)
		err = tell_session(c, deadline);
	else if (status == PQTRANS_UNKNOWN)
		err = -ENOTCONN;
	if (err < 0)
		c->deadline = EIDER_NEVER;
	else
		eider__canceller_start_use(&c->canceller);
	return err;
}

static void end_use(void *connection)
{
	struct eider__postgres *c = connection;

	eider__canceller_end_use(&c->canceller);
	c->deadline = EIDER_NEVER;
}

static void interrupt(void *connection)
{
	struct eider__postgres *c = connection;

	eider__canceller_fire(&c->canceller);
}

/* --- connections ----------------------------------------------------------- */

static long open_connection(const struct eider_db_settings *settings,
			    void **ret_connection)
{
	struct eider__postgres *c;
	long err = eider__postgres_connect(settings, &c);

	if (!err)
		*ret_connection = c;
	return err;
}

static void close_connection(void *connection)
{
	eider__postgres_disconnect(connection);
}

static bool is_lost(void *connection)
{
	return eider__postgres_is_lost(connection);
}

static long ping(void *connection)
{
	struct eider__postgres *c = connection;

	/* Its statements go wherever it is not known, and end nobody knows when. */
	if (PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
		return -EBUSY;
	eider__postgres_look(c);
	return is_lost(c) ? -ENOTCONN : 0;
}

static void *handle(void *connection)
{
	struct eider__postgres *c = connection;

	return c->pg;
}

static long last_error(void *connection)
{
	return eider__postgres_error(connection);
}

/* --- transactions ---------------------------------------------------------- */

static bool in_transaction(void *connection)
{
	struct eider__postgres *c = connection;
	PGTransactionStatusType status = PQtransactionStatus(c->pg);

	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR ||
	       status == PQTRANS_ACTIVE;
}

/* It has begun, or it has ended. */
static void forget_transaction(struct eider__postgres *c)
{
	c->failure = 0;
	c->savepoints = 0;
	c->timed_in_savepoint = false;
	c->timeout_ms = c->session_timeout_ms;
}

static long rollback(void *connection)
{
	struct eider__postgres *c = connection;
	long err;

	if (!in_transaction(c))
		return 0;
	/* A statement that was sent, and its results not taken. */
	if (PQtransactionStatus(c->pg) == PQTRANS_ACTIVE ||
	    PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
		return -EBUSY;
	err = execute(c, "ROLLBACK");
	/* The timeout holds for it as well. */
	if (err == -ETIME && in_transaction(c))
		err = execute(c, "ROLLBACK");
	if (in_transaction(c))
		return err < 0 ? err : -EIO;
	forget_transaction(c);
	return 0;
}

static long begin(void *connection, int64_t deadline)
{
	static const char *const levels[] = {
		[EIDER_DB_SERIALIZABLE] = "SERIALIZABLE",
		[EIDER_DB_REPEATABLE_READ] = "REPEATABLE READ",
		[EIDER_DB_READ_COMMITTED] = "READ COMMITTED",
	};
	struct eider__postgres *c = connection;
	int needed = ms_until(deadline, FLOOR_MS);
	char before[64], sql[128];
	long err;

	if (is_lost(c))
		return -ENOTCONN;
	if (PQtransactionStatus(c->pg) != PQTRANS_IDLE)
		return -EINVAL;
	forget_transaction(c);
	snprintf(before, sizeof(before), "BEGIN ISOLATION LEVEL %s; SET LOCAL ",
		 levels[c->isolation]);
	print_timeout(sql, sizeof(sql), before, needed);
	if (needed == c->session_timeout_ms)	/* as a rule: both are none */
		*strchr(sql, ';') = 0;
	c->deadline = deadline;
	err = execute(c, sql);
	c->deadline = EIDER_NEVER;
	if (err < 0)
		(void)rollback(c);
	else
		c->timeout_ms = needed;
	return err;
}

/* A failed transaction answers COMMIT with ROLLBACK, and calls that success. */
static long commit(void *connection, int64_t deadline)
{
	struct eider__postgres *c = connection;
	PGresult *result;
	long err;

	if (is_lost(c))
		return -ENOTCONN;
	if (PQtransactionStatus(c->pg) == PQTRANS_INERROR)
		return c->failure ? c->failure : -ESTALE;
	c->deadline = deadline;
	eider__canceller_settle(&c->canceller);
	result = PQexec(c->pg, "COMMIT");
	err = eider__postgres_error(c);
	if (!err && strcmp(PQcmdStatus(result), "COMMIT"))
		err = -ESTALE;
	PQclear(result);
	c->deadline = EIDER_NEVER;
	if (!in_transaction(c))
		forget_transaction(c);
	return err;
}

static long execute_at(struct eider__postgres *c, const char *format,
		       unsigned int depth)
{
	char sql[96];

	snprintf(sql, sizeof(sql), format, depth, depth);
	return execute(c, sql);
}

static long savepoint(void *connection, unsigned int depth)
{
	struct eider__postgres *c = connection;
	long err = execute_at(c, "SAVEPOINT eider_%u", depth);

	if (!err)
		c->savepoints = depth;
	return err;
}

static long release(void *connection, unsigned int depth)
{
	struct eider__postgres *c = connection;
	long err = execute_at(c, "RELEASE SAVEPOINT eider_%u", depth);

	if (!err)
		c->savepoints = depth - 1;
	return err;
}

static long rollback_to(void *connection, unsigned int depth)
{
	struct eider__postgres *c = connection;
	long err = execute_at(c, "ROLLBACK TO SAVEPOINT eider_%u; "
				 "RELEASE SAVEPOINT eider_%u", depth);

	if (err < 0)
		return err;
	c->failure = 0;
	c->savepoints = depth - 1;
	if (c->timed_in_savepoint)
		c->timeout_ms = UNKNOWN;
	return 0;
}

const struct eider_db_driver eider_postgres = {
	.scheme = "postgresql",
	.alias = "postgres",
	.open = open_connection,
	.close = close_connection,
	.ping = ping,
	.is_lost = is_lost,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.in_transaction = in_transaction,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.start_use = start_use,
	.end_use = end_use,
	.error = last_error,
	.handle = handle,
	.interrupt = interrupt,
};
