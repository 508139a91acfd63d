/*
 * test_postgres_silence.c - a PostgreSQL server that is there and does not answer
 *
 * What must end within its deadline and a grace is given 1000 times as long before a
 * test says that it does not. The grace itself is shortened.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "../src/db/postgres_cancel.h"
#include "with_postgres_db.h"
#include "with_proxy.h"

#define DEADLINE (200 * HARNESS_MS)
#define GRACE (200 * HARNESS_MS)
#define FOR_EVER "SELECT pg_sleep(600)"

static bool are_gone(void *arg)
{
	return harness_threads() <= *(int *)arg;
}

/*
 * A test whose database is behind the proxy. A request to cancel that it holds has a
 * thread that nobody waits for: it ends when the proxy has let go.
 */
static void with_proxy(eider_fn *body, const struct eider_db_options *options)
{
	int threads = harness_threads();

	eider__postgres_grace_ns = GRACE;
	proxy_start();
	db_url = proxy_url("?connect_timeout=60");
	with_db(body, options);
	proxy_stop();
	ck_assert(harness_wait_until(are_gone, &threads));
}

#define PROXY_TEST(name)                                                       \
	static long name##_fiber(void *arg);                                   \
	START_TEST(name)                                                       \
	{                                                                      \
		with_proxy(name##_fiber, DB_OPTIONS(.connections_max = 1));    \
	}                                                                      \
	END_TEST                                                               \
	static long name##_fiber(__attribute__((unused)) void *arg)

static unsigned int runs;

static long writing_body(void *arg)
{
	runs++;
	return sql(arg ? arg : "INSERT INTO t VALUES (1)");
}

static long atomic_until(eider_fn *body, const void *arg, int64_t ns)
{
	return eider_db_atomic_until(db, body, (void *)arg, eider_after(ns));
}

/*
 * With a deadline, and if that was too soon for the proxy to hear of it, for want of a
 * CPU, with a later one. @body NULL: a call by itself.
 */
static long until_heard(eider_fn *body, const char *text)
{
	unsigned int before = harness_get(&proxy.heard);

	for (int64_t ns = DEADLINE;; ns *= 2) {
		long result;

		runs = 0;
		result = body ? atomic_until(body, text, ns) : sql_until(text, ns);
		if (harness_get(&proxy.heard) > before)
			return result;
		ck_assert_int_eq(result, -ETIME);
	}
}

/* --- calls ----------------------------------------------------------------- */

PROXY_TEST(a_call_that_is_not_answered_ends)
{
	long pid = backend();

	proxy_play(PROXY_HOLD, "pg_sleep");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(until_heard(NULL, FOR_EVER), -ENOTCONN);
		ck_assert_uint_ge(harness_get(&proxy.cancels), 1);
	}
	/* Where the call has no deadline, that of the transaction will do. */
	ck_assert_int_eq(until_heard(writing_body, FOR_EVER), -ENOTCONN);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_ne(backend(), pid);
	ck_assert_int_eq(count_rows(), 0);
	ck_assert_uint_eq(counts().connections, 1);
	ck_assert_uint_eq(counts().unknown, 0);
	return 0;
}

static long call_for_ever(void *arg)
{
	return sql(arg);
}

static void cancel_when_heard(eider_fn *fn, const char *text, long expected)
{
	struct eider_fiber *fiber = spawn(fn, (void *)text);
	long result;

	ck_assert(harness_wait_count(&proxy.heard, 1));
	eider_cancel(eider_fiber_future(fiber));
	result = eider_join(fiber);
	ck_assert_msg(result == expected, "%s: %s", text, eider_strerror((int)result));
}

