/*
 * store_cases.h - what a store does, whatever the engine
 *
 * The program that includes this says before which database is meant:
 *
 *	database_url()		of this test, valid as long as the test
 *	database_clean()	nothing of what was there before
 */
#ifndef EIDER_TESTS_STORE_CASES_H
#define EIDER_TESTS_STORE_CASES_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/io.h>

#include "../src/programs/ledger/store_private.h"
#include "fixtures.h"

static const char *database_url(void);
static void database_clean(void);

static struct eider_executor *executor;
static struct eider_loop *loop;
static struct store *store;

/* --- a store for each test ------------------------------------------------- */

static struct store *open_store(const struct store_options *options)
{
	struct store *opened = NULL;
	char why[200];
	int err = store_open(executor, database_url(), options, &opened, why,
			     sizeof(why));

	ck_assert_msg(!err, "%s: %s", eider_strerror(err), why);
	return opened;
}

/* An executor and a loop; nothing of the database. */
static void begin(void)
{
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
}

static void set_up(void)
{
	database_clean();
	begin();
}

static void tear_down(void)
{
	ck_assert_int_eq(eider_loop_free(loop), 0);
	eider_executor_free(executor);
}

static void with_options(eider_fn *body, const struct store_options *options)
{
	set_up();
	store = open_store(options);
	ck_assert_int_ge(eider_block_on(loop, body, NULL), 0);
	store_close(store);
	tear_down();
}

/* A test that is a fiber, with a store. */
#define STORE_TEST_WITH(name, ...)                                                     \
	static long name##_body(void *arg);                                            \
	START_TEST(name)                                                               \
	{                                                                              \
		with_options(name##_body, &(struct store_options){ __VA_ARGS__ });     \
	}                                                                              \
	END_TEST                                                                       \
	static long name##_body(__attribute__((unused)) void *arg)
#define STORE_TEST(name) STORE_TEST_WITH(name, .connections_max = 0)

/* --- [fiber] what tests do -------------------------------------------------- */

static int64_t open_with(int64_t balance)
{
	struct account a = { .balance = balance };

	snprintf(a.owner, sizeof(a.owner), "owner of %lld", (long long)balance);
	ck_assert_int_eq(store_open_account(store, &a, EIDER_NEVER), 0);
	ck_assert_int_gt(a.id, 0);
	return a.id;
}

static int64_t balance_of(int64_t id)
{
	struct account a;

	ck_assert_int_eq(store_get_account(store, id, &a, EIDER_NEVER), 0);
	ck_assert_int_eq(a.id, id);
	return a.balance;
}

static struct transfer moving(int64_t from, int64_t to, int64_t amount, const char *key)
{
	struct transfer t = { .from = from, .to = to, .amount = amount };

	snprintf(t.key, sizeof(t.key), "%s", key);
	return t;
}

static long move_money(int64_t from, int64_t to, int64_t amount, const char *key)
{
	struct transfer t = moving(from, to, amount, key);
	int64_t unknown = 0;

	return store_transfer(store, &t, &unknown, EIDER_NEVER);
}

static struct report report_now(void)
{
	struct report r;

	ck_assert_int_eq(store_report(store, &r, EIDER_NEVER), 0);
	return r;
}

static long run_sql(void *arg)
{
	return store->engine->execute(store->db, arg);
}

/* Behind the store's back. */
static void sql(const char *text)
{
	ck_assert_int_eq(eider_db_call(store->db, run_sql, (void *)text), 0);
}

static long list(int64_t account, int64_t before, struct transfer *ret,
		 unsigned int max)
{
	return store_list_transfers(store, account, before, ret, max, EIDER_NEVER);
}

/* --- accounts -------------------------------------------------------------- */

STORE_TEST(accounts_are_opened)
{
	struct account a = { .owner = "Zo\xc3\xab \"q\" \\", .balance = 7 }, b;

	ck_assert_int_eq(store_open_account(store, &a, EIDER_NEVER), 0);
	ck_assert_int_eq(store_get_account(store, a.id, &b, EIDER_NEVER), 0);
	ck_assert_int_eq(b.id, a.id);
	ck_assert_int_eq(b.balance, 7);
	ck_assert_str_eq(b.owner, a.owner);
	ck_assert_int_eq(balance_of(open_with(0)), 0);
	ck_assert_int_eq(balance_of(open_with(STORE_AMOUNT_MAX)), STORE_AMOUNT_MAX);
	return 0;
}

STORE_TEST(the_longest_text_fits)
{
	struct account a = { .balance = 1 }, b;
	struct transfer t = moving(open_with(1), open_with(1), 1, ""), u;
	int64_t unknown;

	memset(a.owner, 'o', STORE_TEXT_MAX);
	memset(t.key, 'k', STORE_TEXT_MAX);
	ck_assert_int_eq(store_open_account(store, &a, EIDER_NEVER), 0);
	ck_assert_int_eq(store_get_account(store, a.id, &b, EIDER_NEVER), 0);
	ck_assert_str_eq(b.owner, a.owner);
	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), 0);
	ck_assert_int_eq(list(t.to, INT64_MAX, &u, 1), 1);
	ck_assert_str_eq(u.key, t.key);
	return 0;
}

