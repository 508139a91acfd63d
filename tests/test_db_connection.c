/*
 * test_db_connection.c - the connections of a database: threads, loss, closing
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "with_db.h"

/* --- threads and connections ----------------------------------------------- */

enum {
	SEEN_MAX = 16,
};

/* Which thread has which connection: for good. */
static struct seen {
	void *handle;
	pid_t thread;
} seen[SEEN_MAX];

static void note(void *handle, pid_t thread)
{
	int i = 0;

	while (i < SEEN_MAX && seen[i].handle && seen[i].handle != handle &&
	       seen[i].thread != thread)
		i++;
	ck_assert_int_lt(i, SEEN_MAX);
	if (!seen[i].handle)
		seen[i] = (struct seen){ handle, thread };
	ck_assert_ptr_eq(seen[i].handle, handle);
	ck_assert_int_eq(seen[i].thread, thread);
}

static long look_around(void *arg)
{
	struct seen *s = arg;

	s->handle = eider_db_handle(db);
	s->thread = gettid();
	ck_assert_ptr_nonnull(s->handle);
	ck_assert_ptr_nonnull(eider_thread_self());
	return execute("SELECT count(*) FROM t");
}

static long looking_body(void *arg)
{
	struct seen first, next;
	long err = eider_db_call(db, look_around, &first);

	(void)arg;
	/* Begin went ahead of it, and another had the writer's place: once more. */
	if (err == -EAGAIN)
		return err;
	ck_assert_int_eq(err, 0);
	note(first.handle, first.thread);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(eider_db_call(db, look_around, &next), 0);
		ck_assert_ptr_eq(next.handle, first.handle);
		/* A plain call goes where the context is. */
		ck_assert_int_eq(eider_call(look_around, &next), 0);
		ck_assert_ptr_eq(next.handle, first.handle);
	}
	return 0;
}

static long look_once(void *arg)
{
	struct seen s;

	if (arg)
		return eider_db_atomic(db, looking_body, NULL);
	ck_assert_int_eq(eider_db_call(db, look_around, &s), 0);
	note(s.handle, s.thread);
	return 0;
}

static long threads_fiber(void *arg)
{
	struct eider_fiber *fibers[100];

	(void)arg;
	for (int i = 0; i < 100; i++)
		fibers[i] = spawn(look_once, i % 2 ? db : NULL);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert_ptr_nonnull(seen[0].handle);
	return 0;
}

START_TEST(a_connection_has_one_thread)
{
	/*
	 * Without the free rule, so that no thread number comes again; and with so
	 * little patience that there are conflicts on any machine.
	 */
	with_db(threads_fiber,
		DB_OPTIONS(.connections_max = 4, .free_level = 100,
			   .busy_ns = HARNESS_MS, .attempts_max = 1000000));
}
END_TEST

static unsigned int inside;

/* Nobody goes on before four are there. */
static long meet(void *arg)
{
	harness_add(&inside, 1);
	*(void **)arg = eider_db_handle(db);
	return harness_wait_count(&inside, 4) ? execute("SELECT 1") : -ETIME;
}

static long call_meet(void *arg)
{
	return eider_db_call(db, meet, arg);
}

static long several_fiber(void *arg)
{
	struct eider_fiber *fibers[4];
	void *handles[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		fibers[i] = spawn(call_meet, &handles[i]);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 1);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			ck_assert_ptr_ne(handles[i], handles[j]);
	ck_assert_uint_eq(counts().connections_peak, 4);
	return 0;
}

START_TEST(several_connections_work_at_once)
{
	with_db(several_fiber, DB_OPTIONS(.connections_max = 4));
}
END_TEST

static long nowhere_job(void *arg)
{
	return eider_db_handle(arg) == NULL;
}

