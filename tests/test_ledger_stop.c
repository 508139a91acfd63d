/*
 * test_ledger_stop.c - how the ledger starts and ends: signals, exit status, last words
 *
 * What is under way when it is told to stop waits for a lock of the database, which the
 * test holds, or for a peer that does not read: nothing has to be slow by itself.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "with_ledger.h"

static struct ledger ledger;
static char said[65536];

static void begin(const char *options)
{
	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", options);
}

static void tell(int sig)
{
	ck_assert_int_eq(kill(ledger.pid, sig), 0);
}

static void ends_with_0(void)
{
	int status = ledger_wait(&ledger);

	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x: %s",
		      status, said);
}

static int64_t seconds(double n)
{
	return (int64_t)(n * HARNESS_S * harness_slow());
}

/* ---- signals ---- */

START_TEST(it_ends_on_sigterm)
{
	begin("--loops 2");
	tell(SIGTERM);
	ends_with_0();
}
END_TEST

START_TEST(it_ends_on_sigint)
{
	begin("--loops 1");
	tell(SIGINT);
	ends_with_0();
}
END_TEST

/* A stop right after the start, at all points of it. */
START_TEST(it_ends_whenever_it_is_told)
{
	for (unsigned int i = 0; i < harness_count(20, 5); i++) {
		begin("--loops 2");
		harness_nap(i * 100 * HARNESS_US);
		tell(i % 2 ? SIGINT : SIGTERM);
		ends_with_0();
	}
}
END_TEST

START_TEST(idle_connections_do_not_hold_it)
{
	struct client idle[10];
	int64_t start;

	begin("--loops 2 --stop-timeout 1000");
	for (int i = 0; i < 10; i++) {
		idle[i] = ledger_connect(&ledger);
		if (i % 2)
			ck_assert_int_eq(client_ask(&idle[i], "GET", "/health", NULL),
					 200);
	}
	ledger_take_in(&ledger, 10);
	start = eider_now();
	tell(SIGTERM);
	ends_with_0();
	ck_assert_int_lt(eider_now() - start, seconds(10));
	for (int i = 0; i < 10; i++) {
		ck_assert_int_ge(client_end(&idle[i]), 0);
		client_close(&idle[i]);
	}
}
END_TEST

