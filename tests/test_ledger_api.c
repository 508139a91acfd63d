/*
 * test_ledger_api.c - the ledger's requests and answers, as api.h says
 *
 * Against the program, on an SQLite database: every route, and every error that a
 * client can bring about by what it asks for.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "with_ledger.h"

#define AMOUNT_MAX INT64_C(1000000000000000)

static struct ledger ledger;
static struct client c;

static void set_up(void)
{
	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", "--loops 1");
	c = ledger_connect(&ledger);
}

static void tear_down(void)
{
	client_close(&c);
	ledger_stop(&ledger);
}

/* An answer to a request, with its status; it is JSON, the connection stays. */
static void expect(int status, const char *method, const char *path, const char *body)
{
	char type[64] = "";
	int got = client_ask(&c, method, path, body);

	ck_assert_msg(got == status, "%s %s %s: %d instead of %d: %s", method, path,
		      body ? body : "", got, status, got > 0 ? c.body : "");
	ck_assert(client_header(&c, "Content-Type", type, sizeof(type)));
	ck_assert_msg(!strncmp(type, "application/json", 16), "%s is %s", path, type);
	ck_assert_msg(!c.closes, "%s %s closes", method, path);
}

static void expect_error(int status, const char *word, const char *method,
			 const char *path, const char *body)
{
	expect(status, method, path, body);
	ck_assert_msg(client_is_error(&c, word), "%s %s %s: %s, not %s", method, path,
		      body ? body : "", c.body, word);
}

static int64_t open_account(const char *owner, int64_t balance)
{
	int64_t id = -1;

	ck_assert_int_eq(client_open_account(&c, owner, balance, &id), 201);
	ck_assert_int_gt(id, 0);
	return id;
}

static int64_t transfer(int64_t from, int64_t to, int64_t amount, const char *key)
{
	int64_t id = -1;
	int status = client_transfer(&c, from, to, amount, key, &id);

	ck_assert_msg(status == 201, "transfer %s: %d %s", key, status, c.body);
	ck_assert_int_gt(id, 0);
	return id;
}

static void check_account(int64_t id, const char *owner, int64_t balance)
{
	char text[128];

	ck_assert_int_eq(client_number(&c, "id"), id);
	ck_assert_str_eq(client_text(&c, "owner", text), owner);
	ck_assert_int_eq(client_number(&c, "balance"), balance);
}

/* ---- accounts ---- */

START_TEST(an_account_is_opened_and_read)
{
	int64_t id = open_account("ann", 1234);
	char path[64];

	check_account(id, "ann", 1234);
	snprintf(path, sizeof(path), "/accounts/%lld", (long long)id);
	expect(200, "GET", path, NULL);
	check_account(id, "ann", 1234);
	ck_assert_int_ne(open_account("ann", 0), id);
}
END_TEST

START_TEST(an_owner_is_any_text)
{
	char path[64], text[128];

	expect(201, "POST", "/accounts",
	       "{\"owner\": \"\\\"\\\\\\u00e4\\n<b>'; DROP TABLE\", \"balance\": 0}");
	snprintf(path, sizeof(path), "/accounts/%lld",
		 (long long)client_number(&c, "id"));
	expect(200, "GET", path, NULL);
	ck_assert_str_eq(client_text(&c, "owner", text),
			 "\"\\\303\244\n<b>'; DROP TABLE");
	expect(201, "POST", "/accounts",
	       "{\"balance\":1000000000000000,\"owner\":\"1234567890123456789012345678"
	       "901234567890123456789012345678901234\"}");
	ck_assert_int_eq(client_number(&c, "balance"), AMOUNT_MAX);
}
END_TEST

START_TEST(unknown_accounts_are_not_found)
{
	open_account("ann", 1);
	expect_error(404, "no_such_account", "GET", "/accounts/999999", NULL);
	expect_error(404, "no_such_account", "GET", "/transfers?account=999999", NULL);
}
END_TEST

/* ---- transfers ---- */

static void check_transfer(int64_t from, int64_t to, int64_t amount, const char *key)
{
	char text[128];

	ck_assert_int_eq(client_number(&c, "from"), from);
	ck_assert_int_eq(client_number(&c, "to"), to);
	ck_assert_int_eq(client_number(&c, "amount"), amount);
	ck_assert_str_eq(client_text(&c, "key", text), key);
	ck_assert_int_gt(client_number(&c, "created"), INT64_C(1577836800000));
}

