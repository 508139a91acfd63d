/*
 * with_db.h - what the tests of databases are made of
 *
 * Each test has a database of one table, t (x), made by with_db(), which runs the
 * test's body as a fiber and closes everything.
 */
#ifndef EIDER_TESTS_WITH_DB_H
#define EIDER_TESTS_WITH_DB_H

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <eider/db.h>

#include "harness.h"

static struct eider_executor *executor;
static struct eider_loop *loop;
static struct eider_db *db;

/* Options of which one or two matter. */
#define DB_OPTIONS(...)                                                        \
	(&(const struct eider_db_options){                                     \
		.size = sizeof(struct eider_db_options), __VA_ARGS__ })

/* With these a conflict is found at once, and tried again until there is none. */
#define IMPATIENT DB_OPTIONS(.busy_ns = HARNESS_MS, .attempts_max = 1000000)

static inline int take_value(void *arg, int n, char **values, char **names)
{
	long *value = arg;

	(void)names;
	*value = n && values[0] ? atol(values[0]) : 0;
	return 0;
}

/* [job] Execute; the first column of the last row, or 0. */
static inline long execute(const char *text)
{
	long value = 0;

	if (sqlite3_exec(eider_db_handle(db), text, take_value, &value, NULL))
		return eider_db_error(db);
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

static inline long count_rows(void)
{
	return sql("SELECT count(*) FROM t");
}

/* A body of one statement. */
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

/*
 * With what stands behind the name in the URL. A conflict is what a test makes on
 * purpose, and then it says how long the engine waits: else that is long, for a thread
 * that has a lock may have no CPU.
 */
static inline struct eider_db *open_db_with(const char *name, const char *parameters,
					    const struct eider_db_options *options)
{
	struct eider_db_options o = { .size = sizeof(o) };
	struct eider_db *opened;
	char url[300];
	int err;

	if (options)
		o = *options;
	if (!o.busy_ns)
		o.busy_ns = (int64_t)(20 * HARNESS_S * harness_slow());
	snprintf(url, sizeof(url), "sqlite:%s%s", harness_temp_file(name), parameters);
	err = eider_db_open(executor, &eider_sqlite, url, &o, &opened);
	ck_assert_msg(!err, "open: %s", eider_strerror(err));
	ck_assert_str_eq(eider_db_url(opened), url);
	return opened;
}

/* A test is not about the disk, which may take seconds to sync for a commit. */
static inline struct eider_db *open_db(const char *name,
				       const struct eider_db_options *o)
{
	return open_db_with(name, "?synchronous=normal", o);
}

static inline long create(void *arg)
{
	(void)arg;
	return sql("CREATE TABLE t (x INTEGER UNIQUE)");
}

static inline void set_up(const struct eider_db_options *options)
{
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
	db = open_db("test.db", options);
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

/* A transaction that is open, having written, until let_go is set. */
static unsigned int let_go, held;

static inline long holding_body(void *arg)
{
	long err = sql("INSERT INTO t VALUES (1)");

	(void)arg;
	harness_add(&held, 1);
	while (!harness_get(&let_go))
		nap(HARNESS_MS);
	return err;
}

static inline long hold(void *arg)
{
	return eider_db_atomic(db, holding_body, arg);
}

static inline struct eider_fiber *spawn_holder(void)
{
	struct eider_fiber *fiber = spawn(hold, NULL);

	ck_assert(harness_wait_count(&held, 1));
	return fiber;
}

#endif
