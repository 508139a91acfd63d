/*
 * test_db.c - transactions on an SQLite database
 */
#include <sys/stat.h>

#include "with_db.h"

/* --- commit and roll back -------------------------------------------------- */

static long insert_and_answer(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return arg ? -EDOM : 42;
}

static long commit_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, insert_and_answer, NULL), 42);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_uint_eq(counts().rolled_back, 0);
	ck_assert_uint_eq(counts().retried, 0);
	return 0;
}

START_TEST(commits)
{
	with_db(commit_fiber, NULL);
}
END_TEST

static long roll_back_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, insert_and_answer, db), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_uint_eq(counts().committed, 0);
	ck_assert_uint_eq(counts().rolled_back, 1);
	return 0;
}

START_TEST(rolls_back)
{
	with_db(roll_back_fiber, NULL);
}
END_TEST

static long refuse_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(NULL, sql_body, arg), -EINVAL);
	ck_assert_int_eq(eider_db_atomic(db, NULL, arg), -EINVAL);
	ck_assert_int_eq(eider_db_call(NULL, run_sql, arg), -EINVAL);
	ck_assert_int_eq(eider_db_call(db, NULL, arg), -EINVAL);
	return 0;
}

START_TEST(bad_arguments_are_refused)
{
	with_db(refuse_fiber, NULL);
}
END_TEST

START_TEST(only_fibers_may)
{
	set_up(NULL);
	ck_assert_int_eq(eider_db_atomic(db, sql_body, NULL), -EPERM);
	ck_assert_int_eq(eider_db_call(db, run_sql, NULL), -EPERM);
	tear_down();
}
END_TEST

/* Deferred: nothing is wrong until the commit. */
static long orphan_body(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql("INSERT INTO child VALUES (7)"), 0);
	return 0;
}

static long failing_commit_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql("CREATE TABLE child (x REFERENCES t (x) "
			     "DEFERRABLE INITIALLY DEFERRED)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, orphan_body, NULL), -EEXIST);
	ck_assert_int_eq(sql("SELECT count(*) FROM child"), 0);
	ck_assert_uint_eq(counts().rolled_back, 1);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (7);"
				    "INSERT INTO child VALUES (7)"), 0);
	ck_assert_int_eq(sql("SELECT count(*) FROM child"), 1);
	return 0;
}

START_TEST(a_failing_commit_rolls_back)
{
	with_db(failing_commit_fiber, NULL);
}
END_TEST

static long error_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), -EEXIST);
	ck_assert_int_eq(sql("SELECT nonsense"), -EINVAL);
	ck_assert_int_eq(sql("PRAGMA query_only = 1; DELETE FROM t"), -EROFS);
	ck_assert_int_eq(sql("PRAGMA query_only = 0; PRAGMA max_page_count = 4"), 4);
	ck_assert_int_eq(sql("CREATE TABLE much AS SELECT zeroblob(1000000)"),
			 -ENOSPC);
	ck_assert_int_eq(sql("ATTACH '/no/such/place' AS elsewhere"), -ENOENT);
	ck_assert_int_eq(sql("PRAGMA foreign_keys"), 1);
	return 0;
}

START_TEST(errors_have_codes)
{
	with_db(error_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* What the job has met since is not the engine's. */
static long attach_nothing(void *arg)
{
	ck_assert_int_eq(execute("ATTACH '/no/such/place' AS elsewhere"), -ENOENT);
	errno = EAGAIN;
	return eider_db_error(arg);
}

static long later_errno_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_db_call(db, attach_nothing, db), -ENOENT);
	return 0;
}

START_TEST(a_later_errno_is_not_the_engines)
{
	with_db(later_errno_fiber, NULL);
}
END_TEST

static long end_it_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(sql("ROLLBACK"), 0);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), -ESTALE);
	return arg ? atomic_sql("INSERT INTO t VALUES (3)") : 0;
}

static long ended_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, end_it_body, NULL), -ESTALE);
	ck_assert_int_eq(eider_db_atomic(db, end_it_body, db), -ESTALE);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (4)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

START_TEST(what_the_engine_ended_is_over)
{
	with_db(ended_fiber, NULL);
}
END_TEST

