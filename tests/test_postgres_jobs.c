/*
 * test_postgres_jobs.c - jobs on a PostgreSQL connection that eider_db_call() did not
 * start: in a lease, and alone in the pool
 */
#include <eider/txn_pool.h>

#include "with_postgres_db.h"

/* [fiber] In a lease. */
static long plain(const char *text)
{
	return eider_call(run_sql, (void *)text);
}

/* [fiber] Alone in the pool. */
static long lone(const char *text)
{
	struct eider_job job;

	eider_job_init(&job, run_sql, (void *)text);
	ck_assert_int_eq(eider_txn_pool_submit(eider_db_pool(db), &job, 0), 0);
	return eider_await(&job.future);
}

#define IN_LEASE(...)                                                          \
	do {                                                                   \
		int lease_err;                                                 \
                                                                               \
		EIDER_TXN(lease_err, eider_db_pool(db), EIDER_NEVER) {         \
			__VA_ARGS__;                                           \
		}                                                              \
		ck_assert_int_eq(lease_err, 0);                                \
	} while (0)

static long call_sleep(void *arg)
{
	(void)arg;
	return sql("SELECT pg_sleep(0.002), 3");
}

/* What was asked of a call does not hit what comes after it. */
DB_TEST(no_cancellation_hits_a_plain_job, .connections_max = 1)
{
	for (unsigned int i = 0; i < harness_count(400, 40); i++) {
		IN_LEASE(
			struct eider_fiber *fiber = spawn(call_sleep, NULL);

			nap(i % 30 * HARNESS_MS / 10);
			eider_cancel(eider_fiber_future(fiber));
			(void)eider_join(fiber);
			ck_assert_int_eq(plain("SELECT pg_sleep(0.002), 3"), 0);
			ck_assert_int_eq(plain("SELECT 7"), 7));
	}
	return 0;
}

DB_TEST(plain_jobs_find_a_connection, .connections_max = 1)
{
	for (int i = 0; i < 3; i++) {
		long pid = backend();

		terminate(pid);
		if (i)
			IN_LEASE(ck_assert_int_eq(plain("SELECT 7"), 7));
		else
			ck_assert_int_eq(lone("SELECT 7"), 7);
		ck_assert_int_ne(backend(), pid);
	}
	return 0;
}

/* Nothing of the deadlines of others, and all of their own. */
DB_TEST(plain_jobs_have_the_leases_deadline, .connections_max = 1)
{
	ck_assert_int_gt(sql_until(TIMEOUT, 100 * HARNESS_S), 0);
	IN_LEASE(ck_assert_int_eq(plain(TIMEOUT), 0));
	ck_assert_int_gt(sql_until(TIMEOUT, 100 * HARNESS_S), 0);
	ck_assert_int_eq(lone(TIMEOUT), 0);
	return 0;
}

static long plain_body(void *arg)
{
	(void)arg;
	ck_assert_int_gt(plain(TIMEOUT), 50000);
	ck_assert_int_le(plain(TIMEOUT), 100000);
	ck_assert_int_eq(plain("INSERT INTO t VALUES (1)"), 0);
	return 0;
}

