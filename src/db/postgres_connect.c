/*
 * postgres_connect.c - connect to PostgreSQL
 *
 * By PQconnectPoll(), though the thread may wait (and does, for names of hosts): only
 * so there is a moment to ask for verbose errors, in which the SQLSTATE is. It is how
 * a wrong password is told from a server that is not there. And only so the wait can
 * end early: at the deadline of the job that needs the connection, or if that is
 * cancelled. Looking up a name is the resolver's, and takes as long as that does.
 *
 * What a URL says nothing about is set so that a dead peer is noticed: connecting
 * takes 5 s at most for each host, a silent connection is probed after 20 s and given
 * up after as much again, data that nobody takes is given up after 20 s.
 *
 * connect_timeout is for each address of each host by itself, from the first packet to
 * the answer to our first statement: a pooler lets everybody in, and has them wait
 * there. When it has passed the next address has its turn (postgres_hosts.c). 0 is no
 * bound for libpq; whoever opens a database cannot be called back, so here it is a
 * minute.
 *
 * options.busy_ns is lock_timeout: whoever waits longer for a lock has a conflict.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/job.h>

#include "postgres.h"

enum {
	PLACE_MAX = 400,
};

int64_t eider__postgres_unbounded_ns = INT64_C(60000000000);

static PGconn *start(const char *url, const struct eider__postgres_hosts *hosts)
{
	/*
	 * The later ones count; those of the URL are where dbname is. What is empty
	 * does not count at all.
	 */
	const char *const keywords[] = {
		"fallback_application_name", "connect_timeout", "keepalives",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "dbname", "client_encoding", "host", "hostaddr",
		"port", NULL,
	};
	const char *const values[] = {
		"eider", "5", "1", "20", "5", "4", "20000", url, "UTF8", hosts->host,
		hosts->hostaddr, hosts->port, NULL,
	};

	return PQconnectStartParams(keywords, values, 1);
}

/* connect_timeout. */
static int64_t patience_ns(PGconn *pg)
{
	PQconninfoOption *options = PQconninfo(pg);
	long seconds = 0;

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		if (o->val && !strcmp(o->keyword, "connect_timeout"))
			seconds = atol(o->val);
	PQconninfoFree(options);
	if (seconds <= 0 || seconds > 1000000)
		return eider__postgres_unbounded_ns;
	return (int64_t)seconds * 1000000000;
}

/* Which address of which host it is at. */
static void note_place(PGconn *pg, char place[PLACE_MAX])
{
	snprintf(place, PLACE_MAX, "%s %s %s", PQhost(pg), PQhostaddr(pg), PQport(pg));
}

static bool is_new_place(PGconn *pg, char place[PLACE_MAX])
{
	char before[PLACE_MAX];

	memcpy(before, place, PLACE_MAX);
	note_place(pg, place);
	return strcmp(before, place) != 0;
}

/* 0; -ETIMEDOUT after @limit; -ETIME after the job's deadline; -ECANCELED. */
static long wait_for_socket(const struct eider_db_settings *s, PGconn *pg,
			    bool to_write, int64_t limit)
{
	int64_t end = limit < s->deadline ? limit : s->deadline;
	struct pollfd p = {
		.fd = PQsocket(pg),
		.events = to_write ? POLLOUT : POLLIN,
	};
	int64_t now;

	while (poll(&p, 1, eider__postgres_slice_ms(end, now = eider_now())) <= 0) {
		if (now >= s->deadline)
			return -ETIME;
		if (eider_cancelled())
			return -ECANCELED;
		if (now >= limit)
			return -ETIMEDOUT;
	}
	return 0;
}

/* The last SQLSTATE in a verbose message: "FATAL:  28P01: ..."; or -ENOTCONN. */
static long meaning_of(const char *message)
{
	static const char code[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	long err = -ENOTCONN;

	while ((message = strstr(message, ":  "))) {
		message += 3;
		if (strspn(message, code) == 5 && message[5] == ':')
			err = eider__postgres_meaning(message);
	}
	return err;
}

/* The lines of libpq as one, without where in the server it was. */
static void explain(const struct eider_db_settings *s, const char *message)
{
	size_t used = 0;

	if (!s->why)
		return;
	*s->why = 0;
	while (*message && used + 1 < s->why_size) {
		size_t len = strcspn(message, "\n");

		if (len && strncmp(message, "LOCATION:", 9))
			used += (size_t)snprintf(s->why + used, s->why_size - used,
						 "%s%.*s", used ? "; " : "",
						 (int)len, message);
		message += len;
		message += *message == '\n';
	}
}

static long connect_error(const struct eider_db_settings *s, PGconn *pg)
{
	explain(s, PQerrorMessage(pg));
	if (PQconnectionNeedsPassword(pg))
		return -EACCES;
	return meaning_of(PQerrorMessage(pg));
}

/* Log in. On success *limit is until when the server has to answer. */
static long finish(const struct eider_db_settings *s, PGconn *pg, int64_t *limit)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int64_t patience = patience_ns(pg);
	char place[PLACE_MAX];
	long err;

	if (PQstatus(pg) == CONNECTION_BAD)
		return connect_error(s, pg);
	PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
	note_place(pg, place);
	*limit = eider_after(patience);
	while (state != PGRES_POLLING_OK) {
		if (state == PGRES_POLLING_FAILED)
			return connect_error(s, pg);
		err = wait_for_socket(s, pg, state == PGRES_POLLING_WRITING, *limit);
		if (err < 0)
			return err;
		state = PQconnectPoll(pg);
		if (is_new_place(pg, place))
			*limit = eider_after(patience);
	}
	PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
	return 0;
}