STORE_TEST(an_unknown_account_is_said_so)
{
	struct account a;
	struct transfer t;
	int64_t ids[] = { 0, 1, -1, INT64_MAX };

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(store_get_account(store, ids[i], &a, EIDER_NEVER),
				 -ENOENT);
		ck_assert_int_eq(list(ids[i], INT64_MAX, &t, 1), -ENOENT);
	}
	return 0;
}

/* --- transfers ------------------------------------------------------------- */

STORE_TEST(a_transfer_moves_money)
{
	int64_t a = open_with(100), b = open_with(10), unknown = 0;
	struct transfer t = moving(a, b, 30, "one"), u;

	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), 0);
	ck_assert_int_gt(t.id, 0);
	ck_assert_int_gt(t.created_ms, INT64_C(1600000000000));
	ck_assert_int_eq(balance_of(a), 70);
	ck_assert_int_eq(balance_of(b), 40);
	/* Against the order of ids, and all that there is. */
	ck_assert_int_eq(move_money(b, a, 40, "two"), 0);
	ck_assert_int_eq(balance_of(a), 110);
	ck_assert_int_eq(balance_of(b), 0);
	ck_assert_int_eq(list(a, t.id + 1, &u, 1), 1);
	ck_assert_int_eq(u.id, t.id);
	ck_assert_int_eq(u.from, a);
	ck_assert_int_eq(u.to, b);
	ck_assert_int_eq(u.amount, 30);
	ck_assert_int_eq(u.created_ms, t.created_ms);
	ck_assert_str_eq(u.key, "one");
	return 0;
}

STORE_TEST(what_is_not_there_cannot_be_moved)
{
	int64_t a = open_with(100), b = open_with(10);

	ck_assert_int_eq(move_money(a, b, 101, "key"), -EDQUOT);
	ck_assert_int_eq(move_money(b, a, 11, "key"), -EDQUOT);
	ck_assert_int_eq(balance_of(a), 100);
	ck_assert_int_eq(balance_of(b), 10);
	ck_assert_int_eq(report_now().transfers, 0);
	/* It has left no trace: the key is free. */
	ck_assert_int_eq(move_money(a, b, 100, "key"), 0);
	return 0;
}

STORE_TEST(unknown_accounts_are_told_apart)
{
	int64_t a = open_with(100), unknown = 0;
	struct transfer t = moving(a, 999, 5, "key");

	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), -ENOENT);
	ck_assert_int_eq(unknown, 999);
	t = moving(998, a, 5, "key");
	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), -ENOENT);
	ck_assert_int_eq(unknown, 998);
	/* Unknown, not poor. */
	t = moving(a, 997, 500, "key");
	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), -ENOENT);
	ck_assert_int_eq(unknown, 997);
	t = moving(995, 996, 5, "key");
	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), -ENOENT);
	ck_assert_int_eq(unknown, 995);
	ck_assert_int_eq(balance_of(a), 100);
	ck_assert_int_eq(report_now().transfers, 0);
	return 0;
}

