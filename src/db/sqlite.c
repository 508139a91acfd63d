/*
 * sqlite.c - the driver for SQLite
 *
 * Write-ahead log. Readers do not wait for the writer, nor it for them; there is
 * one writer at a time. A database that has its log keeps it: asking for it again,
 * on each connection, costs a look.
 *
 * Where there can be none (a file system through which no memory can be shared) the
 * database is not opened: -EMEDIUMTYPE. SQLite would go on with another journal, and
 * say so in a row of the answer alone; readers would then stop the writer, and
 * synchronous=normal would be less than db_options.h promises. Nor is it made up for
 * with synchronous=full: who asked for something else should know.
 *
 * synchronous, a parameter of the URL. FULL, if nothing is said: a commit is on the
 * disk before it is answered, by an fsync() that takes some milliseconds on most
 * disks, during which nobody else can write. NORMAL: with a log, a commit survives the
 * death of the process at once, and that of the machine from the next checkpoint on: a
 * power cut may take the newest commits back, each as a whole, and never leaves one in
 * part. OFF: a power cut may leave anything.
 *
 * BEGIN IMMEDIATE. A transaction that reads first cannot write any more if somebody
 * else wrote in between (SQLITE_BUSY_SNAPSHOT), and no waiting helps. Taking the
 * writer's place at once moves the conflict to where nothing has been done yet and
 * waiting does help. Who only reads needs no transaction: eider_db_call().
 *
 * Waiting for that place is asleep on the transaction thread, options.busy_ns at
 * most, in steps of 50 us to 2 ms. SQLite's own handler counts in milliseconds and
 * comes to steps of 100: most of the time all would sleep and nobody write.
 *
 * Interrupting. sqlite3_interrupt() ends what runs, and is forgotten if nothing
 * does: between two statements, or while waiting for a lock. So both the engine's
 * virtual machine and the wait ask eider_cancelled() as well. The deadline they know
 * themselves.
 *
 * A connection has no mutex (SQLITE_OPEN_NOMUTEX): its own thread alone uses it.
 * sqlite3_interrupt() is allowed from others as long as it is not being closed.
 */
#include "sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <eider/job.h>

enum {
	SCHEME_LEN = sizeof("sqlite:") - 1,
	PROGRESS_STEPS = 10000,		/* of the virtual machine; about 100 us */
};

struct connection {
	sqlite3 *db;
	int64_t busy_ns;
	int64_t busy_until;		/* of the wait under way */
	int64_t deadline;		/* of what is under way, or EIDER_NEVER */
	bool unknown;			/* whether the last commit is in the log */
};

/* --- errors ---------------------------------------------------------------- */

static bool is_late(const struct connection *c)
{
	return c->deadline != EIDER_NEVER && eider_now() >= c->deadline;
}

/* Whose fault it is that it was not waited for. */
static long in_time(const struct connection *c, long err)
{
	return (err == -EAGAIN || err == -ECANCELED) && is_late(c) ? -ETIME : err;
}

static long explain(const struct connection *c, int extended)
{
	return in_time(c, eider__sqlite_meaning(extended, errno));
}

static long last_error(void *connection)
{
	struct connection *c = connection;
	int extended = sqlite3_extended_errcode(c->db);
	bool opening = (extended & 0xff) == SQLITE_CANTOPEN;

	/* The job has done other things since, and errno is theirs as well. */
	return in_time(c, eider__sqlite_meaning(extended, opening ?
						sqlite3_system_errno(c->db) : errno));
}

static long execute(void *connection, const char *sql)
{
	struct connection *c = connection;
	int rc;

	errno = 0;
	rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : explain(c, rc);
}

/* --- waiting, and being asked to stop -------------------------------------- */

static int wait_for_lock(void *connection, int tries)
{
	struct connection *c = connection;
	int64_t step = tries < 6 ? INT64_C(50000) << tries : 2000000;
	struct timespec ts = { .tv_nsec = step };

	if (!tries)
		c->busy_until = eider_after(c->busy_ns);
	if (eider_cancelled() || is_late(c) || eider_now() >= c->busy_until)
		return 0;
	nanosleep(&ts, NULL);
	return 1;
}

static int ask_to_stop(void *connection)
{
	return eider_cancelled() || is_late(connection);
}

static void interrupt(void *connection)
{
	struct connection *c = connection;

	sqlite3_interrupt(c->db);
}

/* --- connecting ------------------------------------------------------------ */

static void close_connection(void *connection)
{
	struct connection *c = connection;

	/* v2: what a user forgot to finalize must not keep the file open here. */
	sqlite3_close_v2(c->db);
	sqlite3_free(c);
}

/* The mode is in the one row of all that set_up() asks for. */
static int take_mode(void *is_wal, int n, char **values, char **names)
{
	(void)names;
	*(bool *)is_wal = n && values[0] && !strcmp(values[0], "wal");
	return 0;
}

static long set_up(struct connection *c, const char *path, const char *synchronous)
{
	bool is_wal = false;
	char sql[128];
	int rc;

	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_handler(c->db, wait_for_lock, c);
	sqlite3_progress_handler(c->db, PROGRESS_STEPS, ask_to_stop, c);
	snprintf(sql, sizeof(sql),
		 "PRAGMA journal_mode = WAL;"
		 "PRAGMA synchronous = %s;"
		 "PRAGMA foreign_keys = ON", synchronous);
	errno = 0;
	rc = sqlite3_exec(c->db, sql, take_mode, &is_wal, NULL);
	if (rc != SQLITE_OK)
		return in_time(c, eider__sqlite_open_error(c->db, path));
	return is_wal ? 0 : -EMEDIUMTYPE;
}

