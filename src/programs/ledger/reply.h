/*
 * reply.h - writing answers to a socket
 */
#ifndef LEDGER_REPLY_H
#define LEDGER_REPLY_H

#include "http.h"

enum reply_flags {
	REPLY_CLOSES = 1,		/* Connection: close */
	REPLY_KEEPS = 2,		/* Connection: keep-alive, as 1.0 has to hear */
	REPLY_HAS_NO_BODY = 4,		/* to HEAD: Content-Length as if it had */
};

/*
 * [fiber] Send @response; does not free what it owns. 0; -ETIME if the peer did not
 * take it by @deadline; -errno.
 */
int reply_send(int fd, const struct http_response *response, unsigned int flags,
	       int64_t deadline);

#endif
