/*
 * test_ledger_report.c - a report takes long, and nobody else has to wait for it
 *
 * Against the program, on an SQLite database with so many transfers that counting them
 * takes a while: how many that is, is found out by asking (slow_report()). What others
 * wait meanwhile is compared with what the report takes, so it holds on any machine.
 */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "with_ledger.h"

enum {
	ACCOUNTS = 100,
	BALANCE = 1000000,
	THREADS_MAX = 12,
	SAMPLES_MAX = 100000,
};

static struct ledger ledger;
static unsigned int over;		/* threads are to end */

static void start(const char *options)
{
	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", options);
}

static void open_accounts(void)
{
	struct client c = ledger_connect(&ledger);
	int64_t id;

	for (int i = 0; i < ACCOUNTS; i++)
		ck_assert_int_eq(client_open_account(&c, "owner", BALANCE, &id), 201);
	client_close(&c);
}

/* @n transfers, behind the ledger's back; balances are as if each had one back. */
static void add_transfers(unsigned int n)
{
	static unsigned int done;
	char sql[500];
	sqlite3 *db;

	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n (i) AS (SELECT %u UNION ALL SELECT i + 1 FROM n "
		 "WHERE i < %u) INSERT INTO transfers "
		 "(key, from_id, to_id, amount, created_ms) "
		 "SELECT 'filled' || i, 1 + i %% 2, 2 - i %% 2, 1, i FROM n;"
		 "PRAGMA wal_checkpoint(TRUNCATE)", done + 1, done + n);
	done += n;
	ck_assert_int_eq(sqlite3_open(harness_temp_file("test.db"), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 60000);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
		      sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static int64_t time_of(struct client *c, const char *path)
{
	int64_t begun = eider_now();

	ck_assert_int_eq(client_ask(c, "GET", path, NULL), 200);
	return eider_now() - begun;
}

/* More transfers, until the report takes as long as that: how long it takes. */
static int64_t slow_report(int64_t least)
{
	struct client c = ledger_connect(&ledger);
	int64_t takes = 0;

	for (unsigned int n = 20000; takes < least; n *= 2) {
		ck_assert_uint_lt(n, 100000000);
		add_transfers(n);
		takes = time_of(&c, "/report");
		if (time_of(&c, "/report") < takes)
			takes = time_of(&c, "/report");
	}
	client_close(&c);
	return takes;
}

/* A number of /metrics. */
static int64_t metric(const char *name)
{
	struct client c;
	char line[100], *at;
	int64_t n;

	ledger_get(&ledger, "/metrics", &c);
	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(c.body, line);
	ck_assert_ptr_nonnull(at);
	n = atoll(at + strlen(line));
	client_close(&c);
	return n;
}

/* --- threads that ask ------------------------------------------------------- */

struct asker {
	pthread_t thread;
	unsigned int number;
	unsigned int asked;
	unsigned int other;		/* answers that are neither 200 nor 201 */
	int64_t longest;
	int64_t *samples;		/* NULL: nobody asks how long each took */
};

static void note(struct asker *a, int status, int64_t begun)
{
	int64_t took = eider_now() - begun;

	if (status != 200 && status != 201)
		harness_add(&a->other, 1);
	if (took > a->longest)
		a->longest = took;
	if (a->samples && a->asked < SAMPLES_MAX)
		a->samples[a->asked] = took;
	harness_add(&a->asked, 1);
}

static void *ask_for_reports(void *arg)
{
	struct asker *a = arg;
	struct client c = ledger_connect(&ledger);

	while (!harness_get(&over)) {
		int64_t begun = eider_now();

		note(a, client_ask(&c, "GET", "/report", NULL), begun);
	}
	client_close(&c);
	return NULL;
}

static int transfer_once(struct asker *a, struct client *c)
{
	int64_t from = 1 + (a->number * 7 + a->asked) % ACCOUNTS;
	char key[40];

	snprintf(key, sizeof(key), "asker%u-%u", a->number, a->asked);
	return client_transfer(c, from, 1 + from % ACCOUNTS, 1, key, NULL);
}

static void *ask_for_transfers(void *arg)
{
	struct asker *a = arg;
	struct client c = ledger_connect(&ledger);

	while (!harness_get(&over)) {
		int64_t begun = eider_now();

		note(a, transfer_once(a, &c), begun);
		harness_nap(4 * HARNESS_MS);
	}
	client_close(&c);
	return NULL;
}

static void set_going(struct asker *askers, unsigned int n, void *(*run)(void *))
{
	for (unsigned int i = 0; i < n; i++) {
		askers[i].number = i;
		ck_assert(!pthread_create(&askers[i].thread, NULL, run, &askers[i]));
	}
}

static void bring_home(struct asker *askers, unsigned int n)
{
	harness_set(&over, 1);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(askers[i].thread, NULL);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_uint_gt(askers[i].asked, 0);
		ck_assert_uint_eq(askers[i].other, 0);
	}
}

/* --- others are not held up ------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t median(int64_t *samples, unsigned int n)
{
	qsort(samples, n, sizeof(samples[0]), compare);
	return samples[n / 2];
}

/* What each kind of request takes while reports run: the median of each. */
static void ask_others(struct asker *reports, unsigned int rounds, int64_t ret[4])
{
	static const char *const paths[] = { "/health", "/accounts/1",
					     "/transfers?account=1&limit=5" };
	int64_t *samples = calloc((size_t)rounds * 4, sizeof(*samples));
	struct client c = ledger_connect(&ledger);
	struct asker a = { .number = 99 };
	unsigned int n = 0;

	ck_assert_ptr_nonnull(samples);
	/* So many rounds, and a report at least: within, some were all the time. */
	while (n < rounds && (n < rounds / 4 || harness_get(&reports->asked) < 3)) {
		int64_t begun;

		for (unsigned int i = 0; i < 3; i++)
			samples[i * rounds + n] = time_of(&c, paths[i]);
		begun = eider_now();
		ck_assert_int_eq(transfer_once(&a, &c), 201);
		samples[3 * rounds + n] = eider_now() - begun;
		a.asked++;
		n++;
		harness_nap(HARNESS_MS);
	}
	for (unsigned int i = 0; i < 4; i++)
		ret[i] = median(samples + i * rounds, n);
	client_close(&c);
	free(samples);
}

START_TEST(a_report_holds_up_nobody)
{
	struct asker reports[3] = { { .number = 0 } };
	int64_t took, took_them[4], least = INT64_MAX;

	start("--loops 1");
	open_accounts();
	took = slow_report(200 * HARNESS_MS);
	set_going(reports, 3, ask_for_reports);
	ask_others(reports, 2000, took_them);
	bring_home(reports, 3);
	for (int i = 0; i < 3; i++)
		if (reports[i].longest < least)
			least = reports[i].longest;
	for (int i = 0; i < 4; i++)
		ck_assert_msg(took_them[i] * 10 < least, "request %d took %lld us, "
			      "reports %lld us (alone %lld)", i,
			      (long long)took_them[i] / 1000, (long long)least / 1000,
			      (long long)took / 1000);
	ledger_stop(&ledger);
}
END_TEST

/* --- the log ---------------------------------------------------------------- */

static off_t log_size(void)
{
	struct stat st;

	return stat(harness_temp_file("test.db-wal"), &st) ? 0 : st.st_size;
}

static unsigned int count_asked(const struct asker *askers, unsigned int n)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += harness_get(&askers[i].asked);
	return sum;
}