START_TEST(a_transfer_moves_money)
{
	int64_t ann = open_account("ann", 100), bob = open_account("bob", 5);

	transfer(ann, bob, 30, "k1");
	check_transfer(ann, bob, 30, "k1");
	ck_assert_int_eq(client_balance(&c, ann), 70);
	ck_assert_int_eq(client_balance(&c, bob), 35);
	transfer(ann, bob, 70, "k2");
	ck_assert_int_eq(client_balance(&c, ann), 0);
	ledger_check_report(&ledger, 105, 2);
}
END_TEST

START_TEST(a_key_moves_money_once)
{
	int64_t ann = open_account("ann", 100), bob = open_account("bob", 0);
	int64_t id = transfer(ann, bob, 30, "k1"), created, again = -1;

	created = client_number(&c, "created");
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(client_transfer(&c, ann, bob, 30, "k1", &again), 200);
		check_transfer(ann, bob, 30, "k1");
		ck_assert_int_eq(again, id);
		ck_assert_int_eq(client_number(&c, "created"), created);
	}
	ck_assert_int_eq(client_balance(&c, ann), 70);
	ledger_check_report(&ledger, 100, 1);
}
END_TEST

START_TEST(a_key_belongs_to_one_transfer)
{
	int64_t ann = open_account("ann", 100), bob = open_account("bob", 100);

	transfer(ann, bob, 30, "k1");
	ck_assert_int_eq(client_transfer(&c, ann, bob, 31, "k1", NULL), 409);
	ck_assert(client_is_error(&c, "key_reused"));
	ck_assert_int_eq(client_transfer(&c, bob, ann, 30, "k1", NULL), 409);
	ck_assert(client_is_error(&c, "key_reused"));
	ledger_check_report(&ledger, 200, 1);
}
END_TEST

START_TEST(what_failed_leaves_no_trace)
{
	int64_t ann = open_account("ann", 100), bob = open_account("bob", 0);

	ck_assert_int_eq(client_transfer(&c, ann, bob, 101, "k1", NULL), 409);
	ck_assert(client_is_error(&c, "insufficient_funds"));
	ck_assert_int_eq(client_transfer(&c, ann, 99999, 1, "k1", NULL), 404);
	ck_assert(client_is_error(&c, "no_such_account"));
	ck_assert_int_eq(client_transfer(&c, 99999, ann, 1, "k1", NULL), 404);
	ck_assert(client_is_error(&c, "no_such_account"));
	ledger_check_report(&ledger, 100, 0);
	transfer(ann, bob, 100, "k1");
	ledger_check_report(&ledger, 100, 1);
}
END_TEST

/* ---- bad requests ---- */

