/*
 * server.h - the connections of one loop
 */
#ifndef LEDGER_SERVER_H
#define LEDGER_SERVER_H

#include <eider/io.h>
#include <eider/net.h>

#include "http.h"
#include "places.h"

struct connection;
struct tally;

struct server_options {
	struct http_limits limits;
	http_handler *handler;
	void *handler_arg;
};

/* Home thread only, all of it. */
struct server {
	const struct server_options *options;
	int fd;				/* that listens; closed by server_run() */
	struct tally *tally;		/* the loop's */
	struct places *places;		/* of all loops */
	struct turn turn;		/* for a place */
	bool alone;			/* no other loop takes places */
	struct eider_acceptor acceptor;
	struct connection *connections;
	unsigned int open;
	bool stopping;
	bool waiting;			/* on change */
	struct eider_alarm change;	/* cancelled when something has changed */
};

/*
 * [fiber] Accept and serve, until server_stop(); returns 0 when the last connection
 * has ended. @server is zeroed but for options, fd, tally, places and alone.
 * -errno if it cannot accept any more.
 */
long server_run(struct server *server);

/* [loop] Accept no more; connections end, those with a request when it is answered. */
void server_stop(struct server *server);

/* [loop] The same, and end all connections, and cancel what they wait for. */
void server_abort(struct server *server);

/* [loop] Others wait for a place: should those who have one keep it no longer? */
bool server_is_full(const struct server *server);

/* [loop] A connection has ended. */
void server_left(struct server *server);

#endif
