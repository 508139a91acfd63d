/*
 * connection.c - one connection for each transaction thread, and what begins and ends
 * there
 *
 *	thread_start    first job        jobs         lease_stop     thread_stop
 *	  (open)  ------> ping  ----->  use it  ---->   reset   ------>  close
 *	             none, or broken?              if something is left
 *	                  open
 *
 * Only the very first connection, by which eider_db_open() tries the URL, is made when
 * its thread starts. For others the job does it that needs it: it has a deadline, and
 * can be cancelled.
 *
 * All of it runs on the connection's own thread, so nothing here needs a lock, and
 * engines that want to see one thread only (or are built without mutexes) are
 * content. Which connection a job is on is therefore a question to its thread.
 *
 * A connection is not closed while somebody might interrupt it: who finds it broken
 * says so (broken), and the next user, before whom there is nothing to interrupt,
 * opens it anew.
 *
 * Two users find it idle: a lease, and a lone call on a general thread. Each looks
 * after it first (eider__connection_ready()): a hook for it would be one more way to
 * the thread and back, and so would one at the end, which is why each job says whether
 * it leaves anything (eider_thread_set_clean()).
 *
 * Jobs of other kinds, which eider_db_call() did not start, go by none of that. They
 * are seen when they ask for the handle: then the same is done for them (db.c, lend()).
 * A lone one of these that left a transaction open is found by whoever comes next.
 *
 * Invariants
 *
 *  C1  depth > 0 only within a lease.
 *  C2  between leases no transaction is open on it.
 *  C3  what a user keeps for it (state) goes before it does.
 *  C4  a transaction never goes on, on another connection: who had one on a connection
 *	that is lost gets -ENOTCONN until his lease ends, also if he began it himself
 *	(manual).
 */
#include <errno.h>
#include <stdlib.h>

#include <eider/job.h>
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

static long connect_it(struct eider__connection *c, int64_t deadline)
{
	struct eider_db_settings settings = c->db->settings;
	long err;

	settings.deadline = deadline;
	err = c->db->driver->open(&settings, &c->at);
	if (err == -ECANCELED && eider__has_passed(deadline))
		err = -ETIME;
	if (err < 0)
		return err;
	c->depth = 0;
	c->deadline = EIDER_NEVER;
	c->broken = false;
	count_connection(c->db);
	return 0;
}

/* C3: while it is still one, so that statements can be dropped properly. */
static void drop_state(struct eider__connection *c)
{
	c->inside = true;
	c->denied = 0;
	if (c->state && c->release_state)
		c->release_state(c->state);
	c->inside = false;
	c->state = NULL;
	c->release_state = NULL;
}

static void disconnect(struct eider__connection *c)
{
	if (!c->at)
		return;
	drop_state(c);
	c->db->driver->close(c->at);
	c->at = NULL;
	atomic_fetch_sub(&c->db->connections, 1);
}

long eider__connection_reopen(struct eider__connection *c, int64_t deadline)
{
	disconnect(c);
	return connect_it(c, deadline);
}

/* C2: nobody uses it, nobody can be about to interrupt it. */
static long look_after(struct eider__connection *c, int64_t deadline)
{
	if (c->at && !c->broken)
		eider__connection_reset(c);
	if (c->at && !c->broken && c->db->driver->ping(c->at) >= 0)
		return 0;
	return eider__connection_reopen(c, deadline);
}

/* The first use in a lease: what the last one was about is over. */
static long start_lease(struct eider__connection *c, uint64_t lease, int64_t deadline)
{
	long err = look_after(c, deadline);

	c->depth = 0;
	c->deadline = EIDER_NEVER;
	c->manual = false;
	c->ended = false;
	c->refused = 0;
	c->lease = err < 0 ? 0 : lease;
	return err;
}

long eider__connection_ready(struct eider__connection *c, int64_t deadline)
{
	uint64_t lease = eider_txn_id();

	if (lease && lease != c->lease)
		return start_lease(c, lease, deadline);
	if (lease && c->refused)
		return c->refused;
	if (lease && c->ended)
		return -ESTALE;
	/* What was lost with it must not go on, in part, on another. */
	if ((c->depth || c->manual) && c->db->driver->is_lost(c->at))
		return -ENOTCONN;
	if (c->depth)
		return !c->broken && c->db->driver->in_transaction(c->at) ?
			       0 : -ESTALE;
	if (lease && c->at && !c->broken)
		return 0;
	return look_after(c, deadline);
}

static void say_what_is_left(const struct eider__connection *c)
{
	bool clean = !c->depth && !c->manual && c->at &&
		     !c->db->driver->in_transaction(c->at);

	eider_thread_set_clean(eider_thread_self(), clean);
}

void eider__connection_used(struct eider__connection *c)
{
	const struct eider_db_driver *driver = c->db->driver;

	if (driver->is_lost(c->at))
		c->broken = true;
	else if (!c->depth)
		c->manual = eider_txn_id() && driver->in_transaction(c->at);
	say_what_is_left(c);
}

void eider__connection_reset(struct eider__connection *c)
{
	const struct eider_db_driver *driver = c->db->driver;

	c->depth = 0;
	c->deadline = EIDER_NEVER;
	c->manual = false;
	if (c->at && (driver->is_lost(c->at) ||
		      (driver->in_transaction(c->at) && driver->rollback(c->at) < 0)))
		c->broken = true;
}

/*
 * A connection may have died since somebody looked at it. If nothing was done with it
 * yet, another one is as good.
 */