START_TEST(bad_bodies_are_refused)
{
	static const struct {
		const char *path, *word, *body;
	} bad[] = {
		{ "/accounts", "bad_json", "" },
		{ "/accounts", "bad_json", "{" },
		{ "/accounts", "bad_json", "hello" },
		{ "/accounts", "bad_json", "{\"owner\": \"a\", \"balance\": 1} x" },
		{ "/accounts", "bad_json", "{\"owner\": \"\xff\", \"balance\": 1}" },
		{ "/accounts", "bad_request", "[]" },
		{ "/accounts", "bad_request", "{}" },
		{ "/accounts", "bad_request", "{\"owner\": \"a\"}" },
		{ "/accounts", "bad_request", "{\"balance\": 1}" },
		{ "/accounts", "bad_request", "{\"owner\": 1, \"balance\": 1}" },
		{ "/accounts", "bad_request",
		  "{\"owner\": \"a\", \"balance\": \"1\"}" },
		{ "/accounts", "bad_request", "{\"owner\": \"a\", \"balance\": 1.5}" },
		{ "/accounts", "bad_request", "{\"owner\": \"a\", \"balance\": null}" },
		{ "/accounts", "bad_request", "{\"owner\": \"\", \"balance\": 1}" },
		{ "/accounts", "bad_request", "{\"owner\": \"a\", \"balance\": -1}" },
		{ "/accounts", "bad_request",
		  "{\"owner\": \"a\", \"balance\": 1000000000000001}" },
		{ "/accounts", "bad_request",
		  "{\"owner\": \"a\", \"balance\": 1, \"more\": 1}" },
		{ "/accounts", "bad_request",
		  "{\"owner\": \"12345678901234567890123456789012345678901234567890123"
		  "456789012345\", \"balance\": 1}" },
		{ "/transfers", "bad_json", "nothing" },
		{ "/transfers", "bad_request", "{}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 1}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 0, \"key\": \"k\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": -5, \"key\": \"k\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 1000000000000001, "
		  "\"key\": \"k\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 1, \"amount\": 1, \"key\": \"k\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": \"1\", \"to\": 2, \"amount\": 1, \"key\": \"k\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 1, \"key\": \"\"}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 1, \"key\": 5}" },
		{ "/transfers", "bad_request",
		  "{\"from\": 1, \"to\": 2, \"amount\": 1e3, \"key\": \"k\"}" },
	};

	open_account("ann", 100);
	open_account("bob", 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_error(400, bad[i].word, "POST", bad[i].path, bad[i].body);
	ledger_check_report(&ledger, 200, 0);
}
END_TEST

/* Which of the two words is said of these is a matter of taste. */
START_TEST(odd_json_is_refused)
{
	static const char *const bad[] = {
		"{\"owner\": \"a\", \"balance\": 99999999999999999999999999}",
		"{\"owner\": \"a\", \"balance\": 1, \"balance\": 1}",
		"{\"owner\": \"a\", \"owner\": \"b\", \"balance\": 1}",
		"{\"owner\": \"a\\u0000b\", \"balance\": 1}",
		"{\"owner\": \"\\ud800\", \"balance\": 1}",
	};
	char nested[4096] = "";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(400, "POST", "/accounts", bad[i]);
	memset(nested, '[', sizeof(nested) - 1);
	expect(400, "POST", "/accounts", nested);
	ledger_check_report(&ledger, 0, 0);
}
END_TEST

START_TEST(bad_queries_are_refused)
{
	static const char *const bad[] = {
		"/transfers", "/transfers?", "/transfers?account=",
		"/transfers?account=x", "/transfers?account=1&limit=0",
		"/transfers?account=1&limit=-1", "/transfers?account=1&limit=x",
		"/transfers?account=1&before=x", "/transfers?account=1&nonsense=1",
		"/transfers?account=99999999999999999999999",
	};

	open_account("ann", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_error(400, "bad_request", "GET", bad[i], NULL);
}
END_TEST

START_TEST(other_paths_are_not_found)
{
	static const char *const unknown[] = {
		"/nothing", "/accountsx", "/healthy", "/accounts/1/more", "//",
		"/../etc/passwd", "/HEALTH",
	};

	open_account("ann", 1);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		expect_error(404, "not_found", "GET", unknown[i], NULL);
	expect_error(404, "not_found", "POST", "/nothing", "{}");
}
END_TEST

/* What is no id names no account; which error says so is a matter of taste. */
START_TEST(odd_ids_are_refused)
{
	static const char *const odd[] = {
		"/accounts/", "/accounts/x", "/accounts/1x", "/accounts/-1",
		"/accounts/+1", "/accounts/0", "/accounts/1%32", "/accounts/1.0",
		"/accounts/18446744073709551617", "/accounts/99999999999999999999999",
	};

	open_account("ann", 1);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		int status = client_ask(&c, "GET", odd[i], NULL);

		ck_assert_msg(status == 404 || status == 400, "%s: %d", odd[i], status);
	}
}
END_TEST

START_TEST(other_methods_are_not_allowed)
{
	static const struct {
		const char *method, *path, *allowed;
	} wrong[] = {
		{ "GET", "/accounts", "POST" },
		{ "PUT", "/accounts", "POST" },
		{ "POST", "/accounts/1", "GET" },
		{ "DELETE", "/accounts/1", "GET" },
		{ "PATCH", "/transfers", "GET" },
		{ "PATCH", "/transfers", "POST" },
		{ "POST", "/report", "GET" },
		{ "POST", "/health", "GET" },
		{ "OPTIONS", "/metrics", "GET" },
		{ "DELETE", "/status", "GET" },
		{ "POST", "/", "GET" },
	};

	open_account("ann", 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char allow[64] = "";

		expect_error(405, "method_not_allowed", wrong[i].method, wrong[i].path,
			     NULL);
		client_header(&c, "Allow", allow, sizeof(allow));
		ck_assert_msg(strstr(allow, wrong[i].allowed), "%s %s: Allow: '%s'",
			      wrong[i].method, wrong[i].path, allow);
	}
}
END_TEST

/* ---- lists ---- */

/* The ids of the listed transfers; asserts that each is of @account. */
static size_t list(const char *query, int64_t account, int64_t *ret, size_t max)
{
	char path[128];
	json_t *answer, *transfers;
	size_t n;

	snprintf(path, sizeof(path), "/transfers?account=%lld%s", (long long)account,
		 query);
	expect(200, "GET", path, NULL);
	answer = json_loadb(c.body, c.body_len, 0, NULL);
	transfers = json_object_get(answer, "transfers");
	ck_assert(json_is_array(transfers));
	n = json_array_size(transfers);
	for (size_t i = 0; i < n && i < max; i++) {
		json_t *t = json_array_get(transfers, i);

		ret[i] = json_integer_value(json_object_get(t, "id"));
		ck_assert(json_integer_value(json_object_get(t, "from")) == account ||
			  json_integer_value(json_object_get(t, "to")) == account);
		ck_assert(json_is_string(json_object_get(t, "key")));
		ck_assert(json_is_integer(json_object_get(t, "amount")));
		ck_assert(json_is_integer(json_object_get(t, "created")));
	}
	json_decref(answer);
	return n;
}

START_TEST(a_list_is_newest_first)
{
	int64_t ann = open_account("ann", 1000), bob = open_account("bob", 1000);
	int64_t eve = open_account("eve", 1000), made[60], got[600];
	char query[64], key[32];

	for (int i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		made[i] = transfer(i % 2 ? ann : bob, i % 2 ? bob : ann, 1, key);
	}
	transfer(bob, eve, 1, "other");
	ck_assert_uint_eq(list("", ann, got, 600), 50);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(got[i], made[59 - i]);
	ck_assert_uint_eq(list("&limit=500", ann, got, 600), 60);
	ck_assert_int_eq(got[59], made[0]);
	ck_assert_uint_eq(list("&limit=3", bob, got, 600), 3);
	ck_assert_int_eq(got[1], made[59]);
	snprintf(query, sizeof(query), "&before=%lld&limit=5", (long long)made[10]);
	ck_assert_uint_eq(list(query, ann, got, 600), 5);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(got[i], made[9 - i]);
	snprintf(query, sizeof(query), "&limit=7&before=%lld", (long long)made[2]);
	ck_assert_uint_eq(list(query, ann, got, 600), 2);
	ck_assert_uint_eq(list("", eve, got, 600), 1);
	ck_assert_uint_eq(list("", open_account("zoe", 0), got, 600), 0);
}
END_TEST

/* ---- the rest ---- */

START_TEST(the_report_counts)
{
	int64_t ann, bob;
	json_t *answer, *richest;

	expect(200, "GET", "/report", NULL);
	ck_assert_int_eq(client_number(&c, "accounts"), 0);
	ck_assert_ptr_nonnull(strstr(c.body, "null"));
	ann = open_account("ann", 100);
	bob = open_account("bob", 50);
	transfer(ann, bob, 60, "k1");
	transfer(bob, ann, 7, "k2");
	expect(200, "GET", "/report", NULL);
	ck_assert_int_eq(client_number(&c, "accounts"), 2);
	ck_assert_int_eq(client_number(&c, "volume"), 67);
	ledger_check_report(&ledger, 150, 2);
	answer = json_loadb(c.body, c.body_len, 0, NULL);
	richest = json_object_get(answer, "richest");
	ck_assert_int_eq(json_integer_value(json_object_get(richest, "id")), bob);
	ck_assert_int_eq(json_integer_value(json_object_get(richest, "balance")), 103);
	ck_assert_str_eq(json_string_value(json_object_get(richest, "owner")), "bob");
	json_decref(answer);
}
END_TEST

/* 200 of this type, and the same to HEAD without the body. */
static void expect_type(const char *path, const char *type, const char *says)
{
	char got[128] = "", length[32] = "";

	ck_assert_int_eq(client_ask(&c, "GET", path, NULL), 200);
	ck_assert(client_header(&c, "Content-Type", got, sizeof(got)));
	ck_assert_msg(!strncmp(got, type, strlen(type)), "%s is %s", path, got);
	ck_assert_msg(strstr(c.body, says), "'%s' is not in %s", says, c.body);
	ck_assert_int_eq(client_ask(&c, "HEAD", path, NULL), 200);
	ck_assert(client_header(&c, "Content-Type", got, sizeof(got)));
	ck_assert_msg(!strncmp(got, type, strlen(type)), "HEAD %s is %s", path, got);
	ck_assert(client_header(&c, "Content-Length", length, sizeof(length)));
	ck_assert_int_gt(atoi(length), 0);
}

START_TEST(each_route_has_its_type_and_head)
{
	open_account("ann", 1);
	expect_type("/health", "text/plain", "ok");
	expect_type("/metrics", "text/plain", "# TYPE");
	expect_type("/", "text/html", "<html");
	expect_type("/status", "application/json", "\"requests\"");
	expect_type("/report", "application/json", "\"total\"");
	expect_type("/accounts/1", "application/json", "ann");
	expect_type("/transfers?account=1", "application/json", "\"transfers\"");
	ck_assert_int_eq(client_ask(&c, "HEAD", "/nothing", NULL), 404);
	ck_assert_int_eq(client_ask(&c, "HEAD", "/accounts", NULL), 405);
	expect(200, "GET", "/report", NULL);
}
END_TEST

/* SHA-256 of @text in base64: sha256sum says it in hexadecimal. */
static void hash(const char *text, size_t len, char ret[64])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int bytes[33] = { 0 };
	const char *path = harness_temp_file("hashed");
	char command[300];
	FILE *f = fopen(path, "we");
	size_t n = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
	snprintf(command, sizeof(command), "sha256sum < %s", path);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < 32; i++)
		ck_assert_int_eq(fscanf(f, "%2x", &bytes[i]), 1);
	pclose(f);
	for (size_t i = 0; i < 33; i += 3) {
		unsigned int three = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];

		for (int shift = 18; shift >= 0; shift -= 6)
			ret[n++] = digits[three >> shift & 63];
	}
	strcpy(ret + 43, "=");		/* 32 bytes, and one that was not there */
}

