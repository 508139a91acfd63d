/*
 * postgres_error.c - what went wrong on a connection to PostgreSQL
 *
 * A PGresult has its SQLSTATE, a PGconn has not: what is known of it afterwards is a
 * text in the server's language. But users make their own results on it, and ask then
 * what the last error was. So an event procedure looks at each result that is made on
 * the connection, whoever asked for it, and notes what it says. What the server says
 * between two statements (good-bye, as a rule) comes as a notice, and is noted too;
 * other notices are dropped: a library does not write to stderr.
 *
 * An error without a SQLSTATE is libpq's own. If the connection broke while it was
 * sent to, libpq says so and does not call it bad before it is read from: so it is
 * looked at.
 *
 * Failed transactions. After an error PostgreSQL refuses all statements up to the end
 * of the transaction, or back to a savepoint, with 25P02. That is no error of theirs:
 * it counts as the one that was the cause, so a conflict is known as one whoever
 * swallowed it on the way.
 *
 * 57014, cancelled, has three causes, and the text alone says which: the deadline,
 * whose statement_timeout comes first at times; our own PQcancel(); somebody else. If
 * nobody of us asked, and there is a timeout, ours or the administrator's, it is that.
 *
 * Codes that mean a connection is lost are not always about ours: an extension may have
 * connections of its own. It is ours if the server says so for good (FATAL), or hangs
 * up, which shows when it is looked at.
 */
#include <errno.h>
#include <libpq-events.h>
#include <poll.h>
#include <string.h>

#include "postgres.h"

/* By the beginning: the first that fits. */
static const struct {
	char state[6];
	int err;
} meanings[] = {
	{ "40001", EAGAIN },		/* serialization failure */
	{ "40P01", EAGAIN },		/* deadlock */
	{ "55P03", EAGAIN },		/* lock_timeout: options.busy_ns */
	{ "57014", ECANCELED },
	{ "25P02", ESTALE },		/* in a failed transaction */
	{ "25P03", ENOTCONN },		/* idle for too long: it hung up */
	{ "25P04", ENOTCONN },
	{ "25006", EROFS },
	{ "25", EINVAL },
	{ "23", EEXIST },
	{ "44", EEXIST },
	{ "53100", ENOSPC },
	{ "53200", ENOMEM },
	{ "53300", ECONNREFUSED },	/* too many connections */
	{ "57P", ENOTCONN },		/* shut down, crashed, not yet up, dropped */
	{ "08", ENOTCONN },
	{ "28", EACCES },
	{ "42501", EACCES },
	{ "3D", ENOENT },
	{ "0A", EINVAL },
	{ "22", EINVAL },
	{ "26", EINVAL },
	{ "3", EINVAL },
	{ "42", EINVAL },
	{ "54", E2BIG },
	{ "P0", EINVAL },
};

long eider__postgres_meaning(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		const char *state = meanings[i].state;

		if (!strncmp(sqlstate, state, strlen(state)))
			return -meanings[i].err;
	}
	return -EIO;
}

static bool is_late(const struct eider__postgres *c)
{
	return c->deadline != EIDER_NEVER && eider_now() >= c->deadline;
}

static long cause_of_cancellation(struct eider__postgres *c)
{
	if (is_late(c))
		return -ETIME;
	if (eider__canceller_was_asked(c->canceller))
		return -ECANCELED;
	return c->timeout_ms || c->default_timeout_ms ? -ETIME : -ECANCELED;
}

/* Is it the end of the session? */
static bool is_fatal(const PGresult *result)
{
	const char *severity =
		PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"));
}

static void note_error(struct eider__postgres *c, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (!sqlstate) {	/* libpq's own */
		c->error = -EIO;
		c->in_doubt = true;
		return;
	}
	c->error = eider__postgres_meaning(sqlstate);
	if (c->error == -ECANCELED)
		c->error = cause_of_cancellation(c);
	/* A conflict that took too long to be found is still the deadline's. */
	if (!strcmp(sqlstate, "55P03") && is_late(c))
		c->error = -ETIME;
	if (strcmp(sqlstate, "25P02"))
		c->failure = c->error;
	else if (c->failure)
		c->error = c->failure;
	if (is_fatal(result))
		c->gone = true;
	else if (c->error == -ENOTCONN)
		c->in_doubt = true;
}

/* SET LOCAL may have been undone, by ROLLBACK TO, or have ended, by AND CHAIN. */
static void note_command(struct eider__postgres *c, const char *tag)
{
	if (!strcmp(tag, "COMMIT"))
		c->committed = true;
	if (c->told && (!strcmp(tag, "ROLLBACK") || !strcmp(tag, "COMMIT")))
		c->timeout_ms = EIDER__TIMEOUT_UNKNOWN;
}

static void note_result(struct eider__postgres *c, const PGresult *result)
{
	c->answered = true;
	switch (PQresultStatus(result)) {
	case PGRES_FATAL_ERROR:
	case PGRES_BAD_RESPONSE:
		note_error(c, result);
		break;
	case PGRES_NONFATAL_ERROR:
	case PGRES_PIPELINE_ABORTED:	/* what came before says why */
	case PGRES_PIPELINE_SYNC:
		break;
	case PGRES_COMMAND_OK:
		note_command(c, PQcmdStatus((PGresult *)result));
		c->error = 0;
		break;
	default:
		c->error = 0;
	}
}

static int watch(PGEventId id, void *info, void *arg)
{
	/* PQreset(): it is another one now, of which we have not the PGcancel. */
	if (id == PGEVT_CONNRESET)
		eider__postgres_give_up(arg);
	else if (id == PGEVT_RESULTCREATE)
		note_result(arg, ((PGEventResultCreate *)info)->result);
	return 1;
}

static void take_notice(void *arg, const PGresult *result)
{
	struct eider__postgres *c = arg;

	if (is_fatal(result))
		c->gone = true;
}

long eider__postgres_watch(struct eider__postgres *c)
{
	PQsetNoticeReceiver(c->pg, take_notice, c);
	return PQregisterEventProc(c->pg, watch, "eider", c) ? 0 : -ENOMEM;
}

bool eider__postgres_is_lost(struct eider__postgres *c)
{
	if (c->in_doubt) {
		c->in_doubt = false;
		eider__postgres_look(c);
	}
	/* libpq has closed its end by now; ours holds the server's as well. */
	if (!c->gone && PQstatus(c->pg) == CONNECTION_BAD)
		eider__postgres_give_up(c);
	return c->gone;
}

void eider__postgres_look(struct eider__postgres *c)
{
	struct pollfd p = { .fd = PQsocket(c->pg), .events = POLLIN };

	while (!eider__postgres_is_lost(c) && poll(&p, 1, 0) > 0) {
		if (PQconsumeInput(c->pg))
			(void)PQisBusy(c->pg);		/* reads what it says */
		else
			c->gone = true;
	}
}

long eider__postgres_error(struct eider__postgres *c)
{
	long err = c->error;

	/* Refused by libpq before there was a result. */
	if (!err && *PQerrorMessage(c->pg)) {
		c->in_doubt = true;
		err = -EIO;
	}
	return eider__postgres_is_lost(c) ? -ENOTCONN : err;
}