/* A lock on the database, so that who would write has to wait. */
static sqlite3 *take_lock(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(harness_temp_file("test.db"), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	return db;
}

static void give_lock_back(sqlite3 *db)
{
	ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* An account that is being opened, and has to wait. */
static struct client open_account_slowly(void)
{
	static const char body[] = "{\"owner\": \"late\", \"balance\": 77}";
	char request[256];
	struct client c = ledger_connect(&ledger);

	snprintf(request, sizeof(request), "POST /accounts HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body);
	ck_assert_int_eq(client_send_text(&c, request), 0);
	harness_nap(200 * HARNESS_MS);
	return c;
}

/* Nobody listens there any more. */
static bool is_deaf(void *arg)
{
	struct client c;
	int err = client_open(&c, ledger.host, ledger.port, HARNESS_S);

	(void)arg;
	if (!err)
		client_close(&c);
	return err == -ECONNREFUSED;
}

/*
 * Accounts are opened over several connections, one after another on each. While the
 * test has the lock that takes a while, so nearly always one is under way, and when it
 * is released they succeed. Each stops at the last answer.
 */
enum { BUSY = 6 };

static struct {
	unsigned int answers, opened, told_to_end;
} busy;

static void *open_accounts(void *arg)
{
	struct client c = ledger_connect(&ledger);
	int status = 0;

	(void)arg;
	while (status >= 0 && !c.closes) {
		int64_t id;

		status = client_open_account(&c, "busy", 77, &id);
		harness_add(&busy.answers, 1);
		if (status == 201)
			harness_add(&busy.opened, 1);
		else if (status >= 0)
			ck_assert_int_eq(status, 503);
	}
	if (status >= 0)
		harness_add(&busy.told_to_end, 1);
	else
		ck_assert_msg(status == -ENODATA || status == -ECONNRESET ||
			      status == -EPIPE, "ended with %d", status);
	client_close(&c);
	return NULL;
}

START_TEST(what_runs_is_finished)
{
	pthread_t threads[BUSY];
	sqlite3 *lock;

	begin("--loops 2 --stop-timeout 1000");
	lock = take_lock();
	for (int i = 0; i < BUSY; i++)
		ck_assert(!pthread_create(&threads[i], NULL, open_accounts, NULL));
	ck_assert(harness_wait_count(&busy.answers, 2 * BUSY));
	tell(SIGTERM);
	harness_nap(20 * HARNESS_MS);
	give_lock_back(lock);
	for (int i = 0; i < BUSY; i++)
		pthread_join(threads[i], NULL);
	ends_with_0();
	ck_assert_uint_gt(busy.told_to_end, 0);
	ledger.port = 0;
	ledger_start_file(&ledger, "test.db", "--loops 1");
	ledger_check_report(&ledger, 77 * (int64_t)busy.opened, 0);
	ledger_stop(&ledger);
}
END_TEST

/* As many requests as the kernel takes for now; false if it takes none. */
static bool ask_more(struct client *c)
{
	static const char page[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	bool taken = false;

	while (send(c->fd, page, sizeof(page) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(page) - 1)
		taken = true;
	return taken;
}

/*
 * A peer whose answers cannot be sent, as it does not read them: though the ledger's
 * loops have turned again and again, it takes no more requests either. (The last one
 * that was sent may be half a request.)
 */
static struct client never_read(void)
{
	struct client c = ledger_connect(&ledger);
	int64_t deadline = eider_after(patience());
	int small = 4096;

	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int in_vain = 0; in_vain < 3;) {
		in_vain = ask_more(&c) ? 0 : in_vain + 1;
		ledger_take_in(&ledger, 1);
		harness_nap(20 * HARNESS_MS);
		ck_assert_msg(eider_now() < deadline, "it reads without end");
	}
	return c;
}

START_TEST(it_waits_no_longer_than_told)
{
	struct client c;
	int64_t start;

	begin("--loops 1 --stop-timeout 0.5 --send-timeout 1000");
	c = never_read();
	start = eider_now();
	tell(SIGTERM);
	ends_with_0();
	ck_assert_int_lt(eider_now() - start, seconds(15));
	client_close(&c);
}
END_TEST

static void ends_soon(void)
{
	int64_t start = eider_now();
	int status = ledger_wait(&ledger);

	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x: %s",
		      status, said);
	ck_assert_int_lt(eider_now() - start, seconds(5));
}

START_TEST(a_second_signal_is_quick)
{
	static const int signals[] = { SIGTERM, SIGINT };

	for (int i = 0; i < 2; i++) {
		struct client c;
		int status;

		begin("--loops 2 --stop-timeout 1000 --send-timeout 1000");
		c = never_read();
		tell(SIGTERM);
		ck_assert(harness_wait_until(is_deaf, NULL));
		harness_nap(300 * HARNESS_MS);
		ck_assert_int_eq(waitpid(ledger.pid, &status, WNOHANG), 0);
		tell(signals[i]);
		ends_soon();
		client_close(&c);
	}
}
END_TEST

/* The same with a job under way, which the database holds up. */
START_TEST(a_second_signal_is_quick_while_a_job_runs)
{
	struct client c;
	sqlite3 *lock;

	begin("--loops 1 --stop-timeout 1000");
	lock = take_lock();
	c = open_account_slowly();
	tell(SIGTERM);
	harness_nap(100 * HARNESS_MS);
	tell(SIGTERM);
	ends_soon();
	give_lock_back(lock);
	client_close(&c);
	begin("--loops 1");
	ledger_check_report(&ledger, 0, 0);
	ledger_stop(&ledger);
}
END_TEST

/* A stop amid many connections that are busy: each gets whole answers to its end. */
static unsigned int connected, asked;

static void *ask_until_the_end(void *arg)
{
	struct client c = ledger_connect(&ledger);
	int status = 200;

	(void)arg;
	harness_add(&connected, 1);
	while (status == 200) {
		status = client_ask(&c, "GET", "/status", NULL);
		harness_add(&asked, 1);
	}
	client_close(&c);
	return (void *)(intptr_t)status;
}

START_TEST(no_answer_is_cut)
{
	pthread_t threads[BUSY];
	void *last;

	begin("--loops 2");
	for (int i = 0; i < BUSY; i++)
		ck_assert(!pthread_create(&threads[i], NULL, ask_until_the_end, NULL));
	ck_assert(harness_wait_count(&connected, BUSY));
	ck_assert(harness_wait_count(&asked, 20));
	tell(SIGTERM);
	ends_with_0();
	for (int i = 0; i < BUSY; i++) {
		int status;

		pthread_join(threads[i], &last);
		status = (int)(intptr_t)last;
		ck_assert_msg(status == -ENODATA || status == -ECONNRESET ||
			      status == -EPIPE, "ended with %d", status);
	}
}
END_TEST

/*
 * Clients that send head and body apart, as many do, when it stops: each request is
 * answered as if nothing was, or with a 503 that says so, or the connection ends before
 * any answer; and what was answered with 201, no more and no less, has happened.
 */
enum { APART = 24 };

static struct {
	unsigned int connected, opened, unavailable, ended;
} apart;

static int open_apart(struct client *c)
{
	static const char head[] =
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\n";

	/* An answer may be there before all is sent. */
	if (!client_send_text(c, head)) {
		harness_nap(HARNESS_MS);
		client_send_text(c, "{\"owner\": \"ann\", \"balance\": 77}");
	}
	return client_answer(c, false);
}

static void is_sorry(const struct client *c, int status)
{
	char after[32];

	ck_assert_msg(status == 503, "%d: %s", status, c->body);
	ck_assert(client_is_error(c, "unavailable"));
	ck_assert_msg(strstr(c->body, "nothing was done"), "%s", c->body);
	ck_assert(client_header(c, "Retry-After", after, sizeof(after)));
	ck_assert(c->closes);
}

static void *open_accounts_apart(void *arg)
{
	struct client c = ledger_connect(&ledger);
	int status = 201;

	(void)arg;
	harness_add(&apart.connected, 1);
	while (status == 201 && !c.closes) {
		status = open_apart(&c);
		if (status == 201)
			harness_add(&apart.opened, 1);
	}
	if (status > 0 && status != 201) {
		is_sorry(&c, status);
		harness_add(&apart.unavailable, 1);
	} else if (status < 0) {
		ck_assert_msg(status == -ENODATA || status == -ECONNRESET,
			      "ended with %d", status);
		ck_assert_uint_eq(c.in_len, 0);
		harness_add(&apart.ended, 1);
	}
	client_close(&c);
	return NULL;
}

START_TEST(a_request_in_two_parts_is_no_bad_one)
{
	pthread_t threads[APART];
	unsigned int stops = harness_count(12, 4);
	char options[64];

	snprintf(options, sizeof(options), "--loops %u --stop-timeout 1000",
		 1 + (unsigned int)_i);
	for (unsigned int i = 0; i < stops; i++) {
		apart.connected = 0;
		begin(options);
		for (int j = 0; j < APART; j++)
			ck_assert(!pthread_create(&threads[j], NULL,
						  open_accounts_apart, NULL));
		ck_assert(harness_wait_count(&apart.connected, APART));
		harness_nap((50 + i * 7) * HARNESS_MS);
		tell(SIGTERM);
		for (int j = 0; j < APART; j++)
			pthread_join(threads[j], NULL);
		ends_with_0();
	}
	printf("%u opened, %u times unavailable, %u connections ended\n", apart.opened,
	       apart.unavailable, apart.ended);
	ck_assert_uint_gt(apart.opened, stops);
	begin("--loops 1");
	ledger_check_report(&ledger, 77 * (int64_t)apart.opened, 0);
	ledger_stop(&ledger);
}
END_TEST

/* ---- starting ---- */

static void fails(int status, const char *args, const char *says)
{
	int got = ledger_run(args, said, sizeof(said));

	ck_assert_msg(got == status, "ledger %s: exit status %d instead of %d: %s",
		      args, got, status, said);
	ck_assert_msg(strchr(said, '\n'), "ledger %s: says nothing", args);
	ck_assert_msg(strstr(said, says), "ledger %s: no '%s' in: %s", args, says,
		      said);
}

START_TEST(bad_usage_is_said)
{
	fails(2, "--nonsense", "nonsense");
	fails(2, "word", "usage");
	fails(2, "--db", "--db");
	fails(2, "--loops x", "loops");
	fails(2, "--loops 0", "loops");
	fails(2, "--loops -1", "loops");
	fails(2, "--loops 1x", "loops");
	fails(2, "--loops 99999999999999999999", "loops");
	fails(2, "--idle-timeout soon", "idle-timeout");
	fails(2, "--idle-timeout -1", "idle-timeout");
	fails(2, "--max-body 1y", "max-body");
	fails(2, "--stop-timeout nan", "stop-timeout");
}
END_TEST

START_TEST(a_bad_database_is_said)
{
	char args[512];

	snprintf(args, sizeof(args), "--listen 127.0.0.1:0 --db sqlite:%s/no/where.db",
		 harness_temp_dir());
	fails(1, args, "database");
	snprintf(args, sizeof(args), "--listen 127.0.0.1:0 --db sqlite:%s",
		 harness_temp_dir());
	fails(1, args, "ledger");
}
END_TEST

/* Whether it is told by the words or by trying, it does not start. */
START_TEST(a_url_that_is_none_is_said)
{
	static const char *const none[] = {
		"nonsense", "nonsense:x", "mysql://host/db",
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		char args[128];
		int got;

		snprintf(args, sizeof(args), "--listen 127.0.0.1:0 --db %s", none[i]);
		got = ledger_run(args, said, sizeof(said));
		ck_assert_msg(got == 1 || got == 2, "%s: exit status %d", none[i], got);
		ck_assert_msg(strchr(said, '\n'), "%s: nothing is said", none[i]);
	}
}
END_TEST

START_TEST(no_database_is_said)
{
	FILE *f = fopen(harness_temp_file("text.db"), "we");
	char args[512];

	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database, but text\n", f);
	fclose(f);
	snprintf(args, sizeof(args), "--listen 127.0.0.1:0 --db sqlite:%s",
		 harness_temp_file("text.db"));
	fails(1, args, "not a database");
}
END_TEST

START_TEST(an_address_in_use_is_said)
{
	char args[512], address[64];
	uint16_t port;
	int fd = harness_listen(&port);

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	snprintf(args, sizeof(args), "--listen %s --db sqlite:%s", address,
		 harness_temp_file("test.db"));
	fails(1, args, address);
	close(fd);
	snprintf(args, sizeof(args), "--listen 192.0.2.1:80 --db sqlite:%s",
		 harness_temp_file("test.db"));
	fails(1, args, "192.0.2.1:80");
	snprintf(args, sizeof(args), "--listen nonsense --db sqlite:%s",
		 harness_temp_file("test.db"));
	ck_assert_int_ne(ledger_run(args, said, sizeof(said)), 0);
	ck_assert(strstr(said, "nonsense"));
}
END_TEST

/* Two ledgers must not share a port unawares, each with its own money. */
START_TEST(a_ledger_at_a_port_keeps_it)
{
	struct ledger second = { .pid = 0 };
	char url[512];
	int status;

	begin("--loops 2");
	second.port = ledger.port;
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("second.db"));
	status = ledger_try_start(&second, url, "--loops 2");
	if (!status)
		ledger_kill(&second);
	ck_assert_msg(status == 1, "a second ledger at the same port: %d", status);
	ledger_stop(&ledger);
}
END_TEST

START_TEST(a_port_is_free_after_the_end)
{
	struct client c;

	begin("--loops 2");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
	ledger_stop(&ledger);
	client_close(&c);
	ledger_start_file(&ledger, "test.db", "--loops 2");
	ledger_stop(&ledger);
}
END_TEST

START_TEST(a_password_is_never_said)
{
	static const char *const urls[] = {
		"postgresql://ann:sEcReT@127.0.0.1:1/ledger?connect_timeout=2",
		"postgresql://ann@127.0.0.1:1/ledger?password=sEcReT",
		"postgresql://ann:sEcReT@nowhere.invalid/ledger",
		"postgresql://ann:sEcReT%40@127.0.0.1:1/ledger",
		"postgresql://ann:sEcReT@/ledger?host=/nowhere",
		"postgresql://ann:sEcReT@127.0.0.1:1/ledger?nonsense=1",
		"postgresql://ann:sEcReT@127.0.0.1:port/ledger",
		"postgresql://ann:sEcReT@[::1/ledger",
		"postgres:/ann:sEcReT@127.0.0.1:1/ledger",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char args[512];
		int status;

		snprintf(args, sizeof(args), "--listen 127.0.0.1:0 --db %s", urls[i]);
		status = ledger_run(args, said, sizeof(said));
		ck_assert_msg(status == 1 || status == 2, "%s: exit status %d", urls[i],
			      status);
		ck_assert_msg(strchr(said, '\n'), "%s: nothing is said", urls[i]);
		ck_assert_msg(!strcasestr(said, "secret"), "%s: %s", urls[i], said);
	}
}
END_TEST

/* Half of a request at the signal; the rest comes, and it gets its answer. */
static const struct {
	const char *first, *rest;
	int status;
} halves[] = {
	{ "GET /heal", "th HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
	{ "POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Len",
	  "gth: 30\r\n\r\n{\"owner\": \"ann\", \"balance\": 5}", 201 },
	{ "POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
	  "{\"owner\": \"ann\",", " \"balance\": 5}", 201 },
	{ "POST /accounts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "1e\r\n{\"owner\":", " \"ann\", \"balance\": 5}\r\n0\r\n\r\n", 201 },
};

enum { HALVES = sizeof(halves) / sizeof(halves[0]) };

START_TEST(half_a_request_may_come_to_its_end)
{
	struct client clients[HALVES], idle;

	begin("--loops 1 --request-timeout 1000 --stop-timeout 1000");
	idle = ledger_connect(&ledger);
	for (int i = 0; i < HALVES; i++) {
		clients[i] = ledger_connect(&ledger);
		if (i % 2)	/* not its first one */
			ck_assert_int_eq(client_ask(&clients[i], "GET", "/health",
						    NULL), 200);
		ck_assert_int_eq(client_send_text(&clients[i], halves[i].first), 0);
	}
	ledger_take_in(&ledger, HALVES + 1);
	tell(SIGTERM);
	ck_assert_int_eq(client_answer(&idle, false), -ENODATA);
	client_close(&idle);
	harness_nap(seconds(0.1));
	for (int i = 0; i < HALVES; i++) {
		int status;

		ck_assert_int_eq(client_send_text(&clients[i], halves[i].rest), 0);
		status = client_answer(&clients[i], false);
		ck_assert_msg(status == halves[i].status, "half %d: %d", i, status);
		ck_assert(clients[i].closes);
		ck_assert_int_eq(client_end(&clients[i]), 0);
		client_close(&clients[i]);
	}
	ends_with_0();
}
END_TEST

/* ---- descriptors ---- */

/* From so few that nothing can begin, to enough: it says why, or it serves. */
enum { FEWEST = 15, MOST = 40 };

START_TEST(too_few_descriptors_are_said)
{
	struct rlimit limit = { (rlim_t)_i, (rlim_t)_i };
	char url[300];
	int status;

	memset(&ledger, 0, sizeof(ledger));
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("test.db"));
	ck_assert(!setrlimit(RLIMIT_NOFILE, &limit));
	status = ledger_try_start(&ledger, url, "--loops 4");
	if (!status) {
		ledger_stop(&ledger);
		return;
	}
	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(status == 1, "exit status %d: %s", status, said);
	ck_assert_msg(!strstr(said, "does not end"), "%s", said);
	ck_assert_msg(strstr(said, eider_strerror(-EMFILE)) ||
		      strstr(said, "unable to open"), "%d descriptors: %s", _i, said);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_stop");
	TCase *t = harness_case(s, "signals");

	harness_timeout(t, 180);
	tcase_add_test(t, it_ends_on_sigterm);
	tcase_add_test(t, it_ends_on_sigint);
	tcase_add_test(t, it_ends_whenever_it_is_told);
	tcase_add_test(t, idle_connections_do_not_hold_it);
	tcase_add_test(t, what_runs_is_finished);
	tcase_add_test(t, it_waits_no_longer_than_told);
	tcase_add_test(t, a_second_signal_is_quick);
	tcase_add_test(t, a_second_signal_is_quick_while_a_job_runs);
	tcase_add_test(t, no_answer_is_cut);
	tcase_add_loop_test(t, a_request_in_two_parts_is_no_bad_one, 0, 2);
	tcase_add_test(t, half_a_request_may_come_to_its_end);
	t = harness_case(s, "start");
	harness_timeout(t, 180);
	tcase_add_test(t, bad_usage_is_said);
	tcase_add_test(t, a_bad_database_is_said);
	tcase_add_test(t, a_url_that_is_none_is_said);
	tcase_add_test(t, no_database_is_said);
	tcase_add_test(t, an_address_in_use_is_said);
	tcase_add_test(t, a_ledger_at_a_port_keeps_it);
	tcase_add_test(t, a_port_is_free_after_the_end);
	tcase_add_test(t, a_password_is_never_said);
	tcase_add_loop_test(t, too_few_descriptors_are_said, FEWEST, MOST);
	return harness_run(s);
}
