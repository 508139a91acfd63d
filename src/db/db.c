/*
 * db.c - open a database, close it, count; what jobs ask of it
 *
 * A database is a transaction pool whose threads have a connection each
 * (connection.c), and a way to run functions there (transaction.c). The engine is
 * behind a table of functions (driver.h); no engine's library is linked with this.
 *
 * Who keeps the memory. Closing waits until the pool's threads have ended, where it
 * may sleep; a failed open, and a close inside of a fiber, may not. So the struct is
 * counted: its owner, each thread with a connection and each call under way hold
 * one, and the last of them frees it, on whatever thread that happens. A thread that
 * is about to start holds none yet, hence wait_for_threads().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/fiber.h>
#include <eider/io.h>
#include <eider/thread.h>
#include <eider/txn.h>

#include "db.h"
#include "url.h"

static const struct eider_db_options defaults = {
	.connections_max = 16,
	.free_level = 50,
	.busy_ns = INT64_C(100000000),
	.attempts_max = 10,
	.backoff_ns = 1000000,
};

void eider__db_get(struct eider_db *db)
{
	atomic_fetch_add(&db->refs, 1);
}

void eider__db_put(struct eider_db *db)
{
	if (atomic_fetch_sub(&db->refs, 1) > 1)
		return;
	free(db->public_url);
	free((char *)db->settings.url);
	free(db);
}

/* What @given leaves open is the default; -EINVAL where it makes no sense. */
static int complete_options(const struct eider_db_options *given,
			    struct eider_db_options *o)
{
	*o = defaults;
	if (!given)
		return 0;
	if (given->size != sizeof(*given) || given->free_level > 100 ||
	    given->busy_ns < 0 || given->backoff_ns < 0 ||
	    (unsigned int)given->isolation > EIDER_DB_READ_COMMITTED ||
	    (given->why_size && !given->why))
		return -EINVAL;
	if (given->connections_max)
		o->connections_max = given->connections_max;
	if (given->free_level)
		o->free_level = given->free_level;
	if (given->busy_ns)
		o->busy_ns = given->busy_ns;
	if (given->attempts_max)
		o->attempts_max = given->attempts_max;
	if (given->backoff_ns)
		o->backoff_ns = given->backoff_ns;
	o->name = given->name;
	o->isolation = given->isolation;
	o->why = given->why_size ? given->why : NULL;
	o->why_size = given->why_size;
	return 0;
}

/* "scheme:something", with one of the driver's schemes. */
static int check_url(const struct eider_db_driver *driver, const char *url)
{
	size_t len = strcspn(url, ":");

	if (!len || !url[len] || !url[len + 1])
		return -EINVAL;
	return eider__url_has_scheme(url, driver->scheme) ||
	       eider__url_has_scheme(url, driver->alias) ? 0 : -EPROTONOSUPPORT;
}

static struct eider_db *make_db(const struct eider_db_driver *driver,
				const char *url, const struct eider_db_options *o)
{
	struct eider_db *db = calloc(1, sizeof(*db));

	if (!db)
		return NULL;
	db->refs = 1;
	db->driver = driver;
	db->settings.busy_ns = o->busy_ns;
	db->settings.isolation = o->isolation;
	db->settings.first = true;
	db->settings.why = o->why;
	db->settings.why_size = o->why_size;
	db->backoff_ns = o->backoff_ns;
	db->attempts_max = o->attempts_max;
	db->settings.url = strdup(url);
	db->public_url = eider__url_redact(url);
	if (db->settings.url && db->public_url)
		return db;
	eider__db_put(db);
	return NULL;
}

static int make_pool(struct eider_executor *executor, struct eider_db *db,
		     const struct eider_db_options *o)
{
	struct eider_txn_pool_options p = {
		.size = sizeof(p),
		.name = o->name ? o->name : db->driver->scheme,
		.threads_max = o->connections_max,
		.free_level = o->free_level,
		.hooks = eider__connection_hooks,
		.arg = db,
	};

	return eider_txn_pool_new(executor, &p, &db->pool);
}

/*
 * The first connection: what is wrong with the URL shows here. Threads that start
 * later must not write to @why, which is the caller's.
 */
static int connect_once(struct eider_db *db)
{
	struct eider_thread *thread;
	int err = eider_txn_pool_get_thread(db->pool, 0, &thread);

	if (err < 0)
		return err;
	db->settings.first = false;
	db->settings.why = NULL;
	db->settings.why_size = 0;
	db->opened = true;
	eider_txn_pool_put_thread(db->pool, thread);
	return 0;
}

static int open_db(struct eider_executor *executor,
		   const struct eider_db_driver *driver, const char *url,
		   const struct eider_db_options *o, struct eider_db **ret_db)
{
	struct eider_db *db;
	int err = check_url(driver, url);

	if (err < 0)
		return err;
	db = make_db(driver, url, o);
	if (!db)
		return -ENOMEM;
	err = make_pool(executor, db, o);
	if (!err)
		err = connect_once(db);
	if (err < 0) {
		eider_txn_pool_free(db->pool);
		eider__db_put(db);
		return err;
	}
	*ret_db = db;
	return 0;
}