STORE_TEST(an_account_may_be_full)
{
	int64_t a = open_with(2), b = open_with(STORE_AMOUNT_MAX - 1);

	ck_assert_int_eq(move_money(a, b, 2, "key"), -EOVERFLOW);
	ck_assert_int_eq(balance_of(a), 2);
	ck_assert_int_eq(move_money(a, b, 1, "key"), 0);
	ck_assert_int_eq(balance_of(b), STORE_AMOUNT_MAX);
	return 0;
}

/* --- keys ------------------------------------------------------------------ */

STORE_TEST(the_same_key_is_the_same_transfer)
{
	int64_t a = open_with(100), b = open_with(0), unknown = 0;
	struct transfer t = moving(a, b, 60, "key"), again = moving(a, b, 60, "key");

	ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), 0);
	/* With money enough for another or, from the second on, not. */
	for (int i = 0; i < 3; i++) {
		struct transfer other = again;

		ck_assert_int_eq(store_transfer(store, &other, &unknown, EIDER_NEVER),
				 1);
		ck_assert_int_eq(other.id, t.id);
		ck_assert_int_eq(other.created_ms, t.created_ms);
		ck_assert_int_eq(other.from, a);
		ck_assert_int_eq(other.to, b);
		ck_assert_int_eq(other.amount, 60);
		ck_assert_str_eq(other.key, "key");
		if (!i)
			ck_assert_int_eq(move_money(b, a, 10, "back"), 0);
		else if (i == 1)
			ck_assert_int_eq(move_money(b, a, 30, "more"), 0);
	}
	ck_assert_int_eq(balance_of(a), 80);
	ck_assert_int_eq(report_now().transfers, 3);
	return 0;
}

STORE_TEST(a_key_is_of_one_transfer)
{
	int64_t a = open_with(100), b = open_with(100), c = open_with(100);

	ck_assert_int_eq(move_money(a, b, 10, "key"), 0);
	ck_assert_int_eq(move_money(a, b, 11, "key"), -EEXIST);
	ck_assert_int_eq(move_money(a, c, 10, "key"), -EEXIST);
	ck_assert_int_eq(move_money(c, b, 10, "key"), -EEXIST);
	ck_assert_int_eq(move_money(b, a, 10, "key"), -EEXIST);
	/* Also where it could not be anyway. */
	ck_assert_int_eq(move_money(a, b, 10000, "key"), -EEXIST);
	ck_assert_int_eq(move_money(a, 999, 10, "key"), -EEXIST);
	/* Keys are bytes. */
	ck_assert_int_eq(move_money(a, b, 10, "Key"), 0);
	ck_assert_int_eq(move_money(a, b, 10, "key "), 0);
	ck_assert_int_eq(balance_of(a), 70);
	ck_assert_int_eq(balance_of(b), 130);
	ck_assert_int_eq(balance_of(c), 100);
	return 0;
}

/* --- lists ----------------------------------------------------------------- */

STORE_TEST(lists_are_newest_first)
{
	int64_t a = open_with(1000), b = open_with(1000), c = open_with(1000), id[30];
	struct transfer found[40];
	int64_t unknown;
	long n;

	for (int i = 0; i < 30; i++) {
		char key[20];
		struct transfer t;

		snprintf(key, sizeof(key), "%d", i);
		t = i % 3 == 0 ? moving(a, b, 1, key) :
		    i % 3 == 1 ? moving(b, a, 1, key) : moving(b, c, 1, key);
		ck_assert_int_eq(store_transfer(store, &t, &unknown, EIDER_NEVER), 0);
		id[i] = t.id;
		ck_assert(!i || id[i] > id[i - 1]);
	}
	n = list(a, INT64_MAX, found, 40);
	ck_assert_int_eq(n, 20);
	for (int i = 29, at = 0; i >= 0; i--)
		if (i % 3 != 2)
			ck_assert_int_eq(found[at++].id, id[i]);
	ck_assert_int_eq(list(b, INT64_MAX, found, 40), 30);
	ck_assert_int_eq(list(c, id[29], found, 40), 9);
	ck_assert_int_eq(list(c, id[2], found, 40), 0);
	ck_assert_int_eq(list(open_with(1), INT64_MAX, found, 40), 0);
	return 0;
}

