/*
 * request.h - reading requests from a stream
 */
#ifndef LEDGER_REQUEST_H
#define LEDGER_REQUEST_H

#include <http_parser.h>

#include "framing.h"
#include "http.h"

/* The headers of one request, as far as the parser leaves them to us. */
struct head {
	uint32_t host, origin;		/* where in the reader's text; 0: nowhere */
	uint8_t name_len, value_len;	/* of the header being read */
	uint8_t header;			/* which it is */
	uint8_t hosts;			/* how often it was there */
	uint8_t site;
	bool begun, in_value, over;
	bool foreign;			/* once it is over: http_request.foreign */
	bool chunked, coded_otherwise;
	bool expects_continue, expects_more;
	char name[18], value[20];	/* lower case; as much as has to be known */
};

/* What of one connection is being read. Most requests fit into it as it is. */
struct reader {
	http_parser parser;
	const struct http_limits *limits;
	char *text;			/* target, NUL, body, NUL: in small, or owned;
					   until the head is over, headers are where
					   the body will be */
	uint32_t text_len, text_size;
	uint32_t target_len;
	uint16_t refusal;		/* a status, if the request cannot be served */
	uint8_t blank;			/* bytes of empty lines before the request */
	bool begun, complete;
	bool had_one;			/* a request, before the one that is read */
	bool has_method;		/* the parser's is the request's */
	bool keep_alive;
	bool ending;			/* the connection's owner: no more requests but
					   what has come already */
	struct framing framing;
	struct head head;
	char small[160];
};

/* Zeroed. @limits stay. */
void reader_init(struct reader *r, const struct http_limits *limits);
void reader_release(struct reader *r);

/*
 * [fiber] The next request; its pointers are good until the next call. @now is the
 * time. 1; 0 if the peer has gone, or was silent for too long between requests; -errno;
 * or r->refusal is set and returned: a status of 400 or more to end the connection
 * with. Sends "100 Continue" where the peer waits for that.
 */
int reader_next(struct reader *r, struct eider_stream *stream, int64_t now,
		struct http_request *ret);

/* [loop] Has anything come that was not read? */
bool reader_has_more(const struct eider_stream *stream);

/* [loop] Is it HEAD that was refused? The answer has no body then. */
bool reader_is_head(const struct reader *r);

#endif
