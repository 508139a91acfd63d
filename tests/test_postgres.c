/*
 * test_postgres.c - transactions on a PostgreSQL database
 */
#include "with_postgres_db.h"

/* --- transactions ---------------------------------------------------------- */

static long insert_and_answer(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return arg ? -EDOM : 42;
}

DB_TEST(commits_and_rolls_back, .connections_max = 2)
{
	ck_assert_int_eq(eider_db_atomic(db, insert_and_answer, db), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic(db, insert_and_answer, NULL), 42);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_uint_eq(counts().rolled_back, 1);
	ck_assert_uint_eq(counts().retried, 0);
	return 0;
}

static long inner_body(void *arg)
{
	long err = sql("INSERT INTO t VALUES (2)");

	return err ? err : (long)(intptr_t)arg;
}

static long third_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (3)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, inner_body, (void *)-EDOM), -EDOM);
	ck_assert_int_eq(eider_db_atomic(db, inner_body, (void *)5), 5);
	/* The constraint fails the savepoint, and no more than that. */
	ck_assert_int_eq(eider_db_atomic(db, inner_body, NULL), -EEXIST);
	ck_assert_int_eq(count_rows(), 3);
	return (long)(intptr_t)arg;
}

static long outer_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, third_body, (void *)-EDOM), -EDOM);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(eider_db_atomic(db, third_body, NULL), 0);
	ck_assert_int_eq(count_rows(), 3);
	return arg ? -EDOM : 0;
}

DB_TEST(nested_is_a_savepoint, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, outer_body, db), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic(db, outer_body, arg), 0);
	ck_assert_int_eq(count_rows(), 3);
	return 0;
}

/* What a body makes of an error is its own affair; the transaction is lost. */
static long careless_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1), (1)"), -EEXIST);
	ck_assert_int_eq(sql("SELECT 1"), -EEXIST);
	return (long)(intptr_t)arg;
}

DB_TEST(an_error_fails_the_transaction, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, careless_body, NULL), -EEXIST);
	ck_assert_int_eq(eider_db_atomic(db, careless_body, (void *)-EDOM), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_uint_eq(counts().rolled_back, 2);
	return 0;
}

static long end_it_body(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(sql("ROLLBACK"), 0);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), -ESTALE);
	return 0;
}

DB_TEST(what_was_ended_is_over, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, end_it_body, arg), -ESTALE);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

static long orphan_body(void *arg)
{
	(void)arg;
	return sql("INSERT INTO child VALUES (7)");
}

DB_TEST(a_failing_commit_rolls_back, .connections_max = 1)
{
	ck_assert_int_eq(sql("CREATE TABLE child (x bigint REFERENCES t (x) "
			     "DEFERRABLE INITIALLY DEFERRED)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, orphan_body, NULL), -EEXIST);
	ck_assert_int_eq(sql("SELECT count(*) FROM child"), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (7);"
				    "INSERT INTO child VALUES (7)"), 0);
	ck_assert_int_eq(sql("SELECT count(*) FROM child"), 1);
	return 0;
}

static long isolation_body(void *arg)
{
	return is_set("transaction_isolation", arg);
}

static long isolation_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(db, isolation_body, arg), 1);
	ck_assert_int_eq(is_set("transaction_isolation", "read committed"), 1);
	return 0;
}

START_TEST(isolation_is_an_option)
{
	static const char *const names[] = { "serializable", "repeatable read",
					     "read committed" };

	set_up(DB_OPTIONS(.isolation = (enum eider_db_isolation)_i));
	ck_assert_int_eq(eider_block_on(loop, isolation_fiber, (void *)names[_i]), 0);
	tear_down();
}
END_TEST

/* --- errors ---------------------------------------------------------------- */

DB_TEST(errors_have_codes, .connections_max = 1)
{
	static const struct {
		const char *state;
		int err;
	} table[] = {
		{ "40001", EAGAIN },	{ "40P01", EAGAIN },  { "55P03", EAGAIN },
		{ "23503", EEXIST },	{ "23514", EEXIST },  { "57014", ECANCELED },
		{ "53100", ENOSPC },	{ "53200", ENOMEM },  { "53300", ECONNREFUSED },
		{ "25006", EROFS },	{ "28P01", EACCES },  { "42501", EACCES },
		{ "3D000", ENOENT },	{ "42P01", EINVAL },  { "22012", EINVAL },
		{ "54000", E2BIG },	{ "P0001", EINVAL },  { "XX000", EIO },
		{ "58030", EIO },	{ "12345", EIO },     { "57P01", ENOTCONN },
		{ "08006", ENOTCONN },
	};
	char text[200];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(text, sizeof(text), "DO $$ BEGIN RAISE SQLSTATE '%s'; END $$",
			 table[i].state);
		ck_assert_msg(sql(text) == -table[i].err, "%s: not %s", table[i].state,
			      strerror(table[i].err));
		ck_assert_int_eq(sql("SELECT 7"), 7);
	}
	ck_assert_int_eq(sql("SELEKT"), -EINVAL);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1), (1)"), -EEXIST);
	ck_assert_int_eq(sql("SET TRANSACTION READ ONLY; DELETE FROM t"), -EROFS);
	return 0;
}

