/*
 * test_ledger_postgres.c - the ledger on PostgreSQL, which dies and comes back
 *
 * As in test_ledger_crash.c, threads keep a book of what they were told, and at the end
 * it has to be true. The server of with_postgres.h does not sync, but what it said is
 * committed has to survive the death of its processes; for that the tests' user commits
 * synchronously.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_load.h"
#include "with_postgres.h"

static struct ledger ledger;

static void begin(unsigned int accounts)
{
	postgres_clean();
	postgres_sql("ALTER ROLE eider SET synchronous_commit = on");
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, postgres_url(), "--loops 2");
	load_open(&ledger, 1, accounts);
}

static void finish(void)
{
	load_stop();
	load_settle();
	load_check();
	load_release();
	ledger_stop(&ledger);
}

static bool is_unavailable_again(void *arg)
{
	return harness_get(&load.unavailable) >= *(unsigned int *)arg;
}

/* Without a database there are 503s, and no more; with it again there is service. */
static void die_and_come_back(void (*die)(void), unsigned int rounds)
{
	begin(16);
	load_start();
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int n;
		struct client c;

		ck_assert(load_wait(30));
		die();
		n = harness_get(&load.unavailable) + 20;
		ck_assert(harness_wait_until(is_unavailable_again, &n));
		ledger_get(&ledger, "/health", &c);
		ck_assert_int_eq(client_ask(&c, "GET", "/accounts/1", NULL), 503);
		ck_assert(client_is_error(&c, "unavailable"));
		client_close(&c);
		postgres_restart();
	}
	ck_assert(load_wait(30));
	finish();
	printf("%u acknowledged, %u unavailable\n", load.acknowledged,
	       load.unavailable);
}

START_TEST(a_crash_of_the_database_loses_nothing)
{
	die_and_come_back(postgres_crash, harness_count(5, 2));
}
END_TEST

START_TEST(a_restart_of_the_database_loses_nothing)
{
	die_and_come_back(postgres_shut_down, harness_count(3, 2));
}
END_TEST

START_TEST(ended_sessions_lose_nothing)
{
	begin(16);
	load_start();
	for (unsigned int i = 0; i < harness_count(20, 5); i++) {
		ck_assert(load_wait(10));
		postgres_sql("SET client_min_messages = error; "
			     "SELECT count(pg_terminate_backend(pid)) "
			     "FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
			     "AND usename = 'eider'");
	}
	ck_assert(load_wait(30));
	finish();
}
END_TEST

/* All of the ledger's server processes. */
static void signal_sessions(const char *pids, int number)
{
	for (char *end; *pids; pids = end + (*end == ' ')) {
		long pid = strtol(pids, &end, 10);

		ck_assert_int_eq(kill((pid_t)pid, number), 0);
	}
}

/* They take what is sent, and do not answer: no request waits for that, nor the end. */
START_TEST(a_stopped_database_holds_nobody_up)
{
	char pids[200], said[8192];
	struct client c;

	postgres_clean();
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, postgres_url(), "--loops 2 --db-timeout 0.5");
	load_open(&ledger, 1, 2);
	snprintf(pids, sizeof(pids), "%s",
		 postgres_sql("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity "
			      "WHERE usename = 'eider' AND pid <> pg_backend_pid()"));
	ck_assert_uint_gt(strlen(pids), 0);
	signal_sessions(pids, SIGSTOP);
	ledger_get(&ledger, "/health", &c);
	ck_assert_int_eq(client_ask(&c, "GET", "/accounts/1", NULL), 503);
	client_close(&c);
	ledger_stop(&ledger);
	signal_sessions(pids, SIGCONT);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert(!strstr(said, "does not end"));
	load_release();
}
END_TEST

/* How often a transaction was tried again, by all of the ledger's databases. */
static int64_t retried(void)
{
	json_t *status, *databases, *d;
	struct client c;
	int64_t n = 0;
	size_t i;

	ledger_get(&ledger, "/status", &c);
	status = json_loadb(c.body, c.body_len, 0, NULL);
	databases = json_object_get(status, "databases");
	json_array_foreach(databases, i, d)
		n += json_integer_value(json_object_get(d, "retried"));
	json_decref(status);
	client_close(&c);
	return n;
}

static bool was_retried(void *arg)
{
	(void)arg;
	return retried() > 0;
}

START_TEST(conflicts_are_tried_again)
{
	begin(2);
	load_start();
	ck_assert(harness_wait_until(was_retried, NULL));
	ck_assert(load_wait(50));
	finish();
}
END_TEST

START_TEST(without_its_database_it_does_not_start)
{
	char url[500], said[4096];
	int status;

	snprintf(url, sizeof(url), "%s", postgres_url());
	postgres_shut_down();
	memset(&ledger, 0, sizeof(ledger));
	status = ledger_try_start(&ledger, url, "--loops 1");
	postgres_restart();
	ck_assert_int_eq(status, 1);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(strchr(said, '\n'), "nothing is said");
}
END_TEST

START_TEST(a_password_is_never_shown)
{
	struct client c;
	char url[500], said[8192], text[128];

	postgres_clean();
	postgres_sql("GRANT ALL ON SCHEMA public TO guarded");
	snprintf(url, sizeof(url), "%s",
		 postgres_url_of("guarded:" POSTGRES_PASSWORD_IN_URL, ""));
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, url, "--loops 1");
	ledger_get(&ledger, "/status", &c);
	ck_assert_str_eq(client_text(&c, "engine", text), "postgresql");
	ck_assert(client_text(&c, "database", text)[0]);
	ck_assert(!strstr(c.body, POSTGRES_PASSWORD));
	ck_assert(!strstr(c.body, POSTGRES_PASSWORD_IN_URL));
	client_close(&c);
	ledger_get(&ledger, "/metrics", &c);
	ck_assert(strstr(c.body, "committed"));
	ck_assert(!strstr(c.body, POSTGRES_PASSWORD));
	ck_assert(!strstr(c.body, POSTGRES_PASSWORD_IN_URL));
	client_close(&c);
	ledger_stop(&ledger);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert(!strstr(said, POSTGRES_PASSWORD));
	ck_assert(!strstr(said, POSTGRES_PASSWORD_IN_URL));
	snprintf(url, sizeof(url), "%s", postgres_url_of("guarded:WrOnG", ""));
	ledger.port = 0;
	ck_assert_int_eq(ledger_try_start(&ledger, url, "--loops 1"), 1);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert(!strstr(said, "WrOnG"));
	ck_assert(strchr(said, '\n'));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_postgres");
	TCase *t = harness_case(s, "postgres");

	postgres_start_server();
	harness_timeout(t, 900);
	tcase_add_test(t, a_crash_of_the_database_loses_nothing);
	tcase_add_test(t, a_restart_of_the_database_loses_nothing);
	tcase_add_test(t, ended_sessions_lose_nothing);
	tcase_add_test(t, a_stopped_database_holds_nobody_up);
	tcase_add_test(t, conflicts_are_tried_again);
	tcase_add_test(t, without_its_database_it_does_not_start);
	tcase_add_test(t, a_password_is_never_shown);
	return harness_run(s);
}
