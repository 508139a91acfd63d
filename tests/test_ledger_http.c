/*
 * test_ledger_http.c - what the ledger makes of bytes: HTTP/1.1, and what is none
 *
 * Each case sends bytes over a connection of its own and looks at the answers. A
 * request that is beyond a limit or no HTTP is answered once, and the connection
 * closed; everything else is answered in order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "with_ledger.h"

/* Small limits, so that tests can be quick to reach them. */
#define MAX_HEADER 1000
#define MAX_BODY 2000

static struct ledger ledger;
static int64_t ann, bob;

static void set_up(void)
{
	struct client c;

	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db",
			  "--loops 1 --max-header 1000 --max-body 2000");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000, &ann), 201);
	ck_assert_int_eq(client_open_account(&c, "bob", 0, &bob), 201);
	ck_assert(ann == 1 && bob == 2);	/* as requests below have it */
	client_close(&c);
}

static void tear_down(void)
{
	struct client c;

	ledger_get(&ledger, "/report", &c);
	ck_assert_int_eq(client_number(&c, "wrong"), 0);
	ck_assert_int_eq(client_number(&c, "total"), client_number(&c, "opened_with"));
	client_close(&c);
	ledger_stop(&ledger);
}

static void must_send(struct client *c, const void *data, size_t len)
{
	int err = client_send(c, data, len);

	ck_assert_msg(!err, "send: %s", strerror(-err));
}

static void say(struct client *c, const char *text)
{
	must_send(c, text, strlen(text));
}

static void expect(struct client *c, int status)
{
	int got = client_answer(c, false);

	ck_assert_msg(got == status, "%d instead of %d: %s", got, status,
		      got > 0 ? c->body : "");
}

/* It is over; a reset will do if it had more to read than it cared for. */
static void expect_end(struct client *c)
{
	long end = client_end(c);

	ck_assert_msg(end == 0 || end == -ECONNRESET, "no end, but %ld", end);
}

/* One request over a connection of its own; it is left in @c. */
static void exchange(struct client *c, const char *request, int status)
{
	*c = ledger_connect(&ledger);
	say(c, request);
	expect(c, status);
}

/* @request is answered with one of two, says that it closes, and does. */
static void is_refused(const void *request, size_t len, int status, int or_status)
{
	struct client c = ledger_connect(&ledger);
	char type[64];
	int got;

	must_send(&c, request, len);
	got = client_answer(&c, false);
	ck_assert_msg(got == status || got == or_status, "%d, not %d, for: %.*s", got,
		      status, len > 200 ? 200 : (int)len, (const char *)request);
	ck_assert_msg(c.closes, "%.*s does not close: %s%s",
		      len > 200 ? 200 : (int)len, (const char *)request, c.head,
		      c.body);
	ck_assert(client_header(&c, "Content-Type", type, sizeof(type)));
	ck_assert(!strncmp(type, "application/json", 16));
	expect_end(&c);
	client_close(&c);
}

static void text_is_refused(const char *request, int status, int or_status)
{
	is_refused(request, strlen(request), status, or_status);
}

static void refused_as(const char *request, int status, const char *word)
{
	struct client c;

	exchange(&c, request, status);
	ck_assert_msg(client_is_error(&c, word), "not %s: %s", word, c.body);
	ck_assert(c.closes);
	expect_end(&c);
	client_close(&c);
}

/* @before, then @n times @c, then @after; to be freed. */
static char *stretch(const char *before, int c, size_t n, const char *after)
{
	char *text = malloc(strlen(before) + n + strlen(after) + 1);

	ck_assert_ptr_nonnull(text);
	strcpy(text, before);
	memset(text + strlen(before), c, n);
	strcpy(text + strlen(before) + n, after);
	return text;
}

/* Cut anywhere, it is one error and nothing behind it; it may be closed early. */
static void is_bad_however_cut(const char *request)
{
	for (size_t at = 0; at < strlen(request); at++) {
		struct client c = ledger_connect(&ledger);
		int status;

		if (at) {
			must_send(&c, request, at);
			harness_nap(50 * HARNESS_US);
		}
		client_send_text(&c, request + at);
		status = client_answer(&c, false);
		ck_assert_msg(status == 400, "cut at %zu: %d for: %s", at, status,
			      request);
		ck_assert(client_is_error(&c, "bad_http"));
		ck_assert(c.closes);
		expect_end(&c);
		client_close(&c);
	}
}

static int64_t count_accounts(void)
{
	struct client c;
	int64_t n;

	ledger_get(&ledger, "/report", &c);
	n = client_number(&c, "accounts");
	client_close(&c);
	return n;
}

/* ---- connections ---- */

