/*
 * plain_postgres.c - PostgreSQL from a plain thread
 *
 * libpq's blocking calls, with statements prepared once for each connection, as
 * src/programs/ledger/engine_postgres.c has them.
 */
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/measure.h"
#include "plain.h"

enum { NUMBER_SIZE = 24 };

struct connection {
	PGconn *server;
	bool prepared[STATEMENT_COUNT];
};

/* A serialization failure; a deadlock; no more room to note who conflicts with whom. */
static bool is_conflict(const char *code)
{
	return !strcmp(code, "40001") || !strcmp(code, "40P01") ||
	       !strcmp(code, "53200");
}

/* How many rows; the result is freed. */
static long take(struct connection *c, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	long rows = PQntuples(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		if (!code || !is_conflict(code)) {
			fprintf(stderr, "ledger_plain: %s", PQerrorMessage(c->server));
			exit(1);
		}
		rows = -EAGAIN;
	}
	PQclear(result);
	return rows;
}

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void *open_connection(const char *url)
{
	struct connection *c = perf_alloc(1, sizeof(*c));

	c->server = PQconnectdb(url);
	if (PQstatus(c->server) != CONNECTION_OK) {
		fprintf(stderr, "ledger_plain: %s", PQerrorMessage(c->server));
		exit(1);
	}
	PQsetNoticeReceiver(c->server, ignore_notice, NULL);
	return c;
}

static void close_connection(void *connection)
{
	struct connection *c = connection;

	PQfinish(c->server);
	free(c);
}

static long execute(void *connection, const char *sql)
{
	struct connection *c = connection;

	return take(c, PQexec(c->server, sql));
}

static long run_statement(void *connection, enum statement which,
			  const struct value *values)
{
	struct connection *c = connection;
	unsigned int n = engine_value_count(which);
	char numbers[VALUES_MAX][NUMBER_SIZE];
	const char *texts[VALUES_MAX];
	char name[32];
	long err;

	snprintf(name, sizeof(name), "ledger_%d", (int)which);
	if (!c->prepared[which]) {
		err = take(c, PQprepare(c->server, name, engine_sql(which), 0, NULL));
		if (err < 0)
			return err;
		c->prepared[which] = true;
	}
	for (unsigned int i = 0; i < n; i++) {
		texts[i] = values[i].text ? values[i].text : numbers[i];
		snprintf(numbers[i], NUMBER_SIZE, "%" PRId64, values[i].number);
	}
	return take(c, PQexecPrepared(c->server, name, (int)n, texts, NULL, NULL, 0));
}

const struct plain_engine plain_postgres = {
	.engine = &engine_postgres,
	.begin = "BEGIN ISOLATION LEVEL SERIALIZABLE",
	.open = open_connection,
	.close = close_connection,
	.execute = execute,
	.run = run_statement,
};