/* --- savepoints ------------------------------------------------------------ */

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
	ck_assert_int_eq(count_rows(), 3);
	return (long)(intptr_t)arg;
}

static long outer_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(eider_db_atomic(db, inner_body, (void *)-ERANGE), -ERANGE);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(eider_db_atomic(db, third_body, (void *)-EDOM), -EDOM);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(eider_db_atomic(db, third_body, NULL), 0);
	ck_assert_int_eq(count_rows(), 3);
	return arg ? -EDOM : 0;
}

static long nested_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(db, outer_body, db), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic(db, outer_body, arg), 0);
	ck_assert_int_eq(count_rows(), 3);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_uint_eq(counts().rolled_back, 1);
	return 0;
}

START_TEST(nested_is_a_savepoint)
{
	with_db(nested_fiber, NULL);
}
END_TEST

static unsigned int inner_open, outer_ended;

static long hold_inner_body(void *arg)
{
	harness_add(&inner_open, 1);
	while (!harness_get(&outer_ended))
		nap(HARNESS_MS);
	return (long)(intptr_t)arg;
}

static long hold_inner(void *arg)
{
	return eider_db_atomic(db, hold_inner_body, arg);
}

static long overtaken_body(void *arg)
{
	(void)arg;
	while (!harness_get(&inner_open))
		nap(HARNESS_MS);
	return sql("SELECT 0");
}

/* Two children, a savepoint each, and the second opens last and ends last. */
static long siblings_body(void *arg)
{
	struct eider_fiber *below, *above;

	below = spawn((eider_fn *)arg, NULL);
	eider_yield();
	above = spawn(hold_inner, NULL);
	ck_assert_int_eq(eider_join(below), -EBUSY);
	harness_add(&outer_ended, 1);
	ck_assert_int_eq(eider_join(above), -ESTALE);
	return count_rows();
}

static long below(void *arg)
{
	return eider_db_atomic(db, overtaken_body, arg);
}

static long siblings_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, siblings_body, (void *)below), 0);
	return 0;
}

START_TEST(savepoints_do_not_cross)
{
	with_db(siblings_fiber, NULL);
}
END_TEST

/* A child that goes on after its transaction: none of its work may be kept alone. */
static unsigned int child_may_go_on;

static long outliving_child(void *arg)
{
	(void)arg;
	while (!harness_get(&child_may_go_on))
		nap(HARNESS_MS);
	return sql("INSERT INTO t VALUES (9)");
}

static long abandoning_body(void *arg)
{
	*(struct eider_fiber **)arg = spawn(outliving_child, NULL);
	return 0;
}

static long outliving_fiber(void *arg)
{
	struct eider_fiber *child;

	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, abandoning_body, &child), 0);
	harness_add(&child_may_go_on, 1);
	ck_assert_int_eq(eider_join(child), -ESTALE);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

START_TEST(a_child_does_not_outlive_the_transaction)
{
	with_db(outliving_fiber, NULL);
}
END_TEST

/* The same, but it is already on its way when the transaction ends. */
static struct eider_job straggler;

static long late_insert(void *arg)
{
	(void)arg;
	ck_assert_int_ge(eider_submit(&straggler, run_sql, (void *)"SELECT 1"), 0);
	eider_yield();
	return sql("INSERT INTO t VALUES (9)");
}

static long racing_body(void *arg)
{
	*(struct eider_fiber **)arg = spawn(late_insert, NULL);
	eider_yield();
	return 0;
}

static long racing_fiber(void *arg)
{
	struct eider_fiber *child;
	long result;

	(void)arg;
	ck_assert_int_eq(eider_db_atomic(db, racing_body, &child), 0);
	result = eider_join(child);
	ck_assert_int_eq(eider_await(&straggler.future), 1);
	ck_assert(result == 0 || result == -ESTALE);
	ck_assert_int_eq(count_rows(), result == 0);
	return 0;
}

START_TEST(a_child_may_be_too_late)
{
	with_db(racing_fiber, NULL);
}
END_TEST

/* --- conflicts ------------------------------------------------------------- */

static bool has_retried(void *arg)
{
	(void)arg;
	return counts().retried >= 2;
}

