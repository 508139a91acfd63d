/*
 * api.h - the ledger's requests and answers
 *
 *	POST /accounts			{"owner": TEXT, "balance": N}
 *	  201 {"id": N, "owner": TEXT, "balance": N}
 *	GET /accounts/ID
 *	  200 the same; 404 no_such_account
 *	POST /transfers			{"from": ID, "to": ID, "amount": N, "key": TEXT}
 *	  201 {"id": N, "from": ID, "to": ID, "amount": N, "key": TEXT, "created": N}
 *	  200 the same: it happened before, under this key
 *	  404 no_such_account; 409 insufficient_funds: nothing happened;
 *	  409 key_reused: the key belongs to another transfer
 *	  409 account_full: the one it goes to would have more than 10^15
 *	GET /transfers?account=ID[&before=ID][&limit=N]
 *	  200 {"transfers": [...]}, newest first, 50 or N of them; 404 no_such_account
 *	GET /report
 *	  200 {"accounts": N, "transfers": N, "total": N, "opened_with": N, "volume": N,
 *	       "wrong": N, "richest": account or null}; slow
 *	GET /health
 *	  200 text/plain "ok" and a newline: the loop turns
 *	GET /metrics
 *	  200 Prometheus text
 *	GET /status
 *	  200 what the page shows, as JSON: status.h
 *	GET /
 *	  200 text/html: the page
 *
 * Errors are {"error": WORD, "message": TEXT}:
 *	400 bad_json, bad_request	(a field is missing, unknown, twice there or of
 *					the wrong type; text of 0 or more than 64 bytes;
 *					an amount below 1 or above 10^15; from equal to
 *					to)
 *	403 cross_site			POST by a browser, for a page that is not from
 *					here: Sec-Fetch-Site, or an Origin that is not
 *					the Host. Other clients send neither
 *	404 not_found			no such path
 *	405 method_not_allowed		with Allow
 *	503 busy, unavailable		with Retry-After: too many conflicts, out of
 *					time or memory; the database does not answer, or
 *					the ledger stops
 *	507 out_of_space		the database's disk is full; ask again, same key
 *	500 internal
 * and what connection.c says of bytes that are no request: 400 bad_http, 408 timeout,
 * 413 body_too_large, 414 uri_too_long, 417 expectation_failed, 431 headers_too_large,
 * 501 not_implemented; after these, and a 503 that came of that, the connection is
 * closed.
 *
 * HEAD works where GET does. %XX of letters, digits and -._~ in a target are these; no
 * other is decoded, nothing here has one. Numbers are whole; created is in ms since
 * 1970. Content types of requests are not looked at. Keys are for 201, 200 and
 * key_reused: a transfer that failed has left no trace, and its key may be used again.
 */
#ifndef LEDGER_API_H
#define LEDGER_API_H

#include "http.h"
#include "store.h"

struct api {
	struct store *store;
	struct eider_executor *executor;
	int64_t deadline_ns;		/* for one request at the database; 5 s */
	int64_t report_ns;		/* for a report; 60 s */
};

/* [fiber] An http_handler; @arg is a struct api. */
void api_handle(void *arg, const struct http_request *request,
		struct http_response *response);

/*
 * Fill @response with an error of this shape; @word and @message need no escaping. Also
 * for connection.c.
 */
void api_error(struct http_response *response, unsigned int status, const char *word,
	       const char *message);
/* The same with 503 and Retry-After: who asks again may be served. */
void api_busy(struct http_response *response, const char *word, const char *message);

#endif