START_TEST(a_connection_is_kept)
{
	struct client c = ledger_connect(&ledger);

	for (int i = 0; i < 20; i++) {
		say(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
		expect(&c, 200);
		ck_assert(!c.closes);
		ck_assert_msg(!strncmp(c.body, "ok", 2), "%s", c.body);
	}
	client_close(&c);
}
END_TEST

START_TEST(a_connection_is_closed_on_request)
{
	static const char *const closing[] = {
		"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nconnection:  CLOSE \r\n\r\n",
		"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.0\r\n\r\n",
		"GET /health HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
		struct client c;

		exchange(&c, closing[i], strstr(closing[i], "nothing") ? 404 : 200);
		ck_assert_msg(c.closes, "%s: %s", closing[i], c.head);
		ck_assert_int_eq(client_end(&c), 0);
		client_close(&c);
	}
}
END_TEST

/* To 1.0 with keep-alive it may close or keep, but does as it says. */
START_TEST(old_clients_may_keep_a_connection)
{
	struct client c;
	char connection[32] = "";

	exchange(&c, "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200);
	client_header(&c, "Connection", connection, sizeof(connection));
	if (!strcasecmp(connection, "keep-alive")) {
		say(&c, "GET /health HTTP/1.0\r\n\r\n");
		expect(&c, 200);
	}
	ck_assert_int_eq(client_end(&c), 0);
	client_close(&c);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
	struct client c;
	char length[32];
	size_t len;

	exchange(&c, "GET /accounts/1 HTTP/1.1\r\nHost: x\r\n\r\n", 200);
	len = c.body_len;
	say(&c, "HEAD /accounts/1 HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(client_answer(&c, true), 200);
	ck_assert(client_header(&c, "Content-Length", length, sizeof(length)));
	ck_assert_uint_eq((size_t)atoi(length), len);
	expect(&c, 200);
	ck_assert_msg(!strncmp(c.body, "ok", 2), "%s", c.body);
	client_close(&c);
}
END_TEST

/* An error to HEAD has none either; what is no request is no HEAD. */
START_TEST(a_refused_head_has_no_body)
{
	static const struct {
		const char *request;
		int status;
	} refused[] = {
		{ "HEAD /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n",
		  413 },
		{ "HEAD /health HTTP/1.1\r\n\r\n", 400 },
		{ "HEAD /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400 },
		{ "HEAD /health HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", 417 },
		{ "HEAD *health HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	};
	char *text = stretch("HEAD /", 'a', MAX_HEADER, "");
	struct client c;

	for (size_t i = 0; i <= sizeof(refused) / sizeof(refused[0]); i++) {
		bool last = i == sizeof(refused) / sizeof(refused[0]);
		char length[32];
		int status;

		c = ledger_connect(&ledger);
		say(&c, last ? text : refused[i].request);
		status = client_answer(&c, true);
		ck_assert_msg(status == (last ? 414 : refused[i].status), "%zu: %d", i,
			      status);
		ck_assert(client_header(&c, "Content-Length", length, sizeof(length)));
		ck_assert_int_gt(atoi(length), 0);
		ck_assert(c.closes);
		ck_assert_int_eq(client_end(&c), 0);
		client_close(&c);
	}
	free(text);
	refused_as("HELLO /health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_http");
}
END_TEST

/* ---- pipelining ---- */

START_TEST(a_hundred_at_once_are_answered_in_order)
{
	char all[100 * 64] = "";
	struct client c;
	size_t n = 0;

	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(all + n, "GET %s%lld HTTP/1.1\r\nHost: x\r\n\r\n",
				     i % 7 ? "/accounts/" : "/nothing/",
				     (long long)(i % 2 ? ann : bob));
	exchange(&c, all, 404);
	for (int i = 1; i < 100; i++) {
		expect(&c, i % 7 ? 200 : 404);
		if (i % 7)
			ck_assert_int_eq(client_number(&c, "id"), i % 2 ? ann : bob);
	}
	say(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(&c, 200);
	client_close(&c);
}
END_TEST

/* A request sees what those before it have done. */
START_TEST(pipelined_requests_happen_in_order)
{
	char all[50 * 300] = "", body[128];
	struct client c = ledger_connect(&ledger);
	size_t n = 0;

	for (int i = 0; i < 50; i++) {
		int len = sprintf(body, "{\"from\":%lld,\"to\":%lld,\"amount\":1,"
				  "\"key\":\"p%d\"}", (long long)ann, (long long)bob,
				  i);

		n += (size_t)sprintf(all + n, "POST /transfers HTTP/1.1\r\nHost: x\r\n"
				     "Content-Length: %d\r\n\r\n%s"
				     "GET /accounts/%lld HTTP/1.1\r\nHost: x\r\n\r\n",
				     len, body, (long long)ann);
	}
	must_send(&c, all, n);
	for (int i = 0; i < 50; i++) {
		expect(&c, 201);
		expect(&c, 200);
		ck_assert_int_eq(client_number(&c, "balance"), 999 - i);
	}
	client_close(&c);
}
END_TEST

START_TEST(nothing_is_answered_behind_a_close)
{
	struct client c;

	exchange(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		 "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		 "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200);
	expect(&c, 200);
	ck_assert(c.closes);
	expect_end(&c);
	client_close(&c);
}
END_TEST

START_TEST(nothing_is_answered_behind_an_error)
{
	struct client c;

	exchange(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		 "nonsense\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200);
	expect(&c, 400);
	ck_assert(c.closes);
	expect_end(&c);
	client_close(&c);
}
END_TEST

/* ---- bodies ---- */

static const char chunked_account[] =
	"POST /accounts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	"5;name=value\r\n{\"own\r\n"
	"1;x;y=\"quoted\"\r\ne\r\n"
	"0c\r\nr\": \"chuck\",\r\n"
	"00E;\r\n \"balance\": 0}\r\n"
	"0;last\r\nX-Trailer: yes\r\nX-Other: \r\n\r\n";

START_TEST(chunked_bodies_are_understood)
{
	struct client c;
	char text[128];

	exchange(&c, chunked_account, 201);
	ck_assert_str_eq(client_text(&c, "owner", text), "chuck");
	say(&c, chunked_account);
	say(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(&c, 201);
	expect(&c, 200);
	ck_assert_msg(!strncmp(c.body, "ok", 2), "%s", c.body);
	client_close(&c);
}
END_TEST

START_TEST(one_who_waits_is_told_to_continue)
{
	static const char body[] = "{\"owner\": \"ann\", \"balance\": 0}";
	char head[256];
	struct client c;

	snprintf(head, sizeof(head), "POST /accounts HTTP/1.1\r\nHost: x\r\n"
		 "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
		 sizeof(body) - 1);
	exchange(&c, head, 100);
	say(&c, body);
	expect(&c, 201);
	say(&c, head);
	expect(&c, 100);
	say(&c, body);
	expect(&c, 201);
	client_close(&c);
	refused_as("POST /accounts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
		   "Content-Length: 2001\r\n\r\n", 413, "body_too_large");
}
END_TEST

/* What else could be expected is not ours; what an old client expects is nothing. */
START_TEST(other_expectations_fail)
{
	static const char *const other[] = {
		"200-maybe", "100-continue, 200-maybe", "100-continued", "",
		"100-continue\r\nExpect: 200-maybe",
	};
	char request[256];
	struct client c;

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		snprintf(request, sizeof(request), "POST /accounts HTTP/1.1\r\n"
			 "Host: x\r\nExpect: %s\r\nContent-Length: 30\r\n\r\n",
			 other[i]);
		refused_as(request, 417, "expectation_failed");
	}
	exchange(&c, "GET /health HTTP/1.0\r\nExpect: 200-maybe\r\n\r\n", 200);
	client_close(&c);
	exchange(&c, "POST /accounts HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue \r\n"
		 "Content-Length: 30\r\n\r\n", 100);
	client_close(&c);
}
END_TEST

START_TEST(trailers_say_nothing)
{
	static const char *const trailers[] = {
		"Expect: 100-continue", "Expect: 200-maybe", "Host: y", "Host: a b",
		"Transfer-Encoding: gzip", "Sec-Fetch-Site: cross-site",
	};
	char request[256];

	for (size_t i = 0; i < sizeof(trailers) / sizeof(trailers[0]); i++) {
		struct client c = ledger_connect(&ledger);

		snprintf(request, sizeof(request), "POST /accounts HTTP/1.1\r\n"
			 "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n",
			 trailers[i]);
		say(&c, request);
		harness_nap(10 * HARNESS_MS);
		say(&c, "\r\n");
		expect(&c, 400);	/* no 100 before */
		ck_assert_msg(client_is_error(&c, "bad_json"), "%s: %s", trailers[i],
			      c.body);
		ck_assert(!c.closes);
		client_close(&c);
	}
}
END_TEST

START_TEST(a_missing_body_is_bad_json)
{
	struct client c;

	exchange(&c, "POST /accounts HTTP/1.1\r\nHost: x\r\n\r\n", 400);
	ck_assert(client_is_error(&c, "bad_json"));
	say(&c, "POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	expect(&c, 400);
	ck_assert(client_is_error(&c, "bad_json"));
	client_close(&c);
}
END_TEST

/* Routes that need none do not mind one, and it is not taken for a request. */
START_TEST(a_body_nobody_wants_is_passed_over)
{
	struct client c;

	exchange(&c, "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n"
		 "GET /nothing HTTP/1.1\r\n\r\nxx"
		 "GET /accounts/1 HTTP/1.1\r\nHost: x\r\n\r\n", 200);
	ck_assert_msg(!strncmp(c.body, "ok", 2), "%s", c.body);
	expect(&c, 200);
	ck_assert_int_eq(client_number(&c, "id"), 1);
	client_close(&c);
}
END_TEST

START_TEST(a_nul_byte_ends_nothing)
{
	static const char in_body[] =
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n"
		"{\"owner\": \"an\0n\", \"balance\": 0 }"
		"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char behind[] =
		"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n"
		"{\"owner\": \"ann\", \"balance\": 0 }\0{}x"
		"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char in_path[] = "GET /health\0x HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char in_header[] =
		"GET /health HTTP/1.1\r\nHost: x\r\nX-Nul: a\0b\r\n\r\n";
	struct client c = ledger_connect(&ledger);

	must_send(&c, in_body, sizeof(in_body) - 1);
	expect(&c, 400);
	expect(&c, 200);
	client_close(&c);
	c = ledger_connect(&ledger);
	must_send(&c, behind, sizeof(behind) - 1);
	expect(&c, 400);
	expect(&c, 200);
	client_close(&c);
	is_refused(in_path, sizeof(in_path) - 1, 400, 400);
	is_refused(in_header, sizeof(in_header) - 1, 400, 400);
}
END_TEST

/* ---- however it is cut ---- */

/* Send @request in two parts, cut at @at; the answer's status and body. */
static void send_cut(const char *request, size_t at, int status, const char *body)
{
	struct client c = ledger_connect(&ledger);

	must_send(&c, request, at);
	harness_nap(50 * HARNESS_US);
	say(&c, request + at);
	expect(&c, status);
	ck_assert_msg(!strcmp(c.body, body), "cut at %zu: %s", at, c.body);
	ck_assert(!c.closes);
	client_close(&c);
}

static void cut_everywhere(const char *request, int first, int status)
{
	struct client c;
	char *body;

	exchange(&c, request, first);
	body = strdup(c.body);
	client_close(&c);
	for (size_t at = 1; at < strlen(request); at++)
		send_cut(request, at, status, body);
	free(body);
}

/* One transfer: the first time it happens, then it has happened. */
static const char cut_transfer[] =
	"POST /transfers HTTP/1.1\r\nHost: x\r\nX-More: some more\r\n"
	"Content-Type: application/json\r\nContent-Length: 49\r\n\r\n"
	"{\"from\": 1, \"to\": 2, \"amount\": 5, \"key\": \"cut\"  }";

START_TEST(a_request_may_be_cut_anywhere)
{
	cut_everywhere(cut_transfer, 201, 200);
	ledger_check_report(&ledger, 1000, 1);
}
END_TEST

START_TEST(a_chunked_request_may_be_cut_anywhere)
{
	cut_everywhere("POST /transfers HTTP/1.1\r\nHost: x\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n"
		       "14;a=b\r\n{\"from\": 1, \"to\": 2,\r\n"
		       "9\r\n\"amount\":\r\nd;\r\n5,\"key\":\"cut\"\r\n1\r\n}\r\n"
		       "0\r\nX-T: x\r\n\r\n", 201, 200);
	ledger_check_report(&ledger, 1000, 1);
}
END_TEST

START_TEST(a_bad_request_may_be_cut_anywhere)
{
	static const char bad[] = "GET /health HTTP/1.1\r\nHost: x\r\n"
				  "Content-Length: 1x\r\n\r\n";

	for (size_t at = 1; at < sizeof(bad) - 1; at++) {
		struct client c = ledger_connect(&ledger);

		must_send(&c, bad, at);
		harness_nap(50 * HARNESS_US);
		client_send_text(&c, bad + at);	/* it may be closed already */
		expect(&c, 400);
		client_close(&c);
	}
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
	struct client c = ledger_connect(&ledger);

	for (int round = 0; round < 2; round++) {
		for (const char *p = cut_transfer; *p; p++)
			must_send(&c, p, 1);
		expect(&c, round ? 200 : 201);
	}
	client_close(&c);
}
END_TEST

/* ---- limits ---- */

static void stretched_is(const char *before, size_t n, const char *after, int status,
			 const char *word)
{
	char *text = stretch(before, 'a', n, after);

	refused_as(text, status, word);
	free(text);
}

START_TEST(long_headers_are_too_large)
{
	static const char line[] = "GET /health HTTP/1.1\r\nHost: x\r\n";
	char many[4000];
	struct client c;
	char *text;
	int n = sprintf(many, "%s", line);

	stretched_is("GET /health HTTP/1.1\r\nHost: x\r\nX: ", MAX_HEADER, "\r\n\r\n",
		     431, "headers_too_large");
	stretched_is("GET /health HTTP/1.1\r\nHost: x\r\nX: ", 2 * MAX_HEADER, "", 431,
		     "headers_too_large");
	stretched_is("GET /health HTTP/1.1\r\nHost: x\r\n", 2 * MAX_HEADER,
		     ": 1\r\n\r\n", 431, "headers_too_large");
	while (n < 2 * MAX_HEADER)
		n += sprintf(many + n, "X-%d: y\r\n", n);
	strcpy(many + n, "\r\n");
	refused_as(many, 431, "headers_too_large");
	text = stretch("GET /health HTTP/1.1\r\nHost: x\r\nX: ", 'a', MAX_HEADER - 100,
		       "\r\n\r\n");
	exchange(&c, text, 200);
	client_close(&c);
	free(text);
}
END_TEST

START_TEST(a_long_uri_is_too_long)
{
	struct client c;
	char *text;

	stretched_is("GET /", MAX_HEADER, " HTTP/1.1\r\nHost: x\r\n\r\n", 414,
		     "uri_too_long");
	stretched_is("GET /health?", 2 * MAX_HEADER, "", 414, "uri_too_long");
	text = stretch("GET /", 'a', MAX_HEADER / 2 - 100,
		       " HTTP/1.1\r\nHost: x\r\n\r\n");
	exchange(&c, text, 404);
	client_close(&c);
	free(text);
}
END_TEST

START_TEST(a_large_body_is_too_large)
{
	struct client c;
	char *text = stretch("POST /accounts HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 2000\r\n\r\n", 'a', MAX_BODY, "");

	exchange(&c, text, 400);
	ck_assert(client_is_error(&c, "bad_json"));
	ck_assert(!c.closes);
	client_close(&c);
	free(text);
	refused_as("POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n",
		   413, "body_too_large");
	refused_as("POST /accounts HTTP/1.1\r\nHost: x\r\n"
		   "Content-Length: 9223372036854775807\r\n\r\n", 413,
		   "body_too_large");
	refused_as("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n",
		   413, "body_too_large");
}
END_TEST

START_TEST(a_chunked_body_grows_too_large)
{
	struct client c = ledger_connect(&ledger);
	char *chunk = stretch("3e8\r\n", 'a', 1000, "\r\n"), *text;

	say(&c, "POST /accounts HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	say(&c, chunk);
	say(&c, chunk);
	say(&c, "1\r\n");
	client_send_text(&c, "a");
	expect(&c, 413);
	ck_assert(client_is_error(&c, "body_too_large"));
	ck_assert(c.closes);
	expect_end(&c);
	client_close(&c);
	free(chunk);
	text = stretch("POST /accounts HTTP/1.1\r\nHost: x\r\n"
		       "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 'a',
		       MAX_BODY + 1, "");
	text_is_refused(text, 413, 413);
	free(text);
	text_is_refused("POST /accounts HTTP/1.1\r\nHost: x\r\n"
			"Transfer-Encoding: chunked\r\n\r\n"
			"fffffffffffffffffffffff\r\naaaaaaaa", 413, 400);
}
END_TEST

/* What is not body but lies between it is bounded too. */
START_TEST(chunks_carry_no_endless_rest)
{
	static const char head[] = "POST /accounts HTTP/1.1\r\nHost: x\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	const char *const tails[] = { "1;", "0\r\nX: " };

	for (size_t i = 0; i < 2; i++) {
		struct client c = ledger_connect(&ledger);
		char *junk = stretch(tails[i], 'a', 100000, "\r\n");
		int status;

		say(&c, head);
		client_send_text(&c, junk);
		status = client_answer(&c, false);
		ck_assert_msg(status == 400 || status == 413 || status == 431,
			      "%s...: %d", tails[i], status);
		client_close(&c);
		free(junk);
	}
}
END_TEST

/* A client that sends all before it reads still learns why. */
START_TEST(an_error_arrives_while_the_client_sends)
{
	char *text = stretch("POST /accounts HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 1000000\r\n\r\n", 'a', 1000000, "");

	for (int i = 0; i < 10; i++) {
		struct client c = ledger_connect(&ledger);

		client_send_text(&c, text);
		expect(&c, 413);
		ck_assert(client_is_error(&c, "body_too_large"));
		client_close(&c);
	}
	free(text);
}
END_TEST

/* ---- no HTTP ---- */

START_TEST(garbage_is_refused)
{
	static const char *const garbage[] = {
		"nonsense\r\n\r\n",
		"GET\r\n\r\n",
		"GET /health\r\n\r\n",
		"GET /health HTTP/1.1 x\r\nHost: x\r\n\r\n",
		"GET /health FTP/1.1\r\nHost: x\r\n\r\n",
		"GET health HTTP/1.1\r\nHost: x\r\n\r\n",
		"get /health HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /he\x01lth HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET /health HTTP/1.1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03 a TLS client says hello",
	};

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		text_is_refused(garbage[i], 400, 400);
	refused_as("nonsense\r\n\r\n", 400, "bad_http");
}
END_TEST

START_TEST(doubtful_lengths_are_refused)
{
#define POST "POST /accounts HTTP/1.1\r\nHost: x\r\n"
	static const char *const doubtful[] = {
		POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{    }",
		POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n{   }",
		POST "Content-Length: 5, 5\r\n\r\n{   }",
		POST "Content-Length: -1\r\n\r\n",
		POST "Content-Length: +5\r\n\r\n{   }",
		POST "Content-Length: 5x\r\n\r\n{   }",
		POST "Content-Length: 0x5\r\n\r\n{   }",
		POST "Content-Length: 1 2\r\n\r\n{   }",
		POST "Content-Length: \r\n\r\n",
		POST "Content-Length: 99999999999999999999999\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++)
		text_is_refused(doubtful[i], 400, 413);
}
END_TEST

/*
 * A line ends in CR LF, and these are nowhere else: who sees another end than we do
 * sees other requests. Each of these was one once, and what comes behind it another.
 */
START_TEST(lines_are_lines)
{
#define HEALTH "GET /health HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define BODY "{\"owner\": \"eve\", \"balance\": 1}"
	static const char *const broken[] = {
		HEALTH "\rX",
		HEALTH "X:\rY\r\n\r\n",
		HEALTH "X: folded\r\n over lines\r\n\r\n",
		HEALTH "X:\r\n\tfolded\r\n\r\n",
		"GET /health HTTP/1.1\nHost: x\n\n",
		HEALTH "X: y\n\r\n",
		"\rGET /health HTTP/1.1\r\nHost: x\r\n\r\n",
		POST "Content-Length: 30\r\n\rX" BODY,
		CHUNKED "1e\rX" BODY "\r\n0\r\n\r\n",
		CHUNKED "1e 77\r\n" BODY "\r\n0\r\n\r\n",
		CHUNKED "1e \r\n" BODY "\r\n0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "\r\n0 5\r\n\r\n",
		CHUNKED "1e;x\ry" BODY "\r\n0\r\n\r\n",
		CHUNKED "1e;x\ny\r\n" BODY "\r\n0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "XY0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "\n\n0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "\rX0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "X\n0\r\n\r\n",
		CHUNKED "1e\r\n" BODY "\r\n0\rX\r\n",
		CHUNKED "1e\r\n" BODY "\r\n0\r\n\rX",
		CHUNKED "1e\r\n" BODY "\r\n0\r\nX:\rY\r\n\r\n",
		CHUNKED "1e\r\n" BODY "\r\n0\r\nX: y\n\r\n",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char request[512];

		snprintf(request, sizeof(request), "%s%s\r\n", broken[i], HEALTH);
		is_bad_however_cut(request);
	}
	ck_assert_int_eq(count_accounts(), 2);
}
END_TEST

START_TEST(a_few_empty_lines_are_passed_over)
{
	struct client c;

	exchange(&c, "\r\n" HEALTH "\r\n\r\n\r\n" HEALTH "\r\n", 200);
	expect(&c, 200);
	client_close(&c);
	refused_as("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" HEALTH "\r\n", 400,
		   "bad_http");
	c = ledger_connect(&ledger);
	for (int i = 0; i < 9; i++) {
		client_send_text(&c, "\r\n");
		harness_nap(HARNESS_MS);
	}
	expect(&c, 400);
	client_close(&c);
}
END_TEST

START_TEST(a_host_is_one)
{
	static const char *const good[] = {
		"x", "x:80", "x:", "a.b-c_d~e", "127.0.0.1:8080", "[::1]:8080", "[::1]",
		"[fe80::1%25eth0]", "x \t", "%41", "",
	};
	static const char *const bad[] = {
		"a b", "a/b", "a?b", "a#b", "u@a", "a b/c?@", "x:80x", "x:8 0", "a\\b",
		"[::1", "::1", "[::1]x", "]", "a\"b", "<a>", "\xc3\xab", "x,y z", "[]]",
		"x\r\nHost: x",
	};
	char request[256];
	struct client c;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(request, sizeof(request),
			 "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		exchange(&c, request, 200);
		client_close(&c);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(request, sizeof(request),
			 "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
		text_is_refused(request, 400, 400);
	}
}
END_TEST

/* A * is for OPTIONS; what is behind a # stays with the client. */
START_TEST(a_target_is_one)
{
	static const char *const bad[] = {
		"GET *", "GET *health", "HEAD *", "POST *", "OPTIONS *health",
		"GET /health#x", "GET /health?x#y",
	};
	char request[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client c = ledger_connect(&ledger);

		snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: x\r\n\r\n",
			 bad[i]);
		say(&c, request);
		ck_assert_int_eq(client_answer(&c, bad[i][0] == 'H'), 400);
		ck_assert(bad[i][0] == 'H' || client_is_error(&c, "bad_http"));
		ck_assert(c.closes);
		expect_end(&c);
		client_close(&c);
	}
}
END_TEST

/* Letters and digits are the same however written; what divides is not. */
START_TEST(a_target_may_be_encoded)
{
	static const struct {
		const char *target;
		int status;
	} targets[] = {
		{ "/%68ealth", 200 },
		{ "/%68%65%61%6c%74%68", 200 },
		{ "/%68%65%61%6C%74%68?%x", 200 },
		{ "/accounts/%31", 200 },
		{ "/accounts/%2", 400 },
		{ "/accounts/%3g", 400 },
		{ "/accounts/1%", 400 },
		{ "/accounts/%2531", 400 },
		{ "/accounts/1%00", 400 },
		{ "/accounts/1%2F", 400 },
		{ "/accounts%2F1", 404 },
		{ "/health%00", 404 },
		{ "/transfers?account=%31", 200 },
		{ "/transfers?%61ccount=1&l%69mit=1%30", 200 },
		{ "/transfers?account=1%26limit=1", 400 },
		{ "/transfers?account%3d1", 400 },
		{ "/transfers?account=%+1", 400 },
	};
	char request[256];
	struct client c;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
			 targets[i].target);
		c = ledger_connect(&ledger);
		say(&c, request);
		ck_assert_msg(client_answer(&c, false) == targets[i].status, "%s: %d",
			      targets[i].target, c.status);
		ck_assert(!c.closes);
		client_close(&c);
	}
}
END_TEST

/* What a browser says of where a POST comes from; programs say nothing of that. */
static const struct {
	const char *headers;
	int status;
} origins[] = {
	{ "Host: x:80\r\n", 201 },
	{ "Host: x:80\r\nSec-Fetch-Site: same-origin\r\n", 201 },
	{ "Host: x:80\r\nSec-Fetch-Site: none\r\n", 201 },
	{ "Host: x:80\r\nSec-Fetch-Site: cross-site\r\n", 403 },
	{ "Host: x:80\r\nSec-Fetch-Site: same-site\r\n", 403 },
	{ "Host: x:80\r\nSec-Fetch-Site:\r\n", 403 },
	{ "Host: x:80\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n", 403 },
	{ "Host: x:80\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Site: none\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://x:80\r\n", 201 },
	{ "Host: x:80 \r\nOrigin: https://X:80 \r\n", 201 },
	{ "Origin: http://x:80\r\nHost: x:80\r\n", 201 },
	{ "Host: x:80\r\nOrigin: http://x\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://x:8080\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://evil.example\r\n", 403 },
	{ "Origin: http://evil.example\r\nHost: x:80\r\n", 403 },
	{ "Host: x:80\r\nOrigin: x:80\r\n", 403 },
	{ "Host: x:80\r\nOrigin: null\r\n", 403 },
	{ "Host: x:80\r\nOrigin:\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://x:80\r\nOrigin: http://y\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://y\r\nOrigin: http://x:80\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://x:80\r\nSec-Fetch-Site: cross-site\r\n", 403 },
	{ "Host: x:80\r\nOrigin: http://y\r\nSec-Fetch-Site: same-origin\r\n", 201 },
	{ "Host: x:80\r\nX-Origin: http://y\r\nOrigins: http://y\r\n", 201 },
};

START_TEST(a_page_of_another_site_moves_nothing)
{
	int64_t n = 2;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		struct client c = ledger_connect(&ledger);
		char request[512];

		snprintf(request, sizeof(request), "POST /accounts HTTP/1.1\r\n%s"
			 "Content-Type: text/plain\r\nContent-Length: 30\r\n\r\n" BODY
			 "GET /health HTTP/1.1\r\n%s\r\n", origins[i].headers,
			 origins[i].headers);
		say(&c, request);
		ck_assert_msg(client_answer(&c, false) == origins[i].status, "%s%d",
			      origins[i].headers, c.status);
		n += c.status == 201;
		ck_assert(c.status == 201 || client_is_error(&c, "cross_site"));
		expect(&c, 200);	/* to look is no harm */
		client_close(&c);
	}
	ck_assert_int_eq(count_accounts(), n);
}
END_TEST

START_TEST(other_encodings_are_not_implemented)
{
	static const char *const encoded[] = {
		POST "Transfer-Encoding: gzip\r\n\r\n",
		POST "Transfer-Encoding: identity\r\n\r\n",
		POST "Transfer-Encoding: chunked, gzip\r\n\r\n",
		POST "Transfer-Encoding: chun\r\nTransfer-Encoding: ked\r\n\r\n",
		POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "0\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
	};
	struct client c;

	for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++)
		text_is_refused(encoded[i], 501, 400);
	/* Its end is known, so the connection may be kept. */
	exchange(&c, POST "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n"
		 "0\r\n\r\n", 501);
	client_close(&c);
}
END_TEST

/* A method of HTTP that is not ours is 405, one that is none 400 or 501. */
START_TEST(strange_methods_are_no_mistake_of_ours)
{
	static const char *const strange[] = {
		"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
		"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		struct client c = ledger_connect(&ledger);
		int status;

		say(&c, strange[i]);
		status = client_answer(&c, false);
		ck_assert_msg((status >= 400 && status < 500) || status == 501 ||
			      status == 505, "%s: %d", strange[i], status);
		client_close(&c);
	}
}
END_TEST

START_TEST(unusual_requests_are_fine)
{
	static const char *const unusual[] = {
		"GET http://ledger.example:80/health HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /health?x=1&y HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /health HTTP/1.1\r\nHOST:x\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost:\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n"
		"Connection: Upgrade\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nX-High: \xe4\xf6\xfc\r\n\r\n",
	};
	struct client c;

	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
		exchange(&c, unusual[i], 200);
		ck_assert_msg(!strncmp(c.body, "ok", 2), "%s", c.body);
		client_close(&c);
	}
}
END_TEST

/* Leniency that RFC 9112 allows: understood as a whole, or refused as a whole. */
START_TEST(lenient_or_strict_but_nothing_between)
{
	static const char *const either[] = {
		"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n"
		"Connection: close\r\n\r\n",
		"GET  /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(either) / sizeof(either[0]); i++) {
		struct client c = ledger_connect(&ledger);
		int status;

		say(&c, either[i]);
		status = client_answer(&c, false);
		ck_assert_msg(status == 200 || status == 400, "%s: %d", either[i],
			      status);
		ck_assert(c.closes);
		expect_end(&c);
		client_close(&c);
	}
}
END_TEST

/* Who knows no chunks cannot have made them: somebody between us reads it otherwise. */
START_TEST(old_clients_have_no_chunks)
{
	text_is_refused("POST /accounts HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
			"Connection: keep-alive\r\n\r\n0\r\n\r\n"
			"GET /health HTTP/1.0\r\n\r\n", 400, 400);
	text_is_refused("GET /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
			"0\r\n\r\n", 400, 400);
}
END_TEST

START_TEST(blanks_behind_a_coding_are_none)
{
	static const char *const fields[] = {
		"chunked ", " chunked", " chunked ", "  CHUNKED ",
	};
	char request[512];
	struct client c;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(request, sizeof(request),
			 "POST /accounts HTTP/1.1\r\nHost: x\r\n"
			 "Transfer-Encoding:%s\r\n\r\n"
			 "1e\r\n{\"owner\": \"eve\", \"balance\": 1}\r\n0\r\n\r\n"
			 "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", fields[i]);
		exchange(&c, request, 201);
		expect(&c, 200);
		client_close(&c);
	}
	/* A tab is one too, but not to the parser: then it is no request. */
	text_is_refused("POST /accounts HTTP/1.1\r\nHost: x\r\n"
			"Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", 400, 400);
	text_is_refused("POST /accounts HTTP/1.1\r\nHost: x\r\n"
			"Transfer-Encoding: chunked x \r\n\r\n0\r\n\r\n", 501, 400);
}
END_TEST

/* A client with little room, which has much more to say than is heard. */
static struct client connect_with_little_room(void)
{
	struct client c = ledger_connect(&ledger);
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	struct timeval wait = { patience() / HARNESS_S, 0 };
	int small = 2048;

	ck_assert(!getpeername(c.fd, (struct sockaddr *)&a, &len));
	close(c.fd);
	c.fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c.fd, 0);
	ck_assert(!setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	ck_assert(!setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)));
	ck_assert(!setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)));
	ck_assert(!connect(c.fd, (struct sockaddr *)&a, len));
	return c;
}

START_TEST(the_last_answer_arrives_whole)
{
	enum { REST = 200000 };
	static const char last[] =
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	char *text = malloc(sizeof(last) + REST);

	ck_assert_ptr_nonnull(text);
	memcpy(text, last, sizeof(last) - 1);
	memset(text + sizeof(last) - 1, 'x', REST);
	for (int i = 0; i < 3; i++) {
		struct client c = connect_with_little_room();

		must_send(&c, text, sizeof(last) - 1 + REST);
		harness_nap(200 * HARNESS_MS);
		expect(&c, 200);
		ck_assert(c.closes);
		ck_assert_uint_gt(c.body_len, 10000);
		expect_end(&c);
		client_close(&c);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_http");
	TCase *t = harness_case(s, "http");

	harness_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_connection_is_kept);
	tcase_add_test(t, a_connection_is_closed_on_request);
	tcase_add_test(t, old_clients_may_keep_a_connection);
	tcase_add_test(t, head_is_get_without_the_body);
	tcase_add_test(t, a_refused_head_has_no_body);
	tcase_add_test(t, a_hundred_at_once_are_answered_in_order);
	tcase_add_test(t, pipelined_requests_happen_in_order);
	tcase_add_test(t, nothing_is_answered_behind_a_close);
	tcase_add_test(t, nothing_is_answered_behind_an_error);
	tcase_add_test(t, chunked_bodies_are_understood);
	tcase_add_test(t, one_who_waits_is_told_to_continue);
	tcase_add_test(t, other_expectations_fail);
	tcase_add_test(t, trailers_say_nothing);
	tcase_add_test(t, a_missing_body_is_bad_json);
	tcase_add_test(t, a_body_nobody_wants_is_passed_over);
	tcase_add_test(t, a_nul_byte_ends_nothing);
	tcase_add_test(t, a_request_may_be_cut_anywhere);
	tcase_add_test(t, a_chunked_request_may_be_cut_anywhere);
	tcase_add_test(t, a_bad_request_may_be_cut_anywhere);
	tcase_add_test(t, a_request_may_come_byte_by_byte);
	tcase_add_test(t, long_headers_are_too_large);
	tcase_add_test(t, a_long_uri_is_too_long);
	tcase_add_test(t, a_large_body_is_too_large);
	tcase_add_test(t, a_chunked_body_grows_too_large);
	tcase_add_test(t, chunks_carry_no_endless_rest);
	tcase_add_test(t, an_error_arrives_while_the_client_sends);
	tcase_add_test(t, garbage_is_refused);
	tcase_add_test(t, doubtful_lengths_are_refused);
	tcase_add_test(t, lines_are_lines);
	tcase_add_test(t, a_few_empty_lines_are_passed_over);
	tcase_add_test(t, a_host_is_one);
	tcase_add_test(t, a_target_is_one);
	tcase_add_test(t, a_target_may_be_encoded);
	tcase_add_test(t, a_page_of_another_site_moves_nothing);
	tcase_add_test(t, other_encodings_are_not_implemented);
	tcase_add_test(t, strange_methods_are_no_mistake_of_ours);
	tcase_add_test(t, unusual_requests_are_fine);
	tcase_add_test(t, lenient_or_strict_but_nothing_between);
	tcase_add_test(t, old_clients_have_no_chunks);
	tcase_add_test(t, blanks_behind_a_coding_are_none);
	tcase_add_test(t, the_last_answer_arrives_whole);
	return harness_run(s);
}
