/*
 * request_private.h - what the files of the reader share
 */
#ifndef LEDGER_REQUEST_PRIVATE_H
#define LEDGER_REQUEST_PRIVATE_H

#include "request.h"

/* (request.c) Always -1, which ends the parser. */
int reader_refuse(struct reader *r, unsigned int status);
/* (request.c) More text. 0; -1: refused. */
int reader_append(struct reader *r, const char *data, size_t n);

/* (request_head.c) A piece of a header's name, of its value: also an empty one. */
int head_add_name(struct reader *r, const char *at, size_t len);
int head_add_value(struct reader *r, const char *at, size_t len);
/*
 * (request_head.c) That was all of them: 0, and r->head is what they say; -1: refused.
 */
int head_end(struct reader *r);

/* (request_target.c) Path and query of @ret, in place. 0; -1: refused. */
int target_split(struct reader *r, struct http_request *ret);

#endif
