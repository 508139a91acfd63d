/*
 * test_store_postgres.c - the ledger's accounts and transfers, on PostgreSQL
 */
#include "store_cases.h"
#include "with_postgres.h"

static const char *database_url(void)
{
	static char url[500];

	/* A commit survives the server's crash: the fixture's do not. */
	snprintf(url, sizeof(url), "%s",
		 postgres_url_of("eider", "&options=-c%20synchronous_commit%3Don"));
	return url;
}

static void database_clean(void)
{
	postgres_clean();
}

STORE_TEST(an_error_in_the_middle_leaves_nothing)
{
	int64_t a = open_with(100), b = open_with(10);

	ck_assert_int_eq(move_money(a, b, 1, "before"), 0);
	/* Taking and giving work; adding does not, the time is too large. */
	postgres_sql("UPDATE transfers SET created_ms = 0;"
		     "ALTER TABLE transfers ALTER COLUMN created_ms TYPE INTEGER");
	ck_assert_int_eq(move_money(a, b, 10, "key"), -EIO);
	ck_assert_int_eq(move_money(b, a, 10, "key"), -EIO);
	ck_assert_int_eq(balance_of(a), 99);
	ck_assert_int_eq(balance_of(b), 11);
	postgres_sql("ALTER TABLE transfers ALTER COLUMN created_ms TYPE BIGINT");
	ck_assert_int_eq(report_now().transfers, 1);
	ck_assert_int_eq(report_now().wrong, 0);
	ck_assert_int_eq(move_money(a, b, 10, "key"), 0);
	return 0;
}

/* The database says read only: as one that only follows another does. */
STORE_TEST(a_read_only_database_is_read)
{
	int64_t a = open_with(100), b = open_with(10);

	sql("ALTER ROLE eider SET default_transaction_read_only = on");
	postgres_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
		     "WHERE pid <> pg_backend_pid() AND usename IS NOT NULL");
	ck_assert_int_eq(move_money(a, b, 1, "key"), -EROFS);
	ck_assert_int_eq(balance_of(a), 100);
	ck_assert_int_eq(report_now().accounts, 2);
	postgres_sql("BEGIN READ WRITE;"
		     "ALTER ROLE eider RESET default_transaction_read_only; COMMIT");
	return 0;
}

/* --- the server goes away -------------------------------------------------- */

/*
 * Until there is an answer: the same key, so it is one transfer. Less and less often:
 * the server that is to come up may have but this CPU.
 */
static long insisting_fiber(void *arg)
{
	struct member *m = arg;

	for (int64_t pause = 5 * HARNESS_MS;; pause *= 2) {
		member_fiber(m);
		if (m->result != -ENOTCONN && m->result != -EIO)
			return 0;
		if (pause > HARNESS_S)
			pause = HARNESS_S;
		ck_assert_int_eq(eider_sleep_until(eider_after(pause)), 0);
	}
}

static long crash_twice(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		harness_nap(30 * HARNESS_MS);
		postgres_crash();
		harness_nap(30 * HARNESS_MS);
		postgres_restart();
	}
	return 0;
}

STORE_TEST(a_crash_of_the_server_repeats_nothing)
{
	enum { N = 200 };
	struct crowd c = { .done = 0 };
	struct member members[N];
	struct eider_fiber *fibers[N];
	struct eider_job crash;
	unsigned int moved = 0;

	for (int i = 0; i < HOT; i++)
		c.accounts[i] = open_with(HOT_BALANCE);
	ck_assert_int_eq(eider_submit(&crash, crash_twice, NULL), 0);
	for (unsigned int i = 0; i < N; i++) {
		members[i] = (struct member){ .crowd = &c, .number = i * TWINS };
		fibers[i] = start(insisting_fiber, &members[i]);
		ck_assert_int_eq(eider_sleep_until(eider_after(HARNESS_MS)), 0);
	}
	for (unsigned int i = 0; i < N; i++) {
		eider_join(fibers[i]);
		ck_assert_msg(members[i].result == 0 || members[i].result == 1 ||
			      members[i].result == -EDQUOT, "%u: %ld", i,
			      members[i].result);
		moved += members[i].result >= 0;
	}
	ck_assert_int_eq(eider_await(&crash.future), 0);
	ck_assert_int_eq(report_now().transfers, moved);
	check_books(HOT * HOT_BALANCE);
	return 0;
}

STORE_TEST(without_a_server_it_says_so)
{
	int64_t a = open_with(10), b = open_with(10);
	struct account account = { .owner = "nobody" };
	struct transfer t;
	struct report r;

	postgres_crash();
	ck_assert_int_eq(move_money(a, b, 1, "key"), -ENOTCONN);
	ck_assert_int_eq(store_get_account(store, a, &account, EIDER_NEVER), -ENOTCONN);
	ck_assert_int_eq(store_open_account(store, &account, EIDER_NEVER), -ENOTCONN);
	ck_assert_int_eq(store_list_transfers(store, a, INT64_MAX, &t, 1, EIDER_NEVER),
			 -ENOTCONN);
	ck_assert_int_eq(store_report(store, &r, EIDER_NEVER), -ENOTCONN);
	postgres_restart();
	ck_assert_int_eq(move_money(a, b, 1, "key"), 0);
	check_books(20);
	return 0;
}

START_TEST(a_server_that_is_not_there_is_refused)
{
	struct store *opened = NULL;
	char why[200] = "";

	begin();
	ck_assert_int_lt(store_open(executor, "postgresql:///none?host=/no/such/dir",
				    NULL, &opened, why, sizeof(why)), 0);
	ck_assert_ptr_null(opened);
	ck_assert_str_ne(why, "");
	tear_down();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_postgres");
	TCase *t;

	postgres_start_server();
	add_store_cases(s);
	t = harness_case(s, "errors");
	tcase_add_test(t, an_error_in_the_middle_leaves_nothing);
	tcase_add_test(t, a_read_only_database_is_read);
	tcase_add_test(t, a_server_that_is_not_there_is_refused);

	t = harness_case(s, "crash");
	harness_timeout(t, 900);
	tcase_add_test(t, a_crash_of_the_server_repeats_nothing);
	tcase_add_test(t, without_a_server_it_says_so);
	return harness_run(s);
}
