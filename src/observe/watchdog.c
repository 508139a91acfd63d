/*
 * watchdog.c - notice what takes long, while it does
 *
 * While anything runs the watchdog looks at all watched threads, four times per
 * limit. A beat that is odd and the same as at the last look belongs to something
 * that has run since then. So nobody who runs something has to read a clock, and an
 * age is exact to a quarter of the limit.
 *
 * Parked. After a second, and two looks, in which nothing ran it sleeps until somebody
 * becomes busy: an idle executor uses no CPU. A worker says so for the first of what it
 * has taken, so between two looks at most one batch is begun that nobody announced.
 * The hand-over is the same pair of stores and
 * loads as in loop/inbox.c, all in the total order; or, where there are asymmetric
 * barriers, with a light one between B1 and B2 and a heavy one between D1 and D2:
 *
 *	busy thread			watchdog
 *	-----------			--------
 *	B1  beat becomes odd		D1  parked = 1
 *	B2  parked?  then unpark	D2  any beat odd?  then do not sleep
 *
 * Without limits (EIDER_NEVER) there is no thread, only the list.
 *
 * Reports of the same thing come at once, twice, four times the limit and so on.
 * More than REPORTS_PER_SECOND are counted, not made.
 *
 * Locks: lock guards the list of threads, handler_lock the handler; they are never
 * held together, and neither while the handler runs. A report is a copy, so what it
 * tells of may end meanwhile; names are string literals by contract (job.h).
 */
#include "watchdog.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/sys.h"

enum {
	REPORTS_PER_LOOK = 8,
	REPORTS_PER_SECOND = 10,
	PARK_AFTER_NS = 1000000000,
};

/* What is to be told, found under the lock, told without. */
struct report {
	struct eider_warning warning;
	char thread[32];
};

static int64_t at_least(int64_t a, int64_t b)
{
	return a < b ? b : a;
}

void eider__watchdog_init(struct eider__watchdog *w, int64_t slow_job_ns,
			  int64_t loop_stall_ns, bool lopsided)
{
	int64_t limit = slow_job_ns < loop_stall_ns ? slow_job_ns : loop_stall_ns;

	memset(w, 0, sizeof(*w));
	w->slow_job_ns = slow_job_ns;
	w->loop_stall_ns = loop_stall_ns;
	w->lopsided = lopsided;
	w->period_ns = limit == EIDER_NEVER ? EIDER_NEVER :
					      at_least(limit / 4, 1000000);
	eider__lock_init(&w->lock);
	eider__lock_init(&w->handler_lock);
	eider__cond_init(&w->change);
	eider__node_init(&w->watched);
}

void eider__watchdog_release(struct eider__watchdog *w)
{
	eider__lock_take(&w->lock);
	w->stopping = true;
	eider__cond_wake_all(&w->change);
	eider__lock_give(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	eider__cond_release(&w->change);
	eider__lock_release(&w->handler_lock);
	eider__lock_release(&w->lock);
}

static void fill_report(struct report *r, const struct eider__watched *who,
			const struct eider__watched_now *now, int64_t age)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->thread, who->thread, sizeof(r->thread));
	r->warning.kind = who->is_loop ? EIDER_LOOP_STALLED :
					 EIDER_TASK_TOOK_TOO_LONG;
	r->warning.name = now->name || !who->name_of ? now->name :
							who->name_of(now->fn);
	r->warning.fn = now->fn;
	r->warning.context = now->context;
	r->warning.age_ns = age;
	r->warning.waiting = eider__watched_waiting(who);
}

/* True if @who runs something; fills @r and sets @due if that takes too long. */
static bool look_at(const struct eider__watchdog *w, struct eider__watched *who,
		    int64_t clock, struct report *r, bool *due)
{
	int64_t limit = who->is_loop ? w->loop_stall_ns : w->slow_job_ns;
	struct eider__watched_now now;
	bool readable = eider__watched_read(who, &now);

	*due = false;
	if (now.beat != who->seen || !(now.beat & 1)) {
		who->seen = now.beat;
		who->since = clock;
		who->report_at = limit;
	} else if (readable && clock - who->since >= who->report_at) {
		fill_report(r, who, &now, clock - who->since);
		if (who->report_at <= EIDER_NEVER / 2)
			who->report_at *= 2;
		*due = true;
	}
	return now.beat & 1;
}

/* One look at everybody. How many reports; *busy if anything runs. */
static unsigned int look_locked(struct eider__watchdog *w, struct report *reports,
				bool *busy)
{
	int64_t clock = eider_now();
	unsigned int n = 0;
	bool due;

	*busy = false;
	eider__node_each(node, &w->watched) {
		struct eider__watched *who =
			eider__container(node, struct eider__watched, node);

		if (n == REPORTS_PER_LOOK)
			break;
		*busy |= look_at(w, who, clock, &reports[n], &due);
		n += due;
	}
	return n;
}

static bool anybody_busy_locked(struct eider__watchdog *w)
{
	eider__node_each(node, &w->watched)
		if (eider__load_full(&eider__container(node, struct eider__watched,
						       node)->beat) & 1)
			return true;
	return false;
}

