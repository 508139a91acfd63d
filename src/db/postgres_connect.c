/*
 * postgres_connect.c - connect to PostgreSQL
 *
 * By PQconnectPoll(), though the thread may wait (and does, for names of hosts): only
 * so there is a moment to ask for verbose errors, in which the SQLSTATE is. It is how
 * a wrong password is told from a server that is not there.
 *
 * What a URL says nothing about is set so that a dead peer is noticed: connecting
 * takes 5 s at most for each host, a silent connection is probed after 20 s and given
 * up after as much again, data that nobody takes is given up after 20 s.
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
	SLICE_MS = 100,		/* how often a wait asks whether it is still wanted */
};

static PGconn *start(const char *url)
{
	/* The later ones count; those of the URL are where dbname is. */
	const char *const keywords[] = {
		"fallback_application_name", "connect_timeout", "keepalives",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "dbname", "client_encoding", NULL,
	};
	const char *const values[] = {
		"eider", "5", "1", "20", "5", "4", "20000", url, "UTF8", NULL,
	};

	return PQconnectStartParams(keywords, values, 1);
}

static unsigned int count_hosts(const char *hosts)
{
	unsigned int n = 1;

	for (; hosts && *hosts; hosts++)
		n += *hosts == ',';
	return n;
}

/* connect_timeout for each of the hosts, as an absolute time. */
static int64_t patience(PGconn *pg)
{
	PQconninfoOption *options = PQconninfo(pg);
	unsigned int hosts = 1, n;
	long seconds = 0;

	for (PQconninfoOption *o = options; o && o->keyword; o++) {
		if (!o->val)
			continue;
		if (!strcmp(o->keyword, "connect_timeout"))
			seconds = atol(o->val);
		n = strcmp(o->keyword, "host") && strcmp(o->keyword, "hostaddr") ?
			    1 : count_hosts(o->val);
		hosts = n > hosts ? n : hosts;
	}
	PQconninfoFree(options);
	if (seconds <= 0 || seconds > 1000000)
		return EIDER_NEVER;
	return eider_after((int64_t)seconds * hosts * 1000000000);
}

/* 0; -ETIME, -ECANCELED. */
static long wait_for_socket(PGconn *pg, bool to_write, int64_t deadline)
{
	struct pollfd p = {
		.fd = PQsocket(pg),
		.events = to_write ? POLLOUT : POLLIN,
	};

	while (poll(&p, 1, SLICE_MS) <= 0) {
		if (eider_cancelled())
			return -ECANCELED;
		if (eider_now() >= deadline)
			return -ETIME;
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

static long finish(const struct eider_db_settings *s, PGconn *pg)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int64_t deadline;
	long err;

	if (PQstatus(pg) == CONNECTION_BAD)
		return connect_error(s, pg);
	PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
	deadline = patience(pg);
	while (state != PGRES_POLLING_OK) {
		if (state == PGRES_POLLING_FAILED)
			return connect_error(s, pg);
		err = wait_for_socket(pg, state == PGRES_POLLING_WRITING, deadline);
		if (err == -ETIME) {
			explain(s, "the server does not answer: connect_timeout");
			return -ENOTCONN;
		}
		if (err < 0)
			return err;
		state = PQconnectPoll(pg);
	}
	PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
	return 0;
}

static long set_up(const struct eider_db_settings *s, struct eider__postgres *c)
{
	int64_t ms = s->busy_ns / 1000000 + (s->busy_ns % 1000000 > 0);
	char sql[64];
	long err;

	snprintf(sql, sizeof(sql), "SET lock_timeout = %d",
		 ms < INT_MAX ? (int)ms : INT_MAX);
	PQclear(PQexec(c->pg, sql));
	err = eider__postgres_error(c);
	if (err < 0)
		explain(s, PQerrorMessage(c->pg));
	return err;
}

static long connect_to(const struct eider_db_settings *s, struct eider__postgres *c)
{
	const char *fault = eider__postgres_url_fault(s->url);
	long err;

	if (fault) {
		explain(s, fault);
		return -EINVAL;
	}
	c->pg = start(s->url);
	if (!c->pg)
		return -ENOMEM;
	err = finish(s, c->pg);
	if (!err)
		err = eider__canceller_init(&c->canceller, c->pg);
	if (!err)
		err = eider__postgres_watch(c);
	return err < 0 ? err : set_up(s, c);
}

long eider__postgres_connect(const struct eider_db_settings *s,
			     struct eider__postgres **ret)
{
	struct eider__postgres *c = calloc(1, sizeof(*c));
	long err;

	if (!c)
		return -ENOMEM;
	c->deadline = EIDER_NEVER;
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
	eider__canceller_release(&c->canceller);
	PQfinish(c->pg);
	free(c);
}
