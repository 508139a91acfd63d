/*
 * test_ledger_peers.c - the ledger and peers that are slow, silent, many, or mad
 *
 * Peers of the worst manners get what they deserve: their connection closed by a
 * deadline. What matters is that the others are served meanwhile, that memory is
 * bounded, and that no bytes whatever make it die or make money.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "with_ledger.h"

#define HEALTH "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

static struct ledger ledger;

static void begin(const char *options)
{
	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", options);
}

static void is_served(void)
{
	struct client c;

	ledger_get(&ledger, "/health", &c);
	client_close(&c);
}

static bool only_we_are_left(void *arg)
{
	(void)arg;
	return ledger_connections(&ledger) == 1;
}

/* Something to read, or an end, within @ns? */
static bool readable(const struct client *c, int64_t ns)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, (int)(ns / HARNESS_MS)) > 0;
}

static void reset(struct client *c)
{
	struct linger now = { 1, 0 };

	ck_assert_int_eq(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now,
				    sizeof(now)), 0);
	client_close(c);
}

/* ---- slow ---- */

/*
 * Send the bytes of @text one by one, over and over, until something comes back: which
 * has to be a 408 and the end.
 */
static void drip(const char *first, const char *text)
{
	struct client c = ledger_connect(&ledger);
	int64_t deadline = eider_after(patience());
	size_t at = 0;

	ck_assert_int_eq(client_send_text(&c, first), 0);
	while (!readable(&c, 20 * HARNESS_MS)) {
		ck_assert_msg(eider_now() < deadline, "a slow peer is not cut off");
		if (client_send(&c, text + at, 1))
			break;
		at = text[at + 1] ? at + 1 : 0;
	}
	ck_assert_int_eq(client_answer(&c, false), 408);
	ck_assert(client_is_error(&c, "timeout"));
	ck_assert(c.closes);
	client_end(&c);
	client_close(&c);
	is_served();
}

START_TEST(a_request_drop_by_drop_is_cut_off)
{
	begin("--loops 1 --request-timeout 1");
	drip("GET /health HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n");
	drip("GET /he", "a");
	drip("POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n",
	     "{ ");
	drip("POST /accounts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	     "1\r\n \r\n");
	drip("OPTIONS /health HTTP/1.1\r\n", "X");
	ledger_stop(&ledger);
}
END_TEST

/* A connection with nothing under way ends, with a 408 or without a word. */
static void is_let_go(struct client *c)
{
	int status;

	status = client_answer(c, false);
	ck_assert_msg(status == 408 || status == -ENODATA, "idle: %d", status);
	ck_assert_int_eq(client_end(c), 0);
	client_close(c);
}

START_TEST(an_idle_connection_is_closed)
{
	struct client silent, once;
	char options[64];

	/* Not so short that it passes between a connection and its request. */
	snprintf(options, sizeof(options), "--loops 1 --idle-timeout %.1f",
		 harness_slow());
	begin(options);
	silent = ledger_connect(&ledger);
	once = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&once, "GET", "/health", NULL), 200);
	is_let_go(&silent);
	is_let_go(&once);
	is_served();
	ledger_stop(&ledger);
}
END_TEST

START_TEST(a_busy_connection_is_not_idle)
{
	struct client c;

	begin("--loops 1 --idle-timeout 3");
	c = ledger_connect(&ledger);
	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
		harness_nap(120 * HARNESS_MS);
	}
	client_close(&c);
	ledger_stop(&ledger);
}
END_TEST

/* Old clients send an empty line behind a body; the next request may take its time. */
START_TEST(an_empty_line_begins_nothing)
{
	struct client c;

	begin("--loops 1 --request-timeout 1 --idle-timeout 1000");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(client_send_text(&c, "\r\n"), 0);
		ck_assert(!readable(&c, 1500 * HARNESS_MS));
		ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
	}
	ck_assert_int_eq(client_send_text(&c, "\r\n"), 0);
	ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
	ck_assert_int_eq(client_end(&c), 0);
	client_close(&c);
	ledger_stop(&ledger);
}
END_TEST

