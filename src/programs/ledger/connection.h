/*
 * connection.h - one peer, from accept to close
 */
#ifndef LEDGER_CONNECTION_H
#define LEDGER_CONNECTION_H

#include <eider/fiber.h>

#include "request.h"

struct server;

struct connection {
	struct connection *next, **link;	/* in the server's list */
	struct server *server;
	struct eider_fiber *fiber;
	bool serving;			/* a request; else it may be cut off */
	struct eider_stream stream;
	struct reader reader;
};

/*
 * [loop] Serve the peer at @fd, in a fiber of its own, which closes it. 0; -EAGAIN,
 * -ENOMEM: @fd is still the caller's.
 */
int connection_start(struct server *server, int fd);

/* [loop] No more requests: end it at once if it is between two of them. */
void connection_finish(struct connection *c);

/* [loop] End it whatever it is doing: what it waits for is cancelled. */
void connection_abort(struct connection *c);

#endif