static long refused_by_libpq(void *arg)
{
	PGresult *result = PQexec(eider_db_handle(arg), NULL);

	ck_assert_ptr_null(result);
	return eider_db_error(arg);
}

DB_TEST(what_libpq_refuses_is_an_error, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_call(db, refused_by_libpq, db), -EIO);
	ck_assert_int_eq(sql("SELECT 7"), 7);
	return 0;
}

/* Whatever the call before it had; and the connection is none the worse for it. */
DB_TEST(an_error_is_of_its_call, .connections_max = 1)
{
	long pid = backend();

	ck_assert_int_eq(sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"), -EAGAIN);
	ck_assert_int_eq(eider_db_call(db, refused_by_libpq, db), -EIO);
	ck_assert_int_eq(sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"), -EAGAIN);
	ck_assert_int_eq(backend(), pid);
	return 0;
}

/* An extension may have lost a connection of its own: ours is still there. */
DB_TEST(a_connection_of_others_may_be_lost, .connections_max = 1)
{
	static const char *const states[] = { "08006", "08001", "57P01" };
	long pid = backend();
	char text[100];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "DO $$ BEGIN RAISE SQLSTATE '%s'; END $$",
			 states[i]);
		ck_assert_int_eq(sql(text), -ENOTCONN);
		ck_assert_int_eq(backend(), pid);
		ck_assert_int_eq(atomic_sql(text), -ENOTCONN);
		ck_assert_int_eq(backend(), pid);
	}
	/* Not even if it comes as the answer to a commit. */
	ck_assert_int_eq(sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE "
			     "plpgsql AS $$ BEGIN RAISE SQLSTATE '08006'; END $$;"
			     "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t "
			     "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
			     "FUNCTION refuse()"), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), -ENOTCONN);
	ck_assert_int_eq(backend(), pid);
	ck_assert_uint_eq(counts().rolled_back, 4);
	ck_assert_uint_eq(counts().unknown, 0);
	return 0;
}

static long leave_busy(void *arg)
{
	(void)arg;
	return PQsendQuery(eider_db_handle(db), "SELECT pg_sleep(600)") ? 0 : -EIO;
}

static long leave_pipeline(void *arg)
{
	(void)arg;
	return PQenterPipelineMode(eider_db_handle(db)) ? 0 : -EIO;
}

DB_TEST(what_a_job_leaves_behind_is_gone, .connections_max = 1)
{
	ck_assert_int_eq(sql("BEGIN; INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_call(db, leave_busy, NULL), 0);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_call(db, leave_pipeline, NULL), 0);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), 0);
	ck_assert_uint_eq(counts().connections, 1);
	return 0;
}

/* A lease in which somebody begins himself; the next knows nothing of it. */
static void lease(const char *first, const char *second)
{
	int err;

	EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
		ck_assert_int_ge(sql(first), 0);
		ck_assert_int_ge(sql(second), 0);
	}
	ck_assert_int_eq(err, 0);
}

DB_TEST(leases_leave_nothing_behind, .connections_max = 1)
{
	for (int i = 0; i < 10; i++) {
		lease("BEGIN", "INSERT INTO t VALUES (1)");
		if (i % 2)
			lease("SELECT 1", "SELECT 1");
		ck_assert_int_eq(count_rows(), 0);
		lease("SELECT 1", "BEGIN; INSERT INTO t VALUES (1)");
		ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
		ck_assert_int_eq(count_rows(), 1);
		lease("BEGIN; DELETE FROM t", "COMMIT");
		ck_assert_int_eq(count_rows(), 0);
	}
	return 0;
}

static long notice_fiber(void *arg)
{
	(void)arg;
	return sql("DO $$ BEGIN RAISE WARNING 'hear me'; END $$");
}

START_TEST(notices_go_nowhere)
{
	const char *path = harness_temp_file("stderr");
	int before = dup(2), fd = open(path, O_RDWR | O_CREAT, 0600);
	struct stat st;

	ck_assert_int_ge(fd, 0);
	dup2(fd, 2);
	with_db(notice_fiber, NULL);
	dup2(before, 2);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	close(fd);
	close(before);
}
END_TEST

/* --- conflicts ------------------------------------------------------------- */

static unsigned int met;

/* In the first attempt of both: nobody goes on before both are there. */
static void meet(unsigned int *runs)
{
	if ((*runs)++)
		return;
	harness_add(&met, 1);
	ck_assert(harness_wait_count(&met, 2));
}

/* Each adds a row with the number of rows it saw: only in turn 0 and 1. */
static long skewed_body(void *arg)
{
	long seen = count_rows();
	char text[100];

	if (seen < 0)
		return seen;
	meet(arg);
	snprintf(text, sizeof(text), "INSERT INTO t VALUES (%ld)", seen);
	return sql(text);
}

static long skewed(void *arg)
{
	return eider_db_atomic(db, skewed_body, arg);
}

DB_TEST(a_serialization_failure_is_tried_again, .attempts_max = 1000)
{
	unsigned int runs[2] = { 0, 0 };
	struct eider_fiber *first = spawn(skewed, &runs[0]);
	struct eider_fiber *second = spawn(skewed, &runs[1]);

	ck_assert_int_eq(eider_join(first), 0);
	ck_assert_int_eq(eider_join(second), 0);
	ck_assert_int_eq(sql("SELECT sum(x) FROM t"), 1);
	ck_assert_int_eq(count_rows(), 2);
	ck_assert_uint_gt(counts().retried, 0);
	ck_assert_uint_eq(counts().committed, 2);
	return 0;
}

struct locker {
	const char *first, *second;
	unsigned int runs;
};

static long locking_body(void *arg)
{
	struct locker *l = arg;
	long err = sql(l->first);

	if (err < 0)
		return err;
	meet(&l->runs);
	return sql(l->second);
}

static long take_locks(void *arg)
{
	return eider_db_atomic(db, locking_body, arg);
}

static void cross_locks(void)
{
	static const char *const one = "UPDATE t SET y = y + 1 WHERE x = 1";
	static const char *const two = "UPDATE t SET y = y + 1 WHERE x = 2";
	struct locker l[2] = { { one, two, 0 }, { two, one, 0 } };
	struct eider_fiber *fibers[2];

	ck_assert_int_eq(sql("INSERT INTO t VALUES (1, 0), (2, 0)"), 0);
	for (int i = 0; i < 2; i++)
		fibers[i] = spawn(take_locks, &l[i]);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert_int_eq(sql("SELECT sum(y) FROM t"), 4);
	ck_assert_uint_gt(counts().retried, 0);
}

DB_TEST(a_deadlock_is_tried_again, .busy_ns = 60 * HARNESS_S, .attempts_max = 1000,
	.isolation = EIDER_DB_READ_COMMITTED)
{
	cross_locks();
	return 0;
}

/* Before the server finds out. */
DB_TEST(patience_with_locks_is_bounded, .busy_ns = HARNESS_MS, .attempts_max = 100000,
	.isolation = EIDER_DB_READ_COMMITTED)
{
	cross_locks();
	return 0;
}

/* A conflict that the body does not mention. */
static unsigned int runs;

static long forgetful_body(void *arg)
{
	(void)arg;
	if (!runs++)
		ck_assert_int_eq(sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"),
				 -EAGAIN);
	return 7;
}

DB_TEST(a_swallowed_conflict_is_still_one, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, forgetful_body, arg), 7);
	ck_assert_uint_eq(runs, 2);
	ck_assert_uint_eq(counts().retried, 1);
	return 0;
}

