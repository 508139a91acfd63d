/*
 * store_open.c - open the store, and make its tables
 *
 * Two databases are open on one URL: a report takes long, and the connections of
 * transfers must not be lent to it. As many reports run at a time as it has
 * connections; the others wait in line, until their deadlines (store_report.c). Where
 * one at a time can write, one reads at length: there has to be a moment between two
 * reports in which the log can be folded back.
 *
 * Tables. Several ledgers may start at once on one empty database. PostgreSQL then says
 * to all but one that something exists already (a constraint of its catalogue), in
 * spite of IF NOT EXISTS; so who fails looks whether the tables are there now. Looking
 * first also spares the others a lock on tables in use, and lets a ledger read where it
 * may not write. They are made in one transaction: all of them are there, or none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <time.h>

#include <eider/fiber.h>
#include <eider/loop.h>
#include <eider/io.h>

#include "store_private.h"

enum {
	CONNECTIONS = 16,
	ATTEMPTS = 40,			/* of a transaction; about 3 s of pauses */
	OPEN_ATTEMPTS = 40,
	TABLE_ATTEMPTS = 10,
};

#define PAUSE_NS INT64_C(50000000)
/* To look through a file: who has a large one does not wait for all of it. */
#define CHECK_NS INT64_C(1000000000)

static void pause_here(void)
{
	const struct timespec ts = { .tv_nsec = PAUSE_NS };

	/* Whether the fiber was cancelled is of no interest here. */
	if (eider_in_fiber())
		(void)eider_sleep_until(eider_after(PAUSE_NS));
	else
		nanosleep(&ts, NULL);
}

struct opening {
	struct store *store;
	char *why;
	size_t why_size;
};

/* [job] Keep what the engine said, as one line. */
static long note(struct opening *o, long err)
{
	if (err < 0 && o->why_size) {
		snprintf(o->why, o->why_size, "no tables: %s",
			 o->store->engine->message(o->store->db));
		o->why[strcspn(o->why, "\n")] = 0;
	}
	return err;
}

static long probe(void *arg)
{
	struct opening *o = arg;

	return note(o, o->store->engine->execute(o->store->db, engine_probe));
}

static long make_tables(void *arg)
{
	struct opening *o = arg;
	const struct engine *engine = o->store->engine;
	long err = 0;

	for (int i = 0; !err && engine->tables[i]; i++)
		err = engine->execute(o->store->db, engine->tables[i]);
	return note(o, err);
}

static long make_tables_body(void *arg)
{
	struct opening *o = arg;

	return eider_db_call(o->store->db, make_tables, o);
}

/* From wherever the caller is. */
static long run_as_fiber(struct eider_executor *executor, eider_fn *fn, void *arg)
{
	struct eider_loop *loop = eider_loop_current();
	long result;

	if (eider_in_fiber())
		return fn(arg);
	if (loop)
		return eider_block_on(loop, fn, arg);
	result = eider_loop_new(executor, NULL, &loop);
	if (result < 0)
		return result;
	result = eider_block_on(loop, fn, arg);
	eider_loop_free(loop);
	return result;
}

/*
 * [fiber] Look, make, look again: the last look counts. An error of the making is the
 * better answer, if there was one.
 */
static long have_tables(void *arg)
{
	struct opening *o = arg;
	struct eider_db *db = o->store->db;
	long found, made = -1;

	for (int i = 0;; i++) {
		found = eider_db_call(db, probe, o);
		if (found >= 0 || made >= 0)
			return found;
		if (i == TABLE_ATTEMPTS)
			return made;
		if (i)
			pause_here();
		made = eider_db_atomic(db, make_tables_body, o);
	}
}

static long check_database(void *arg)
{
	struct opening *o = arg;

	return o->store->engine->check(o->store->db, o->why, o->why_size);
}

/* [fiber] Tables first: what has none may be no database at all. */
static long check_all(void *arg)
{
	struct opening *o = arg;
	long err = have_tables(o);

	if (err >= 0)
		err = eider_db_call_until(o->store->db, check_database, o,
					  eider_after(CHECK_NS));
	return err == -ETIME ? 0 : err;
}

