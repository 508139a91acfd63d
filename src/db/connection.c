/*
 * connection.c - one connection for each transaction thread
 *
 *	thread_start      lease_start          jobs          lease_stop   thread_stop
 *	    open  ------>    ping     ----->  use it  ---->   reset  ---->   close
 *	                 broken? open anew                 nothing is left open
 *
 * All of it runs on the connection's own thread, so nothing here needs a lock, and
 * engines that want to see one thread only (or are built without mutexes) are
 * content. Which connection a job is on is therefore a question to its thread.
 *
 * A connection is not closed while somebody might interrupt it: who finds it broken
 * says so (broken), and the next user, before whom there is nothing to interrupt,
 * opens it anew.
 *
 * Two users find it idle: a lease, which the hook looks after, and a lone call on a
 * general thread, which looks itself (eider__connection_ready()).
 *
 * Invariants
 *
 *  C1  depth > 0 only within a lease.
 *  C2  between leases no transaction is open on it.
 */
#include <errno.h>
#include <stdlib.h>

#include <eider/thread.h>
#include <eider/txn.h>

#include "db.h"

/* Of a thread that runs no fiber, so it cannot change under our feet. */
static __thread struct eider__connection *connection_here;

struct eider__connection *eider__connection_here(struct eider_db *db)
{
	struct eider__connection *c = connection_here;

	return c && c->db == db ? c : NULL;
}

static void count_connection(struct eider_db *db)
{
	unsigned int now = atomic_fetch_add(&db->connections, 1) + 1;
	unsigned int peak = atomic_load(&db->connections_peak);

	while (now > peak &&
	       !atomic_compare_exchange_weak(&db->connections_peak, &peak, now))
		;
}

static long connect_it(struct eider__connection *c)
{
	long err = c->db->driver->open(c->db->url, c->db->busy_ns, &c->at);

	if (err < 0)
		return err;
	c->depth = 0;
	c->broken = false;
	count_connection(c->db);
	return 0;
}

static void disconnect(struct eider__connection *c)
{
	if (!c->at)
		return;
	c->db->driver->close(c->at);
	c->at = NULL;
	atomic_fetch_sub(&c->db->connections, 1);
}

/* Nobody uses it, nobody can be about to interrupt it. */
static long look_after(struct eider__connection *c)
{
	if (c->at && !c->broken && c->db->driver->ping(c->at) >= 0)
		return 0;
	disconnect(c);
	return connect_it(c);
}

long eider__connection_ready(struct eider__connection *c)
{
	if (c->ended)
		return -ESTALE;
	if (c->depth)
		return !c->broken && c->db->driver->in_transaction(c->at) ?
			       0 : -ESTALE;
	if (eider_txn_id() && c->at && !c->broken)
		return 0;
	return look_after(c);
}

void eider__connection_reset(struct eider__connection *c)
{
	const struct eider_db_driver *driver = c->db->driver;

	c->depth = 0;
	if (c->at && driver->in_transaction(c->at) && driver->rollback(c->at) < 0)
		c->broken = true;
}

static void drop_connection(struct eider__connection *c)
{
	connection_here = NULL;
	atomic_fetch_sub(&c->db->threads, 1);
	eider__db_put(c->db);
	free(c);
}

static long start_thread(struct eider_thread *thread, void *arg)
{
	struct eider__connection *c = calloc(1, sizeof(*c));
	long err;

	(void)thread;
	if (!c)
		return -ENOMEM;
	c->db = arg;
	eider__db_get(c->db);
	atomic_fetch_add(&c->db->threads, 1);
	err = connect_it(c);
	if (err < 0) {
		drop_connection(c);
		return err;
	}
	connection_here = c;
	return 0;
}

static void stop_thread(struct eider_thread *thread, void *arg)
{
	struct eider__connection *c = connection_here;

	(void)thread;
	(void)arg;
	disconnect(c);
	drop_connection(c);
}

static long start_lease(struct eider_thread *thread, void *arg)
{
	(void)thread;
	(void)arg;
	return look_after(connection_here);
}

static void stop_lease(struct eider_thread *thread, void *arg)
{
	(void)thread;
	(void)arg;
	connection_here->ended = false;
	eider__connection_reset(connection_here);
}

const struct eider_txn_hooks eider__connection_hooks = {
	.thread_start = start_thread,
	.thread_stop = stop_thread,
	.lease_start = start_lease,
	.lease_stop = stop_lease,
};

void *eider_db_handle(struct eider_db *db)
{
	struct eider__connection *c = eider__connection_here(db);

	return c && c->at ? db->driver->handle(c->at) : NULL;
}

long eider_db_error(struct eider_db *db)
{
	struct eider__connection *c = eider__connection_here(db);

	if (!c)
		return -EPERM;
	return c->at ? db->driver->error(c->at) : 0;
}
