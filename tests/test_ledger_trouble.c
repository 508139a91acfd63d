/*
 * test_ledger_trouble.c - what goes wrong at the database is told, and to whom
 *
 * Who asked learns whether it may have happened, and no more; who runs the ledger reads
 * on stderr what the engine said. On SQLite; for PostgreSQL there is
 * test_ledger_trouble_postgres.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "with_ledger.h"

static struct ledger ledger;
static struct client c;
static char said[65536];

static void start(const char *options)
{
	int64_t id;

	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", options);
	c = ledger_connect(&ledger);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(client_open_account(&c, "owner", 1000, &id), 201);
}

static void finish(void)
{
	client_close(&c);
	ledger_stop(&ledger);
}

/* The ledger's database, behind its back. */
static sqlite3 *open_database(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(harness_temp_file("test.db"), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 60000);
	return db;
}

static void sql(sqlite3 *db, const char *text)
{
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s: %s",
		      text, sqlite3_errmsg(db));
}

static void sql_once(const char *text)
{
	sqlite3 *db = open_database();

	sql(db, text);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* How many lines of stderr have @words in them. */
static unsigned int count_said(const char *words)
{
	unsigned int n = 0;

	ledger_output(&ledger, said, sizeof(said));
	for (const char *at = said; (at = strstr(at, words)); at += strlen(words))
		n++;
	return n;
}

static void expect(int status, const char *word, const char *part)
{
	char message[128];

	ck_assert_msg(c.status == status && client_is_error(&c, word) &&
		      strstr(client_text(&c, "message", message), part),
		      "%d %s: no %s with \"%s\"", c.status, c.body, word, part);
}

static void transfer(const char *key)
{
	client_transfer(&c, 1, 2, 1, key, NULL);
}

/* ---- a transfer that failed ---- */

START_TEST(an_error_leaves_it_open)
{
	start("--loops 1");
	sql_once("ALTER TABLE transfers RENAME TO elsewhere");
	transfer("key");
	expect(500, "internal", "ask again, same key");
	ck_assert_uint_eq(count_said("no such table: transfers"), 1);
	ck_assert_uint_eq(count_said("ledger: a transfer: "), 1);
	sql_once("ALTER TABLE elsewhere RENAME TO transfers");
	ck_assert_int_eq(client_transfer(&c, 1, 2, 1, "key", NULL), 201);
	ck_assert_int_eq(client_balance(&c, 2), 1001);
	finish();
}
END_TEST

START_TEST(what_did_not_begin_did_not_happen)
{
	sqlite3 *db;
	char again[20];
	int64_t id;

	start("--loops 1 --db-timeout 0.3");
	db = open_database();
	sql(db, "BEGIN IMMEDIATE");
	transfer("key");
	expect(503, "busy", "nothing has changed");
	ck_assert(client_header(&c, "Retry-After", again, sizeof(again)));
	client_open_account(&c, "late", 1, &id);
	expect(503, "busy", "nothing has changed");
	sql(db, "ROLLBACK");
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	ck_assert_int_eq(client_transfer(&c, 1, 2, 1, "key", NULL), 201);
	finish();
}
END_TEST

/* A thousand in a row are one line; their number comes with the next. */
START_TEST(the_same_is_not_said_all_the_time)
{
	unsigned int n = harness_count(1000, 100);
	int64_t begun = eider_now();

	start("--loops 2");
	sql_once("ALTER TABLE transfers RENAME TO elsewhere");
	for (unsigned int i = 0; i < n; i++) {
		transfer("key");
		ck_assert_int_eq(c.status, 500);
	}
	ck_assert_uint_ge(count_said("ledger: a transfer: "), 1);
	ck_assert_uint_le(count_said("ledger: a transfer: "),
			  1 + (unsigned int)((eider_now() - begun) / (10 * HARNESS_S)));
	finish();
}
END_TEST

/* ---- a file that is damaged ---- */

/* Accounts and transfers, on some hundred pages, all of them in the file. */
static void fill(void)
{
	sql_once("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		 "WHERE i < 20000) INSERT INTO transfers "
		 "(key, from_id, to_id, amount, created_ms) "
		 "SELECT 'filled' || i, 1 + i % 2, 2 - i % 2, 1, i FROM n");
	sql_once("PRAGMA wal_checkpoint(TRUNCATE)");
}