STORE_TEST(lists_come_in_pages)
{
	int64_t a = open_with(1000), b = open_with(1000), before = INT64_MAX;
	struct transfer page[7];
	unsigned int seen = 0;
	long n;

	for (int i = 0; i < 30; i++) {
		char key[20];

		snprintf(key, sizeof(key), "%d", i);
		ck_assert_int_eq(i % 2 ? move_money(a, b, 1, key) :
					 move_money(b, a, 1, key), 0);
	}
	while ((n = list(a, before, page, 7))) {
		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, 7);
		for (long i = 0; i < n; i++) {
			ck_assert_int_lt(page[i].id, before);
			before = page[i].id;
			ck_assert_int_eq(atoi(page[i].key), 29 - (int)seen++);
		}
	}
	ck_assert_uint_eq(seen, 30);
	return 0;
}

/* --- reports --------------------------------------------------------------- */

STORE_TEST(a_report_of_nothing)
{
	struct report r = report_now();

	ck_assert_int_eq(r.accounts, 0);
	ck_assert_int_eq(r.transfers, 0);
	ck_assert_int_eq(r.total, 0);
	ck_assert_int_eq(r.opened_with, 0);
	ck_assert_int_eq(r.volume, 0);
	ck_assert_int_eq(r.wrong, 0);
	ck_assert_int_eq(r.richest.id, 0);
	ck_assert_str_eq(r.richest.owner, "");
	return 0;
}

STORE_TEST(a_report_counts_anew)
{
	int64_t a = open_with(100), b = open_with(10), c = open_with(5);
	struct report r;

	ck_assert_int_eq(move_money(a, b, 60, "1"), 0);
	ck_assert_int_eq(move_money(b, c, 5, "2"), 0);
	ck_assert_int_eq(move_money(a, c, 500, "3"), -EDQUOT);
	r = report_now();
	ck_assert_int_eq(r.accounts, 3);
	ck_assert_int_eq(r.transfers, 2);
	ck_assert_int_eq(r.total, 115);
	ck_assert_int_eq(r.opened_with, 115);
	ck_assert_int_eq(r.volume, 65);
	ck_assert_int_eq(r.wrong, 0);
	ck_assert_int_eq(r.richest.id, b);
	ck_assert_int_eq(r.richest.balance, 65);
	ck_assert_str_eq(r.richest.owner, "owner of 10");
	return 0;
}

STORE_TEST(a_report_finds_what_is_wrong)
{
	int64_t a = open_with(100), b = open_with(10);

	open_with(1);
	ck_assert_int_eq(move_money(a, b, 60, "1"), 0);
	sql("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
	ck_assert_int_eq(report_now().wrong, 1);
	ck_assert_int_eq(report_now().total - report_now().opened_with, 1);
	sql("UPDATE transfers SET amount = amount + 1");
	/* Now the first is wrong by two. */
	ck_assert_int_eq(report_now().wrong, 2);
	sql("UPDATE transfers SET amount = amount - 1;"
	    "UPDATE accounts SET balance = balance - 1 WHERE id = 1");
	ck_assert_int_eq(report_now().wrong, 0);
	return 0;
}

/* Sums that no number holds are not an error. */
STORE_TEST(a_report_of_too_much)
{
	struct report r;

	sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < 10000) INSERT INTO accounts (owner, balance, opened_with) "
	    "SELECT 'rich', 1000000000000000, 1000000000000000 FROM n");
	r = report_now();
	ck_assert_int_eq(r.accounts, 10000);
	ck_assert_int_eq(r.total, INT64_MAX);
	ck_assert_int_eq(r.opened_with, INT64_MAX);
	ck_assert_int_eq(r.wrong, 0);
	return 0;
}

static void fill(void)
{
	char text[400];

	open_with(STORE_AMOUNT_MAX / 2);
	open_with(STORE_AMOUNT_MAX / 2);
	snprintf(text, sizeof(text),
		 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		 "WHERE i < 200000) INSERT INTO transfers "
		 "(key, from_id, to_id, amount, created_ms) "
		 "SELECT 'k' || i, 1 + i %% 2, 2 - i %% 2, 1, i FROM n");
	sql(text);
}