/* Nobody frames the page, guesses its type or gets another script to run in it. */
START_TEST(the_page_is_guarded)
{
	char policy[512], value[64], right[64], wanted[100];
	const char *script, *end;

	ck_assert_int_eq(client_ask(&c, "GET", "/", NULL), 200);
	ck_assert(client_header(&c, "X-Frame-Options", value, sizeof(value)));
	ck_assert_str_eq(value, "DENY");
	ck_assert(client_header(&c, "X-Content-Type-Options", value, sizeof(value)));
	ck_assert_str_eq(value, "nosniff");
	ck_assert(client_header(&c, "Cache-Control", value, sizeof(value)));
	ck_assert_str_eq(value, "no-cache");
	ck_assert(client_header(&c, "Content-Security-Policy", policy,
				sizeof(policy)));
	ck_assert_ptr_nonnull(strstr(policy, "default-src 'none'"));
	ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
	script = strstr(c.body, "<script>");
	ck_assert_ptr_nonnull(script);
	script += strlen("<script>");
	end = strstr(script, "</script>");
	ck_assert_ptr_nonnull(end);
	hash(script, (size_t)(end - script), right);
	snprintf(wanted, sizeof(wanted), "script-src 'sha256-%s';", right);
	ck_assert_msg(strstr(policy, wanted), "the script has changed; page.c has to "
		      "say %s instead of: %s", wanted, policy);
	ck_assert_ptr_null(strstr(end, "<script"));
}
END_TEST