/* --- cancelling ------------------------------------------------------------ */

static unsigned int started;

static long sleep_long(void *arg)
{
	harness_add(&started, 1);
	/* Any interruption from now on comes before the statement does. */
	while (arg && !eider_cancelled())
		harness_nap(HARNESS_MS);
	if (arg)
		harness_nap(5 * HARNESS_MS);
	return execute("SELECT pg_sleep(600)");
}

static long call_sleep(void *arg)
{
	return eider_db_call(db, sleep_long, arg);
}

static long sleeping_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	return call_sleep(arg);
}

static long atomic_sleep(void *arg)
{
	return eider_db_atomic(db, sleeping_body, arg);
}

static void cancel_one(eider_fn *fn, void *arg)
{
	struct eider_fiber *fiber = spawn(fn, arg);

	harness_set(&started, 0);
	ck_assert(harness_wait_count(&started, 1));
	nap(HARNESS_MS);
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(count_rows(), 0);
}

DB_TEST(cancelling_interrupts, .connections_max = 1)
{
	for (unsigned int n = harness_count(50, 5); n--;) {
		cancel_one(atomic_sleep, NULL);
		cancel_one(call_sleep, NULL);
	}
	return 0;
}

DB_TEST(cancelling_between_statements_interrupts, .connections_max = 1)
{
	cancel_one(atomic_sleep, db);
	cancel_one(call_sleep, db);
	return 0;
}

/* Cancelled at any moment: whatever comes next on that connection is unharmed. */
static long short_call(void *arg)
{
	return sql(arg);
}

DB_TEST(no_cancellation_is_late, .connections_max = 1)
{
	static const char shortly[] = "SELECT pg_sleep(0.001), 3";
	static const char for_ever[] = "SELECT pg_sleep(600), 3";
	unsigned int n = harness_count(300, 30);

	for (unsigned int i = 0; i < n; i++) {
		/* With one CPU a short one may be over each time before we are back. */
		bool may_end = i % 10 != 9;
		struct eider_fiber *fiber =
			spawn(short_call, (void *)(may_end ? shortly : for_ever));
		long result;

		nap(i % 30 * HARNESS_MS / 10);
		eider_cancel(eider_fiber_future(fiber));
		result = eider_join(fiber);
		ck_assert((may_end && result == 0) || result == -ECANCELED);
		ck_assert_int_eq(atomic_sql("SELECT 7"), 7);
		ck_assert_int_eq(sql("SELECT 8"), 8);
	}
	return 0;
}

/* A commit that ends in a conflict, after a while. */
#define CONFLICT_LATER                                                         \
	"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " \
	"PERFORM pg_sleep(0.3); RAISE SQLSTATE '40001'; END $$;"              \
	"CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE "         \
	"INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"

