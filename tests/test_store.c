/*
 * test_store.c - the ledger's accounts and transfers, on SQLite
 */
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_cases.h"

static const char *database_url(void)
{
	static char url[300];

	snprintf(url, sizeof(url), "sqlite:%s?synchronous=off",
		 harness_temp_file("ledger.db"));
	return url;
}

/* Each test has a directory of its own. */
static void database_clean(void)
{
}

/* --- what goes wrong ------------------------------------------------------- */

/* Behind somebody who writes for long. */
STORE_TEST(a_deadline_may_pass)
{
	int64_t a = open_with(10), b = open_with(10), unknown;
	struct transfer t = moving(a, b, 1, "key");
	struct eider_fiber *holder = start(hold, (void *)"SELECT 1");
	long result;

	ck_assert(harness_wait_count(&holding, 1));
	result = store_transfer(store, &t, &unknown, eider_after(30 * HARNESS_MS));
	ck_assert_msg(result == -ETIME || result == -EAGAIN, "%ld", result);
	let_them_go = 1;
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(balance_of(a), 10);
	ck_assert_int_eq(move_money(a, b, 1, "key"), 0);
	return 0;
}

STORE_TEST(an_error_in_the_middle_leaves_nothing)
{
	int64_t a = open_with(100), b = open_with(10);

	ck_assert_int_eq(move_money(a, b, 1, "before"), 0);
	/* Taking and giving work, adding does not. */
	sql("ALTER TABLE transfers RENAME TO elsewhere");
	ck_assert_int_eq(move_money(a, b, 10, "key"), -EIO);
	ck_assert_int_eq(move_money(b, a, 10, "key"), -EIO);
	ck_assert_int_eq(balance_of(a), 99);
	ck_assert_int_eq(balance_of(b), 11);
	sql("ALTER TABLE elsewhere RENAME TO transfers");
	ck_assert_int_eq(report_now().transfers, 1);
	ck_assert_int_eq(report_now().wrong, 0);
	ck_assert_int_eq(move_money(a, b, 10, "key"), 0);
	return 0;
}

STORE_TEST_WITH(a_full_disk_stops_writing_alone, .connections_max = 1)
{
	int64_t a = open_with(100000), b = open_with(0);
	struct account more = { .owner = "no room" };
	long result = 0, done = 0;

	sql("PRAGMA max_page_count = 8");
	for (; !result && done < 100000; done++) {
		char key[STORE_TEXT_MAX];

		snprintf(key, sizeof(key), "%060ld", done);
		result = move_money(a, b, 1, key);
	}
	done--;
	ck_assert_int_eq(result, -ENOSPC);
	ck_assert_int_gt(done, 0);
	ck_assert_int_eq(balance_of(a), 100000 - done);
	ck_assert_int_eq(balance_of(b), done);
	ck_assert_int_eq(report_now().transfers, done);
	ck_assert_int_eq(report_now().wrong, 0);
	sql("PRAGMA max_page_count = 1000000");
	ck_assert_int_eq(move_money(a, b, 1, "again"), 0);
	ck_assert_int_eq(store_open_account(store, &more, EIDER_NEVER), 0);
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static void refuse(const char *url, int expected)
{
	struct store *opened = NULL;
	char why[200] = "unset";
	int err = store_open(executor, url, NULL, &opened, why, sizeof(why));

	ck_assert_msg(err == expected, "%s: %d", url, err);
	ck_assert_ptr_null(opened);
	ck_assert_str_ne(why, "unset");
}

START_TEST(what_cannot_be_opened_is_refused)
{
	set_up();
	refuse("mysql://localhost/x", -EPROTONOSUPPORT);
	refuse("sqlit:x", -EPROTONOSUPPORT);
	refuse("ledger.db", -EPROTONOSUPPORT);
	refuse("", -EPROTONOSUPPORT);
	refuse("sqlite:", -EINVAL);
	refuse("sqlite:/no/such/directory/ledger.db", -ENOENT);
	tear_down();
}
END_TEST

START_TEST(tables_of_somebody_else_are_refused)
{
	static const char *const theirs[] = {
		"CREATE TABLE accounts (x); CREATE TABLE transfers (from_id, to_id)",
		"CREATE TABLE accounts (id);"
		"CREATE TABLE transfers (id, from_id, to_id)",
	};
	struct store *opened = NULL;
	char why[200];
	sqlite3 *other;

	set_up();
	ck_assert_int_eq(sqlite3_open(harness_temp_file("ledger.db"), &other), 0);
	ck_assert_int_eq(sqlite3_exec(other, theirs[_i], NULL, NULL, NULL), 0);
	sqlite3_close(other);
	ck_assert_int_lt(store_open(executor, database_url(), NULL, &opened, why,
				    sizeof(why)), 0);
	ck_assert_ptr_null(opened);
	ck_assert_msg(strstr(why, "no tables: ") && strstr(why, "no such column"), "%s",
		      why);
	tear_down();
}
END_TEST

static long read_alone(void *arg)
{
	struct account a = { .owner = "nobody" };

	ck_assert_int_eq(balance_of(1), 91);
	ck_assert_int_eq(move_money(1, 2, 9, "new"), -EROFS);
	ck_assert_int_eq(move_money(1, 2, 9, arg), -EROFS);
	ck_assert_int_eq(store_open_account(store, &a, EIDER_NEVER), -EROFS);
	ck_assert_int_eq(balance_of(1), 91);
	check_books(101);
	return 0;
}

/* Root may write anything, so this is nobody. */
START_TEST(a_read_only_file_is_read)
{
	uid_t me = geteuid();

	set_up();
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, leave_something, (void *)"key"), 0);
	store_close(store);
	tear_down();
	ck_assert_int_eq(chmod(harness_temp_file("ledger.db"), 0444), 0);
	ck_assert_int_eq(chmod(harness_temp_dir(), 0777), 0);
	ck_assert_int_eq(me ? 0 : seteuid(65534), 0);
	begin();
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, read_alone, (void *)"key"), 0);
	store_close(store);
	tear_down();
	ck_assert_int_eq(me ? 0 : seteuid(me), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store");
	TCase *t;

	add_store_cases(s);
	t = harness_case(s, "errors");
	tcase_add_test(t, a_deadline_may_pass);
	tcase_add_test(t, an_error_in_the_middle_leaves_nothing);
	tcase_add_test(t, a_full_disk_stops_writing_alone);

	t = harness_case(s, "refused");
	tcase_add_test(t, what_cannot_be_opened_is_refused);
	tcase_add_loop_test(t, tables_of_somebody_else_are_refused, 0, 2);
	tcase_add_test(t, a_read_only_file_is_read);
	return harness_run(s);
}