/* The count of a route in the status. */
static int64_t count_of(json_t *status, const char *route, const char *what)
{
	json_t *requests = json_object_get(status, "requests"), *r;
	size_t i;

	json_array_foreach(requests, i, r) {
		const char *name = json_string_value(json_object_get(r, "route"));

		if (name && !strcmp(name, route))
			return json_integer_value(json_object_get(r, what));
	}
	ck_abort_msg("no %s in the status", route);
	return -1;
}

START_TEST(the_status_says_what_it_promises)
{
	static const char *const keys[] = {
		"version", "engine", "database", "uptime_ms", "at_ms", "connections",
		"loops", "pools", "txn_pools", "threads", "databases", "requests",
		"jobs",
	};
	int64_t ann = open_account("ann", 100), bob = open_account("bob", 5);
	json_t *status, *connections;

	transfer(ann, bob, 1, "k1");
	transfer(ann, bob, 1, "k2");
	ck_assert_int_eq(client_transfer(&c, ann, bob, 1000, "k3", NULL), 409);
	expect(200, "GET", "/status", NULL);
	status = json_loadb(c.body, c.body_len, 0, NULL);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert_msg(json_object_get(status, keys[i]), "no %s in %s", keys[i],
			      c.body);
	ck_assert_str_eq(json_string_value(json_object_get(status, "engine")),
			 "sqlite");
	connections = json_object_get(status, "connections");
	ck_assert_int_ge(json_integer_value(json_object_get(connections, "open")), 1);
	ck_assert_int_ge(json_integer_value(json_object_get(connections, "accepted")),
			 1);
	ck_assert_uint_eq(json_array_size(json_object_get(status, "loops")), 1);
	ck_assert_int_eq(count_of(status, "POST /transfers", "count"), 3);
	ck_assert_int_eq(count_of(status, "POST /transfers", "errors"), 1);
	ck_assert_int_eq(count_of(status, "POST /accounts", "count"), 2);
	json_decref(status);
}
END_TEST