static bool may_reopen(const struct eider__connection *c, int64_t deadline)
{
	return !c->depth && !c->manual && c->db->driver->is_lost(c->at) &&
	       !eider__has_passed(deadline) && !eider_cancelled();
}

long eider__connection_start_use(struct eider__connection *c, int64_t deadline)
{
	const struct eider_db_driver *driver = c->db->driver;
	long err;

	if (eider__has_passed(deadline))
		return -ETIME;
	err = driver->start_use(c->at, deadline);
	if (err < 0 && may_reopen(c, deadline)) {
		err = eider__connection_reopen(c, deadline);
		if (!err)
			err = driver->start_use(c->at, deadline);
	}
	if (err < 0 && c->at)
		eider__connection_used(c);
	return err;
}

/* --- levels of a transaction ----------------------------------------------- */

static long begin_on(struct eider__level *l, struct eider__connection *c)
{
	const struct eider_db_driver *driver = l->db->driver;
	long err;

	if (c->depth)
		return driver->savepoint(c->at, c->depth);
	err = driver->begin(c->at, l->deadline);
	if (err < 0 && may_reopen(c, l->deadline)) {
		err = eider__connection_reopen(c, l->deadline);
		if (!err)
			err = driver->begin(c->at, l->deadline);
	}
	return err;
}

static long begin_in_time(struct eider__level *l, struct eider__connection *c)
{
	long err;

	l->depth = c->depth;
	l->outer_deadline = c->deadline;
	l->deadline = eider__sooner(l->deadline, c->deadline);
	err = eider__has_passed(l->deadline) ? -ETIME : begin_on(l, c);
	if (err < 0) {
		if (c->at)
			eider__connection_used(c);
		return err;
	}
	c->depth++;
	c->deadline = l->deadline;
	eider_thread_set_clean(eider_thread_self(), false);
	return err;
}

long eider__level_begin(void *arg)
{
	struct eider__level *l = arg;
	struct eider__connection *c = eider__connection_here(l->db);
	long err;

	atomic_store(&l->begun, true);		/* see stop_begin() */
	err = c ? eider__connection_ready(c, l->deadline) : -ESTALE;
	if (err >= 0)
		err = begin_in_time(l, c);
	if ((err == -EAGAIN || err == -ENOTCONN) && eider_cancelled())
		err = -ECANCELED;
	/* The rest of the lease must not begin anew, outside of a transaction. */
	if (err < 0 && c && l->alone) {
		c->refused = err;
		c->lease = eider_txn_id();
	}
	return err;
}

/* T4, see transaction.c. */
static void end_level(struct eider__connection *c, const struct eider__level *l)
{
	c->depth = l->depth;
	c->deadline = l->outer_deadline;
	c->ended = !l->depth && l->alone;
}

static long commit_on(struct eider__level *l, struct eider__connection *c)
{
	const struct eider_db_driver *driver = l->db->driver;
	long err;

	/* Who waited for it does so no more. */
	if (eider__has_passed(l->deadline))
		return -ETIME;
	if (l->depth)
		return driver->release(c->at, l->depth);
	err = driver->commit(c->at, l->deadline);
	if (err < 0 && driver->is_unknown)
		l->unknown = driver->is_unknown(c->at);
	return err;
}

long eider__level_commit(void *arg)
{
	struct eider__level *l = arg;
	struct eider__connection *c = eider__connection_here(l->db);
	long err;

	if (!c || c->depth <= l->depth)
		return -ESTALE;
	if (c->depth > l->depth + 1)
		return -EBUSY;
	err = eider__connection_ready(c, l->deadline);
	if (!err)
		err = commit_on(l, c);
	if (err == -EAGAIN && eider_cancelled())
		err = -ECANCELED;
	if (err >= 0)
		end_level(c, l);
	eider__connection_used(c);
	return err;
}

/* An inner level that cannot be undone alone takes all of it along. */
long eider__level_roll_back(void *arg)
{
	struct eider__level *l = arg;
	struct eider__connection *c = eider__connection_here(l->db);
	const struct eider_db_driver *driver = l->db->driver;

	l->rolled_back = true;
	if (!c || c->depth <= l->depth)
		return 0;
	end_level(c, l);
	if (driver->in_transaction(c->at) &&
	    !(l->depth && driver->rollback_to(c->at, l->depth) >= 0) &&
	    driver->rollback(c->at) < 0)
		c->broken = true;
	say_what_is_left(c);
	return 0;
}

/* --- hooks ----------------------------------------------------------------- */

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
	long err = 0;

	(void)thread;
	if (!c)
		return -ENOMEM;
	c->db = arg;
	eider__db_get(c->db);
	atomic_fetch_add(&c->db->threads, 1);
	if (!c->db->opened)
		err = connect_it(c, EIDER_NEVER);
	if (err < 0)
		drop_connection(c);
	else
		connection_here = c;
	return err;
}

static void stop_thread(struct eider_thread *thread, void *arg)
{
	struct eider__connection *c = connection_here;

	(void)thread;
	(void)arg;
	disconnect(c);
	drop_connection(c);
}

static void stop_lease(struct eider_thread *thread, void *arg)
{
	(void)thread;
	(void)arg;
	eider__connection_reset(connection_here);
}

const struct eider_txn_hooks eider__connection_hooks = {
	.thread_start = start_thread,
	.thread_stop = stop_thread,
	.lease_stop = stop_lease,
};
