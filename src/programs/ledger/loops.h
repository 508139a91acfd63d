/*
 * loops.h - the loops of the ledger: each a thread, a ring, a server
 */
#ifndef LEDGER_LOOPS_H
#define LEDGER_LOOPS_H

#include <eider/loop.h>

#include "server.h"

struct loops_options {
	unsigned int count;
	const char *address;		/* of all their listening sockets */
	unsigned int connections_max;	/* of all of them together */
	const struct server_options *server;
	const struct eider_options *loop;	/* of loops but the first */
	int signals;			/* a descriptor of eider/signal.h */
	int64_t stop_ns;		/* from the first signal on */
	/* [fiber] All serve now; @address is where. */
	void (*on_ready)(const char *address, void *arg);
	void *arg;
};

/*
 * [loop, not inside a fiber] Serve, on this thread's loop, which becomes the first, and
 * on others made for it, until a signal comes: then stop, as server_stop() does, and
 * after stop_ns, or at a second signal, as server_abort() does. 0 when all is over;
 * -errno if it cannot begin or go on, and *ret_what says with what.
 */
long loops_run(struct eider_loop *first, const struct loops_options *options,
	       const char **ret_what);

#endif
