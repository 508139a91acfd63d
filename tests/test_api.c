/*
 * test_api.c - the ledger's requests and answers, without HTTP
 */
#include <http_parser.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/io.h>

#include "../src/programs/ledger/api.h"
#include "../src/programs/ledger/status.h"
#include "fixtures.h"

static struct api api = {
	.deadline_ns = 600 * HARNESS_S, .report_ns = 600 * HARNESS_S,
};

/* --- a request and its answer ---------------------------------------------- */

struct answer {
	unsigned int status, route;
	const char *headers, *type;
	char text[2000];		/* as much of the body as fits, and a NUL */
	size_t len;
	json_t *json;			/* NULL if it is none */
};

/* Is what is asked for a page of another site? */
static bool foreign;

/* Each test asks a few hundred times at most, and keeps the last. */
static struct answer got;

static struct http_request request_of(unsigned int method, const char *target,
				      const char *body, char *path, size_t size)
{
	struct http_request q = {
		.method = method, .method_name = http_method_str(method),
		.path = path, .query = "", .body = body, .body_len = strlen(body),
		.at = eider_now(),
	};
	char *mark;

	snprintf(path, size, "%s", target);
	mark = strchr(path, '?');
	if (mark) {
		*mark = 0;
		q.query = mark + 1;
	}
	return q;
}

static void keep(const struct http_response *r)
{
	json_decref(got.json);
	got = (struct answer){
		.status = r->status ? r->status : 200, .route = r->route,
		.headers = r->headers ? r->headers : "", .type = r->type,
		.len = r->body_len,
	};
	snprintf(got.text, sizeof(got.text), "%.*s", (int)r->body_len,
		 r->body ? r->body : "");
	if (!r->type) {
		got.json = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES,
				      NULL);
		ck_assert_msg(json_is_object(got.json), "no JSON: %s", got.text);
	}
	free(r->owned);
}

static unsigned int ask_bytes(unsigned int method, const char *target, const char *body,
			      size_t body_len)
{
	struct http_response r = { .status = 0, .route = ROUTE_COUNT };
	char path[300];
	struct http_request q = request_of(method, target, body, path, sizeof(path));

	q.body_len = body_len;
	q.foreign = foreign;
	api_handle(&api, &q, &r);
	keep(&r);
	ck_assert_uint_lt(got.route, ROUTE_COUNT);
	return got.status;
}

static unsigned int get(const char *target)
{
	return ask_bytes(HTTP_GET, target, "", 0);
}

static unsigned int post(const char *target, const char *body)
{
	return ask_bytes(HTTP_POST, target, body, strlen(body));
}

static const char *error_word(void)
{
	const char *word = json_string_value(json_object_get(got.json, "error"));
	const char *message = json_string_value(json_object_get(got.json, "message"));

	ck_assert_msg(word && message && *message, "no error: %s", got.text);
	ck_assert_uint_eq(json_object_size(got.json), 2);
	return word;
}

/* The last answer was this error, and its message has these words. */
static void check_error(unsigned int status, const char *word, const char *words)
{
	ck_assert_msg(got.status == status && !strcmp(error_word(), word) &&
		      strstr(got.text, words), "%u %s, not %u %s %s", got.status,
		      got.text, status, word, words);
}

static void check_body(unsigned int status, const char *body)
{
	ck_assert_msg(got.status == status && !strcmp(got.text, body),
		      "%u %s, not %u %s", got.status, got.text, status, body);
}

/* --- a test is a fiber with an empty store --------------------------------- */

static void with_api(eider_fn *body)
{
	/* As small as stacks may be: what runs here has to do with little. */
	struct world w = open_world(HARNESS_OPTIONS(
		.stack_bytes = harness_slow() > 1 ? 0 : 16384));
	char url[300], why[200];
	int err;

	snprintf(url, sizeof(url), "sqlite:%s?synchronous=off",
		 harness_temp_file("api.db"));
	err = store_open(w.executor, url, NULL, &api.store, why, sizeof(why));
	ck_assert_msg(!err, "%s", why);
	api.executor = w.executor;
	ck_assert_int_ge(eider_block_on(w.loop, body, NULL), 0);
	json_decref(got.json);
	got.json = NULL;
	store_close(api.store);
	close_world(&w);
}