/* Why there was no answer by @limit; or @err, if there was one. */
static long why_silent(const struct eider_db_settings *s, struct eider__postgres *c,
		       long err, int64_t limit)
{
	if (err == -ENOTCONN && eider_now() >= s->deadline)
		return -ETIME;
	if (err == -ENOTCONN && eider_cancelled())
		return -ECANCELED;
	if (err == -ENOTCONN && eider_now() >= limit)
		return -ETIMEDOUT;
	explain(s, PQerrorMessage(c->pg));
	return err;
}

/* "0", "300ms", "5s", "2min", "1h", "1d": as SHOW shows it. */
static int read_ms(const char *text)
{
	static const struct {
		const char *unit;
		long ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 },
		{ "d", 86400000 },
	};
	char *unit;
	long n = strtol(text, &unit, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].unit))
			n *= units[i].ms;
	return n > 0 && n < INT_MAX ? (int)n : 0;
}

static long set_up(const struct eider_db_settings *s, struct eider__postgres *c,
		   int64_t limit)
{
	int64_t ms = s->busy_ns / 1000000 + (s->busy_ns % 1000000 > 0);
	int64_t end = limit < s->deadline ? limit : s->deadline;
	PGresult *result;
	char sql[80];
	long err;

	snprintf(sql, sizeof(sql), "SET lock_timeout = %d; SHOW statement_timeout",
		 ms < INT_MAX ? (int)ms : INT_MAX);
	err = eider__postgres_ask(c, sql, end, &result);
	if (!err && PQntuples(result) == 1)
		c->default_timeout_ms = read_ms(PQgetvalue(result, 0, 0));
	PQclear(result);
	return err < 0 ? why_silent(s, c, err, limit) : 0;
}

static long connect_to_one(const struct eider_db_settings *s, struct eider__postgres *c,
			   const struct eider__postgres_hosts *hosts)
{
	int64_t limit;
	long err;

	c->gone = c->in_doubt = false;
	c->pg = start(s->url, hosts);
	if (!c->pg)
		return -ENOMEM;
	err = finish(s, c->pg, &limit);
	if (!err)
		err = eider__canceller_new(c->pg, &c->canceller);
	if (!err)
		err = eider__postgres_watch(c);
	return err < 0 ? err : set_up(s, c, limit);
}

static void disconnect(struct eider__postgres *c)
{
	eider__canceller_free(c->canceller);
	c->canceller = NULL;
	PQfinish(c->pg);
	c->pg = NULL;
}

static long connect_to(const struct eider_db_settings *s, struct eider__postgres *c)
{
	struct eider__postgres_hosts hosts = { "", "", "" };
	const char *fault = eider__postgres_url_fault(s->url);
	long err;

	if (fault) {
		explain(s, fault);
		return -EINVAL;
	}
	err = connect_to_one(s, c, &hosts);
	while (err == -ETIMEDOUT && eider__postgres_next_hosts(c->pg, &hosts)) {
		disconnect(c);
		err = connect_to_one(s, c, &hosts);
	}
	if (err != -ETIMEDOUT)
		return err;
	explain(s, "the server does not answer: connect_timeout");
	return -ENOTCONN;
}

long eider__postgres_connect(const struct eider_db_settings *s,
			     struct eider__postgres **ret)
{
	struct eider__postgres *c = calloc(1, sizeof(*c));
	long err;

	if (!c)
		return -ENOMEM;
	c->deadline = c->until = EIDER_NEVER;
	c->isolation = s->isolation;
	err = connect_to(s, c);
	if (err < 0) {
		eider__postgres_disconnect(c);
		return err;
	}
	*ret = c;
	return 0;
}

void eider__postgres_disconnect(struct eider__postgres *c)
{
	disconnect(c);
	free(c);
}