static long nowhere_fiber(void *arg)
{
	struct eider_db *other = open_db("other.db", NULL);

	(void)arg;
	ck_assert_ptr_null(eider_db_handle(db));
	ck_assert_int_eq(eider_call(nowhere_job, db), 1);
	ck_assert_int_eq(eider_db_call(other, nowhere_job, db), 1);
	ck_assert_int_eq(eider_db_call(db, nowhere_job, other), 1);
	ck_assert_int_eq(eider_db_call(db, nowhere_job, db), 0);
	ck_assert_int_eq(eider_db_close(other), 0);
	return 0;
}

START_TEST(a_handle_is_of_its_database)
{
	with_db(nowhere_fiber, NULL);
}
END_TEST

static struct eider_db *second;

static long innermost_body(void *arg)
{
	(void)arg;
	/* In the first one's transaction still, with what it wrote. */
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), 0);
	return 0;
}

static long first_body(void *arg)
{
	ck_assert_int_eq(sql("INSERT INTO t VALUES (1)"), 0);
	return eider_db_atomic(second, innermost_body, arg);
}

static long two_fiber(void *arg)
{
	second = open_db("second.db", NULL);
	ck_assert_int_eq(eider_db_atomic(db, first_body, arg), 0);
	ck_assert_int_eq(count_rows(), 2);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_int_eq(eider_db_close(second), 0);
	return 0;
}

START_TEST(two_databases_nest)
{
	with_db(two_fiber, NULL);
}
END_TEST

static long child(void *arg)
{
	ck_assert_int_eq(count_rows(), (long)(intptr_t)arg);
	return sql("INSERT INTO t VALUES (NULL)");
}

static long parent_body(void *arg)
{
	for (intptr_t i = 0; i < 5; i++)
		ck_assert_int_eq(eider_join(spawn(child, (void *)i)), 0);
	ck_assert_int_eq(count_rows(), 5);
	return arg ? 0 : -EDOM;
}

static long children_fiber(void *arg)
{
	ck_assert_int_eq(eider_db_atomic(db, parent_body, arg), -EDOM);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(eider_db_atomic(db, parent_body, db), 0);
	ck_assert_int_eq(count_rows(), 5);
	return 0;
}

START_TEST(children_share_the_transaction)
{
	with_db(children_fiber, NULL);
}
END_TEST

static long insert_late(void *arg)
{
	(void)arg;
	return sql("INSERT INTO t (x) SELECT count(*) FROM t");
}

/* Cancelled, and not told yet; with a child that it does not join. */
static long leave_a_child(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_go(insert_late, NULL), 0);
	eider_cancel(eider_fiber_future(eider_fiber_self()));
	return -EINVAL;
}

static long leave_children(void *arg)
{
	return eider_db_atomic(db, leave_a_child, arg);
}

/* Its begin may be on its way yet. If it were taken back, the child would be alone. */
static long leaving_fiber(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		struct eider_fiber *fiber;

		ck_assert_int_eq(eider_spawn(leave_children, NULL, &fiber), 0);
		ck_assert_int_lt(eider_join(fiber), 0);
	}
	eider_sleep_until(eider_after(10 * HARNESS_MS));
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