static bool is_committing(void *arg)
{
	(void)arg;
	return *postgres_sql("SELECT 1 FROM pg_stat_activity WHERE "
			     "state = 'active' AND query = 'COMMIT'");
}

static long wait_for_commit(void *arg)
{
	(void)arg;
	ck_assert(harness_wait_until(is_committing, NULL));
	return 0;
}

static long counted_body(void *arg)
{
	harness_add((unsigned int *)arg, 1);
	return sql("INSERT INTO t VALUES (1)");
}

static long atomic_counted(void *arg)
{
	return eider_db_atomic(db, counted_body, arg);
}

/* Who was cancelled does not try again. */
DB_TEST(a_cancelled_commit_is_not_tried_again, .connections_max = 1)
{
	unsigned int bodies = 0, retried;
	struct eider_fiber *fiber;
	long result;

	ck_assert_int_eq(sql(CONFLICT_LATER), 0);
	fiber = spawn(atomic_counted, &bodies);
	ck_assert_int_eq(eider_call(wait_for_commit, NULL), 0);
	eider_cancel(eider_fiber_future(fiber));
	result = eider_join(fiber);
	ck_assert_int_eq(result, -ECANCELED);
	retried = (unsigned int)counts().retried;
	ck_assert_uint_eq(harness_get(&bodies), retried + 1);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

/* --- deadlines ------------------------------------------------------------- */

static long atomic_until(eider_fn *body, const void *arg, int64_t ns)
{
	return eider_db_atomic_until(db, body, (void *)arg, eider_after(ns));
}

DB_TEST(a_deadline_ends_a_statement, .connections_max = 1)
{
	ck_assert_int_eq(sql_until("SELECT pg_sleep(600)", 50 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(atomic_until(sql_body, "SELECT pg_sleep(600)",
				      50 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(sql("SELECT 7"), 7);
	ck_assert_int_eq(sql_until("SELECT 8", -1), -ETIME);
	return 0;
}

static long impatient_call_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	/* One that is late before it begins has not been run, and fails nothing. */
	harness_set(&started, 0);
	for (int64_t ns = 50 * HARNESS_MS; !harness_get(&started); ns *= 2)
		ck_assert_int_eq(eider_db_call_until(db, sleep_long, NULL,
						     eider_after(ns)), -ETIME);
	return (long)(intptr_t)arg;
}

static long saved_by_savepoint_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, impatient_call_body, arg), -ETIME);
	ck_assert_int_eq(atomic_until(sql_body, "SELECT pg_sleep(600)",
				      50 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	return sql("INSERT INTO t VALUES (3)");
}

DB_TEST(a_call_may_be_more_impatient, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, impatient_call_body, arg), -ETIME);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic(db, saved_by_savepoint_body, arg), 0);
	ck_assert_int_eq(count_rows(), 2);
	return 0;
}

/* What the server was told, in ms. */
static long told_body(void *arg)
{
	long told = sql(TIMEOUT), less;

	if (!arg) {
		ck_assert_int_eq(told, 0);
		return 0;
	}
	ck_assert_int_gt(told, 500000);
	ck_assert_int_le(told, 1000000);
	ck_assert_int_eq(sql(TIMEOUT), told);
	less = sql_until(TIMEOUT, 100 * HARNESS_S);
	ck_assert_int_gt(less, 50000);
	ck_assert_int_le(less, 100000);
	ck_assert_int_gt(sql(TIMEOUT), 500000);
	return 0;
}

DB_TEST(the_server_is_told, .connections_max = 1)
{
	long told;

	ck_assert_int_eq(sql(TIMEOUT), 0);
	ck_assert_int_eq(atomic_until(told_body, db, 1000 * HARNESS_S), 0);
	ck_assert_int_eq(eider_db_atomic(db, told_body, NULL), 0);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	/* Once, and it fits all that are alike. */
	told = sql_until(TIMEOUT, 1000 * HARNESS_S);
	ck_assert_int_ge(told, 999000);
	ck_assert_int_eq(sql_until(TIMEOUT, 900 * HARNESS_S), told);
	ck_assert_int_eq(sql_until(TIMEOUT, 1100 * HARNESS_S), told);
	ck_assert_int_lt(sql_until(TIMEOUT, 100 * HARNESS_S), told);
	/* A transaction has its own, and leaves that as it was. */
	ck_assert_int_eq(eider_db_atomic(db, told_body, NULL), 0);
	ck_assert_int_eq(atomic_until(told_body, db, 1000 * HARNESS_S), 0);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	return 0;
}

static long undone_inner(void *arg)
{
	(void)arg;
	ck_assert_int_gt(sql_until(TIMEOUT, 100 * HARNESS_S), 0);
	return -EDOM;
}

/* Rolling back takes the setting along; what is in force must be known. */
static long undone_body(void *arg)
{
	ck_assert_int_eq(sql_until(TIMEOUT, 100 * HARNESS_S) > 0, 1);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	ck_assert_int_eq(eider_db_atomic(db, undone_inner, arg), -EDOM);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	ck_assert_int_gt(sql_until(TIMEOUT, 100 * HARNESS_S), 0);
	return 0;
}