static void park_locked(struct eider__watchdog *w)
{
	eider__store_full(&w->parked, 1);			/* D1 */
	if (w->lopsided && !eider__barrier_heavy()) {
		eider__store_full(&w->parked, 0);	/* look on, then */
		return;
	}
	while (eider__load_full(&w->parked) && !w->stopping &&
	       !anybody_busy_locked(w))				/* D2 */
		eider__cond_wait(&w->change, &w->lock, EIDER_NEVER);
	eider__store_full(&w->parked, 0);
}

void eider__watchdog_unpark(struct eider__watchdog *w)
{
	eider__lock_take(&w->lock);
	eider__store_full(&w->parked, 0);
	eider__cond_wake_all(&w->change);
	eider__lock_give(&w->lock);
}

static void tell(struct eider__watchdog *w, struct report *reports, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		reports[i].warning.thread = reports[i].thread;
		eider__warn(w, &reports[i].warning);
	}
}

static void *watch(void *arg)
{
	struct eider__watchdog *w = arg;
	struct report reports[REPORTS_PER_LOOK];
	int64_t park_after = at_least(PARK_AFTER_NS, w->period_ns * 2);
	int64_t last_busy = eider_now();
	unsigned int n;
	bool busy;

	eider__thread_set_name("eider-watchdog");
	eider__lock_take(&w->lock);
	while (!w->stopping) {
		n = look_locked(w, reports, &busy);
		if (n) {
			eider__lock_give(&w->lock);
			tell(w, reports, n);
			eider__lock_take(&w->lock);
		}
		if (busy)
			last_busy = eider_now();
		if (eider_now() - last_busy < park_after) {
			eider__cond_wait(&w->change, &w->lock,
					 eider_after(w->period_ns));
			continue;
		}
		park_locked(w);
		last_busy = eider_now();
	}
	eider__lock_give(&w->lock);
	return NULL;
}

int eider__watchdog_add(struct eider__watchdog *w, struct eider__watched *who)
{
	int err = 0;

	eider__lock_take(&w->lock);
	who->seen = 0;
	who->lopsided = w->lopsided;
	eider__node_append(&w->watched, &who->node);
	if (!w->started && w->period_ns != EIDER_NEVER) {
		err = eider__thread_start(&w->thread, watch, w);
		w->started = !err;
	}
	eider__lock_give(&w->lock);
	return err;
}

void eider__watchdog_remove(struct eider__watchdog *w, struct eider__watched *who)
{
	eider__lock_take(&w->lock);
	eider__node_remove(&who->node);
	eider__lock_give(&w->lock);
}

bool eider__watchdog_sees_job(struct eider__watchdog *w)
{
	bool sees = false;

	eider__lock_take(&w->lock);
	eider__node_each(node, &w->watched) {
		struct eider__watched *who =
			eider__container(node, struct eider__watched, node);

		sees |= !who->is_loop && (eider__load_acquire(&who->beat) & 1);
	}
	eider__lock_give(&w->lock);
	return sees;
}

void eider__watchdog_report_running(struct eider__watchdog *w)
{
	struct report reports[REPORTS_PER_SECOND];
	unsigned int n = 0, more = 0;

	eider__lock_take(&w->lock);
	eider__node_each(node, &w->watched) {
		struct eider__watched *who =
			eider__container(node, struct eider__watched, node);
		struct eider__watched_now now;

		if (who->is_loop || !eider__watched_read(who, &now))
			continue;
		if (n == REPORTS_PER_SECOND) {
			more++;
			continue;
		}
		/* The age of what was not looked at yet is not known. */
		fill_report(&reports[n], who, &now,
			    now.beat == who->seen ? eider_now() - who->since : 0);
		reports[n++].warning.kind = EIDER_STILL_RUNNING;
	}
	eider__lock_give(&w->lock);
	eider__lock_take(&w->handler_lock);
	w->suppressed += more;
	eider__lock_give(&w->handler_lock);
	tell(w, reports, n);
}

/* True if it may be told; then how many were not, before. */
static bool count_report(struct eider__watchdog *w, unsigned int *ret_suppressed)
{
	int64_t second = eider_now() / 1000000000;

	if (second != w->second) {
		w->second = second;
		w->in_second = 0;
	}
	if (w->in_second == REPORTS_PER_SECOND) {
		w->suppressed++;
		return false;
	}
	w->in_second++;
	*ret_suppressed = w->suppressed;
	w->suppressed = 0;
	return true;
}

void eider__warn(struct eider__watchdog *w, struct eider_warning *warning)
{
	eider_warning_fn *handler;
	void *arg;
	bool tell_it;

	eider__lock_take(&w->handler_lock);
	tell_it = count_report(w, &warning->suppressed);
	handler = w->handler;
	arg = w->handler_arg;
	eider__lock_give(&w->handler_lock);
	if (!tell_it)
		return;
	if (handler)
		handler(warning, arg);
	else
		eider__warning_print(warning);
}

void eider__watchdog_set_handler(struct eider__watchdog *w, eider_warning_fn *fn,
				 void *arg)
{
	eider__lock_take(&w->handler_lock);
	w->handler = fn;
	w->handler_arg = arg;
	eider__lock_give(&w->handler_lock);
}
