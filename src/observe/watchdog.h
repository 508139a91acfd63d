/*
 * watchdog.h - notice what takes long, while it does
 *
 * One per executor. It knows watched threads (base/watched.h), not what they are.
 */
#ifndef EIDER_OBSERVE_WATCHDOG_H
#define EIDER_OBSERVE_WATCHDOG_H

#include <eider/observe.h>

#include "base/lock.h"
#include "base/watched.h"

struct eider__watchdog {
	/* Constant after init. */
	int64_t slow_job_ns, loop_stall_ns, period_ns;
	bool lopsided;			/* there are asymmetric barriers */

	/* Any thread, atomic: asleep until somebody becomes busy. */
	uint32_t parked;

	/* Under lock. */
	struct eider__lock lock;
	struct eider__cond change;
	struct eider_node watched;
	bool started, stopping;
	pthread_t thread;

	/* Under handler_lock. */
	struct eider__lock handler_lock;
	eider_warning_fn *handler;
	void *handler_arg;
	int64_t second;			/* which the count is for */
	unsigned int in_second, suppressed;
};

void eider__watchdog_init(struct eider__watchdog *w, int64_t slow_job_ns,
			  int64_t loop_stall_ns, bool lopsided);
/* Ends its thread. */
void eider__watchdog_release(struct eider__watchdog *w);

/*
 * [any] Watch @who, who filled in what is constant; eider__watchdog_remove() it in
 * any case. -EAGAIN: the watchdog has no thread yet, and could not get one.
 */
int eider__watchdog_add(struct eider__watchdog *w, struct eider__watched *who);
/* [any] Harmless if it was not added. */
void eider__watchdog_remove(struct eider__watchdog *w, struct eider__watched *who);

/* [any] Does any worker run a job now? */
bool eider__watchdog_sees_job(struct eider__watchdog *w);
/* [any, no lock held] Report every job that runs now as EIDER_STILL_RUNNING. */
void eider__watchdog_report_running(struct eider__watchdog *w);

/* Slow path of the next. */
void eider__watchdog_unpark(struct eider__watchdog *w);

/* [any] Said by whoever has become busy, after eider__watched_barrier(). */
static inline void eider__watchdog_busy(struct eider__watchdog *w)
{
	if (eider__load_full(&w->parked))
		eider__watchdog_unpark(w);
}

/* [any, no lock held] Tell the user, unless there was too much of it. */
void eider__warn(struct eider__watchdog *w, struct eider_warning *warning);

/* The default handler: a line on stderr. */
void eider__warning_print(const struct eider_warning *warning);

void eider__watchdog_set_handler(struct eider__watchdog *w, eider_warning_fn *fn,
				 void *arg);

#endif