START_TEST(a_child_left_behind_writes_nothing)
{
	with_db(leaving_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* A lone call must not leave the writer's place taken. */
static long open_end_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sql("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), 0);
	return 0;
}

START_TEST(a_lone_call_leaves_nothing_open)
{
	with_db(open_end_fiber, IMPATIENT);
}
END_TEST

/* A lease of one's own, with the statements of one's own. */
static long own_fiber(void *arg)
{
	int err;

	(void)arg;
	EIDER_TXN(err, eider_db_pool(db), EIDER_NEVER) {
		ck_assert_int_eq(sql("BEGIN; INSERT INTO t VALUES (1)"), 0);
		ck_assert_int_eq(count_rows(), 1);
		ck_assert_int_eq(sql("COMMIT"), 0);
		ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (2)"), 0);
		ck_assert_int_eq(sql("BEGIN; INSERT INTO t VALUES (3)"), 0);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(count_rows(), 2);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (4)"), 0);
	return 0;
}

START_TEST(a_lease_alone_is_no_transaction)
{
	with_db(own_fiber, NULL);
}
END_TEST

static void move_file(const char *from, const char *to)
{
	char source[200], target[200];
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (int i = 0; i < 3; i++) {
		snprintf(source, sizeof(source), "%s/%s%s", harness_temp_dir(), from,
			 suffixes[i]);
		snprintf(target, sizeof(target), "%s/%s%s", harness_temp_dir(), to,
			 suffixes[i]);
		rename(source, target);
	}
}

/* An empty one: a connection does not make what it has lost. */
static void make_file(void)
{
	int fd = open(harness_temp_file("test.db"), O_WRONLY | O_CREAT | O_CLOEXEC,
		      0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static long broken_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
	move_file("test.db", "old.db");
	ck_assert_int_eq(atomic_sql("SELECT 1"), -ENOENT);
	ck_assert_int_ne(access(harness_temp_file("test.db"), F_OK), 0);
	make_file();
	/* A new file, by a new connection. */
	ck_assert_int_eq(atomic_sql("CREATE TABLE t (x)"), 0);
	ck_assert_int_eq(count_rows(), 0);
	move_file("test.db", "newer.db");
	make_file();
	ck_assert_int_eq(sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().connections, 1);
	return 0;
}

START_TEST(a_broken_connection_is_opened_anew)
{
	with_db(broken_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

static long unreachable_fiber(void *arg)
{
	char path[200];

	(void)arg;
	snprintf(path, sizeof(path), "%s", harness_temp_file("test.db"));
	move_file("test.db", "old.db");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), -EISDIR);
	ck_assert_int_eq(sql("SELECT 1"), -EISDIR);
	ck_assert_uint_eq(counts().connections, 0);
	ck_assert_int_eq(rmdir(path), 0);
	move_file("old.db", "test.db");
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

START_TEST(a_failed_reopening_is_an_error)
{
	with_db(unreachable_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* --- what a URL and a user add --------------------------------------------- */

static long synchronous_fiber(void *arg)
{
	static const struct {
		const char *parameters;
		long level;
	} table[] = {
		{ "", 2 },
		{ "?synchronous=full", 2 },
		{ "?synchronous=normal", 1 },
		{ "?synchronous=off", 0 },
	};
	struct eider_db *mine = db;

	(void)arg;
	for (int i = 0; i < 4; i++) {
		db = open_db_with("url.db", table[i].parameters, NULL);
		ck_assert_int_eq(sql("PRAGMA synchronous"), table[i].level);
		ck_assert_int_eq(eider_db_close(db), 0);
	}
	/* Of the same file. */
	ck_assert_int_eq(access(harness_temp_file("url.db"), F_OK), 0);
	db = mine;
	return 0;
}

START_TEST(how_safe_a_commit_is)
{
	with_db(synchronous_fiber, NULL);
}
END_TEST

static unsigned int prepared, released;

static void release(void *statement)
{
	/* The connection is one still. */
	ck_assert_ptr_eq(sqlite3_db_handle(statement), eider_db_handle(db));
	ck_assert_int_eq(sqlite3_finalize(statement), SQLITE_OK);
	released++;
}

static long use_prepared(void *arg)
{
	sqlite3_stmt *statement = eider_db_state(db);

	(void)arg;
	if (!statement) {
		ck_assert_int_eq(sqlite3_prepare_v2(eider_db_handle(db), "SELECT 7", -1,
						    &statement, NULL), SQLITE_OK);
		eider_db_set_state(db, statement, release);
		prepared++;
	}
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int(statement, 0), 7);
	sqlite3_reset(statement);
	return 0;
}

static long state_fiber(void *arg)
{
	(void)arg;
	ck_assert_ptr_null(eider_db_state(db));
	eider_db_set_state(db, &prepared, NULL);	/* here it does nothing */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_db_call(db, use_prepared, NULL), 0);
	ck_assert_uint_eq(prepared, 1);
	move_file("test.db", "old.db");
	make_file();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_db_call(db, use_prepared, NULL), 0);
	ck_assert_uint_eq(prepared, 2);
	ck_assert_uint_eq(released, 1);
	return 0;
}

START_TEST(state_is_of_a_connection)
{
	with_db(state_fiber, DB_OPTIONS(.connections_max = 1));
	ck_assert_uint_eq(released, 2);
}
END_TEST

/* --- closing --------------------------------------------------------------- */

static long hold_fiber(void *arg)
{
	return eider_join(spawn_holder()) + (long)(intptr_t)arg;
}

static void turn_until(const unsigned int *p)
{
	while (!harness_get(p))
		ck_assert_int_ge(eider_loop_turn(loop, eider_after(HARNESS_MS)), 0);
}

START_TEST(an_open_transaction_is_busy)
{
	set_up(NULL);
	ck_assert_int_eq(eider_go(hold_fiber, NULL), 0);
	turn_until(&held);
	ck_assert_int_eq(eider_db_close(db), -EBUSY);
	ck_assert_int_eq(eider_db_close(db), -EBUSY);
	harness_add(&let_go, 1);
	ck_assert_int_eq(eider_loop_run(loop), 0);
	ck_assert_uint_eq(counts().committed, 1);
	tear_down();
}
END_TEST

static long sql_fiber(void *arg)
{
	return eider_db_call(db, run_sql, arg);
}

static long close_inside(void *arg)
{
	struct eider_db *other = open_db("inside.db", NULL);

	(void)arg;
	return eider_db_close(other);
}

START_TEST(it_may_be_closed_in_a_fiber)
{
	with_db(close_inside, NULL);
}
END_TEST

static long close_other(void *arg)
{
	return eider_db_close(arg);
}

static long close_in_job_fiber(void *arg)
{
	(void)arg;
	ck_assert_int_eq(eider_call(close_other, open_db("job.db", NULL)), 0);
	ck_assert_int_eq(eider_db_call(db, close_other, db), -EBUSY);
	return 0;
}

START_TEST(it_may_be_closed_in_a_job)
{
	with_db(close_in_job_fiber, NULL);
}
END_TEST

/* Threads that were asked for and not needed must not find it gone. */
static long close_soon_fiber(void *arg)
{
	struct eider_fiber *fibers[8];

	(void)arg;
	for (int round = 0; round < 20; round++) {
		struct eider_db *mine = db;

		db = open_db("soon.db", NULL);
		for (int i = 0; i < 8; i++) {
			fibers[i] = spawn(sql_fiber, (void *)"SELECT 1");
			if (i % 2)
				eider_cancel(eider_fiber_future(fibers[i]));
		}
		eider_yield();
		for (int i = 0; i < 8; i++) {
			eider_cancel(eider_fiber_future(fibers[i]));
			eider_join(fibers[i]);
		}
		ck_assert_int_eq(eider_db_close(db), 0);
		db = mine;
	}
	return 0;
}

START_TEST(it_may_be_closed_soon)
{
	with_db(close_soon_fiber, NULL);
}
END_TEST

static long open_and_close(void *arg)
{
	executor = eider_loop_executor(eider_loop_current());
	db = open_db("run.db", NULL);
	ck_assert_int_eq(create(arg), 0);
	ck_assert_int_eq(atomic_sql("INSERT INTO t VALUES (1)"), 0);
	ck_assert_int_eq(count_rows(), 1);
	return eider_db_close(db);
}

START_TEST(eider_run_is_enough)
{
	harness_in_loop(open_and_close, NULL, NULL);
}
END_TEST

/* --- all of it at once ----------------------------------------------------- */

enum {
	ACCOUNTS = 10,
	BALANCE = 100,
};

struct transfer {
	int from, to, amount;
	bool spoil;
};

static long execute_transfer(const struct transfer *t, const char *format,
			     int account)
{
	char text[200];

	snprintf(text, sizeof(text), format, t->amount, account);
	return execute(text);
}

static long debit(void *arg)
{
	struct transfer *t = arg;

	return execute_transfer(t, "UPDATE account SET balance = balance - %d "
				"WHERE id = %d", t->from);
}

static long credit(void *arg)
{
	struct transfer *t = arg;

	return execute_transfer(t, "UPDATE account SET balance = balance + %d "
				"WHERE id = %d", t->to);
}

static long move_money(void *arg)
{
	struct transfer *t = arg;
	long err = eider_db_call(db, debit, t);

	if (!err)
		err = eider_db_call(db, credit, t);
	return err ? err : t->spoil ? -EDOM : 0;
}

static long transfer(void *arg)
{
	return eider_db_atomic(db, move_money, arg);
}

static void found_bank(void)
{
	ck_assert_int_eq(sql("CREATE TABLE account (id INTEGER PRIMARY KEY, balance "
			     "INTEGER CHECK (balance >= 0))"), 0);
	for (int i = 0; i < ACCOUNTS; i++)
		ck_assert_int_eq(sql("INSERT INTO account (balance) VALUES (100)"),
				 0);
}

static long crowd_fiber(void *arg)
{
	enum { MAX = 300 };
	struct eider_fiber *fibers[MAX];
	struct transfer t[MAX];
	unsigned int n = harness_count(MAX, 100), committed = 0;

	(void)arg;
	found_bank();
	for (unsigned int i = 0; i < n; i++) {
		t[i] = (struct transfer){ 1 + (int)(i * 7 % ACCOUNTS),
					  1 + (int)(i * 3 % ACCOUNTS),
					  1 + (int)(i * 13 % 90), i % 10 == 9 };
		fibers[i] = spawn(transfer, &t[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		long result = eider_join(fibers[i]);

		ck_assert_msg(result >= 0 || result == -EEXIST || result == -EDOM,
			      "transfer %u: %ld", i, result);
		committed += result >= 0;
	}
	ck_assert_int_eq(sql("SELECT sum(balance) FROM account"),
			 ACCOUNTS * BALANCE);
	ck_assert_uint_eq(counts().committed, committed);
	ck_assert_uint_eq(counts().rolled_back, n - committed);
	ck_assert_uint_gt(committed, 0);
	return 0;
}

START_TEST(a_crowd_moves_money)
{
	with_db(crowd_fiber,
		DB_OPTIONS(.connections_max = 4 * (unsigned int)_i + 1,
			   .free_level = 10, .attempts_max = 1000000,
			   .busy_ns = (_i + 1) * 10 * HARNESS_MS));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("db_connection");
	TCase *t = harness_case(s, "connection");
	tcase_add_test(t, a_connection_has_one_thread);
	tcase_add_test(t, several_connections_work_at_once);
	tcase_add_test(t, a_handle_is_of_its_database);
	tcase_add_test(t, two_databases_nest);
	tcase_add_test(t, children_share_the_transaction);
	tcase_add_test(t, a_child_left_behind_writes_nothing);
	tcase_add_test(t, a_lone_call_leaves_nothing_open);
	tcase_add_test(t, a_lease_alone_is_no_transaction);
	tcase_add_test(t, a_broken_connection_is_opened_anew);
	tcase_add_test(t, a_failed_reopening_is_an_error);
	tcase_add_test(t, how_safe_a_commit_is);
	tcase_add_test(t, state_is_of_a_connection);

	t = harness_case(s, "close");
	tcase_add_test(t, an_open_transaction_is_busy);
	tcase_add_test(t, it_may_be_closed_in_a_fiber);
	tcase_add_test(t, it_may_be_closed_in_a_job);
	tcase_add_test(t, it_may_be_closed_soon);
	tcase_add_test(t, eider_run_is_enough);

	t = harness_case(s, "crowd");
	tcase_add_loop_test(t, a_crowd_moves_money, 0, 3);
	return harness_run(s);
}