PROXY_TEST(a_cancelled_call_that_is_not_answered_ends)
{
	proxy_play(PROXY_HOLD, "pg_sleep");
	cancel_when_heard(call_for_ever, FOR_EVER, -ENOTCONN);
	/* Not even the request to cancel is answered. */
	harness_set(&proxy.hold_cancels, 1);
	proxy_play(PROXY_HOLD, "pg_sleep");
	cancel_when_heard(call_for_ever, FOR_EVER, -ENOTCONN);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

/* The process itself, as SIGSTOP leaves it. */
static long ask_stopped(long pid, eider_fn *body)
{
	long result = -ETIME;

	ck_assert_int_eq(kill((pid_t)pid, SIGSTOP), 0);
	for (int64_t ns = DEADLINE; result == -ETIME; ns *= 2)
		result = body ? atomic_until(body, NULL, ns) :
				sql_until("SELECT 1", ns);
	ck_assert_int_eq(kill((pid_t)pid, SIGCONT), 0);
	return result;
}

static long stopped_fiber(void *arg)
{
	long pid = backend(), next;

	(void)arg;
	ck_assert_int_eq(ask_stopped(pid, NULL), -ENOTCONN);
	next = backend();
	ck_assert_int_ne(next, pid);
	ck_assert_int_eq(ask_stopped(next, writing_body), -ENOTCONN);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

START_TEST(a_stopped_server_is_waited_for_no_longer)
{
	eider__postgres_grace_ns = GRACE;
	with_db(stopped_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

static unsigned int started;

/* Takes its time, and no notice of being cancelled. */
static long be_deaf(void *arg)
{
	long result;

	harness_set(&started, 1);
	result = execute("SELECT pg_sleep(0.3), 4");
	return arg ? result : 0;
}

static long call_deaf(void *arg)
{
	return eider_db_call(db, be_deaf, arg);
}

/* The request is on its way still when the use is over: nobody waits for it long. */
PROXY_TEST(a_request_that_does_not_return_is_left)
{
	struct eider_fiber *fiber;
	long pid = backend();

	eider__postgres_grace_ns = (int64_t)(HARNESS_S * harness_slow());
	harness_set(&proxy.hold_cancels, 1);
	fiber = spawn(call_deaf, NULL);
	ck_assert(harness_wait_count(&started, 1));
	eider_cancel(eider_fiber_future(fiber));
	/* Or it was cut, where a CPU was long in coming. */
	(void)eider_join(fiber);
	ck_assert_uint_eq(harness_get(&proxy.cancels), 1);
	ck_assert_int_eq(sql("SELECT 7"), 7);
	ck_assert_int_ne(backend(), pid);
	/* The same again, and then close it. */
	harness_set(&started, 0);
	fiber = spawn(call_deaf, NULL);
	ck_assert(harness_wait_count(&started, 1));
	eider_cancel(eider_fiber_future(fiber));
	(void)eider_join(fiber);
	return 0;
}

/* --- what the driver does by itself ---------------------------------------- */

static long savepoint_body(void *arg)
{
	return eider_db_atomic(db, writing_body, arg);
}

static long failing_body(void *arg)
{
	(void)writing_body(arg);
	return -EDOM;
}

static long nested_failing_body(void *arg)
{
	long err = eider_db_atomic(db, failing_body, arg);

	return err == -EDOM ? sql("SELECT 1") : err;
}

static long impatient_body(void *arg)
{
	(void)arg;
	return sql_until("SELECT 1", 100 * HARNESS_S);
}

static const struct step {
	const char *text;
	eider_fn *body;
	long result;
} steps[] = {
	{ "BEGIN", writing_body, -ENOTCONN },
	{ "SAVEPOINT", savepoint_body, -ENOTCONN },
	{ "RELEASE", savepoint_body, -ENOTCONN },
	{ "ROLLBACK TO", nested_failing_body, -ENOTCONN },
	{ "SET LOCAL", impatient_body, -ENOTCONN },
	{ "ROLLBACK", failing_body, -EDOM },
};

/* A step of a transaction that is not answered: it ends, and nothing was done. */
PROXY_TEST(no_step_is_waited_for_in_vain)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *s = &steps[i];
		bool told = s->body == impatient_body;	/* later than with BEGIN */
		long result;

		proxy_play(PROXY_HOLD, s->text);
		result = told ? eider_db_atomic(db, s->body, NULL) :
				until_heard(s->body, NULL);
		ck_assert_msg(result == s->result, "%s: %s", s->text,
			      eider_strerror((int)result));
		ck_assert_uint_ge(harness_get(&proxy.heard), 1);
		proxy_play(PROXY_HOLD, NULL);
		ck_assert_int_eq(count_rows(), 0);
	}
	ck_assert_uint_eq(counts().committed, 0);
	ck_assert_uint_eq(counts().unknown, 0);
	return 0;
}

static long atomic_for_ever(void *arg)
{
	(void)arg;
	return eider_db_atomic(db, writing_body, NULL);
}

static long at_once_body(void *arg)
{
	(void)arg;
	return -EDOM;
}

/* Without a deadline they are waited for, until somebody says that he will not. */
PROXY_TEST(what_has_no_deadline_can_be_cancelled)
{
	proxy_play(PROXY_HOLD, "BEGIN");
	cancel_when_heard(atomic_for_ever, "BEGIN", -ECANCELED);
	/* Nor is begin waited for when the body has failed without it. */
	ck_assert_int_eq(eider_db_atomic(db, at_once_body, NULL), -EDOM);
	proxy_play(PROXY_HOLD, "COMMIT");
	runs = 0;
	cancel_when_heard(atomic_for_ever, "COMMIT", -ENOTCONN);
	ck_assert_uint_eq(runs, 1);
	ck_assert_uint_eq(counts().unknown, 1);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

/* --- commits of which nobody knows ----------------------------------------- */

static long lost_fiber(void *arg)
{
	(void)arg;
	for (unsigned int part = PROXY_HOLD; part <= PROXY_CUT; part++) {
		proxy_play(part, "COMMIT");
		ck_assert_int_eq(until_heard(writing_body, NULL), -ENOTCONN);
		ck_assert_uint_eq(runs, 1);
		ck_assert_uint_eq(harness_get(&proxy.heard), 1);
		proxy_play(PROXY_HOLD, NULL);
		/* It did happen, this time. */
		ck_assert_int_eq(count_rows(), 1);
		ck_assert_int_eq(sql("DELETE FROM t"), 0);
		ck_assert_uint_eq(counts().unknown, 1 + part);
	}
	ck_assert_uint_eq(counts().committed, 0);
	ck_assert_uint_eq(counts().retried, 0);
	return 0;
}

START_TEST(a_commit_without_an_answer_is_not_repeated)
{
	with_proxy(lost_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* It was answered: whatever the server says behind that, it has happened. */
PROXY_TEST(a_commit_before_the_good_bye_has_happened)
{
	proxy_play(PROXY_BYE, "COMMIT");
	ck_assert_int_eq(eider_db_atomic(db, writing_body, NULL), 0);
	ck_assert_uint_eq(harness_get(&proxy.heard), 1);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(count_rows(), 1);
	ck_assert_uint_eq(counts().committed, 1);
	ck_assert_uint_eq(counts().unknown, 0);
	return 0;
}

/* --- connecting ------------------------------------------------------------ */

static char why[300];

static int open_url(const char *url)
{
	struct eider_db *opened;
	int err;

	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	err = eider_db_open(executor, &eider_postgres, url,
			    DB_OPTIONS(.why = why, .why_size = sizeof(why)), &opened);
	if (!err)
		ck_assert_int_eq(eider_db_close(opened), 0);
	eider_executor_free(executor);
	return err;
}

/* As a pooler does that has no server to give. */
START_TEST(to_be_let_in_is_not_enough)
{
	proxy_start();
	proxy_play(PROXY_HOLD, "lock_timeout");
	ck_assert_int_eq(open_url(proxy_url("?connect_timeout=1")), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(why, "does not answer"));
	ck_assert_uint_eq(harness_get(&proxy.heard), 1);
	/* No bound at all would be one that nobody could shorten. */
	eider__postgres_unbounded_ns = DEADLINE;
	ck_assert_int_eq(open_url(proxy_url("?connect_timeout=0")), -ENOTCONN);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(open_url(proxy_url("?connect_timeout=0")), 0);
	proxy_stop();
}
END_TEST

static long reconnect_fiber(void *arg)
{
	int64_t begin;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		long pid = i ? 0 : backend();

		/* With this all of them begin. */
		proxy_play(PROXY_HOLD, "client_encoding");
		if (pid)
			terminate(pid);
		begin = eider_now();
		ck_assert_int_eq(until_heard(i ? NULL : writing_body, "SELECT 1"),
				 -ETIME);
		/* connect_timeout is 60 s. */
		ck_assert_int_lt(eider_now() - begin, 30 * HARNESS_S);
		ck_assert_uint_ge(harness_get(&proxy.heard), 1);
	}
	proxy_play(PROXY_HOLD, "client_encoding");
	cancel_when_heard(call_for_ever, FOR_EVER, -ECANCELED);
	proxy_play(PROXY_HOLD, "client_encoding");
	cancel_when_heard(atomic_for_ever, NULL, -ECANCELED);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(count_rows(), 0);
	return 0;
}

START_TEST(connecting_obeys_the_deadline)
{
	with_proxy(reconnect_fiber, DB_OPTIONS(.connections_max = 1));
}
END_TEST

/* Nor is a new thread waited for longer, when the one that there is has to do. */
static long holding_body(void *arg)
{
	ck_assert_int_eq(sql("SELECT 7"), 7);
	proxy_play(PROXY_HOLD, "client_encoding");
	ck_assert(harness_wait_count(arg, 1));
	return sql("INSERT INTO t VALUES (1)");
}

static long hold(void *arg)
{
	return eider_db_atomic(db, holding_body, arg);
}

static long second_fiber(void *arg)
{
	unsigned int done = 0;
	struct eider_fiber *holder = spawn(hold, &done);
	int64_t begin;

	(void)arg;
	while (!__atomic_load_n(&proxy.text, __ATOMIC_SEQ_CST))
		nap(HARNESS_MS);
	/* The holder may have got the new one, and left the first one idle. */
	postgres_sql("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity "
		     "WHERE state = 'idle' AND pid <> pg_backend_pid()");
	begin = eider_now();
	ck_assert_int_eq(until_heard(NULL, "SELECT 1"), -ETIME);
	ck_assert_int_eq(until_heard(writing_body, NULL), -ETIME);
	harness_add(&done, 1);
	ck_assert_int_lt(eider_now() - begin, 30 * HARNESS_S);
	ck_assert_int_eq(eider_join(holder), 0);
	proxy_play(PROXY_HOLD, NULL);
	ck_assert_int_eq(count_rows(), 1);
	return 0;
}

START_TEST(a_second_connection_obeys_it_too)
{
	with_proxy(second_fiber, DB_OPTIONS(.connections_max = 2));
}
END_TEST

/* --- several hosts --------------------------------------------------------- */

/* For libpq as well: "two.test" has two addresses, of which the first is silent. */
__attribute__((visibility("default")))
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	static const char *const addresses[] = { "127.0.0.2", "127.0.0.1" };
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **);
	int err = 0;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!node || strcmp(node, "two.test"))
		return real(node, service, hints, res);
	for (int i = 0; i < 2 && !err; i++) {
		err = real(addresses[i], service, hints, res);
		while (!err && *res)
			res = &(*res)->ai_next;
	}
	return err;
}

START_TEST(a_silent_host_is_passed_over)
{
	uint16_t port;
	int silent = harness_listen(&port);
	char url[700];

	proxy_start();
	snprintf(url, sizeof(url), "postgresql:///postgres?user=eider&host=127.0.0.1,%s"
		 "&port=%u,5432&connect_timeout=1", postgres.dir, port);
	ck_assert_int_eq(open_url(url), 0);
	/* Refused, silent, silent once more, and there. */
	snprintf(url, sizeof(url), "postgresql://eider@127.0.0.1:1,127.0.0.1:%u,"
		 "127.0.0.1:%u,127.0.0.1:%u/postgres?connect_timeout=1", port, port,
		 proxy.port);
	ck_assert_int_eq(open_url(url), 0);
	/* With addresses to the names, and where one is in and hears no more. */
	proxy_play(PROXY_HOLD, "lock_timeout");
	snprintf(url, sizeof(url), "postgresql:///postgres?user=eider&host=a,b,%s"
		 "&hostaddr=127.0.0.1,127.0.0.1,&port=%u,%u,5432&connect_timeout=1",
		 postgres.dir, port, proxy.port);
	ck_assert_int_eq(open_url(url), 0);
	proxy_play(PROXY_HOLD, NULL);
	snprintf(url, sizeof(url), "postgresql://eider@127.0.0.1:%u,127.0.0.1:%u/x"
		 "?connect_timeout=1", port, port);
	ck_assert_int_eq(open_url(url), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(why, "does not answer"));
	proxy_stop();
	close(silent);
}
END_TEST

START_TEST(a_silent_address_is_passed_over)
{
	uint16_t port;
	int silent;
	char url[200];

	proxy_start();
	silent = proxy_listen("127.0.0.2", proxy.port, &port);
	snprintf(url, sizeof(url), "postgresql://eider@two.test:%u/postgres"
		 "?connect_timeout=1", port);
	ck_assert_int_eq(open_url(url), 0);
	proxy_play(PROXY_HOLD, "client_encoding");
	ck_assert_int_eq(open_url(url), -ENOTCONN);
	ck_assert_uint_ge(harness_get(&proxy.heard), 1);
	proxy_stop();
	close(silent);
}
END_TEST

/* What is left gets less each time, whatever of it has an address of its own. */
START_TEST(silent_hosts_come_to_an_end)
{
	uint16_t port;
	int one = proxy_listen("127.0.0.1", 0, &port);
	int two = proxy_listen("127.0.0.2", port, &port);
	char url[200];

	/* The last has a name alone, which is to be looked up. */
	snprintf(url, sizeof(url), "postgresql:///x?user=eider&host=a,127.0.0.1"
		 "&hostaddr=127.0.0.2,&port=%u&connect_timeout=1", port);
	ck_assert_int_eq(open_url(url), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(why, "does not answer"));
	/* The same, where it is we who found an address to the first. */
	snprintf(url, sizeof(url), "postgresql://eider@two.test:%u,127.0.0.1:%u/x"
		 "?connect_timeout=1", port, port);
	ck_assert_int_eq(open_url(url), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(why, "does not answer"));
	close(one);
	close(two);
}
END_TEST

/* The server has a socket for the usual port only. */
START_TEST(a_port_that_is_not_said_is_the_usual_one)
{
	uint16_t port;
	int silent = harness_listen(&port), err;
	char url[700];

	snprintf(url, sizeof(url), "postgresql:///postgres?user=eider&host=127.0.0.1,%s"
		 "&port=%u,&connect_timeout=1", postgres.dir, port);
	err = open_url(url);
	ck_assert_msg(!err, "%s: %s", eider_strerror(err), why);
	close(silent);
}
END_TEST

/* --- keep-alive ------------------------------------------------------------ */

static int option(int level, int name)
{
	struct { int value; } o = { -1 };
	socklen_t len = sizeof(o);

	ck_assert_int_eq(getsockopt(PQsocket(eider_db_handle(db)), level, name, &o,
				    &len), 0);
	return o.value;
}

static long look_at_socket(void *arg)
{
	const int *expected = arg;

	ck_assert_int_ne(option(SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPIDLE), expected[0]);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPINTVL), expected[1]);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPCNT), expected[2]);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_USER_TIMEOUT), expected[3]);
	return 0;
}