DB_TEST(a_savepoint_undoes_what_was_told, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, undone_body, arg), 0);
	return 0;
}

/* Nor may anybody else's rolling back take it along unseen. */
static long own_savepoint_body(void *arg)
{
	(void)arg;
	ck_assert_int_gt(sql_until(TIMEOUT, 100 * HARNESS_S), 0);
	ck_assert_int_eq(sql_until("SAVEPOINT mine", 100 * HARNESS_S), 0);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	ck_assert_int_eq(sql("ROLLBACK TO mine"), 0);
	ck_assert_int_eq(sql(TIMEOUT), 0);
	return 0;
}

DB_TEST(so_does_one_of_the_users_own, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, own_savepoint_body, arg), 0);
	return 0;
}

/* The administrator's limit is nobody's to raise, and one more deadline. */
static long limited_body(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql_until(TIMEOUT, 60 * HARNESS_S), 5000);
	ck_assert_int_eq(sql(TIMEOUT), 5000);
	ck_assert_int_lt(sql_until(TIMEOUT, 3 * HARNESS_S), 3001);
	ck_assert_int_eq(sql(TIMEOUT), 5000);
	return 0;
}

static long limited_fiber(void *arg)
{
	ck_assert_int_eq(sql(TIMEOUT), 5000);
	ck_assert_int_eq(sql_until(TIMEOUT, 60 * HARNESS_S), 5000);
	ck_assert_int_le(sql_until(TIMEOUT, 4 * HARNESS_S), 5000);
	ck_assert_int_eq(eider_db_atomic(db, limited_body, arg), 0);
	ck_assert_int_eq(eider_db_atomic_until(db, limited_body, arg,
					       eider_after(60 * HARNESS_S)), 0);
	ck_assert_int_eq(sql("SET statement_timeout = 50; SELECT pg_sleep(600)"),
			 -ETIME);
	return 0;
}

START_TEST(the_administrators_limit_holds)
{
	postgres_sql("ALTER ROLE eider SET statement_timeout = 5000");
	with_db(limited_fiber, DB_OPTIONS(.connections_max = 1));
	postgres_sql("ALTER ROLE eider RESET statement_timeout");
}
END_TEST

/* Once it has begun, a commit counts, whenever it ends. */
DB_TEST(a_slow_commit_counts, .connections_max = 1)
{
	long result = -ETIME;

	ck_assert_int_eq(sql("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE "
			     "plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; "
			     "END $$; CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t "
			     "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
			     "FUNCTION dawdle()"), 0);
	/* Later than that it may be that it has not begun. */
	for (int64_t ns = HARNESS_S; result == -ETIME; ns *= 2)
		result = atomic_until(sql_body, "INSERT INTO t VALUES (1)", ns);
	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().committed, 1);
	return 0;
}

static long late_body(void *arg)
{
	long err = sql("INSERT INTO t VALUES (1)");

	(void)arg;
	if (!err)
		nap(2 * HARNESS_S);
	return err;
}

DB_TEST(a_late_commit_is_none, .connections_max = 1)
{
	ck_assert_int_eq(atomic_until(late_body, arg, HARNESS_S), -ETIME);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

DB_TEST(a_deadline_bounds_the_wait, .connections_max = 1)
{
	struct eider_fiber *holder = spawn(atomic_sleep, NULL);

	ck_assert(harness_wait_count(&started, 1));
	ck_assert_int_eq(sql_until("SELECT 1", 20 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(atomic_until(sql_body, "SELECT 1", 20 * HARNESS_MS), -ETIME);
	eider_cancel(eider_fiber_future(holder));
	ck_assert_int_eq(eider_join(holder), -ECANCELED);
	return 0;
}

/* --- lost connections ------------------------------------------------------ */

DB_TEST(a_dead_connection_is_opened_anew, .connections_max = 1)
{
	long pid = backend();

	terminate(pid);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
	terminate(backend());
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_ne(backend(), pid);
	ck_assert_uint_eq(counts().connections, 1);
	return 0;
}

static bool is_asleep(void *arg)
{
	long *pid = arg;

	*pid = atol(postgres_sql("SELECT pid FROM pg_stat_activity WHERE "
				 "state = 'active' AND "
				 "query = 'SELECT pg_sleep(600)'"));
	return *pid > 0;
}

static long terminate_later(void *arg)
{
	long pid;

	(void)arg;
	ck_assert(harness_wait_until(is_asleep, &pid));
	terminate(pid);
	return 0;
}

static void lose(eider_fn *fn)
{
	struct eider_fiber *fiber;

	harness_set(&started, 0);
	fiber = spawn(fn, NULL);
	ck_assert_int_eq(eider_call(terminate_later, NULL), 0);
	ck_assert_int_eq(eider_join(fiber), -ENOTCONN);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_uint_eq(counts().connections, 1);
}

DB_TEST(a_call_that_loses_its_connection_says_so, .connections_max = 1)
{
	lose(call_sleep);
	lose(atomic_sleep);
	lose(call_sleep);
	return 0;
}

static long losing_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	terminate(backend());
	if (!arg)
		ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), -ENOTCONN);
	if (!arg)
		ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (3)"), -ENOTCONN);
	return 0;
}

