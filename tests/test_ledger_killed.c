/*
 * test_ledger_killed.c - the ledger on PostgreSQL, and SIGKILL for either of them
 *
 * As in test_ledger_postgres.c, which has the ends that somebody asked for: here
 * processes go without a last word, at moments that are random. The ledger; one process
 * of the server, upon which all others of it end too and it recovers; and the first
 * process of the server, which leaves the others behind and is started again.
 *
 * To see a failure again: EIDER_TEST_SEED. The moments are the same then, as far as the
 * scheduler is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_load.h"
#include "with_postgres.h"

static struct ledger ledger;
static unsigned int dice;

static void begin(void)
{
	const char *env = getenv("EIDER_TEST_SEED");

	dice = env ? (unsigned int)atoi(env) : (unsigned int)eider_now();
	printf("EIDER_TEST_SEED=%u\n", dice);
	postgres_clean();
	postgres_sql("ALTER ROLE eider SET synchronous_commit = on");
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, postgres_url(), "--loops 2");
	load_open(&ledger, 1, 16);
}

static void settle(void)
{
	load_stop();
	load_settle();
}

static void finish(const char *what, unsigned int rounds)
{
	load_check();
	printf("%s killed %u times: %u acknowledged, %u not known, %u unavailable\n",
	       what, rounds, load.acknowledged, load.unknown, load.unavailable);
	load_release();
	ledger_stop(&ledger);
}

/* Up to 100 ms from now, in the middle of what the threads do. */
static void random_moment(void)
{
	ck_assert(load_wait(10));
	harness_nap(rand_r(&dice) % 100000 * HARNESS_US);
}

START_TEST(a_killed_ledger_forgets_nothing)
{
	unsigned int rounds = harness_count(20, 5);

	begin();
	for (unsigned int i = 0; i < rounds; i++) {
		load_start();
		random_moment();
		ledger_kill(&ledger);
		load_stop();
		ledger.port = 0;
		ledger_start(&ledger, postgres_url(), "--loops 2");
		load_settle();
	}
	ck_assert_uint_gt(load.unknown, 0);
	finish("ledger", rounds);
}
END_TEST

/* ---- the server ---- */

/* A process of the server that works for the ledger, if it has one now; or 0. */
static pid_t some_backend(void)
{
	unsigned int n = (unsigned int)rand_r(&dice) % 4;
	char sql[256];
	const char *pid;

	snprintf(sql, sizeof(sql), "SELECT coalesce((SELECT pid FROM pg_stat_activity "
		 "WHERE pid <> pg_backend_pid() AND usename = 'eider' "
		 "ORDER BY pid OFFSET %u LIMIT 1), 0)", n);
	pid = postgres_try(sql);
	return pid ? (pid_t)atoi(pid) : 0;
}

static bool was_killed(void *arg)
{
	pid_t pid = some_backend();

	(void)arg;
	return pid > 0 && !kill(pid, SIGKILL);
}

START_TEST(a_killed_backend_loses_nothing)
{
	unsigned int rounds = harness_count(20, 5);

	begin();
	load_start();
	for (unsigned int i = 0; i < rounds; i++) {
		random_moment();
		ck_assert(harness_wait_until(was_killed, NULL));
	}
	ck_assert(load_wait(30));
	settle();
	finish("backend", rounds);
}
END_TEST

/* From the first line of its file. */
static pid_t postmaster(void)
{
	char path[300];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/postmaster.pid", postgres.dir);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
	fclose(f);
	ck_assert_int_gt(pid, 1);
	return (pid_t)pid;
}

/* Not while processes of the one before are still there, for which they look. */
static bool is_up_again(void *arg)
{
	(void)arg;
	return postgres_command('s');
}

START_TEST(a_killed_server_loses_nothing)
{
	unsigned int rounds = harness_count(10, 3);

	begin();
	load_start();
	for (unsigned int i = 0; i < rounds; i++) {
		struct client c;

		random_moment();
		ck_assert_int_eq(kill(postmaster(), SIGKILL), 0);
		postgres_crash();	/* the keeper's wait for it */
		ledger_get(&ledger, "/health", &c);
		client_close(&c);
		harness_nap(50 * HARNESS_MS);
		ck_assert(harness_wait_until(is_up_again, NULL));
	}
	ck_assert(load_wait(30));
	settle();
	finish("server", rounds);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_killed");
	TCase *t = harness_case(s, "killed");

	postgres_start_server();
	harness_timeout(t, 600);
	tcase_add_test(t, a_killed_ledger_forgets_nothing);
	tcase_add_test(t, a_killed_backend_loses_nothing);
	tcase_add_test(t, a_killed_server_loses_nothing);
	return harness_run(s);
}