/*
 * Each transfer is some twenty kilobytes of log: this is 150 MB of it. What is written
 * while one report runs may be there; so not too much is written at a time.
 */
START_TEST(reports_do_not_make_the_log_grow)
{
	unsigned int enough = harness_count(8000, 3000);
	int64_t deadline = eider_after(2 * patience());
	struct asker reports[3] = { { .number = 0 } };
	struct asker transfers[4] = { { .number = 0 } };
	off_t largest = 0;

	start("--loops 1");
	open_accounts();
	add_transfers(150000);
	set_going(reports, 3, ask_for_reports);
	set_going(transfers, 4, ask_for_transfers);
	while (count_asked(transfers, 4) < enough && eider_now() < deadline) {
		if (log_size() > largest)
			largest = log_size();
		harness_nap(20 * HARNESS_MS);
	}
	bring_home(transfers, 4);
	bring_home(reports, 3);
	printf("%u transfers, %u reports, the log: %lld KiB\n",
	       count_asked(transfers, 4), count_asked(reports, 3),
	       (long long)largest / 1024);
	ck_assert_int_gt(largest, 0);
	ck_assert_msg(largest < 64 << 20, "the log was %lld bytes", (long long)largest);
	ledger_stop(&ledger);
}
END_TEST

/* --- one for all ------------------------------------------------------------ */

