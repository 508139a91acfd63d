/*
 * http.h - HTTP/1.1, as far as a server of small answers needs it
 *
 * One request after another from a stream, each with all of its body, and an answer to
 * each in the same order: so pipelining works. What a request may be is bounded
 * (struct http_limits); what is beyond is answered with a 4xx and the connection
 * closed.
 *
 * The grammar is http_parser's (Debian's libhttp-parser). Where RFC 9112 leaves it to
 * the server to be lenient or strict, this one is strict: who is lenient in another way
 * than the proxy in front can be made to see requests that the proxy does not.
 */
#ifndef LEDGER_HTTP_H
#define LEDGER_HTTP_H

#include <eider/stream.h>

struct http_limits {
	unsigned int header_bytes;	/* request line and headers; 8192. The target
					   of a request may have half of it */
	unsigned int body_bytes;	/* 65536 */
	int64_t idle_ns;		/* between two requests; 60 s */
	int64_t request_ns;		/* from a request's first byte to its last: who
					   sends drop by drop is cut off; and before the
					   first request, if it is shorter; 10 s */
	int64_t send_ns;		/* for the peer to take an answer; 10 s */
};

struct http_request {
	unsigned int method;		/* enum http_method of http_parser.h */
	const char *method_name;
	const char *path;		/* with a final NUL; of what is written as %XX
					   letters, digits and -._~ are decoded */
	const char *query;		/* behind the '?', as path; "" if there is
					   none */
	const char *body;		/* with a final NUL, which is not counted */
	size_t body_len;
	bool foreign;			/* a page of another site makes a browser ask */
	int64_t at;			/* eider_loop_now() at its last byte */
};

/* What a handler fills in. All zero is 200 with an empty body. */
struct http_response {
	unsigned int status;
	const char *type;		/* Content-Type; NULL: application/json */
	const char *headers;		/* more of them, each with "\r\n"; or NULL */
	const char *body;
	size_t body_len;
	void *owned;			/* to be freed with free() once it is sent */
	unsigned int route;		/* it is counted as: enum route of status.h */
};

/* [fiber] Answer @request: always an answer, errors too. May wait. */
typedef void http_handler(void *arg, const struct http_request *request,
			  struct http_response *response);

/* A word for @status; "Unknown" for one that is not known. */
const char *http_status_text(unsigned int status);

#endif
