/*
 * api.c - from requests to the store, and back
 *
 *	path  ->  table of paths  ->  a handler: fields  ->  store  ->  answer
 *
 * A handler runs on the fiber of its connection, whose stack is small: what may be
 * large (lists, the status) is on the heap. It sees a request that is whole, and
 * always answers.
 */
#include <errno.h>
#include <http_parser.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"
#include "page.h"
#include "status.h"

enum { LIST_DEFAULT = 50 };

#define FIELD_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

/* --- accounts -------------------------------------------------------------- */

static void refuse_account(struct http_response *response, int64_t id)
{
	char message[64];

	snprintf(message, sizeof(message), "there is no account %" PRId64, id);
	api_error(response, 404, "no_such_account", message);
}

static void answer_account(const struct account *account, unsigned int status,
			   struct http_response *response)
{
	struct text t = { .at = NULL };

	text_print_account(&t, account);
	text_answer(&t, status, response);
}

static void open_account(struct api *api, const struct http_request *request,
			 struct http_response *response)
{
	struct account a = { .id = 0 };
	const struct field fields[] = {
		{ .name = "owner", .kind = FIELD_TEXT, .ret = a.owner },
		{ .name = "balance", .max = STORE_AMOUNT_MAX, .ret = &a.balance },
	};
	long err;

	if (!fields_read_body(request, fields, FIELD_COUNT(fields), response))
		return;
	err = store_open_account(api->store, &a, eider_after(api->deadline_ns));
	if (err < 0)
		api_refuse(response, err);
	else
		answer_account(&a, 201, response);
}

static void get_account(struct api *api, const struct http_request *request,
			struct http_response *response)
{
	const char *digits = request->path + strlen("/accounts/");
	struct account a;
	int64_t id;
	long err;

	if (!fields_read_number(digits, strlen(digits), INT64_MAX, &id)) {
		api_error(response, 400, "bad_request",
			  "an account's id has to be a whole number");
		return;
	}
	err = store_get_account(api->store, id, &a, eider_after(api->deadline_ns));
	if (err == -ENOENT)
		refuse_account(response, id);
	else if (err < 0)
		api_refuse(response, err);
	else
		answer_account(&a, 200, response);
}

/* --- transfers ------------------------------------------------------------- */

static void answer_transfer(const struct transfer *transfer, bool before,
			    struct http_response *response)
{
	struct text t = { .at = NULL };

	text_print_transfer(&t, transfer);
	text_answer(&t, before ? 200 : 201, response);
}

static bool read_transfer(const struct http_request *request, struct transfer *t,
			  struct http_response *response)
{
	const struct field fields[] = {
		{ .name = "from", .min = 1, .max = INT64_MAX, .ret = &t->from },
		{ .name = "to", .min = 1, .max = INT64_MAX, .ret = &t->to },
		{ .name = "amount", .min = 1, .max = STORE_AMOUNT_MAX,
		  .ret = &t->amount },
		{ .name = "key", .kind = FIELD_TEXT, .ret = t->key },
	};

	if (!fields_read_body(request, fields, FIELD_COUNT(fields), response))
		return false;
	if (t->from != t->to)
		return true;
	api_error(response, 400, "bad_request", "from and to are the same account");
	return false;
}

static void move_money(struct api *api, const struct http_request *request,
		       struct http_response *response)
{
	struct transfer t = { .id = 0 };
	int64_t unknown = 0;
	long result;

	if (!read_transfer(request, &t, response))
		return;
	result = store_transfer(api->store, &t, &unknown,
				eider_after(api->deadline_ns));
	if (result == -ENOENT)
		refuse_account(response, unknown);
	else if (result == -EDQUOT)
		api_error(response, 409, "insufficient_funds",
			  "the account has less than that; nothing happened");
	else if (result == -EEXIST)
		api_error(response, 409, "key_reused",
			  "another transfer has this key; nothing happened");
	else if (result == -EOVERFLOW)
		api_error(response, 409, "account_full",
			  "the other account would have too much; nothing happened");
	else if (result < 0)
		api_refuse(response, result);
	else
		answer_transfer(&t, result == 1, response);
}

static void answer_list(const struct transfer *list, long n,
			struct http_response *response)
{
	struct text t = { .at = NULL };

	text_print(&t, "{\"transfers\":[");
	for (long i = 0; i < n; i++) {
		if (i)
			text_print(&t, ",");
		text_print_transfer(&t, &list[i]);
	}
	text_print(&t, "]}");
	text_answer(&t, 200, response);
}

static void list_transfers(struct api *api, const struct http_request *request,
			   struct http_response *response)
{
	int64_t account, before = INT64_MAX, limit = LIST_DEFAULT;
	const struct field fields[] = {
		{ .name = "account", .max = INT64_MAX, .ret = &account },
		{ .name = "before", .max = INT64_MAX, .ret = &before,
		  .optional = true },
		{ .name = "limit", .min = 1, .max = STORE_LIST_MAX, .ret = &limit,
		  .optional = true },
	};
	struct transfer *list;
	long n;

	if (!fields_read_query(request, fields, FIELD_COUNT(fields), response))
		return;
	list = calloc((size_t)limit, sizeof(*list));
	n = list ? store_list_transfers(api->store, account, before, list,
					(unsigned int)limit,
					eider_after(api->deadline_ns)) : -ENOMEM;
	if (n == -ENOENT)
		refuse_account(response, account);
	else if (n < 0)
		api_refuse(response, n);
	else
		answer_list(list, n, response);
	free(list);
}

/* --- the report ------------------------------------------------------------ */