/* ---- half there ---- */

START_TEST(who_has_said_all_is_answered)
{
	struct client c;

	begin("--loops 1");
	for (int i = 0; i < 20; i++) {
		c = ledger_connect(&ledger);
		ck_assert_int_eq(client_send_text(&c, HEALTH HEALTH), 0);
		ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
		ck_assert_int_eq(client_answer(&c, false), 200);
		ck_assert_int_eq(client_answer(&c, false), 200);
		ck_assert_int_eq(client_end(&c), 0);
		client_close(&c);
	}
	ledger_stop(&ledger);
}
END_TEST

START_TEST(who_ends_in_the_middle_is_let_go)
{
	static const char *const halves[] = {
		"", "GET /hea", "GET /health HTTP/1.1\r\nHost: x\r\n",
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
		"POST /accounts HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
	};

	begin("--loops 1 --idle-timeout 1000 --request-timeout 1000");
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		struct client c = ledger_connect(&ledger);
		long end;

		ck_assert_int_eq(client_send_text(&c, halves[i]), 0);
		ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
		end = client_end(&c);
		ck_assert_msg(end >= 0 || end == -ECONNRESET, "'%s': %ld", halves[i],
			      end);
		client_close(&c);
	}
	is_served();
	ledger_stop(&ledger);
}
END_TEST