#define API_TEST(name)                                                                 \
	static long name##_body(void *arg);                                            \
	START_TEST(name)                                                               \
	{                                                                              \
		with_api(name##_body);                                                 \
	}                                                                              \
	END_TEST                                                                       \
	static long name##_body(__attribute__((unused)) void *arg)

static void open_two(void)
{
	ck_assert_uint_eq(post("/accounts", "{\"owner\":\"A\",\"balance\":100}"), 201);
	ck_assert_uint_eq(post("/accounts", "{\"owner\":\"B\",\"balance\":5}"), 201);
}

/* --- what goes well -------------------------------------------------------- */

API_TEST(accounts)
{
	post("/accounts", " { \"balance\" : 0,\n"
	     "\"owner\" : \"Z\\u00eb \\\"q\\\" \\\\ \\n\" } ");
	check_body(201, "{\"id\":1,\"owner\":\"Z\xc3\xab \\\"q\\\" \\\\ \\u000a\","
		   "\"balance\":0}");
	ck_assert_uint_eq(got.route, ROUTE_OPEN_ACCOUNT);
	get("/accounts/1");
	check_body(200, "{\"id\":1,\"owner\":\"Z\xc3\xab \\\"q\\\" \\\\ \\u000a\","
		   "\"balance\":0}");
	ck_assert_uint_eq(got.route, ROUTE_GET_ACCOUNT);
	ck_assert_uint_eq(ask_bytes(HTTP_HEAD, "/accounts/1", "", 0), 200);
	ck_assert_uint_eq(got.route, ROUTE_GET_ACCOUNT);
	post("/accounts", "{\"owner\":\"x\",\"balance\":1000000000000000}");
	check_body(201, "{\"id\":2,\"owner\":\"x\",\"balance\":1000000000000000}");
	return 0;
}

API_TEST(transfers)
{
	open_two();
	ck_assert_uint_eq(post("/transfers", "{\"from\":1,\"to\":2,\"amount\":30,"
			       "\"key\":\"\xe2\x82\xac\"}"), 201);
	ck_assert_uint_eq(got.route, ROUTE_TRANSFER);
	ck_assert_ptr_eq(strstr(got.text, "{\"id\":1,\"from\":1,\"to\":2,\"amount\":30,"
				"\"key\":\"\xe2\x82\xac\",\"created\":"), got.text);
	ck_assert_uint_eq(json_object_size(got.json), 6);
	ck_assert_uint_eq(post("/transfers", "{\"key\":\"\\u20ac\",\"amount\":30,"
			       "\"to\":2,\"from\":1}"), 200);
	ck_assert_ptr_eq(strstr(got.text, "{\"id\":1,"), got.text);
	get("/accounts/2");
	check_body(200, "{\"id\":2,\"owner\":\"B\",\"balance\":35}");
	return 0;
}

API_TEST(refused_transfers)
{
	open_two();
	post("/transfers", "{\"from\":1,\"to\":3,\"amount\":1,\"key\":\"k\"}");
	check_error(404, "no_such_account", "account 3");
	post("/transfers", "{\"from\":4,\"to\":1,\"amount\":1,\"key\":\"k\"}");
	check_error(404, "no_such_account", "account 4");
	post("/transfers", "{\"from\":2,\"to\":1,\"amount\":6,\"key\":\"k\"}");
	check_error(409, "insufficient_funds", "");
	ck_assert_uint_eq(post("/transfers", "{\"from\":2,\"to\":1,\"amount\":5,"
			       "\"key\":\"k\"}"), 201);
	post("/transfers", "{\"from\":2,\"to\":1,\"amount\":4,\"key\":\"k\"}");
	check_error(409, "key_reused", "");
	post("/accounts", "{\"owner\":\"full\",\"balance\":1000000000000000}");
	post("/transfers", "{\"from\":1,\"to\":3,\"amount\":1,\"key\":\"l\"}");
	check_error(409, "account_full", "");
	ck_assert_uint_eq(got.route, ROUTE_TRANSFER);
	return 0;
}

static size_t listed(const char *target, int64_t first_id)
{
	const json_t *list;

	ck_assert_uint_eq(get(target), 200);
	ck_assert_uint_eq(got.route, ROUTE_LIST_TRANSFERS);
	list = json_object_get(got.json, "transfers");
	ck_assert(json_is_array(list));
	if (first_id)
		ck_assert_int_eq(json_integer_value(json_object_get(
			json_array_get(list, 0), "id")), first_id);
	return json_array_size(list);
}

API_TEST(lists)
{
	open_two();
	ck_assert_uint_eq(listed("/transfers?account=1", 0), 0);
	check_body(200, "{\"transfers\":[]}");
	for (int i = 0; i < 60; i++) {
		char body[100];

		snprintf(body, sizeof(body),
			 "{\"from\":1,\"to\":2,\"amount\":1,\"key\":\"%d\"}", i);
		ck_assert_uint_eq(post("/transfers", body), 201);
	}
	ck_assert_uint_eq(listed("/transfers?account=2", 60), 50);
	ck_assert_uint_eq(listed("/transfers?limit=500&account=2", 60), 60);
	ck_assert_uint_eq(listed("/transfers?account=2&before=11&limit=7", 10), 7);
	ck_assert_uint_eq(listed("/transfers?account=2&before=1", 0), 0);
	get("/transfers?account=3");
	check_error(404, "no_such_account", "account 3");
	return 0;
}

API_TEST(reports)
{
	get("/report");
	check_body(200, "{\"accounts\":0,\"transfers\":0,\"total\":0,\"opened_with\":0,"
		   "\"volume\":0,\"wrong\":0,\"richest\":null}");
	open_two();
	post("/transfers", "{\"from\":1,\"to\":2,\"amount\":30,\"key\":\"k\"}");
	get("/report");
	check_body(200, "{\"accounts\":2,\"transfers\":1,\"total\":105,"
		   "\"opened_with\":105,\"volume\":30,\"wrong\":0,"
		   "\"richest\":{\"id\":1,\"owner\":\"A\",\"balance\":70}}");
	ck_assert_uint_eq(got.route, ROUTE_REPORT);
	return 0;
}

API_TEST(the_server_itself)
{
	ck_assert_uint_eq(get("/health"), 200);
	ck_assert_str_eq(got.text, "ok\n");
	ck_assert_str_eq(got.type, "text/plain");
	ck_assert_uint_eq(get("/metrics?any=thing"), 200);
	ck_assert_ptr_eq(strstr(got.type, "text/plain"), got.type);
	ck_assert_uint_gt(got.len, 0);
	ck_assert_uint_eq(get("/status"), 200);
	ck_assert_str_eq(json_string_value(json_object_get(got.json, "engine")),
			 "sqlite");
	ck_assert_uint_eq(got.route, ROUTE_STATUS);
	ck_assert_uint_eq(get("/"), 200);
	ck_assert_ptr_eq(strstr(got.type, "text/html"), got.type);
	ck_assert_uint_eq(got.route, ROUTE_PAGE);
	return 0;
}

/* --- what is refused ------------------------------------------------------- */

static const struct {
	const char *path, *body, *word, *words;
} bad_bodies[] = {
	{ "/accounts", "", "bad_json", "line 1" },
	{ "/accounts", "{", "bad_json", "line 1, column 1" },
	{ "/accounts", "{\"owner\":\"x\",\n\"balance\":}", "bad_json", "line 2" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1}x", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1,}", "bad_json", "" },
	{ "/accounts", "{'owner':\"x\",\"balance\":1}", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"\xff\",\"balance\":1}", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"\xc3\",\"balance\":1}", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"\\ud800\",\"balance\":1}", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":01}", "bad_json", "" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":+1}", "bad_json", "" },
	{ "/accounts", "[]", "bad_request", "object" },
	{ "/accounts", "1", "bad_request", "object" },
	{ "/accounts", "null", "bad_request", "object" },
	{ "/accounts", "{}", "bad_request", "owner is missing" },
	{ "/accounts", "{\"owner\":\"x\"}", "bad_request", "balance is missing" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1,\"id\":3}", "bad_request",
	  "unknown field: id" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1,\"\\u00eb\\\"\\n\":3}",
	  "bad_request", "unknown field: ????" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1,\"owner\":\"y\"}", "bad_request",
	  "owner is there twice" },
	{ "/accounts", "{\"owner\":1,\"balance\":1}", "bad_request", "owner" },
	{ "/accounts", "{\"owner\":null,\"balance\":1}", "bad_request", "owner" },
	{ "/accounts", "{\"owner\":\"\",\"balance\":1}", "bad_request", "1 to 64" },
	{ "/accounts", "{\"owner\":\"a\\u0000b\",\"balance\":1}", "bad_request", "" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":\"1\"}", "bad_request",
	  "balance has to be a whole number" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1.0}", "bad_request", "whole" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1e3}", "bad_request", "whole" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":true}", "bad_request", "whole" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":[1]}", "bad_request", "whole" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":-1}", "bad_request", "from 0" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1000000000000001}", "bad_request",
	  "balance has to be from 0 to 1000000000000000" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":9223372036854775808}",
	  "bad_request", "" },
	{ "/accounts", "{\"owner\":\"x\",\"balance\":1e999}", "bad_request", "" },
	{ "/accounts?x=1", "{\"owner\":\"x\",\"balance\":1}", "bad_request",
	  "unknown parameter: x" },
	{ "/transfers", "{\"from\":1,\"to\":1,\"amount\":1,\"key\":\"k\"}",
	  "bad_request", "same account" },
	{ "/transfers", "{\"from\":0,\"to\":1,\"amount\":1,\"key\":\"k\"}",
	  "bad_request", "from has" },
	{ "/transfers", "{\"from\":1,\"to\":-2,\"amount\":1,\"key\":\"k\"}",
	  "bad_request", "to has" },
	{ "/transfers", "{\"from\":1,\"to\":2,\"amount\":0,\"key\":\"k\"}",
	  "bad_request", "amount has to be from 1" },
	{ "/transfers", "{\"from\":1,\"to\":2,\"amount\":1,\"key\":7}",
	  "bad_request", "key has to be a string" },
	{ "/transfers", "{\"from\":1,\"to\":2,\"amount\":1}",
	  "bad_request", "key is missing" },
	{ "/transfers?account=1", "{\"from\":1,\"to\":2,\"amount\":1,\"key\":\"k\"}",
	  "bad_request", "unknown parameter: account" },
};