STORE_TEST(a_report_ends_at_its_deadline)
{
	struct report r;

	fill();
	ck_assert_int_eq(store_report(store, &r, eider_after(2 * HARNESS_MS)), -ETIME);
	r = report_now();
	ck_assert_int_eq(r.transfers, 200000);
	ck_assert_int_eq(r.wrong, 0);
	return 0;
}

/* --- many at a time -------------------------------------------------------- */

enum { HOT = 4, HOT_BALANCE = 300, TWINS = 2 };

struct crowd {
	int64_t accounts[HOT];
	unsigned int done, before, poor;	/* how transfers went */
};

struct member {
	struct crowd *crowd;
	unsigned int number;
	long result;
};

/* Each twin asks for the same: the n-th transfer, under the n-th key. */
static long member_fiber(void *arg)
{
	struct member *m = arg;
	unsigned int n = m->number / TWINS, from = n % HOT;
	unsigned int to = (from + 1 + n / HOT % (HOT - 1)) % HOT;
	struct transfer t = moving(m->crowd->accounts[from], m->crowd->accounts[to],
				   1 + n * 7 % 50, "");
	int64_t unknown;

	snprintf(t.key, sizeof(t.key), "crowd %u", n);
	/* In a crowd it may be busy for long: as a client would, once more. */
	do
		m->result = store_transfer(store, &t, &unknown, EIDER_NEVER);
	while (m->result == -EAGAIN);
	return 0;
}

static void check_books(int64_t total)
{
	struct report r = report_now();

	ck_assert_int_eq(r.total, total);
	ck_assert_int_eq(r.opened_with, total);
	ck_assert_int_eq(r.wrong, 0);
}

