/*
 * postgres.c - the driver for PostgreSQL
 *
 * A connection is a PGconn. Errors are in postgres_error.c, connecting in
 * postgres_connect.c, our own statements, and how long they are waited for, in
 * postgres_execute.c, interrupting those of users in postgres_cancel.c.
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
 *			deadline itself interrupts on time (postgres_cancel.c), and
 *			the setting is what is left if that fails.
 *
 * It is never told less than the floor below: the setting holds for our own statements
 * too, the next SET among them, and these must not fail because a CPU was busy.
 *
 * SET LOCAL is undone with the savepoint that it is in, whoever rolls back to it: after
 * that the setting is not known, and told again.
 *
 * statement_timeout is therefore the driver's. A job that sets it itself, by SET LOCAL,
 * in a transaction without a deadline has it its own way. What it was when we came (the
 * administrator's, for this role or database) is never raised: the sooner one counts.
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
};

/* --- deadlines ------------------------------------------------------------- */

/*
 * What to tell the server: what is left, rounded up. 0 for no deadline, or for one that
 * the default takes care of.
 */
static int ms_until(const struct eider__postgres *c, int64_t deadline, int least)
{
	int64_t ms;

	if (deadline == EIDER_NEVER)
		return 0;
	ms = (deadline - eider_now()) / 1000000 + 1;
	if (ms < least)
		ms = least;
	if (c->default_timeout_ms && ms >= c->default_timeout_ms)
		return 0;
	return ms < INT_MAX / 2 ? (int)ms : INT_MAX / 2;
}

static bool fits(const struct eider__postgres *c, int needed, int slack)
{
	int setting = c->timeout_ms;

	if (!needed)
		return !setting;
	if (!setting)
		setting = c->default_timeout_ms;
	return setting >= needed && setting <= needed + slack;
}

/* "SET LOCAL statement_timeout = 5000" */
static void print_timeout(char *sql, size_t len, const char *before, int ms)
{
	if (ms)
		snprintf(sql, len, "%sstatement_timeout = %d", before, ms);
	else
		snprintf(sql, len, "%sstatement_timeout = DEFAULT", before);
}

static long execute(struct eider__postgres *c, const char *sql, int64_t deadline)
{
	return eider__postgres_execute(c, sql, eider__postgres_short_limit(deadline));
}

static long tell_transaction(struct eider__postgres *c, int64_t deadline)
{
	int needed = ms_until(c, deadline, FLOOR_MS);
	char sql[80];
	long err;

	if (fits(c, needed, needed / 4))
		return 0;
	print_timeout(sql, sizeof(sql), "SET LOCAL ", needed);
	err = execute(c, sql, deadline);
	if (err < 0)
		return err;
	c->timeout_ms = needed;
	c->told = true;
	return 0;
}

static long tell_session(struct eider__postgres *c, int64_t deadline)
{
	int needed = ms_until(c, deadline, SESSION_FLOOR_MS);
	char sql[80];
	long err;

	c->timeout_ms = c->session_timeout_ms;
	if (fits(c, needed, needed))
		return 0;
	needed += needed / 2;		/* in the middle: it fits for longer */
	if (c->default_timeout_ms && needed >= c->default_timeout_ms)
		needed = 0;
	print_timeout(sql, sizeof(sql), "SET ", needed);
	err = execute(c, sql, deadline);
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
	c->error_before = c->error;
	c->error = 0;
	if (status == PQTRANS_INTRANS)
		err = tell_transaction(c, deadline);
	else if (status == PQTRANS_IDLE)
		err = tell_session(c, deadline);
	else if (status == PQTRANS_UNKNOWN)
		err = -ENOTCONN;
	if (!err) {
		err = eider__canceller_start_use(c->canceller, deadline);
		if (err < 0)
			eider__postgres_give_up(c);
	}
	c->answered = false;
	if (err < 0)
		c->deadline = EIDER_NEVER;
	return err;
}

static void end_use(void *connection)
{
	struct eider__postgres *c = connection;

	eider__canceller_end_use(c->canceller);
	c->deadline = EIDER_NEVER;
	/* It was only lent (db.c), perhaps to one who had it already. */
	if (!c->answered)
		c->error = c->error_before;
}

static void interrupt(void *connection)
{
	struct eider__postgres *c = connection;

	eider__canceller_fire(c->canceller);
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
	c->told = false;
	c->until = EIDER_NEVER;
	c->timeout_ms = c->session_timeout_ms;
}

static long rollback(void *connection)
{
	struct eider__postgres *c = connection;
	long err;

	if (!in_transaction(c))
		return 0;
	if (is_lost(c))
		return -ENOTCONN;
	/* A statement that was sent, and its results not taken. */
	if (PQtransactionStatus(c->pg) == PQTRANS_ACTIVE ||
	    PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
		return -EBUSY;
	err = execute(c, "ROLLBACK", eider_now());
	/* The timeout holds for it as well. */
	if (err == -ETIME && in_transaction(c))
		err = execute(c, "ROLLBACK", eider_now());
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
	int needed = ms_until(c, deadline, FLOOR_MS);
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
	err = eider__postgres_execute(c, sql, eider__postgres_limit(deadline));
	c->deadline = EIDER_NEVER;
	if (err < 0) {
		(void)rollback(c);
		return err;
	}
	c->timeout_ms = needed;
	c->until = deadline;
	return 0;
}

/* A failed transaction answers COMMIT with ROLLBACK, and calls that success. */
static long commit(void *connection, int64_t deadline)
{
	struct eider__postgres *c = connection;
	int64_t limit = eider__postgres_limit(deadline);
	PGresult *result;
	long err;

	c->unknown = false;
	/* What is known to be lost before is not unknown. */
	eider__postgres_look(c);
	if (is_lost(c))
		return -ENOTCONN;
	err = eider__postgres_prepare(c, limit);
	if (err < 0)
		return err;
	if (PQtransactionStatus(c->pg) == PQTRANS_INERROR)
		return c->failure ? c->failure : -ESTALE;
	c->deadline = deadline;
	c->committed = false;
	err = eider__postgres_ask(c, "COMMIT", limit, &result);
	/* Whatever came after that answer, good-bye for one. */
	if (c->committed)
		err = 0;
	else if (!err)
		err = -ESTALE;
	PQclear(result);
	c->deadline = EIDER_NEVER;
	c->unknown = err == -ENOTCONN && is_lost(c);
	if (!in_transaction(c))
		forget_transaction(c);
	return err;
}

static bool is_unknown(void *connection)
{
	struct eider__postgres *c = connection;

	return c->unknown;
}

static long execute_at(struct eider__postgres *c, const char *format,
		       unsigned int depth)
{
	char sql[96];

	snprintf(sql, sizeof(sql), format, depth, depth);
	return execute(c, sql, c->until);
}

static long savepoint(void *connection, unsigned int depth)
{
	return execute_at(connection, "SAVEPOINT eider_%u", depth);
}

static long release(void *connection, unsigned int depth)
{
	return execute_at(connection, "RELEASE SAVEPOINT eider_%u", depth);
}

static long rollback_to(void *connection, unsigned int depth)
{
	struct eider__postgres *c = connection;
	long err = execute_at(c, "ROLLBACK TO SAVEPOINT eider_%u; "
				 "RELEASE SAVEPOINT eider_%u", depth);

	if (!err)
		c->failure = 0;
	return err;
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
	.is_unknown = is_unknown,
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