API_TEST(bad_bodies_are_refused)
{
	for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(bad_bodies[0]); i++) {
		post(bad_bodies[i].path, bad_bodies[i].body);
		check_error(400, bad_bodies[i].word, bad_bodies[i].words);
	}
	get("/report");
	check_body(200, "{\"accounts\":0,\"transfers\":0,\"total\":0,\"opened_with\":0,"
		   "\"volume\":0,\"wrong\":0,\"richest\":null}");
	return 0;
}

API_TEST(text_has_a_length)
{
	char owner[70], body[200];

	for (int len = 63; len <= 66; len++) {
		memset(owner, 'x', sizeof(owner));
		/* The last letter has two bytes. */
		snprintf(owner + len - 2, 3, "\xc3\xab");
		snprintf(body, sizeof(body), "{\"owner\":\"%s\",\"balance\":1}", owner);
		ck_assert_uint_eq(post("/accounts", body), len <= 64 ? 201 : 400);
	}
	/* A NUL in the bytes themselves. */
	ask_bytes(HTTP_POST, "/accounts", "{\"owner\":\"a\0b\",\"balance\":1}", 27);
	check_error(400, "bad_json", "");
	return 0;
}

/* What calls itself for each bracket may not be given many. */
API_TEST(nesting_is_refused)
{
	enum { DEEP = 60000 };
	char *body = malloc(DEEP + 1);

	ck_assert_ptr_nonnull(body);
	memset(body, '[', DEEP);
	body[DEEP] = 0;
	post("/accounts", body);
	check_error(400, "bad_json", "nested");
	for (int i = 0; i < DEEP; i += 5)
		memcpy(body + i, "{\"a\":", 5);
	post("/transfers", body);
	check_error(400, "bad_json", "nested");
	memset(body, '[', DEEP);
	memcpy(body, "{\"owner\":\"", 10);
	post("/accounts", body);
	check_error(400, "bad_json", "");
	free(body);
	return 0;
}