DB_TEST(plain_jobs_are_in_the_transaction, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic_until(db, plain_body, NULL,
					       eider_after(100 * HARNESS_S)), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

/* Whose transaction is gone gets no handle, and is told why. */
static long ask_in_vain(void *arg)
{
	ck_assert_ptr_null(eider_db_handle(db));
	ck_assert_ptr_null(eider_db_state(db));
	return eider_db_error(arg);
}

static long losing_body(void *arg)
{
	ck_assert_int_eq(plain("INSERT INTO t VALUES (1)"), 0);
	terminate(backend());
	ck_assert_int_eq(plain("INSERT INTO t VALUES (2)"), -ENOTCONN);
	ck_assert_int_eq(eider_call(ask_in_vain, db), -ENOTCONN);
	return (long)(intptr_t)arg;
}

DB_TEST(plain_jobs_do_not_go_on_elsewhere, .connections_max = 1)
{
	ck_assert_int_eq(eider_db_atomic(db, losing_body, NULL), -ENOTCONN);
	IN_LEASE(
		ck_assert_int_eq(plain("BEGIN; INSERT INTO t VALUES (1)"), 0);
		ck_assert_int_eq(plain("INSERT INTO t VALUES (2)"), 0);
		terminate(atol(postgres_sql("SELECT pid FROM pg_stat_activity WHERE "
					    "state = 'idle in transaction'")));
		ck_assert_int_eq(plain("INSERT INTO t VALUES (3)"), -ENOTCONN);
		ck_assert_int_eq(eider_call(ask_in_vain, db), -ENOTCONN);
		ck_assert_int_eq(sql("INSERT INTO t VALUES (4)"), -ENOTCONN));
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

#define CONFLICT "DO $$BEGIN RAISE 'no' USING ERRCODE = '40001'; END$$"

/* The error is the same still for one that has asked for the handle again. */
static long err_and_ask(void *arg)
{
	long err = execute(arg);

	ck_assert_ptr_nonnull(eider_db_handle(db));
	ck_assert_int_eq(eider_db_error(db), err);
	ck_assert_ptr_nonnull(eider_db_handle(db));
	ck_assert_int_eq(eider_db_error(db), err);
	return err;
}

static long erring(const char *text)
{
	return eider_call(err_and_ask, (void *)text);
}

static long erring_body(void *arg)
{
	ck_assert_int_eq(plain("SELECT 7"), 7);
	return erring(arg);
}

DB_TEST(plain_jobs_keep_their_errors, .connections_max = 1, .attempts_max = 1)
{
	IN_LEASE(
		ck_assert_int_eq(erring("INSERT INTO t VALUES (1)"), 0);
		ck_assert_int_eq(erring("INSERT INTO t VALUES (1)"), -EEXIST);
		ck_assert_int_eq(erring(CONFLICT), -EAGAIN);
		ck_assert_int_eq(erring("BEGIN; " CONFLICT), -EAGAIN);
		/* In what has failed there is nothing more to tell the server. */
		ck_assert_int_eq(erring("SELECT 7"), -EAGAIN));
	ck_assert_int_eq(eider_db_atomic(db, erring_body, (void *)CONFLICT),
			 -EAGAIN);
	/* With a deadline, of which the server is told before. */
	ck_assert_int_eq(eider_db_atomic_until(db, erring_body,
					       (void *)"INSERT INTO t VALUES (1)",
					       eider_after(100 * HARNESS_S)),
			 -EEXIST);
	return 0;
}

/* What a lone one leaves open takes nothing of others along. */
DB_TEST(a_lone_job_leaves_nothing_open, .connections_max = 1)
{
	for (long i = 1; i < 4; i++) {
		ck_assert_int_eq(lone("BEGIN; INSERT INTO t VALUES (100)"), 0);
		if (i == 2)
			IN_LEASE(ck_assert_int_eq(plain("INSERT INTO t VALUES (2)"),
						  0));
		else if (i == 3)
			ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (3)"), 0);
		else
			ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
		ck_assert_int_eq(count_rows(), i);
	}
	return 0;
}

/* Not even another lone one goes on with it. */
DB_TEST(lone_jobs_do_not_share, .connections_max = 1)
{
	ck_assert_int_eq(lone("BEGIN; INSERT INTO t VALUES (100)"), 0);
	ck_assert_int_eq(lone("INSERT INTO t VALUES (1)"), 0);
	/* Of none, which is but a warning here. */
	ck_assert_int_eq(lone("COMMIT"), 0);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(sql("SELECT x FROM t"), 1);
	return 0;
}

static long transact(void *arg)
{
	ck_assert_int_eq(execute("BEGIN"), 0);
	ck_assert_int_eq(execute("INSERT INTO t VALUES (1)"), 0);
	return execute(arg);
}

static long transact_alone(const char *end)
{
	struct eider_job job;

	eider_job_init(&job, transact, (void *)end);
	ck_assert_int_eq(eider_txn_pool_submit(eider_db_pool(db), &job, 0), 0);
	return eider_await(&job.future);
}

/* One that asks for the handle again and again is still in what it began. */
DB_TEST(a_lone_job_may_transact, .connections_max = 1)
{
	ck_assert_int_eq(transact_alone("ROLLBACK"), 0);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(transact_alone("COMMIT"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

int main(void)
{
	Suite *s;
	TCase *t;

	postgres_start_server();
	s = suite_create("postgres_jobs");
	t = harness_case(s, "lease");
	tcase_add_test(t, no_cancellation_hits_a_plain_job);
	tcase_add_test(t, plain_jobs_find_a_connection);
	tcase_add_test(t, plain_jobs_have_the_leases_deadline);
	tcase_add_test(t, plain_jobs_are_in_the_transaction);
	tcase_add_test(t, plain_jobs_do_not_go_on_elsewhere);
	tcase_add_test(t, plain_jobs_keep_their_errors);

	t = harness_case(s, "alone");
	tcase_add_test(t, a_lone_job_leaves_nothing_open);
	tcase_add_test(t, lone_jobs_do_not_share);
	tcase_add_test(t, a_lone_job_may_transact);
	return harness_run(s);
}