START_TEST(who_vanishes_leaves_nothing_behind)
{
	static const char *const wishes[] = {
		"", "GET /hea", HEALTH, HEALTH HEALTH HEALTH,
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
		"{\"owner\": \"ann\", \"balance\": 0}",
		"GET /report HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	unsigned int kinds = sizeof(wishes) / sizeof(wishes[0]);

	begin("--loops 2 --idle-timeout 1000 --request-timeout 1000");
	for (unsigned int i = 0; i < harness_count(400, 40); i++) {
		struct client c = ledger_connect(&ledger);

		ck_assert_int_eq(client_send_text(&c, wishes[i % kinds]), 0);
		if (i & 1)
			harness_nap(200 * HARNESS_US);
		reset(&c);
	}
	ck_assert(harness_wait_until(only_we_are_left, NULL));
	ledger_check_report(&ledger, 0, 0);
	ledger_stop(&ledger);
}
END_TEST

/* ---- not reading ---- */

enum { DEAF = 8 };

/* Requests for the page, as many as the kernel takes of them; nothing is read. */
static size_t ask_without_end(struct client *c)
{
	static const char page[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	char block[200 * (sizeof(page) - 1)];
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	size_t asked = 0;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = page[i % (sizeof(page) - 1)];
	while (asked < 50000000) {
		ssize_t n = send(c->fd, block, sizeof(block),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			asked += (size_t)n;
		else if (errno != EAGAIN || poll(&p, 1, 300) <= 0)
			break;
	}
	return asked / (sizeof(page) - 1);
}

/* The same, with what there is room for now, from the byte @at of a request on. */
static void ask_at_once(struct client *c, size_t *at)
{
	static const char page[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static char block[4000 * (sizeof(page) - 1)];
	ssize_t n;

	for (size_t i = 0; !block[sizeof(block) - 1] && i < sizeof(block); i++)
		block[i] = page[i % (sizeof(page) - 1)];
	n = send(c->fd, block + *at, sizeof(block) - *at,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		*at = (*at + (size_t)n) % (sizeof(page) - 1);
}

static void small_buffers(struct client *c)
{
	int small = 4096;

	ck_assert_int_eq(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small,
				    sizeof(small)), 0);
}

START_TEST(a_peer_that_never_reads_costs_little)
{
	struct client deaf[DEAF];
	size_t before, after, asked = 0;

	/* Freed memory that is kept to catch errors is not what is measured. */
	setenv("ASAN_OPTIONS", "quarantine_size_mb=1", 1);
	begin("--loops 1 --send-timeout 3 --max-connections 100");
	for (int i = 0; i < 50; i++)
		is_served();
	before = ledger_resident(&ledger);
	for (int i = 0; i < DEAF; i++) {
		deaf[i] = ledger_connect(&ledger);
		small_buffers(&deaf[i]);
		asked += ask_without_end(&deaf[i]);
		is_served();
	}
	ck_assert_uint_ge(asked, 1000);
	after = ledger_resident(&ledger);
	ck_assert_msg(after < before + (size_t)((16 << 20) * harness_slow()),
		      "%zu requests nobody reads: %zu MiB grew to %zu", asked,
		      before >> 20, after >> 20);
	ck_assert(harness_wait_until(only_we_are_left, NULL));
	is_served();
	for (int i = 0; i < DEAF; i++)
		client_close(&deaf[i]);
	ledger_stop(&ledger);
}
END_TEST

/*
 * Many that ask for thousands of pages and read none: others are answered meanwhile.
 * Without what keeps them apart it takes as long as its own timeouts, which are
 * long here. In each way to receive.
 */
static const struct {
	unsigned int peers;
	const char *disable;
} crowds[] = {
	{ 8, "" }, { 8, "multishot_recv" }, { 8, "buffer_ring" },
	{ 300, "" }, { 300, "multishot_recv" }, { 300, "buffer_ring" },
};

enum { CROWDS = sizeof(crowds) / sizeof(crowds[0]), CROWD_MAX = 300 };

static void disable_too(const char *feature)
{
	const char *others = getenv("EIDER_DISABLE");
	char all[1024];

	snprintf(all, sizeof(all), "%s%s%s", others ? others : "",
		 others && *others && *feature ? "," : "", feature);
	setenv("EIDER_DISABLE", all, 1);
}

static void is_served_soon(struct client *c)
{
	int64_t before = eider_now();
	double s;
	int status = client_ask(c, "GET", "/health", NULL);

	s = (double)(eider_now() - before) / HARNESS_S;
	ck_assert_msg(status == 200 && s < 10 * harness_slow(), "%d after %.1f s",
		      status, s);
}

START_TEST(peers_that_never_read_hold_nobody_up)
{
	static struct client deaf[CROWD_MAX];
	static size_t at[CROWD_MAX];
	unsigned int n = crowds[_i].peers;
	struct client old, new;
	size_t before, after;

	setenv("ASAN_OPTIONS", "quarantine_size_mb=1", 1);
	disable_too(crowds[_i].disable);
	begin("--loops 1 --send-timeout 60 --idle-timeout 60 --request-timeout 60 "
	      "--max-connections 1000 --stop-timeout 0.5");
	old = ledger_connect(&ledger);
	is_served_soon(&old);
	before = ledger_resident(&ledger);
	for (unsigned int i = 0; i < n; i++) {
		deaf[i] = ledger_connect(&ledger);
		small_buffers(&deaf[i]);
		ask_at_once(&deaf[i], &at[i]);
	}
	for (int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < n; i++)
			ask_at_once(&deaf[i], &at[i]);
		is_served_soon(&old);
		new = ledger_connect(&ledger);
		is_served_soon(&new);
		client_close(&new);
	}
	after = ledger_resident(&ledger);
	/* A sanitizer has more memory of its own for a connection than we. */
	ck_assert_msg(harness_slow() > 1 ||
		      after < before + (8 << 20) + (size_t)n * (1 << 18),
		      "%zu MiB grew to %zu", before >> 20, after >> 20);
	for (unsigned int i = 0; i < n; i++)
		client_close(&deaf[i]);
	is_served_soon(&old);
	client_close(&old);
	ledger_stop(&ledger);
}
END_TEST

/* ---- many ---- */

enum { MOST = 4 };

/* 200 in the end, be it that it waits, or is told to come again. */
static void is_served_in_the_end(struct client *c)
{
	int64_t deadline = eider_after(patience());
	int status = client_answer(c, false);

	while (status != 200) {
		ck_assert_msg(status == 503, "%d at the limit of connections", status);
		ck_assert_msg(eider_now() < deadline, "there is room, but no service");
		harness_nap(20 * HARNESS_MS);
		client_close(c);
		*c = ledger_connect(&ledger);
		client_send_text(c, HEALTH);
		status = client_answer(c, false);
	}
}

START_TEST(at_the_limit_of_connections_the_next_waits)
{
	struct client inside[MOST], next;

	begin("--loops 1 --max-connections 4");
	for (int i = 0; i < MOST; i++) {
		inside[i] = ledger_connect(&ledger);
		ck_assert_int_eq(client_ask(&inside[i], "GET", "/health", NULL), 200);
	}
	next = ledger_connect(&ledger);
	ck_assert_int_eq(client_send_text(&next, HEALTH), 0);
	if (readable(&next, 300 * HARNESS_MS)) {
		ck_assert_int_eq(client_answer(&next, false), 503);
		client_close(&next);
		next = ledger_connect(&ledger);
		client_send_text(&next, HEALTH);
	}
	for (int i = 0; i < MOST; i++)
		ck_assert_int_eq(client_ask(&inside[i], "GET", "/health", NULL), 200);
	client_close(&inside[0]);
	is_served_in_the_end(&next);
	for (int i = 1; i < MOST; i++) {
		ck_assert_int_eq(client_ask(&inside[i], "GET", "/health", NULL), 200);
		client_close(&inside[i]);
	}
	client_close(&next);
	ledger_stop(&ledger);
}
END_TEST

/*
 * They are read in the order in which they came, and those that were served before are
 * not closed until it is their turn. But of two loops one may be slow, and the other
 * have given all places to some that came later: there idleness has an end.
 */
START_TEST(many_come_and_go_at_the_limit)
{
	struct client all[8 * MOST];

	begin("--loops 2 --max-connections 4 --idle-timeout 2");
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 8 * MOST; i++) {
			all[i] = ledger_connect(&ledger);
			ck_assert_int_eq(client_send_text(&all[i], HEALTH), 0);
		}
		for (int i = 0; i < 8 * MOST; i++) {
			if (i % 3)
				is_served_in_the_end(&all[i]);
			client_close(&all[i]);
		}
	}
	is_served();
	ledger_stop(&ledger);
}
END_TEST

/* The CPU time of the ledger, in ticks. */
static unsigned long cpu_ticks(void)
{
	char path[64], text[1024];
	unsigned long user = 0, system = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)ledger.pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	ck_assert_ptr_nonnull(strrchr(text, ')'));
	ck_assert_int_eq(sscanf(strrchr(text, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &system), 2);
	return user + system;
}

static unsigned int descriptors_of_ledger(void)
{
	char command[64];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", (int)ledger.pid);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

/* One is served, and hundreds stand outside: in the socket's queue, not in here. */
START_TEST(those_who_wait_take_no_descriptors)
{
	enum { WAITING = 200 };
	static struct client waiting[WAITING];
	struct client inside;
	unsigned int before;

	begin("--loops 1 --max-connections 1 --idle-timeout 1000");
	inside = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&inside, "GET", "/health", NULL), 200);
	before = descriptors_of_ledger();
	for (int i = 0; i < WAITING; i++) {
		waiting[i] = ledger_connect(&ledger);
		ck_assert_int_eq(client_send_text(&waiting[i], HEALTH), 0);
	}
	harness_nap(300 * HARNESS_MS);
	ck_assert_uint_le(descriptors_of_ledger(), before + 20);
	ck_assert_int_eq(client_ask(&inside, "GET", "/health", NULL), 200);
	client_close(&inside);
	for (int i = 0; i < WAITING; i++) {
		ck_assert_int_eq(client_answer(&waiting[i], false), 200);
		if (i == WAITING / 2)
			ck_assert_uint_le(descriptors_of_ledger(), before + WAITING);
		client_close(&waiting[i]);
	}
	is_served();
	ck_assert_uint_le(descriptors_of_ledger(), before + 20);
	ledger_stop(&ledger);
}
END_TEST