static long insert_two(void *arg)
{
	(void)arg;
	return atomic_sql("INSERT INTO t VALUES (2)");
}

static long conflict_fiber(void *arg)
{
	struct eider_fiber *holder = spawn_holder();
	struct eider_fiber *other = spawn(insert_two, arg);

	ck_assert(harness_wait_until(has_retried, NULL));
	harness_add(&let_go, 1);
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(eider_join(other), 0);
	ck_assert_int_eq(count_rows(), 2);
	ck_assert_uint_eq(counts().committed, 2);
	ck_assert_uint_eq(counts().rolled_back, 0);
	return 0;
}

START_TEST(a_conflict_is_tried_again)
{
	with_db(conflict_fiber, IMPATIENT);
}
END_TEST

static long exhausted_fiber(void *arg)
{
	struct eider_fiber *holder = spawn_holder();

	(void)arg;
	ck_assert_int_eq(insert_two(NULL), -EAGAIN);
	ck_assert_uint_eq(counts().retried, 2);
	harness_add(&let_go, 1);
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

START_TEST(attempts_are_bounded)
{
	with_db(exhausted_fiber,
		DB_OPTIONS(.busy_ns = HARNESS_MS, .attempts_max = 3));
}
END_TEST

/* Another process, or another pool, is no different. */
static long foreign_fiber(void *arg)
{
	struct eider_fiber *other;
	sqlite3 *foreign;

	ck_assert_int_eq(sqlite3_open(harness_temp_file("test.db"), &foreign), 0);
	ck_assert_int_eq(sqlite3_exec(foreign, "BEGIN IMMEDIATE", 0, 0, 0), 0);
	other = spawn(insert_two, arg);
	ck_assert(harness_wait_until(has_retried, NULL));
	ck_assert_int_eq(sqlite3_exec(foreign, "COMMIT", 0, 0, 0), 0);
	ck_assert_int_eq(sqlite3_close(foreign), 0);
	ck_assert_int_eq(eider_join(other), 0);
	return 0;
}

START_TEST(a_foreign_conflict_is_tried_again)
{
	with_db(foreign_fiber, IMPATIENT);
}
END_TEST

static unsigned int runs, inner_runs;

static long twice_unlucky_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	(void)arg;
	return ++runs < 3 ? -EAGAIN : 7;
}

static long unlucky_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(db, twice_unlucky_body, arg), 7);
	ck_assert_uint_eq(runs, 3);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().retried, 2);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_uint_eq(counts().rolled_back, 0);
	return 0;
}

START_TEST(a_body_may_say_conflict)
{
	with_db(unlucky_fiber, NULL);
}
END_TEST

static long conflicting_inner(void *arg)
{
	(void)arg;
	return ++inner_runs == 1 ? -EAGAIN : 0;
}

static long repeated_outer(void *arg)
{
	runs++;
	return eider_db_atomic(db, conflicting_inner, arg);
}

static long savepoint_conflict_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(db, repeated_outer, arg), 0);
	ck_assert_uint_eq(runs, 2);
	ck_assert_uint_eq(inner_runs, 2);
	return 0;
}

START_TEST(a_savepoint_is_not_repeated)
{
	with_db(savepoint_conflict_fiber, NULL);
}
END_TEST

/* While one pauses after a conflict it has no connection. */
static long pausing_body(void *arg)
{
	(void)arg;
	return ++runs == 1 ? -EAGAIN : 0;
}

static long pause_then_commit(void *arg)
{
	return eider_db_atomic(db, pausing_body, arg);
}

static bool has_run(void *arg)
{
	(void)arg;
	return runs > 0;
}

static long pause_fiber(void *arg)
{
	struct eider_fiber *other = spawn(pause_then_commit, arg);

	ck_assert(harness_wait_until(has_run, NULL));
	ck_assert_int_eq(insert_two(NULL), 0);
	ck_assert_uint_eq(runs, 1);
	eider_cancel(eider_fiber_future(other));
	ck_assert_int_eq(eider_join(other), -ECANCELED);
	ck_assert_uint_eq(runs, 1);
	return 0;
}

START_TEST(a_pause_holds_nothing)
{
	with_db(pause_fiber,
		DB_OPTIONS(.connections_max = 1, .backoff_ns = 1000 * HARNESS_S));
}
END_TEST