static long look_fiber(void *arg)
{
	return eider_db_call(db, look_at_socket, arg);
}

START_TEST(a_silent_peer_is_probed)
{
	int expected[] = { 20, 5, 4, 20000 }, others[] = { 7, 5, 4, 9000 };

	proxy_start();
	db_url = proxy_url("");
	set_up(NULL);
	ck_assert_int_eq(eider_block_on(loop, look_fiber, expected), 0);
	tear_down();
	/* What the URL says counts. */
	db_url = proxy_url("?keepalives_idle=7&tcp_user_timeout=9000");
	set_up(NULL);
	ck_assert_int_eq(eider_block_on(loop, look_fiber, others), 0);
	tear_down();
	proxy_stop();
}
END_TEST

int main(void)
{
	Suite *s;
	TCase *t;

	postgres_start_server();
	s = suite_create("postgres_silence");
	t = harness_case(s, "call");
	harness_timeout(t, 300);
	tcase_add_test(t, a_call_that_is_not_answered_ends);
	tcase_add_test(t, a_cancelled_call_that_is_not_answered_ends);
	tcase_add_test(t, a_stopped_server_is_waited_for_no_longer);
	tcase_add_test(t, a_request_that_does_not_return_is_left);

	t = harness_case(s, "step");
	harness_timeout(t, 300);
	tcase_add_test(t, no_step_is_waited_for_in_vain);
	tcase_add_test(t, what_has_no_deadline_can_be_cancelled);
	tcase_add_test(t, a_commit_without_an_answer_is_not_repeated);
	tcase_add_test(t, a_commit_before_the_good_bye_has_happened);

	t = harness_case(s, "connect");
	harness_timeout(t, 300);
	tcase_add_test(t, to_be_let_in_is_not_enough);
	tcase_add_test(t, connecting_obeys_the_deadline);
	tcase_add_test(t, a_second_connection_obeys_it_too);
	tcase_add_test(t, a_silent_host_is_passed_over);
	tcase_add_test(t, a_silent_address_is_passed_over);
	tcase_add_test(t, a_silent_peer_is_probed);

	/* Sooner: for ever is what they are about. */
	t = harness_case(s, "hosts");
	tcase_add_test(t, silent_hosts_come_to_an_end);
	tcase_add_test(t, a_port_that_is_not_said_is_the_usual_one);
	return harness_run(s);
}