static void limit_descriptors(rlim_t n)
{
	struct rlimit limit = { n, 4096 };

	ck_assert_int_eq(prlimit(ledger.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

START_TEST(without_descriptors_it_waits_for_some)
{
	struct client inside[30];
	unsigned long ticks;

	begin("--loops 1");
	is_served();
	limit_descriptors(descriptors_of_ledger() + 10);
	for (int i = 0; i < 30; i++) {
		inside[i] = ledger_connect(&ledger);
		ck_assert_int_eq(client_send_text(&inside[i], HEALTH), 0);
	}
	ticks = cpu_ticks();
	harness_nap(HARNESS_S);
	ticks = cpu_ticks() - ticks;
	ck_assert_msg(ticks < 50, "%lu ticks of CPU in a second of waiting", ticks);
	for (int i = 0; i < 30; i++)
		client_close(&inside[i]);
	is_served();
	limit_descriptors(4096);
	is_served();
	ledger_stop(&ledger);
}
END_TEST

/* ---- mad ---- */

/*
 * Requests, and requests changed at random. Each goes over a connection of its own,
 * which then says that it is at its end; so the ledger has to come to an end too. To
 * see a failure again: EIDER_TEST_SEED, one thread's numbers are the same then.
 */
enum { MAD_THREADS = 4, MAD_MAX = 2048 };

static const char *const sane[] = {
	HEALTH,
	"POST /transfers HTTP/1.1\r\nHost: x\r\nContent-Length: 49\r\n\r\n"
	"{\"from\": 1, \"to\": 2, \"amount\": 1, \"key\": \"fuzz1\"}",
	"POST /transfers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	"1c\r\n{\"from\": 2, \"to\": 1, \"amount\r\n"
	"17;x=y\r\n\": 2, \"key\": \"fuzz2\"}  \r\n"
	"0\r\nX-T: y\r\n\r\n",
	"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\n"
	"{\"owner\": \"eve\", \"balance\": 10}",
	"GET /accounts/1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
	"GET /transfers?account=1&limit=10&before=100 HTTP/1.1\r\nHost: x\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nUser-Agent: fuzz\r\n\r\n",
	HEALTH "GET /report HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" HEALTH,
	"POST /accounts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
	"Content-Length: 31\r\n\r\n{\"owner\": \"eve\", \"balance\": 10}",
	"GET http://ledger/status HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"POST /accounts HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n"
	"Sec-Fetch-Site: same-origin\r\nContent-Length: 31\r\n\r\n"
	"{\"owner\": \"eve\", \"balance\": 10}",
	"GET /%74ransfers?account=%31 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
};

#define SANE (sizeof(sane) / sizeof(sane[0]))

static struct {
	unsigned int seed, rounds;
	unsigned int answers, refused, failed, resets;
} mad;

struct mutant {
	unsigned int random;
	size_t len;
	char text[MAD_MAX];
};

/* A number below @n. */
static size_t pick(struct mutant *m, size_t n)
{
	return n ? (size_t)rand_r(&m->random) % n : 0;
}

/* Put @n bytes in at @at, as far as there is room. */
static void insert(struct mutant *m, size_t at, const char *bytes, size_t n)
{
	if (n > MAD_MAX - m->len)
		n = MAD_MAX - m->len;
	memmove(m->text + at + n, m->text + at, m->len - at);
	memcpy(m->text + at, bytes, n);
	m->len += n;
}

static void insert_special(struct mutant *m, size_t at)
{
	static const char *const special[] = {
		"\r\n", "\n", "\r", " ", ":", ";", "%00", "\xff",
		"99999999999999999999",
		"-1", "0", "Expect: 100-continue\r\n",
		"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
		"Connection: close\r\n", "\"", "{", "}", "[[[[[[[[", "HTTP/1.1",
		"\\u0000",
	};
	const char *text = special[pick(m, sizeof(special) / sizeof(special[0]))];

	insert(m, at, text, strlen(text));
}

/* Change something. */
static void mutate(struct mutant *m)
{
	size_t at = pick(m, m->len), n = 1 + pick(m, m->len - at ? m->len - at : 1);
	char copy[MAD_MAX], random = (char)pick(m, 256);
	const char *other = sane[pick(m, SANE)];

	if (!m->len)
		return;
	switch (pick(m, 8)) {
	case 0:
		m->text[at] ^= (char)(1 << pick(m, 8));
		break;
	case 1:
		m->text[at] = random;
		break;
	case 2:				/* delete */
		memmove(m->text + at, m->text + at + n, m->len - at - n);
		m->len -= n;
		break;
	case 3:				/* duplicate */
		memcpy(copy, m->text + at, n);
		insert(m, at, copy, n);
		break;
	case 4:
		insert(m, at, &random, 1);
		break;
	case 5:
		m->len = at;
		break;
	case 6:				/* splice */
		m->len = at;
		n = pick(m, strlen(other));
		insert(m, at, other + n, strlen(other) - n);
		break;
	default:
		insert_special(m, at);
	}
}

static void breed(struct mutant *m)
{
	m->len = 0;
	for (size_t n = 1 + pick(m, 2); n; n--) {
		const char *request = sane[pick(m, SANE)];

		insert(m, m->len, request, strlen(request));
	}
	for (size_t n = 1 + pick(m, 4); n; n--)
		mutate(m);
}

static bool says(const struct mutant *m, const char *word)
{
	return memmem(m->text, m->len, word, strlen(word));
}

static void complain(const struct mutant *m, const char *what, const char *answer)
{
	harness_add(&mad.failed, 1);
	printf("%s: %.600s\nfor: %.*s\n", what, answer, (int)m->len, m->text);
}

static bool is_known(int status)
{
	static const int known[] = {
		200, 201, 400, 403, 404, 405, 408, 409, 413, 414, 417, 431, 501, 503,
		505,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == status)
			return true;
	return false;
}

/* Lines, each a name, a colon and more, to the empty one; NULL, or what is behind. */
static const char *pass_headers(const char *p, size_t *ret_length)
{
	*ret_length = SIZE_MAX;
	while (strncmp(p, "\r\n", 2)) {
		size_t name = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz-");
		const char *end = strstr(p, "\r\n");

		if (!name || p[name] != ':' || !end)
			return NULL;
		if (name == 14 && !strncasecmp(p, "Content-Length", name))
			*ret_length = strtoul(p + name + 1, NULL, 10);
		p = end + 2;
	}
	return p + 2;
}

/* An error is an object of two strings. */
static bool is_error_body(const char *body, size_t len)
{
	json_t *object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	bool is = json_object_size(object) == 2 &&
		  json_is_string(json_object_get(object, "error")) &&
		  json_is_string(json_object_get(object, "message"));

	json_decref(object);
	return is;
}

/* The answer at @p is whole and one of ours: what is behind it, or NULL. */
static const char *judge_one(const struct mutant *m, const char *p, const char *end)
{
	size_t length;
	int status, n = 0;

	if (sscanf(p, "HTTP/1.1 %3d %*[A-Za-z ]%n", &status, &n) != 1 || !n ||
	    strncmp(p + n, "\r\n", 2) != 0)
		return NULL;
	p = pass_headers(p + n + 2, &length);
	if (!p || (status == 100 && (length != SIZE_MAX || !says(m, "xpect"))))
		return NULL;
	if (status == 100)
		return p;
	harness_add(&mad.answers, 1);
	if (status >= 400)
		harness_add(&mad.refused, 1);
	if (!is_known(status) || length == SIZE_MAX)
		return NULL;
	if (says(m, "HEAD") && (p == end || !strncmp(p, "HTTP/1.1 ", 9)))
		return p;
	if ((size_t)(end - p) < length ||
	    (status >= 400 && !is_error_body(p, length)))
		return NULL;
	return p + length;
}

/* Whole answers, one behind the other, and nothing else. */
static void judge(const struct mutant *m, const char *answer, size_t len)
{
	const char *end = answer + len;

	while (answer < end) {
		const char *next = judge_one(m, answer, end);

		if (!next) {
			complain(m, "no answer of ours", answer);
			return;
		}
		answer = next;
	}
}

/* Everything until the end. A reset may have taken some of it away. */
static void listen_to_all(struct client *c, const struct mutant *m)
{
	static __thread char answer[400000];
	size_t len = 0;
	ssize_t n;

	do {
		n = recv(c->fd, answer + len, sizeof(answer) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	answer[len] = 0;
	if (!n)
		judge(m, answer, len);
	else if (errno != ECONNRESET)
		complain(m, "no end", answer);
	else
		harness_add(&mad.resets, 1);
}

static void *go_mad(void *arg)
{
	struct mutant *m = arg;

	for (unsigned int i = 0; i < mad.rounds / MAD_THREADS; i++) {
		struct client c = ledger_connect(&ledger);

		breed(m);
		if (client_send(&c, m->text, m->len) == 0 && pick(m, 10)) {
			shutdown(c.fd, SHUT_WR);
			listen_to_all(&c, m);
		}
		client_close(&c);
	}
	return NULL;
}

static void choose_seed(void)
{
	const char *seed = getenv("EIDER_TEST_SEED");

	mad.seed = seed ? (unsigned int)atol(seed) : (unsigned int)eider_now();
	/* The sanitizers that look at memory are what this is for. */
	mad.rounds = harness_slow() > 4 ? harness_count(10000, 100) : 10000;
	printf("EIDER_TEST_SEED=%u, %u rounds\n", mad.seed, mad.rounds);
}

START_TEST(mad_requests_do_no_harm)
{
	static struct mutant mutants[MAD_THREADS];
	pthread_t threads[MAD_THREADS];
	struct client c;
	int64_t id;

	choose_seed();
	begin("--loops 2 --max-connections 1000");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000, &id), 201);
	ck_assert_int_eq(client_open_account(&c, "bob", 1000, &id), 201);
	client_close(&c);
	for (unsigned int i = 0; i < MAD_THREADS; i++) {
		mutants[i].random = mad.seed + i;
		ck_assert(!pthread_create(&threads[i], NULL, go_mad, &mutants[i]));
	}
	for (int i = 0; i < MAD_THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%u answers, %u of them refusals, %u resets\n", mad.answers,
	       mad.refused, mad.resets);
	ck_assert_uint_eq(mad.failed, 0);
	ck_assert_uint_ge(mad.answers, mad.rounds / 4);
	ck_assert_uint_le(mad.resets, mad.rounds / 10);
	is_served();
	ck_assert(harness_wait_until(only_we_are_left, NULL));
	ledger_get(&ledger, "/report", &c);
	ck_assert_int_eq(client_number(&c, "wrong"), 0);
	ck_assert_int_eq(client_number(&c, "total"), client_number(&c, "opened_with"));
	client_close(&c);
	ledger_stop(&ledger);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_peers");
	TCase *t = harness_case(s, "peers");

	harness_timeout(t, 240);
	tcase_add_test(t, a_request_drop_by_drop_is_cut_off);
	tcase_add_test(t, an_idle_connection_is_closed);
	tcase_add_test(t, a_busy_connection_is_not_idle);
	tcase_add_test(t, an_empty_line_begins_nothing);
	tcase_add_test(t, who_has_said_all_is_answered);
	tcase_add_test(t, who_ends_in_the_middle_is_let_go);
	tcase_add_test(t, who_vanishes_leaves_nothing_behind);
	tcase_add_test(t, a_peer_that_never_reads_costs_little);
	tcase_add_loop_test(t, peers_that_never_read_hold_nobody_up, 0, CROWDS);
	tcase_add_test(t, at_the_limit_of_connections_the_next_waits);
	tcase_add_test(t, many_come_and_go_at_the_limit);
	tcase_add_test(t, those_who_wait_take_no_descriptors);
	tcase_add_test(t, without_descriptors_it_waits_for_some);
	t = harness_case(s, "mad");
	harness_timeout(t, 360);
	tcase_add_test(t, mad_requests_do_no_harm);
	return harness_run(s);
}