static int check_tables(struct eider_executor *executor, struct opening *o)
{
	long err = run_as_fiber(executor, check_all, o);

	if (err >= 0)
		snprintf(o->why, o->why_size, "%s", "");
	else if (o->why_size && !o->why[0])
		snprintf(o->why, o->why_size, "no tables: %s",
			 eider_strerror((int)err));
	return err < 0 ? (int)err : 0;
}

/* SQLite makes a log for a new file; of those that want to at once, one may. */
static int open_database(struct eider_executor *executor, const char *url,
			 const struct opening *o, const char *name,
			 unsigned int connections_max, struct eider_db **ret_db)
{
	const struct eider_db_options options = {
		.size = sizeof(options),
		.name = name,
		.connections_max = connections_max,
		.free_level = 100,	/* a server's idle connections are kept */
		.attempts_max = ATTEMPTS,
		.why = o->why,
		.why_size = o->why_size,
	};
	int err;

	for (int i = 0; i < OPEN_ATTEMPTS; i++) {
		err = eider_db_open(executor, o->store->engine->driver, url, &options,
				    ret_db);
		if (err != -EAGAIN)
			break;
		pause_here();
	}
	return err;
}

/* A report computes as long as it takes: one CPU at least is for the rest. */
static unsigned int half_of_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 3 ? (unsigned int)cpus / 2 : 1;
}

static int open_databases(struct eider_executor *executor, const char *url,
			  const struct store_options *options, struct opening *o)
{
	struct store *store = o->store;
	unsigned int connections = CONNECTIONS, reports = half_of_cpus();
	bool alone = store->engine->one_writer;
	int err;

	if (options && options->connections_max)
		connections = options->connections_max;
	if (options && options->reports_max)
		reports = options->reports_max;
	if (alone)
		reports = 1;
	err = open_database(executor, url, o, "ledger", alone ? 1 : connections,
			    &store->dbs[STORE_TRANSACTIONS]);
	if (!err && alone)
		err = open_database(executor, url, o, "readers", connections,
				    &store->dbs[STORE_READING]);
	if (!err)
		err = open_database(executor, url, o, "reports", reports,
				    &store->dbs[STORE_REPORTS]);
	store->db = store->dbs[STORE_TRANSACTIONS];
	store->read_db = alone ? store->dbs[STORE_READING] : store->db;
	store->report_db = store->dbs[STORE_REPORTS];
	return err;
}

static int open_store(struct eider_executor *executor, const char *url,
		      const struct store_options *options, struct opening *o)
{
	int err;

	o->store->engine = engine_for(url);
	if (!o->store->engine) {
		snprintf(o->why, o->why_size, "the URL begins with none of sqlite:, "
			 "postgresql: and postgres:");
		return -EPROTONOSUPPORT;
	}
	err = open_databases(executor, url, options, o);
	return err < 0 ? err : check_tables(executor, o);
}

int store_open(struct eider_executor *executor, const char *url,
	       const struct store_options *options, struct store **ret_store,
	       char *why, size_t why_size)
{
	struct opening o = { .why = why, .why_size = why_size };
	int err;

	snprintf(why, why_size, "%s", "");
	o.store = calloc(1, sizeof(*o.store));
	if (!o.store)
		return -ENOMEM;
	pthread_mutex_init(&o.store->lock, NULL);
	err = open_store(executor, url, options, &o);
	if (err < 0) {
		store_close(o.store);
		return err;
	}
	*ret_store = o.store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (int i = STORE_USE_COUNT - 1; i >= 0; i--)
		eider_db_close(store->dbs[i]);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

bool store_is_embedded(const char *url)
{
	const struct engine *engine = engine_for(url);

	return engine && engine->embedded;
}

const char *store_url(struct store *store)
{
	return eider_db_url(store->db);
}

const char *store_use_name(enum store_use use)
{
	static const char *const names[] = { "transactions", "reading", "reports" };

	return names[use];
}

struct eider_db *store_db(struct store *store, enum store_use use)
{
	return store->dbs[use];
}