/* A number of transfers at once, from threads, through two loops. */
enum { THREADS = 8 };

static struct {
	struct ledger *ledger;
	int64_t accounts[4];
	unsigned int each, done;
} rush;

/* 201, be it that the ledger is busy for a while. */
static void transfer_in_the_end(struct client *mine, unsigned int from,
				unsigned int to, const char *key)
{
	int64_t deadline = eider_after(patience());
	int status;

	for (;;) {
		status = client_transfer(mine, rush.accounts[from], rush.accounts[to],
					 1, key, NULL);
		if (status != 503 || eider_now() > deadline)
			break;
		harness_nap(5 * HARNESS_MS);
	}
	ck_assert_msg(status == 201, "transfer %s: %d", key, status);
}

static void *transfer_often(void *arg)
{
	unsigned int me = *(unsigned int *)arg;
	struct client mine = ledger_connect(rush.ledger);
	char key[32];

	for (unsigned int i = 0; i < rush.each; i++) {
		snprintf(key, sizeof(key), "%u-%u", me, i);
		transfer_in_the_end(&mine, (me + i) % 4, (me + i + 1 + i % 3) % 4, key);
		harness_add(&rush.done, 1);
	}
	client_close(&mine);
	return NULL;
}

START_TEST(many_at_once_lose_nothing)
{
	pthread_t threads[THREADS];
	unsigned int numbers[THREADS];
	struct ledger two = { .pid = 0 };

	ledger_start_file(&two, "two.db", "--loops 2");
	client_close(&c);
	c = ledger_connect(&two);
	for (int i = 0; i < 4; i++)
		rush.accounts[i] = open_account("someone", 10000);
	rush.ledger = &two;
	rush.each = harness_count(100, 10);
	for (unsigned int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert(!pthread_create(&threads[i], NULL, transfer_often,
					  &numbers[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(rush.done, THREADS * rush.each);
	ledger_check_report(&two, 40000, rush.done);
	ledger_stop(&two);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_api");
	TCase *t = harness_case(s, "api");

	harness_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, an_account_is_opened_and_read);
	tcase_add_test(t, an_owner_is_any_text);
	tcase_add_test(t, unknown_accounts_are_not_found);
	tcase_add_test(t, a_transfer_moves_money);
	tcase_add_test(t, a_key_moves_money_once);
	tcase_add_test(t, a_key_belongs_to_one_transfer);
	tcase_add_test(t, what_failed_leaves_no_trace);
	tcase_add_test(t, bad_bodies_are_refused);
	tcase_add_test(t, odd_json_is_refused);
	tcase_add_test(t, bad_queries_are_refused);
	tcase_add_test(t, other_paths_are_not_found);
	tcase_add_test(t, odd_ids_are_refused);
	tcase_add_test(t, other_methods_are_not_allowed);
	tcase_add_test(t, a_list_is_newest_first);
	tcase_add_test(t, the_report_counts);
	tcase_add_test(t, each_route_has_its_type_and_head);
	tcase_add_test(t, the_page_is_guarded);
	tcase_add_test(t, the_status_says_what_it_promises);
	tcase_add_test(t, many_at_once_lose_nothing);
	return harness_run(s);
}
