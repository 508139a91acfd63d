/*
 * watched.h - what a thread shows of itself to the watchdog
 *
 * A worker shows the job it runs, a loop the fiber. Showing must cost next to
 * nothing, so there is no clock and no lock in it: the thread counts (beat), and
 * the watchdog, who has a clock, notices that a count does not move.
 *
 *	beat	odd while something runs, and changed by everything that is run
 *
 * The rest belongs to the beat, as in a sequence lock: the thread stores it before
 * beat becomes odd and again only after it was even; the watchdog believes what it
 * read if beat is the same before and after.
 */
#ifndef EIDER_BASE_WATCHED_H
#define EIDER_BASE_WATCHED_H

#include <eider/future.h>

#include "atomics.h"

struct eider__watched {
	/* Stored by the thread, loaded by any; atomic. */
	uint64_t beat;
	eider_fn *fn;			/* a job's, or NULL */
	const char *name;		/* or NULL */
	uint64_t context;

	/* Constant while it is watched. */
	bool is_loop;
	bool lopsided;			/* the watchdog passes a heavy barrier */
	char thread[32];
	const unsigned int *queued;	/* jobs behind it; atomic. Or NULL */
	void *const *held;		/* and in its hands: not NULL; atomic */
	unsigned int held_max;
	const char *(*name_of)(eider_fn *);	/* of what has no name, or NULL */

	/* Under the watchdog's lock. */
	struct eider_node node;
	uint64_t seen;			/* the beat, at the last look */
	int64_t since;			/* when it was first seen */
	int64_t report_at;		/* age at which to report next */
};

/* Before the look whether the watchdog is parked: pairs with its parking. */
static inline void eider__watched_barrier(struct eider__watched *w)
{
	if (w->lopsided)
		eider__barrier_light();
	else
		eider__store_full(&w->beat, w->beat);
}

/* A loop, which then passes that barrier. */
static inline void eider__watched_begin(struct eider__watched *w)
{
	eider__store_release(&w->beat, w->beat + 1);
	eider__watched_barrier(w);
}

static inline void eider__watched_next(struct eider__watched *w)
{
	eider__store_relaxed(&w->beat, w->beat + 2);
}

static inline void eider__watched_end(struct eider__watched *w)
{
	eider__store_release(&w->beat, w->beat + 1);
}

static inline void eider__watched_set_name(struct eider__watched *w,
					   const char *name)
{
	eider__store_relaxed(&w->name, name);
}

/* A worker, for each job. */
static inline void eider__watched_begin_job(struct eider__watched *w,
					    eider_fn *fn, const char *name,
					    uint64_t context)
{
	/* Release: not before the even beat. Pairs with eider__watched_read(). */
	eider__store_release(&w->fn, fn);
	eider__store_release(&w->name, name);
	eider__store_release(&w->context, context);
	eider__store_release(&w->beat, w->beat + 1);
}

/* [any] How many jobs wait behind the one that runs. */
static inline unsigned int eider__watched_waiting(const struct eider__watched *w)
{
	unsigned int n = w->queued ? eider__load_relaxed(w->queued) : 0;

	for (unsigned int i = 0; i < w->held_max; i++)
		n += eider__load_relaxed(&w->held[i]) != NULL;
	return n;
}

struct eider__watched_now {
	uint64_t beat;
	eider_fn *fn;
	const char *name;
	uint64_t context;
};

/* [any] False if nothing runs, or it changed while it was read. */
static inline bool eider__watched_read(const struct eider__watched *w,
				       struct eider__watched_now *ret)
{
	ret->beat = eider__load_acquire(&w->beat);
	ret->fn = eider__load_acquire(&w->fn);
	ret->name = eider__load_acquire(&w->name);
	ret->context = eider__load_acquire(&w->context);
	return (ret->beat & 1) && eider__load_relaxed(&w->beat) == ret->beat;
}

#endif