/* The accounts say the same as the lists of their transfers, each key once. */
static void check_moved(const struct crowd *c)
{
	struct transfer *all = calloc(STORE_LIST_MAX, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	for (int i = 0; i < HOT; i++) {
		int64_t balance = HOT_BALANCE;
		long n = list(c->accounts[i], INT64_MAX, all, STORE_LIST_MAX);

		for (long k = 0; k < n; k++) {
			balance += all[k].to == c->accounts[i] ? all[k].amount :
								 -all[k].amount;
			for (long other = 0; other < k; other++)
				ck_assert_str_ne(all[k].key, all[other].key);
		}
		ck_assert_int_eq(balance_of(c->accounts[i]), balance);
	}
	free(all);
}

static void run_crowd(struct crowd *c, unsigned int n)
{
	struct member *members = calloc(n, sizeof(*members));
	struct eider_fiber **fibers = calloc(n, sizeof(struct eider_fiber *));

	ck_assert(members && fibers);
	for (int i = 0; i < HOT; i++)
		c->accounts[i] = open_with(HOT_BALANCE);
	for (unsigned int i = 0; i < n; i++) {
		members[i] = (struct member){ .crowd = c, .number = i };
		fibers[i] = start(member_fiber, &members[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		eider_join(fibers[i]);
		ck_assert_msg(members[i].result == 0 || members[i].result == 1 ||
			      members[i].result == -EDQUOT, "transfer %u: %ld", i,
			      members[i].result);
		c->done += members[i].result == 0;
		c->before += members[i].result == 1;
		c->poor += members[i].result == -EDQUOT;
	}
	free(members);
	free(fibers);
}

STORE_TEST(a_crowd_is_served_exactly_once)
{
	struct crowd c = { .done = 0 };

	run_crowd(&c, 64 * TWINS);
	ck_assert_int_eq(report_now().transfers, c.done);
	ck_assert_uint_gt(c.done, 0);
	ck_assert_uint_gt(c.before, 0);
	check_moved(&c);
	check_books(HOT * HOT_BALANCE);
	return 0;
}

STORE_TEST_WITH(a_crowd_shares_one_connection, .connections_max = 1)
{
	struct crowd c = { .done = 0 };

	run_crowd(&c, 16 * TWINS);
	ck_assert_int_eq(report_now().transfers, c.done);
	check_books(HOT * HOT_BALANCE);
	return 0;
}

static unsigned int over;

static long report_until_over(void *arg)
{
	unsigned int *reports = arg;

	do {
		check_books(HOT * HOT_BALANCE);
		(*reports)++;
	} while (!over);
	return 0;
}

STORE_TEST(reports_see_whole_transfers)
{
	struct crowd c = { .done = 0 };
	unsigned int reports[3] = { 0 };
	struct eider_fiber *fibers[3];

	for (int i = 0; i < HOT; i++)
		c.accounts[i] = open_with(HOT_BALANCE);
	for (int i = 0; i < 3; i++)
		fibers[i] = start(report_until_over, &reports[i]);
	for (unsigned int i = 0; i < 100; i++) {
		struct member m = { .crowd = &c, .number = i * TWINS };

		member_fiber(&m);
		ck_assert(!m.result || m.result == -EDQUOT);
	}
	over = 1;
	for (int i = 0; i < 3; i++) {
		eider_join(fibers[i]);
		ck_assert_uint_gt(reports[i], 0);
	}
	return 0;
}

static unsigned int holding, let_them_go;

static long hold_body(void *arg)
{
	harness_add(&holding, 1);
	while (!let_them_go)
		ck_assert_int_eq(eider_sleep_until(eider_after(HARNESS_MS)), 0);
	return eider_db_call(store_db(store, STORE_TRANSACTIONS), run_sql, arg);
}

static long hold(void *arg)
{
	return eider_db_atomic(store_db(store, STORE_TRANSACTIONS), hold_body, arg);
}

STORE_TEST_WITH(reports_have_connections_of_their_own, .connections_max = 1)
{
	struct eider_fiber *holder = start(hold, (void *)"SELECT 1");
	bool own = store_db(store, STORE_READING) != NULL;
	struct account a;
	int64_t deadline;

	ck_assert(harness_wait_count(&holding, 1));
	ck_assert_int_eq(report_now().accounts, 0);
	/* Reading may have its own as well: then there is no such account. */
	deadline = own ? EIDER_NEVER : eider_after(20 * HARNESS_MS);
	ck_assert_int_eq(store_get_account(store, 1, &a, deadline),
			 own ? -ENOENT : -ETIME);
	let_them_go = 1;
	ck_assert_int_eq(eider_join(holder), 0);
	return 0;
}

STORE_TEST(a_deadline_may_have_passed)
{
	int64_t past = eider_now() - 1, a = open_with(10), b = open_with(10), unknown;
	struct transfer t = moving(a, b, 1, "key");
	struct account account = { .owner = "late" };
	struct report r;

	ck_assert_int_eq(store_open_account(store, &account, past), -ETIME);
	ck_assert_int_eq(store_get_account(store, a, &account, past), -ETIME);
	ck_assert_int_eq(store_transfer(store, &t, &unknown, past), -ETIME);
	ck_assert_int_eq(store_list_transfers(store, a, INT64_MAX, &t, 1, past),
			 -ETIME);
	ck_assert_int_eq(store_report(store, &r, past), -ETIME);
	r = report_now();
	ck_assert_int_eq(r.accounts, 2);
	ck_assert_int_eq(r.transfers, 0);
	return 0;
}

STORE_TEST(a_cancelled_transfer_is_whole)
{
	struct crowd c = { .done = 0 };
	struct member members[40];
	struct eider_fiber *fibers[40];
	unsigned int done = 0;

	for (int i = 0; i < HOT; i++)
		c.accounts[i] = open_with(HOT_BALANCE);
	for (unsigned int i = 0; i < 40; i++) {
		members[i] = (struct member){ .crowd = &c, .number = i * TWINS };
		fibers[i] = start(member_fiber, &members[i]);
	}
	for (unsigned int i = 0; i < 40; i++) {
		if (i % 3)
			eider_cancel(eider_fiber_future(fibers[i]));
		ck_assert_int_eq(eider_sleep_until(eider_after(100 * HARNESS_US)), 0);
	}
	for (unsigned int i = 0; i < 40; i++) {
		eider_join(fibers[i]);
		done += members[i].result == 0;
		ck_assert_msg(!members[i].result || members[i].result == -EDQUOT ||
			      members[i].result == -ECANCELED, "%u: %ld", i,
			      members[i].result);
	}
	ck_assert_int_ge(report_now().transfers, done);
	check_books(HOT * HOT_BALANCE);
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static long leave_something(void *arg)
{
	open_with(100);
	open_with(1);
	ck_assert_int_eq(move_money(1, 2, 9, arg), 0);
	return 0;
}

static long find_something(void *arg)
{
	ck_assert_int_eq(balance_of(1), 91);
	ck_assert_int_eq(balance_of(2), 10);
	ck_assert_int_eq(move_money(1, 2, 9, arg), 1);
	check_books(101);
	return 0;
}

START_TEST(what_was_stored_stays)
{
	set_up();
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, leave_something, (void *)"key"), 0);
	store_close(store);
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, find_something, (void *)"key"), 0);
	store_close(store);
	tear_down();
}
END_TEST

