/*
 * with_postgres_db.h - what the tests of databases on PostgreSQL are made of
 *
 * Each test has a database of one table, t (x, y), made by with_db(), which runs the
 * test's body as a fiber and closes everything.
 */
#ifndef EIDER_TESTS_WITH_POSTGRES_DB_H
#define EIDER_TESTS_WITH_POSTGRES_DB_H

#include <eider/db.h>

#include "with_postgres.h"

static struct eider_executor *executor;
static struct eider_loop *loop;
static struct eider_db *db;
static const char *db_url;	/* of the next; NULL: that of the server */

/* Options of which one or two matter. */
#define DB_OPTIONS(...)                                                        \
	(&(const struct eider_db_options){                                     \
		.size = sizeof(struct eider_db_options), __VA_ARGS__ })

/* [job] Execute; the first value as a number, or 0. */
static inline long execute(const char *text)
{
	PGresult *result = PQexec(eider_db_handle(db), text);
	ExecStatusType status = PQresultStatus(result);
	long value = eider_db_error(db);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		ck_assert_int_eq(value, 0);
	else
		ck_assert_int_lt(value, 0);
	if (!value && PQntuples(result))
		value = atol(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

static inline long run_sql(void *arg)
{
	return execute(arg);
}

/* [fiber] */
static inline long sql(const char *text)
{
	return eider_db_call(db, run_sql, (void *)text);
}

static inline long sql_until(const char *text, int64_t ns)
{
	return eider_db_call_until(db, run_sql, (void *)text, eider_after(ns));
}

static inline long count_rows(void)
{
	return sql("SELECT count(*) FROM t");
}

static inline long sql_body(void *arg)
{
	return sql(arg);
}

static inline long atomic_sql(const char *text)
{
	return eider_db_atomic(db, sql_body, (void *)text);
}

static inline struct eider_db_counts counts(void)
{
	struct eider_db_counts n;

	eider_db_count(db, &n);
	return n;
}

static inline long create(void *arg)
{
	(void)arg;
	return sql("CREATE TABLE t (x bigint UNIQUE, y bigint)");
}

static inline void set_up(const struct eider_db_options *options)
{
	int err;

	postgres_clean();
	/* The tests talk to the server themselves at times, and wait for it. */
	ck_assert_int_eq(eider_executor_new(
				 HARNESS_OPTIONS(.loop_stall_ns = EIDER_NEVER),
				 &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
	err = eider_db_open(executor, &eider_postgres,
			    db_url ? db_url : postgres_url(), options, &db);
	ck_assert_msg(!err, "open: %s", eider_strerror(err));
	ck_assert_int_eq(eider_block_on(loop, create, NULL), 0);
}

static inline void tear_down(void)
{
	ck_assert_int_eq(eider_db_close(db), 0);
	ck_assert_int_eq(eider_loop_free(loop), 0);
	eider_executor_free(executor);
}

static inline void with_db(eider_fn *body, const struct eider_db_options *options)
{
	long result;

	set_up(options);
	result = eider_block_on(loop, body, NULL);
	ck_assert_msg(result >= 0, "%s", eider_strerror((int)result));
	tear_down();
}

#define DB_TEST(name, ...)                                                     \
	static long name##_fiber(void *arg);                                   \
	START_TEST(name)                                                       \
	{                                                                      \
		with_db(name##_fiber, DB_OPTIONS(__VA_ARGS__));                \
	}                                                                      \
	END_TEST                                                               \
	static long name##_fiber(__attribute__((unused)) void *arg)

static inline struct eider_fiber *spawn(eider_fn *fn, void *arg)
{
	struct eider_fiber *fiber;

	ck_assert_int_eq(eider_spawn(fn, arg, &fiber), 0);
	return fiber;
}

static inline void nap(int64_t ns)
{
	ck_assert_int_eq(eider_sleep_until(eider_after(ns)), 0);
}

/* Is @setting now @value? 1 or 0. */
static inline long is_set(const char *setting, const char *value)
{
	char text[200];

	snprintf(text, sizeof(text), "SELECT (current_setting('%s') = '%s')::int",
		 setting, value);
	return sql(text);
}

/* [job] In ms; 0 is none. */
#define TIMEOUT "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"

static inline long backend(void)
{
	return sql("SELECT pg_backend_pid()");
}

/* From outside; and wait until it has gone. */
static inline void terminate(long pid)
{
	char text[200];

	snprintf(text, sizeof(text), "SELECT pg_terminate_backend(%ld, 20000)", pid);
	ck_assert_str_eq(postgres_sql(text), "t");
}

#endif