/* Nothing of it on another connection, and no commit of nothing. */
DB_TEST(a_lost_transaction_does_not_go_on, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, losing_body, NULL), -ENOTCONN);
	ck_assert_int_eq(eider_db_atomic(db, losing_body, db), -ENOTCONN);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_uint_eq(counts().rolled_back, 2);
	return 0;
}

DB_TEST(nor_does_one_of_the_users_own, .connections_max = 1)
{
	int err;

	EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
		ck_assert_int_eq(sql("BEGIN"), 0);
		terminate(backend());
		ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), -ENOTCONN);
		ck_assert_int_eq(sql("INSERT INTO t VALUES (3)"), -ENOTCONN);
	}
	ck_assert_int_eq(err, 0);
	EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
		ck_assert_int_eq(sql("SELECT 7"), 7);
		terminate(backend());
		ck_assert_int_eq(sql("SELECT 7"), -ENOTCONN);
		ck_assert_int_eq(sql("SELECT 7"), 7);
		ck_assert_int_eq(atomic_sql("SELECT 8"), 8);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

DB_TEST(the_server_may_be_away, .connections_max = 1)
{
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
	postgres_shut_down();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), -ENOTCONN);
		ck_assert_int_eq(sql("INSERT INTO t VALUES (3)"), -ENOTCONN);
	}
	ck_assert_uint_eq(counts().connections, 0);
	postgres_restart();
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), 0);
	return 0;
}

enum {
	WRITERS = 6,
	WRITES_MAX = 100000,
};

struct writer {
	unsigned int number, tries, acknowledged, lost;
	char done[WRITES_MAX];
};

static struct writer writers[WRITERS];
static unsigned int stop_writing;

static long writing_body(void *arg)
{
	struct writer *w = arg;
	char text[100];

	snprintf(text, sizeof(text), "INSERT INTO t VALUES (%u)",
		 w->number * WRITES_MAX + w->tries);
	return sql(text);
}

static long write_numbers(void *arg)
{
	struct writer *w = arg;
	int64_t pause = HARNESS_MS;

	while (!harness_get(&stop_writing) && ++w->tries < WRITES_MAX) {
		long result = eider_db_atomic(db, writing_body, w);

		ck_assert_msg(!result || result == -ENOTCONN, "%ld", result);
		if (!result) {
			w->done[w->tries] = 1;
			harness_add(&w->acknowledged, 1);
			pause = HARNESS_MS;
		} else {
			w->lost++;
			nap(pause);	/* the server may have but this CPU */
			pause += pause < 100 * HARNESS_MS ? pause : 0;
		}
	}
	return 0;
}

static long is_there(unsigned int number)
{
	char text[100];

	snprintf(text, sizeof(text), "SELECT count(*) FROM t WHERE x = %u", number);
	return sql(text);
}

static unsigned int count_acknowledged(void)
{
	unsigned int acknowledged = 0;

	for (unsigned int i = 0; i < WRITERS; i++)
		acknowledged += harness_get(&writers[i].acknowledged);
	return acknowledged;
}

static bool has_written(void *arg)
{
	return count_acknowledged() >= *(unsigned int *)arg;
}

static void write_more(void)
{
	unsigned int enough = count_acknowledged() + harness_count(300, 30);

	ck_assert(harness_wait_until(has_written, &enough));
}

static long crash(void *arg)
{
	(void)arg;
	postgres_crash();
	harness_nap(50 * HARNESS_MS);
	postgres_restart();
	return 0;
}

DB_TEST(no_commit_is_lost_in_a_crash, .connections_max = WRITERS,
	.busy_ns = 60 * HARNESS_S)
{
	struct eider_fiber *fibers[WRITERS];
	unsigned int lost = 0;

	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].number = i;
		fibers[i] = spawn(write_numbers, &writers[i]);
	}
	for (int i = 0; i < 2; i++) {
		write_more();
		ck_assert_int_eq(eider_call(crash, NULL), 0);
	}
	write_more();
	harness_set(&stop_writing, 1);
	for (unsigned int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	for (unsigned int i = 0; i < WRITERS; i++) {
		for (unsigned int n = 1; n < writers[i].tries; n++)
			if (writers[i].done[n])
				ck_assert_int_eq(is_there(i * WRITES_MAX + n), 1);
		lost += writers[i].lost;
	}
	ck_assert_uint_gt(lost, 0);
	return 0;
}

/* --- state ----------------------------------------------------------------- */

static unsigned int states, released;

static void release(void *state)
{
	ck_assert_ptr_eq(state, &states);
	/* It is a connection still. */
	ck_assert_ptr_nonnull(eider_db_handle(db));
	released++;
}

static long count_state(void *arg)
{
	(void)arg;
	if (!eider_db_state(db)) {
		states++;
		eider_db_set_state(db, &states, release);
	}
	return execute("SELECT 0");
}