static const struct {
	const char *target, *words;
} bad_targets[] = {
	{ "/transfers", "account is missing" },
	{ "/transfers?", "account is missing" },
	{ "/transfers?limit=3", "account is missing" },
	{ "/transfers?account", "account has to be" },
	{ "/transfers?account=", "account has to be" },
	{ "/transfers?account=x", "account has to be" },
	{ "/transfers?account=-1", "account has to be" },
	{ "/transfers?account=%31", "account has to be" },
	{ "/transfers?account=1+", "account has to be" },
	{ "/transfers?account=9223372036854775808", "account has to be" },
	{ "/transfers?account=99999999999999999999999", "account has to be" },
	{ "/transfers?account=1&account=2", "account is there twice" },
	{ "/transfers?account=1&limit=0", "limit has to be from 1 to 500" },
	{ "/transfers?account=1&limit=501", "limit has to be from 1 to 500" },
	{ "/transfers?account=1&after=3", "unknown parameter: after" },
	{ "/transfers?account=1&", "unknown parameter" },
	{ "/transfers?&account=1", "unknown parameter" },
	{ "/transfers?account=1;limit=3", "account has to be" },
	{ "/transfers?Account=1", "unknown parameter: Account" },
	{ "/accounts/x", "whole number" },
	{ "/accounts/-1", "whole number" },
	{ "/accounts/1.0", "whole number" },
	{ "/accounts/9223372036854775808", "whole number" },
	{ "/accounts/1?x", "unknown parameter: x" },
	{ "/report?fast=1", "unknown parameter: fast" },
};