int eider_db_open(struct eider_executor *executor,
		  const struct eider_db_driver *driver, const char *url,
		  const struct eider_db_options *options, struct eider_db **ret_db)
{
	struct eider_db_options o;
	int err;

	if (!executor || !driver || !url || !ret_db)
		return -EINVAL;
	err = complete_options(options, &o);
	if (err < 0)
		return err;
	if (o.why)
		*o.why = 0;
	err = open_db(executor, driver, url, &o, ret_db);
	/* The engine was not asked, or is at a loss for words. */
	if (err < 0 && o.why && !*o.why)
		snprintf(o.why, o.why_size, "%s", eider_strerror(err));
	return err;
}

static bool is_used(struct eider_db *db)
{
	struct eider_txn_pool_counts n;

	eider_txn_pool_count(db->pool, &n);
	return atomic_load(&db->users) || n.leased || n.waiting;
}

/* Until each of the pool's threads has begun, or has ended. */
static int wait_for_threads(struct eider_db *db)
{
	struct eider_txn_pool_counts n;

	for (;;) {
		eider_txn_pool_count(db->pool, &n);
		if (n.threads == atomic_load(&db->threads))
			return 0;
		if (!eider_in_fiber())
			return -EBUSY;
		/* Whether the fiber was cancelled is of no interest here. */
		(void)eider_sleep_until(eider_after(1000000));
	}
}

int eider_db_close(struct eider_db *db)
{
	int err;

	if (!db)
		return 0;
	if (is_used(db))
		return -EBUSY;
	err = eider_txn_pool_shutdown(db->pool, true, EIDER_NEVER);
	if (err == -EDEADLK)
		err = wait_for_threads(db);
	if (err < 0)
		return err;
	eider_txn_pool_free(db->pool);
	eider__db_put(db);
	return 0;
}

void eider_db_count(struct eider_db *db, struct eider_db_counts *ret_counts)
{
	ret_counts->committed = atomic_load(&db->committed);
	ret_counts->rolled_back = atomic_load(&db->rolled_back);
	ret_counts->retried = atomic_load(&db->retried);
	ret_counts->connections = atomic_load(&db->connections);
	ret_counts->connections_peak = atomic_load(&db->connections_peak);
	ret_counts->unknown = atomic_load(&db->unknown);
}

const char *eider_db_url(struct eider_db *db)
{
	return db->public_url;
}

struct eider_txn_pool *eider_db_pool(struct eider_db *db)
{
	return db->pool;
}

/* --- for jobs -------------------------------------------------------------- */

/*
 * One that eider_db_call() did not start wants the connection: 0 or why it cannot have
 * it. The engine is told of a use, so that nothing of the one before gets in its way.
 * The use ends before the job begins: so nobody interrupts it.
 */
static long lend(struct eider__connection *c)
{
	uint64_t lease = eider_txn_id(), job = eider_thread_job_number();
	bool open = c->at && !c->broken && c->db->driver->in_transaction(c->at);
	long err = 0;

	/* What the one before it did. */
	if (lease && lease == c->lease && c->at)
		eider__connection_used(c);
	/* One that is alone, and has begun, goes on, and nowhere else. */
	if (!lease && open && c->lent_to == job)
		c->manual = true;
	else
		err = eider__connection_ready(c, EIDER_NEVER);
	if (!err)
		err = eider__connection_start_use(c, c->deadline);
	if (!err)
		c->db->driver->end_use(c->at);
	if (!lease)
		c->manual = false;
	c->lent_to = job;
	return err;
}

/*
 * The connection of this job, which is fit for use, or NULL. One of eider_db_call() has
 * seen to that before; others have it done here, at each asking.
 */
static struct eider__connection *borrow(struct eider_db *db)
{
	struct eider__connection *c = eider__connection_here(db);

	if (c && !c->inside)
		c->denied = lend(c);
	return c && c->at && !c->denied ? c : NULL;
}

/* What is done with it, if it was not by eider_db_call(), is looked for. */
void *eider_db_handle(struct eider_db *db)
{
	struct eider__connection *c = borrow(db);

	if (!c)
		return NULL;
	eider_thread_set_clean(eider_thread_self(), false);
	return db->driver->handle(c->at);
}

long eider_db_error(struct eider_db *db)
{
	struct eider__connection *c = eider__connection_here(db);

	if (!c)
		return -EPERM;
	if (c->denied)
		return c->denied;
	return c->at ? db->driver->error(c->at) : 0;
}

void *eider_db_state(struct eider_db *db)
{
	struct eider__connection *c = borrow(db);

	return c ? c->state : NULL;
}

/* Replacing one releases nothing: it is the caller's, who could ask for it. */
void eider_db_set_state(struct eider_db *db, void *state, void (*release)(void *state))
{
	struct eider__connection *c = eider__connection_here(db);

	if (!c || !c->at)
		return;
	c->state = state;
	c->release_state = release;
}