static long state_fiber(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_db_call(db, count_state, NULL), 0);
	ck_assert_uint_eq(states, 1);
	terminate(backend());
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_db_call(db, count_state, NULL), 0);
	ck_assert_uint_eq(states, 2);
	ck_assert_uint_eq(released, 1);
	ck_assert_ptr_null(eider_db_state(db));
	return 0;
}

START_TEST(state_is_of_a_connection)
{
	with_db(state_fiber, DB_OPTIONS(.connections_max = 1));
	ck_assert_uint_eq(released, 2);
}
END_TEST

/* --- opening --------------------------------------------------------------- */

static char why[300];

/* What eider_db_open() says; what it opened is closed. */
static int open_url(const char *url)
{
	struct eider_db *opened;
	int err;

	strcpy(why, "untouched");
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	err = eider_db_open(executor, &eider_postgres, url,
			    DB_OPTIONS(.why = why, .why_size = sizeof(why)), &opened);
	if (!err) {
		ck_assert_ptr_null(strstr(eider_db_url(opened), "s3cr"));
		ck_assert_int_eq(eider_db_close(opened), 0);
		ck_assert_str_eq(why, "");
	} else {
		ck_assert_uint_gt(strlen(why), 10);
		ck_assert_ptr_null(strstr(why, "s3cr"));
		ck_assert_ptr_null(strchr(why, '\n'));
	}
	eider_executor_free(executor);
	return err;
}

#define GUARDED "guarded:" POSTGRES_PASSWORD_IN_URL

START_TEST(a_password_is_needed)
{
	ck_assert_int_eq(open_url(postgres_url_of(GUARDED, "")), 0);
	ck_assert_int_eq(open_url(postgres_url_of("guarded", "&password="
						  POSTGRES_PASSWORD_IN_URL)), 0);
	ck_assert_int_eq(open_url(postgres_url_of("guarded", "")), -EACCES);
	ck_assert_int_eq(open_url(postgres_url_of("guarded:s3cret", "")), -EACCES);
	ck_assert_ptr_nonnull(strstr(why, "password authentication failed"));
	ck_assert_int_eq(open_url(postgres_url_of("guarded:s3c/ret", "")), -EINVAL);
	ck_assert_int_eq(open_url(postgres_url_of("guarded:s3cr@et", "")), -EINVAL);
	ck_assert_int_eq(open_url(postgres_url_of("guarded:s3cr%et", "")), -EINVAL);
	ck_assert_int_eq(open_url("postgres://guarded:s3cr?/x"), -EINVAL);
	/* Here it is not the @ that is missing in it, but the one behind it. */
	ck_assert_int_eq(open_url("postgresql://bob:12345678/x"), -EINVAL);
	ck_assert_ptr_null(strstr(why, "12345678"));
	ck_assert_int_eq(open_url("postgresql://a:1,bob:65536/x"), -EINVAL);
	ck_assert_ptr_null(strstr(why, "65536"));
}
END_TEST

static long warned_fiber(void *arg)
{
	long pid = backend();

	/* It takes long, and that is said. */
	ck_assert_int_eq(sql("SELECT pg_sleep(0.3), 2"), 0);
	postgres_sql("ALTER ROLE guarded PASSWORD 'another'");
	terminate(pid);
	ck_assert_int_eq(sql("SELECT 1"), -EACCES);
	ck_assert_int_eq(atomic_sql("SELECT 1"), -EACCES);
	postgres_sql("ALTER ROLE guarded PASSWORD '" POSTGRES_PASSWORD "'");
	ck_assert_int_eq(sql("SELECT 7"), 7);
	return (long)(intptr_t)arg;
}