API_TEST(bad_targets_are_refused)
{
	for (size_t i = 0; i < sizeof(bad_targets) / sizeof(bad_targets[0]); i++) {
		get(bad_targets[i].target);
		check_error(400, "bad_request", bad_targets[i].words);
	}
	get("/accounts/9223372036854775807");
	check_error(404, "no_such_account", "9223372036854775807");
	get("/accounts/0");
	check_error(404, "no_such_account", "account 0");
	return 0;
}

API_TEST(unknown_paths)
{
	static const char *const paths[] = {
		"/x", "/accounts/", "/accounts/1/", "/accounts/1/x", "/account", "//",
		"/health/", "/report/1", "", "*", "/Accounts", "/transfers/1",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(paths[i]);
		check_error(404, "not_found", "");
		ck_assert_uint_eq(got.route, ROUTE_OTHER);
	}
	return 0;
}

/* A page of another site may look, as far as a browser lets it, but change nothing. */
API_TEST(foreign_pages_change_nothing)
{
	open_two();
	foreign = true;
	post("/accounts", "{\"owner\":\"C\",\"balance\":1}");
	check_error(403, "cross_site", "");
	ck_assert_uint_eq(got.route, ROUTE_OPEN_ACCOUNT);
	post("/transfers", "{\"from\":1,\"to\":2,\"amount\":1,\"key\":\"k\"}");
	check_error(403, "cross_site", "");
	post("/transfers", "");
	check_error(403, "cross_site", "");
	post("/nothing", "");
	check_error(404, "not_found", "");
	post("/report", "");
	check_error(405, "method_not_allowed", "");
	ck_assert_uint_eq(get("/accounts/1"), 200);
	ck_assert_uint_eq(ask_bytes(HTTP_HEAD, "/accounts/2", "", 0), 200);
	foreign = false;
	ck_assert_uint_eq(get("/accounts/3"), 404);
	ck_assert_uint_eq(listed("/transfers?account=1", 0), 0);
	return 0;
}

