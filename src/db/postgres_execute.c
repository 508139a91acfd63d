/*
 * postgres_execute.c - the driver's own statements, and how long they are waited for
 *
 * BEGIN, COMMIT, SET and their like do not go by PQexec(), which waits as long as the
 * server takes the packets: a server that was stopped, and a pooler that has put us in
 * a queue, do so for ever. They are sent, and their results waited for with poll().
 *
 *	BEGIN, COMMIT	until the grace after their deadline. Without one for ever, as
 *			COMMIT may take long (a sync to disk, a standby, deferred
 *			triggers); but if the job is cancelled, for a grace from then
 *	others		until that, but no longer than four times the grace: the server
 *			has nothing to do for them
 *
 * After that the connection is given up: it is shut down, so that whoever still uses
 * it fails at once, and counts as lost. What became of the statement is then not known,
 * which matters for COMMIT alone.
 *
 * A COMMIT is never cancelled by PQcancel(): while it waits for a standby that means
 * success without it, which is not what was asked for.
 */
#include <errno.h>
#include <poll.h>

#include <eider/job.h>

#include "postgres.h"

enum {
	SLICE_MS = 100,		/* how often a wait asks whether it is still wanted */
	PATIENCE_GRACES = 4,
};

void eider__postgres_give_up(struct eider__postgres *c)
{
	c->gone = true;
	eider__canceller_cut(c->canceller);
}

int64_t eider__postgres_limit(int64_t deadline)
{
	int64_t now = eider_now();

	if (deadline == EIDER_NEVER)
		return EIDER_NEVER;
	return (deadline > now ? deadline : now) + eider__postgres_grace_ns;
}

int64_t eider__postgres_short_limit(int64_t deadline)
{
	int64_t most = eider_after(PATIENCE_GRACES * eider__postgres_grace_ns);
	int64_t limit = eider__postgres_limit(deadline);

	return limit < most ? limit : most;
}

int eider__postgres_slice_ms(int64_t limit, int64_t now)
{
	int64_t ms = (limit - now) / 1000000 + 1;

	return ms < 0 ? 0 : ms < SLICE_MS ? (int)ms : SLICE_MS;
}

/* True if the next PQgetResult() does not wait; false after @limit. */
static bool wait_for_result(struct eider__postgres *c, int64_t *limit)
{
	while (PQisBusy(c->pg)) {
		int64_t now = eider_now();
		struct pollfd p = { .fd = PQsocket(c->pg), .events = POLLIN };

		if (*limit - now > eider__postgres_grace_ns && eider_cancelled())
			*limit = now + eider__postgres_grace_ns;
		if (now >= *limit)
			return false;
		if (PQflush(c->pg) > 0)
			p.events |= POLLOUT;
		poll(&p, 1, eider__postgres_slice_ms(*limit, now));
		/* Also if poll() saw nothing: TLS may have it already. */
		if (!PQconsumeInput(c->pg))
			return true;
	}
	return true;
}

/* All of them, of which *ret is the last one. */
static long take_results(struct eider__postgres *c, int64_t limit, PGresult **ret)
{
	PGresult *result;

	*ret = NULL;
	for (;;) {
		if (!wait_for_result(c, &limit)) {
			eider__postgres_give_up(c);
			return -ENOTCONN;
		}
		result = PQgetResult(c->pg);
		if (!result)
			return 0;
		PQclear(*ret);
		*ret = result;
		switch (PQresultStatus(result)) {
		case PGRES_COPY_IN:	/* there would be no end of these */
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
			return -EBUSY;
		default:
			break;
		}
	}
}

long eider__postgres_prepare(struct eider__postgres *c, int64_t limit)
{
	PGresult *left;
	long err = eider__canceller_settle(c->canceller);

	if (err < 0) {
		eider__postgres_give_up(c);
		return err;
	}
	if (PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
		return -EBUSY;
	if (PQtransactionStatus(c->pg) != PQTRANS_ACTIVE)
		return 0;
	/* Results that a job did not take, as PQexec() does. */
	err = take_results(c, limit, &left);
	PQclear(left);
	return err;
}

long eider__postgres_ask(struct eider__postgres *c, const char *sql, int64_t limit,
			 PGresult **ret_last)
{
	long err = 0;

	c->error = 0;
	*ret_last = NULL;
	if (PQsendQuery(c->pg, sql))
		err = take_results(c, limit, ret_last);
	return err < 0 ? err : eider__postgres_error(c);
}

long eider__postgres_execute(struct eider__postgres *c, const char *sql, int64_t limit)
{
	long err = eider__postgres_prepare(c, limit);
	PGresult *result;

	if (err < 0)
		return err;
	err = eider__postgres_ask(c, sql, limit, &result);
	PQclear(result);
	return err;
}