/* The tables' first pages stay: it looks like a database. */
static void damage(void)
{
	const char *path = harness_temp_file("test.db");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char page[4096];

	ck_assert_int_ge(fd, 0);
	memset(page, 0xa5, sizeof(page));
	for (off_t at = 20; at < 120; at++)
		ck_assert_int_eq(pwrite(fd, page, sizeof(page), at * 4096), 4096);
	close(fd);
}

START_TEST(a_damaged_file_is_refused)
{
	char url[300];

	start("--loops 1");
	fill();
	finish();
	damage();
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("test.db"));
	ledger.port = 0;
	ck_assert_int_eq(ledger_try_start(&ledger, url, "--loops 1"), 1);
	ck_assert_uint_eq(count_said("the file is damaged: "), 1);
}
END_TEST

START_TEST(damage_is_told_when_it_is_met)
{
	start("--loops 1");
	fill();
	damage();
	client_ask(&c, "GET", "/report", NULL);
	expect(500, "internal", "damaged");
	ck_assert_uint_eq(count_said("ledger: a report: "), 1);
	ck_assert_uint_eq(count_said("database disk image is malformed"), 1);
	ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
	finish();
}
END_TEST

/* It may come back; a new one would be empty. */
START_TEST(a_file_that_is_gone_is_not_made_anew)
{
	char path[300], aside[320];

	start("--loops 1");
	snprintf(path, sizeof(path), "%s", harness_temp_file("test.db"));
	snprintf(aside, sizeof(aside), "%s.aside", path);
	sql_once("PRAGMA wal_checkpoint(TRUNCATE)");
	ck_assert_int_eq(rename(path, aside), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(client_ask(&c, "GET", "/accounts/1", NULL), 503);
		expect(503, "unavailable", "does not answer");
		transfer("key");
		expect(503, "unavailable", "ask again, same key");
		client_ask(&c, "GET", "/report", NULL);
		expect(503, "unavailable", "does not answer");
	}
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_uint_ge(count_said("ledger: "), 1);
	ck_assert_int_eq(rename(aside, path), 0);
	ck_assert_int_eq(client_balance(&c, 1), 1000);
	ck_assert_int_eq(client_transfer(&c, 1, 2, 1, "key", NULL), 201);
	finish();
}
END_TEST

/* Reads that are refused tell nobody that something may have happened. */
START_TEST(reading_leaves_nothing_open)
{
	start("--loops 1");
	sql_once("ALTER TABLE transfers RENAME TO elsewhere");
	ck_assert_int_eq(client_ask(&c, "GET", "/report", NULL), 500);
	ck_assert_ptr_null(strstr(c.body, "may have"));
	ck_assert_int_eq(client_ask(&c, "GET", "/transfers?account=1", NULL), 500);
	ck_assert_ptr_null(strstr(c.body, "may have"));
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_trouble");
	TCase *t = harness_case(s, "trouble");

	harness_timeout(t, 300);
	tcase_add_test(t, an_error_leaves_it_open);
	tcase_add_test(t, what_did_not_begin_did_not_happen);
	tcase_add_test(t, the_same_is_not_said_all_the_time);
	tcase_add_test(t, a_damaged_file_is_refused);
	tcase_add_test(t, damage_is_told_when_it_is_met);
	tcase_add_test(t, a_file_that_is_gone_is_not_made_anew);
	tcase_add_test(t, reading_leaves_nothing_open);
	return harness_run(s);
}