API_TEST(other_methods)
{
	static const struct {
		unsigned int method;
		const char *path, *allow;
	} others[] = {
		{ HTTP_GET, "/accounts", "Allow: POST\r\n" },
		{ HTTP_HEAD, "/accounts", "Allow: POST\r\n" },
		{ HTTP_POST, "/accounts/1", "Allow: GET, HEAD\r\n" },
		{ HTTP_DELETE, "/accounts/1", "Allow: GET, HEAD\r\n" },
		{ HTTP_PUT, "/transfers", "Allow: GET, HEAD, POST\r\n" },
		{ HTTP_POST, "/", "Allow: GET, HEAD\r\n" },
		{ HTTP_OPTIONS, "/health", "Allow: GET, HEAD\r\n" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ask_bytes(others[i].method, others[i].path, "", 0);
		check_error(405, "method_not_allowed", "");
		ck_assert_str_eq(got.headers, others[i].allow);
		ck_assert_uint_eq(got.route, ROUTE_OTHER);
	}
	return 0;
}

/* --- when the database cannot ---------------------------------------------- */

API_TEST(without_time_it_is_busy)
{
	open_two();
	api.deadline_ns = api.report_ns = -1;
	post("/transfers", "{\"from\":1,\"to\":2,\"amount\":1,\"key\":\"k\"}");
	check_error(503, "busy", "same key");
	ck_assert_str_eq(got.headers, "Retry-After: 1\r\n");
	post("/accounts", "{\"owner\":\"x\",\"balance\":1}");
	check_error(503, "busy", "out of time");
	get("/accounts/1");
	check_error(503, "busy", "out of time");
	get("/transfers?account=1");
	check_error(503, "busy", "out of time");
	get("/report");
	check_error(503, "busy", "out of time");
	ck_assert_uint_eq(get("/health"), 200);
	api.deadline_ns = api.report_ns = 600 * HARNESS_S;
	return 0;
}

static long shut_down_pool(void *db)
{
	return eider_txn_pool_shutdown(eider_db_pool(db), false, eider_after(0));
}

API_TEST(without_a_database_it_is_unavailable)
{
	open_two();
	for (int i = 0; i < STORE_REPORTS; i++)
		shut_down_pool(store_db(api.store, (enum store_use)i));
	post("/transfers", "{\"from\":1,\"to\":2,\"amount\":1,\"key\":\"k\"}");
	check_error(503, "unavailable", "same key");
	ck_assert_str_eq(got.headers, "Retry-After: 1\r\n");
	get("/accounts/1");
	check_error(503, "unavailable", "");
	ck_assert_uint_eq(get("/health"), 200);
	return 0;
}

START_TEST(errors_have_a_shape)
{
	struct http_response r = { .status = 0 };

	api_error(&r, 431, "headers_too_large", "too large");
	keep(&r);
	check_body(431, "{\"error\":\"headers_too_large\",\"message\":\"too large\"}");
	json_decref(got.json);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("api");
	TCase *t = harness_case(s, "answers");

	tcase_add_test(t, accounts);
	tcase_add_test(t, transfers);
	tcase_add_test(t, refused_transfers);
	tcase_add_test(t, lists);
	tcase_add_test(t, reports);
	tcase_add_test(t, the_server_itself);

	t = harness_case(s, "refused");
	tcase_add_test(t, bad_bodies_are_refused);
	tcase_add_test(t, text_has_a_length);
	tcase_add_test(t, nesting_is_refused);
	tcase_add_test(t, bad_targets_are_refused);
	tcase_add_test(t, unknown_paths);
	tcase_add_test(t, foreign_pages_change_nothing);
	tcase_add_test(t, other_methods);

	t = harness_case(s, "errors");
	tcase_add_test(t, without_time_it_is_busy);
	tcase_add_test(t, without_a_database_it_is_unavailable);
	tcase_add_test(t, errors_have_a_shape);
	return harness_run(s);
}