static void answer_report(const struct report *r, struct http_response *response)
{
	struct text t = { .at = NULL };

	text_print(&t, "{\"accounts\":%" PRId64 ",\"transfers\":%" PRId64
		   ",\"total\":%" PRId64 ",\"opened_with\":%" PRId64
		   ",\"volume\":%" PRId64 ",\"wrong\":%" PRId64 ",\"richest\":",
		   r->accounts, r->transfers, r->total, r->opened_with, r->volume,
		   r->wrong);
	if (r->richest.id)
		text_print_account(&t, &r->richest);
	else
		text_print(&t, "null");
	text_print(&t, "}");
	text_answer(&t, 200, response);
}

static void report(struct api *api, const struct http_request *request,
		   struct http_response *response)
{
	struct report r;
	long err;

	(void)request;
	err = store_report(api->store, &r, eider_after(api->report_ns));
	if (err < 0)
		api_refuse(response, err);
	else
		answer_report(&r, response);
}

/* --- the server itself ----------------------------------------------------- */

static void health(struct api *api, const struct http_request *request,
		   struct http_response *response)
{
	(void)api;
	(void)request;
	response->type = "text/plain";
	response->body = "ok\n";
	response->body_len = 3;
}

static void page(struct api *api, const struct http_request *request,
		 struct http_response *response)
{
	(void)api;
	(void)request;
	response->type = "text/html; charset=utf-8";
	response->headers = page_headers;
	response->body = page_html;
	response->body_len = page_html_len;
}

static void answer_printed(struct api *api, const char *type,
			   int (*print)(const struct api *api, FILE *file),
			   struct http_response *response)
{
	struct text t = { .at = NULL };
	FILE *file = open_memstream(&t.at, &t.len);
	int err = file ? print(api, file) : -ENOMEM;

	if (file && fclose(file) && !err)
		err = -ENOMEM;
	if (err < 0) {
		free(t.at);
		api_refuse(response, err);
		return;
	}
	text_answer(&t, 200, response);
	response->type = type;
	response->headers = "Cache-Control: no-store\r\n";
}

static void metrics(struct api *api, const struct http_request *request,
		    struct http_response *response)
{
	(void)request;
	answer_printed(api, "text/plain; version=0.0.4; charset=utf-8",
		       status_print_metrics, response);
}

static void status(struct api *api, const struct http_request *request,
		   struct http_response *response)
{
	(void)request;
	answer_printed(api, NULL, status_print_json, response);
}

/* --- routes ---------------------------------------------------------------- */

typedef void handler(struct api *api, const struct http_request *request,
		     struct http_response *response);

struct path {
	const char *path;		/* if it ends with '/' and more: with one part
					   behind it */
	size_t len;
	handler *get;			/* and HEAD */
	handler *post;
	enum route get_route, post_route;
	enum { ANY_QUERY, NO_QUERY, OWN_QUERY } query;
};

#define PATH(path) path, sizeof(path) - 1

static const struct path paths[] = {
	{ PATH("/accounts"), NULL, open_account, ROUTE_OTHER, ROUTE_OPEN_ACCOUNT,
	  NO_QUERY },
	{ PATH("/accounts/"), get_account, NULL, ROUTE_GET_ACCOUNT, ROUTE_OTHER,
	  NO_QUERY },
	{ PATH("/transfers"), list_transfers, move_money, ROUTE_LIST_TRANSFERS,
	  ROUTE_TRANSFER, OWN_QUERY },
	{ PATH("/report"), report, NULL, ROUTE_REPORT, ROUTE_OTHER, NO_QUERY },
	{ PATH("/health"), health, NULL, ROUTE_HEALTH, ROUTE_OTHER, ANY_QUERY },
	{ PATH("/metrics"), metrics, NULL, ROUTE_METRICS, ROUTE_OTHER, ANY_QUERY },
	{ PATH("/status"), status, NULL, ROUTE_STATUS, ROUTE_OTHER, ANY_QUERY },
	{ PATH("/"), page, NULL, ROUTE_PAGE, ROUTE_OTHER, ANY_QUERY },
};

static bool is_path(const struct path *p, const char *path, size_t len)
{
	bool has_part = p->len > 1 && p->path[p->len - 1] == '/';

	if (has_part ? len <= p->len : len != p->len)
		return false;
	return !memcmp(p->path, path, p->len) && !strchr(path + p->len, '/');
}

static const struct path *find_path(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (is_path(&paths[i], path, len))
			return &paths[i];
	return NULL;
}

static void refuse_method(const struct path *p, struct http_response *response)
{
	api_error(response, 405, "method_not_allowed",
		  "this path has other methods: see Allow");
	response->headers = !p->post ? "Allow: GET, HEAD\r\n" :
			    p->get   ? "Allow: GET, HEAD, POST\r\n" :
				       "Allow: POST\r\n";
}

void api_handle(void *arg, const struct http_request *request,
		struct http_response *response)
{
	const struct path *p = find_path(request->path);
	handler *handle = NULL;

	response->route = ROUTE_OTHER;
	if (!p) {
		api_error(response, 404, "not_found", "there is no such path");
		return;
	}
	if (request->method == HTTP_GET || request->method == HTTP_HEAD) {
		handle = p->get;
		response->route = p->get_route;
	} else if (request->method == HTTP_POST) {
		handle = p->post;
		response->route = p->post_route;
	}
	if (!handle) {
		refuse_method(p, response);
		return;
	}
	if (request->foreign && request->method == HTTP_POST) {
		api_error(response, 403, "cross_site",
			  "a browser asks this for a page of another site");
		return;
	}
	if ((p->query == NO_QUERY || handle == move_money) &&
	    !fields_read_query(request, NULL, 0, response))
		return;
	handle(arg, request, response);
}
