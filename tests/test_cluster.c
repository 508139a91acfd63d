/*
 * test_cluster.c - three ledgers, one database, and a network that fails
 *
 *	             hub 10.77.0.1: PostgreSQL, the test's clients
 *	              |
 *	   bridge ----+----------+-----------+
 *	              |          |           |
 *	        10.77.0.11  10.77.0.12  10.77.0.13	a ledger each
 *
 * Each ledger is in a network namespace of its own. Eight clients transfer money
 * between three accounts, so that transactions conflict all the time, each through
 * whichever ledger it finds. Meanwhile one ledger is cut off from everybody, one is
 * killed, one is told to end while it is cut off, and one is killed then. A client that
 * does not know whether its transfer happened asks again with the same key, half of the
 * time at another ledger. After each of these every ledger does its part again, and at
 * the end, in every account there is what was acknowledged (ledger_load.h).
 *
 * Whoever is with the ledger that is cut off still gets answers from it, in time: that
 * there is no database.
 *
 * The hub is a namespace too, of this program, and none has a name: they all go when
 * the last process and descriptor in them does, so there is nothing to clean up, and
 * two of these programs do not meet.
 *
 * A session whose ledger is cut off may hold locks that all others wait for. PostgreSQL
 * ends it when it is told to (idle_in_transaction_session_timeout), which is what the
 * test does and an operator should.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger_load.h"
#include "with_postgres.h"

enum { LEDGERS = LOAD_LEDGERS, PORT = 8080, HOT_ACCOUNTS = 3 };

/* The ledger's defaults and options, and what they may take beyond that. */
#define DB_TIMEOUT_NS (5 * HARNESS_S)
#define STOP_TIMEOUT_NS (5 * HARNESS_S)
#define GRACE_NS ((int64_t)(10 * HARNESS_S * harness_slow()))

static struct ledger ledgers[LEDGERS];
static int hub, spaces[LEDGERS];	/* namespaces */

/* ---- the network ---- */

/* Run a command of the shell; 0 if it succeeds. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

static int open_here(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A new namespace, from the hub, whose loopback is up. */
static int make_space(void)
{
	int fd = unshare(CLONE_NEWNET) ? -1 : open_here();

	if (fd >= 0 && run("ip link set lo up"))
		fd = -1;
	return setns(hub, CLONE_NEWNET) ? -1 : fd;
}

/* Connect namespace @i to the bridge. */
static bool connect_space(int i)
{
	bool good;

	if (run("ip link add veth%d type veth peer name eth0 netns /proc/%d/fd/%d", i,
		(int)getpid(), spaces[i]) ||
	    run("ip link set veth%d master bridge0 up", i) ||
	    setns(spaces[i], CLONE_NEWNET))
		return false;
	good = !run("ip address add 10.77.0.%d/24 dev eth0", 11 + i) &&
	       !run("ip link set eth0 up");
	return !setns(hub, CLONE_NEWNET) && good;
}

static bool make_network(void)
{
	if (unshare(CLONE_NEWNET) || (hub = open_here()) < 0 ||
	    run("ip link set lo up") ||
	    run("ip link add bridge0 type bridge") ||
	    run("ip address add 10.77.0.1/24 dev bridge0") ||
	    run("ip link set bridge0 up"))
		return false;
	for (int i = 0; i < LEDGERS; i++) {
		spaces[i] = make_space();
		if (spaces[i] < 0 || !connect_space(i))
			return false;
	}
	return true;
}

static void cut(int i)
{
	ck_assert_int_eq(run("ip link set veth%d down", i), 0);
}

static void mend(int i)
{
	ck_assert_int_eq(run("ip link set veth%d up", i), 0);
}

/* ---- the database ---- */

/* Have it listen at the bridge too. */
static bool open_database(void)
{
	if (!postgres_try("ALTER SYSTEM SET listen_addresses = '10.77.0.1'") ||
	    !postgres_try("ALTER ROLE eider SET synchronous_commit = on") ||
	    !postgres_try("ALTER ROLE eider SET "
			  "idle_in_transaction_session_timeout = '2s'"))
		return false;
	postgres_write("data/pg_hba.conf", "ae", "host all all 10.77.0.0/24 trust\n");
	return postgres_command('f') && postgres_command('s');
}

/* ---- the ledgers ---- */

/* Again and again, as who looks after services does: the way may not be open yet. */
static void start_ledger(int i)
{
	static const char url[] =
		"postgresql://eider@10.77.0.1:5432/postgres?connect_timeout=3";
	struct ledger *l = &ledgers[i];
	int64_t deadline = eider_after(patience());
	char said[4096];

	snprintf(l->host, sizeof(l->host), "10.77.0.%d", 11 + i);
	l->netns = spaces[i];
	do {
		l->port = PORT;
		if (!ledger_try_start(l, url, "--loops 1 --stop-timeout 5"))
			return;
		harness_nap(100 * HARNESS_MS);
	} while (eider_now() < deadline);
	ledger_output(l, said, sizeof(said));
	ck_abort_msg("ledger %d does not start: %s", i, said);
}

static int64_t retried(const struct ledger *l)
{
	json_t *status, *databases, *d;
	struct client c;
	int64_t n = 0;
	size_t i;

	ledger_get(l, "/status", &c);
	status = json_loadb(c.body, c.body_len, 0, NULL);
	databases = json_object_get(status, "databases");
	json_array_foreach(databases, i, d)
		n += json_integer_value(json_object_get(d, "retried"));
	json_decref(status);
	client_close(&c);
	return n;
}

