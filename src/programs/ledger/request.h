/*
 * request.h - reading requests from a stream
 */
#ifndef LEDGER_REQUEST_H
#define LEDGER_REQUEST_H

#include <http_parser.h>

#include "http.h"

/* What of one connection is being read. Most requests fit into it as it is. */
struct reader {
	http_parser parser;
	const struct http_limits *limits;
	char *text;			/* target, NUL, body, NUL: in small, or owned */
	uint32_t text_len, text_size;
	uint32_t target_len;
	uint16_t refusal;		/* a status, if the request cannot be served */
	uint8_t name_len;		/* of the header being read, in name */
	uint8_t coding_len;		/* of what Transfer-Encoding says, in coding */
	uint8_t hosts;			/* Host headers */
	bool begun, complete;
	bool in_headers, in_value;
	bool expects_continue;
	bool keep_alive;
	char name[18], coding[8];	/* lower case; as much as has to be known */
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

#endif
