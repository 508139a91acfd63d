/*
 * api_private.h - what the files of the API share
 */
#ifndef LEDGER_API_PRIVATE_H
#define LEDGER_API_PRIVATE_H

#include "api.h"

/* (api_json.c) Answer with what an error of the store means; response->route is set. */
void api_refuse(struct http_response *response, long err);

/* --- text that grows (api_json.c) ------------------------------------------ */

/* All zero is an empty one. */
struct text {
	char *at;
	size_t len, size;
	bool failed;			/* no memory: the rest is not written */
};

__attribute__((format(printf, 2, 3)))
void text_print(struct text *t, const char *format, ...);
/* A JSON string, with its quotes; @s is UTF-8. */
void text_print_string(struct text *t, const char *s);
void text_print_account(struct text *t, const struct account *account);
void text_print_transfer(struct text *t, const struct transfer *transfer);
/* Make it the body of @response, with @status; frees it if that cannot be. */
void text_answer(struct text *t, unsigned int status, struct http_response *response);

/* --- what a request says (api_fields.c) ------------------------------------ */

enum field_kind { FIELD_NUMBER, FIELD_TEXT };

/* A field that has to be there, of a JSON object; or a parameter of a query. */
struct field {
	const char *name;
	enum field_kind kind;
	int64_t min, max;		/* of a number */
	void *ret;			/* int64_t, or char[STORE_TEXT_MAX + 1] */
	bool optional;			/* parameters only: *ret stays as it is */
};

/*
 * Read the body of @request, or its query: true, and all fields are set; else @response
 * is what is wrong.
 */
bool fields_read_body(const struct http_request *request, const struct field *fields,
		      size_t n, struct http_response *response);
bool fields_read_query(const struct http_request *request, const struct field *fields,
		       size_t n, struct http_response *response);

/* Digits, @len of them, and a number of at most @max: or false. */
bool fields_read_number(const char *digits, size_t len, int64_t max, int64_t *ret);

#endif
