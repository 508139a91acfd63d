/*
 * test_ledger_trouble_postgres.c - what goes wrong at PostgreSQL is told
 *
 * As in test_ledger_trouble.c; and which databases are refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "with_ledger.h"
#include "with_postgres.h"

static struct ledger ledger;
static char said[65536];

static void refuse(const char *database, const char *words)
{
	char url[600];

	memset(&ledger, 0, sizeof(ledger));
	snprintf(url, sizeof(url), "postgresql://eider@/%s?host=%s", database,
		 postgres.dir);
	ck_assert_int_eq(ledger_try_start(&ledger, url, "--loops 1"), 1);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(strstr(said, words), "%s", said);
}

/* Text has to come back as it went. */
START_TEST(another_encoding_is_refused)
{
	postgres_clean();
	postgres_sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
	refuse("latin", "server_encoding is LATIN1; it has to be UTF8");
	postgres_sql("DROP DATABASE latin");
	postgres_sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'SQL_ASCII'");
	refuse("latin", "server_encoding is SQL_ASCII; it has to be UTF8");
	postgres_sql("DROP DATABASE latin");
}
END_TEST

static void expect_said(const char *words)
{
	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(strstr(said, words), "no \"%s\" in: %s", words, said);
	ck_assert(!strstr(said, POSTGRES_PASSWORD));
	ck_assert(!strstr(said, POSTGRES_PASSWORD_IN_URL));
}

START_TEST(the_engine_is_quoted_without_the_password)
{
	char url[600], message[128];
	struct client c;
	int64_t id;

	postgres_clean();
	postgres_sql("GRANT ALL ON SCHEMA public TO guarded");
	memset(&ledger, 0, sizeof(ledger));
	snprintf(url, sizeof(url), "%s",
		 postgres_url_of("guarded:" POSTGRES_PASSWORD_IN_URL, ""));
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(client_open_account(&c, "o", 1000, &id), 201);
	postgres_sql("ALTER TABLE transfers RENAME TO elsewhere");
	ck_assert_int_eq(client_transfer(&c, 1, 2, 1, "k", NULL), 500);
	ck_assert(client_is_error(&c, "internal"));
	client_text(&c, "message", message);
	ck_assert_msg(strstr(message, "ask again, same key"), "%s", message);
	expect_said("ledger: a transfer: ");
	expect_said("relation \"transfers\" does not exist");
	postgres_sql("ALTER TABLE elsewhere RENAME TO transfers");
	ck_assert_int_eq(client_transfer(&c, 1, 2, 1, "k", NULL), 201);
	postgres_crash();
	ck_assert_int_eq(client_ask(&c, "GET", "/report", NULL), 503);
	ck_assert(client_is_error(&c, "unavailable"));
	expect_said("ledger: a report: ");
	client_close(&c);
	ledger_stop(&ledger);
	expect_said("");
	postgres_restart();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_trouble_postgres");
	TCase *t = harness_case(s, "trouble");

	postgres_start_server();
	harness_timeout(t, 600);
	tcase_add_test(t, another_encoding_is_refused);
	tcase_add_test(t, the_engine_is_quoted_without_the_password);
	return harness_run(s);
}