static long open_inside(void *arg)
{
	(void)arg;
	store = open_store(NULL);
	return leave_something((void *)"key");
}

START_TEST(a_fiber_may_open)
{
	set_up();
	ck_assert_int_eq(eider_block_on(loop, open_inside, NULL), 0);
	ck_assert_ptr_nonnull(strchr(store_url(store), ':'));
	ck_assert_ptr_ne(store_db(store, STORE_TRANSACTIONS),
			 store_db(store, STORE_REPORTS));
	store_close(store);
	store_close(NULL);
	tear_down();
}
END_TEST

static const char *beside_url;

static void *open_beside(void *arg)
{
	char why[200] = "";

	if (store_open(executor, beside_url, NULL, arg, why, sizeof(why)) < 0)
		fprintf(stderr, "%s\n", why);
	return NULL;
}

START_TEST(several_may_open_at_once)
{
	enum { N = 6 };
	struct store *stores[N] = { NULL };
	pthread_t threads[N];

	set_up();
	beside_url = database_url();
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, open_beside,
						&stores[i]), 0);
	for (int i = 0; i < N; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < N; i++)
		ck_assert_ptr_nonnull(stores[i]);
	store = stores[0];
	ck_assert_int_eq(eider_block_on(loop, leave_something, (void *)"key"), 0);
	store = stores[N - 1];
	ck_assert_int_eq(eider_block_on(loop, find_something, (void *)"key"), 0);
	for (int i = 0; i < N; i++)
		store_close(stores[i]);
	tear_down();
}
END_TEST

static void add_moving_cases(Suite *s)
{
	TCase *t = harness_case(s, "accounts");

	tcase_add_test(t, accounts_are_opened);
	tcase_add_test(t, the_longest_text_fits);
	tcase_add_test(t, an_unknown_account_is_said_so);

	t = harness_case(s, "transfers");
	tcase_add_test(t, a_transfer_moves_money);
	tcase_add_test(t, what_is_not_there_cannot_be_moved);
	tcase_add_test(t, unknown_accounts_are_told_apart);
	tcase_add_test(t, an_account_may_be_full);

	t = harness_case(s, "keys");
	tcase_add_test(t, the_same_key_is_the_same_transfer);
	tcase_add_test(t, a_key_is_of_one_transfer);

	t = harness_case(s, "lists");
	tcase_add_test(t, lists_are_newest_first);
	tcase_add_test(t, lists_come_in_pages);
}

static void add_store_cases(Suite *s)
{
	TCase *t;

	add_moving_cases(s);
	t = harness_case(s, "reports");
	tcase_add_test(t, a_report_of_nothing);
	tcase_add_test(t, a_report_counts_anew);
	tcase_add_test(t, a_report_finds_what_is_wrong);
	tcase_add_test(t, a_report_of_too_much);
	tcase_add_test(t, a_report_ends_at_its_deadline);

	t = harness_case(s, "crowd");
	tcase_add_test(t, a_crowd_is_served_exactly_once);
	tcase_add_test(t, a_crowd_shares_one_connection);
	tcase_add_test(t, reports_see_whole_transfers);
	tcase_add_test(t, reports_have_connections_of_their_own);
	tcase_add_test(t, a_deadline_may_have_passed);
	tcase_add_test(t, a_cancelled_transfer_is_whole);

	t = harness_case(s, "open");
	tcase_add_test(t, what_was_stored_stays);
	tcase_add_test(t, a_fiber_may_open);
	tcase_add_test(t, several_may_open_at_once);
}

#endif