/* Not by warnings, nor when it fails later on. */
START_TEST(a_password_is_not_told_later)
{
	const char *path = harness_temp_file("stderr");
	int before = dup(2), fd = open(path, O_RDWR | O_CREAT, 0600);
	char said[8000] = "";

	ck_assert_int_ge(fd, 0);
	dup2(fd, 2);
	ck_assert_int_eq(eider_executor_new(HARNESS_OPTIONS(.slow_job_ns = HARNESS_MS),
					    &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
	ck_assert_int_eq(eider_db_open(executor, &eider_postgres,
				       postgres_url_of(GUARDED, ""),
				       DB_OPTIONS(.connections_max = 1), &db), 0);
	ck_assert_int_eq(eider_block_on(loop, warned_fiber, NULL), 0);
	tear_down();
	dup2(before, 2);
	ck_assert_int_ge(pread(fd, said, sizeof(said) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(said, "TOOK_TOO_LONG"));
	ck_assert_ptr_null(strstr(said, "s3cr"));
	close(fd);
	close(before);
}
END_TEST

START_TEST(a_url_may_be_wrong)
{
	char url[400];

	ck_assert_int_eq(open_url(postgres_url_of("nobody-here", "")), -EACCES);
	ck_assert_int_eq(open_url(postgres_url_of("eider", "&dbname=nowhere")),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "nowhere"));
	ck_assert_int_eq(open_url(postgres_url_of("eider", "&port=9")), -ENOTCONN);
	ck_assert_int_eq(open_url("postgresql://localhost:x/y"), -EINVAL);
	ck_assert_int_eq(open_url("postgresql:localhost"), -EINVAL);
	ck_assert_int_eq(open_url("postgresql://localhost?colour=red"), -EINVAL);
	ck_assert_int_eq(open_url("postgresql://127.0.0.1:1,[::1]:1/x"), -ENOTCONN);
	ck_assert_int_eq(open_url("sqlite:x"), -EPROTONOSUPPORT);
	ck_assert_int_eq(open_url("postgresqlx://x"), -EPROTONOSUPPORT);
	snprintf(url, sizeof(url), "postgres%s", postgres_url() + strlen("postgresql"));
	ck_assert_int_eq(open_url(url), 0);
}
END_TEST

START_TEST(a_server_may_be_full)
{
	postgres_sql("ALTER ROLE guarded CONNECTION LIMIT 0");
	ck_assert_int_eq(open_url(postgres_url_of(GUARDED, "")), -ECONNREFUSED);
	postgres_sql("ALTER ROLE guarded CONNECTION LIMIT -1");
	ck_assert_int_eq(open_url(postgres_url_of(GUARDED, "")), 0);
}
END_TEST

START_TEST(a_server_may_be_silent)
{
	uint16_t port;
	int fd = harness_listen(&port);
	char url[200];

	snprintf(url, sizeof(url), "postgresql://127.0.0.1:%u/x?connect_timeout=2",
		 port);
	ck_assert_int_eq(open_url(url), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(why, "does not answer"));
	close(fd);
}
END_TEST

static long named_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(is_set("application_name", "eider"), 1);
	ck_assert_int_eq(is_set("client_encoding", "UTF8"), 1);
	ck_assert_int_eq(is_set("lock_timeout", "100ms"), 1);
	return 0;
}

START_TEST(a_connection_is_set_up)
{
	with_db(named_fiber, NULL);
}
END_TEST

static void add_loss(Suite *s)
{
	TCase *t = harness_case(s, "loss");

	harness_timeout(t, 900);
	tcase_add_test(t, a_dead_connection_is_opened_anew);
	tcase_add_test(t, a_call_that_loses_its_connection_says_so);
	tcase_add_test(t, a_lost_transaction_does_not_go_on);
	tcase_add_test(t, nor_does_one_of_the_users_own);
	tcase_add_test(t, the_server_may_be_away);
	tcase_add_test(t, no_commit_is_lost_in_a_crash);
	tcase_add_test(t, state_is_of_a_connection);
}

static void add_deadlines(Suite *s)
{
	TCase *t = harness_case(s, "deadline");

	tcase_add_test(t, a_deadline_ends_a_statement);
	tcase_add_test(t, a_call_may_be_more_impatient);
	tcase_add_test(t, the_server_is_told);
	tcase_add_test(t, a_savepoint_undoes_what_was_told);
	tcase_add_test(t, so_does_one_of_the_users_own);
	tcase_add_test(t, the_administrators_limit_holds);
	tcase_add_test(t, a_slow_commit_counts);
	tcase_add_test(t, a_late_commit_is_none);
	tcase_add_test(t, a_deadline_bounds_the_wait);
}

int main(void)
{
	Suite *s;
	TCase *t;

	postgres_start_server();
	s = suite_create("postgres");
	t = harness_case(s, "transaction");
	tcase_add_test(t, commits_and_rolls_back);
	tcase_add_test(t, nested_is_a_savepoint);
	tcase_add_test(t, an_error_fails_the_transaction);
	tcase_add_test(t, what_was_ended_is_over);
	tcase_add_test(t, a_failing_commit_rolls_back);
	tcase_add_loop_test(t, isolation_is_an_option, 0, 3);

	t = harness_case(s, "error");
	tcase_add_test(t, errors_have_codes);
	tcase_add_test(t, what_libpq_refuses_is_an_error);
	tcase_add_test(t, an_error_is_of_its_call);
	tcase_add_test(t, a_connection_of_others_may_be_lost);
	tcase_add_test(t, what_a_job_leaves_behind_is_gone);
	tcase_add_test(t, leases_leave_nothing_behind);
	tcase_add_test(t, notices_go_nowhere);

	t = harness_case(s, "conflict");
	tcase_add_test(t, a_serialization_failure_is_tried_again);
	tcase_add_test(t, a_deadlock_is_tried_again);
	tcase_add_test(t, patience_with_locks_is_bounded);
	tcase_add_test(t, a_swallowed_conflict_is_still_one);

	t = harness_case(s, "cancel");
	tcase_add_test(t, cancelling_interrupts);
	tcase_add_test(t, cancelling_between_statements_interrupts);
	tcase_add_test(t, no_cancellation_is_late);
	tcase_add_test(t, a_cancelled_commit_is_not_tried_again);

	add_deadlines(s);
	add_loss(s);

	t = harness_case(s, "open");
	tcase_add_test(t, a_password_is_needed);
	tcase_add_test(t, a_password_is_not_told_later);
	tcase_add_test(t, a_url_may_be_wrong);
	tcase_add_test(t, a_server_may_be_full);
	tcase_add_test(t, a_server_may_be_silent);
	tcase_add_test(t, a_connection_is_set_up);
	return harness_run(s);
}
