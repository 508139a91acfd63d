/*
 * server.h - the connections of one loop
 */
#ifndef LEDGER_SERVER_H
#define LEDGER_SERVER_H

#include <eider/io.h>
#include <eider/net.h>

#include "http.h"

struct connection;
struct tally;

struct server_options {
	struct http_limits limits;
	unsigned int connections_max;	/* of this loop */
	http_handler *handler;
	void *handler_arg;
};

/* Home thread only, all of it. */
struct server {
	const struct server_options *options;
	int fd;				/* that listens; closed by server_run() */
	struct tally *tally;		/* the loop's */
	struct eider_acceptor acceptor;
	struct connection *connections;
	unsigned int open;
	bool stopping;
	bool waiting;			/* on change */
	struct eider_alarm change;	/* never rings: cancelled when one has left */
};

/*
 * [fiber] Accept and serve, until server_stop(); returns 0 when the last connection
 * has ended. @server is zeroed but for options, fd and tally. -errno if it cannot
 * accept any more.
 */
long server_run(struct server *server);

/* [loop] Accept no more; connections end, those with a request when it is answered. */
void server_stop(struct server *server);

/* [loop] The same, and end all connections, and cancel what they wait for. */
void server_abort(struct server *server);

/* [loop] A connection has ended. */
void server_left(struct server *server);

#endif
