/*
 * plain_sqlite.c - SQLite from a plain thread
 *
 * The connection is set up as src/db/sqlite.c does it, with the same wait for the
 * writer's place: SQLite's own would sleep for up to 100 ms at a time.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/measure.h"
#include "plain.h"

struct connection {
	sqlite3 *db;
	int64_t busy_until;
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

static int wait_for_lock(void *connection, int tries)
{
	struct connection *c = connection;
	int64_t step = tries < 6 ? INT64_C(50000) << tries : 2000000;
	struct timespec ts = { .tv_nsec = step };

	if (!tries)
		c->busy_until = perf_clock() + 100000000;
	if (perf_clock() >= c->busy_until)
		return 0;
	nanosleep(&ts, NULL);
	return 1;
}

static long conflict(struct connection *c, int rc)
{
	if (rc == SQLITE_BUSY)
		return -EAGAIN;
	fprintf(stderr, "ledger_plain: %s\n", sqlite3_errmsg(c->db));
	exit(1);
}

static long execute(void *connection, const char *sql)
{
	struct connection *c = connection;
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return rc ? conflict(c, rc & 0xff) : 0;
}

static void *open_connection(const char *url)
{
	struct connection *c = perf_alloc(1, sizeof(*c));
	char *path = strdup(url + strlen("sqlite:"));
	const char *synchronous = "full";
	char sql[128];
	char *query;

	if (!path)
		perf_check(-ENOMEM, "strdup");
	query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
		if (strncmp(query, "synchronous=", strlen("synchronous=")) != 0)
			perf_check(-EINVAL, query);
		synchronous = query + strlen("synchronous=");
	}
	if (sqlite3_open_v2(path, &c->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
		conflict(c, 0);
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_handler(c->db, wait_for_lock, c);
	snprintf(sql, sizeof(sql),
		 "PRAGMA journal_mode = WAL;"
		 "PRAGMA synchronous = %s;"
		 "PRAGMA foreign_keys = ON", synchronous);
	perf_check(execute(c, sql), path);
	free(path);
	return c;
}

static void close_connection(void *connection)
{
	struct connection *c = connection;

	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(c->statements[i]);
	sqlite3_close(c->db);
	free(c);
}

static sqlite3_stmt *prepare(struct connection *c, enum statement which)
{
	if (!c->statements[which] &&
	    sqlite3_prepare_v3(c->db, engine_sql(which), -1, SQLITE_PREPARE_PERSISTENT,
			       &c->statements[which], NULL))
		conflict(c, 0);
	return c->statements[which];
}

static long run_statement(void *connection, enum statement which,
			  const struct value *values)
{
	struct connection *c = connection;
	sqlite3_stmt *s = prepare(c, which);
	long rows = 0;
	int rc;

	for (unsigned int i = 0; i < engine_value_count(which); i++) {
		if (values[i].text)
			rc = sqlite3_bind_text(s, (int)i + 1, values[i].text, -1,
					       SQLITE_STATIC);
		else
			rc = sqlite3_bind_int64(s, (int)i + 1, values[i].number);
		if (rc)
			conflict(c, 0);
	}
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		rows++;
	if (rc != SQLITE_DONE)
		rows = conflict(c, rc & 0xff);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return rows;
}

const struct plain_engine plain_sqlite = {
	.engine = &engine_sqlite,
	.begin = "BEGIN IMMEDIATE",
	.open = open_connection,
	.close = close_connection,
	.execute = execute,
	.run = run_statement,
};