/* Does this ledger serve what needs the database? */
static bool serves(void *arg)
{
	const struct ledger *l = arg;
	struct client c;
	bool good = false;

	if (!client_open(&c, l->host, l->port, 3 * HARNESS_S))
		good = client_balance(&c, load.ids[0]) >= 0;
	client_close(&c);
	return good;
}

static void all_serve(void)
{
	for (int i = 0; i < LEDGERS; i++)
		ck_assert_msg(harness_wait_until(serves, &ledgers[i]), "ledger %d", i);
}

static void goes_on(const char *when)
{
	ck_assert_msg(load_wait(50), "%s: no transfers any more; %u acknowledged, "
		      "%u not known, %u unavailable", when,
		      harness_get(&load.acknowledged), harness_get(&load.unknown),
		      harness_get(&load.unavailable));
}

/* Each has its share in it. */
static void all_go_on(const char *when)
{
	for (unsigned int i = 0; i < LEDGERS; i++)
		ck_assert_msg(load_wait_for(i, 10), "%s: no transfers by ledger %u; %u "
			      "acknowledged", when, i,
			      harness_get(&load.acknowledged_by[i]));
}

/* From beside the ledger, who is cut off with it. */
static void is_answered(int i, const char *method, const char *path, const char *body,
			int expected)
{
	const struct ledger *l = &ledgers[i];
	int64_t start = eider_now();
	struct client c;
	int err, status;

	ck_assert_int_eq(setns(spaces[i], CLONE_NEWNET), 0);
	err = client_open(&c, l->host, l->port, DB_TIMEOUT_NS + GRACE_NS);
	ck_assert_int_eq(setns(hub, CLONE_NEWNET), 0);
	ck_assert_msg(!err, "cut off, not to be reached at home: %s", strerror(-err));
	status = client_ask(&c, method, path, body);
	ck_assert_msg(status == expected, "cut off, %s %s: %d instead of %d after %lld "
		      "ms", method, path, status, expected,
		      (long long)(eider_now() - start) / 1000000);
	if (expected == 503)
		ck_assert(client_is_error(&c, "unavailable"));
	ck_assert_int_lt(eider_now() - start, DB_TIMEOUT_NS + GRACE_NS);
	client_close(&c);
}

/* Several times, as there are connections to the database that it does not know of. */
static void says_that_it_is_cut_off(int i)
{
	char path[64];

	snprintf(path, sizeof(path), "/accounts/%lld", (long long)load.ids[0]);
	is_answered(i, "GET", "/health", NULL, 200);
	for (int n = 0; n < 2; n++) {
		is_answered(i, "GET", path, NULL, 503);
		/* There is no such account: never will it happen. */
		is_answered(i, "POST", "/transfers", "{\"from\": 987654321, \"to\": 1, "
			    "\"amount\": 1, \"key\": \"cut off\"}", 503);
	}
	is_answered(i, "GET", "/health", NULL, 200);
}

static void ends_though_it_is_cut_off(int i)
{
	int64_t start = eider_now();

	ledger_stop(&ledgers[i]);
	ck_assert_int_lt(eider_now() - start, STOP_TIMEOUT_NS + GRACE_NS);
}

START_TEST(a_failing_network_loses_nothing)
{
	int64_t conflicts = 0;

	postgres_clean();
	for (int i = 0; i < LEDGERS; i++)
		start_ledger(i);
	load_open(ledgers, LEDGERS, HOT_ACCOUNTS);
	load.patience_ns = (int64_t)(3 * HARNESS_S * harness_slow());
	load_start();
	all_go_on("all well");

	cut(1);
	goes_on("one cut off");
	says_that_it_is_cut_off(1);
	mend(1);
	all_go_on("the cut mended");

	ledger_kill(&ledgers[2]);
	goes_on("one killed");
	start_ledger(2);
	all_go_on("it is back");

	cut(1);
	goes_on("one cut off again");
	ends_though_it_is_cut_off(1);
	goes_on("it has ended");
	mend(1);
	start_ledger(1);
	all_go_on("it is back as well");

	cut(1);
	ledger_kill(&ledgers[1]);
	goes_on("one cut off and killed");
	mend(1);
	start_ledger(1);
	all_go_on("it is back too");

	load_stop();
	all_serve();
	for (int i = 0; i < LEDGERS; i++)
		conflicts += retried(&ledgers[i]);
	printf("%u acknowledged (%u, %u, %u), %u not known, %u unavailable, "
	       "%lld retried\n", load.acknowledged, load.acknowledged_by[0],
	       load.acknowledged_by[1], load.acknowledged_by[2], load.unknown,
	       load.unavailable, (long long)conflicts);
	ck_assert_int_gt(conflicts, 0);
	load_settle();
	load_check();
	load_release();
	for (int i = 0; i < LEDGERS; i++)
		ledger_stop(&ledgers[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cluster");
	TCase *t = harness_case(s, "cluster");

	if (geteuid())
		harness_skip("namespaces of the network are for root");
	if (system("ip -V >/dev/null 2>&1"))
		harness_skip("no iproute2");
	if (!make_network())
		harness_skip("no network of its own here");
	postgres_start_server();
	if (!open_database()) {
		printf("PostgreSQL does not listen at 10.77.0.1\n");
		return EXIT_FAILURE;
	}
	harness_timeout(t, 360);
	tcase_add_test(t, a_failing_network_loses_nothing);
	return harness_run(s);
}