static long atomic_sql_until(const char *text, int64_t ns)
{
	return eider_db_atomic_until(db, sql_body, (void *)text, eider_after(ns));
}

static long select_one_until(int64_t ns)
{
	return eider_db_atomic_until(db, sql_body, (void *)"SELECT 1",
				     eider_after(ns));
}

static long deadline_fiber(void *arg)
{
	struct eider_fiber *holder = spawn_holder();

	(void)arg;
	ck_assert_int_eq(select_one_until(20 * HARNESS_MS), -ETIME);
	harness_add(&let_go, 1);
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(select_one_until(1000 * HARNESS_S), 1);
	return 0;
}

START_TEST(a_deadline_bounds_the_wait)
{
	with_db(deadline_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* The engine would wait for the lock much longer. */
static long impatient_fiber(void *arg)
{
	struct eider_fiber *holder = spawn_holder();

	(void)arg;
	ck_assert_int_eq(atomic_sql_until("INSERT INTO t VALUES (2)", 20 * HARNESS_MS),
			 -ETIME);
	ck_assert_int_eq(eider_db_call_until(db, run_sql,
					     (void *)"INSERT INTO t VALUES (2)",
					     eider_after(20 * HARNESS_MS)), -ETIME);
	harness_add(&let_go, 1);
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

START_TEST(a_deadline_ends_the_wait_for_a_lock)
{
	with_db(impatient_fiber, DB_OPTIONS(.busy_ns = 1000 * HARNESS_S));
}
END_TEST

static long late_body(void *arg)
{
	long err = sql("INSERT INTO t VALUES (1)");

	(void)arg;
	if (!err)
		nap(2 * HARNESS_S);
	return err;
}

static long late_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic_until(db, late_body, arg,
					       eider_after(HARNESS_S)), -ETIME);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic_until(db, late_body, arg, eider_after(-1)),
			 -ETIME);
	return 0;
}

START_TEST(a_late_commit_is_none)
{
	with_db(late_fiber, NULL);
}
END_TEST

/* --- cancelling ------------------------------------------------------------ */

#define FOR_EVER "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL " \
		 "SELECT i + 1 FROM n) SELECT count(*) FROM n"

static long call_until(const char *text, int64_t ns)
{
	return eider_db_call_until(db, run_sql, (void *)text, eider_after(ns));
}