static long connect_to(struct connection *c, const char *path,
		       const char *synchronous, bool create)
{
	const char *file;
	int rc;

	errno = 0;
	rc = sqlite3_open_v2(path, &c->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			     (create ? SQLITE_OPEN_CREATE : 0), NULL);
	if (!c->db)
		return -ENOMEM;
	if (rc != SQLITE_OK)
		return eider__sqlite_open_error(c->db, path);
	/* In memory each connection would have a database of its own. */
	file = sqlite3_db_filename(c->db, "main");
	if (!file || !*file)
		return -EINVAL;
	return set_up(c, path, synchronous);
}

static void explain_url(const struct eider_db_settings *s, const char *what)
{
	if (s->why)
		snprintf(s->why, s->why_size, "%s", what);
}

static void explain_failure(const struct eider_db_settings *s, struct connection *c,
			    long err)
{
	if (!s->why || !c->db)
		return;
	if (err == -EINVAL && sqlite3_errcode(c->db) == SQLITE_OK)
		explain_url(s, "a database in memory cannot be shared");
	else
		eider__sqlite_explain(c->db, err, s->why, s->why_size);
}

/* What is behind the '?'. */
static long read_parameters(const struct eider_db_settings *s, const char *text,
			    const char **ret_synchronous)
{
	static const char *const levels[] = { "full", "normal", "off" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strncmp(text, "synchronous=", 12) &&
		    !strcmp(text + 12, levels[i])) {
			*ret_synchronous = levels[i];
			return 0;
		}
	}
	explain_url(s, "behind the '?' may be synchronous=full, normal or off");
	return -EINVAL;
}

static long connect_by(struct connection *c, const struct eider_db_settings *s)
{
	const char *path = s->url + SCHEME_LEN, *query = strchr(path, '?');
	const char *synchronous = "full";
	char *copy;
	long err = 0;

	if (query)
		err = read_parameters(s, query + 1, &synchronous);
	if (err < 0)
		return err;
	copy = strndup(path, query ? (size_t)(query - path) : strlen(path));
	if (!copy)
		return -ENOMEM;
	err = connect_to(c, copy, synchronous, s->first);
	free(copy);
	if (err < 0)
		explain_failure(s, c, err);
	return err;
}

static long open_connection(const struct eider_db_settings *settings,
			    void **ret_connection)
{
	struct connection *c = sqlite3_malloc(sizeof(*c));
	long err;

	if (!c)
		return -ENOMEM;
	memset(c, 0, sizeof(*c));
	c->busy_ns = settings->busy_ns;
	c->deadline = settings->deadline;
	err = connect_by(c, settings);
	c->deadline = EIDER_NEVER;
	if (err < 0) {
		close_connection(c);
		return err;
	}
	*ret_connection = c;
	return 0;
}

/*
 * Nothing dies in an embedded engine, but its file may be moved or replaced. One that
 * is gone is not made anew: what was in it would be forgotten without a word.
 */
static long ping(void *connection)
{
	struct connection *c = connection;
	int moved = 0;
	int rc = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);

	return rc == SQLITE_OK && !moved ? 0 : -ESTALE;
}

static bool is_lost(void *connection)
{
	(void)connection;
	return false;
}

static void *handle(void *connection)
{
	struct connection *c = connection;

	return c->db;
}

/* --- transactions ---------------------------------------------------------- */

static long execute_until(struct connection *c, const char *sql, int64_t deadline)
{
	long err;

	c->deadline = deadline;
	err = execute(c, sql);
	c->deadline = EIDER_NEVER;
	return err;
}

static long begin(void *connection, int64_t deadline)
{
	return execute_until(connection, "BEGIN IMMEDIATE", deadline);
}

/* An error of input or output may be one after the log was written: sqlite_error.c. */
static long commit(void *connection, int64_t deadline)
{
	struct connection *c = connection;
	long err = execute_until(c, "COMMIT", deadline);

	c->unknown = err < 0 && (sqlite3_errcode(c->db) & 0xff) == SQLITE_IOERR;
	return err;
}

static bool is_unknown(void *connection)
{
	struct connection *c = connection;

	return c->unknown;
}

static long start_use(void *connection, int64_t deadline)
{
	struct connection *c = connection;

	c->deadline = deadline;
	errno = 0;
	return 0;
}

static void end_use(void *connection)
{
	struct connection *c = connection;

	c->deadline = EIDER_NEVER;
}

static bool in_transaction(void *connection)
{
	struct connection *c = connection;

	return !sqlite3_get_autocommit(c->db);
}

static long rollback(void *connection)
{
	return in_transaction(connection) ? execute(connection, "ROLLBACK") : 0;
}

static long execute_at(void *connection, const char *format, unsigned int depth)
{
	char sql[96];

	snprintf(sql, sizeof(sql), format, depth, depth);
	return execute(connection, sql);
}

static long savepoint(void *connection, unsigned int depth)
{
	return execute_at(connection, "SAVEPOINT eider_%u", depth);
}

static long release(void *connection, unsigned int depth)
{
	return execute_at(connection, "RELEASE eider_%u", depth);
}

static long rollback_to(void *connection, unsigned int depth)
{
	return execute_at(connection, "ROLLBACK TO eider_%u;"
				      "RELEASE eider_%u", depth);
}

const struct eider_db_driver eider_sqlite = {
	.scheme = "sqlite",
	.open = open_connection,
	.close = close_connection,
	.ping = ping,
	.is_lost = is_lost,
	.begin = begin,
	.commit = commit,
	.is_unknown = is_unknown,
	.rollback = rollback,
	.in_transaction = in_transaction,
	.savepoint = savepoint,
	.release = release,
	.rollback_to = rollback_to,
	.start_use = start_use,
	.end_use = end_use,
	.error = last_error,
	.handle = handle,
	.interrupt = interrupt,
};