START_TEST(given_up_reports_hold_no_line)
{
	struct client gone[8], c;
	int64_t before, begun, made;
	unsigned int n = sizeof(gone) / sizeof(gone[0]);

	start("--loops 1");
	open_accounts();
	slow_report(200 * HARNESS_MS);
	before = metric("ledger_reports_total");
	for (unsigned int i = 0; i < n; i++) {
		gone[i] = ledger_connect(&ledger);
		ck_assert_int_eq(client_send_text(&gone[i], "GET /report HTTP/1.1\r\n"
						  "Host: ledger\r\n\r\n"), 0);
	}
	ledger_take_in(&ledger, n);
	for (unsigned int i = 0; i < n; i++)
		client_close(&gone[i]);
	begun = eider_now();
	ledger_get(&ledger, "/report", &c);
	printf("the ninth took %lld ms\n", (long long)(eider_now() - begun) / 1000000);
	client_close(&c);
	made = metric("ledger_reports_total") - before;
	/* One under way, the next; and one more where this machine was slow. */
	ck_assert_int_ge(made, 1);
	ck_assert_msg(made <= 3, "%lld reports were made", (long long)made);
	ledger_stop(&ledger);
}
END_TEST

static unsigned int acknowledged;

/* A transfer, and then a report, which has to have it; and all others heard of. */
static void *transfer_and_report(void *arg)
{
	struct asker *a = arg;
	struct client c = ledger_connect(&ledger);

	while (!harness_get(&over)) {
		int status = transfer_once(a, &c);
		unsigned int known = status == 201 ? harness_add(&acknowledged, 1) : 0;

		if (status == 201)
			status = client_ask(&c, "GET", "/report", NULL);
		if (status == 200 && (client_number(&c, "transfers") < (int64_t)known ||
				      client_number(&c, "wrong") != 0 ||
				      client_number(&c, "total") !=
					      (int64_t)ACCOUNTS * BALANCE))
			status = -EBADMSG;
		note(a, status, eider_now());
	}
	client_close(&c);
	return NULL;
}

START_TEST(no_report_is_older_than_its_question)
{
	struct asker askers[THREADS_MAX] = { { .number = 0 } };
	unsigned int enough = harness_count(1000, 200);
	int64_t deadline = eider_after(2 * patience());

	start("--loops 2");
	open_accounts();
	set_going(askers, THREADS_MAX, transfer_and_report);
	while (count_asked(askers, THREADS_MAX) < enough && eider_now() < deadline)
		harness_nap(HARNESS_MS);
	bring_home(askers, THREADS_MAX);
	/* Twelve at a time: if none was shared, this test shows nothing. */
	ck_assert_int_lt(metric("ledger_reports_total"),
			 count_asked(askers, THREADS_MAX));
	ledger_check_report(&ledger, (int64_t)ACCOUNTS * BALANCE, acknowledged);
	ledger_stop(&ledger);
}
END_TEST

static void *ask_once(void *arg)
{
	struct asker *a = arg;
	struct client c = ledger_connect(&ledger);

	a->other = (unsigned int)client_ask(&c, "GET", "/report", NULL);
	client_close(&c);
	return NULL;
}

/* Who makes one, and who waits for it, are told to end alike. */
START_TEST(reports_under_way_are_cut_off_at_the_end)
{
	struct asker askers[6] = { { .number = 0 } };

	start("--loops 2 --stop-timeout 0.05");
	open_accounts();
	slow_report(200 * HARNESS_MS);
	set_going(askers, 6, ask_once);
	ledger_take_in(&ledger, 6);
	ledger_stop(&ledger);
	for (int i = 0; i < 6; i++) {
		int status;

		pthread_join(askers[i].thread, NULL);
		status = (int)askers[i].other;
		ck_assert_msg(status == 200 || status == 503 || status < 0, "%d",
			      status);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_report");
	TCase *t = harness_case(s, "report");

	harness_timeout(t, 600);
	tcase_add_test(t, a_report_holds_up_nobody);
	tcase_add_test(t, reports_do_not_make_the_log_grow);
	tcase_add_test(t, given_up_reports_hold_no_line);
	tcase_add_test(t, no_report_is_older_than_its_question);
	tcase_add_test(t, reports_under_way_are_cut_off_at_the_end);
	return harness_run(s);
}