/* In a savepoint, in a transaction, and alone: the sooner deadline counts. */
static long inner_until_body(void *arg)
{
	(void)arg;
	ck_assert_int_eq(call_until(FOR_EVER, 20 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(atomic_sql_until(FOR_EVER, 20 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	return call_until(FOR_EVER, 1000 * HARNESS_S);
}

static long until_fiber(void *arg)
{
	int64_t patience = (int64_t)(2 * HARNESS_S * harness_slow());

	ck_assert_int_eq(call_until(FOR_EVER, 20 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(call_until("SELECT 7", -1), -ETIME);
	ck_assert_int_eq(atomic_sql_until(FOR_EVER, 20 * HARNESS_MS), -ETIME);
	ck_assert_int_eq(eider_db_atomic_until(db, inner_until_body, arg,
					       eider_after(patience)), -ETIME);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(call_until("SELECT 7", 1000 * HARNESS_S), 7);
	return 0;
}

START_TEST(a_deadline_ends_a_statement)
{
	with_db(until_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

static unsigned int started;

static long run_for_ever(void *arg)
{
	harness_add(&started, 1);
	/* Any interruption from now on comes before the statement does. */
	while (arg && !eider_cancelled())
		harness_nap(HARNESS_MS);
	return execute(FOR_EVER);
}

static long for_ever_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	return eider_db_call(db, run_for_ever, arg);
}

static long atomic_for_ever(void *arg)
{
	return eider_db_atomic(db, for_ever_body, arg);
}

static long call_for_ever(void *arg)
{
	return eider_db_call(db, run_for_ever, arg);
}

static void cancel_one(eider_fn *fn, void *arg)
{
	struct eider_fiber *fiber = spawn(fn, arg);

	harness_set(&started, 0);
	ck_assert(harness_wait_count(&started, 1));
	nap(10 * HARNESS_MS);
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1); DELETE FROM t"), 0);
}

static long cancel_fiber(void *arg)
{
	(void)arg;
	cancel_one(atomic_for_ever, NULL);
	cancel_one(call_for_ever, NULL);
	return 0;
}

START_TEST(cancelling_interrupts)
{
	with_db(cancel_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

static long cancel_early_fiber(void *arg)
{
	(void)arg;
	cancel_one(atomic_for_ever, db);
	cancel_one(call_for_ever, db);
	return 0;
}

START_TEST(cancelling_between_statements_interrupts)
{
	with_db(cancel_early_fiber, NULL);
}
END_TEST

/* It is delivered to the first wait after the body: the commit, or the undoing. */
static struct eider_fiber *myself;

static long cancel_myself_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	eider_cancel(eider_fiber_future(myself));
	return (long)(intptr_t)arg;
}

static long cancel_myself(void *arg)
{
	return eider_db_atomic(db, cancel_myself_body, arg);
}

static long cancel_the_end_fiber(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		long result;

		myself = spawn(cancel_myself, i % 2 ? (void *)-EDOM : (void *)1);
		result = eider_join(myself);
		/* A commit may be faster than its cancellation. */
		if (i % 2)
			ck_assert_int_eq(result, -EDOM);
		else if (result != 1)
			ck_assert_int_eq(result, -ECANCELED);
		ck_assert_int_eq(count_rows(), result > 0);
		ck_assert_int_eq(atomic_sql("DELETE FROM t"), 0);
	}
	return 0;
}

START_TEST(a_cancelled_fiber_rolls_back)
{
	with_db(cancel_the_end_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* --- a begin that fails ------------------------------------------------------ */

/*
 * The body runs while begin is on its way; if that fails nothing of it happens, and
 * least of all outside of a transaction, where it would be kept. So what made it fail
 * is over as soon as the body knows of it, and the body goes on.
 */
static struct {
	void (*cause)(bool);		/* make it fail, or no more */
	long error;
	unsigned int runs;
	sqlite3 *foreign;
} refusal;

/* Another's lock. */
static void lock_out(bool on)
{
	if (on) {
		ck_assert_int_eq(sqlite3_open(harness_temp_file("test.db"),
					      &refusal.foreign), 0);
		ck_assert_int_eq(sqlite3_exec(refusal.foreign, "BEGIN IMMEDIATE", 0, 0,
					      0), 0);
		return;
	}
	ck_assert_int_eq(sqlite3_exec(refusal.foreign, "COMMIT", 0, 0, 0), 0);
	ck_assert_int_eq(sqlite3_close(refusal.foreign), 0);
}

static void move_away(const char *from, const char *to)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char source[300], target[300];

	for (int i = 0; i < 3; i++) {
		snprintf(source, sizeof(source), "%s/%s%s", harness_temp_dir(), from,
			 suffixes[i]);
		snprintf(target, sizeof(target), "%s/%s%s", harness_temp_dir(), to,
			 suffixes[i]);
		rename(source, target);
	}
}

/* The file is gone, which breaks the connection. */
static void take_away(bool on)
{
	if (on) {
		move_away("test.db", "away.db");
		ck_assert_int_eq(mkdir(harness_temp_file("test.db"), 0700), 0);
	} else {
		ck_assert_int_eq(rmdir(harness_temp_file("test.db")), 0);
		move_away("away.db", "test.db");
	}
}

/* A job that eider_db_call() knows nothing of. */
static long has_handle(void *arg)
{
	(void)arg;
	return eider_db_handle(db) != NULL;
}

/* With another result than begin's, or begun again. */
static long stubborn_body(void *arg)
{
	if (refusal.runs++) {
		ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
		return count_rows();
	}
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), refusal.error);
	refusal.cause(false);
	ck_assert_int_eq(sql("INSERT INTO t VALUES (2)"), refusal.error);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (3)"), refusal.error);
	ck_assert_int_eq(sql("BEGIN; INSERT INTO t VALUES (4)"), refusal.error);
	ck_assert_int_eq(sql("SELECT 1"), refusal.error);
	ck_assert_int_eq(eider_call(has_handle, NULL), false);
	return arg ? -EDOM : 42;
}

static void fails_to_begin(void (*cause)(bool), long error, int64_t ns, long result)
{
	for (int i = 0; i < 2; i++) {
		int64_t deadline = ns ? eider_after(ns) : EIDER_NEVER;

		refusal.cause = cause;
		refusal.error = error;
		refusal.runs = 0;
		cause(true);
		ck_assert_int_eq(eider_db_atomic_until(db, stubborn_body, i ? db : NULL,
						       deadline), result);
		ck_assert_int_eq(count_rows(), result > 0);
		ck_assert_uint_eq(counts().committed, (i + 1) * (result > 0) + i);
		/* On the same thread, of which nothing is to be seen. */
		ck_assert_int_eq(atomic_sql("DELETE FROM t"), 0);
	}
}

static long busy_fiber(void *arg)
{
	(void)arg;
	fails_to_begin(lock_out, -EAGAIN, 0, -EAGAIN);
	return 0;
}

START_TEST(nothing_happens_without_a_begin)
{
	with_db(busy_fiber, DB_OPTIONS(.connections_max = 1, .busy_ns = HARNESS_MS,
				       .attempts_max = 1));
}
END_TEST

static long begun_again_fiber(void *arg)
{
	(void)arg;
	fails_to_begin(lock_out, -EAGAIN, 0, 1);
	return 0;
}

START_TEST(but_all_of_it_when_begun_again)
{
	with_db(begun_again_fiber,
		DB_OPTIONS(.connections_max = 1, .busy_ns = HARNESS_MS,
			   .attempts_max = 2));
}
END_TEST

static long begun_late_fiber(void *arg)
{
	(void)arg;
	fails_to_begin(lock_out, -ETIME, (int64_t)(100 * HARNESS_MS * harness_slow()),
		       -ETIME);
	return 0;
}

START_TEST(nor_when_it_is_too_late)
{
	with_db(begun_late_fiber, DB_OPTIONS(.connections_max = 1,
					     .busy_ns = 1000 * HARNESS_S));
}
END_TEST

static long begun_lost_fiber(void *arg)
{
	(void)arg;
	fails_to_begin(take_away, -EISDIR, 0, -EISDIR);
	return 0;
}

START_TEST(nor_without_a_connection)
{
	with_db(begun_lost_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* --- one lease after another ------------------------------------------------- */

/* A lease with statements of its own, among which may be a BEGIN. */
static void lease(const char *first, const char *second)
{
	int err;

	EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
		ck_assert_int_ge(sql(first), 0);
		ck_assert_int_ge(sql(second), 0);
	}
	ck_assert_int_eq(err, 0);
}

#define INSERT "INSERT INTO t SELECT coalesce(max(x), 0) + 1 FROM t"

static const struct {
	const char *first, *second;
	int rows;
} leases[] = {
	{ "BEGIN", INSERT, 0 },
	{ "SELECT 1", "BEGIN; " INSERT, 0 },
	{ "BEGIN; " INSERT, "COMMIT", 1 },
	{ INSERT, "BEGIN IMMEDIATE", 1 },
	{ INSERT, INSERT, 2 },
	{ "BEGIN; " INSERT "; COMMIT", "BEGIN; " INSERT, 1 },
	{ "SELECT 1", "SELECT 1", 0 },
};

enum { LEASES = sizeof(leases) / sizeof(leases[0]) };

/* On one connection, in any order: none sees what another has left. */
static long leases_fiber(void *arg)
{
	unsigned int seed = 3;
	long rows = 0;

	(void)arg;
	for (unsigned int i = 0; i < harness_count(400, 100); i++) {
		int kind = rand_r(&seed) % (LEASES + 2);

		if (kind < LEASES) {
			lease(leases[kind].first, leases[kind].second);
			rows += leases[kind].rows;
		} else if (kind == LEASES) {
			ck_assert_int_eq(atomic_sql(INSERT), 0);
			rows++;
		} else {
			ck_assert_int_eq(sql("BEGIN; " INSERT), 0);
		}
		if (rand_r(&seed) % 2)
			ck_assert_int_eq(count_rows(), rows);
	}
	ck_assert_int_eq(count_rows(), rows);
	ck_assert_uint_eq(counts().connections_peak, 1);
	return 0;
}

/* By jobs that eider_db_call() knows nothing of. */
static long plain_jobs_fiber(void *arg)
{
	int err = 0;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
			if (i)
				ck_assert_int_eq(sql("SELECT 1"), 1);
			ck_assert_int_eq(eider_call(run_sql, (void *)"BEGIN; " INSERT),
					 0);
		}
		EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER)
			ck_assert_int_eq(sql("BEGIN"), 0);
		ck_assert_int_eq(count_rows(), 0);
	}
	return err;
}

START_TEST(nor_do_plain_jobs)
{
	with_db(plain_jobs_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

static long lone(const char *text)
{
	struct eider_job job;

	eider_job_init(&job, run_sql, (void *)text);
	ck_assert_int_eq(eider_txn_pool_submit(eider_db_pool(db), &job, 0), 0);
	return eider_await(&job.future);
}

/* Not even in the pool, in no context. */
static long lone_jobs_fiber(void *arg)
{
	(void)arg;
	for (long i = 1; i < 4; i++) {
		ck_assert_int_eq(lone("BEGIN; " INSERT), 0);
		ck_assert_int_eq(i == 2 ? atomic_sql(INSERT) : sql(INSERT), 0);
		ck_assert_int_eq(count_rows(), i);
	}
	return 0;
}

START_TEST(nor_do_lone_jobs)
{
	with_db(lone_jobs_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* Nor does one go on with what another has begun. */
static long lone_after_lone_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(lone("BEGIN; INSERT INTO t VALUES (100)"), 0);
	ck_assert_int_eq(lone("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(lone("COMMIT"), -EINVAL);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(sql("SELECT x FROM t"), 1);
	return 0;
}

START_TEST(nor_do_lone_jobs_for_each_other)
{
	with_db(lone_after_lone_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

START_TEST(leases_leave_nothing_behind)
{
	with_db(leases_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("db");
	TCase *t = harness_case(s, "transaction");

	tcase_add_test(t, commits);
	tcase_add_test(t, rolls_back);
	tcase_add_test(t, bad_arguments_are_refused);
	tcase_add_test(t, only_fibers_may);
	tcase_add_test(t, a_failing_commit_rolls_back);
	tcase_add_test(t, errors_have_codes);
	tcase_add_test(t, a_later_errno_is_not_the_engines);
	tcase_add_test(t, what_the_engine_ended_is_over);
	tcase_add_test(t, nested_is_a_savepoint);
	tcase_add_test(t, savepoints_do_not_cross);
	tcase_add_test(t, a_child_does_not_outlive_the_transaction);
	tcase_add_test(t, a_child_may_be_too_late);

	t = harness_case(s, "conflict");
	tcase_add_test(t, a_conflict_is_tried_again);
	tcase_add_test(t, a_foreign_conflict_is_tried_again);
	tcase_add_test(t, attempts_are_bounded);
	tcase_add_test(t, a_body_may_say_conflict);
	tcase_add_test(t, a_savepoint_is_not_repeated);
	tcase_add_test(t, a_pause_holds_nothing);
	tcase_add_test(t, a_deadline_bounds_the_wait);
	tcase_add_test(t, a_deadline_ends_the_wait_for_a_lock);
	tcase_add_test(t, a_deadline_ends_a_statement);
	tcase_add_test(t, a_late_commit_is_none);

	t = harness_case(s, "cancel");
	tcase_add_test(t, cancelling_interrupts);
	tcase_add_test(t, cancelling_between_statements_interrupts);
	tcase_add_test(t, a_cancelled_fiber_rolls_back);

	t = harness_case(s, "begin");
	tcase_add_test(t, nothing_happens_without_a_begin);
	tcase_add_test(t, but_all_of_it_when_begun_again);
	tcase_add_test(t, nor_when_it_is_too_late);
	tcase_add_test(t, nor_without_a_connection);
	tcase_add_test(t, leases_leave_nothing_behind);
	tcase_add_test(t, nor_do_plain_jobs);
	tcase_add_test(t, nor_do_lone_jobs);
	tcase_add_test(t, nor_do_lone_jobs_for_each_other);

	return harness_run(s);
}
